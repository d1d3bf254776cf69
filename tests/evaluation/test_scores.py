"""Means and intervals against closed forms and SciPy's bootstrap."""

import io

import numpy as np
import pytest
from scipy.stats import bootstrap

from colorization.evaluation.scores import RESAMPLES, ScoreFile, Scores


def scores_of(**columns: list[float]) -> Scores:
    scores = Scores(list(columns))
    values = {name: np.array(column) for name, column in columns.items()}
    for part in (slice(0, 3), slice(3, None)):
        scores.add("it", {name: column[part] for name, column in values.items()})
    return scores


def test_interval_is_the_percentile_bootstrap() -> None:
    values = np.random.default_rng(1).gamma(2, 3, 80)
    found = scores_of(mse=values.tolist()).estimate("it")["mse"]
    expected = bootstrap(
        (values,), np.mean, method="percentile", n_resamples=20 * RESAMPLES, rng=2
    ).confidence_interval
    assert found.mean == pytest.approx(values.mean(), rel=1e-6)
    # Of a thousand draws, the ends are known to a few percent of the interval's width.
    width = expected.high - expected.low
    assert found.low == pytest.approx(expected.low, abs=0.1 * width)
    assert found.high == pytest.approx(expected.high, abs=0.1 * width)


@pytest.mark.filterwarnings("error")
def test_infinite_unknown_and_single_values_stay_what_they_are() -> None:
    infinite = scores_of(psnr=[20.0, np.inf, 30.0, 25.0]).estimate("it")["psnr"]
    assert (infinite.mean, infinite.high) == (np.inf, np.inf)
    single = Scores(["mse"])
    single.add("it", {"mse": np.array([4.0])})
    mean, *ends = single.estimate("it")["mse"]
    assert mean == 4
    assert np.isnan(ends).all(), "one photograph says nothing about the next"
    partly = Scores(["mse", "ssim"])
    partly.add("it", {"mse": np.array([1.0, 3.0])})
    assert np.isnan(partly.estimate("it")["ssim"]).all()
    assert partly.estimate("it")["mse"].mean == 2


def test_weights_are_those_of_the_photographs() -> None:
    scores = scores_of(auc=[0.0, 0.0, 0.0, 1.0], mse=[0.0, 0.0, 0.0, 1.0])
    scores.weigh("auc", np.array([1.0, 1.0, 1.0]))
    scores.weigh("auc", np.array([3.0]))
    found = scores.estimate("it")
    assert found["auc"].mean == pytest.approx(0.5)
    assert found["mse"].mean == pytest.approx(0.25)
    assert found["auc"].high <= 1


def test_error_removed_pairs_the_photographs() -> None:
    random = np.random.default_rng(0)
    baseline = random.gamma(1, 1, 50)
    scores = Scores(["mse"])
    scores.add("baseline", {"mse": baseline})
    scores.add("network", {"mse": 0.9 * baseline})
    # However much photographs differ, a tenth is removed of each.
    assert scores.estimate_error_removed("network", "baseline") == pytest.approx(
        (0.1, 0.1, 0.1), abs=1e-6
    )


def test_file_has_a_line_a_photograph() -> None:
    text = io.StringIO()
    file = ScoreFile(text, ["mse", "ssim"])
    values = {"mse": np.array([0.5, 0.25]), "rarity": np.array([1, 3])}
    file.add(("d", "own_8", "p, q"), ["a.png", "b.png"], values)
    assert text.getvalue().splitlines() == [
        "dataset,track,predictor,photograph,mse,ssim,rarity",
        'd,own_8,"p, q",a.png,0.5,,1',
        'd,own_8,"p, q",b.png,0.25,,3',
    ]
