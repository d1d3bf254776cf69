"""``python -m src.app``: a door to :mod:`colorization.cli.app`."""

from colorization.cli.app import main

if __name__ == "__main__":
    main()
