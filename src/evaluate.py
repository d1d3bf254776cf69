"""``python -m src.evaluate``: a door to ``colorization evaluate``."""

from colorization.cli.main import main

if __name__ == "__main__":
    main("evaluate")
