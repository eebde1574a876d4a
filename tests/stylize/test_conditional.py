"""The net with conditional instance normalisation: tiles, strange sizes, training, and a painting's own
parameters; with VGG-16 and an encoder of random weights."""

from dataclasses import replace
from pathlib import Path

import made as weights_made
import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from genstudio.data.store import PictureStore, open_store
from genstudio.errors import WeightsError
from genstudio.measures import vgg
from genstudio.stylize import train
from genstudio.stylize.extractors import Ours
from genstudio.stylize.learners import conditional as learner
from genstudio.stylize.learners.base import Stores
from genstudio.stylize.learners.conditional import ConditionalLearner
from genstudio.stylize.learners.conditional_losses import (
    LookAt,
    colour_directions,
    colour_loss,
    content_loss,
    style_loss,
)
from genstudio.stylize.learners.own_style import Budget, Step, learn
from genstudio.stylize.learners.paintings import recoloured, scaled_crops
from genstudio.stylize.nets.conditional import ConditionalConfig, ConditionalNet, Moments
from genstudio.stylize.nets.encoder import Encoder, EncoderConfig
from genstudio.stylize.options import LAYERS
from genstudio.training import loop

CONFIG = ConditionalConfig(half=8, quarter=12, up=8, full=6, blocks=2, hidden=16, code=8, ranks=(4,) * 7)


def tiny() -> ConditionalNet:
    torch.manual_seed(0)
    return ConditionalNet(CONFIG).eval()


def look() -> LookAt:
    torch.manual_seed(1)
    encoder = Encoder(EncoderConfig((4,) * 7)).requires_grad_(False)
    return LookAt(Ours(encoder), LAYERS, LAYERS[1])  # random weights leave the last ones dead


def picture(seed: int, height: int = 48, width: int = 48) -> Tensor:
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (6, 6, 3), np.uint8)).resize((width, height))
    return torch.from_numpy(np.array(coarse)).permute(2, 0, 1)[None].float() / 255


@pytest.mark.parametrize("size", [(1, 1), (5, 3), (37, 50), (64, 64)])
@torch.no_grad()
def test_any_size_comes_back(size: tuple[int, int]) -> None:
    net = tiny()
    result = net(picture(0, *size), net.predict(net.style_features(picture(1))))
    assert result.shape == (1, 3, *size)
    assert result.dtype == torch.float32
    assert 0 <= result.min() <= result.max() <= 1


@torch.no_grad()
def test_tiles_equal_the_whole_once_moments_are_known() -> None:
    net = tiny()
    style = net.predict(net.style_features(picture(1)))
    whole = picture(0, 160, 96)
    moments = net.moments(whole, style)
    in_one = net(whole, style)
    assert torch.allclose(in_one, net(whole, style, moments), atol=1e-5)
    margin = net.overlap_px + -net.overlap_px % net.multiple
    tile = net(whole[..., 80 - margin :, :], style, moments)
    assert torch.allclose(tile[..., margin:, :], in_one[..., 80:, :], atol=1e-5)


@torch.no_grad()
def test_moments_of_frames_are_those_of_all() -> None:
    net = tiny()
    style = net.predict(net.style_features(picture(1)))
    once, other = (net.moments(picture(seed), style) for seed in (0, 2))
    pooled = Moments.pooled([once, once])
    assert all(torch.allclose(a, b) for a, b in zip(pooled.variances, once.variances, strict=True))
    both = Moments.pooled([once, other])
    assert torch.allclose(both.means[0], (once.means[0] + other.means[0]) / 2)
    # Of the first layer, whose input does not depend on normalisation, these are the exact ones.
    beside = net.moments(torch.cat((picture(0), picture(2)), 3), style)
    assert torch.allclose(both.variances[0], beside.variances[0], rtol=0.15)


def test_losses_are_zero_where_nothing_is_left_to_do() -> None:
    at = look()
    a, b, c = (at(picture(seed)) for seed in range(3))
    assert style_loss(b, b, a).item() == pytest.approx(0, abs=1e-5)
    assert style_loss(a, b, a).item() > 0.05
    assert content_loss(a, a).item() == 0
    assert content_loss(c, a).item() > 0.05
    directions = colour_directions(8, torch.device("cpu"))
    assert colour_loss(picture(0), picture(0).flip(2), directions).item() == pytest.approx(0, abs=1e-6)
    grey = torch.full((1, 3, 16, 16), 0.25)
    assert colour_loss(grey, grey + 0.5, torch.tensor([[1.0, 0, 0]])).item() == pytest.approx(0.5)
    mixed = a.mixed(b, torch.tensor([0.25]))
    assert torch.allclose(mixed.means[0], 0.75 * a.means[0] + 0.25 * b.means[0])


def test_hues_turn_and_lightness_stays() -> None:
    paintings = torch.cat([picture(seed) for seed in range(4)]) * 0.2 + 0.4
    assert torch.equal(recoloured(paintings, np.random.default_rng(0), 0.0), paintings)
    turned = recoloured(paintings, np.random.default_rng(0), 1.0)
    luma = torch.tensor((0.299, 0.587, 0.114)).view(3, 1, 1)
    before, after = ((each * luma).sum(1).mean((1, 2)) for each in (paintings, turned))
    assert torch.allclose(before, after, atol=0.02)
    assert (turned - paintings).abs().mean() > 0.01


@pytest.fixture
def stores(tmp_path: Path) -> Stores:
    def store(name: str, seeds: range) -> PictureStore:
        (tmp_path / name).mkdir()
        for seed in seeds:
            pixels = (picture(seed, 70, 64)[0].permute(1, 2, 0) * 255).byte().numpy()
            Image.fromarray(pixels).save(tmp_path / name / f"{seed}.png")
        return open_store(tmp_path / name, tmp_path / "cache", 32)

    return Stores(store("photos", range(12)), store("paintings", range(20, 32)))


def test_crops_are_of_many_scales_and_seeded(stores: Stores) -> None:
    crops = [
        scaled_crops(stores.photos, [0, 1, 2], 4, 32, np.random.default_rng(seed), turned=True)
        for seed in (0, 0, 1)
    ]
    assert crops[0].shape == (4, 32, 32, 3)
    assert np.array_equal(crops[0], crops[1])
    assert not np.array_equal(crops[0], crops[2])


@pytest.mark.training
def test_it_learns_and_goes_on(stores: Stores, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(vgg, "VGG", {"vgg16": ((2, 8), (2, 8), (3, 8), (3, 8), (3, 8))})
    monkeypatch.setattr(vgg, "backbone", random_features)
    monkeypatch.setattr(learner, "our_encoder", lambda: Encoder(EncoderConfig((4,) * 7)))
    recipe = replace(
        train.conditional, net=CONFIG, steps=40, batch_size=2, crop_px=32, validation_px=32,
        precision="float32", validate_every=20, lr=5e-3,
    )  # fmt: skip
    made = ConditionalLearner(recipe, stores)
    before = made.validate(made.net, None)
    result = loop.train(made, replace(recipe, steps=20), tmp_path / "run", device="cpu")
    assert result.finished
    result = loop.train(
        ConditionalLearner(recipe, stores), recipe, tmp_path / "run", device="cpu", resume=True
    )
    assert result.step == 40
    assert result.scores["colour"] < before["colour"]
    assert (tmp_path / "run" / "samples" / "0000020.png").is_file()


def test_weights_to_begin_with(tmp_path: Path) -> None:
    path = tmp_path / "begun.safetensors"
    net = tiny()
    weights_made.save(path, "stylize", "conditional", net)
    recipe = replace(train.conditional, net=CONFIG, warm_start=str(path))
    begun = ConditionalLearner(recipe, None).net.state_dict()["tail.weight"]
    assert torch.allclose(begun, net.tail.weight, atol=1e-3)  # in half precision
    with pytest.raises(WeightsError, match="expected weights of a net like"):
        ConditionalLearner(replace(recipe, net=replace(CONFIG, blocks=3)), None)


def random_features(name: str) -> dict[str, Tensor]:
    """In the place of VGG-16's weights."""
    rng = torch.Generator().manual_seed(1)
    state, index, inputs = {}, 0, 3
    for number, width in vgg.VGG[name]:
        for _ in range(number):
            state[f"features.{index}.weight"] = torch.randn(width, inputs, 3, 3, generator=rng) / (
                3 * inputs**0.5
            )
            state[f"features.{index}.bias"] = torch.zeros(width)
            index, inputs = index + 2, width
        index += 1
    return state


def test_a_painting_learns_its_own_parameters() -> None:
    net = tiny().requires_grad_(False)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    steps: list[Step] = []

    def contents(rng: np.random.Generator) -> Tensor:
        return picture(int(rng.integers(4)), 32, 32)

    made = learn(net, picture(7), contents, look(), Budget(steps=60, lr=0.05), on_step=steps.append)
    assert made.steps_done == 60 == len(steps)
    assert made.last_loss < 0.9 * made.first_loss
    assert made.parameters.shape == (1, 2 * sum(net.widths))
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert steps[-1].results.shape == (1, 3, 32, 32)
    again = learn(net, picture(7), contents, look(), Budget(steps=60, lr=0.05), enough=lambda: True)
    assert again.steps_done == 1
    none = learn(net, picture(7), contents, look(), Budget(minutes=1e-9))
    assert none.steps_done == 0
    assert torch.equal(none.parameters, net.predict(net.style_features(picture(7))))
