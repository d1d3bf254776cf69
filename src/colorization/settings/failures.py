"""Tell a failure in one line: what is wrong, and what to do."""

import re

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from colorization.errors import InputError, in_words
from colorization.settings.legacy import EXPERIMENTS

NOISE = ("object_type=", "reference_type=")  # of OmegaConf's messages
OLD_EXPERIMENT = re.compile(r"Could not find 'experiment/(\w+)'")
KEY = "full_key: "  # OmegaConf's, before the name of a setting
NOT_THERE = re.compile(r"Could not override '[^']*'\.?$")  # Hydra's
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
    lines = [line.strip() for line in text.splitlines() if not line.strip().startswith(NOISE)]
    keys = [line.removeprefix(KEY) for line in lines if line.startswith(KEY)]
    said = " ".join(line for line in lines if line and not line.startswith(KEY))
    if NOT_THERE.match(said):
        said = said.removesuffix(".")
        said += "; what is chosen has no such setting: --cfg job shows those that there are"
    return ": ".join([*(key for key in keys[:1] if key not in said), said])
