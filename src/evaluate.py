"""``python -m src.evaluate``: a door to :mod:`colorization.cli.evaluate`."""

from colorization.cli.evaluate import main

if __name__ == "__main__":
    main()
