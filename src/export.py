"""``python -m src.export``: a door to :mod:`colorization.cli.export`."""

from colorization.cli.export import main

if __name__ == "__main__":
    main()
