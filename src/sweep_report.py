"""``python -m src.sweep_report``: a door to ``colorization sweep-report``."""

from colorization.cli.main import main

if __name__ == "__main__":
    main("sweep-report")
