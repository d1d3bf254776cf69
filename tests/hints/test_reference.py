"""A coloured photograph guides one that is like it, and leaves alone what is unlike."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from colorization.errors import InputError
from colorization.hints.propagate import correct_colors
from colorization.hints.reference import describe, read_colors, remember, soft_hints
from colorization.inference.album import colorize_album


def textured(seed: int) -> torch.Tensor:
    """L (1,128,192) in 0..100: patches of different fineness side by side."""
    random = torch.Generator().manual_seed(seed)
    left = (
        torch.rand(1, 1, 64, 48, generator=random).repeat_interleave(2, 2).repeat_interleave(2, 3)
    )
    right = torch.rand(1, 1, 8, 6, generator=random).repeat_interleave(16, 2)
    right = right.repeat_interleave(16, 3)
    return torch.cat([20 + 30 * left, 50 + 40 * right], dim=3)[0]


def test_a_photograph_reads_its_own_colors() -> None:
    L = textured(0)
    ab = torch.stack([L[0] - 50, 30 - L[0] / 2])
    described = describe(L, None)
    ab_read, spread, likeness = read_colors(remember(described, ab), described)
    assert ab_read.shape == (2, 128, 192)
    assert (ab_read - ab).abs().mean() < 6
    assert likeness.min() > 0.999
    assert spread.min() >= 0


def test_soft_hints_are_few_and_say_how_sure_they_are() -> None:
    L = textured(0)
    described = describe(L, None)
    memory = remember(described, torch.full((2, 128, 192), 20.0))
    own = soft_hints(read_colors(memory, described), (64, 96))
    assert own.shape == (3, 64, 96)
    assert 20 < (own[2] > 0).sum() < 200
    assert own[2].max() <= 1
    torch.testing.assert_close(
        own[0][own[2] > 0], own[0][own[2] > 0].new_full((), 20.0).expand(int((own[2] > 0).sum()))
    )


def test_an_unsure_hint_changes_less() -> None:
    L, ab = torch.full((1, 1, 32, 32), 50.0), torch.zeros(1, 2, 32, 32)
    changes = []
    for sure in (1.0, 0.3, 0.1):
        hints = torch.zeros(1, 3, 32, 32)
        hints[:, :, 16, 16] = torch.tensor([40.0, 0, sure])
        changes.append(float(correct_colors(L, ab, hints)[0, 0, 16, 16]))
    assert changes[0] > 35
    assert changes[0] > changes[1] > changes[2] > 0


def test_colorize_takes_a_reference(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    gray = np.kron(random.integers(60, 200, (8, 12), dtype=np.uint8), np.ones((8, 8), np.uint8))
    Image.fromarray(gray).save(tmp_path / "old.png")
    red = np.stack([gray, gray // 3, gray // 3], axis=2)
    Image.fromarray(red).save(tmp_path / "like.png")
    results = {}
    for name, reference in (("plain", None), ("guided", str(tmp_path / "like.png"))):
        target = tmp_path / f"{name}.png"
        colorize_album(str(tmp_path / "old.png"), str(target), reference=reference, size=64)
        results[name] = np.asarray(Image.open(target)).astype(float).mean((0, 1))
    redness = {name: color[0] - color[1] for name, color in results.items()}
    assert redness["guided"] > redness["plain"] + 15
    for name, reason in (("none.png", "cannot be read"), ("old.png", "has no colours; give a")):
        with pytest.raises(InputError, match=rf"the reference .*{name} {reason}"):
            colorize_album(
                str(tmp_path / "old.png"), str(tmp_path / "x.png"), reference=str(tmp_path / name)
            )
    assert not (tmp_path / "x.png").exists()
