"""``python -m src.judge``: a door to ``colorization judge``."""

from colorization.cli.main import main

if __name__ == "__main__":
    main("judge")
