"""``python -m src.leaderboard``: a door to :mod:`colorization.cli.leaderboard`."""

from colorization.cli.leaderboard import main

if __name__ == "__main__":
    main()
