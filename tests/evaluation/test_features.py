"""FID and KID of folders, by weights that the user names."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from colorization.errors import InputError
from colorization.evaluation.features import FeatureFile
from colorization.metrics.realism import FEATURES, Inception, Realism

Score = Callable[..., tuple[dict[str, Any], Path]]


def measure_fid(first: np.ndarray, second: np.ndarray) -> float:
    """The distance of Gaussians from fewer samples (N,D) than dimensions.

    The trace of the root of the product of covariances is the sum of the singular values of the
    product of the centred samples.
    """
    a, b = (x.astype(np.float64) - x.mean(axis=0, dtype=np.float64) for x in (first, second))
    root = np.linalg.svd(a @ b.T / (len(a) - 1), compute_uv=False).sum()
    shift = first.mean(axis=0, dtype=np.float64) - second.mean(axis=0, dtype=np.float64)
    spread = (np.square(a).sum() + np.square(b).sum()) / (len(a) - 1)
    return float(np.square(shift).sum() + spread - 2 * root)


def measure_kid(first: np.ndarray, second: np.ndarray) -> float:
    """The unbiased squared maximum mean discrepancy of all samples, with a cubic kernel."""
    x, y = first.astype(np.float64), second.astype(np.float64)
    count = len(x)

    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.asarray((a @ b.T / a.shape[1] + 1) ** 3)

    within = sum(k.sum() - np.trace(k) for k in (kernel(x, x), kernel(y, y)))
    return float(within / (count * (count - 1)) - 2 * kernel(x, y).mean())


@pytest.mark.slow
def test_fid_of_a_folder_is_the_closed_form(
    folders: Path, score: Score, untrained_inception: Path
) -> None:
    own = folders / "own.yaml"
    own.write_text("metrics: [psnr, fid]\nsha256: 0123\n")
    found, folder = score("dull", protocol=str(own), inception=untrained_inception)
    features = np.load(folder / "features.npy")
    scores = found["tables"][0]["scores"]
    for place, row in enumerate(("gray", "best constant", "dull"), 1):
        expected = measure_fid(features[:, place], features[:, 0])
        assert scores[row]["fid"]["mean"] == pytest.approx(expected, rel=1e-3)
    first = min((folders / "dull").rglob("*.png"), key=str)
    pixels = torch.from_numpy(np.array(Image.open(first))).permute(2, 0, 1)[None]
    expected = Inception(torch.device("cpu"), untrained_inception)(pixels)[0].numpy()
    assert features[0, 3] == pytest.approx(expected, rel=1e-3, abs=1e-5)
    text = " ".join(found["findings"])
    assert "FID of fewer than 5,000 photographs is mostly bias" in text
    assert "by other weights than the protocol own names" in text
    assert found["weights"]["inception"]["sha256"] in text


def test_features_are_kept_for_a_call_that_goes_on(
    folders: Path, score: Score, untrained_inception: Path
) -> None:
    own = folders / "own.yaml"
    own.write_text("metrics: [psnr, kid]\n")
    (folders / "dull" / "sea" / "3.png").unlink()
    chosen = {"protocol": str(own), "inception": untrained_inception}
    found, folder = score("dull", **chosen)
    assert found["tables"][1]["scores"]["dull"]["kid"]["mean"] is None  # of fewer than 50
    features = np.load(folder / "features.npy")
    assert np.isnan(features[:, 3, 0]).sum() == 1
    before = (folder / "scores.jsonl").stat().st_size
    values = np.lib.format.open_memmap(folder / "features.npy", "r+")
    values[2] = np.nan  # lost: computed again
    values[5] += 1  # there: not computed again
    values.flush()
    score("dull", **chosen)
    again = np.load(folder / "features.npy")
    assert again[2] == pytest.approx(features[2], rel=1e-3, abs=1e-5, nan_ok=True)
    assert again[5] == pytest.approx(features[5] + 1, nan_ok=True)
    assert (folder / "scores.jsonl").stat().st_size == before


def test_kid_is_the_unbiased_estimate() -> None:
    random = np.random.default_rng(0)
    first = random.normal(size=(50, FEATURES)).astype(np.float32)  # as many as a subset has
    second = random.normal(0.1, 1.2, size=(50, FEATURES)).astype(np.float32)
    realism = Realism(["kid"])
    realism.update(torch.from_numpy(first), torch.from_numpy(second))
    assert realism.compute(50)["kid"] == pytest.approx(measure_kid(first, second), rel=1e-3)


def test_a_file_of_other_features_is_made_anew(tmp_path: Path, untrained_inception: Path) -> None:
    inception = Inception(torch.device("cpu"), untrained_inception)
    path = tmp_path / "features.npy"
    path.write_bytes(b"no features")
    made = FeatureFile(path, ["a", "b"], ["gray"], inception, ["fid"])
    assert not made.has("a")
    pixels = torch.randint(0, 256, (1, 3, 24, 24), dtype=torch.uint8)
    made.add("b", {"truth": pixels, "gray": pixels})
    assert FeatureFile(path, ["a", "b"], ["gray"], inception, ["fid"]).has("b")
    assert not FeatureFile(path, ["a", "b"], ["gray", "x"], inception, ["fid"]).has("b")


def test_weights_for_a_protocol_without_their_metrics_are_refused(
    folders: Path, score: Score, untrained_inception: Path
) -> None:
    with pytest.raises(
        InputError, match="--inception is for fid and kid, which the protocol as_is"
    ):
        score(inception=untrained_inception)
    with pytest.raises(InputError, match="--alexnet is for lpips, which the protocol as_is"):
        score(alexnet=untrained_inception)
