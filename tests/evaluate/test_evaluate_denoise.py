"""Denoisers measured: the noise is the literature's, all get the same, and each row is what it says."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import made
import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from genstudio import Denoise, evaluate
from genstudio.cli import main
from genstudio.denoise.dae import DAE, DAEConfig
from genstudio.evaluate import classics
from genstudio.evaluate.comparison import Judge, compare, eight_bit
from genstudio.evaluate.denoise import classical, restoring, trial, with_noise
from genstudio.evaluate.report import mean
from genstudio.options import OptionError

NETS = {name: DAE(DAEConfig(width=8, blocks=1, told=name == "told")) for name in ("told", "blind")}
CLEAN = np.ascontiguousarray(data.astronaut()[60:108, 190:246])


@pytest.fixture(scope="module", autouse=True)
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Weights denoise/told and denoise/blind, which do something, if nothing good."""
    home = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    for name, net in NETS.items():
        for p in net.eval().requires_grad_(False).parameters():
            p.data = torch.randn_like(p) * (0.4 / p[0].numel()) ** 0.5
        made.save(home / "denoise" / f"{name}.safetensors", "denoise", "dae", net)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENSTUDIO_WEIGHTS", str(home))
        yield home / "denoise"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    home = tmp_path / "pictures"
    home.mkdir()
    Image.fromarray(CLEAN).save(home / "a.png")
    Image.fromarray(data.astronaut()[:200, 100:300]).convert("L").save(home / "b.png")
    return home


def evaluated(capsys: pytest.CaptureFixture[str], folder: Path, *arguments: str) -> dict[str, Any]:
    """The line of JSON of one command."""
    assert (
        main(["evaluate", "denoise", "--data", str(folder), "--json", "--against", "none", *arguments]) == 0
    )
    row: dict[str, Any] = json.loads(capsys.readouterr().out)
    return row


# --- the noise --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("light", [0, 128, 255])
def test_the_noisy_row_is_the_literatures_whatever_the_light(light: int, tmp_path: Path) -> None:
    Image.new("RGB", (120, 90), (light, light, light)).save(tmp_path / "flat.png")
    done = compare(trial("gaussian", 25), {"noisy": lambda p: p}, tmp_path, Judge(["psnr"]))
    assert mean(done.scores["noisy"]).values["psnr_rgb"] == pytest.approx(20.17, abs=0.1)


def test_gaussian_noise_goes_out_of_range_and_is_each_values_own() -> None:
    white = np.full((80, 90, 3), (255, 255, 254), np.uint8)
    noisy = with_noise(white, "gaussian", 25, 0)
    assert noisy.dtype == np.float32
    noise = 255 * noisy - white
    assert noise.std() == pytest.approx(25, rel=0.03)
    assert noise.mean() == pytest.approx(0, abs=0.5)
    assert np.abs(np.corrcoef(noise.reshape(-1, 3).T) - np.eye(3)).max() < 0.05


@pytest.mark.parametrize("noise", ["gaussian", "poisson", "photo", "salt-pepper"])
def test_noise_is_the_pictures_own_and_the_same_every_time(noise: Any) -> None:
    first, again, other = (with_noise(CLEAN, noise, 25, seed) for seed in (0, 0, 1))
    assert first.shape == CLEAN.shape
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("noise", ["gaussian", "poisson", "photo", "salt-pepper"])
def test_a_grey_picture_has_grey_noise(noise: Any) -> None:
    grey = np.repeat(CLEAN[..., :1], 3, 2)
    noisy = with_noise(grey, noise, 25, 0)
    assert np.array_equal(noisy, np.repeat(noisy[..., :1], 3, 2))
    if noise == "gaussian":
        assert (255 * noisy - grey).std() == pytest.approx(25, rel=0.03)


def test_levels_are_those_of_white_and_of_mid_grey() -> None:
    white, grey = (np.full((200, 200, 3), light, np.uint8) for light in (255, 128))
    assert 255 * with_noise(white, "poisson", 25, 0).std() == pytest.approx(25, rel=0.03)
    salted = with_noise(grey, "salt-pepper", 25, 0)
    assert set(np.unique(salted)) == {0, 128, 255}
    assert np.sqrt(np.square(salted - 127.5).mean()) == pytest.approx(25, rel=0.05)


# --- the methods ------------------------------------------------------------------------------------------


def test_a_net_sees_the_noise_unclipped() -> None:
    noisy = with_noise(CLEAN, "gaussian", 50, 0)
    assert noisy.min() < -0.05
    assert noisy.max() > 1.05
    seen = torch.from_numpy(noisy).permute(2, 0, 1)[None]
    expected = eight_bit(NETS["told"](seen, 50.0)[0].permute(1, 2, 0).numpy())
    for tile in ("off", 32):
        denoise = Denoise.from_weights("told", device="cpu", precision="float32", tile=tile)
        done = restoring(denoise, 50)(noisy)
        assert done.dtype == np.uint8
        assert np.abs(done.astype(int) - expected).max() <= 1
        assert (done != expected).mean() < 0.01
        assert np.array_equal(restoring(denoise, 0)(noisy), eight_bit(noisy))


def test_blind_is_told_the_estimate() -> None:
    noisy = with_noise(data.astronaut()[:160, 100:300], "gaussian", 25, 0)
    denoise = Denoise.from_weights("told", device="cpu", precision="float32")
    answers = {std: restoring(denoise, std)(noisy) for std in np.arange(230, 271) / 10}
    assert any(np.array_equal(restoring(denoise)(noisy), answer) for answer in answers.values())


@pytest.mark.parametrize("name", classics.CLASSICS)
def test_a_classic_takes_noise_away(name: str) -> None:
    try:
        method = classics.CLASSICS[name].make()
    except ImportError as error:
        pytest.skip(str(error))
    done = classical(method, None).restore(with_noise(CLEAN, "gaussian", 25, 0), CLEAN)
    assert (done.dtype, done.shape) == (np.uint8, CLEAN.shape)
    assert np.square(done - CLEAN.astype(float)).mean() < 0.5 * 25**2
    flat = np.full((16, 16, 3), 200, np.uint8)  # as small as may be
    assert np.array_equal(classical(method, None).restore(flat, flat), flat)
    assert np.abs(classical(method, 25).restore(flat, flat) - 200.0).max() <= 2


def test_classics_are_told_what_nobody_can_know() -> None:
    told: list[float] = []
    informed = classical(lambda noisy, std: told.append(std) or noisy, None)
    informed.restore(with_noise(CLEAN, "poisson", 25, 0), CLEAN)
    informed.restore(np.minimum(CLEAN, 245) + np.uint8(10), np.minimum(CLEAN, 245))
    noise = 255 * with_noise(CLEAN, "poisson", 25, 0) - CLEAN
    assert told == pytest.approx([np.sqrt(np.square(noise).mean()), 10], rel=1e-3)


def test_classics_that_are_not_there(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    monkeypatch.setitem(sys.modules, "bm3d", ModuleType("bm3d"))
    assert list(classics.chosen(())) == ["nlm", "tv", "bm3d"]
    (message,) = caplog.messages
    assert message.startswith("left out: fastnlm needs the package opencv-python-headless (")
    with pytest.raises(
        OptionError, match=r"against: fastnlm needs the package opencv.*; install it, or leave"
    ):
        classics.chosen(("tv", "fastnlm"))
    assert list(classics.chosen(("tv", "nlm"))) == ["tv", "nlm"]


# --- the command ------------------------------------------------------------------------------------------


def test_a_row_for_each_method(folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    save = tmp_path / "saved"
    command = ["evaluate", "denoise", "--data", str(folder), "--model", "told", "--noise-std", "15"]
    assert main([*command, "--against", "tv", "--metrics", "psnr", "--save", str(save)]) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0] == "pictures gaussian 15, n=2; Gaussian noise of 15, neither clipped nor rounded"
    rows = ["told", "a.png", "b.png", "mean", "told", "told, blind", "tv", "noisy"]
    assert [line[:32].strip() for line in lines[1:]] == rows
    assert lines[4].split() == ["mean", "psnr_y", "psnr_rgb", "seconds/MP"]
    assert float(lines[-1].split()[2]) == pytest.approx(24.61, abs=0.1)
    assert err == ""
    assert sorted(file.name for file in save.iterdir()) == ["a.png", "b.png", "sheet.png"]
    assert Image.open(save / "sheet.png").width == 5 * 192 + 4 * 4  # input, blind, tv, told, original


def test_json_is_the_same_twice(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row, again = (evaluated(capsys, folder, "--model", "told") for _ in range(2))
    assert (
        set(row.pop("seconds_per_mp")) == set(again.pop("seconds_per_mp")) == {"told", "told, blind", "noisy"}
    )
    assert row == again
    head = {"model": "told", "data": "pictures", "noise": "gaussian", "noise_std": 25, "n": 2}
    assert {key: row[key] for key in head} == head
    assert set(row["mean"]) == {"psnr_y", "psnr_rgb", "ssim_y"}
    assert row["others"]["noisy"]["psnr_rgb"] == pytest.approx(20.17, abs=0.1)
    assert row["mean"] != row["others"]["told, blind"]


@pytest.mark.parametrize(
    ("arguments", "model", "facts"),
    [
        (["--model", "blind"], "blind", {"noise": "gaussian", "noise_std": 25}),
        (["--model", "told", "--noise", "photo"], "told, blind", {"noise": "photo"}),
        (
            ["--model", "told", "--noise", "poisson", "--noise-std", "10"],
            "told, blind",
            {"noise": "poisson", "noise_std": 10},
        ),
        (
            ["--model", "blind", "--noise", "salt-pepper"],
            "blind",
            {"noise": "salt-pepper", "noise_std": 25},
        ),
    ],
)
def test_without_one_level_all_are_blind(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    model: str,
    facts: dict[str, Any],
) -> None:
    row = evaluated(capsys, folder, *arguments)
    assert list(row["seconds_per_mp"]) == [model, "noisy"]
    assert {key: value for key, value in row.items() if key.startswith("noise")} == facts


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--noise", "pink"], 2, "--noise"),
        (["--noise-std", "-1"], 2, "--noise-std: expected a number from 0 to 100, found"),
        (["--noise", "photo", "--noise-std", "25"], 2, "expected no noise-std with photo noise, found 25"),
        (["--against", "nlm,median"], 2, "--against: expected none or some of nlm, tv, fastnlm, bm3d, found"),
        (["--metrics", "mse"], 2, "--metrics: expected some of psnr, ssim, lpips, lpips-vgg, found mse"),
        (["--data", "nowhere"], 3, "expected a folder of pictures, found none in nowhere"),
        (["--model", "nothing"], 2, "nothing"),
    ],
)
def test_refusals(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, words: str
) -> None:
    given = {"--data": str(folder), "--model": "told", "--against": "none"}
    given |= dict(zip(arguments[::2], arguments[1::2], strict=True))
    assert main(["evaluate", "denoise", *(word for pair in given.items() for word in pair)]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert words in err


def test_too_small_a_picture_is_named(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    Image.new("RGB", (15, 30)).save(folder / "c.png")
    done = compare(trial("gaussian"), {"noisy": lambda p: p}, folder, Judge(["psnr"]))
    assert done.left_out == ["c.png"]
    assert len(done.scores["noisy"]) == 2
    (message,) = caplog.messages
    assert message.endswith("c.png: expected at least 16 pixels a side, found 15 x 30")


# --- headers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NETS)
def test_what_a_header_states(name: str, folder: Path, models: Path) -> None:
    found = evaluate.measured(models / f"{name}.safetensors", folder, Judge(["psnr"]))
    gaussian = [f"{column} gaussian {std}" for std in (25, 15, 50) for column in ("psnr_rgb", "psnr_y")]
    assert [m.name for m in found] == gaussian + (
        ["psnr_rgb photo", "psnr_y photo"] if name == "blind" else []
    )
    assert found[0].protocol == "RGB, dB; Gaussian noise of 25, neither clipped nor rounded" + (
        ", the level told" if name == "told" else ""
    )
    assert all(np.isfinite(m.value) and m.n == 2 for m in found)
