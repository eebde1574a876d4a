"""A GAN in the one loop: any folder, exact resume, two processes, the best net kept, collapse noticed."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from genstudio import weights
from genstudio.cli import main
from genstudio.errors import InputError, UsageError
from genstudio.generate import train
from genstudio.generate.dcgan import DCGANConfig, Generator
from genstudio.generate.health import Health
from genstudio.generate.learner import Batch, GANLearner, GANRecipe
from genstudio.generate.pictures import PictureSet, open_pictures
from genstudio.measures.distances import statistics
from genstudio.training import loop, run
from genstudio.training.recipe import Losses, Update

pytestmark = pytest.mark.training

NET = DCGANConfig(size=32, latent=8, width=4, judge_width=4)
TINY = GANRecipe(
    name="generate/tiny",
    net=NET,
    steps=8,
    batch_size=4,
    precision="float32",
    validate_every=4,
    metric="untrained",
    metric_pictures=16,
    penalty_every=3,
)


def scene(rng: np.random.Generator, width: int, height: int) -> Image.Image:
    coarse = Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8))
    return coarse.resize((width, height), Image.Resampling.BICUBIC)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten pictures of all kinds, and what is none."""
    home = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for k in range(4):
        scene(rng, 90, 60).save(home / f"photo-{k}.png")
    scene(rng, 50, 80).convert("L").save(home / "grey.jpg")
    scene(rng, 40, 40).convert("P").save(home / "palette.png")
    scene(rng, 64, 64).convert("RGBA").save(home / "alpha.webp")
    Image.fromarray(rng.integers(0, 65536, (48, 48), dtype=np.uint16)).save(home / "deep.png")
    scene(rng, 5, 3).save(home / "tiny.png")
    (home / "below").mkdir()
    scene(rng, 70, 70).convert("CMYK").save(home / "below" / "print.jpg")
    (home / "broken.png").write_bytes((home / "photo-0.png").read_bytes()[:200])
    (home / "notes.txt").write_text("no picture")
    return home


@pytest.fixture(scope="module")
def pictures(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> PictureSet:
    return open_pictures(folder, tmp_path_factory.mktemp("cache"), 32)


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    rng = np.random.default_rng(1)
    for k, name in enumerate(("daisy", "rose", "rose")):
        home = tmp_path / "flowers" / name
        home.mkdir(parents=True, exist_ok=True)
        for n in range(3):
            scene(rng, 40, 40).save(home / f"{k}-{n}.png")
    return tmp_path / "flowers"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path / "cache")


def averaged(folder: Path, recipe: GANRecipe = TINY) -> torch.Tensor:
    net, _, _ = loop.load_average(folder, GANLearner(recipe, None))
    return torch.cat([p.flatten() for p in net.parameters()])


# --- pictures ----------------------------------------------------------------------------------------------


def test_any_folder_of_pictures(folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("WARNING", logger="genstudio"):
        found = open_pictures(folder, tmp_path / "cache", 32)
    assert found.pixels.shape == (10, 32, 32, 3)
    assert found.classes == ()
    assert not found.labels.any()
    assert "broken.png" in caplog.text
    assert "1 of 11 pictures left out" in caplog.text
    grey = [k for k, p in enumerate(found.pixels) if (p == p[..., :1]).all()]
    assert len(grey) == 2
    caplog.clear()
    again = open_pictures(folder, tmp_path / "cache", 32)  # from the cache: nothing is read
    assert np.array_equal(again.pixels, found.pixels)
    assert not caplog.records


def test_class_folders_give_classes(classes: Path, tmp_path: Path) -> None:
    found = open_pictures(classes, tmp_path / "cache", 32)
    assert found.classes == ("daisy", "rose")
    assert np.bincount(found.labels).tolist() == [3, 6]


@pytest.mark.parametrize(("named", "expected"), [("", 4), ("train", 4), ("test", 2)])
def test_of_a_set_in_parts_the_one_named(named: str, expected: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    for name, count in (("train", 2), ("test", 1)):
        for label in ("daisy", "rose"):
            home = tmp_path / "set" / name / label
            home.mkdir(parents=True)
            for k in range(count):
                scene(rng, 40, 40).save(home / f"{k}.png")
    found = open_pictures(tmp_path / "set" / named, tmp_path / "cache", 32)
    assert len(found) == expected
    assert found.classes == ("daisy", "rose")


@pytest.mark.parametrize("empty", [True, False])
def test_no_pictures(empty: bool, tmp_path: Path) -> None:
    if empty:
        (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match=r"(check|see) --data"):
        open_pictures(tmp_path / "none", tmp_path / "cache", 32)


# --- the learner -------------------------------------------------------------------------------------------


def variants() -> list[Any]:
    spectral, batch = replace(NET, judge_norm="spectral"), replace(NET, judge_norm="batch")
    return [
        pytest.param(TINY, id="relativistic"),
        pytest.param(replace(TINY, loss="nonsaturating", augment="adaptive"), id="adaptive"),
        pytest.param(replace(TINY, loss="hinge", net=spectral, r1=0, r2=0), id="hinge, spectral"),
        pytest.param(
            replace(TINY, loss="nonsaturating", net=batch, r1=0, r2=0, augment="none", ema_decay=0),
            id="plain",
        ),
        pytest.param(replace(TINY, net=replace(NET, classes=("daisy", "rose"))), id="conditional"),
    ]


@pytest.mark.parametrize("recipe", variants())
def test_resume_is_exact(recipe: GANRecipe, pictures: PictureSet, tmp_path: Path) -> None:
    pictures = replace(pictures, labels=np.arange(10) % 2)

    class StopsAtFour(GANLearner):
        def step(self, batch: Batch, progress: float, update: Update) -> Losses:
            if batch.k == 3:
                os.kill(os.getpid(), signal.SIGTERM)
            return super().step(batch, progress, update)

    loop.train(GANLearner(recipe, pictures), recipe, tmp_path / "straight", device="cpu")
    first = loop.train(StopsAtFour(recipe, pictures), recipe, tmp_path / "halves", device="cpu")
    assert first.step == 4
    loop.train(GANLearner(recipe, pictures), recipe, tmp_path / "halves", device="cpu", resume=True)
    straight, halves = (torch.load(tmp_path / name / "last.ckpt") for name in ("straight", "halves"))
    for state in (straight, halves):
        del state["minutes"], state["measure"]  # a time, and a text
    torch.testing.assert_close(straight, halves, rtol=0, atol=0)


def test_each_update_is_of_one_net(pictures: PictureSet) -> None:
    learner = GANLearner(TINY, pictures)
    nets = learner.net, learner.discriminator
    moved = []

    def watching(loss: torch.Tensor, optimizer: Any, lr: float) -> None:
        before = [[p.clone() for p in net.parameters()] for net in nets]
        own = [p for group in optimizer.param_groups for p in group["params"]]
        loss.backward(inputs=own)
        optimizer.step()
        optimizer.zero_grad()
        moved.append(
            tuple(
                any(not torch.equal(a, b) for a, b in zip(old, net.parameters(), strict=True))
                for old, net in zip(before, nets, strict=True)
            )
        )

    losses = learner.step(learner.batch(0, 0), 0.0, watching)
    assert moved == [(False, True), (True, False)]
    assert losses["r1"] > 0
    assert losses["r2"] > 0


def test_a_batch_is_decided_by_step_and_process(pictures: PictureSet) -> None:
    learner = GANLearner(TINY, pictures)
    first, again = learner.batch(3, 1), learner.batch(3, 1)
    assert all(torch.equal(a, b) for a, b in zip(first[1:], again[1:], strict=True))
    assert not torch.equal(first.latents, learner.batch(3, 0).latents)
    assert not torch.equal(first.latents, learner.batch(4, 1).latents)


def test_augmentation_adapts_to_how_right_the_discriminator_is(pictures: PictureSet) -> None:
    learner = GANLearner(replace(TINY, augment="adaptive", adapt_pictures=100), pictures)
    for right, least, most in ((1.0, 0.9, 1.0), (0.5, 0.0, 0.1)):
        for _ in range(150):
            learner._adapt(torch.tensor(right), 4)
        assert least <= learner.probability <= most


def test_it_overfits_one_picture(tmp_path: Path) -> None:
    one = np.full((4, 32, 32, 3), (220, 40, 30), np.uint8)
    one[:, 8:24, 8:24] = (30, 200, 60)
    recipe = replace(
        TINY,
        net=replace(NET, width=8, judge_width=8),
        steps=75,
        validate_every=75,
        penalty_every=1,
        generator_lr=2e-3,
        discriminator_lr=2e-3,
        r1=5,
        r2=5,
        mirror=False,
        augment="none",
        ema_decay=0.9,
    )
    learner = GANLearner(recipe, PictureSet(one, np.zeros(4, np.int64), ()))
    before = learner.validate(learner.net.eval(), None)["frechet"]
    learner.net.train()
    assert loop.train(learner, recipe, tmp_path, device="cpu").scores["frechet"] < 0.5 * before


def test_the_best_and_the_last_are_kept(pictures: PictureSet, tmp_path: Path) -> None:
    scores = iter((3.0, 1.0, 2.0))

    class Scored(GANLearner):
        def validate(self, net: torch.nn.Module, samples: Path | None) -> dict[str, float]:
            return {"frechet": next(scores)}

    recipe = replace(TINY, steps=6, validate_every=2)
    loop.train(Scored(recipe, pictures), recipe, tmp_path, device="cpu")
    assert loop.load_average(tmp_path, GANLearner(recipe, None))[1] == 4
    last = torch.load(tmp_path / "last.ckpt")
    assert (last["step"], last["best"]) == (6, 1.0)
    longer = replace(recipe, steps=8)
    scores = iter((1.5,))  # no better than before the break
    loop.train(Scored(longer, pictures), longer, tmp_path, device="cpu", resume=True)
    assert loop.load_average(tmp_path, GANLearner(recipe, None))[1] == 4


def test_a_best_by_another_measure_is_no_rival(
    pictures: PictureSet, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    scores = iter((1.0, 70.0, 60.0, 80.0))

    class Scored(GANLearner):
        def validate(self, net: torch.nn.Module, samples: Path | None) -> dict[str, float]:
            return {"frechet": next(scores)}

    def sitting(recipe: GANRecipe) -> tuple[int, float]:
        resume = (tmp_path / "last.ckpt").exists()
        loop.train(Scored(recipe, pictures), recipe, tmp_path, device="cpu", resume=resume)
        return torch.load(tmp_path / "best.ckpt")["step"], torch.load(tmp_path / "last.ckpt")["best"]

    assert sitting(replace(TINY, steps=2)) == (2, 1.0)
    other = replace(TINY, metric_pictures=8)
    assert sitting(replace(other, steps=4)) == (4, 70.0)
    assert "sought anew, by frechet by untrained of 8 pictures (was frechet by untrained of 16" in caplog.text
    caplog.clear()
    assert sitting(replace(other, steps=6)) == (6, 60.0)
    assert sitting(replace(other, steps=8)) == (6, 60.0)
    assert not caplog.records


# --- health ------------------------------------------------------------------------------------------------


def test_collapse_is_noticed_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    rng = np.random.default_rng(0)
    real, healthy = statistics(rng.normal(size=(100, 8))), statistics(rng.normal(1, 0.9, size=(100, 8)))
    collapsed = statistics(rng.normal(size=8) + 0.1 * rng.normal(size=(100, 8)))
    health = Health({"loss": "relativistic", "augment": "none"})
    with caplog.at_level("WARNING", logger="genstudio"):
        assert not any(health.update(healthy.spread / real.spread, 0.8) for _ in range(3))
        assert not health.update(collapsed.spread / real.spread, 0.8)  # once may be chance
        assert not caplog.records
        assert all(health.update(collapsed.spread / real.spread, 0.8) for _ in range(3))
        assert len(caplog.records) == 1
        assert "10% as far apart as real ones (collapse)" in caplog.text
        assert "augment=fixed" in caplog.text
        assert "relativistic" not in caplog.text  # as it is already
        assert not health.update(healthy.spread / real.spread, 0.8)
        assert [health.update(1.0, 0.995) for _ in range(2)] == [False, True]
        assert "the discriminator is right about 100%" in caplog.text or "right about 99%" in caplog.text
        assert [health.update(float("nan"), 0.5, finite=False) for _ in range(2)] == [False, True]
        assert "no numbers" in caplog.text
        beginning = Health({})
        assert not any(beginning.update(diversity, 0.8) for diversity in (0.03, 0.07, 0.2, 0.3, 0.45))
        assert [beginning.update(0.45, 0.8) for _ in range(2)] == [False, True]  # and stays there


def test_collapse_stands_in_the_run(pictures: PictureSet, tmp_path: Path) -> None:
    class Collapses(GANLearner):
        def validate(self, net: torch.nn.Module, samples: Path | None) -> dict[str, float]:
            for p in net.parameters():
                p.zero_()
            return super().validate(net, samples)

    loop.train(Collapses(TINY, pictures), TINY, tmp_path, device="cpu")
    rows = [json.loads(line) for line in (tmp_path / "stats.jsonl").read_text("utf-8").splitlines()]
    assert [row["collapsed"] for row in rows if "collapsed" in row] == [0, 1]
    (said,) = [row for row in rows if "warning" in row]
    assert said["step"] == 8
    assert "try larger r1 and r2" in said["warning"]


# --- from the shell ----------------------------------------------------------------------------------------


def test_from_a_folder_to_weights_to_pictures(
    classes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(train.RECIPES, TINY.name, TINY)
    monkeypatch.setenv("GENSTUDIO_WEIGHTS", str(tmp_path))
    command = ["train", TINY.name, "--data", str(classes), "--out", str(tmp_path / "run"), "--device", "cpu"]
    assert main([*command, "--metric", "vgg"]) == 2
    assert not (tmp_path / "run").exists()
    assert main(command) == 0
    begun = json.loads((tmp_path / "run" / "recipe.json").read_text("utf-8"))
    assert (begun["net"]["classes"], begun["metric"]) == (["daisy", "rose"], "untrained")
    rows = [json.loads(line) for line in (tmp_path / "run" / "stats.jsonl").read_text("utf-8").splitlines()]
    (step,) = [row for row in rows if "d_loss" in row]
    assert {"d_loss", "g_loss", "real", "fake", "right", "augmented", "r1", "r2"} <= step.keys()
    assert {"frechet", "diversity", "collapsed"} <= rows[-1].keys()
    assert Image.open(tmp_path / "run" / "samples" / "0000008.png").size == (256, 256)
    assert main([*command, "--resume", "--steps", "10"]) == 0
    export = ["export", str(tmp_path / "run"), "--name", "generate/tiny", "--data-license", "CC0"]
    export += ["--advice", "a test", "--folder", str(tmp_path / "home")]
    assert main(export) == 0
    assert main(export) == 4
    assert main([*export, "--overwrite"]) == 0
    header, net = weights.load_net(tmp_path / "home" / "generate" / "tiny.safetensors", "generate")
    assert isinstance(net, Generator)
    assert net.config.classes == ("daisy", "rose")
    assert header.data == "flowers (9 pictures)"
    weights_file = str(tmp_path / "home" / "generate" / "tiny.safetensors")
    grid = str(tmp_path / "grid.png")
    assert main(["generate", grid, "--model", weights_file, "--class", "rose", "--grid", "2x2"]) == 0


def test_a_run_keeps_its_classes(classes: Path, folder: Path, tmp_path: Path) -> None:
    recipe = replace(TINY, net=replace(NET, classes=("daisy", "rose")))
    options = run.TrainOptions(data=folder)
    with pytest.raises(InputError, match="daisy, rose, of the run's"):
        train.open_data(options, recipe)
    _, plain = train.open_data(run.TrainOptions(data=classes), replace(TINY, conditional=False))
    assert plain.net.classes == ()


def test_one_picture_is_too_few(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    Image.new("RGB", (40, 40)).save(tmp_path / "one" / "a.png")
    with pytest.raises(InputError, match="at least two"):
        train.open_data(run.TrainOptions(data=tmp_path / "one"), TINY)


def test_sizes_without_a_net_are_refused() -> None:
    with pytest.raises(UsageError, match=r"32, 64, 128, found 48"):
        run.override(TINY, ["net.size=48"])


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("net.latent=0", "of at least 1, found 0"),
        ("net.width=0", "of at least 1, found 0"),
        ("penalty_every=0", "of at least 1, found 0"),
        ("validate_every=0", "of at least 1, found 0"),
        ("metric_pictures=1", "of at least 2, found 1"),
        ("betas=[0,1.5]", "from 0 to below 1, found 1.5"),
        ("r1=-1", "of at least 0, found -1.0"),
        ("ema_decay=2", "from 0 to 1, found 2.0"),
        ("right_target=7", "from 0 to 1, found 7.0"),
        ("generator_lr=nan", "above 0, found nan"),
        ("generator_lr=0", "above 0, found 0.0"),
        ("r2=Infinity", "of at least 0, found inf"),
        ("adapt_pictures=0", "of at least 1, found 0"),
    ],
)
def test_numbers_that_cannot_be_meant(
    setting: str, expected: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "run")
    assert main(["train", "generate/dcgan-64", "--data", str(folder), "--out", out, "--set", setting]) == 2
    key = setting.partition("=")[0]
    error = f"genstudio: --set {key}: expected a finite number {expected}; choose another\n"
    assert capsys.readouterr().err == error
    assert not list(tmp_path.iterdir())  # neither a run nor prepared pictures


@pytest.mark.parametrize("name", train.RECIPES)
def test_recipes_can_be_written_down(name: str) -> None:
    recipe = train.RECIPES[name]
    recipe = replace(recipe, net=replace(recipe.net, classes=("a", "b")))
    assert run.revive(recipe, json.loads(json.dumps(dataclasses.asdict(recipe)))) == recipe


@pytest.mark.distributed
def test_two_processes_train_as_one_with_both_batches(folder: Path, tmp_path: Path) -> None:
    # Batch statistics are each process's own, so the net without them is the one to compare.
    settings = ["net.size=32", "net.latent=8", "net.width=4", "net.judge_width=4", "net.norm=pixel"]
    settings += [
        "precision=float32",
        "batch_size=4",
        "validate_every=4",
        "metric_pictures=16",
        "penalty_every=2",
    ]
    settings += ["metric=untrained", "generator_lr=0.001", "discriminator_lr=0.001"]
    # `accelerate launch` starts one process where there is no GPU.
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2"]
    command += ["-m", "genstudio.generate.train", "dcgan-64", "--data", str(folder), "--device", "cpu"]
    command += ["--out", str(tmp_path / "run"), "--steps", "4"]
    command += [word for setting in settings for word in ("--set", setting)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "XDG_CACHE_HOME": str(tmp_path / "cache")}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)
    assert done.returncode == 0, done.stderr

    class BothBatches(GANLearner):
        def batch(self, k: int, process: int) -> Batch:
            first, second = (super(BothBatches, self).batch(k, each) for each in (0, 1))
            return Batch(k, *(torch.cat(pair) for pair in zip(first[1:], second[1:], strict=True)))

    recipe = replace(run.override(train.dcgan_64, settings), steps=4)
    found = open_pictures(folder, tmp_path / "cache", 32)
    loop.train(BothBatches(recipe, found), recipe, tmp_path / "both", device="cpu")
    loop.train(GANLearner(recipe, found), recipe, tmp_path / "first", device="cpu")
    losses = {
        name: next(
            row
            for row in map(json.loads, (tmp_path / name / "stats.jsonl").read_text("utf-8").splitlines())
            if "d_loss" in row
        )
        for name in ("run", "both", "first")
    }
    for key in ("d_loss", "g_loss", "real", "fake", "right", "r1", "r2"):
        assert losses["run"][key] == pytest.approx(losses["both"][key], rel=0.02, abs=2e-3), key
    together, both, first = (averaged(tmp_path / name, recipe) for name in ("run", "both", "first"))
    assert (together - both).abs().mean() < 0.05 * (together - first).abs().mean()
