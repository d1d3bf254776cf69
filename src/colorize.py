"""``python -m src.colorize``: a door to :mod:`colorization.cli.colorize`."""

from colorization.cli.colorize import main

if __name__ == "__main__":
    main()
