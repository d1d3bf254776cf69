"""``python -m src.colorize``: a door to ``colorization colorize``."""

from colorization.cli.main import main

if __name__ == "__main__":
    main("colorize")
