"""Learning from a teacher in the one loop, on tiny nets, a made-up teacher and a VGG of random weights."""

import dataclasses
import json
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
import torchvision
from PIL import Image
from spandrel.architectures.Compact import Compact
from torch import nn

from genstudio import weights
from genstudio.data.lessons import KINDS, LessonPlan, Records, learn, squares
from genstudio.data.store import PictureStore, open_store
from genstudio.errors import UsageError, WeightsError
from genstudio.training import loop, run
from genstudio.training.options import TrainOptions
from genstudio.upscale import train
from genstudio.upscale.discriminator import Discriminator, DiscriminatorConfig
from genstudio.upscale.srvgg import SRVGGConfig, SRVGGNet
from genstudio.upscale.taught import TaughtLearner, TaughtRecipe

pytestmark = pytest.mark.training

TINY = TaughtRecipe(
    name="upscale/tiny-photo",
    net=SRVGGConfig(width=8, depth=2, scale=2),
    steps=12,
    batch_size=2,
    crop_px=20,
    judged_px=12,
    lessons=LessonPlan(count=24, input_px=24),
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


def teacher(pictures: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.interpolate(pictures, scale_factor=2, mode="nearest")


def plain_pictures(side_px: int, rng: np.random.Generator) -> Any:
    return np.full((side_px, side_px, 3), rng.integers(256), np.uint8)


def lessons(store: PictureStore, path: Path, count: int = 24) -> Records:
    plan = replace(TINY.lessons, count=count)
    part = store.split()[0]
    return learn(path, plan, store, part, plain_pictures, teacher, scale=2, seed=0, progress=lambda *_: None)


@pytest.fixture(scope="module")
def records(store: PictureStore, tmp_path_factory: pytest.TempPathFactory) -> Records:
    return lessons(store, tmp_path_factory.mktemp("lessons") / "lessons.bin")


def test_lessons_are_what_was_asked(records: Records) -> None:
    assert len(records) == 24
    for lesson in records:
        assert (lesson["answer"] == lesson["input"].repeat(2, 0).repeat(2, 1)).all()
        known = not KINDS[lesson["kind"]].startswith("own")
        assert lesson["original"].any() == known
        if KINDS[lesson["kind"]] == "clean":
            halves = lesson["original"].reshape(24, 2, 24, 2, 3).mean((1, 3))
            assert np.abs(halves - lesson["input"]).mean() < 4


def test_lessons_that_were_interrupted_go_on(store: PictureStore, records: Records, tmp_path: Path) -> None:
    path = tmp_path / "lessons.bin"
    lessons(store, path, 8)
    with path.open("ab") as file:
        file.write(b"half a record")
    assert lessons(store, path).tobytes() == records.tobytes()


def test_squares_are_cut_and_posed_alike(records: Records) -> None:
    _, inputs, answers, _ = squares(records, 8, 20, np.random.default_rng(0))
    assert inputs.shape == (8, 20, 20, 3)
    assert (answers == inputs.repeat(2, 1).repeat(2, 2)).all()


def test_patterns_are_to_stay_themselves(store: PictureStore, records: Records) -> None:
    batch = TaughtLearner(replace(TINY, patterns=1.0), store, records).batch(0, 0)
    assert batch.clean.all()
    assert batch.known.all()
    means = batch.input.mean((2, 3)), batch.answer.mean((2, 3))
    assert (means[0] - means[1]).abs().max() < 0.05
    assert torch.equal(batch.answer, batch.original)


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
def test_resume_is_exact(store: PictureStore, records: Records, tmp_path: Path, stop: int) -> None:
    straight, halves = TaughtLearner(TINY, store, records), TaughtLearner(TINY, store, records)
    loop.train(straight, TINY, tmp_path / "straight", device="cpu")

    class Stops(TaughtLearner):
        def step(self, batch, progress, update):  # type: ignore[no-untyped-def]
            if progress >= (stop - 1) / TINY.steps:
                os.kill(os.getpid(), signal.SIGTERM)
            return super().step(batch, progress, update)

    first = loop.train(Stops(TINY, store, records), TINY, tmp_path / "halves", device="cpu")
    assert (first.step, first.finished) == (stop, False)
    loop.train(halves, TINY, tmp_path / "halves", device="cpu", resume=True)
    assert equal(copied(straight.net), copied(halves.net))
    assert equal(copied(straight.discriminator), copied(halves.discriminator))
    assert any("_u" in name for name in halves.discriminator.state_dict())
    averages = [loop.load_average(tmp_path / name, halves)[0] for name in ("straight", "halves")]
    assert equal(copied(averages[0]), copied(averages[1]))


def test_a_run_has_its_curves_and_samples(store: PictureStore, records: Records, tmp_path: Path) -> None:
    result = loop.train(TaughtLearner(TINY, store, records), TINY, tmp_path, device="cpu")
    rows = [json.loads(line) for line in (tmp_path / "stats.jsonl").read_text("utf-8").splitlines()]
    curves = next(row for row in rows if "l1" in row)
    assert curves.keys() >= {"l1", "perceptual", "gan", "d_real", "d_fake"}
    assert set(result.scores) == {"psnr_y"}  # without AlexNet there is no LPIPS
    with Image.open(tmp_path / "samples" / "0000012.png") as samples:
        assert samples.width == 3 * 256


def test_phases(store: PictureStore, records: Records) -> None:
    learner = TaughtLearner(TINY, store, records)
    batch = learner.batch(0, 0)
    untouched = copied(learner.discriminator)
    assert set(learner.step(batch, 0.0, plain_update)) == {"l1"}
    assert set(learner.step(batch, 0.3, plain_update)) == {"l1", "perceptual"}
    assert equal(untouched, copied(learner.discriminator))
    assert set(learner.step(batch, 0.5, plain_update)) == {"l1", "perceptual", "gan", "d_real", "d_fake"}
    assert not equal(untouched, copied(learner.discriminator))


def test_each_update_is_of_one_net(store: PictureStore, records: Records) -> None:
    learner = TaughtLearner(replace(TINY, perceptual_weight=0.0), store, records)
    seen = []

    def watching(loss: torch.Tensor, optimizer: Any, lr: float) -> None:
        before = copied(learner.net), copied(learner.discriminator)
        plain_update(loss, optimizer, lr)
        seen.append((equal(before[0], copied(learner.net)), equal(before[1], copied(learner.discriminator))))

    losses = learner.step(learner.batch(0, 0), 0.9, watching)
    assert seen == [(False, True), (True, False)]
    assert "perceptual" not in losses


def test_the_discriminator_learns(store: PictureStore, records: Records) -> None:
    learner = TaughtLearner(replace(TINY, perceptual_weight=0.0, discriminator_lr=2e-3), store, records)
    learner.optimizer = torch.optim.SGD(learner.net.parameters(), 0.0)  # the other side stands still
    batch = learner.batch(0, 0)
    for _ in range(50):
        losses = learner.step(batch, 0.9, plain_update)
    assert losses["d_real"] + losses["d_fake"] < 1.2  # 2 log 2 is a coin's
    assert losses["gan"] > losses["d_real"]


def test_a_batch_is_decided_by_step_and_process(store: PictureStore, records: Records) -> None:
    learner = TaughtLearner(TINY, store, records)
    a, b = learner.batch(3, 1), learner.batch(3, 1)
    assert a.input.shape == (2, 3, 20, 20)
    assert a.answer.shape == a.original.shape == (2, 3, 40, 40)
    assert torch.equal(a.input, b.input)
    assert not torch.equal(a.input, learner.batch(3, 0).input)
    assert not torch.equal(a.input, learner.batch(4, 1).input)


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


@pytest.mark.parametrize("judged_px", [0, 6, 14, 20, 11])
def test_what_cannot_be_judged_is_refused(judged_px: int) -> None:
    with pytest.raises(UsageError, match=f"found {judged_px}"):
        run.override(TINY, [f"judged_px={judged_px}"])


@pytest.mark.parametrize("name", [n for n, r in train.RECIPES.items() if isinstance(r, TaughtRecipe)])
def test_recipes_can_be_written_down_and_export_without_pictures(name: str) -> None:
    recipe = train.RECIPES[name]
    assert recipe.name == name
    assert run.revive(recipe, json.loads(json.dumps(dataclasses.asdict(recipe)))) == recipe
    recipe = run.override(recipe, ["warm_start=null", "discriminator.width=4"])
    learner = train.make_learner(recipe, None)
    shipped = learner.export(learner.net)
    assert isinstance(shipped, SRVGGNet)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for k in range(2):
        coarse = Image.fromarray(np.random.default_rng(k).integers(0, 256, (8, 10, 3), dtype=np.uint8))
        coarse.resize((100, 80), Image.Resampling.BICUBIC).save(folder / f"{k}.png")
    return folder


@pytest.mark.parametrize("teacher_scale", [2, 4])
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
def test_a_teacher_is_any_model_that_spandrel_reads(
    teacher_scale: int, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(train.RECIPES, TINY.name, TINY)
    monkeypatch.setattr("genstudio.upscale.teacher.store_cache", lambda: tmp_path / "stores")
    path = tmp_path / "teacher.safetensors"
    safetensors.torch.save_file(Compact(num_feat=4, num_conv=1, upscale=teacher_scale).state_dict(), path)
    options = TrainOptions(data=photos, teacher=path, out=tmp_path / "run", steps=2, device="cpu")
    assert run.train(train, TINY.name, options.model_copy(update={"dry_run": True})).result is None
    run.train(train, TINY.name, options)
    target = tmp_path / "tiny.safetensors"
    with pytest.raises(UsageError, match="licence of teacher"):
        run.export(tmp_path / "run", target, data_license="CC0", advice="none")
    run.export(tmp_path / "run", target, data_license="CC0", advice="none", teacher_license="BSD-3-Clause")
    header = weights.read_header(target)
    assert header.teacher == "teacher (BSD-3-Clause)"
    assert header.counterpart == "compact-x2"


def test_who_is_taught_and_who_is_not(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="expected a model to learn from"):
        run.train(train, "upscale/photo-x4", TrainOptions(data=photos))
    with pytest.raises(UsageError, match="expected a recipe that is taught"):
        run.train(train, "upscale/srcnn-x4", TrainOptions(data=photos, teacher=tmp_path / "x.pth"))
