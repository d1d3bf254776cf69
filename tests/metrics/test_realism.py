"""LPIPS, FID and KID, with random weights where the real ones would have to be fetched."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from torchvision.models import alexnet

from colorization.errors import InputError
from colorization.evaluation.measures import choose_measures
from colorization.metrics.lpips import LPIPS
from colorization.metrics.realism import FEATURES, Inception, Realism

CPU = torch.device("cpu")
PICTURES = torch.randint(0, 256, (3, 3, 40, 33), dtype=torch.uint8)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of fetched weights, and no network."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    for name in ("http_proxy", "https_proxy", "HTTPS_PROXY", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setattr("urllib.request._opener", None)  # it keeps its proxies
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


def test_lpips_is_zero_for_equal_pictures_and_counts_each_by_itself(hub: Path) -> None:
    torch.save(alexnet(weights=None).state_dict(), hub / "alexnet-owt-7be5be79.pth")
    lpips = LPIPS(CPU)
    assert lpips(PICTURES, PICTURES).tolist() == [0, 0, 0]
    other = PICTURES.flip(0)
    both = lpips(PICTURES, other)
    assert both.shape == (3,)
    assert both[1] == 0
    assert lpips(PICTURES[:1], other[:1]).item() == pytest.approx(both[0].item(), rel=1e-4)
    assert both[0] > 0


def test_lpips_is_the_same_in_every_thread(hub: Path) -> None:
    torch.save(alexnet(weights=None).state_dict(), hub / "alexnet-owt-7be5be79.pth")
    lpips = LPIPS(CPU)
    others = [PICTURES.roll(shift, dims=3) for shift in range(12)]
    expected = [lpips(PICTURES, other).tolist() for other in others]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda other: lpips(PICTURES, other).tolist(), others))
    assert found == [pytest.approx(values, rel=1e-4) for values in expected]


def test_weights_that_cannot_be_fetched_are_said_and_the_rest_stands(hub: Path) -> None:
    measures = choose_measures(["ssim", "lpips", "fid", "kid"], CPU)
    assert list(measures.by_photograph) == ["mse", "ssim"]
    assert measures.inception is None
    assert set(measures.missing) == {"lpips", "fid", "kid"}
    assert "AlexNet's weights cannot be loaded" in measures.missing["lpips"]
    assert "Inception v3's weights cannot be loaded" in measures.missing["fid"]


def test_fid_of_gaussians_is_their_closed_form() -> None:
    generator = torch.Generator().manual_seed(0)
    features = torch.zeros(400, FEATURES)
    features[:, :2] = torch.randn(400, 2, generator=generator)
    shifted = features.clone()
    shifted[:, 0] = 3 + 2 * features[:, 0]
    realism = Realism(["fid", "kid"])
    for part in (slice(0, 100), slice(100, 400)):
        realism.update(shifted[part], features[part])
    found = realism.compute(400)
    first, other = features[:, 0].double(), shifted[:, 0].double()
    covariance = torch.cov(features[:, :2].T.double())
    second = torch.cov(shifted[:, :2].T.double())
    root = torch.linalg.eigvals(covariance @ second).real.sqrt().sum()
    expected = (first.mean() - other.mean()) ** 2 + (covariance + second).trace() - 2 * root
    assert found["fid"] == pytest.approx(expected.item(), rel=1e-3)
    assert found["kid"] > 0


def test_too_few_photographs_have_no_distance() -> None:
    realism = Realism(["fid", "kid"])
    realism.update(torch.rand(1, FEATURES), torch.rand(1, FEATURES))
    assert torch.tensor(list(realism.compute(1).values())).isnan().all()


def test_inception_needs_torch_fidelity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torchmetrics.image.fid._TORCH_FIDELITY_AVAILABLE", False)
    with pytest.raises(InputError, match=r"torch-fidelity is not installed; pip install -e '\.\[f"):
        Inception(CPU)


def test_named_weights_are_taken_and_their_digest_is_told(
    untrained_inception: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    own = tmp_path / "alexnet.pth"
    torch.save(alexnet(weights=None).state_dict(), own)
    measures = choose_measures(["lpips", "fid"], CPU, own, untrained_inception)
    assert measures.missing == {}
    for name, path in (("alexnet", own), ("inception", untrained_inception)):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        assert measures.weights[name] == (str(path), digest)
        assert digest in caplog.text
    assert measures.inception is not None
    features = measures.inception(PICTURES)
    assert features.shape == (3, FEATURES)
    assert features.std(dim=0).max() > 0
    torch.manual_seed(5)
    torch.save(alexnet(weights=None).state_dict(), own)
    lpips = measures.by_photograph["lpips"].compare
    assert LPIPS(CPU, own)(PICTURES, PICTURES.flip(0)).tolist() != lpips(PICTURES, PICTURES.flip(0))


def test_named_weights_that_cannot_be_used_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "text.pth").write_text("no weights")
    torch.save({"a": torch.zeros(1)}, tmp_path / "other.pth")
    for path in (tmp_path / "absent.pth", tmp_path / "text.pth", tmp_path / "other.pth"):
        with pytest.raises(InputError, match=f"{path}: AlexNet's weights cannot be loaded"):
            choose_measures(["lpips"], CPU, alexnet=path)
        with pytest.raises(InputError, match=f"{path}: Inception v3's weights cannot be loaded"):
            choose_measures(["kid"], CPU, inception=path)
