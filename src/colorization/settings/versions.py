"""Which code a run was made by."""

import subprocess
from pathlib import Path

DIRTY = "-dirty"


def commit() -> str | None:
    """The commit that this code is of, ``-dirty`` if files were changed since, as git says it.

    None without git, or where this code is in no repository.
    """
    here = Path(__file__).resolve()
    git = ["git", "--no-optional-locks", "-C", str(here.parent)]
    describe = [*git, "describe", "--always", "--abbrev=40", "--exclude=*", f"--dirty={DIRTY}"]
    try:
        subprocess.run(
            [*git, "ls-files", "--error-unmatch", here.name],
            check=True,
            capture_output=True,
            text=True,
        )
        return subprocess.run(describe, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
