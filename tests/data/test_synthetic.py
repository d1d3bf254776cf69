"""The rendered scenes keep their promises: deterministic, in gamut, a known best error."""

import itertools

import pytest
import torch
from kornia.color import lab_to_rgb

from colorization.color import AB_SCALE, LabBatch, from_uint8, rgb_to_lab
from colorization.data.cache import load_split
from colorization.data.synthetic import MATERIALS, Material, SyntheticScenes
from colorization.models.baselines import score_predictors


def scenes(size: int = 32, count: int = 40, seed: int = 0) -> SyntheticScenes:
    return SyntheticScenes("synthetic", size, count, count, count, seed)


def test_same_for_the_same_seed_and_index() -> None:
    first, second = load_split(scenes(), "train"), load_split(scenes(count=50), "train")
    assert torch.equal(first.pixels, second.pixels[:40])
    assert not torch.equal(first.pixels, load_split(scenes(seed=1), "train").pixels)
    assert not torch.equal(first.pixels, load_split(scenes(), "val").pixels)


@pytest.mark.parametrize("material", MATERIALS.values(), ids=MATERIALS)
def test_every_colour_is_in_gamut(material: Material) -> None:
    lightness = torch.linspace(material.darkest, material.lightest, 20).tolist()
    ends = (-material.spread, material.spread)
    for L, (a, b), da, db in itertools.product(lightness, material.colors, ends, ends):
        rgb = lab_to_rgb(torch.tensor([L, a + da, b + db]).view(3, 1, 1), clip=False)
        assert rgb.min() > -0.01
        assert rgb.max() < 1.01


def test_variance_of_two_colours_in_closed_form() -> None:
    # Variance between 10 and 30 is 100, of a uniform draw within 3 either way 3.
    assert Material(((10, -5), (30, 15)), 3, 40, 60).variance == pytest.approx(103)


def test_best_mse_is_what_the_best_predictor_gets() -> None:
    dataset = scenes(size=16, count=400)
    parts = [dataset.scene("test", index) for index in range(400)]
    best = torch.tensor([m.colors for m in MATERIALS.values() if len(m.colors) == 1])[:, 0]
    means = torch.stack([torch.tensor(m.colors).float().mean(0) for m in MATERIALS.values()])
    assert torch.equal(means[: len(best)], best.float())
    errors = [
        ((means[materials].permute(2, 0, 1) - ab[0]) / AB_SCALE).square().mean()
        for _, ab, materials in parts
    ]
    assert torch.stack(errors).mean().item() == pytest.approx(dataset.best_mse("test"), rel=0.03)


def test_rounding_to_uint8_adds_next_to_nothing_to_the_error() -> None:
    dataset = scenes(count=8)
    truth = [LabBatch(*dataset.scene("test", index)[:2]) for index in range(8)]
    rounded = load_split(dataset, "test").pixels
    for exact, picture in zip(truth, rounded, strict=True):
        predictors = {"exact": lambda L, ab=exact.ab: ab}
        scores = score_predictors(predictors, [rgb_to_lab(from_uint8(picture[None]))])
        assert scores["exact"]["mse"] < 1e-5


def test_lightness_does_not_tell_the_two_colours_apart() -> None:
    dataset = scenes(size=16, count=300)
    fur = list(MATERIALS).index("fur")
    by_colour: dict[bool, list[float]] = {True: [], False: []}
    for index in range(300):
        L, ab, materials = dataset.scene("train", index)
        here = materials == fur
        by_colour[ab[0, 1][here].mean().item() > 0].append(L[0, 0][here].mean().item())
    warm, cold = (torch.tensor(by_colour[key]) for key in (True, False))
    error = (warm.var() / len(warm) + cold.var() / len(cold)).sqrt()
    assert (warm.mean() - cold.mean()).abs() < 4 * error
    assert len(warm) == pytest.approx(150, abs=45)
