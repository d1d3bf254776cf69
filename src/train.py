"""``python -m src.train``: a door to ``colorization train``."""

from colorization.cli.main import main

if __name__ == "__main__":
    main("train")
