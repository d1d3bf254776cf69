"""A browser without a window, which asks nobody for anything of its own."""

import shutil
from pathlib import Path

import pytest
from selenium.webdriver import Chrome, ChromeOptions, ChromeService

QUIET = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")
OFFLINE = ("--no-first-run", "--disable-background-networking", "--disable-component-update")


def programs() -> list[str]:
    """Chromium and its driver; a test that needs them is skipped where they are not."""
    found = [shutil.which(name) for name in ("chromium", "chromedriver")]
    known = [path for path in found if path]
    if len(known) < len(found):
        pytest.skip("needs chromium and chromedriver (Debian: chromium, chromium-driver)")
    return known


def chrome(downloads: Path | None = None) -> Chrome:
    """Chromium, which keeps what it logs and what it asks for."""
    chromium, driver = programs()
    options = ChromeOptions()
    options.binary_location = chromium
    for word in (*QUIET, *OFFLINE, "--window-size=1200,1000"):
        options.add_argument(word)
    if downloads:
        options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return Chrome(options, ChromeService(driver))
