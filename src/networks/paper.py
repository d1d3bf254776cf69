"""The course paper's network: twelve 3x3 convolutions from L to a and b."""

from torch import Tensor, nn

from src.errors import InputError
from src.networks.sizes import at_multiple

# Filters, stride, and whether nearest upsampling by two follows.
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
    (2, 1, True),
]
OUTPUT_ACTIVATIONS: dict[str, type[nn.Module]] = {"tanh": nn.Tanh, "relu": nn.ReLU}


class PaperNetwork(nn.Module):
    """Scaled L (B,1,H,W) to ab/128 (B,2,H,W), for any height and width; 6,146,194 parameters.

    Weights start as Keras starts them (Glorot uniform, zero bias): with PyTorch's own start,
    RMSprop at 1e-3 drives tanh to its ends in the first steps and never recovers.

    Args:
        activation: of the last layer. ``tanh``, or ``relu`` as the paper says, which cannot give
            a negative a (green) or b (blue).

    Raises:
        InputError: for an activation not in ``OUTPUT_ACTIVATIONS``.
    """

    output_stride = 2
    upsampling = "nearest"  # of the coarse ab to the input's size

    def __init__(self, activation: str = "tanh") -> None:
        super().__init__()
        if activation not in OUTPUT_ACTIVATIONS:
            known = ", ".join(OUTPUT_ACTIVATIONS)
            raise InputError(f"network.activation is {activation!r}; it must be one of: {known}")
        layers: list[nn.Module] = []
        channels = 1
        for index, (filters, stride, upsample) in enumerate(LAYERS):
            last = index == len(LAYERS) - 1
            layers.append(nn.Conv2d(channels, filters, 3, stride, padding=1))
            layers.append(OUTPUT_ACTIVATIONS[activation]() if last else nn.ReLU(inplace=True))
            if upsample:
                layers.append(nn.Upsample(scale_factor=2, mode=self.upsampling))
            channels = filters
        self.layers = nn.Sequential(*layers)
        self.apply(start_as_keras)

    def forward(self, x: Tensor) -> Tensor:
        return at_multiple(self.layers, x, 8)


def start_as_keras(module: nn.Module) -> None:
    """Glorot uniform weights and zero bias, Keras's default for a convolution."""
    if isinstance(module, nn.Conv2d):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
