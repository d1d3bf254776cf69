"""Colourfulness of a picture, and how far a prediction is from the truth's."""

from torch import Tensor

from colorization.color import widest


def colorfulness(rgb: Tensor, is_absolute: bool = False) -> Tensor:
    """Measure colourfulness (Hasler and Suesstrunk 2003, M3): uint8 (B,3,H,W) to (B,).

    Of rg = R - G and yb = (R + G) / 2 - B: the root of both variances, plus 0.3 times the root of
    both squared means. Not colourful is 0, extremely colourful 109.

    Args:
        is_absolute: take |rg| and |yb|, as much published code does (DDColor's is one); lower.
    """
    red, green, blue = rgb.to(widest(rgb.device)).unbind(dim=1)
    first, second = red - green, (red + green) / 2 - blue
    if is_absolute:
        first, second = first.abs(), second.abs()
    spread = (first.var((1, 2), correction=0) + second.var((1, 2), correction=0)).sqrt()
    shift = (first.mean((1, 2)).square() + second.mean((1, 2)).square()).sqrt()
    return (spread + 0.3 * shift).float()


def predicted_colorfulness(rgb: Tensor, true_rgb: Tensor) -> Tensor:
    """Measure the prediction alone, (B,)."""
    return colorfulness(rgb)


def absolute_colorfulness(rgb: Tensor, true_rgb: Tensor) -> Tensor:
    """Measure the prediction alone by the other definition, (B,)."""
    return colorfulness(rgb, is_absolute=True)


def colorfulness_shift(rgb: Tensor, true_rgb: Tensor) -> Tensor:
    """Subtract the truth's colourfulness, (B,); the mean is the difference of the means."""
    return colorfulness(rgb) - colorfulness(true_rgb)


def colorfulness_error(rgb: Tensor, true_rgb: Tensor) -> Tensor:
    """Return the absolute difference of each photograph's colourfulness, (B,)."""
    return colorfulness_shift(rgb, true_rgb).abs()
