"""Door to ``colorization video``: ``python -m src.video old.mp4 -o new.mp4``."""

from colorization.cli.main import main

if __name__ == "__main__":
    main("video")
