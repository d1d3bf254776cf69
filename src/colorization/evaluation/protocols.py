"""Protocols: what an evaluation fixes, as files; and published scores with their sources."""

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from colorization.data.photographs import fingerprint
from colorization.errors import InputError
from colorization.evaluation.measures import check_metrics
from colorization.settings.installation import CONF

FOLDER = CONF / "protocol"
PUBLISHED = CONF / "published.yaml"
PIXELS = {
    "rounding": "8-bit RGB, before every metric",
    "color_space": "CIE Lab of sRGB, D65, 2 degrees",
    "resampling": "Pillow's bicubic",
}
"""What is fixed in the code, for every protocol."""


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """What an evaluation fixes.

    Attributes:
        name, title: of the protocol.
        photographs: which photographs it is of, in words.
        names: regular expression of their names, without folders and endings; empty is any.
        count: how many there are; None is as many as there are.
        square: px of the centre square that is scored; None is the whole picture as it is.
        near_gray: ``left out`` or ``kept``.
        metrics: names; their definitions are those of the guide.
        backbone: network and weights of FID and KID; ``sha256`` of the file.
        unknown: what its paper leaves open.
    """

    name: str
    title: str
    photographs: str = "yours"
    names: str = ""
    count: int | None = None
    square: int | None = None
    near_gray: str = "left out"
    metrics: tuple[str, ...] = ()
    backbone: str = "none"
    sha256: str = ""
    unknown: str = ""

    @property
    def fixed(self) -> dict[str, Any]:
        """What two results must share to be compared."""
        fixed = dataclasses.asdict(self) | PIXELS | {"metrics": sorted(self.metrics)}
        return {key: value for key, value in fixed.items() if key not in ("title", "unknown")}

    def has_name(self, key: str) -> bool:
        """Whether a photograph, by its path without the ending, is one that the protocol names."""
        return not self.names or bool(re.fullmatch(self.names, PurePosixPath(key).name))

    @property
    def digest(self) -> str:
        """A digest of what is fixed."""
        return fingerprint(self.fixed)


def list_protocols() -> list[str]:
    """List the names of the protocols that ship."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def read_protocol(name: str) -> Protocol:
    """Read a protocol by name, or from a file of one's own.

    Raises:
        InputError: if there is none, or it says what no protocol can.
    """
    path = Path(name).expanduser() if name.endswith((".yaml", ".yml")) else FOLDER / f"{name}.yaml"
    if not path.is_file():
        raise InputError(f"no protocol {name}; known: {', '.join(list_protocols())}, or a .yaml")
    found = read_yaml(path)
    known = {field.name: field for field in dataclasses.fields(Protocol)} | {"name": None}
    if not isinstance(found, dict) or (unknown := found.keys() - known.keys()):
        what = ", ".join(sorted(map(str, unknown))) if isinstance(found, dict) else "no settings"
        raise InputError(f"{path}: {what}; a protocol has {', '.join(known)}")
    try:
        given: dict[str, Any] = {"name": path.stem, "title": path.stem} | found
        protocol = Protocol(**given)
        protocol = dataclasses.replace(protocol, metrics=tuple(protocol.metrics))
        check_metrics(protocol.metrics)
        re.compile(protocol.names)
    except (TypeError, InputError, re.error) as error:
        raise InputError(f"{path}: {error}") from error
    for key in ("count", "square"):
        value = getattr(protocol, key)
        if value is not None and (not isinstance(value, int) or value < 1):
            raise InputError(f"{path}: {key} is {value!r}; it must be a whole number or null")
    if protocol.near_gray not in ("left out", "kept"):
        raise InputError(f"{path}: near_gray is {protocol.near_gray!r}; write left out or kept")
    return protocol


def read_yaml(path: Path) -> Any:
    """Read a YAML file; InputError if it is none."""
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is no YAML: {' '.join(str(error).split())}") from error


def list_differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[str]:
    """Say in words what two protocols fix differently."""
    keys = dict.fromkeys([*first, *second])
    return [
        f"{key} ({first.get(key)} and {second.get(key)})"
        for key in keys
        if first.get(key) != second.get(key)
    ]


def check_same(results: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse results of several protocols or photographs in one table.

    Args:
        results: what ``scores.json`` holds, by the path of it.

    Raises:
        InputError: naming what differs.
    """
    (first, one), *others = results.items()
    for other, another in others:
        differs = list_differences(one["protocol"]["fixed"], another["protocol"]["fixed"])
        if one["photographs"]["digest"] != another["photographs"]["digest"]:
            differs.append("the photographs that are scored")
        if differs:
            raise InputError(
                f"{first} and {other} do not fit into one table; they differ in: "
                f"{', '.join(differs)}. Score both with one --protocol on the same photographs"
            )


def read_published(protocol: Protocol) -> list[dict[str, Any]]:
    """Read published scores: each with its source, and what it leaves open.

    A row is ranked with ours only if its digest is the protocol's; those of papers have none.
    """
    rows: list[dict[str, Any]] = read_yaml(PUBLISHED)["rows"]
    return [row | {"is_same": row.get("digest") == protocol.digest} for row in rows]
