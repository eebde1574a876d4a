"""Optimising: losses fall from any beginning, sizes go from coarse to fine, an early end keeps it."""

import json
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from genstudio import Stylize, images
from genstudio.cli import main
from genstudio.cli import stylize as shell
from genstudio.errors import Stopped
from genstudio.measures import vgg
from genstudio.measures.style import gram
from genstudio.options import OptionError
from genstudio.stylize import optimize as module
from genstudio.stylize import styles
from genstudio.stylize.nets.fast import Fast, FastConfig
from genstudio.stylize.nets.losses import ContentLoss, GramLoss, total_variation
from genstudio.stylize.optimize import Event, stages
from genstudio.stylize.options import StylizeOptions


@pytest.fixture
def stylize(monkeypatch: pytest.MonkeyPatch) -> Stylize:
    monkeypatch.setattr(module, "COARSEST_PX", 16)  # small pictures have several sizes, too
    torch.manual_seed(0)
    net = Fast(FastConfig((4, 6, 8, 10), (4, 6, 8, 10), (1, 0, 0, 0))).eval().requires_grad_(False)
    return Stylize(net, precision="float32")


def picture(seed: int = 0, height: int = 32, width: int = 27) -> np.ndarray:
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (6, 5, 3), np.uint8))
    return np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC))


def run(stylize: Stylize, steps: int = 12, **options: Any) -> tuple[np.ndarray, list[Event]]:
    events: list[Event] = []
    result = stylize(picture(), picture(1), method="optimize", steps=steps, on_event=events.append, **options)
    return result, events


def test_losses() -> None:
    a, b = torch.rand(2, 1, 3, 8, 8)
    loss = GramLoss("relu1_1", gram(b), gram(a))
    assert loss({"relu1_1": b}).item() == 0
    assert loss({"relu1_1": a}).item() > 0
    assert GramLoss("relu1_1", gram(b), gram(a), strength=0)({"relu1_1": a}).item() == 0
    assert ContentLoss("relu1_1", a)({"relu1_1": a}).item() == 0
    assert ContentLoss("relu1_1", a)({"relu1_1": 0 * a}).item() == pytest.approx(1)
    assert total_variation(torch.rand(1, 3, 1, 1)).item() == 0


def test_sizes_go_from_coarse_to_fine() -> None:
    assert stages(512, 384, 300) == [
        ((128, 96), 60), ((181, 136), 60), ((256, 192), 60), ((362, 272), 60), ((512, 384), 60),
    ]  # fmt: skip
    assert stages(100, 7, 10) == [((100, 7), 10)]
    assert stages(1, 1, 3) == [((1, 1), 3)]
    assert [steps for _, steps in stages(512, 512, 3)] == [1, 1, 1]
    assert sum(steps for _, steps in stages(900, 512, 101)) == 101


@pytest.mark.parametrize("init", ["content", "fast", "noise"])
def test_the_style_comes_nearer(stylize: Stylize, init: str) -> None:
    result, events = run(stylize, init=init, content_weight=0.0, tv_weight=0.0)
    assert [event.step for event in events] == list(range(1, 13))
    assert {event.steps for event in events} == {12}
    last = [event for event in events if event.width == 27]
    assert last[-1].losses["style"] < last[0].losses["style"]
    assert np.array_equal(events[-1].picture(), result)
    assert events[0].picture().shape == (16, 13, 3)


def test_seeds_decide_the_noise(stylize: Stylize) -> None:
    results = [run(stylize, steps=2, init="noise", seed=seed)[0] for seed in (1, 1, 2)]
    assert np.array_equal(results[0], results[1])
    assert not np.array_equal(results[0], results[2])


def test_strength_0_gives_the_picture_back(stylize: Stylize) -> None:
    assert np.array_equal(run(stylize, strength=0)[0], picture())


@pytest.mark.parametrize("last", [1, 7])
def test_ending_early_keeps_the_picture(
    stylize: Stylize, caplog: pytest.LogCaptureFixture, last: int
) -> None:
    events: list[Event] = []
    options = StylizeOptions(method="optimize", steps=12)
    worn = stylize.wearing([picture(1)], options, on_event=events.append, enough=lambda: len(events) == last)
    result = worn.restore(picture(), lambda w, h: worn.plan(w, h, options))
    assert f"stopped after {last} of 12 steps" in caplog.text
    assert len(events) == last
    assert result.shape == picture().shape
    assert not np.array_equal(result, picture())
    with pytest.raises(Stopped, match=f"stopped after {last} of 12 steps"):  # the next one is not begun
        worn.restore(picture(), lambda w, h: worn.plan(w, h, options))
    assert run(stylize, steps=1)[0].shape == picture().shape  # another job is


def test_the_library_catches_no_interruption(stylize: Stylize) -> None:
    def interrupt(event: Event) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stylize(picture(), picture(1), method="optimize", steps=3, on_event=interrupt)


def test_moments_are_carried_from_size_to_size() -> None:
    first, second = torch.rand(1, 3, 8, 6), torch.rand(1, 3, 8, 6)
    state = module._carried((first, second), 5, 16, 12)
    assert state["step"] == 5
    # Four times the pixels, so gradients a quarter as large, squares a sixteenth.
    assert state["exp_avg"].mean().item() == pytest.approx(first.mean().item() / 4, rel=0.01)
    assert state["exp_avg_sq"].mean().item() == pytest.approx(second.mean().item() / 16, rel=0.01)
    assert state["exp_avg_sq"].shape == (1, 3, 16, 12)


@pytest.mark.parametrize("how", ["luminance", "histogram"])
@pytest.mark.parametrize("method", ["fast", "optimize"])
def test_flat_grey_keeps_its_colour(stylize: Stylize, how: str, method: str) -> None:
    for value in (77, 128, 200):
        grey = np.full((16, 20, 3), value, np.uint8)
        options = {"steps": 2} if method == "optimize" else {}
        result = stylize(grey, picture(1), method=method, keep_color=how, **options)
        assert np.abs(result.astype(float).mean((0, 1)) - value).max() < 1.5


def test_stop_ends_the_work(stylize: Stylize) -> None:
    with pytest.raises(Stopped, match="stopped after 0 of 12 steps"):
        run(stylize, init="content", stop=lambda: True)


@pytest.mark.parametrize("size", [(1, 1), (3, 40)])
def test_tiny_pictures(stylize: Stylize, size: tuple[int, int]) -> None:
    content = picture(0, *size)
    assert stylize(content, picture(1), method="optimize", steps=3).shape == content.shape


def test_masks_alpha_and_depth(stylize: Stylize) -> None:
    content = np.concatenate([picture(), np.full((32, 27, 1), 255, np.uint8)], 2).astype(np.uint16) * 257
    content[:, :5, 3] = 0
    mask = np.zeros((32, 27), np.uint8)
    mask[:16] = 255
    result = stylize(content, picture(1), method="optimize", steps=3, mask=mask)
    assert result.dtype == np.uint16
    assert np.array_equal(result[16:], content[16:])
    assert np.array_equal(result[:, :5], content[:, :5])
    assert not np.array_equal(result[:15, 6:], content[:15, 6:])


def test_frames_begin_with_the_result_before(stylize: Stylize) -> None:
    film = images.Picture(
        27, 32, 3, np.dtype(np.uint8), (picture(), picture()), animation=images.Animation((40, 40), 0)
    )
    first, second = stylize(film, picture(1), method="optimize", steps=4).frames
    assert np.array_equal(first, run(stylize, steps=4)[0])
    assert not np.array_equal(first, second)
    assert np.abs(first.astype(int) - second).mean() < np.abs(first.astype(int) - picture()).mean()


def test_vgg_takes_pictures_alone(stylize: Stylize, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def random(name: str) -> dict[str, torch.Tensor]:
        state, index, inputs = {}, 0, 3
        for number, width in vgg.VGG[name]:
            for _ in range(number):
                conv = nn.Conv2d(inputs, width, 3)
                state |= {f"features.{index}.{key}": value.data for key, value in conv.named_parameters()}
                index, inputs = index + 2, width
            index += 1
        return state

    small = {"vgg16": ((2, 4),) * 5, "vgg19": ((2, 4), (2, 4), (4, 4), (4, 4), (4, 4))}
    monkeypatch.setattr(vgg, "VGG", small)
    monkeypatch.setattr(vgg, "backbone", random)
    for name, layers in {"vgg16": ("relu1_1", "relu5_1"), "vgg19": ("conv3_4",)}.items():
        result, events = run(stylize, steps=3, extractor=name, layers=layers)
        assert result.shape == picture().shape
        assert events[-1].losses["content"] >= 0
    monkeypatch.setattr("platformdirs.user_data_path", lambda name: tmp_path / name)
    stylize.save_style(styles.own_path("mine"), picture(1))
    named = stylize(picture(), "mine", method="optimize", steps=2)
    assert np.abs(named.astype(int) - run(stylize, steps=2)[0]).mean() < 2
    with pytest.raises(OptionError, match="extractor: expected encoder for mine"):
        stylize(picture(), "mine", method="optimize", extractor="vgg16")
    with pytest.raises(OptionError, match="layers: expected some of relu1_1"):
        run(stylize, layers=["relu5_1"])


def test_shell(
    stylize: Stylize, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Stylize, "from_options", lambda options: stylize)
    for name, seed in {"in.png": 0, "style.png": 1}.items():
        Image.fromarray(picture(seed)).save(tmp_path / name)
    paths = [str(tmp_path / name) for name in ("in.png", "style.png", "out.png")]
    more = ["--method", "optimize", "--steps", "6", "--save-every", "2", "--json"]
    assert main(["stylize", *paths, *more]) == 0
    row = json.loads(capfd.readouterr().out)
    assert row["models"] == ["fast", "encoder"]
    assert np.array_equal(np.asarray(Image.open(tmp_path / "out.png")), run(stylize, steps=6)[0])
    assert sorted(path.name for path in tmp_path.glob("out-*")) == [
        "out-0002.png", "out-0004.png", "out-0006.png",
    ]  # fmt: skip
    film = [Image.fromarray(picture(seed)) for seed in (0, 2)]
    film[0].save(tmp_path / "film.gif", save_all=True, append_images=film[1:], duration=40)
    paths_of_film = [str(tmp_path / "film.gif"), paths[1], str(tmp_path / "moving.gif")]
    assert main(["stylize", *paths_of_film, "--method", "optimize", "--steps", "3", "--save-every", "2"]) == 0
    assert len(list(tmp_path.glob("moving-*.gif"))) == 3  # of 6 steps, of one frame and of the other
    assert main(["stylize", *paths, "--steps", "6", "--overwrite"]) == 2
    assert "--method optimize" in capfd.readouterr().err


@pytest.mark.parametrize(("at", "kept"), [(3, True), (0, False)])
def test_the_first_ctrl_c_keeps_what_is_optimised(
    stylize: Stylize,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    at: int,
    kept: bool,
) -> None:
    def interrupted(options: StylizeOptions) -> Stylize:
        if at == 0:
            signal.raise_signal(signal.SIGINT)
        return stylize

    before = shell._Watch.on_event

    def on_event(watch: shell._Watch, event: Event) -> None:
        before(watch, event)
        if event.step == at:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Stylize, "from_options", interrupted)
    monkeypatch.setattr(shell._Watch, "on_event", on_event)
    for name, seed in {"in.png": 0, "style.png": 1}.items():
        Image.fromarray(picture(seed)).save(tmp_path / name)
    paths = [str(tmp_path / name) for name in ("in.png", "style.png", "out.png")]
    code = main(["stylize", *paths, "--method", "optimize", "--steps", "6"])
    assert code == Stopped.exit_code
    assert (tmp_path / "out.png").is_file() == kept
    said = "stopped after 3 of 6 steps; the picture is kept" if kept else "stopped; nothing half-written"
    assert said in capfd.readouterr().err
