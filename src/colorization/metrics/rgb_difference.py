"""Differences in RGB: the paper's signed sum, and the absolute mean that cannot cancel."""

from torch import Tensor


def signed_rgb_difference(rgb: Tensor, true_rgb: Tensor) -> Tensor:
    """Sum O - P over pixels and R, G and B, O the original: the paper's metric.

    Errors of opposite sign cancel, so zero does not mean right. Two uint8 (B,3,H,W) to (B,), in
    steps of 1/255 summed, not averaged: it grows with the number of pixels.
    """
    return (true_rgb.long() - rgb.long()).sum(dim=(1, 2, 3)).float()


def absolute_rgb_difference(rgb: Tensor, true_rgb: Tensor) -> Tensor:
    """Average the absolute difference over pixels and channels: two uint8 to (B,), 0..255."""
    return (true_rgb.float() - rgb.float()).abs().mean(dim=(1, 2, 3))
