"""The networks: their layers, their start, their sizes."""

import math
import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import nn

from colorization.errors import InputError
from colorization.networks.fusion import FusionNetwork
from colorization.networks.paper import PaperNetwork
from colorization.networks.resize import Upsampling, predict_at_size, reduce_to_output
from colorization.networks.unet import UNet
from tests.support.command_line import ROOT


def fusion(**changes: Any) -> FusionNetwork:
    encoder = {"name": "tf_efficientnet_lite0", "weights": "random", "tuned": 0, "lr_factor": 0.5}
    return FusionNetwork("tanh", {**encoder, "enlarge": 1, **changes})


def test_has_the_paper_s_layers_and_parameters() -> None:
    network = PaperNetwork()
    convolutions = [layer for layer in network.layers if isinstance(layer, nn.Conv2d)]
    filters = [128, 128, 256, 256, 512, 512, 256, 128, 64, 32, 16, 2]
    assert [layer.out_channels for layer in convolutions] == filters
    assert [i for i, layer in enumerate(convolutions) if layer.stride == (2, 2)] == [1, 3, 5]
    assert sum(p.numel() for p in network.parameters()) == 6_146_194


def test_starts_as_keras_does() -> None:
    layer = PaperNetwork().layers[2]
    limit = math.sqrt(6 / (9 * 128 + 9 * 128))
    assert layer.weight.abs().max() <= limit
    assert layer.weight.std().item() == pytest.approx(limit / math.sqrt(3), rel=0.02)
    assert layer.bias.abs().max() == 0


@pytest.mark.parametrize("size", [(16, 24), (17, 23), (1, 1), (8, 9)])
def test_takes_any_size(size: tuple[int, int]) -> None:
    network = PaperNetwork()
    with torch.inference_mode():
        raw = network(torch.zeros(1, 1, *size))
    assert raw.shape == (1, 2, *(-(-side // 2) for side in size))
    assert network.upsampling(raw, size).shape == (1, 2, *size)


def test_padding_leaves_sizes_that_divide_as_they_are() -> None:
    network = PaperNetwork().eval()
    x = torch.rand(1, 1, 16, 16)
    with torch.inference_mode():
        assert torch.equal(network(x), network.layers(x))


def test_logits_have_no_activation() -> None:
    network = PaperNetwork(channels=7)
    assert isinstance(network.layers[-1], nn.Conv2d)
    assert network(torch.zeros(1, 1, 16, 16)).shape == (1, 7, 8, 8)


@pytest.mark.parametrize("size", [(16, 24), (17, 23), (1, 1), (96, 100)])
@pytest.mark.parametrize("name", ["tf_efficientnet_lite0", "resnet18"])
def test_fusion_takes_any_size(name: str, size: tuple[int, int]) -> None:
    network = fusion(name=name).eval()
    with torch.inference_mode():
        raw = network(torch.rand(2, 1, *size) * 2 - 1)
    assert raw.shape == (2, 2, *(-(-side // 2) for side in size))
    assert raw.isfinite().all()


def test_fusion_is_the_paper_s_network_with_a_mixing_convolution() -> None:
    network = fusion()
    paper = PaperNetwork()
    assert network.layers.state_dict().keys() == paper.layers.state_dict().keys()
    features = 320  # of the classifier's coarsest map
    mixing = (256 + features) * 256 + 256 + 2 * features
    own = sum(p.numel() for p in network.parameters() if p.requires_grad)
    assert own == 6_146_194 + mixing


def test_fusion_tells_every_place_what_is_seen_in_the_whole_photograph() -> None:
    network = fusion().eval()
    with torch.no_grad():
        network.fuse.weight[:, :256] = 0  # nothing but what the classifier sees
        x = torch.rand(1, 1, 96, 96) * 2 - 1
        other = x.clone()
        other[..., :8, :8] *= -1
        first, second = network(x), network(other)
    inner = (..., slice(14, -14), slice(14, -14))  # which the padding of 48 px does not reach
    assert torch.allclose(first[inner], first[..., 24:25, 24:25].expand_as(first[inner]), atol=1e-6)
    assert (first[inner] - second[inner]).abs().max() > 1e-6, "a corner changes what is far away"


def test_fusion_keeps_its_classifier_as_it_is() -> None:
    network = fusion().train()
    assert not network.encoder.training
    before = {name: value.clone() for name, value in network.encoder.state_dict().items()}
    optimizer = torch.optim.SGD(network.parameter_groups(0.1), lr=0.1)
    network(torch.rand(2, 1, 32, 32)).square().sum().backward()
    optimizer.step()
    assert all(torch.equal(value, before[n]) for n, value in network.encoder.state_dict().items())
    tuned = fusion(tuned=1).parameter_groups(0.1)
    assert [group.get("lr") for group in tuned] == [None, 0.1 * 0.5]


@pytest.mark.parametrize(("activation", "lowest"), [("tanh", -1.0), ("relu", 0.0)])
def test_output_activation_bounds_what_can_be_said(activation: str, lowest: float) -> None:
    network = PaperNetwork(activation)
    with torch.no_grad():
        network.layers[-2].bias.fill_(-100)
        assert network(torch.zeros(1, 1, 8, 8)).unique().tolist() == [lowest]


def test_unknown_activation_is_named() -> None:
    with pytest.raises(InputError, match=r"network.activation is 'sine'.*one of: tanh, relu"):
        PaperNetwork("sine")


def test_own_size_is_the_shorter_side_and_output_has_the_input_s() -> None:
    seen = []

    def predict(x: torch.Tensor) -> torch.Tensor:
        seen.append(tuple(x.shape))
        return torch.cat([x, -x], dim=1)

    ramp = torch.linspace(0, 100, 60).expand(1, 1, 40, 60)
    ab = predict_at_size(predict, ramp, 20)
    assert seen == [(1, 1, 20, 30)]
    assert ab.shape == (1, 2, 40, 60)
    # A ramp survives both resamplings away from its ends.
    assert ab[0, 0, :, 3:-3].numpy() == pytest.approx(ramp[0, 0, :, 3:-3].numpy(), abs=0.5)
    same = torch.rand(2, 1, 20, 33)
    assert torch.equal(predict_at_size(predict, same, 20)[:, :1], same)
    assert predict_at_size(predict, torch.rand(1, 1, 8, 200), 16).shape == (1, 2, 8, 200)


def test_output_resolution_keeps_what_the_network_can_say() -> None:
    network = PaperNetwork()
    raw = network(torch.rand(1, 1, 24, 32) * 2 - 1).detach()
    ab = network.upsampling(raw, (24, 32))
    limited = reduce_to_output(ab, network.upsampling)
    assert torch.allclose(limited, ab, atol=1e-6)
    noise = torch.randn(1, 2, 24, 32)
    limited = reduce_to_output(noise, Upsampling(2, "nearest"))
    blocks = noise.unfold(2, 2, 2).unfold(3, 2, 2).mean(dim=(4, 5))
    assert torch.allclose(limited[..., ::2, ::2], blocks, atol=1e-6)
    odd = reduce_to_output(noise[..., :23, :31], Upsampling(2, "bilinear"))
    assert odd.shape == (1, 2, 23, 31)


@pytest.mark.parametrize(("width", "millions"), [(8, 0.26), (16, 1.04), (40, 6.49), (48, 9.34)])
def test_unet_is_as_large_as_its_width_says(width: int, millions: float) -> None:
    network = UNet(width, coordinates=True, dropout=0)
    count = sum(p.numel() for p in network.parameters())
    assert count / 1e6 == pytest.approx(millions, abs=0.01)


@pytest.mark.parametrize("size", [(64, 64), (33, 70), (5, 3), (1, 1)])
def test_unet_takes_any_size(size: tuple[int, int]) -> None:
    network = UNet(8, coordinates=True, dropout=0.5).eval()
    raw = network(torch.rand(2, 1, *size))
    assert network.upsampling(raw, size).shape == (2, 2, *size)


def test_unet_knows_where_it_is_if_told() -> None:
    torch.manual_seed(0)
    network = UNet(8, coordinates=True, dropout=0).eval()
    x = torch.rand(1, 1, 64, 64).expand(1, 1, 64, 64)
    seen = []
    network.encoder.stem.register_forward_hook(lambda module, args, output: seen.append(args[0]))
    network(x)
    assert seen[0].shape == (1, 3, 64, 64)
    assert torch.equal(seen[0][:, :1], x)
    row, column = seen[0][0, 1:]
    assert (row[0, 0], row[-1, 0], column[0, 0], column[0, -1]) == (-1, 1, -1, 1)
    assert (row[:, :1] == row).all()
    assert (column[:1] == column).all()


def test_unet_predicts_at_half_the_resolution_and_says_so() -> None:
    network = UNet(8, coordinates=False, dropout=0).eval()
    assert network(torch.rand(1, 1, 64, 96)).shape[-2:] == (32, 48)
    assert network.upsampling == Upsampling(2, "bilinear")


def test_unet_starts_at_the_constant_that_it_is_given() -> None:
    network = UNet(8, coordinates=True, dropout=0, channels=3)
    constant = torch.tensor([0.1, -0.2, 3.0])
    network.start(constant)
    raw = network(torch.rand(2, 1, 40, 40))
    assert torch.equal(raw, constant[None, :, None, None].expand_as(raw))


def test_unet_dropout_is_for_training_only() -> None:
    network = UNet(8, coordinates=False, dropout=0.5)
    x = torch.rand(1, 1, 64, 64)
    assert not torch.equal(network(x), network(x))
    network.eval()
    assert torch.equal(network(x), network(x))


def test_queries_ask_the_whole_picture_and_answer_every_pixel() -> None:
    torch.manual_seed(0)
    settings: dict[str, Any] = {"width": 8, "coordinates": False, "dropout": 0.0}
    network = UNet(**settings, queries=5).eval()
    plain = sum(p.numel() for p in UNet(**settings).parameters())
    head = 5 * 2 * 9  # five more maps for two channels of a 3 x 3 convolution
    queries = network.queries
    assert queries is not None
    own = sum(p.numel() for p in queries.parameters())
    assert sum(p.numel() for p in network.parameters()) == plain + head + own
    maps = [torch.rand(2, width, 4, 4) for width in (64, 64, 32, 16)]
    finest = torch.rand(2, 8, 32, 48)
    with torch.no_grad():
        before = queries(maps, finest)
        assert before.shape == (2, 5, 32, 48)
        moved = [seen.roll((1, 2), (2, 3)) for seen in maps]
        assert torch.allclose(queries(moved, finest), before, atol=1e-5)  # places do not matter
        maps[0][0, :, 0, 0] += 3  # what is seen anywhere
        changed = (queries(maps, finest) - before).abs().amin(dim=(1, 2, 3))
    assert changed[0] > 1e-6  # matters everywhere
    assert changed[1] == 0  # in this picture
    for size in [(64, 64), (33, 70), (1, 1)]:
        assert network(torch.zeros(2, 1, *size)).shape[1] == 2


def test_unet_of_an_odd_width_is_refused() -> None:
    with pytest.raises(InputError, match=r"network\.width is 20; it must be a multiple of 8"):
        UNet(20, coordinates=False, dropout=0)


ODD_BATCHES = """
import torch
from colorization.networks.unet import UNet

torch.set_num_threads(2)
network = UNet(8, coordinates=True, dropout=0).to(memory_format=torch.channels_last)
for batch in 10 * (3, 5):
    network(torch.rand(batch, 1, 16, 16)).square().mean().backward()
"""


def test_gradients_of_odd_batches_on_two_threads_do_not_end_the_process() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ODD_BATCHES], cwd=ROOT, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
