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
    classes = ['net.classes=["a", "b"]'] if hasattr(recipe.net, "classes") else []
    recipe = run.override(recipe, ["warm_start=null", "seed=3", *classes])
    assert recipe.seed == 3
    learner = module.make_learner(recipe, None)
    shipped = learner.export(learner.net)
    if name == "stylize/eyes":  # ship without their lifts, but turned as they are: see their own tests
        return
    side_px = getattr(recipe.net, "side_px", 8)
    small = [torch.rand(1, 3, side_px, side_px)]
    if task == "generate":
        small = [torch.rand(1, recipe.net.latent), torch.tensor([1])]
    with torch.no_grad():
        both = (shipped(*small), learner.net(*small))
    levels = [each if isinstance(each, list) else [each] for each in both]
    assert all(torch.allclose(a, b, atol=1e-4) for a, b in zip(*levels, strict=True))
