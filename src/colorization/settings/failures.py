"""Tell a failure in one line: what is wrong, and what to do."""

import re

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from colorization.errors import InputError, in_words
from colorization.settings.legacy import EXPERIMENTS

NOISE = ("object_type=", "reference_type=")  # of OmegaConf's messages
OLD_EXPERIMENT = re.compile(r"Could not find 'experiment/(\w+)'")
LAUNCHER = "Could not find 'hydra/launcher/"  # Hydra's
BAD_INPUT = (InputError, OSError, HydraException, OmegaConfBaseException)


def one_line(error: BaseException) -> str:
    """Return an error and its cause as one line."""
    text = in_words(error) if isinstance(error, OSError) else str(error)
    text = text or type(error).__name__
    cause = error.__cause__
    if isinstance(cause, OmegaConfBaseException) and str(cause) not in text:
        text += f": {cause}"
    text = text.removeprefix("InputError raised while resolving interpolation: ")
    text = text.partition("Config search path:")[0].partition("To append to your config")[0]
    if (experiment := OLD_EXPERIMENT.search(text)) and experiment[1] in EXPERIMENTS:
        return f"experiment={experiment[1]} is now called {EXPERIMENTS[experiment[1]]}"
    if LAUNCHER in text:
        text += "; others come with pip install -e '.[joblib]', '.[submitit]' or '.[ray]'"
    kept = [line.strip() for line in text.splitlines() if not line.strip().startswith(NOISE)]
    return " ".join(line for line in kept if line)
