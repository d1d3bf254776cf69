"""``python -m src.sweep_report``: a door to :mod:`colorization.cli.sweep_report`."""

from colorization.cli.sweep_report import main

if __name__ == "__main__":
    main()
