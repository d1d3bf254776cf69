"""``python -m src.evaluate_films``: a door to ``colorization evaluate-films``."""

from colorization.cli.main import main

if __name__ == "__main__":
    main("evaluate-films")
