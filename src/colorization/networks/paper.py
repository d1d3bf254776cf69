"""The course paper's network: twelve 3x3 convolutions from L to a and b."""

from torch import Tensor, nn

from colorization.errors import InputError
from colorization.networks.base import ColorNetwork
from colorization.networks.resize import Upsampling, run_at_multiple

# Filters, stride, and whether nearest upsampling by two follows. The upsampling that ends the
# paper's network is ``PaperNetwork.upsampling``.
LAYERS = [
    (128, 1, False),
    (128, 2, False),
    (256, 1, False),
    (256, 2, False),
    (512, 1, False),
    (512, 2, False),
    (256, 1, False),
    (128, 1, False),
    (64, 1, True),
    (32, 1, True),
    (16, 1, False),
    (2, 1, False),
]
OUTPUT_ACTIVATIONS: dict[str, type[nn.Module]] = {"tanh": nn.Tanh, "relu": nn.ReLU}


class PaperNetwork(ColorNetwork):
    """Computes ab/128 (B,2,H/2,W/2) of scaled L (B,1,H,W) of any size; 6,146,194 parameters.

    Weights start as Keras starts them (Glorot uniform, zero bias): with PyTorch's own start,
    RMSprop at 1e-3 drives tanh to its ends in the first steps and never recovers.

    Args:
        activation: of a and b. ``tanh``, or ``relu`` as the paper says, which cannot give a
            negative a (green) or b (blue).
        channels: of the raw output. Other than 2 they are logits, which have no activation.

    Raises:
        InputError: for an activation not in ``OUTPUT_ACTIVATIONS``.
    """

    upsampling = Upsampling(2, "nearest")

    def __init__(self, activation: str = "tanh", channels: int = 2) -> None:
        super().__init__()
        if activation not in OUTPUT_ACTIVATIONS:
            known = ", ".join(OUTPUT_ACTIVATIONS)
            raise InputError(f"network.activation is {activation!r}; it must be one of: {known}")
        layers: list[nn.Module] = []
        before = 1
        for filters, stride, upsample in LAYERS[:-1]:
            layers.append(nn.Conv2d(before, filters, 3, stride, padding=1))
            layers.append(nn.ReLU(inplace=True))
            if upsample:
                layers.append(nn.Upsample(scale_factor=2, mode="nearest"))
            before = filters
        layers.append(nn.Conv2d(before, channels, 3, padding=1))
        if channels == 2:
            layers.append(OUTPUT_ACTIVATIONS[activation]())
        self.layers = nn.Sequential(*layers)
        self.apply(initialise_as_keras)

    def forward(self, x: Tensor) -> Tensor:
        return run_at_multiple(self.layers, x, 8, self.upsampling.stride)


def initialise_as_keras(module: nn.Module) -> None:
    """Set Glorot uniform weights and zero bias, Keras's default for a convolution."""
    if isinstance(module, nn.Conv2d):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
