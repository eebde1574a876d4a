"""The library as Python code meets it: its names, and keyword arguments that are the options of the shell."""

import inspect
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import genstudio
from genstudio.options import FileOptions, Options
from genstudio.tasks import TASKS

ROOT = Path(__file__).parent.parent
# Of a loaded model, by the options model that the class's `from_options` takes.
LOADED = {
    "upscale": "UpscalerOptions",
    "denoise": "DenoiserOptions",
    "stylize": "StylizerOptions",
    "classify": "ClassifierOptions",
    "generate": "GeneratorOptions",
}
# About files, so no arguments of calls that take and give pictures in memory.
OF_FILES = {
    "stylize": {"save_every"},
    "classify": {"explain"},
    "generate": {"grid", "interpolate", "walk", "frames", "like", "upscale"},
}
# Pictures in memory and callbacks, so no options.
OF_CALLS = {"self", "cls", "image", "style", "progress", "stop", "on_event", "enough"}


def options_of(task: str) -> type[Options]:
    module, _, name = TASKS[task].options.partition(":")
    found: type[Options] = getattr(import_module(module), name)
    return found


def parameters(method: Any) -> dict[str, Any]:
    """The default of each parameter that is an option."""
    found = inspect.signature(method).parameters.values()
    assert all(p.kind is not inspect.Parameter.VAR_KEYWORD for p in found)
    return {p.name: p.default for p in found if p.name not in OF_CALLS}


@pytest.mark.parametrize("task", TASKS)
def test_keyword_arguments_are_the_options_with_their_defaults(task: str) -> None:
    options = options_of(task)
    pipeline = getattr(genstudio, TASKS[task].pipeline.partition(":")[2])
    build, call = parameters(pipeline.from_weights), parameters(pipeline.__call__)
    assert build.keys() & call.keys() == set()
    expected = {name: field.default for name, field in options.model_fields.items()}
    left_out = OF_FILES.get(task, set()) | FileOptions.model_fields.keys()
    assert build | call == {name: expected[name] for name in expected if name not in left_out}
    loaded = getattr(import_module(options.__module__), LOADED[task]).model_fields
    assert build.keys() <= loaded.keys()


def test_lists_are_tuples() -> None:
    """No option is one text that is cut at commas later."""
    for task in TASKS:
        for module in (import_module(options_of(task).__module__), import_module("genstudio.options")):
            for each in vars(module).values():
                if isinstance(each, type) and issubclass(each, Options):
                    for name, field in each.model_fields.items():
                        with_commas = "with commas" in (field.description or "")
                        assert not with_commas or "tuple" in str(field.annotation), (each, name)


def test_public_names_are_those_of_the_table() -> None:
    assert sorted(task.pipeline.partition(":")[2] for task in TASKS.values()) == genstudio.__all__
    assert set(genstudio.__all__) | {"__version__"} <= set(dir(genstudio))
    assert f"__all__ = {genstudio.__all__}".replace("'", '"') in (ROOT / "genstudio/__init__.pyi").read_text()


def test_names_are_listed_before_anything_is_imported() -> None:
    code = "import genstudio, sys; print('Upscale' in dir(genstudio), 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]


def test_users_code_is_checked(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    """mypy knows the classes, their keyword arguments and what comes back; what is misspelt it names."""
    (tmp_path / "good.py").write_text(
        "from PIL import Image\n"
        "from genstudio import Classify, Denoise, Generate, Stylize, Upscale\n"
        "photo = Image.open('a.png').convert('RGB')\n"
        "big: Image.Image = Upscale.from_weights('compact-x4', tile=256)(photo, scale=2)\n"
        "clean: Image.Image = Denoise.from_weights()(photo, strength=12, amount=0.5)\n"
        "painted: Image.Image = Stylize.from_weights()(photo, 'starry_night', style_weights=(1,))\n"
        "label: str = Classify.from_weights()(photo, top=1)[0].label\n"
        "made: list[Image.Image] = Generate.from_weights()(2, seed=7)\n"
    )
    (tmp_path / "bad.py").write_text(
        "from genstudio import Upscal, Upscale, Stylize\n"
        "Upscale.from_weights(engin='torch')\n"
        "Stylize.from_weights()(1, 'starry_night', strenght=1)\n"
        "Upscale.from_weights()('a.png', scale='2')\n"
    )
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--follow-imports=silent"]
    cache = pytestconfig.cache.mkdir("mypy") if pytestconfig.cache else tmp_path / "cache"
    command += ["--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", str(cache)]
    done = subprocess.run(
        [*command, "good.py", "bad.py"],
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines()
    for line, said in enumerate(("Upscal", "engin", "strenght", "scale"), 1):
        assert any(each.startswith(f"bad.py:{line}: error:") and said in each for each in lines), lines
    assert not any(each.startswith("good.py") for each in lines), lines
