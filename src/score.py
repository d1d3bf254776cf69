"""``python -m src.score``: a door to ``colorization score``."""

from colorization.cli.main import main

if __name__ == "__main__":
    main("score")
