"""Training and models on the server: what is asked of the shell, and what is made of its answers."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from gradio_client import handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from genstudio import weights as weights_
from genstudio.errors import UsageError
from genstudio.tasks import TASKS
from genstudio.training.options import TrainOptions
from genstudio.ui import runs
from genstudio.ui.examples import PICTURES
from genstudio.ui.recipes import recipes, words
from genstudio.ui.runs import POINTS, Root, Trainer, read
from genstudio.ui.tabs.train import OF_RUNS

pytestmark = pytest.mark.training


def made(root: Path, name: str, *rows: dict[str, Any]) -> Path:
    """A run's folder as training leaves it."""
    run = root / "runs" / name
    (run / "samples").mkdir(parents=True)
    about = {"name": "upscale/compact-x2", "steps": 200, "batch_size": 4}
    (run / "recipe.json").write_text(json.dumps(about))
    (run / "run.json").write_text(json.dumps({"recipe": about["name"], "data": "photos"}))
    (run / "stats.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return run


def test_every_option_of_the_shell_is_a_parameter(client: Any) -> None:
    for action in ("train", "resume"):
        parameters = client.view_api(return_format="dict")["named_endpoints"][f"/{action}"]["parameters"]
        found = {each["parameter_name"] for each in parameters}
        assert found == {"recipe", "run"} | (TrainOptions.model_fields.keys() - OF_RUNS)


def test_the_shell_is_told_all_that_was_chosen(tmp_path: Path) -> None:
    (tmp_path / "photos" / "paintings").mkdir(parents=True)
    root = Root(tmp_path.resolve())
    options = TrainOptions(
        data="photos", styles="photos/paintings", steps=7, download=True, set=("a=1", "b=2")
    )
    said = words(root, "stylize/fast", "mine", options, resume=False)
    assert said[:3] == ["train", "stylize/fast", f"--out={root.folder}/runs/mine"]
    folders = {f"--data={root.folder}/photos", f"--styles={root.folder}/photos/paintings"}
    assert set(said[3:]) == folders | {"--steps=7", "--download", "--set=a=1", "--set=b=2"}
    by_name = words(root, "classify/cifar10", "mine", TrainOptions(data="cifar10"), resume=False)
    assert "--data=cifar10" in by_name
    made(tmp_path, "mine")
    with pytest.raises(UsageError, match="Resume goes on with it"):
        words(root, "stylize/fast", "mine", options, resume=False)
    assert "--resume" in words(root, "stylize/fast", "mine", options, resume=True)
    with pytest.raises(UsageError, match="none called other"):
        words(root, "stylize/fast", "other", options, resume=True)
    with pytest.raises(UsageError, match="expected a recipe TASK/NAME"):
        words(root, "--help", "other", options, resume=False)


def test_recipes_of_all_tasks_are_offered() -> None:
    assert {name.partition("/")[0] for name in recipes()} == set(TASKS)


@pytest.mark.parametrize("names", [("l1",), ("loss", "l1"), tuple("abcdefgh")])
@pytest.mark.parametrize("count", [10, 399, 400, 1000, 1200])
def test_a_long_run_keeps_all_its_curves(tmp_path: Path, names: tuple[str, ...], count: int) -> None:
    pace = {"pictures_per_second": 10.0, "minutes": 2.0}
    losses = dict.fromkeys(names, 0.5)
    run = made(tmp_path, "mine", *({"step": 50 * k, **losses, **pace} for k in range(1, count + 1)))
    points = read(run).losses
    for name in names:
        steps = [each["step"] for each in points if each["name"] == name]
        assert min(count, POINTS // 2) <= len(steps) <= POINTS
        assert steps[-1] == 50 * count
        assert steps == sorted(steps)


def test_a_run_is_read_while_it_is_written(tmp_path: Path) -> None:
    run = made(
        tmp_path,
        "mine",
        {"step": 50, "l1": 0.5, "pictures_per_second": 10.0, "minutes": 2.0},
        {"step": 50, "warning": "few pictures"},
        {"step": 100, "l1": 0.25, "pictures_per_second": 10.0, "minutes": 4.0},
        {"step": 100, "psnr_y": 30.0},
    )
    with (run / "stats.jsonl").open("a") as stats:
        stats.write('{"step": 15')
    Image.new("RGB", (4, 4)).save(run / "samples" / "0000100.png")
    Image.new("RGB", (4, 4)).save(run / "samples" / "0000150.png")  # perhaps not whole yet
    record = runs.read(run)
    assert (record.step, record.steps, record.minutes, record.step_s) == (100, 200, 4, 0.4)
    assert [(row["step"], row["value"]) for row in record.losses] == [(50, 0.5), (100, 0.25)]
    assert [(row["name"], row["value"]) for row in record.scores] == [("psnr_y", 30)]
    assert list(record.samples) == [100]
    trainer = Trainer(Root(tmp_path.resolve()))
    assert trainer.report("mine", record) == "step 100 of 200 after 4 minutes; Resume goes on"
    assert trainer.root.runs() == ["mine"]


def test_folders_to_choose_from(tmp_path: Path) -> None:
    for name in ("photos/cats", "a/b/c/d", ".hidden", "runs/mine"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "link").symlink_to("/etc")
    assert Root(tmp_path.resolve()).folders() == ["a", "a/b", "a/b/c", "photos", "photos/cats"]


def ended(trainer: Trainer) -> None:
    until = time.monotonic() + 60
    while trainer.at_work and time.monotonic() < until:
        time.sleep(0.05)


def test_nothing_that_becomes_of_a_run_harms_the_page(tmp_path: Path) -> None:
    trainer = Trainer(Root(tmp_path.resolve()))
    trainer.start("killed", ["train", "upscale/compact-x2", "--data=photos"])
    assert "at work" in trainer.report("killed", runs.Record())
    with pytest.raises(UsageError, match="found killed; stop it first"):
        trainer.start("second", ["--version"])
    assert trainer._command
    trainer._command.kill()
    ended(trainer)
    assert trainer.report("killed", runs.Record()) == "ended by signal 9"
    trainer.start("wrong", ["train", "nothing/such", f"--data={tmp_path}/photos"])
    ended(trainer)
    said = trainer.report("wrong", runs.Record())
    assert said.startswith("did not work: expected a recipe TASK/NAME")
    assert str(tmp_path) not in said
    assert not trainer.stop()


def test_a_model_of_others_comes_is_used_and_goes(client: Any, weights: Path, tmp_path: Path) -> None:
    import torch
    from spandrel.architectures.ESRGAN import ESRGAN

    torch.manual_seed(0)
    torch.save({"params_ema": ESRGAN(num_filters=8, num_blocks=1).state_dict()}, tmp_path / "4x tiny.pth")
    name, card, *_ = client.predict(
        handle_file(tmp_path / "4x tiny.pth"), license="CC0 ![](x)", api_name="/import_model"
    )
    assert name["value"] == "upscale/4x-tiny"
    assert "ESRGAN" in card
    assert "![" not in card
    taken = {"license": "", "api_name": "/import_model"}
    for called, found in (("", "4x-tiny"), ("compact", "compact"), ("auto", "auto")):
        with pytest.raises(AppError, match=f"expected a new name, found {found}"):
            client.predict(handle_file(tmp_path / "4x tiny.pth"), called, **taken)
    with pytest.raises(AppError, match="at most 64 letters"):
        client.predict(handle_file(tmp_path / "4x tiny.pth"), "../../x", **taken)
    (result,), report, _ = client.predict(
        [handle_file(PICTURES / "cut-out.png")], model="4x-tiny", api_name="/upscale"
    )
    assert "4x-tiny" in report
    from genstudio.upscale.pipeline import Upscale

    small = Image.open(PICTURES / "cut-out.png")
    assert Upscale.from_weights(tmp_path / "4x tiny.pth")(small).tobytes() == Image.open(result).tobytes()
    with pytest.raises(AppError, match="not in the list of choices"):
        client.predict("generate/made", api_name="/remove_model")
    client.predict("upscale/4x-tiny", api_name="/remove_model")
    assert not (weights / "upscale" / "4x-tiny.safetensors").exists()
    assert (weights / "generate" / "made.safetensors").exists()
    assert "upscale/4x-tiny" not in {each.name for each in weights_.installed()}
    with pytest.raises(AppError):
        client.predict([handle_file(PICTURES / "cut-out.png")], model="4x-tiny", api_name="/upscale")
