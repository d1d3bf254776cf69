"""Every stage on small pictures: augmented in training only, in order elsewhere."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from colorization.color import from_uint8, rgb_to_lab
from colorization.data.batches import BatchShares, PixelDataset, ResumableLoader, Shuffled
from colorization.data.datamodule import ColorDataModule
from colorization.errors import InputError
from colorization.settings.commands import Train
from colorization.settings.compose import build, to_dict

FLIPPED = ["augmentation=none", "augmentation.flip_horizontal=1"]


def datamodule(settings: Train) -> ColorDataModule:
    config = to_dict(settings)
    data = ColorDataModule(config["dataset"], config["augmentation"], settings.data.batch_size, 0)
    data.prepare_data()
    data.setup()
    return data


def in_stage(data: ColorDataModule, **stage: bool) -> ColorDataModule:
    stages = {"training": False, "evaluating": False, "predicting": False}
    data.trainer = SimpleNamespace(
        global_step=0, estimated_stepping_batches=10, **{**stages, **stage}
    )  # type: ignore[assignment]
    return data


@pytest.mark.parametrize("stage", ["training", "evaluating", "predicting"])
def test_only_training_is_augmented(settings: Callable[..., Train], stage: str) -> None:
    data = in_stage(datamodule(settings(*FLIPPED)), **{stage: True})
    pixels = next(iter(data.val_dataloader()))
    L, ab = data.on_after_batch_transfer(pixels, 0)
    expected = rgb_to_lab(from_uint8(pixels.flip(3) if stage == "training" else pixels))
    assert torch.equal(L, expected.L)
    assert torch.equal(ab, expected.ab)
    assert L.dtype == ab.dtype == torch.float32


def test_unknown_stage_is_an_error(settings: Callable[..., Train]) -> None:
    data = datamodule(settings())
    with pytest.raises(RuntimeError, match="cannot tell whether to augment"):
        in_stage(data).on_after_batch_transfer(torch.zeros(1, 3, 8, 8).byte(), 0)


def test_training_order_depends_on_seed_and_epoch_alone(settings: Callable[..., Train]) -> None:
    def order(epoch: int) -> torch.Tensor:
        loader = datamodule(settings("dataset.train=32")).train_dataloader()
        loader.batch_sampler.sampler.set_epoch(epoch)  # type: ignore[attr-defined]
        return torch.cat(list(loader))

    assert torch.equal(order(3), order(3))
    assert not torch.equal(order(3), order(4))
    assert torch.equal(order(3).sum(0), order(4).sum(0))


def test_orders_of_one_seed_are_not_those_of_another() -> None:
    orders = []
    for seed in range(5):
        order = Shuffled(100, seed)
        for epoch in range(5):
            order.set_epoch(epoch)
            orders.append(tuple(order))
            assert sorted(order) == list(range(100))
    assert len(set(orders)) == 25


def test_augmentation_of_one_seed_is_not_that_of_another(settings: Callable[..., Train]) -> None:
    config = to_dict(settings("augmentation=paper"))
    pixels = torch.randint(0, 256, (1, 3, 16, 16), dtype=torch.uint8)

    def drawn(seed: int, step: int, rank: int) -> tuple[float, ...]:
        data = ColorDataModule(config["dataset"], config["augmentation"], 1, seed)
        data = in_stage(data, training=True)
        data.trainer.global_step = step  # type: ignore[union-attr, misc]
        data.rank = rank
        return tuple(data.on_after_batch_transfer(pixels, 0).L.flatten().tolist())

    circumstances = [(0, 0, 0), (0, 0, 1), (0, 1_000_003, 0), (1, 0, 0), (2**32 - 1, 0, 0)]
    found = [drawn(*each) for each in circumstances]
    assert len(set(found)) == len(found)
    assert drawn(0, 1_000_003, 0) == found[2]


def test_every_photograph_is_seen_once_an_epoch(settings: Callable[..., Train]) -> None:
    data = datamodule(settings("dataset.train=5"))
    seen = [len(batch) for batch in data.train_dataloader()]
    assert seen == [2, 2, 1]
    pictures = torch.cat(list(data.train_dataloader()))
    assert len({tuple(picture.flatten().tolist()) for picture in pictures}) == 5


def test_near_gray_photographs_are_listed_and_not_scored(
    settings: Callable[..., Train], photographs: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for index in range(0, 20, 3):
        path = next(photographs.rglob(f"{index:02d}.png"))
        Image.open(path).convert("L").save(path)
    words = ["dataset=folder", f"dataset.root={photographs}", "dataset.test=8"]
    words.append("dataset.train=10")
    dataset = build(to_dict(settings(*words))["dataset"])
    unusable = next(n for n in dataset.names("test") if int(Path(n).stem) % 3)
    (photographs / unusable).write_text("no picture")
    with caplog.at_level("INFO"):
        data = datamodule(settings(*words))
    gray = data.near_gray["test"]
    assert gray
    assert all(int(Path(name).stem) % 3 == 0 for name in gray)
    assert len(gray) + len(data.images["test"].names) == 7
    said = f"left out 1 that cannot be used; {len(gray)} near-gray left out: {', '.join(gray)}"
    assert f"of 8 test photographs: {said}" in caplog.text
    train = data.images["train"].names
    assert len(train) == 10, "training keeps its near-gray photographs"
    gray = [name for name in train if int(Path(name).stem) % 3 == 0]
    said = f"{len(gray)} near-gray trained on all the same: {', '.join(gray)}"
    assert f"of 10 train photographs: {said}" in caplog.text


def test_only_gray_photographs_cannot_be_scored(
    settings: Callable[..., Train], tmp_path: Path
) -> None:
    for index in range(10):
        noise = np.random.default_rng(index).integers(0, 256, (16, 16), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / f"{index}.png")
    message = (
        "every val photograph of folder is near-gray and cannot be scored; use photographs in "
        r"colour, or more of them: dataset\.val sets how many, dataset\.split_seed which$"
    )
    with pytest.raises(InputError, match=message):
        datamodule(settings("dataset=folder", f"dataset.root={tmp_path}"))


def test_photographs_are_read_once(settings: Callable[..., Train], photographs: Path) -> None:
    data = datamodule(settings("dataset=folder", f"dataset.root={photographs}"))
    before: dict[str, Any] = {split: images.pixels for split, images in data.images.items()}
    for path in photographs.rglob("*.png"):
        path.unlink()
    data.setup("fit")
    assert all(data.images[split].pixels is pixels for split, pixels in before.items())


class Noted:
    """Five pixels, and which of them were asked for."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def __len__(self) -> int:
        return 5

    def __getitem__(self, rows: Any) -> torch.Tensor:
        self.asked += rows
        return torch.tensor(rows)


def test_what_was_seen_before_an_interruption_is_not_read_again() -> None:
    pixels = Noted()
    loader = ResumableLoader(PixelDataset(pixels), BatchShares(range(5), 2))
    loader.load_state_dict({"batches": 1})
    assert [batch.tolist() for batch in loader] == [[2, 3], [4]]
    assert pixels.asked == [2, 3, 4]
    assert loader.state_dict() == {"batches": 0}
    assert [batch.tolist() for batch in loader] == [[0, 1], [2, 3], [4]], "the next epoch is whole"
