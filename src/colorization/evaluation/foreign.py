"""Run a foreign ONNX network, whose inputs and outputs a YAML file describes."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from colorization.color import from_uint8, lab_to_rgb, rgb_to_lab, to_uint8
from colorization.errors import InputError
from colorization.evaluation.protocols import read_yaml
from colorization.models.backends import open_graph
from colorization.settings.installation import CONF

FOLDER = CONF / "signature"
TAKES = ("L", "gray", "gray_rgb")
GIVES = ("ab", "rgb")


@dataclass(frozen=True, kw_only=True)
class Signature:
    """What a network takes and gives.

    Attributes:
        takes: ``L`` (one channel, CIE L*), ``gray`` (one channel, sRGB gray), ``gray_rgb``
            (the same three times).
        size: px of the square that it sees; None is the picture's own size. A file that states
            its own wins.
        low, high: of its input; L* 0 and 100, or gray 0 and 255, are brought to these.
        gives: ``ab`` or ``rgb``.
        scale: factor to CIE units of ab, or to 0..1 of RGB.
        offset: added after that.
        output: name of the output; None is the first.
        antialias: whether pictures are made smaller without aliasing; OpenCV's ``resize`` does not.
    """

    takes: str
    size: int | None = None
    low: float = 0.0
    high: float = 1.0
    gives: str
    scale: float = 1.0
    offset: float = 0.0
    output: str | None = None
    antialias: bool = True


def find_signature(model: Path) -> str | None:
    """Find the YAML file beside an ONNX file of the same name."""
    beside = model.with_suffix(".yaml")
    return str(beside) if model.suffix == ".onnx" and beside.is_file() else None


def read_signature(name: str) -> Signature:
    """Read a signature by the name of one that ships, or from a file.

    Raises:
        InputError: if there is none, or it says what no signature can.
    """
    path = Path(name).expanduser() if name.endswith((".yaml", ".yml")) else FOLDER / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(each.stem for each in FOLDER.glob("*.yaml")))
        raise InputError(f"no signature {name}; known: {known}, or a .yaml")
    found: Any = read_yaml(path)
    known_keys = [field.name for field in dataclasses.fields(Signature)]
    try:
        signature = Signature(**found)
    except TypeError as error:
        raise InputError(f"{path} needs takes and gives, and may have {known_keys}") from error
    for key, kinds in (("takes", TAKES), ("gives", GIVES)):
        if getattr(signature, key) not in kinds:
            raise InputError(f"{path}: {key} must be one of {', '.join(kinds)}")
    for key in ("low", "high", "scale", "offset", "size"):
        if not isinstance(getattr(signature, key), int | float | None):
            raise InputError(f"{path}: {key} must be a number")
    return signature


class ForeignModel:
    """A network in an ONNX file, as what predicts RGB from a gray picture; on the CPU.

    Raises:
        InputError: if file or signature cannot be used.
    """

    def __init__(self, path: Path, signature: str) -> None:
        self.path = path
        self.signature = read_signature(signature)
        self.session = open_graph(path, threads=1)  # several photographs are scored at a time
        (given, *others) = self.session.get_inputs()
        if others:
            names = ", ".join(value.name for value in [given, *others])
            raise InputError(f"{path} has several inputs ({names}); only one can be given")
        self.input = given.name
        sides = given.shape[2:]
        self.size = self.signature.size
        if len(sides) == 2 and isinstance(sides[0], int) and sides[0] == sides[1]:
            self.size = sides[0]
        outputs = [value.name for value in self.session.get_outputs()]
        self.output = self.signature.output or outputs[0]
        if self.output not in outputs:
            raise InputError(f"{path} has no output {self.output}; it has {', '.join(outputs)}")

    def __call__(self, L: Tensor, gray: Tensor) -> Tensor:
        """Predict uint8 RGB from L (1,1,H,W) in 0..100 and the gray picture, uint8 (1,3,H,W).

        Networks that give ab keep the photograph's own L; those that give RGB do as they like.
        """
        found = self.run(self.make_input(L, gray))
        wanted = 2 if self.signature.gives == "ab" else 3
        if found.ndim != 4 or found.shape[1] != wanted or not found.isfinite().all():
            raise InputError(
                f"{self.path} gives {tuple(found.shape)}; its signature says (1,{wanted},H,W) of "
                "finite numbers: correct the signature"
            )
        found = found * self.signature.scale + self.signature.offset
        found = F.interpolate(found, L.shape[2:], mode="bilinear", align_corners=False)
        return to_uint8(lab_to_rgb(L, found)) if wanted == 2 else to_uint8(found.clamp(0, 1))

    def make_input(self, L: Tensor, gray: Tensor) -> Tensor:
        """Bring a picture to the size, channels and range that the network takes."""
        takes = self.signature.takes
        rgb = from_uint8(gray)
        if self.size:
            rgb = resize(rgb, self.size, self.signature.antialias)
            L = rgb_to_lab(rgb).L
        x = L / 100 if takes == "L" else rgb
        x = x if takes == "gray_rgb" else x[:, :1]
        return x * (self.signature.high - self.signature.low) + self.signature.low

    def run(self, x: Tensor) -> Tensor:
        try:
            (found,) = self.session.run([self.output], {self.input: np.ascontiguousarray(x)})
        except Exception as error:  # onnxruntime's own have no common base
            raise InputError(f"{self.path} cannot be run: {str(error).splitlines()[0]}") from error
        return torch.from_numpy(np.asarray(found, np.float32))


def resize(rgb: Tensor, size: int, antialias: bool) -> Tensor:
    """Resize (1,3,H,W) in 0..1 to a square, bilinearly."""
    return F.interpolate(
        rgb, (size, size), mode="bilinear", antialias=antialias, align_corners=False
    ).clamp(0, 1)
