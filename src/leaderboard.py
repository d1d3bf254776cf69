"""``python -m src.leaderboard``: a door to ``colorization leaderboard``."""

from colorization.cli.main import main

if __name__ == "__main__":
    main("leaderboard")
