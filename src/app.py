"""``python -m src.app``: a door to ``colorization app``."""

from colorization.cli.main import main

if __name__ == "__main__":
    main("app")
