"""The tables against closed forms."""

from pathlib import Path

import pytest
import torch

from colorization.color import LabBatch
from colorization.models.baselines import (
    BASELINES,
    NEAREST,
    PRIOR,
    fit_baselines,
    read_baselines,
    score_predictors,
)


def batch(L: torch.Tensor, ab: torch.Tensor) -> LabBatch:
    return LabBatch(L.float(), ab.float())


def striped() -> LabBatch:
    """Upper half L=20, lower L=70.4; the left half of each with other colours than the right."""
    L = torch.full((1, 1, 32, 32), 20.0)
    L[..., 16:, :] = 70.4
    ab = torch.zeros(1, 2, 32, 32)
    ab[0, 0, :16, :16], ab[0, 0, :16, 16:] = 10, 30
    ab[0, 1, 16:, :16], ab[0, 1, 16:, 16:] = -20, -40
    return batch(L, ab)


def test_each_table_knows_what_its_name_says() -> None:
    truth = striped()
    tables = fit_baselines([truth])
    assert tuple(tables) == BASELINES
    assert tables["gray"](truth.L).abs().max() == 0
    assert tables["mean"](truth.L)[0, :, 0, 0].tolist() == pytest.approx([10, -15])
    # The prior pulls the L table a little to the mean, the position table to the L table.
    by_level = tables["L table"](truth.L)[0]
    pull = PRIOR / (512 + PRIOR)
    assert by_level[:, 0, 0].tolist() == pytest.approx([20 - 10 * pull, -15 * pull], abs=1e-3)
    assert by_level[:, 31, 0].tolist() == pytest.approx([10 * pull, -30 + 15 * pull], abs=1e-3)
    at_left = tables["(position, L) table"](truth.L)[0, 0, 0, 0].item()
    pull = PRIOR / (4 + PRIOR)
    assert at_left == pytest.approx(10 + pull * (by_level[0, 0, 0].item() - 10), abs=1e-3)


def test_lightness_never_seen_gets_the_mean() -> None:
    tables = fit_baselines([striped()])
    unseen = torch.full((1, 1, 5, 7), 45.0)
    for name in ("L table", "(position, L) table"):
        assert tables[name](unseen)[0, :, 0, 0].tolist() == pytest.approx([10, -15], abs=1e-3)


def test_pictures_of_another_size_are_looked_up_by_place() -> None:
    tables = fit_baselines([striped()])
    large = torch.full((2, 1, 64, 96), 20.0)
    ab = tables["(position, L) table"](large)
    assert ab.shape == (2, 2, 64, 96)
    assert (ab[:, 0, 0, :48] < ab[:, 0, 0, 48:]).all()


def test_error_of_the_mean_is_the_variance() -> None:
    generator = torch.Generator().manual_seed(0)
    L = torch.rand(6, 1, 16, 16, generator=generator) * 100
    ab = torch.randn(6, 2, 16, 16, generator=generator) * 20
    truth = batch(L, ab)
    variance = ab.permute(1, 0, 2, 3).flatten(1).var(correction=0, dim=1).mean() / 128**2
    found = score_predictors({"mean": fit_baselines([truth])["mean"]}, [truth])["mean"]
    assert found["mse"] == pytest.approx(variance.item(), rel=1e-4)


def test_nearest_neighbour_gives_the_colours_of_the_photograph_most_alike() -> None:
    generator = torch.Generator().manual_seed(0)
    L = torch.rand(5, 1, 32, 32, generator=generator) * 100
    ab = torch.randn(5, 2, 32, 32, generator=generator) * 20
    nearest = fit_baselines([batch(L[:2], ab[:2]), batch(L[2:], ab[2:])])[NEAREST]
    order = [3, 0, 4, 1, 2]
    found = nearest(L[order] + 0.5)
    assert found.numpy() == pytest.approx(ab[order].numpy(), abs=0.05)
    assert nearest(L[:1, :, :20, :10]).shape == (1, 2, 20, 10)


def test_saved_baselines_are_read_back_and_others_are_not(tmp_path: Path) -> None:
    tables = fit_baselines([striped()])
    torch.save(tables.state_dict(), tmp_path / "baselines.pt")
    again = read_baselines(tmp_path / "baselines.pt")
    assert again is not None
    for name in BASELINES:
        assert torch.equal(again[name](striped().L), tables[name](striped().L))
    torch.save({"gray.table": torch.zeros(1)}, tmp_path / "older.pt")
    for name in ("absent", "older"):
        assert read_baselines(tmp_path / f"{name}.pt") is None
