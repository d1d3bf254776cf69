"""Folders of pictures are scored as models are, and every planted mistake is named."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms
from scipy.ndimage import generic_filter
from selenium.webdriver.common.by import By
from skimage.color import rgb2lab
from skimage.metrics import peak_signal_noise_ratio

from colorization.errors import InputError
from colorization.evaluation.folder_report import find_curves, list_sources
from colorization.evaluation.folder_results import estimate_jpeg_loss
from colorization.evaluation.protocols import list_protocols, read_protocol, read_published
from colorization.evaluation.score_folders import FolderScorer, wrapped_psnr
from tests.evaluation.painted import COUNT, paint, save
from tests.support.browser import chrome


def get_means(found: dict[str, Any], row: str) -> dict[str, float]:
    return {m: e["mean"] for m, e in found["tables"][0]["scores"][row].items()}


def test_scores_are_those_of_other_programs(
    folders: Path, score: Callable[..., tuple[dict[str, Any], Path]]
) -> None:
    found, folder = score()
    paths = sorted((folders / "truth").rglob("*.png"))
    psnr = [
        peak_signal_noise_ratio(
            np.asarray(Image.open(path)),
            np.asarray(Image.open(folders / "good" / path.relative_to(folders / "truth"))),
        )
        for path in paths
    ]
    assert get_means(found, "good")["psnr"] == pytest.approx(np.mean(psnr), abs=1e-5)
    table = found["tables"][0]
    assert list(table["scores"]) == ["gray", "best constant", "good", "dull"]
    assert table["worse_than_gray"]["good"] == 0
    pair = next(p for p in found["pairs"] if (p["first"], p["second"]) == ("good", "dull"))
    assert pair["win_rate"] == 1
    assert pair["difference"]["low"] > 0
    assert found["findings"] == []
    assert set(found["kinds"]) == {"sea", "town"}
    for name in ("report.html", "scores.json", "tables.md", "tables.tex"):
        assert (folder / name).stat().st_size > 500
    assert r"best constant &" in (folder / "tables.tex").read_text()
    page = (folder / "report.html").read_text()
    assert page.count("data:image/webp") >= 4 * COUNT
    assert "http" not in page.split("<body>")[1].split('id="published"')[0]


def test_other_definition_of_colourfulness_is_ddcolors(
    folders: Path, score: Callable[..., tuple[dict[str, Any], Path]]
) -> None:
    found, _ = score()
    values = []
    for path in sorted((folders / "good").rglob("*.png")):
        red, green, blue = np.moveaxis(np.asarray(Image.open(path), np.float64), 2, 0)
        rg, yb = np.abs(red - green), np.abs((red + green) / 2 - blue)
        values.append(np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean()))
    means = get_means(found, "good")
    assert means["colorfulness_absolute"] == pytest.approx(np.mean(values), abs=1e-4)
    assert means["colorfulness_absolute"] < means["colorfulness"]


def test_every_planted_mistake_is_named_and_does_not_change_the_others(
    folders: Path, score: Callable[..., tuple[dict[str, Any], Path]]
) -> None:
    clean, _ = score(output=folders / "clean")
    names = [f"{'sea' if i % 2 else 'town'}/{i}.png" for i in range(COUNT)]
    bad = folders / "bad"
    for index, name in enumerate(names[2:]):  # the first two are missing
        pixels = np.asarray(Image.open(folders / "good" / name))
        if index == 0:
            pixels = np.clip(pixels.astype(int) + 30, 0, 255).astype(np.uint8)
        elif index == 1:
            pixels = pixels[::-1, ::-1]
        elif index == 2:
            save(bad, name.replace(".png", ".jpg"), pixels, quality=40)
            continue
        elif index == 3:
            pixels = pixels[:-1]
        save(bad, name, pixels)
    found, folder = score("good", "dull", "bad")
    about = found["methods"]["bad"]
    assert about["unusable"] == {
        "town/0": "missing",
        "sea/1": "missing",
        "sea/3": "rotated by 180 degrees",
        "sea/5": "wrong size: 48 x 39 px, the truth has 48 x 40",
    }
    assert about["lightness_off"] == ["town/2"]
    assert about["jpeg"] == ["town/4"]
    assert about["jpeg_loss"] > 0.3
    text = " ".join(found["findings"])
    page = (folder / "report.html").read_text()
    for words in ("missing", "rotated by 180", "wrong size", "another lightness", "JPEG-compr"):
        assert words in text
        assert words in page
    for method in ("good", "dull"):
        assert get_means(found, method) == pytest.approx(get_means(clean, method), abs=1e-9)
    assert "bad" not in found["tables"][0]["scores"]
    assert found["tables"][1]["photographs"] == COUNT - 4
    assert list(found["tables"][1]["scores"])[-1] == "bad"


def test_a_method_without_hard_photographs_does_not_rise(
    folders: Path, score: Callable[..., tuple[dict[str, Any], Path]]
) -> None:
    whole, _ = score(output=folders / "before")
    hardest = min(
        map(json.loads, (folders / "before" / "scores.jsonl").read_text().splitlines()[1:]),
        key=lambda each: each["rows"]["dull"]["psnr"],
    )["key"]
    (folders / "dull" / f"{hardest}.png").unlink()
    found, _ = score()
    own = found["tables"][1]["scores"]
    assert own["dull"]["psnr"]["mean"] > get_means(whole, "dull")["psnr"]  # alone it would rise
    assert own["good"]["psnr"]["mean"] > own["dull"]["psnr"]["mean"]
    assert "dull" not in found["tables"][0]["scores"]


def test_wrapped_values_and_wrapped_psnr_are_told(
    folders: Path, score: Callable[..., tuple[dict[str, Any], Path]]
) -> None:
    path = folders / "good" / "town" / "0.png"
    pixels = np.asarray(Image.open(path)).astype(int)
    pixels[:6] = 230
    truth = np.asarray(Image.open(folders / "truth" / "town" / "0.png")).copy()
    truth[:6] = 230
    save(folders / "truth", "town/0.png", truth)
    pixels[:6] += 40  # not clipped
    save(folders / "good", "town/0.png", (pixels % 256).astype(np.uint8))
    found, _ = score()
    assert found["methods"]["good"]["wrapped"] == ["town/0"]
    assert found["methods"]["dull"]["wrapped"] == []
    ours, theirs = np.uint8([[[10, 200, 30]]]), np.uint8([[[30, 180, 5]]])
    with np.errstate(over="ignore"):
        mistaken = (10 * np.log10(255**2 / np.square(ours - theirs).mean())).item()
    given = [torch.from_numpy(x).permute(2, 0, 1)[None] for x in (ours, theirs)]
    assert wrapped_psnr(*given) == pytest.approx(mistaken)
    assert mistaken > peak_signal_noise_ratio(theirs, ours) + 2


def test_near_gray_truths_do_not_inflate_the_mean(
    folders: Path, score: Callable[..., tuple[dict[str, Any], Path]]
) -> None:
    before, _ = score(output=folders / "before")
    gray = np.repeat(paint(99)[..., :1], 3, axis=2)
    for name in ("truth", "good", "dull"):
        save(folders / name, "town/99.png", gray)
    found, _ = score()
    assert found["photographs"]["near_gray"] == ["town/99"]
    assert "near-gray" in found["findings"][0]
    assert get_means(found, "gray") == pytest.approx(get_means(before, "gray"))


def test_photographs_that_were_trained_on_are_left_out(
    folders: Path, score: Callable[..., tuple[dict[str, Any], Path]]
) -> None:
    copy = Image.open(folders / "truth" / "sea" / "3.png").resize((96, 80))
    save(folders / "mine", "copy.jpg", np.asarray(copy), quality=80)
    save(folders / "mine", "other.png", paint(77))
    found, _ = score(trained_on=folders / "mine")
    assert found["photographs"]["trained_on"] == ["sea/3"]
    assert found["photographs"]["count"] == COUNT - 1
    assert "trained on" in found["findings"][0]


def test_another_profile_is_converted_and_told(
    folders: Path, score: Callable[..., tuple[dict[str, Any], Path]]
) -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    renamed = srgb.replace("sRGB".encode("utf-16-be"), "Wide".encode("utf-16-be"))
    assert renamed != srgb
    pixels = np.asarray(Image.open(folders / "good" / "town" / "0.png"))
    save(folders / "good", "town/0.png", pixels, icc_profile=renamed)
    pixels = np.asarray(Image.open(folders / "dull" / "town" / "0.png"))
    save(folders / "dull", "town/0.png", pixels, icc_profile=srgb)
    found, _ = score()
    assert sum(found["methods"]["good"]["profiles"].values()) == 1
    assert found["methods"]["dull"]["profiles"] == {}
    assert any("colour profile Wide" in line for line in found["findings"])


def test_loss_of_jpeg_is_estimated() -> None:
    random = np.random.default_rng(0)
    truth = random.uniform(80, 170, 100_000)
    color, compression = random.normal(0, 8, truth.shape), random.normal(0, 6, truth.shape)
    clean, lossy = ((x**2).mean() for x in (color, color + compression))
    lost = 10 * np.log10(lossy / clean)
    psnr = 10 * np.log10(255**2 / lossy)
    assert estimate_jpeg_loss(psnr, 36.0) == pytest.approx(lost, abs=0.1)


def test_tables_are_fitted_to_a_training_folder(
    folders: Path, score: Callable[..., tuple[dict[str, Any], Path]]
) -> None:
    found, _ = score(training=folders / "truth")
    assert "(position, L) table of truth" in found["tables"][0]["scores"]
    assert get_means(found, "L table of truth")["mse"] < get_means(found, "gray")["mse"]


def test_an_interrupted_call_goes_on(
    folders: Path,
    score: Callable[..., tuple[dict[str, Any], Path]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole, _ = score(output=folders / "whole")
    scored: list[str] = []
    original = FolderScorer.score

    def stop(self: FolderScorer, key: str) -> Any:
        if len(scored) == 5:
            raise KeyboardInterrupt
        scored.append(key)
        return original(self, key)

    monkeypatch.setattr(FolderScorer, "score", stop)
    with pytest.raises(KeyboardInterrupt):
        score()
    path = folders / "report" / "scores.jsonl"
    kept = len(path.read_text().splitlines()) - 1
    with path.open("a") as file:
        file.write('{"key": "cut o')
    scored.clear()
    monkeypatch.setattr(
        FolderScorer, "score", lambda self, key: scored.append(key) or original(self, key)
    )
    found, _ = score()
    assert len(scored) == COUNT - kept
    assert found["tables"] == whole["tables"]
    scored.clear()
    pixels = np.asarray(Image.open(folders / "dull" / "sea" / "1.png"))
    save(folders / "dull", "sea/1.png", 255 - pixels)
    score()
    assert scored == ["sea/1"]


def test_protocols_do_not_mix(
    folders: Path, score: Callable[..., tuple[dict[str, Any], Path]]
) -> None:
    _, first = score("good")
    found, _ = score("dull", output=folders / "same", beside=[str(first / "scores.json")])
    assert list(found["beside"]) == [str(first / "scores.json")]
    own = folders / "own.yaml"
    own.write_text("near_gray: kept\nmetrics: [psnr, mse]\n")
    with pytest.raises(InputError, match=r"do not fit into one table; they differ in: name .*near"):
        score("dull", output=folders / "b", protocol=str(own), beside=[str(first / "scores.json")])
    save(folders / "truth", "sea/1.png", paint(50))
    with pytest.raises(InputError, match="differ in: the photographs that are scored"):
        score("dull", output=folders / "c", beside=[str(first / "scores.json")])


def test_pictures_that_equal_the_photograph_are_told(
    folders: Path, score: Callable[..., tuple[dict[str, Any], Path]]
) -> None:
    gray = np.repeat(paint(99)[..., :1], 3, axis=2)
    for name in ("truth", "good", "dull"):
        save(folders / name, "town/99.png", gray)
    own = folders / "own.yaml"
    own.write_text("near_gray: kept\nmetrics: [psnr, ssim]\n")
    found, _ = score("good", protocol=str(own))
    told = "1 of 9 pictures: equal to the photograph: town/99. Their PSNR is infinite"
    assert [
        line.startswith(f"{row}: {told}")
        for row, line in zip(("gray", "good"), found["findings"], strict=True)
    ] == [True, True]
    assert get_means(found, "good")["psnr"] is None


def test_methods_are_paired_with_every_other_row_once(
    folders: Path, score: Callable[..., tuple[dict[str, Any], Path]]
) -> None:
    found, _ = score()
    pairs = [(p["first"], p["second"]) for p in found["pairs"] if p["metric"] == "psnr"]
    assert pairs == [
        ("good", "gray"),
        ("good", "best constant"),
        ("dull", "gray"),
        ("dull", "best constant"),
        ("good", "dull"),
    ]


def test_folders_of_several_numbers_of_hints_are_a_curve(
    folders: Path, score: Callable[..., tuple[dict[str, Any], Path]]
) -> None:
    words = [f"ours@{n}={folders / name}" for n, name in ((10, "good"), (2, "dull"), (0, "dull"))]
    found, folder = score(predictions=[*words, f"me@home={folders / 'good'}"])
    curves = find_curves(found)
    assert {name: list(curve) for name, curve in curves.items()} == {"ours": [0, 2, 10]}
    assert curves["ours"][10] == found["tables"][0]["scores"]["ours@10"]
    assert 'id="hints"' in (folder / "report.html").read_text()
    _, folder = score(output=folders / "none")
    assert 'id="hints"' not in (folder / "report.html").read_text()


def test_fewer_photographs_than_the_protocol_has_are_told(
    folders: Path, score: Callable[..., tuple[dict[str, Any], Path]]
) -> None:
    own = folders / "own.yaml"
    own.write_text("count: 5000\nsquare: 32\nmetrics: [psnr, fid]\n")
    found, _ = score(protocol=str(own))
    assert "is of 5,000 photographs, here are 8" in found["findings"][0]


def test_photographs_that_the_protocol_does_not_name_are_told(
    folders: Path, score: Callable[..., tuple[dict[str, Any], Path]]
) -> None:
    own = folders / "own.yaml"
    own.write_text("names: '[0-5]'\nmetrics: [psnr]\n")
    found, _ = score(protocol=str(own))
    assert found["findings"] == [
        "2 of 8 photographs: a name that the protocol own does not have: sea/7, town/6."
    ]


@pytest.mark.parametrize(
    ("name", "has", "has_not"),
    [
        ("val5k", "ILSVRC2012_val_00005000", "ILSVRC2012_val_00005001"),
        ("ctest10k", "ILSVRC2012_val_00049999", "ILSVRC2012_test_00000001"),
        ("coco", "000000000139", "139"),
        ("ade20k", "ADE_val_00002000", "ADE_val_00002001"),
    ],
)
def test_protocols_know_the_names_of_their_photographs(name: str, has: str, has_not: str) -> None:
    protocol = read_protocol(name)
    assert protocol.has_name(f"folder/{has}")
    assert not protocol.has_name(has_not)
    if name == "val5k":
        named = [i for i in range(1, 50_001) if protocol.has_name(f"ILSVRC2012_val_{i:08d}")]
        assert named == list(range(1, 5001))


def test_errors_by_hue_and_region_are_those_of_the_pixels(
    folders: Path, score: Callable[..., tuple[dict[str, Any], Path]]
) -> None:
    found, folder = score()
    (table,) = found["tables"]
    errors, flat, edges = [], [], []
    for path in sorted((folders / "truth").rglob("*.png")):
        pixels = np.asarray(Image.open(path)) / 255
        truth = rgb2lab(pixels)
        lab = rgb2lab(
            np.asarray(Image.open(folders / "dull" / path.relative_to(folders / "truth")))
        )
        distance = np.hypot(*np.moveaxis(lab - truth, 2, 0)[1:])
        angle = np.degrees(np.arctan2(truth[..., 2], truth[..., 1])) % 360
        is_green = (np.abs(angle - 135) < 22.5) & (np.hypot(truth[..., 1], truth[..., 2]) >= 10)
        errors.append(distance[is_green])
        spread = generic_filter(truth[..., 0], np.std, 7, mode="nearest")
        flat.append(distance[spread < 2])
        edges.append(distance[spread >= 8])
    means = table["errors"]["dull"]
    assert means["green"] == pytest.approx(np.concatenate(errors).mean(), abs=0.02)
    for place, expected in (("flat", flat), ("edges", edges)):
        values = np.concatenate(expected)
        assert table["areas"][place] == pytest.approx(values.size / (COUNT * 48 * 40), abs=2e-3)
        if values.size:
            assert means[place] == pytest.approx(values.mean(), abs=0.1)
    assert sum(list(table["areas"].values())[:9]) == pytest.approx(1)
    assert table["errors"]["good"]["green"] < means["green"]
    assert "Mean distance in ab by true hue" in (folder / "report.html").read_text()


@pytest.mark.parametrize("name", list_protocols())
def test_protocols_are_read_and_published_rows_name_their_source(name: str) -> None:
    protocol = read_protocol(name)
    assert len(protocol.digest) == 32
    rows = read_published(protocol)
    assert len(list_sources({"published": rows})) < len(rows)
    for row in rows:
        assert any(word in row["source"] for word in ("arXiv", "NeurIPS", "IJCAI", "SIGGRAPH"))
        assert "table" in row["source"]
        assert "github.com/" in row["read"] or "modelscope.cn/" in row["read"]
        assert row["unknown"]
        assert not row["is_same"]


def test_another_protocol_has_another_digest() -> None:
    digests = {read_protocol(name).digest for name in list_protocols()}
    assert len(digests) == len(list_protocols())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("metrics: [nonsense]", "unknown metric 'nonsense'"),
        ("sqare: 5", "sqare; a protocol has"),
        ("square: big", "square is 'big'"),
        ("near_gray: maybe", "near_gray is 'maybe'"),
        ("names: '('", "unterminated subpattern"),
        ("- 1", "no settings"),
        ("a: [", "is no YAML"),
    ],
)
def test_bad_protocols_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_protocol(str(path))


def test_bad_folders_are_refused(
    folders: Path, score: Callable[..., tuple[dict[str, Any], Path]]
) -> None:
    for words, message in (
        (["good"], "is not NAME=FOLDER"),
        ([f"a={folders / 'good'}", f"a={folders / 'dull'}"], "given twice"),
        ([f"a={folders / 'absent'}"], "no folder"),
        ([f"gray={folders / 'good'}"], "named gray, as another row is"),
    ):
        with pytest.raises(InputError, match=message):
            score(predictions=words)
    save(folders / "strange", "x.png", paint(3))
    with pytest.raises(InputError, match="no picture of strange has the name"):
        score("strange")
    save(folders / "good", "town/0.jpg", paint(0))
    with pytest.raises(InputError, match=r"has both town/0\.\w+ and town/0\.\w+"):
        score()


def test_report_opens_in_a_browser_and_asks_for_nothing(
    folders: Path, score: Callable[..., tuple[dict[str, Any], Path]]
) -> None:
    (folders / "dull" / "sea" / "1.png").unlink()
    _, folder = score()
    browser = chrome()
    try:
        browser.get((folder / "report.html").as_uri())
        assert browser.get_log("browser") == []  # a refused picture or script would be here
        widths = browser.execute_script("return [...document.images].map(i => i.naturalWidth)")
        assert len(widths) >= 4 * COUNT
        assert min(widths) > 0
        assert "1 of 8 pictures: missing" in browser.find_element(By.TAG_NAME, "ul").text
        sources = browser.execute_script("return [...document.images].map(i => i.src.slice(0, 5))")
        assert set(sources) == {"data:"}
    finally:
        browser.quit()


def test_other_tables_are_not_taken_from_before(
    folders: Path, score: Callable[..., tuple[dict[str, Any], Path]]
) -> None:
    save(folders / "mine", "a.png", paint(1))
    score(training=folders / "mine")
    save(folders / "mine", "b.png", 255 - paint(2))
    with pytest.raises(InputError, match=r"scores.jsonl is of another evaluation; set another"):
        score(training=folders / "mine")
