"""The adversarial learner in the one loop, on tiny nets and a VGG of random weights."""

import dataclasses
import json
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from torch import nn

from genstudio.data.store import PictureStore, open_store
from genstudio.errors import UsageError, WeightsError
from genstudio.training import loop, run
from genstudio.upscale import train
from genstudio.upscale.adversarial import AdversarialLearner, AdversarialRecipe
from genstudio.upscale.compact import Compact, CompactConfig
from genstudio.upscale.discriminator import Discriminator, DiscriminatorConfig

pytestmark = pytest.mark.training

TINY = AdversarialRecipe(
    name="upscale/tiny-photo",
    net=CompactConfig(width=8, depth=2, scale=2),
    steps=12,
    batch_size=2,
    crop_px=16,
    judged_px=12,
    precision="float32",
    validate_every=12,
    validation_px=64,
    perceptual_layers={"conv1_2": 1.0},
    perceptual_after=0.25,
    gan_after=0.5,
    discriminator=DiscriminatorConfig(width=4),
)


@pytest.fixture(autouse=True)
def random_vgg(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    convs = torchvision.models.vgg.make_layers([64, 64], batch_norm=False)
    state = {f"features.{key}": value for key, value in convs.state_dict().items()}

    def backbone(name: str) -> dict[str, torch.Tensor]:
        if name == "vgg16":
            return state
        raise WeightsError("expected the features of alexnet, found none")

    monkeypatch.setattr("genstudio.measures.vgg.backbone", backbone)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> PictureStore:
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for k in range(3):
        coarse = Image.fromarray(rng.integers(0, 256, (8, 10, 3), dtype=np.uint8))
        coarse.resize((100, 80), Image.Resampling.BICUBIC).save(folder / f"photo-{k}.png")
    return open_store(folder, tmp_path_factory.mktemp("cache"), TINY.min_side_px)


def plain_update(loss: torch.Tensor, optimizer: Any, lr: float) -> None:
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    loss.backward(inputs=parameters)
    optimizer.step()
    optimizer.zero_grad()


def copied(net: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in net.state_dict().items()}


def equal(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


# Stopped before and after the discriminator has begun to learn.
@pytest.mark.parametrize("stop", [4, 9])
def test_resume_is_exact(store: PictureStore, tmp_path: Path, stop: int) -> None:
    straight, halves = AdversarialLearner(TINY, store), AdversarialLearner(TINY, store)
    loop.train(straight, TINY, tmp_path / "straight", device="cpu")

    class Stops(AdversarialLearner):
        def step(self, batch, progress, update):  # type: ignore[no-untyped-def]
            if progress >= (stop - 1) / TINY.steps:
                os.kill(os.getpid(), signal.SIGTERM)
            return super().step(batch, progress, update)

    first = loop.train(Stops(TINY, store), TINY, tmp_path / "halves", device="cpu")
    assert (first.step, first.finished) == (stop, False)
    loop.train(halves, TINY, tmp_path / "halves", device="cpu", resume=True)
    assert equal(copied(straight.net), copied(halves.net))
    assert equal(copied(straight.discriminator), copied(halves.discriminator))
    assert any("_u" in name for name in halves.discriminator.state_dict())
    averages = [loop.load_average(tmp_path / name, halves)[0] for name in ("straight", "halves")]
    assert equal(copied(averages[0]), copied(averages[1]))


def test_a_run_has_its_curves_and_samples(store: PictureStore, tmp_path: Path) -> None:
    result = loop.train(AdversarialLearner(TINY, store), TINY, tmp_path, device="cpu")
    rows = [json.loads(line) for line in (tmp_path / "stats.jsonl").read_text("utf-8").splitlines()]
    curves = next(row for row in rows if "l1" in row)
    assert curves.keys() >= {"l1", "perceptual", "gan", "d_real", "d_fake"}
    assert set(result.scores) == {"psnr_y"}  # without AlexNet there is no LPIPS
    with Image.open(tmp_path / "samples" / "0000012.png") as samples:
        assert samples.width == 3 * 256


def test_phases(store: PictureStore) -> None:
    learner = AdversarialLearner(TINY, store)
    batch = learner.batch(0, 0)
    untouched = copied(learner.discriminator)
    assert set(learner.step(batch, 0.0, plain_update)) == {"l1"}
    assert set(learner.step(batch, 0.3, plain_update)) == {"l1", "perceptual"}
    assert equal(untouched, copied(learner.discriminator))
    assert set(learner.step(batch, 0.5, plain_update)) == {"l1", "perceptual", "gan", "d_real", "d_fake"}
    assert not equal(untouched, copied(learner.discriminator))


def test_each_update_is_of_one_net(store: PictureStore) -> None:
    learner = AdversarialLearner(replace(TINY, perceptual_weight=0.0), store)
    seen = []

    def watching(loss: torch.Tensor, optimizer: Any, lr: float) -> None:
        before = copied(learner.net), copied(learner.discriminator)
        plain_update(loss, optimizer, lr)
        seen.append((equal(before[0], copied(learner.net)), equal(before[1], copied(learner.discriminator))))

    losses = learner.step(learner.batch(0, 0), 0.9, watching)
    assert seen == [(False, True), (True, False)]
    assert "perceptual" not in losses


def test_the_discriminator_learns(store: PictureStore) -> None:
    learner = AdversarialLearner(replace(TINY, perceptual_weight=0.0, discriminator_lr=2e-3), store)
    learner.optimizer = torch.optim.SGD(learner.net.parameters(), 0.0)  # the other side stands still
    batch = learner.batch(0, 0)
    for _ in range(50):
        losses = learner.step(batch, 0.9, plain_update)
    assert losses["d_real"] + losses["d_fake"] < 1.2  # 2 log 2 is a coin's
    assert losses["gan"] > losses["d_real"]


def test_a_batch_is_decided_by_step_and_process(store: PictureStore) -> None:
    learner = AdversarialLearner(TINY, store)
    (a, original), (b, _) = learner.batch(3, 1), learner.batch(3, 1)
    assert a.shape == (2, 3, 16, 16)
    assert original.shape == (2, 3, 32, 32)
    assert torch.equal(a, b)
    assert not torch.equal(a, learner.batch(3, 0)[0])
    assert not torch.equal(a, learner.batch(4, 1)[0])


def test_discriminator_judges_every_pixel_and_is_kept_smooth() -> None:
    torch.manual_seed(0)
    net = Discriminator(DiscriminatorConfig(width=8))
    picture = torch.rand(2, 3, 32, 48)
    assert net(picture).shape == (2, 1, 32, 48)
    for _ in range(20):
        net(picture)
    for conv in net.refine:
        weight = conv.get_parameter("parametrizations.weight.original")
        largest = torch.linalg.matrix_norm(weight.flatten(1), 2)
        assert torch.allclose(conv.weight * largest, weight, rtol=0.02)
    with torch.autocast("cpu", torch.bfloat16):
        half = net(picture)
    assert torch.allclose(half.float(), net(picture), atol=0.05)


@pytest.mark.parametrize("judged_px", [0, 6, 20, 11])
def test_what_cannot_be_judged_is_refused(judged_px: int) -> None:
    with pytest.raises(UsageError, match=f"found {judged_px}"):
        run.override(TINY, [f"judged_px={judged_px}"])


@pytest.mark.parametrize("name", [n for n, r in train.RECIPES.items() if isinstance(r, AdversarialRecipe)])
def test_recipes_can_be_written_down_and_export_without_pictures(name: str) -> None:
    recipe = train.RECIPES[name]
    assert recipe.name == name
    assert run.revive(recipe, json.loads(json.dumps(dataclasses.asdict(recipe)))) == recipe
    recipe = run.override(recipe, ["warm_start=null", "discriminator.width=4"])
    learner = train.make_learner(recipe, None)
    shipped = learner.export(learner.net)
    assert isinstance(shipped, Compact) == isinstance(recipe.net, CompactConfig)
