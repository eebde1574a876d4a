"""Every recipe makes its net, takes overrides, and survives being written down and read back."""

import dataclasses
import json
from importlib import import_module

import pytest
import torch

from genstudio.tasks import TASKS
from genstudio.training import run

MODULES = {task: import_module(row.recipes.partition(":")[0]) for task, row in TASKS.items()}
RECIPES = [(task, name) for task, module in MODULES.items() for name in module.RECIPES]


@pytest.mark.parametrize(("task", "name"), RECIPES)
def test_recipe(task: str, name: str) -> None:
    module = MODULES[task]
    recipe = module.RECIPES[name]
    assert run.revive(recipe, json.loads(json.dumps(dataclasses.asdict(recipe)))) == recipe
    recipe = run.override(recipe, ["warm_start=null", "seed=3"])
    assert recipe.seed == 3
    learner = module.make_learner(recipe, None)
    shipped = learner.export(learner.net)
    small = torch.rand(1, 3, 8, 8)
    with torch.no_grad():
        assert torch.allclose(shipped(small), learner.net(small), atol=1e-4)
