"""Make docs/pictures/photographs.jpg and failures.jpg of photographs that no model here has seen.

    python -m docs.picture
    python -m docs.picture CHECKPOINT...

Columns: gray; coloured automatically; coloured with hints; the truth. A hint is a square of the
photograph's true colour at one of the places below, which a person chose. Failures have the columns
gray, the shipped model, the open one, the truth. With checkpoints, of one or several epochs,
paper_epochs.jpg alone is made: gray, coloured by each of them, the truth.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data

from colorization import PhotoColorizer
from colorization.hints.file import Hint, Hints

SIDE = 256  # px of each picture
HINTS = {  # column and row, in pixels of the photograph
    "astronaut": [(165, 300), (330, 330), (40, 40), (70, 170), (100, 60), (300, 40), (470, 60)],
    "coffee": [(138, 209), (345, 356), (327, 149), (69, 69), (517, 230), (420, 60)],
    "chelsea": [(220, 198), (259, 267), (187, 103), (415, 120), (389, 26), (40, 150)],
    "rocket": [(441, 98), (110, 60), (478, 294), (316, 245), (60, 393)],
}
FAILURES = ("retina", "immunohistochemistry", "moon", "coffee", "astronaut")
EPOCHS = ("chelsea", "coffee")


def row(colorizer: PhotoColorizer, name: str) -> Image.Image:
    """Colour one photograph of scikit-image, and put the four pictures beside each other."""
    truth = Image.fromarray(getattr(data, name)())
    size = truth.width // 40
    hints = []
    for x, y in HINTS[name]:
        half = size // 2
        color = np.asarray(truth)[y - half : y + half, x - half : x + half].mean((0, 1))
        red, green, blue = color.astype(int)
        hints.append(Hint(f"#{red:02x}{green:02x}{blue:02x}", size, ((x, y),)))
    pictures = [
        PhotoColorizer(colorizer.model, saturation=0).colorize(truth),
        colorizer.colorize(truth),
        colorizer.colorize(truth, Hints(*truth.size, tuple(hints))),
        truth,
    ]
    return put_beside(pictures)


def compare(models: list[PhotoColorizer], name: str) -> Image.Image:
    """Colour one photograph of scikit-image by each model, between gray and the truth."""
    truth = Image.fromarray(getattr(data, name)()).convert("RGB")
    gray = PhotoColorizer(models[0].model, saturation=0).colorize(truth)
    return put_beside([gray, *(model.colorize(gray) for model in models), truth])


def put_beside(pictures: list[Image.Image]) -> Image.Image:
    """Put the centre squares of pictures beside each other."""
    whole = Image.new("RGB", (len(pictures) * (SIDE + 4) - 4, SIDE), "white")
    for column, picture in enumerate(pictures):
        side = min(picture.size)
        left, top = (picture.width - side) // 2, (picture.height - side) // 2
        square = picture.crop((left, top, left + side, top + side)).resize((SIDE, SIDE))
        whole.paste(square, (column * (SIDE + 4), 0))
    return whole


def save(rows: list[Image.Image], name: str) -> None:
    """Put rows below each other, and save them among the pictures of the docs."""
    picture = Image.new("RGB", (rows[0].width, len(rows) * (SIDE + 4) - 4), "white")
    for index, each in enumerate(rows):
        picture.paste(each, (0, index * (SIDE + 4)))
    picture.save(Path(__file__).parent / "pictures" / name, quality=88)


def main(checkpoints: list[str]) -> None:
    if checkpoints:
        models = [PhotoColorizer.load(checkpoint) for checkpoint in checkpoints]
        save([compare(models, name) for name in EPOCHS], "paper_epochs.jpg")
        return
    shipped = PhotoColorizer.load()
    save([row(shipped, name) for name in HINTS], "photographs.jpg")
    models = [shipped, PhotoColorizer.load("open")]
    save([compare(models, name) for name in FAILURES], "failures.jpg")


if __name__ == "__main__":
    main(sys.argv[1:])
