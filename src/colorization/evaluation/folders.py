"""Match folders of coloured pictures with the true photographs, and name known mistakes."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image, ImageCms, JpegImagePlugin
from torch import Tensor

from colorization.data.folders import list_photographs
from colorization.data.photographs import UnusablePhotographError, few, read_photograph
from colorization.errors import InputError

MAX_PIXELS = 100_000_000
LOOK = 16  # px a side of the thumbnails that orientation is judged by
UPRIGHT_AT = 2.0  # L*: a thumbnail this near the truth's is upright
LIGHTNESS_OFF = 2.0  # L*, mean over a picture: 8-bit rounding and clipping to sRGB stay below it
WRAPPED_STEP, WRAPPED_LIGHTNESS = 192, 15.0  # of 255 in a channel, and L*: values that wrapped
WRAPPED_SHARE = 1e-4  # of pixels
TURNS = {
    "rotated by 90 degrees": lambda x: np.rot90(x, 1),
    "rotated by 180 degrees": lambda x: np.rot90(x, 2),
    "rotated by 270 degrees": lambda x: np.rot90(x, 3),
    "mirrored": np.fliplr,
    "upside down": np.flipud,
}
QUARTERS = ("rotated by 90 degrees", "rotated by 270 degrees")


class Prediction(NamedTuple):
    """A coloured picture, uint8 (1,3,H,W), or None with the reason; and what was noticed.

    ``notes`` has ``profile`` and ``jpeg`` (squared error that its compression alone makes, of
    255 squared), or why it is ``unusable``.
    """

    rgb: Tensor | None
    notes: dict[str, Any]


def list_by_name(folder: Path) -> dict[str, str]:
    """List the pictures of a folder by their path in it without the ending.

    Raises:
        InputError: if the folder has no pictures, or two of one name.
    """
    if not folder.is_dir():
        raise InputError(f"no folder {folder}; check the path")
    found: dict[str, str] = {}
    for name in list_photographs(folder):
        key = str(PurePosixPath(name).with_suffix(""))
        if key in found:
            raise InputError(
                f"{folder} has both {found[key]} and {name}; keep one, names count without endings"
            )
        found[key] = name
    return found


def parse_methods(words: Sequence[str]) -> dict[str, Path]:
    """Parse NAME=FOLDER words.

    Raises:
        InputError: for a word without a name, a name given twice, and a missing folder.
    """
    methods: dict[str, Path] = {}
    for word in words:
        name, equals, folder = word.partition("=")
        if not (name and equals and folder):
            raise InputError(f"{word!r} is not NAME=FOLDER; write for example ours=coloured/")
        if name in methods:
            raise InputError(f"the name {name} is given twice; give each folder a name of its own")
        methods[name] = Path(folder).expanduser()
        if not methods[name].is_dir():
            raise InputError(f"no folder {folder} of {name}; check the path")
    return methods


class Folders(NamedTuple):
    """True photographs and each method's pictures of them, by name without the ending."""

    truth: Path
    methods: Mapping[str, Path]
    true_names: dict[str, str]
    names: dict[str, dict[str, str]]

    @classmethod
    def open(cls, truth: Path, methods: Mapping[str, Path]) -> "Folders":
        """List all folders.

        Raises:
            InputError: if a folder has no pictures, or none that fits a true photograph.
        """
        true_names = list_by_name(truth)
        names = {method: list_by_name(folder) for method, folder in methods.items()}
        for method, own in names.items():
            if not own.keys() & true_names.keys():
                raise InputError(
                    f"no picture of {method} has the name of one in {truth}: {few(sorted(own))} "
                    f"there, {few(sorted(true_names))} here; name them alike"
                )
        return cls(truth, methods, true_names, names)

    def find(self, method: str, key: str) -> Path | None:
        """Find a method's picture of a photograph."""
        name = self.names[method].get(key)
        return self.methods[method] / name if name else None

    def stamp(self, key: str) -> str:
        """Return a text that changes when a photograph or a picture of it changes."""
        paths = [self.truth / self.true_names[key], *(self.find(m, key) for m in self.methods)]
        stats = [path.stat() if path else None for path in paths]
        return " ".join(f"{s.st_size}.{s.st_mtime_ns}" if s else "-" for s in stats)


def read_prediction(
    path: Path | None, truth: Path, true_rgb: Tensor, side: int | None
) -> Prediction:
    """Read a method's picture and compare what is not colour with the truth.

    Args:
        truth: file of the true photograph.
        true_rgb: the photograph as it is scored, uint8 (1,3,H,W).
        side: px of the centre square that a protocol scores; whole pictures are cut as the truth.
    """
    if path is None:
        return Prediction(None, {"unusable": "missing"})
    try:
        rgb = read_photograph(path, None, MAX_PIXELS)
        is_whole = side and rgb.shape != true_rgb.shape[1:]
        if is_whole and rgb.shape == read_photograph(truth, None, MAX_PIXELS).shape:
            rgb = read_photograph(path, side, MAX_PIXELS)
    except UnusablePhotographError as error:
        return Prediction(None, {"unusable": f"unreadable: {error}"})
    turned = find_turn(rgb, true_rgb[0])
    if turned:
        return Prediction(None, {"unusable": turned})
    if rgb.shape != true_rgb.shape[1:]:
        (_, height, width), (true_height, true_width) = rgb.shape, true_rgb.shape[2:]
        size = f"{width} x {height} px, the truth has {true_width} x {true_height}"
        return Prediction(None, {"unusable": f"wrong size: {size}"})
    rgb = rgb[None]
    return Prediction(rgb, read_header(path, true_rgb))


def find_turn(rgb: Tensor, true_rgb: Tensor) -> str:
    """Say how a uint8 (3,H,W) is turned against the truth, by lightness; empty if it is not."""

    def look(x: Tensor) -> np.ndarray:
        picture = Image.fromarray(x.permute(1, 2, 0).numpy())
        small = picture.resize((LOOK, LOOK), Image.Resampling.BOX).convert("L")
        return np.asarray(small, np.float64) / 2.55

    ours, theirs = look(rgb), look(true_rgb)
    upright = np.abs(ours - theirs).mean()
    if upright < UPRIGHT_AT:
        return ""
    off = {name: np.abs(turn(ours) - theirs).mean() for name, turn in TURNS.items()}
    sides, true_sides = rgb.shape[1:], true_rgb.shape[1:]
    if sides != true_sides and sides == true_sides[::-1]:
        return min(QUARTERS, key=lambda name: float(off[name]))
    best = min(off, key=lambda name: float(off[name]))
    return best if off[best] < upright / 3 else ""


def compare_lightness(rgb: Tensor, true_rgb: Tensor, L: Tensor, true_L: Tensor) -> dict[str, float]:
    """Measure the mean distance in L* of a picture from the truth, and the share of wrapped pixels.

    Args:
        rgb, true_rgb: uint8 (1,3,H,W).
        L, true_L: of them, (1,1,H,W).
    """
    off = (L - true_L).abs()
    jump = (rgb.int() - true_rgb.int()).abs().amax(dim=1, keepdim=True) > WRAPPED_STEP
    wrapped = (jump & (off > WRAPPED_LIGHTNESS)).float().mean().item()
    return {"lightness": off.mean().item(), "wrapped": wrapped}


def read_header(path: Path, true_rgb: Tensor) -> dict[str, Any]:
    """Look for a colour profile that is not sRGB, and for JPEG's loss.

    The loss is that of the truth, compressed with the same tables: uint8 (1,3,H,W).
    """
    found: dict[str, Any] = {}
    try:
        with Image.open(path) as image:
            if profile := image.info.get("icc_profile"):
                opened = ImageCms.ImageCmsProfile(BytesIO(profile))
                title = ImageCms.getProfileDescription(opened).strip()
                if "srgb" not in title.lower():
                    found["profile"] = title or "without a name"
            if isinstance(image, JpegImagePlugin.JpegImageFile):
                again = BytesIO()
                sampling = JpegImagePlugin.get_sampling(image)
                options = {"subsampling": sampling} if sampling >= 0 else {}
                true = Image.fromarray(true_rgb[0].permute(1, 2, 0).numpy())
                true.save(again, "JPEG", qtables=image.quantization, **options)
                back = torch.from_numpy(np.array(Image.open(again).convert("RGB"))).permute(2, 0, 1)
                found["jpeg"] = (back.float() - true_rgb[0].float()).square().mean().item()
    except (OSError, ValueError, ImageCms.PyCMSError):  # the reader has read it in another way
        pass
    return found
