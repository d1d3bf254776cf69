"""Bundles: what is written is read again, and what is damaged or foreign is refused."""

import errno
import hashlib
import json
import math
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from colorization.errors import InputError
from colorization.evaluation.run import evaluate
from colorization.models.backends import load_model
from colorization.models.bundle import CARD, CHECKSUMS, WEIGHTS, read_bundle, read_model
from colorization.models.export import export_model
from colorization.models.metadata import VERSION
from colorization.models.registry import DEFAULT, DESCRIPTION, SHIPPED, find_model
from colorization.settings.commands import Evaluate, Train
from colorization.settings.failures import one_line
from colorization.training.colorizer import load_colorizer
from colorization.training.run import train
from tests.support.command_line import python
from tests.support.keywords import keywords

UNET = {
    "_target_": "colorization.networks.unet.UNet",
    "width": 8,
    "coordinates": True,
    "dropout": 0,
}
CLASSIFIER = {"name": "", "weights": "random", "tuned": 0, "lr_factor": 1, "enlarge": 1}


settings = partial(keywords, "export")


@pytest.fixture
def bundle(checkpoint: Path, tmp_path: Path) -> Path:
    return export_model(**settings(f"checkpoint={checkpoint}", f"output={tmp_path}/bundle"))


def altered(bundle: Path, **changes: Any) -> None:
    """Change the description, with checksums that fit."""
    about = json.loads((bundle / DESCRIPTION).read_text()) | changes
    (bundle / DESCRIPTION).write_text(json.dumps(about))
    sums = [
        f"{hashlib.sha256((bundle / name).read_bytes()).hexdigest()}  {name}\n"
        for name in (WEIGHTS, DESCRIPTION, CARD)
    ]
    (bundle / CHECKSUMS).write_text("".join(sums))


@pytest.mark.parametrize(("version", "unsaid"), [(1, ("amplifier", "strength")), (2, ()), (3, ())])
def test_an_older_bundle_is_read_as_it_was_meant(
    bundle: Path, version: int, unsaid: tuple[str, ...]
) -> None:
    L = torch.rand(1, 1, 16, 16) * 100
    with torch.no_grad():
        expected = read_bundle(bundle).predictor(L)
        about = json.loads((bundle / DESCRIPTION).read_text())
        for name in unsaid:
            del about[name]
        (bundle / DESCRIPTION).write_text(json.dumps(about))
        altered(bundle, version=version, **({"guidance": None} if version == 3 else {}))
        assert torch.equal(read_bundle(bundle).predictor(L), expected)


@pytest.mark.parametrize(("precision", "tolerance"), [("half", 0.5), ("single", 1e-6)])
def test_bundle_predicts_what_its_checkpoint_does(
    checkpoint: Path, tmp_path: Path, precision: str, tolerance: float
) -> None:
    words = [f"checkpoint={checkpoint}", f"output={tmp_path}/b", f"precision={precision}"]
    bundle = export_model(**settings(*words))
    L = torch.rand(2, 1, 16, 24) * 100
    with torch.no_grad():
        expected = load_colorizer(checkpoint)(L)
        found = read_bundle(bundle).predictor(L)
    assert (found - expected).abs().max() < tolerance
    stored = load_file(bundle / WEIGHTS)
    kind = torch.float16 if precision == "half" else torch.float32
    assert {value.dtype for value in stored.values()} == {kind}
    assert bundle.stat().st_mode & 0o777 == (bundle / WEIGHTS).stat().st_mode & 0o777 | 0o111


def test_statistics_and_colour_bins_stay_in_single_precision(
    settings: Callable[..., Train], tmp_path: Path
) -> None:
    words = ["network=unet", "network.width=8", "encoder=efficientnet_lite0", "objective=bins"]
    train(settings(*words, "network.encoder.weights=random"), tmp_path / "run")
    path = tmp_path / "run" / "checkpoints" / "best.ckpt"
    bundle = export_model(**module_settings(f"checkpoint={path}"))
    assert bundle == tmp_path / "run" / "bundle"
    stored = load_file(bundle / WEIGHTS)
    single = {name.rpartition(".")[2] for name, v in stored.items() if v.dtype == torch.float32}
    assert {"running_mean", "running_var", "centers", "weights", "mean", "std"} <= single
    assert "weight" not in single
    model = load_model(str(bundle), temperature=0.1, flip_average=True)
    warm = load_model(str(bundle), temperature=1)
    L = (torch.rand(1, 1, 32, 32) * 100).numpy()
    assert abs(model.predict(L) - warm.predict(L)).max() > 0.01
    card = (bundle / CARD).read_text()
    assert "through a classifier (tf_efficientnet_lite0)" in card
    assert "Its encoder started from random weights." in card


module_settings = settings


def test_description_and_card_say_what_it_is(bundle: Path, checkpoint: Path) -> None:
    about = json.loads((bundle / DESCRIPTION).read_text())
    assert about["version"] == VERSION
    assert about["size"] == 16
    assert about["training"]["images"] == {"train": 4, "val": 2, "test": 2}
    results = json.loads((checkpoint.parent.parent / "results.json").read_text())
    assert about["training"]["test"] == results["test"]
    assert about["licences"] == ["Trained on synthetic: scenes rendered by this project."]
    assert str(checkpoint.parent) not in (bundle / DESCRIPTION).read_text()
    card = (bundle / CARD).read_text()
    assert card.startswith("# synthetic\n")
    assert f"| network | {results['test']['network']['mse']:.6f} |" in card
    assert f"| L table | {results['test']['L table']['mse']:.6f} |" in card
    assert "Trained on synthetic: scenes rendered by this project." in card


def test_checksums_are_those_of_sha256sum(bundle: Path) -> None:
    assert os.system(f"cd {bundle} && sha256sum --check --quiet --strict SHA256SUMS") == 0


def test_path_of_weights_is_not_handed_on(bundle: Path, tmp_path: Path) -> None:
    from colorization.models.metadata import drop_paths

    found = drop_paths({"encoder": {"name": "resnet18", "weights": "/home/me/r.safetensors"}})
    assert found["encoder"]["weights"] == "r.safetensors"


@pytest.mark.parametrize("name", [WEIGHTS, DESCRIPTION, CARD, CHECKSUMS])
def test_missing_file_is_named(bundle: Path, name: str) -> None:
    (bundle / name).unlink()
    with pytest.raises(InputError, match=name.replace(".", r"\.")):
        read_bundle(bundle)


@pytest.mark.parametrize("name", [WEIGHTS, DESCRIPTION, CARD])
def test_altered_file_is_named(bundle: Path, name: str) -> None:
    data = bytearray((bundle / name).read_bytes())
    data[len(data) // 2] ^= 1
    (bundle / name).write_bytes(data)
    with pytest.raises(InputError, match=f"{name} is not what SHA256SUMS says; fetch it again"):
        read_bundle(bundle)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": VERSION + 1}, "is of version 5, newer than 4; update this"),
        ({"strength": -1.0}, r"bundle cannot be built: strength is -1\.0; it must be at least 0"),
        ({"amplifier": "yes"}, "does not describe a model of this project"),
        ({"version": "1"}, "does not describe a model of this project"),
        ({"size": 10**9}, "does not describe a model of this project"),
        ({"training": [1]}, "does not describe a model of this project"),
        ({"training": {"dataset": "faces", "datasets": [{}]}}, "does not describe a model"),
        ({"flip_average": "no"}, "does not describe a model of this project"),
        ({"network": {"_target_": "os.system"}}, "'os.system' is no network; known: "),
        ({"objective": {"_target_": "colorization.networks.unet.UNet"}}, "is no objective"),
        (
            {"network": {"_target_": "colorization.networks.unet.UNet", "width": 10**9}},
            "settings of .*UNet",
        ),
        (
            {
                "network": {
                    "_target_": "colorization.networks.paper.PaperNetwork",
                    "activation": "relu",
                    "x": 1,
                }
            },
            "settings of .*PaperNetwork: Key 'x' not in",
        ),
        ({"network": "paper"}, "does not describe a model of this project"),
        (
            {"network": UNET | {"encoder": CLASSIFIER | {"name": "hf-hub:me/it"}}},
            "no network of timm",
        ),
        (
            {"network": UNET | {"encoder": CLASSIFIER | {"name": "${oc.env:HOME}"}}},
            r"name is '\$\{oc\.env:HOME\}', which is no network of timm",
        ),
        ({"network": UNET}, "is of another architecture: "),
    ],
    ids=lambda value: "" if isinstance(value, dict) else value[:20],
)
def test_foreign_description_is_refused(
    bundle: Path, changes: dict[str, Any], message: str
) -> None:
    altered(bundle, **changes)
    with pytest.raises(InputError, match=message):
        read_bundle(bundle)


def test_a_setting_that_a_file_lacks_has_its_default(
    settings: Callable[..., Train], tmp_path: Path
) -> None:
    """Files of older versions lack settings that are newer than they are."""
    words = ["network=unet", "network.width=8", "objective=bins"]
    train(settings(*words), tmp_path / "run")
    path = tmp_path / "run" / "checkpoints" / "best.ckpt"
    bundle = export_model(**module_settings(f"checkpoint={path}", "precision=single"))
    L = torch.rand(1, 1, 16, 16) * 100
    with torch.no_grad():
        expected = load_colorizer(path)(L)
    about = json.loads((bundle / DESCRIPTION).read_text())
    checkpoint = torch.load(path, weights_only=True)
    for part, name in (("network", "dropout"), ("objective", "temperature")):
        del about[part][name]
        del checkpoint["hyper_parameters"][part][name]
    altered(bundle, **about)
    torch.save(checkpoint, path)
    with torch.no_grad():
        read = read_bundle(bundle).predictor
        assert torch.equal(read(L), expected)
        assert torch.equal(load_colorizer(path)(L), expected)
    assert read.objective.temperature == 0.38
    del about["network"]["width"], about["objective"]["_target_"]
    altered(bundle, **about)
    with pytest.raises(InputError, match="None is no objective; known: "):
        read_bundle(bundle)
    del checkpoint["hyper_parameters"]["flip_average"]  # of decoding, and not of a part
    torch.save(checkpoint, path)
    assert load_colorizer(path).flip_average is False


@pytest.mark.parametrize(
    ("part", "value", "message"),
    [
        ("network", [1], r"best\.ckpt cannot be used: \[1\] is no network; known: "),
        (
            "network",
            {"_target_": "os.system"},
            r"cannot be used: 'os\.system' is no network; ",
        ),
        ("objective", UNET, r"best\.ckpt cannot be used: '.*UNet' is no objective; known: "),
        ("network", UNET | {"width": "wide"}, r"cannot be used: settings of .*UNet: .*'wide'"),
        ("network", UNET | {"width": 10**9}, r"settings of .*: network\.width is 1000000000; it"),
        ("flip_average", "perhaps", r"best\.ckpt cannot be used: .*'perhaps'"),
        ("strength", -1.0, r"best\.ckpt cannot be used: strength is -1\.0; it must be at least 0"),
    ],
)
def test_a_damaged_checkpoint_is_refused_with_its_line(
    checkpoint: Path, tmp_path: Path, part: str, value: Any, message: str
) -> None:
    content = torch.load(checkpoint, weights_only=True)
    content["hyper_parameters"][part] = value
    torch.save(content, tmp_path / "best.ckpt")
    with pytest.raises(InputError, match=message) as refused:
        read_model(str(tmp_path / "best.ckpt"))
    assert "\n" not in str(refused.value)


def test_what_is_there_is_not_written_over(bundle: Path, checkpoint: Path) -> None:
    before = (bundle / WEIGHTS).stat().st_mtime_ns
    with pytest.raises(InputError, match="bundle is there already; remove it, or set output"):
        export_model(**settings(f"checkpoint={checkpoint}", f"output={bundle}"))
    assert (bundle / WEIGHTS).stat().st_mtime_ns == before


def test_scores_come_out_of_an_evaluation_of_the_same_model(
    checkpoint: Path, asked: Callable[..., Evaluate], photographs: Path, tmp_path: Path
) -> None:
    words = (f"datasets=[synthetic,{photographs}/deeper]", "metrics=[mse,psnr]", "tracks=own")
    evaluate(asked(checkpoint, *words), tmp_path / "e")
    results = tmp_path / "e" / "results.json"
    bundle = export_model(
        str(checkpoint), output=f"{tmp_path}/b", name="mine", evaluation=str(results)
    )
    card = (bundle / CARD).read_text()
    assert card.startswith("# mine\n")
    assert "## Test photographs of synthetic" in card
    assert "## Photographs of deeper" in card, "a folder, whose path is nobody's business"
    assert str(tmp_path) not in card
    found = json.loads(results.read_text())
    own = found["datasets"]["synthetic"]["tracks"]["own_16"]["scores"]
    (label,) = found["checkpoints"]
    assert f"| **this model** | {own[label]['mse']['mean']:.6f} | " in card

    export_model(str(bundle), output=f"{tmp_path}/of_bundle", evaluation=str(results))
    again = partial(export_model, str(bundle), output=f"{tmp_path}/c")
    with pytest.raises(InputError, match="was measured with size 16; this model has 24"):
        again(size=24, evaluation=str(results))
    with pytest.raises(InputError, match=r"none\.json is not a results\.json of this version's"):
        again(evaluation="none.json")
    about = found["checkpoints"][label]
    tracks = {"datasets": {"faces": {"tracks": {"native": {"scores": own}}}}}
    own[label]["mse"]["mean"], own[label]["psnr"]["mean"] = 0.0123, None
    (tmp_path / "none.json").write_text(json.dumps(found))
    export_model(str(bundle), output=f"{tmp_path}/d", evaluation=f"{tmp_path}/none.json")
    assert "| **this model** | 0.012300 | - |" in (tmp_path / "d" / CARD).read_text()
    for changes, message in (
        ({"checkpoints": {label: about | {"digest": "0"}}}, f"is of another model, {label}"),
        ({"checkpoints": {label: about, "more": about}}, f"is of several models; evaluate {label}"),
        (
            {"checkpoints": {label: about | {"flip_average": True}}},
            "was measured with flip_average True; this model has False",
        ),
        (tracks, "has no scores at the model's own size; add own to tracks"),
    ):
        (tmp_path / "changed.json").write_text(json.dumps(found | changes))
        with pytest.raises(InputError, match=message):
            again(evaluation=f"{tmp_path}/changed.json")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["checkpoint=none.ckpt"],
            "error: no model none.ckpt: give the path of a checkpoint, bundle or ONNX",
        ),
        ([], "error: Missing argument 'checkpoint'"),
        (
            ["checkpoint=x", "format=zip"],
            "error: Invalid value for '--format': 'zip' is not one of 'bundle', 'onnx'",
        ),
        (
            ["checkpoint=x", "precision=tiny"],
            "error: Invalid value for '--precision': 'tiny' is not one of 'half'",
        ),
    ],
)
def test_bad_settings_are_one_line(tmp_path: Path, words: list[str], message: str) -> None:
    done = python("src.export", *words, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(message)
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_shipped_default_is_small_whole_and_better_than_its_baselines() -> None:
    folder = find_model(DEFAULT)
    assert folder == SHIPPED / DEFAULT
    assert (folder / "model.onnx").is_file()  # for an installation without PyTorch
    assert sum(path.stat().st_size for path in folder.iterdir()) < 20_000_000
    predictor, about, _ = read_model(DEFAULT)
    assert not predictor.training
    lines = (Path(__file__).parents[2] / "results" / "frontier.jsonl").read_text().splitlines()
    _, *rows = [json.loads(line) for line in lines]
    gains = {row["row"]: row["gain"] for row in rows}
    temperature = about["objective"]["temperature"]
    ours = gains[f"default, temperature {temperature:g}, saturation 1"]
    tables = ("gray", "mean", "L table", "(position, L) table", "nearest neighbour")
    assert ours > max(gains[name] for name in tables)


def test_a_bundle_on_a_full_disk_is_named_and_not_there(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError) as caught:
        export_model(**settings(f"checkpoint={checkpoint}", f"output={tmp_path}/deeper/bundle"))
    assert one_line(caught.value).startswith(f"{tmp_path}/deeper/bundle: the disk is full; free")
    assert list((tmp_path / "deeper").iterdir()) == []


def test_scores_by_kind_are_in_the_card(checkpoint: Path, tmp_path: Path) -> None:
    def line(row: str, gain: float) -> str:
        numbers = {"photographs": 12, "gain": gain, "interval": 0.5, "colorfulness": 20.0}
        return json.dumps({"row": row, **numbers, "worse_than_gray": 0.25})

    name = "sea: mine, temperature 1, saturation 1"
    rows = [("sea: truth", 70), ("sea: mean", 0.1), ("sea: L table", 0.5)]
    lines = [line(*row) for row in [*rows, ("sea: (position, L) table", 0.25), (name, 1.25)]]
    path = tmp_path / "kinds.jsonl"
    path.write_text("\n".join(['{"command": "it"}', *lines]))
    chosen = {"name": "mine", "evaluation": str(path)}
    folder = export_model(str(checkpoint), output=str(tmp_path / "bundle"), **chosen)
    card = (folder / "README.md").read_text()
    assert "| sea | 12 | 1.25 ± 0.50 | 0.50 | 20 | 20 | 25% |" in card
    path.write_text("\n".join(['{"command": "it"}', *lines[:-1], line(name, math.inf)]))
    for content in (path.read_text(), "[]", "\n".join(['{"command": "it"}', *lines[:-1]])):
        path.write_text(content)
        with pytest.raises(
            InputError, match=r"kinds\.jsonl has no scores by kind at temperature 1"
        ):
            export_model(str(checkpoint), output=str(tmp_path / "no"), evaluation=str(path))
    assert not (tmp_path / "no").exists()
