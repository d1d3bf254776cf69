"""``python -m src.train``: a door to :mod:`colorization.cli.train`."""

from colorization.cli.train import main

if __name__ == "__main__":
    main()
