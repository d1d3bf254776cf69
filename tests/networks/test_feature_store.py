"""Features that are kept: in memory, in a file, at half precision."""

import logging
import shutil
from pathlib import Path

import pytest
import torch
from torch import Tensor

from colorization.networks import feature_store
from colorization.networks.feature_store import FeatureFile, FeatureStore

ONE = 2 * (3 * 8 * 8 + 5)  # bytes of a picture's features


class Encoder:
    """Gives two maps of each picture, and counts the batches that it sees."""

    def __init__(self) -> None:
        self.seen = 0

    def __call__(self, x: Tensor) -> list[Tensor]:
        self.seen += 1
        return [x.expand(-1, 3, -1, -1) * 1.2345, x.mean(dim=(2, 3)).expand(-1, 5) + 0.1]


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory for the features of one picture and a half."""
    monkeypatch.setattr(feature_store, "KEPT_BYTES", ONE * 3 // 2)


@pytest.fixture
def pictures() -> Tensor:
    torch.manual_seed(0)
    return torch.rand(5, 1, 8, 8) * 2 - 1


@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_memory_is_too_small_for_lies_in_a_file_without_a_name(
    tmp_path: Path, pictures: Tensor, dtype: torch.dtype, caplog: pytest.LogCaptureFixture
) -> None:
    encoder = Encoder()
    store = FeatureStore(
        lambda x: [features.to(dtype) for features in encoder(x)], tmp_path / "new"
    )
    with caplog.at_level(logging.INFO):
        first = store(pictures)
    assert encoder.seen == 1
    again = store(pictures.flip(0))
    assert encoder.seen == 1, "all five are kept"
    assert len(store.features) == 1
    for level, features in enumerate(Encoder()(pictures)):
        assert torch.equal(again[level].flip(0), first[level])
        step = 2**-8 if dtype == torch.bfloat16 else 2**-11
        assert torch.allclose(first[level], features, rtol=step, atol=1e-7)
        assert first[level].dtype == torch.float32
    assert "features of 1 photographs fill the memory" in caplog.text
    assert f"more of them go to a file in {tmp_path / 'new'}" in caplog.text
    assert not list((tmp_path / "new").iterdir())


@pytest.mark.usefixtures("little_memory")
def test_without_a_folder_the_rest_is_computed_anew(pictures: Tensor) -> None:
    encoder = Encoder()
    store = FeatureStore(encoder)
    first, again = store(pictures), store(pictures)
    assert encoder.seen == 2
    assert all(map(torch.equal, first, again))


@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize("what", ["its share of the disk", "the disk"])
def test_a_full_disk_is_told_and_the_rest_computed_anew(
    tmp_path: Path, pictures: Tensor, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    encoder = Encoder()
    store = FeatureStore(encoder, tmp_path)
    store.is_full = True
    store.file = FeatureFile(tmp_path, processes=1)
    if what == "the disk":
        store.file.file = open("/dev/full", "r+b", buffering=0)  # noqa: SIM115
    else:
        store.file.room = ONE * 2
    with caplog.at_level(logging.INFO):
        first = store(pictures)
        again = store(pictures)
    kept = 0 if what == "the disk" else 2
    assert caplog.text.count(f"features of {kept} photographs fill the room in {tmp_path}") == 1
    assert encoder.seen == 2
    assert all(map(torch.equal, first, again))


def test_processes_share_the_room(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    rooms = [FeatureFile(tmp_path, processes).room for processes in (1, 4)]
    assert rooms == pytest.approx([free / 2, free / 8], rel=0.1)


def test_what_half_precision_cannot_hold_is_its_largest(pictures: Tensor) -> None:
    (found,) = FeatureStore(lambda x: [x * 1e9])(pictures)
    assert torch.isfinite(found).all()
    assert found.abs().min() == torch.finfo(torch.float16).max
