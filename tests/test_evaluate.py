"""The evaluation: what it computes, prints and saves, and what it refuses."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from genstudio import evaluate
from genstudio.cli import main
from genstudio.errors import InputError, UsageError, WeightsError
from genstudio.perceptual import LPIPS

FEATURES = Path(__file__).parent.parent.parent / "shared" / "data" / "weights"
NEEDS_ALEXNET = pytest.mark.skipif(
    not (FEATURES / "alexnet_features.safetensors").is_file(), reason="AlexNet's features are not at hand"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    home = tmp_path / "pictures"
    home.mkdir()
    Image.fromarray(data.astronaut()[:203, 100:303]).save(home / "a.png")
    Image.fromarray(data.coffee()[100:150, 100:160]).save(home / "b.png")
    return home


def test_a_table_for_people(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "upscale", "--data", str(folder), "--model", "compact-x4"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[2:]] == ["a.png", "b.png", "mean"]
    ours, bicubic = (float(cell) for cell in lines[-1].split()[1:3])
    assert ours > bicubic


def test_json_and_pictures(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save = tmp_path / "saved"
    command = [
        "evaluate",
        "upscale",
        "--data",
        str(folder),
        "--json",
        "--save",
        str(save),
        "--metrics",
        "psnr",
    ]
    assert main(command) == 0
    row = json.loads(capsys.readouterr().out)
    assert (row["n"], row["scale"]) == (2, 4)
    assert set(row["mean"]) == {"psnr_y", "psnr_rgb"}
    assert row["mean"]["psnr_y"] == pytest.approx(np.mean([p["psnr_y"] for p in row["pictures"].values()]))
    assert Image.open(save / "a.png").size == (200, 200)
    assert Image.open(save / "sheet.png").width == 4 * 192 + 3 * 4


def test_a_perfect_picture_is_null_in_json() -> None:
    picture = data.chelsea()[:40, :40]
    score = evaluate.Judge()("same", picture, picture, 4)
    assert score.values["ssim_y"] == pytest.approx(1)
    assert evaluate.finite(score)["psnr_y"] is None


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--metrics", "psnr,foo"], 2, "found foo"),
        (["--scale", "2.5"], 2, "--scale"),
        (["--data", "nowhere"], 3, "found none in nowhere"),
        (["--save", "nowhere/deep"], 4, "cannot make"),
    ],
)
def test_refusals(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, words: str
) -> None:
    given = arguments if "--data" in arguments else ["--data", str(folder), *arguments]
    assert main(["evaluate", "upscale", *given]) == code
    assert words in capsys.readouterr().err


def test_too_small_a_picture_is_named(folder: Path) -> None:
    Image.new("RGB", (8, 30)).save(folder / "c.png")
    with pytest.raises(InputError, match=r"c\.png: expected more than 8 pixels a side, found 8 x 30"):
        evaluate.upscaling(lambda p: evaluate.enlarge_bicubic(p, 4), folder, 4, evaluate.Judge())


def test_no_metric() -> None:
    with pytest.raises(UsageError, match="found none"):
        evaluate.Judge([])


@NEEDS_ALEXNET
def test_lpips_grows_with_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENSTUDIO_WEIGHTS", str(FEATURES))
    judge = evaluate.Judge(["lpips"])
    picture = data.chelsea()[:120, :160]
    blurred = [evaluate.enlarge_bicubic(evaluate.reduce(picture, k), k) for k in (1, 2, 4)]
    distances = [judge("", b, picture, 0).values["lpips"] for b in blurred]
    assert distances[0] == pytest.approx(0, abs=1e-6)
    assert distances[0] < distances[1] < distances[2]


def test_lpips_says_what_it_lacks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GENSTUDIO_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(
        "genstudio.perceptual.URLS", {"alexnet": "http://127.0.0.1:9/alexnet-owt-7be5be79.pth"}
    )
    with pytest.raises(WeightsError, match="set GENSTUDIO_WEIGHTS"):
        LPIPS()


def test_damaged_features_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "alexnet_features.safetensors").write_bytes(b"nonsense")
    monkeypatch.setenv("GENSTUDIO_WEIGHTS", str(tmp_path))
    with pytest.raises(WeightsError, match="alexnet_features"):
        LPIPS()


def test_photo_degradation_is_seeded_and_worse(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    original = np.ascontiguousarray(data.chelsea()[:80, :80])
    damaged = [evaluate.degraded(original, 4, "photo", seed) for seed in (0, 0, 1)]
    assert damaged[0].shape == (20, 20, 3)
    assert np.array_equal(damaged[0], damaged[1])
    assert not np.array_equal(damaged[0], damaged[2])
    rows = []
    for degradation in ("bicubic", "photo"):
        assert (
            main(["evaluate", "upscale", "--data", str(folder), "--json", "--degradation", degradation]) == 0
        )
        rows.append(json.loads(capsys.readouterr().out)["bicubic"]["psnr_y"])
    assert rows[1] < rows[0] - 0.5
