"""``python -m src.export``: a door to ``colorization export``."""

from colorization.cli.main import main

if __name__ == "__main__":
    main("export")
