"""What can happen to a run from outside: signals, other processes, full disks, damaged files, other data."""

import csv
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from genstudio import device as devices
from genstudio.cli import main
from genstudio.data import square
from genstudio.data.store import PictureStore, open_store
from genstudio.errors import OutputError, UsageError, WeightsError
from genstudio.training import checkpoint, loop, progress, run
from genstudio.training.lock import locked
from genstudio.training.options import TrainOptions
from genstudio.upscale import train as upscale_train
from genstudio.upscale.compact import CompactConfig
from genstudio.upscale.fidelity import FidelityLearner, FidelityRecipe

pytestmark = pytest.mark.training

TINY = FidelityRecipe(
    name="upscale/tiny-x2",
    net=CompactConfig(width=8, depth=2, scale=2),
    steps=4,
    batch_size=2,
    crop_px=12,
    precision="float32",
    validate_every=2,
    validation_px=64,
)


def pictures(folder: Path, count: int, seed: int = 0) -> Path:
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    for k in range(count):
        coarse = Image.fromarray(rng.integers(0, 256, (8, 10, 3), dtype=np.uint8))
        coarse.resize((100, 80), Image.Resampling.BICUBIC).save(folder / f"photo-{seed}-{k}.png")
    return folder


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path / "cache")
    monkeypatch.setenv("GENSTUDIO_WEIGHTS", str(tmp_path / "weights"))
    (tmp_path / "weights").mkdir()
    monkeypatch.setitem(upscale_train.RECIPES, TINY.name, TINY)
    return pictures(tmp_path / "photos", 4)


@pytest.fixture
def store(photos: Path, tmp_path: Path) -> PictureStore:
    return open_store(photos, tmp_path / "cache", TINY.min_side_px)


def train(photos: Path, out: Path, **more: Any) -> run.Sitting:
    return run.train(upscale_train, TINY.name, TrainOptions(data=photos, out=out, device="cpu", **more))


def test_auto_is_bfloat16_only_where_the_processor_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = torch.device("cpu")
    for has, dtype in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr(devices, "_cpu_has_bfloat16", lambda has=has: has)
        assert devices.training_precision("auto", cpu) == dtype
        assert devices.training_precision("bfloat16", cpu) == torch.bfloat16
    assert devices.training_precision("auto", torch.device("mps")) == torch.float32
    assert {r.precision for r in upscale_train.RECIPES.values()} <= {"auto", "float32"}


def test_piped_runs_say_their_speed_soon_and_then_regularly(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert progress.FIRST_S <= 20
    assert progress.EVERY_S <= 30
    monkeypatch.setattr(progress, "FIRST_S", 0.1)
    monkeypatch.setattr(progress, "EVERY_S", 0.2)
    with progress.Progress("tiny", 1000, 10, enabled=True) as shown:
        time.sleep(0.15)
        shown.step(12)
        shown.doing("validating")
        time.sleep(0.6)  # the loop is at something long
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("step 10/1000  making the first step")
    assert len(lines) >= 3
    assert re.fullmatch(r"step 12/1000  validating  [\d.]+ steps/s  \d+ min left", lines[1])


def test_preparing_a_store_says_how_far_it_is(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(square, "SAY_EVERY_S", 0)
    open_store(photos, tmp_path / "new", 16)
    assert "preparing pictures: 3 of 4" in caplog.messages


class Signals(FidelityLearner):
    """Sends signals in its first step, or in its validation."""

    numbers: tuple[int, ...] = ()
    validating = False
    validated = 0

    def step(self, batch, progress, update):  # type: ignore[no-untyped-def]
        if not self.validating:
            for number in self.numbers:
                os.kill(os.getpid(), number)
        return super().step(batch, progress, update)

    def validate(self, net: nn.Module, samples: Path | None) -> dict[str, float]:
        if self.validating:
            assert samples is not None
            assert (samples.parents[1] / "last.ckpt").exists()  # saved before
            samples.write_bytes(b"half a picture")
            for number in self.numbers:
                os.kill(os.getpid(), number)
            time.sleep(5)
        self.validated += 1
        return super().validate(net, samples)


@pytest.mark.parametrize(
    "numbers",
    [(signal.SIGINT, signal.SIGINT, signal.SIGINT), (signal.SIGTERM,), (signal.SIGHUP, signal.SIGHUP)],
)
@pytest.mark.parametrize("validating", [False, True])
def test_signals_never_lose_a_run(
    numbers: tuple[int, ...], validating: bool, store: PictureStore, tmp_path: Path
) -> None:
    learner = Signals(TINY, store)
    learner.numbers, learner.validating = numbers, validating
    began = time.monotonic()
    result = loop.train(learner, TINY, tmp_path / "run", device="cpu")
    assert time.monotonic() - began < 5
    assert (result.step, result.finished, result.stopped) == (2 if validating else 1, False, True)
    assert learner.validated == 0
    assert not list((tmp_path / "run" / "samples").iterdir())
    assert loop.train(
        FidelityLearner(TINY, store), TINY, tmp_path / "run", device="cpu", resume=True
    ).finished


def test_two_processes_do_not_train_in_one_run(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    script = "import sys, time; from pathlib import Path; from genstudio.training.lock import locked\n"
    script += "with locked(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    other = subprocess.Popen([sys.executable, "-c", script, str(out)], stdout=subprocess.PIPE, text=True)
    assert other.stdout
    assert other.stdout.readline() == "held\n"
    for resume in (False, True):
        with pytest.raises(UsageError, match="another process training there"):
            train(photos, out, resume=resume)
    other.kill()
    other.wait()
    other.stdout.close()
    with locked(out):  # the lock has ended with its process
        pass
    assert train(photos, out).result is not None


def test_a_run_does_not_lie_among_its_pictures(photos: Path) -> None:
    for out in (photos, photos / "runs" / "tiny"):
        with pytest.raises(UsageError, match="expected a folder outside"):
            train(photos, out)
    assert sorted(p.suffix for p in photos.iterdir()) == [".png"] * 4


def test_changed_data_are_noticed(photos: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    out = tmp_path / "run"
    train(photos, out, steps=2)
    train(photos, out, resume=True, steps=3)
    assert "changed since" not in caplog.text
    (photos / "another.png").write_bytes((photos / "photo-0-0.png").read_bytes())
    train(photos, out, resume=True)
    assert "data photos (their files have changed since)" in caplog.text


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:2000]),
        lambda path: path.write_bytes(b"not a checkpoint"),
        lambda path: path.unlink(),
    ],
)
def test_the_checkpoint_before_serves_where_the_last_is_damaged(
    damage: Callable[[Path], Any], store: PictureStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    out = tmp_path / "run"
    loop.train(FidelityLearner(TINY, store), replace(TINY, steps=3), out, device="cpu")
    (out / "best.ckpt").unlink()
    damage(out / "last.ckpt")
    _, step, _ = loop.load_average(out, FidelityLearner(TINY, None))
    assert step == 2
    result = loop.train(FidelityLearner(TINY, store), TINY, out, device="cpu", resume=True)
    assert "going on from previous.ckpt, step 2" in caplog.text
    assert (result.step, result.finished) == (4, True)


def test_advice_for_a_run_without_a_whole_checkpoint_can_be_followed(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    train(photos, out, steps=1)
    (out / "last.ckpt").write_bytes(b"")
    with pytest.raises(WeightsError, match=r"the file is empty.*; start a new run in another folder"):
        train(photos, out, resume=True)
    (out / "last.ckpt").unlink()
    with pytest.raises(WeightsError, match=r"found none at .*; start without --resume"):
        train(photos, out, resume=True)
    assert train(photos, out).result is not None


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full")
def test_a_full_disk_is_one_line_and_costs_no_checkpoint(
    photos: Path, store: PictureStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    train(photos, out, steps=2)
    before = (out / "last.ckpt").read_bytes()
    (out / "last.part").symlink_to("/dev/full")
    words = ["train", TINY.name, "--data", str(photos), "--out", str(out), "--resume", "--device", "cpu"]
    words += ["--steps", "4"]
    assert main(words) == OutputError.exit_code
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("genstudio:")]
    assert said[-1].startswith(
        f"genstudio: {out / 'last.ckpt'} (the checkpoint before it is kept): no room left"
    )
    assert (out / "last.ckpt").read_bytes() == before
    assert not (out / "last.part").is_symlink()
    assert train(photos, out, resume=True).result is not None


def test_validation_is_bounded_or_on_pictures_of_ones_own(
    photos: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    many = pictures(tmp_path / "many", 30, seed=1)
    cache = tmp_path / "cache"
    learner = FidelityLearner(
        replace(TINY, validation_pictures=3), open_store(photos, cache, TINY.min_side_px, many)
    )
    assert learner.train_part == [0, 1, 2, 3]
    assert learner.validation_part == [4, 14, 24]
    store = learner.store
    assert store is not None
    assert len(store) == 4
    assert np.array_equal(store[4], np.asarray(Image.open(many / store.entries[4].name)))
    assert np.array_equal(store[3], np.asarray(Image.open(photos / "photo-0-3.png")))
    assert len(FidelityLearner(TINY, store).validation_part) == 30
    assert TINY.validation_pictures == 64
    assert not caplog.messages
    one = open_store(pictures(tmp_path / "one", 1), cache, TINY.min_side_px)
    FidelityLearner(TINY, one)
    assert "validation is on pictures that are trained on" in caplog.text


def test_divergence_that_stays_finite_is_said(
    store: PictureStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recipe = replace(TINY, lr=1000.0, steps=30, validate_every=30)
    loop.train(FidelityLearner(recipe, store), recipe, tmp_path / "run", device="cpu")
    assert "training has diverged, the loss is" in caplog.text
    caplog.clear()
    recipe = replace(recipe, lr=1e-3)
    loop.train(FidelityLearner(recipe, store), recipe, tmp_path / "good", device="cpu")
    assert "diverged" not in caplog.text


def test_export_takes_the_best_of_the_validations(store: PictureStore, tmp_path: Path) -> None:
    class Scores(FidelityLearner):
        scores = iter((20.0, 30.0, 25.0, 10.0))

        def validate(self, net: nn.Module, samples: Path | None) -> dict[str, float]:
            return {"psnr_y": next(self.scores)}

    recipe = replace(TINY, steps=4, validate_every=1)
    learner = Scores(recipe, store)
    loop.train(learner, replace(recipe, steps=3), tmp_path, device="cpu")
    loop.train(learner, recipe, tmp_path, device="cpu", resume=True)
    _, step, _ = loop.load_average(tmp_path, FidelityLearner(recipe, None))
    assert step == 2


def test_patience_ends_a_run_and_its_curves_are_a_table(store: PictureStore, tmp_path: Path) -> None:
    class Scores(FidelityLearner):
        scores = iter((20.0, 30.0, 25.0, 10.0, 9.0, 8.0))

        def validate(self, net: nn.Module, samples: Path | None) -> dict[str, float]:
            return {"psnr_y": next(self.scores)}

    recipe = replace(TINY, steps=9, validate_every=1, patience=2)
    result = loop.train(Scores(recipe, store), recipe, tmp_path, device="cpu")
    # With the step after the fourth, where several processes can leave together.
    assert (result.step, result.finished, result.stopped) == (5, True, False)
    with (tmp_path / "curves.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["psnr_y"] for row in rows[:4]] == ["20.0", "30.0", "25.0", "10.0"]
    assert float(rows[-1]["loss"]) > 0


def test_the_export_hint_works_as_it_stands(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "my runs" / "tiny"
    assert main(["train", TINY.name, "--data", str(photos), "--out", str(out), "--device", "cpu"]) == 0
    hint = capsys.readouterr().err.splitlines()[-1].partition("; ")[2]
    words = shlex.split(hint)
    assert words[:2] == ["genstudio", "export"]
    assert main(words[1:]) == 0
    assert (tmp_path / "weights" / "upscale" / "my-tiny-x2.safetensors").is_file()
    for name in (out, out / "last.ckpt"):
        assert (
            main(["upscale", str(photos / "photo-0-0.png"), "x.png", "--model", str(name)])
            == WeightsError.exit_code
        )
        said = capsys.readouterr().err
        assert f"found a training run; make weights of it first: genstudio export '{out}'" in said


def test_accelerates_launcher_on_processors_is_one_process(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "no")
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")
    train(photos, tmp_path / "run", steps=1)
    assert "training in one process" in caplog.text
    assert "torchrun --nproc_per_node N" in caplog.text


def test_what_a_checkpoint_was_saved_on_does_not_matter(store: PictureStore, tmp_path: Path) -> None:
    learner = FidelityLearner(TINY, store)
    loop.train(learner, TINY, tmp_path, device="cpu")
    average = loop.averaged(learner.net)
    step, *_ = checkpoint.load(tmp_path, learner, average, torch.device("cpu", 0))
    assert step == 4
