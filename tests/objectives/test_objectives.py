"""What raw output means, and what each loss is, against NumPy."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from skimage.color import lab2rgb, rgb2lab

from colorization.errors import InputError
from colorization.networks.resize import Upsampling
from colorization.objectives.bins import ColorBins
from colorization.objectives.regression import Huber, MeanSquaredError

HALF = Upsampling(2, "bilinear")


def bins_of(grid: int = 10, temperature: float = 0.38, uniform: float = 0.5) -> ColorBins:
    return ColorBins(grid, temperature, uniform)


def photographs(count: int = 2, side: int = 16) -> torch.Tensor:
    """ab (B,2,H,W) of random sRGB."""
    random = np.random.default_rng(0)
    lab = rgb2lab(random.random((count, side, side, 3)))
    return torch.from_numpy(lab[..., 1:]).permute(0, 3, 1, 2).float()


def dense(bins: ColorBins, ab: torch.Tensor) -> torch.Tensor:
    """Soft encoding as a distribution over all bins, (B,Q,H,W)."""
    nearest, shares = bins.encode(ab)
    full = torch.zeros(*nearest.shape[:3], bins.channels).scatter_(3, nearest, shares)
    return full.permute(0, 3, 1, 2)


def test_squared_error_is_of_ab_over_128_at_full_resolution() -> None:
    raw, ab = torch.randn(2, 2, 8, 8), photographs()
    up = F.interpolate(raw, scale_factor=2, mode="bilinear")
    expected = np.mean((up.numpy() - ab.numpy() / 128) ** 2)
    assert MeanSquaredError()(raw, ab, HALF).item() == pytest.approx(expected, rel=1e-5)
    assert torch.equal(MeanSquaredError().decode(raw), raw * 128)
    assert MeanSquaredError().uncertainty(raw) is None


def test_huber_is_squared_to_delta_and_linear_beyond() -> None:
    ab = torch.zeros(1, 2, 4, 4)
    for error, expected in ((0.04, 0.04**2 / 2), (0.3, 0.1 * (0.3 - 0.05))):
        raw = torch.full((1, 2, 2, 2), error)
        assert Huber(0.1)(raw, ab, HALF).item() == pytest.approx(expected, rel=1e-5)


def test_bins_that_the_photographs_have_none_of_weigh_no_more_than_finite() -> None:
    bins = bins_of(uniform=0)
    start = bins.start([torch.full((1, 2, 4, 4), 20.0)])
    assert start.isfinite().all()
    assert bins.weights.isfinite().all()


@pytest.mark.parametrize("objective", [MeanSquaredError(), Huber(0.1)])
def test_regression_starts_at_the_mean_colour(objective: MeanSquaredError | Huber) -> None:
    ab = photographs(5)
    start = objective.start([ab[:3], ab[3:]])
    assert start.numpy() == pytest.approx(ab.mean(dim=(0, 2, 3)).numpy() / 128, rel=1e-5)


@pytest.mark.filterwarnings("ignore:Conversion from CIE-LAB")
@pytest.mark.parametrize("grid", [10, 25])
def test_bins_are_the_colours_of_srgb(grid: int) -> None:
    bins = bins_of(grid)
    assert len(bins.centers.unique(dim=0)) == len(bins.centers) == bins.channels
    assert (bins.centers % grid == 0).all()
    ab = rgb2lab(np.random.default_rng(1).random((1, 200_000, 3)))[0, :, 1:]
    seen = {tuple(center) for center in np.round(ab / grid) * grid}
    known = {tuple(center) for center in bins.centers.tolist()}
    assert seen <= known, "no colour of sRGB is without a bin"
    # Each bin holds a colour: some L and place in it come back from sRGB as they were.
    L, da, db = np.meshgrid(np.linspace(1, 99, 99), *[np.linspace(-0.5, 0.5, 9) * grid] * 2)
    for a, b in known:
        lab = np.stack([L, a + da, b + db], axis=-1)
        back = rgb2lab(lab2rgb(lab))
        assert np.abs(back - lab).max(axis=-1).min() < 1.5, (a, b)


def test_a_colour_is_spread_over_its_five_nearest_bins() -> None:
    bins, ab = bins_of(), photographs(1, 6)
    encoded = dense(bins, ab)
    assert torch.allclose(encoded.sum(dim=1), torch.ones(1, 6, 6))
    centers = bins.centers.numpy().astype(float)
    for row, column in np.ndindex(6, 6):
        distance = np.linalg.norm(centers - ab[0, :, row, column].numpy(), axis=1)
        nearest = np.argsort(distance)[:5]
        shares = np.exp(-(distance[nearest] ** 2) / (2 * 5**2))
        expected = np.zeros(len(centers))
        expected[nearest] = shares / shares.sum()
        assert encoded[0, :, row, column].numpy() == pytest.approx(expected, abs=1e-4)


def test_classes_weigh_by_smoothed_inverse_frequency() -> None:
    bins, ab = bins_of(), photographs(3)
    bins.start([ab[:2], ab[2:]])
    centers = bins.centers.numpy().astype(float)
    share = dense(bins, ab).mean(dim=(0, 2, 3)).numpy()
    distance = np.linalg.norm(centers[:, None] - centers[None], axis=-1)
    kernel = np.exp(-(distance**2) / (2 * 5**2))
    smooth = (kernel / kernel.sum(axis=0)) @ share
    weights = 1 / (0.5 * smooth + 0.5 / len(centers))
    weights /= (smooth * weights).sum()
    assert bins.weights.numpy() == pytest.approx(weights, rel=1e-3)
    alike = bins_of(uniform=1)
    alike.start([ab])
    assert torch.allclose(alike.weights, torch.ones(alike.channels))


def test_loss_is_the_weighted_cross_entropy_of_the_coarse_truth() -> None:
    bins, ab = bins_of(25), photographs(2, 4)
    bins.start([ab])
    raw = torch.randn(2, bins.channels, 2, 2)
    coarse = ab.unfold(2, 2, 2).unfold(3, 2, 2).mean(dim=(4, 5))
    truth = dense(bins, coarse).double().numpy()
    logs = raw.double().numpy()
    logs = logs - np.log(np.exp(logs).sum(axis=1, keepdims=True))
    weights = bins.weights.double().numpy()[truth.argmax(axis=1)]
    expected = (weights * -(truth * logs).sum(axis=1)).mean()
    assert bins(raw, ab, HALF).item() == pytest.approx(expected, rel=1e-4)


def test_temperature_goes_from_the_mean_to_the_mode() -> None:
    shares = torch.tensor([0.6, 0.4])
    bins = bins_of()
    raw = torch.full((1, bins.channels, 1, 1), -1e9)
    raw[0, [3, 100], 0, 0] = shares.log()
    centers = bins.centers[[3, 100]]
    for temperature, weight in ((1.0, 0.6), (0.5, 0.36 / 0.52), (1e-3, 1.0)):
        bins.temperature = temperature
        expected = weight * centers[0] + (1 - weight) * centers[1]
        assert bins.decode(raw)[0, :, 0, 0].numpy() == pytest.approx(expected.numpy(), abs=1e-3)


def test_colours_are_float32_under_autocast() -> None:
    bins = bins_of()
    raw = torch.randn(1, bins.channels, 4, 4)
    exact = bins.decode(raw)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert bins.decode(raw).dtype == torch.float32
        assert torch.allclose(bins.decode(raw), exact, atol=1e-3)


def test_uncertainty_is_the_standard_deviation() -> None:
    bins = bins_of()
    raw = torch.zeros(1, bins.channels, 1, 2)
    raw[0, :, 0, 1] = -1e9
    raw[0, [3, 100], 0, 1] = 0
    found = bins.uncertainty(raw)
    centers = bins.centers.double().numpy()
    expected = [np.sqrt(centers[which].var(axis=0).sum()) for which in (slice(None), [3, 100])]
    assert found.flatten().tolist() == pytest.approx(expected, rel=1e-5)


def test_likely_colours_are_the_modes_apart() -> None:
    bins = bins_of()
    first, second = 3, 100
    raw = torch.zeros(2, bins.channels)  # two views
    raw[:, first], raw[:, second] = 6, 5
    beside = (bins.centers - bins.centers[first]).norm(dim=1).argsort()[1]
    raw[:, beside] = 5.5  # likelier than the second, but nearly the first
    found = bins.likely(raw)
    assert torch.equal(found[:2], bins.centers[[first, second]])
    assert torch.cdist(found, found).add(1e3 * torch.eye(len(found))).min() >= 20
    assert MeanSquaredError().likely(torch.tensor([[0.1, 0.2], [0.3, 0.2]])).tolist() == [
        pytest.approx([25.6, 25.6])
    ]


def test_bins_start_where_the_photographs_are() -> None:
    ab = torch.full((1, 2, 8, 8), 20.0)
    bins = bins_of(uniform=1)
    raw = bins.start([ab])[None, :, None, None]
    assert raw.isfinite().all()
    assert bins.decode(raw)[0, :, 0, 0].tolist() == pytest.approx([20, 20], abs=1)


def test_bins_of_another_grid_are_refused() -> None:
    other = bins_of(20).state_dict()
    with pytest.raises(InputError, match=r"\d+ colour bins of another grid than the \d+ of obj"):
        bins_of(10).load_state_dict(other)
    same = bins_of(20)
    same.load_state_dict(other)
    other["centers"] = other["centers"] + 1
    with pytest.raises(InputError, match=r"of objective\.grid=20"):
        same.load_state_dict(other)
