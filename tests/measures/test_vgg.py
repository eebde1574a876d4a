"""VGG features and the loss on them, with random weights in the place of the real ones; and with those, if
there."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
import torchvision
from torch import Tensor

from genstudio.errors import UsageError, WeightsError
from genstudio.measures.vgg import IMAGENET_MEAN, IMAGENET_STD, PerceptualLoss, VGGFeatures, backbone


@pytest.fixture
def vgg(monkeypatch: pytest.MonkeyPatch) -> torch.nn.Module:
    """torchvision's own net, with random weights; `backbone` gives them out."""
    torch.manual_seed(0)
    net = torchvision.models.vgg.make_layers(torchvision.models.vgg.cfgs["D"], batch_norm=False)
    state = {f"features.{key}": value for key, value in net.state_dict().items()}
    monkeypatch.setattr("genstudio.measures.vgg.backbone", lambda name: {"vgg16": state}[name])
    return net


@torch.no_grad()
def test_features_are_torchvisions_before_their_relus(vgg: torch.nn.Module) -> None:
    picture = torch.rand(2, 3, 40, 56)
    places = {"conv1_1": 0, "conv1_2": 2, "conv2_2": 7, "conv3_3": 14, "conv4_1": 17, "conv5_3": 28}
    found = VGGFeatures(list(places))(picture)
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (IMAGENET_MEAN, IMAGENET_STD))
    assert set(found) == set(places)
    for name, place in places.items():
        # torchvision's ReLUs work in place: stop before the one that follows.
        assert torch.allclose(found[name], vgg[: place + 1]((picture - mean) / std), atol=1e-4), name


def test_only_as_deep_as_asked_and_frozen(vgg: torch.nn.Module) -> None:
    features = VGGFeatures(["conv2_1"])
    assert list(features.convs) == ["conv1_1", "conv1_2", "conv2_1"]
    assert not any(p.requires_grad for p in features.parameters())


@pytest.mark.parametrize("layers", [[], ["conv3_4"]])
def test_unknown_layers_are_named(layers: list[str]) -> None:
    with pytest.raises(UsageError, match="conv1_1, conv1_2"):
        VGGFeatures(layers)


def test_the_loss_is_a_weighted_distance(vgg: torch.nn.Module) -> None:
    a, b = torch.rand(2, 1, 3, 24, 24)
    a.requires_grad_()
    b.requires_grad_()
    one, two = (PerceptualLoss({name: 1.0})(a, b) for name in ("conv1_2", "conv3_1"))
    both = PerceptualLoss({"conv1_2": 0.5, "conv3_1": 2.0})(a, b)
    assert both.item() == pytest.approx((0.5 * one + 2 * two).item(), rel=1e-4)
    assert PerceptualLoss({"conv1_2": 1.0})(a, a) == 0
    both.backward()
    assert a.grad is not None
    assert a.grad.abs().max() > 0
    assert b.grad is None


def test_half_precision_is_near_single(vgg: torch.nn.Module) -> None:
    a, b = torch.rand(2, 2, 3, 32, 32)
    loss = PerceptualLoss({"conv1_2": 1.0, "conv2_2": 1.0})
    with torch.autocast("cpu", torch.bfloat16):
        half = loss(a, b)
    assert half.dtype == torch.float32
    assert half.item() == pytest.approx(loss(a, b).item(), rel=0.02)


def test_real_weights() -> None:
    folder = os.environ.get("GENSTUDIO_WEIGHTS")
    if folder is None or not (Path(folder) / "vgg16_features.safetensors").is_file():
        pytest.skip("no vgg16_features.safetensors in $GENSTUDIO_WEIGHTS")
    state: Mapping[str, Tensor] = backbone("vgg16")
    assert {value.dtype for value in state.values()} == {torch.float32}
    picture = torch.full((1, 3, 32, 32), 0.5)
    assert VGGFeatures(["conv5_3"])(picture)["conv5_3"].shape == (1, 512, 2, 2)


def test_missing_weights_say_where_they_are_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(*args: object, **keywords: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setenv("GENSTUDIO_WEIGHTS", str(tmp_path))
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", offline)
    with pytest.raises(WeightsError, match=r"vgg16_features\.safetensors.*no route to host"):
        PerceptualLoss({"conv1_2": 1.0})
