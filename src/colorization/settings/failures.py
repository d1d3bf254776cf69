"""How a failure is told: what a user can put right, in one line."""

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from colorization.errors import InputError, in_words

NOISE = ("object_type=", "reference_type=")  # of OmegaConf's messages
LAUNCHER = "Could not find 'hydra/launcher/"  # Hydra's
BAD_INPUT = (InputError, OSError, HydraException, OmegaConfBaseException)


def one_line(error: BaseException) -> str:
    """An error and its cause as one line."""
    text = in_words(error) if isinstance(error, OSError) else str(error)
    text = text or type(error).__name__
    cause = error.__cause__
    if isinstance(cause, OmegaConfBaseException) and str(cause) not in text:
        text += f": {cause}"
    text = text.removeprefix("InputError raised while resolving interpolation: ")
    text = text.partition("Config search path:")[0].partition("To append to your config")[0]
    if LAUNCHER in text:
        text += "; others come with pip install -e '.[joblib]', '.[submitit]' or '.[ray]'"
    kept = [line.strip() for line in text.splitlines() if not line.strip().startswith(NOISE)]
    return " ".join(line for line in kept if line)
