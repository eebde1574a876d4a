"""The loop on a tiny net: exact resume, what a run folder holds, stopping, and what a store does with bad
files."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from PIL import Image
from torch import nn

from genstudio import weights
from genstudio.cli import main
from genstudio.data.store import PictureStore, open_store
from genstudio.errors import InputError, OutputError, UsageError, WeightsError
from genstudio.measures import vgg
from genstudio.training import checkpoint, loop, run
from genstudio.training.options import TrainOptions
from genstudio.training.recipe import Losses, Recipe, Update
from genstudio.upscale import train as upscale_train
from genstudio.upscale.compact import CompactConfig
from genstudio.upscale.fidelity import FidelityLearner, FidelityRecipe

pytestmark = pytest.mark.training

TINY = FidelityRecipe(
    name="upscale/tiny",
    net=CompactConfig(width=8, depth=2, scale=2),
    steps=20,
    batch_size=2,
    crop_px=12,
    precision="float32",
    validate_every=10,
    validation_px=64,
)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for k in range(4):
        coarse = Image.fromarray(rng.integers(0, 256, (8, 10, 3), dtype=np.uint8))
        coarse.resize((100, 80), Image.Resampling.BICUBIC).save(folder / f"photo-{k}.png")
    return folder


@pytest.fixture(scope="module")
def store(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> PictureStore:
    return open_store(photos, tmp_path_factory.mktemp("cache"), TINY.min_side_px)


def test_crops_of_reduced_pictures(tmp_path: Path) -> None:
    ramp = np.broadcast_to(2 * np.arange(96, dtype=np.uint8)[:, None], (96, 96, 3))
    Image.fromarray(np.ascontiguousarray(ramp)).save(tmp_path / "ramp.png")
    store = open_store(tmp_path, tmp_path / "cache", 16)

    def slopes(share: float) -> np.ndarray:
        crops = store.crops([0], 40, 16, np.random.default_rng(0), shrunk=share).astype(float)
        return np.array([max(abs(np.diff(c[4:-4, 4:-4, 0], axis=a)).mean() for a in (0, 1)) for c in crops])

    assert (slopes(0) == 2).all()
    assert 0.2 < (slopes(0.5) == 2).mean() < 0.8
    assert slopes(1).min() > 1.9
    assert slopes(1).max() > 4
    assert slopes(1).max() < 6.1
    whole = store.crops([0], 1, 96, np.random.default_rng(0), shrunk=1)
    assert sorted(whole.flatten()) == sorted(ramp.flatten())


def averaged(folder: Path) -> dict[str, torch.Tensor]:
    net, _, _ = loop.load_average(folder, FidelityLearner(TINY, None))
    return {name: value.clone() for name, value in net.state_dict().items()}


def test_resume_is_exact(store: PictureStore, tmp_path: Path) -> None:
    straight, halves = tmp_path / "straight", tmp_path / "halves"
    loop.train(FidelityLearner(TINY, store), TINY, straight, device="cpu")

    class StopsAtTen(FidelityLearner):
        def step(self, batch, progress, update):  # type: ignore[no-untyped-def]
            if progress >= 9 / 20:
                os.kill(os.getpid(), signal.SIGTERM)
            return super().step(batch, progress, update)

    first = loop.train(StopsAtTen(TINY, store), TINY, halves, device="cpu")
    assert (first.step, first.finished) == (10, False)
    second = loop.train(FidelityLearner(TINY, store), TINY, halves, device="cpu", resume=True)
    assert (second.step, second.finished) == (20, True)
    a, b = averaged(straight), averaged(halves)
    assert all(torch.equal(a[name], b[name]) for name in a)
    fresh = FidelityLearner(TINY, None).net.state_dict()
    assert any(not torch.equal(a[name], fresh[name]) for name in a)


def test_a_run_folder_tells_its_story(store: PictureStore, tmp_path: Path) -> None:
    result = loop.train(FidelityLearner(TINY, store), TINY, tmp_path, device="cpu")
    rows = [json.loads(line) for line in (tmp_path / "stats.jsonl").read_text("utf-8").splitlines()]
    assert [row["step"] for row in rows if "psnr_y" in row] == [10, 20]
    assert result.scores["psnr_y"] == pytest.approx(rows[-1]["psnr_y"], abs=1e-4)
    assert json.loads((tmp_path / "recipe.json").read_text("utf-8"))["net"]["width"] == 8
    assert Image.open(tmp_path / "samples" / "0000020.png").width == 3 * 256
    assert list((tmp_path / "tensorboard").rglob("events*"))


def test_training_learns(store: PictureStore, tmp_path: Path) -> None:
    recipe = replace(TINY, steps=150, validate_every=150)
    learner = FidelityLearner(recipe, store)
    before = learner.validate(learner.net, None)["psnr_y"]
    after = loop.train(learner, recipe, tmp_path, device="cpu").scores["psnr_y"]
    assert after > before + 1


def test_minutes_is_a_budget(store: PictureStore, tmp_path: Path) -> None:
    recipe = replace(TINY, steps=100_000)
    result = loop.train(FidelityLearner(recipe, store), recipe, tmp_path, device="cpu", minutes=0.02)
    assert not result.finished
    assert (tmp_path / "last.ckpt").exists()


def test_resume_without_or_with_a_damaged_checkpoint(store: PictureStore, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="none at"):
        loop.train(FidelityLearner(TINY, store), TINY, tmp_path, device="cpu", resume=True)
    (tmp_path / "last.ckpt").write_bytes(b"not a checkpoint")
    with pytest.raises(WeightsError, match=r"last\.ckpt"):
        loop.train(FidelityLearner(TINY, store), TINY, tmp_path, device="cpu", resume=True)


def test_a_run_that_diverges_stops_and_spoils_nothing(store: PictureStore, tmp_path: Path) -> None:
    class Diverges(FidelityLearner):
        poison = "loss"

        def step(self, batch, progress, update):  # type: ignore[no-untyped-def]
            reduced, original = batch
            if self.poison == "loss":
                return super().step((reduced * float("nan"), original), progress, update)
            losses = super().step(batch, progress, update)
            with torch.no_grad():
                self.net.head.weight[0] = float("inf")
            return losses

    def go(learner: FidelityLearner, steps: int, **how: Any) -> loop.Result:
        return loop.train(learner, replace(TINY, steps=steps), tmp_path, device="cpu", **how)

    with pytest.raises(WeightsError, match=r"found a loss of nan \(loss\) at step 2; nothing was saved yet"):
        go(Diverges(TINY, store), 2)
    go(FidelityLearner(TINY, store), 2)
    before = (tmp_path / "last.ckpt").read_bytes()
    with pytest.raises(
        WeightsError, match=r"at step 4; last\.ckpt is as it was; --resume from it with a lower"
    ):
        go(Diverges(TINY, store), 4, resume=True)
    assert "NaN" not in (tmp_path / "stats.jsonl").read_text("utf-8")
    weights_only = Diverges(TINY, store)
    weights_only.poison = "weights"
    with pytest.raises(WeightsError, match="found others among the weights at step 3"):
        go(weights_only, 3, resume=True)
    assert (tmp_path / "last.ckpt").read_bytes() == before
    assert go(FidelityLearner(TINY, store), 4, resume=True).finished


def test_killed_run_keeps_its_last_checkpoint(photos: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "genstudio.upscale.train", "compact-x2", "--data", str(photos), "--out"]
    command += [str(tmp_path / "run"), "--device", "cpu", "--set", "net.width=8", "--set", "net.depth=2"]
    command += ["--set", "crop_px=12", "--set", "checkpoint_minutes=0.001", "--set", "precision=float32"]
    command += ["--set", "warm_start=null"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 90
    while not (tmp_path / "run" / "last.ckpt").exists():
        assert process.poll() is None
        assert time.monotonic() < deadline, "no checkpoint was written"
        time.sleep(0.05)
    process.kill()
    process.wait()
    recipe = run.override(upscale_train.compact_x2, ["net.width=8", "net.depth=2"])
    recipe = replace(recipe, warm_start=None)
    _, step, _ = loop.load_average(tmp_path / "run", FidelityLearner(recipe, None))
    assert step > 0


def test_export_describes_itself(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # LPIPS, a large download, is not what this is about.
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    nowhere = {name: f"http://127.0.0.1:9/{Path(url).name}" for name, url in vgg.URLS.items()}
    monkeypatch.setattr("genstudio.measures.vgg.URLS", nowhere)
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path / "cache")
    monkeypatch.setitem(upscale_train.RECIPES, TINY.name, TINY)
    options = TrainOptions(data=photos, out=tmp_path / "run", device="cpu", steps=3)
    sitting = run.train(upscale_train, TINY.name, options)
    assert sitting.result is not None
    assert sitting.result.finished
    home = tmp_path / "weights"
    command = [
        "export",
        str(sitting.run),
        "--data-license",
        "CC0",
        "--advice",
        "a test",
        "--folder",
        str(home),
    ]
    for bad in ("tiny-x2", "upscale/../tiny-x2", "upscale/", "nothing/tiny-x2"):
        assert main([*command, "--name", bad]) == 2
    assert main([*command, "--name", "upscale/tiny-x4"]) == 2  # it enlarges twice
    assert main([*command, "--name", "upscale/tiny-x2", "--evaluate", str(tmp_path / "missing")]) == 3
    assert not home.exists()
    assert main([*command, "--name", "upscale/tiny-x2", "--evaluate", str(photos)]) == 0
    path = home / "upscale" / "tiny-x2.safetensors"
    header, net = weights.load_net(path, "upscale")
    assert (header.task, header.arch, header.scale, header.steps) == ("upscale", "compact", 2, 3)
    assert header.config == {"width": 8, "depth": 2, "scale": 2}
    assert header.warm_start is None
    again = options.model_copy(update={"out": tmp_path / "more", "set": (f"warm_start={path}",)})
    run.train(upscale_train, TINY.name, again)
    command[1] = str(tmp_path / "more")
    assert main([*command, "--name", "upscale/more-x2"]) == 0
    assert weights.read_header(home / "upscale" / "more-x2.safetensors").warm_start == str(path)
    assert f"3 steps on top of {path}, seed 0" in (home / "README.md").read_text("utf-8")
    assert net(torch.rand(1, 3, 8, 8)).shape == (1, 3, 16, 16)
    assert {(m.dataset, m.n) for m in header.metrics} == {(photos.name, 4)}
    assert "tiny-x2" in (home / "README.md").read_text("utf-8")


def test_an_existing_run_is_not_written_over(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path / "cache")
    monkeypatch.setitem(upscale_train.RECIPES, TINY.name, TINY)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "last.ckpt").write_bytes(b"precious")
    with pytest.raises(UsageError, match="--resume"):
        run.train(upscale_train, TINY.name, TrainOptions(data=photos, out=tmp_path / "run"))
    assert (tmp_path / "run" / "last.ckpt").read_bytes() == b"precious"
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="the folder of the run cannot be made"):
        run.train(upscale_train, TINY.name, TrainOptions(data=photos, out=tmp_path / "file"))


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (
            "net.widht=8",
            r"KEY=VALUE with a key of the recipe \(steps, .*, net\.width, net\.depth, .*found 'net\.widht=8'",
        ),
        ("nothing", "KEY=VALUE"),
        ("name=mine", "KEY=VALUE"),  # a run is gone on with and exported by it
        ("best_by=psnr_y", "KEY=VALUE"),  # of which more is better
        ("seed=1e30", "seed: .*integer"),
        ("seed=9223372036854775808", r"seed: expected a finite number from 0 to 2\^63 - 1"),
        ("net.width=wide", "integer"),
        ("steps=1.5", "integer"),
        ("lr=-1", r"--set lr: expected a finite number above 0, found -1\.0"),
        ("net.depth=0", r"--set net\.depth: expected a finite number of at least 1, found 0"),
    ],
)
def test_bad_overrides_are_named(setting: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        run.override(TINY, [setting])


def test_an_option_that_a_recipe_does_not_know(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "upscale/compact-x4", "--data", str(photos), "--clean", "none"]) == 2
    error = "--clean: expected a recipe with such a choice, found upscale/compact-x4; leave it out"
    assert capsys.readouterr().err == f"genstudio: {error}\n"


def test_overrides() -> None:
    recipe = run.override(TINY, ["net.width=16", "lr=1e-4", "warm_start=compact-x4"])
    assert (recipe.net.width, recipe.lr, recipe.warm_start) == (16, 1e-4, "compact-x4")
    with pytest.raises(UsageError, match="did you mean upscale/compact-x4"):
        run.pick(upscale_train.RECIPES, "upscale/compct-x4")


def test_store_decodes_once_and_leaves_bad_files_out(
    photos: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "bad.png").write_bytes(b"not a picture")
    Image.new("RGB", (20, 20)).save(folder / "small.png")
    gradient = np.linspace(0, 255, 64 * 64, dtype=np.uint8).reshape(64, 64)
    Image.fromarray(gradient).save(folder / "grey.png")
    Image.fromarray(gradient.astype(np.uint16) * 257).save(folder / "grey16.png")
    with caplog.at_level("WARNING", logger="genstudio"):
        store = open_store(folder, tmp_path / "cache", 32)
    assert [e.name for e in store.entries] == ["grey.png", "grey16.png"]
    assert np.array_equal(store[0], store[1])
    assert "bad.png" in caplog.text
    assert "small.png: shorter than 32 px" in caplog.text
    assert np.array_equal(store[0][..., 1], gradient)
    pixels = next((tmp_path / "cache").rglob("pixels.u8"))
    written = pixels.stat().st_mtime_ns
    open_store(folder, tmp_path / "cache", 32)
    assert pixels.stat().st_mtime_ns == written


def test_store_of_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no folder"):
        open_store(tmp_path / "missing", tmp_path, 8)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="found none"):
        open_store(tmp_path / "empty", tmp_path / "cache", 8)


def test_crops_are_squares_of_the_pictures_in_any_pose(store: PictureStore) -> None:
    crops = store.crops([0], 32, 40, np.random.default_rng(1))
    assert crops.shape == (32, 40, 40, 3)
    values = {tuple(v) for v in store[0].reshape(-1, 3)}
    assert {tuple(v) for v in crops[5].reshape(-1, 3)} <= values
    again = store.crops([0], 32, 40, np.random.default_rng(1))
    assert np.array_equal(crops, again)


def test_a_picture_never_changes_sides(store: PictureStore) -> None:
    train, validate = store.split(0.5)
    assert train
    assert validate
    assert (train, validate) == store.split(0.5)


def test_the_loop_runs_off_the_main_thread(store: PictureStore, tmp_path: Path) -> None:
    results: list[loop.Result] = []
    recipe = replace(TINY, steps=2)
    worker = threading.Thread(
        target=lambda: results.append(
            loop.train(FidelityLearner(recipe, store), recipe, tmp_path, device="cpu")
        )
    )
    worker.start()
    worker.join()
    assert results[0].finished


def test_accumulated_gradients_are_one_update(store: PictureStore, tmp_path: Path) -> None:
    recipe = replace(TINY, steps=3, accumulate=2)
    learner = FidelityLearner(recipe, store)
    start = learner.net.state_dict()["head.weight"].clone()
    seen = []

    class Watches(FidelityLearner):
        def step(self, batch, progress, update):  # type: ignore[no-untyped-def]
            losses = super().step(batch, progress, update)
            seen.append(torch.equal(self.net.state_dict()["head.weight"], start))
            return losses

    loop.train(Watches(recipe, store), recipe, tmp_path, device="cpu")
    assert seen[:2] == [True, False]


class Duel:
    """Two nets with an optimizer each; either loss reaches both nets, as a GAN's do."""

    def __init__(self, recipe: Recipe) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe = recipe
        self.net: nn.Module = nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.Linear(5, 2))
        self.judge: nn.Module = nn.Linear(2, 1)
        self.optimizers: list[Any] = [torch.optim.Adam(n.parameters()) for n in (self.judge, self.net)]

    def prepare(self, accelerator: Accelerator) -> list[nn.Module]:
        *nets, self.optimizers[0], self.optimizers[1] = accelerator.prepare(
            self.judge, self.net, *self.optimizers
        )
        return nets

    def batch(self, k: int, process: int) -> tuple[torch.Tensor, torch.Tensor]:
        rng = np.random.default_rng((self.recipe.seed, k, process))
        true, noise = (rng.standard_normal((4, side), dtype=np.float32) for side in (2, 3))
        return torch.from_numpy(true), torch.from_numpy(noise)

    def losses(self, batch: tuple[torch.Tensor, torch.Tensor]) -> Iterator[torch.Tensor]:
        true, noise = batch
        yield self.judge(self.net(noise)).mean() - self.judge(true).mean()
        yield -self.judge(self.net(noise)).mean()

    def step(self, batch: Any, progress: float, update: Update) -> Losses:
        for loss, optimizer in zip(self.losses(batch), self.optimizers, strict=True):
            update(loss, optimizer, 0.01)
        return {"loss": loss}

    def validate(self, net: nn.Module, samples: Path | None) -> dict[str, float]:
        assert not net.training
        return {"mean": net(torch.ones(1, 3)).mean().item()}

    def state_dict(self) -> dict[str, Any]:
        return {name: part.state_dict() for name, part in self.parts().items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name, part in self.parts().items():
            part.load_state_dict(state[name])

    def parts(self) -> dict[str, Any]:
        first, second = self.optimizers
        return {"net": self.net, "judge": self.judge, "first": first, "second": second}

    def export(self, net: nn.Module) -> nn.Module:
        return net


DUEL = Recipe(
    name="duel", steps=12, batch_size=4, accumulate=2, clip_norm=0.1, precision="float32", validate_every=12
)


def test_two_optimizers_each_take_their_own_gradients(tmp_path: Path) -> None:
    learner, plain = Duel(DUEL), Duel(DUEL)
    loop.train(learner, DUEL, tmp_path, device="cpu")
    nets = plain.judge, plain.net
    sums = [[torch.zeros_like(p) for p in net.parameters()] for net in nets]
    states = []
    for k in range(DUEL.steps):
        for net, optimizer, total, loss in zip(
            nets, plain.optimizers, sums, plain.losses(plain.batch(k, 0)), strict=True
        ):
            gradients = torch.autograd.grad(loss / 2, list(net.parameters()))
            for p, sum_, gradient in zip(net.parameters(), total, gradients, strict=True):
                p.grad = sum_.add_(gradient)
            if k % 2:
                torch.nn.utils.clip_grad_norm_(net.parameters(), DUEL.clip_norm)
                optimizer.param_groups[0]["lr"] = 0.01
                optimizer.step()
                for sum_ in total:
                    sum_.zero_()
        if k % 2:
            states.append({name: value.clone() for name, value in plain.net.state_dict().items()})
    for net, same in zip((learner.judge, learner.net), nets, strict=True):
        torch.testing.assert_close(net.state_dict(), same.state_dict())
    # The average of weights and buffers after each update, with the decay's warming up.
    average = states[0]
    for n, state in enumerate(states[1:], 1):
        average = {
            name: value.lerp(state[name], 9 / (10 + n)) for name, value in average.items() if value.ndim
        }
    found, _, _ = loop.load_average(tmp_path, Duel(DUEL))
    torch.testing.assert_close({name: found.state_dict()[name] for name in average}, average)


def test_two_optimizers_resume_exactly(tmp_path: Path) -> None:
    class StopsAtFive(Duel):
        def step(self, batch: Any, progress: float, update: Update) -> Losses:
            if progress >= 4 / 12:
                os.kill(os.getpid(), signal.SIGTERM)
            return super().step(batch, progress, update)

    straight, halves = Duel(DUEL), Duel(DUEL)
    loop.train(straight, DUEL, tmp_path / "straight", device="cpu")
    first = loop.train(StopsAtFive(DUEL), DUEL, tmp_path / "halves", device="cpu")
    assert first.step == 6  # the fifth step's gradients wait for the sixth's
    loop.train(halves, DUEL, tmp_path / "halves", device="cpu", resume=True)
    states = [torch.load(tmp_path / name / "last.ckpt") for name in ("straight", "halves")]
    for state in states:
        del state["minutes"]
    torch.testing.assert_close(states[0], states[1], rtol=0, atol=0)


@pytest.mark.distributed
def test_two_processes_train_together(photos: Path, tmp_path: Path) -> None:
    settings = ["net.width=8", "net.depth=2", "crop_px=12", "precision=float32", "warm_start=null"]
    settings += ["lr=0.01", "warmup=0"]
    # `accelerate launch` starts one process where there is no GPU.
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2"]
    command += ["-m", "genstudio", "train", "upscale/compact-x2", "--data", str(photos), "--device", "cpu"]
    command += ["--out", str(tmp_path / "run"), "--steps", "4"]
    command += [word for setting in settings for word in ("--set", setting)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "XDG_CACHE_HOME": str(tmp_path / "cache")}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in (tmp_path / "run" / "stats.jsonl").read_text("utf-8").splitlines()]
    assert rows[-1]["step"] == 4
    shutil.copytree(tmp_path / "run", tmp_path / "more")
    again = {str(tmp_path / "run"): str(tmp_path / "more"), "4": "6"}
    more = [*(again.get(word, word) for word in command), "--resume"]
    done = subprocess.run(more, capture_output=True, text=True, env=environment, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert "step 6 of 6" in done.stderr

    class BothBatches(FidelityLearner):
        def batch(self, k: int, process: int) -> tuple[torch.Tensor, torch.Tensor]:
            first, second = (super(BothBatches, self).batch(k, each) for each in (0, 1))
            return torch.cat((first[0], second[0])), torch.cat((first[1], second[1]))

    recipe = replace(run.override(upscale_train.compact_x2, settings), steps=4)
    store = open_store(photos, tmp_path / "cache", recipe.min_side_px)
    loop.train(BothBatches(recipe, store), recipe, tmp_path / "both", device="cpu")
    loop.train(FidelityLearner(recipe, store), recipe, tmp_path / "first", device="cpu")
    nets = (
        loop.load_average(tmp_path / name, FidelityLearner(recipe, None))[0]
        for name in ("run", "both", "first")
    )
    together, both, first = (torch.cat([p.flatten() for p in net.parameters()]) for net in nets)
    assert (together - both).abs().max() < 0.05 * (together - first).abs().max()


def test_resume_keeps_what_the_run_began_with(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path / "cache")
    monkeypatch.setitem(upscale_train.RECIPES, TINY.name, TINY)
    begun = TrainOptions(data=photos, out=tmp_path / "run", device="cpu", steps=3, set=("net.width=4",))
    run.train(upscale_train, TINY.name, begun)
    again = TrainOptions(data=photos, out=tmp_path / "run", device="cpu", steps=5, resume=True)
    result = run.train(upscale_train, TINY.name, again).result
    assert result is not None
    assert result.step == 5
    assert "goes on with steps 5 (was 3)" in caplog.text
    assert json.loads((tmp_path / "run" / "recipe.json").read_text("utf-8"))["steps"] == 5
    others = tmp_path / "others"
    shutil.copytree(photos, others)
    run.train(upscale_train, TINY.name, again.model_copy(update={"data": others, "steps": 6}))
    assert f"data others (was {photos.name})" in caplog.text
    notes = json.loads((tmp_path / "run" / "run.json").read_text("utf-8"))
    assert notes["data"] == f"{photos.name}, then others"
    with pytest.raises(UsageError, match="found one of upscale/tiny"):
        run.train(upscale_train, "upscale/compact-x2", again)
    before = {name: (tmp_path / "run" / name).read_bytes() for name in ("run.json", "recipe.json")}
    more = shutil.copytree(photos, tmp_path / "more")
    changed = again.model_copy(update={"data": more, "steps": 9, "set": ("net.width=8",)})
    with pytest.raises(WeightsError, match="no checkpoint of this recipe"):
        run.train(upscale_train, TINY.name, changed)
    with pytest.raises(UsageError, match=r"expected more steps than the 6 .* has made, found 2"):
        run.train(upscale_train, TINY.name, again.model_copy(update={"steps": 2}))
    assert before == {name: (tmp_path / "run" / name).read_bytes() for name in before}
    with pytest.raises(WeightsError, match="without --resume"):
        run.train(upscale_train, TINY.name, again.model_copy(update={"out": tmp_path / "none"}))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"name": "upsc', "Unterminated string"),
        ("[]", "no name, net"),
        (b"\xff\xfe", "utf-8"),
        ('{"name": "upscale/tiny", "net": {}, "steps": "many"}', "steps: .*found 'many'"),
    ],
)
def test_a_damaged_recipe_is_named(text: str | bytes, found: str, tmp_path: Path) -> None:
    (tmp_path / "recipe.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(WeightsError, match=rf"recipe\.json: .* a damaged file \(.*{found}.*\); put a copy"):
        run.begun_as(tmp_path, TINY)


def test_a_run_that_goes_on_after_a_crash_tells_no_step_twice(store: PictureStore, tmp_path: Path) -> None:
    loop.train(FidelityLearner(TINY, store), replace(TINY, steps=10), tmp_path, device="cpu")
    stats = tmp_path / "stats.jsonl"
    with stats.open("a", encoding="utf-8") as file:  # as if it had gone on, unsaved, until the power went
        file.write('{"step": 15, "l1": 0.5}\n{"step": 17, "l1"')
    loop.train(FidelityLearner(TINY, store), TINY, tmp_path, device="cpu", resume=True)
    rows = [json.loads(line) for line in stats.read_text("utf-8").splitlines()]
    assert [row["step"] for row in rows if "minutes" in row] == [10, 20]


def test_float16_goes_on_with_its_loss_scale(store: PictureStore, tmp_path: Path) -> None:
    learner = FidelityLearner(TINY, store)
    average = loop.averaged(learner.net)
    scaler = torch.GradScaler("cpu", init_scale=2.0**20)
    path = tmp_path / "last.ckpt"
    about: dict[str, Any] = {"step": 1, "minutes": 0.0, "best": 0.0, "measure": None}
    checkpoint.save(path, learner, average=average, scaler=scaler, **about)
    fresh = torch.GradScaler("cpu", init_scale=2.0)
    checkpoint.load(tmp_path, learner, average, torch.device("cpu"), fresh)
    assert fresh.get_scale() == 2.0**20
    checkpoint.save(path, learner, average=average, **about)  # of a run in float32
    checkpoint.load(tmp_path, learner, average, torch.device("cpu"), fresh)
    assert fresh.get_scale() == 2.0**20


def test_steps_that_make_no_update_are_refused(store: PictureStore, tmp_path: Path) -> None:
    recipe = replace(TINY, steps=2, accumulate=3)
    with pytest.raises(UsageError, match="expected at least the 3 steps of one update"):
        loop.train(FidelityLearner(recipe, store), recipe, tmp_path, device="cpu")


def test_a_warm_start_of_which_nothing_fits_is_refused() -> None:
    with pytest.raises(WeightsError, match="compact-x4: expected weights of which some fit"):
        FidelityLearner(replace(TINY, warm_start="compact-x4"), None)
