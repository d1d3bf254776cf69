"""What is set of the page."""

import re
from dataclasses import dataclass, field

from colorization.errors import InputError

ROOT_PATH = re.compile(r"(https?://[\w.:\[\]-]+)?(/[\w.~-]+)*/?", re.ASCII)


@dataclass(kw_only=True)
class PageSettings:
    """Settings of the page; ``colorization app --help`` says what each means.

    Raises:
        InputError: for a host or path that cannot be, or too little disk.
    """

    host: str
    hosts: list[str]
    port: int
    root_path: str | None
    model: str
    size: int | None
    max_upload: int
    max_pixels: int
    max_memory: int
    max_disk: int
    device: str
    precision: str
    photographs: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.host:
            raise InputError("host is empty; it must be an address, such as 127.0.0.1")
        if self.max_disk < 2 * self.max_upload:
            raise InputError(
                f"max_disk is {self.max_disk}; it must be at least {2 * self.max_upload}, twice "
                "max_upload"
            )
        if self.root_path is not None and not ROOT_PATH.fullmatch(self.root_path):
            raise InputError(
                f"root_path is {self.root_path!r}; it must be a path as /colour, or an address as "
                "https://example.com/colour"
            )
