"""``python -m src.report``: a door to :mod:`colorization.cli.report`."""

from colorization.cli.report import main

if __name__ == "__main__":
    main()
