"""``python -m src.report``: a door to ``colorization report``."""

from colorization.cli.main import main

if __name__ == "__main__":
    main("report")
