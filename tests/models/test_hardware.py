"""What auto means, and what cannot be had."""

from collections.abc import Callable

import pytest
import torch

from colorization.errors import InputError
from colorization.models import hardware
from colorization.settings.commands import Train
from colorization.training.run import build_parts


@pytest.mark.parametrize(("has_bfloat16", "precision"), [(True, "bf16-mixed"), (False, "32-true")])
def test_cpu_takes_bfloat16_where_it_has_the_instructions(
    settings: Callable[..., Train],
    monkeypatch: pytest.MonkeyPatch,
    has_bfloat16: bool,
    precision: str,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: has_bfloat16)
    assert hardware.choose(settings("trainer=auto").trainer) == ("cpu", precision)


def test_auto_takes_the_gpu_where_there_is_one(
    settings: Callable[..., Train], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    assert hardware.choose(settings("trainer=auto").trainer) == ("gpu", "bf16-mixed")
    assert hardware.choose(settings("trainer=float32").trainer) == ("cpu", "32-true")


def test_auto_takes_apple_s_gpu_in_float32_where_there_is_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    for accelerator in ("auto", "gpu"):
        found = hardware.resolve(accelerator, "auto")
        assert found == ("mps", "32-true")
        assert found.device.type == "mps"
    assert hardware.resolve("cpu", "32-true") == ("cpu", "32-true")
    with pytest.raises(InputError, match="precision is bf16-mixed, but Apple's GPU computes in"):
        hardware.resolve("auto", "bf16-mixed")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert hardware.resolve("auto", "32-true") == ("gpu", "32-true"), "CUDA goes first"


def test_what_needs_a_gpu_is_refused_without_one(
    settings: Callable[..., Train], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match=r"accelerator is gpu, but PyTorch finds none"):
        hardware.choose(settings("trainer.accelerator=gpu").trainer)
    with pytest.raises(InputError, match=r"16-mixed, which needs a GPU"):
        hardware.choose(settings("trainer.precision=16-mixed").trainer)


def test_layout_and_compile_follow_the_settings(settings: Callable[..., Train]) -> None:
    network = torch.nn.Conv2d(4, 4, 3)
    hardware.prepare(network, settings("trainer.channels_last=false").trainer)
    assert not network.weight.is_contiguous(memory_format=torch.channels_last)
    hardware.prepare(network, settings("trainer.compile=true").trainer)
    assert network.weight.is_contiguous(memory_format=torch.channels_last)
    assert network._compiled_call_impl is not None
    parts = ["perceptual=features", "adversary=patch", "amplifier=residual"]
    colorizer, _ = build_parts(settings("trainer.compile=true", *parts))
    terms = colorizer.terms["perceptual"], colorizer.adversary
    for part in (colorizer.network, colorizer.amplifier, *terms):
        assert part is not None
        assert part._compiled_call_impl is not None
