"""`genstudio train --list`, and names that are nearly those of recipes."""

from importlib import import_module

import pytest

from genstudio.cli import main
from genstudio.cli.recipes import rows
from genstudio.errors import UsageError
from genstudio.tasks import TASKS


def test_the_list_names_all_recipes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--list"]) == 0
    said = capsys.readouterr().out
    for task in TASKS.values():
        for name, recipe in import_module(task.recipes.partition(":")[0]).RECIPES.items():
            assert f"{name}  " in said
            assert f"{recipe.steps:,} steps" in said
    assert "stylize/fast  --data PHOTOS --styles PAINTINGS  2,200 steps" in said
    assert all(row.needs or row.about for row in rows())


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("upscale/compct-x4", "upscale/compact-x4"),
        ("compact-x4", "upscale/compact-x4"),
        ("upscale/flowers", "classify/flowers"),
        ("denoise/dcgan-64", "generate/dcgan-64"),
        ("clasify/cifar10", "classify/cifar10"),
    ],
)
def test_did_you_mean_looks_at_all(name: str, meant: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", name, "--data", "x"]) == UsageError.exit_code
    assert meant in capsys.readouterr().err.partition("did you mean ")[2]


def test_nothing_near_points_to_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "zzz", "--data", "x"]) == UsageError.exit_code
    assert capsys.readouterr().err.endswith("genstudio train --list shows all\n")
