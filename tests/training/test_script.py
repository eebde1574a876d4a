"""`python -m genstudio.TASK.train` takes what `genstudio train` takes, and ends with the same exit codes."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from genstudio.tasks import TASKS
from genstudio.training import run
from genstudio.training.options import TrainOptions
from genstudio.training.script import main


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path / "cache")
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed in range(8):
        pixels = np.random.default_rng(seed).integers(0, 256, (240, 240, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{seed}.png")
    return folder


def test_every_option_arrives(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, TrainOptions]] = []

    def train(module: object, name: str, options: TrainOptions) -> run.Sitting:
        seen.append((name, options))
        return run.Sitting(Path("run"), None, 0, None)

    monkeypatch.setattr(run, "train", train)
    words = ["compact-x2", "--data", str(photos), "--styles", "s", "--out", "o", "--steps", "3", "--minutes"]
    words += ["0.5", "--set", "lr=1", "--set", "crop_px=8", "--clean", "none", "--metric", "untrained"]
    words += ["--download", "--resume", "--dry-run", "--device", "cpu", "--seed", "7"]
    words += ["--validate", "v", "--teacher", "t.pth"]
    assert main("upscale", words) == 0
    ((name, options),) = seen
    assert name == "upscale/compact-x2"
    expected = {"data": photos, "styles": "s", "out": "o", "steps": 3, "minutes": 0.5, "clean": "none"}
    expected |= {"validate_": "v", "teacher": "t.pth"}
    expected |= {"set": ("lr=1", "crop_px=8"), "metric": "untrained", "device": "cpu", "seed": 7}
    assert options == TrainOptions(download=True, resume=True, dry_run=True, **expected)
    assert options.model_fields_set == set(TrainOptions.model_fields)


@pytest.mark.parametrize("task", TASKS)
def test_mistakes_are_one_line_with_the_exit_code(
    task: str, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(task, ["nothing", "--data", str(photos)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"python -m genstudio.{task}.train: expected a recipe, found '{task}/nothing'")
    assert error.count("\n") == 1


def test_a_dry_run_and_values_that_cannot_be(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["compact-x2", "--data", str(photos), "--device", "cpu", "--set", "warm_start=null"]
    assert main("upscale", [*words, "--dry-run"]) == 0
    assert main("upscale", [*words, "--steps", "0"]) == 2
    assert "steps" in capsys.readouterr().err
    assert main("upscale", [*words[:2], str(photos / "missing")]) == 3
    with pytest.raises(SystemExit):
        main("upscale", ["compact-x2"])
    assert "--data" in capsys.readouterr().err
