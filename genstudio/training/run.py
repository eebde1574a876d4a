"""From a recipe's name to a run folder, and from a run folder to weights that ship.

A task's train module offers `RECIPES` (name -> frozen dataclass) and `make_learner(recipe, data)`; nothing
else is asked of it. One whose data are no store of pictures offers `open_data(options, recipe)` as well, in
place of `open_pictures` here: the data, and the recipe as they make it.
"""

import dataclasses
import difflib
import json
import logging
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import TypeAdapter, ValidationError

from genstudio import __version__, weights
from genstudio import device as devices
from genstudio.data.store import PictureStore, digest, open_store, store_cache
from genstudio.errors import InputError, UsageError, WeightsError
from genstudio.options import OptionError
from genstudio.training import checkpoint, loop, ranges
from genstudio.training.lock import locked
from genstudio.training.loop import NOTES
from genstudio.training.options import TrainOptions

log = logging.getLogger("genstudio")


@dataclasses.dataclass(frozen=True)
class Sitting:
    """What was trained, on how many pictures, in which folder, and how it ended (None: a dry run)."""

    run: Path
    recipe: Any
    pictures: int
    result: loop.Result | None


def train(module: ModuleType, name: str, options: TrainOptions) -> Sitting:
    """Train recipe `name` of a task's train `module`. A dry run makes the net and two batches, nothing else.

    Raises:
        UsageError: no such recipe, an override that does not fit, a run where another process trains, or
            that lies in the folder of pictures.
        InputError: no usable pictures in `options.data`.
        OutputError: the folder of the run cannot be written to.
        DeviceError: a device this machine lacks.
        WeightsError: `resume` without a usable checkpoint, warm-start weights that are missing, or training
            that has diverged.
    """
    run = options.out or Path("runs") / name.partition("/")[2]
    recipe = pick(module.RECIPES, name)
    devices.pick(options.device)
    for folder in filter(None, (options.data, options.styles, options.validate_)):
        if run.resolve().is_relative_to(folder.resolve()):
            raise OptionError(
                "out",
                f"expected a folder outside {folder}, whose pictures are read, found {run}; choose another",
            )
    if options.dry_run:
        return _train(module, name, recipe, run, options)
    with locked(run):
        return _train(module, name, recipe, run, options)


def _train(module: ModuleType, name: str, recipe: Any, run: Path, options: TrainOptions) -> Sitting:
    if not options.resume and not options.dry_run and checkpoint.exists(run):
        raise UsageError(f"{run} already holds a run; add --resume to go on with it, or choose another --out")
    begun = None
    if options.resume:
        # What the run began with goes on; only what is asked for now changes it.
        begun = recipe = begun_as(run, recipe)
    recipe = override(recipe, options.set)
    for key in ("steps", "seed", "clean", "metric"):
        value = getattr(options, key)
        if value is None:
            continue
        if not hasattr(recipe, key):
            raise OptionError(key, f"expected a recipe with such a choice, found {name}; leave it out")
        recipe = dataclasses.replace(recipe, **{key: value})
    if options.styles is not None and not hasattr(recipe, "style_side_px"):
        raise OptionError("styles", f"expected a recipe that learns styles, found {name}; leave it out")
    data, recipe = getattr(module, "open_data", open_pictures)(options, recipe)
    learner = module.make_learner(recipe, data)
    if options.dry_run:
        for k in range(2):
            learner.batch(k, 0)
        return Sitting(run, recipe, len(data), None)
    _say_of_launchers()
    notes = {
        "recipe": name,
        "data": " and ".join(each.resolve().name for each in (options.data, options.styles) if each),
        "data_digest": " ".join(digest(each) for each in (options.data, options.styles) if each),
        "pictures": len(data),
        "hardware": hardware(),
        "code_version": __version__,
        "teacher": options.teacher.stem if options.teacher else None,
    }
    if begun is not None:
        _say_what_changed(run, begun, recipe, notes)
    result = loop.train(
        learner,
        recipe,
        run,
        device=options.device,
        minutes=options.minutes,
        resume=options.resume,
        notes=notes,
    )
    return Sitting(run, recipe, len(data), result)


def _say_what_changed(run: Path, begun: Any, recipe: Any, notes: dict[str, Any]) -> None:
    """Of a run that goes on otherwise than it began; other pictures are added to those in its notes."""
    was, now = (dataclasses.asdict(each) for each in (begun, recipe))
    changes = [f"{key} {now[key]} (was {was[key]})" for key in now if now[key] != was[key]]
    known = _read(run / NOTES, "data")["data"] if (run / NOTES).is_file() else notes["data"]
    before = _read(run / NOTES, "data").get("data_digest") if (run / NOTES).is_file() else None
    if known.rpartition(", then ")[2] != notes["data"]:
        changes.append(f"data {notes['data']} (was {known})")
        notes["data"] = f"{known}, then {notes['data']}"
    else:
        notes["data"] = known
        if before not in (None, notes["data_digest"]):
            changes.append(f"data {notes['data']} (their files have changed since)")
    if changes:
        log.warning("%s goes on with %s", run, ", ".join(changes))


def open_pictures(options: TrainOptions, recipe: Any) -> tuple[PictureStore, Any]:
    """The store of the pictures in `options.data`, and the recipe as it is. Raises InputError as it does."""
    if options.download:
        raise OptionError(
            "download", f"expected a recipe on sets that have names, found {recipe.name}; leave it out"
        )
    return open_store(options.data, store_cache(), recipe.min_side_px, options.validate_), recipe


def _say_of_launchers() -> None:
    """`accelerate launch --cpu --num_processes N` starts one process, whatever N is."""
    launched = os.environ.get("ACCELERATE_MIXED_PRECISION") is not None
    if launched and os.environ.get("ACCELERATE_USE_CPU", "").lower() == "true" and "RANK" not in os.environ:
        log.warning(
            "training in one process, for accelerate launch starts no more on processors; for N of them: "
            "torchrun --nproc_per_node N -m genstudio train ..."
        )


def export(
    run: Path, path: Path, *, data_license: str, advice: str, teacher_license: str | None = None
) -> None:
    """Write a run's averaged weights as a self-describing file at `path`.

    Raises:
        InputError: `run` is no run folder.
        UsageError: a run that was taught, without its teacher's licence.
        WeightsError: its checkpoint is missing, or a file of it damaged.
    """
    if not (run / "recipe.json").is_file() or not (run / NOTES).is_file():
        raise InputError(
            f"expected the folder of a training run, found no recipe.json and {NOTES} in {run}; check RUN"
        )
    notes = _read(run / NOTES, "recipe", "data", "pictures", "hardware", "code_version")
    taught_by = notes.get("teacher")
    if taught_by and not teacher_license:
        raise OptionError("teacher_license", f"expected the licence of {taught_by}, which taught this run")
    if taught_by:
        taught_by = f"{taught_by} ({teacher_license})"
    task = notes["recipe"].partition("/")[0]
    module = import_module(f"genstudio.{task}.train")
    begun = begun_as(run, pick(module.RECIPES, notes["recipe"]))
    recipe = dataclasses.replace(begun, warm_start=None)
    learner = module.make_learner(recipe, None)
    net, steps, minutes = loop.load_average(run, learner)
    shipped = learner.export(net)
    archs: Mapping[str, str] = import_module(f"genstudio.{task}").ARCHS
    header = weights.Header(
        task=task,
        arch=next(arch for arch, path in archs.items() if path.endswith(":" + type(shipped).__name__)),
        config=dataclasses.asdict(recipe.net),
        scale=getattr(recipe.net, "scale", 1),
        recipe=notes["recipe"],
        data=f"{notes['data']} ({notes['pictures']} pictures)",
        license=data_license,
        steps=steps,
        seed=recipe.seed,
        minutes=round(minutes, 1),
        hardware=notes["hardware"],
        metrics=[],
        code_version=notes["code_version"],
        params=sum(p.numel() for p in shipped.parameters()),
        advice=advice,
        counterpart=getattr(begun, "counterpart", None),
        warm_start=begun.warm_start,
        teacher=taught_by,
    )
    weights.save(path, shipped.state_dict(), header)


def pick(recipes: Mapping[str, Any], name: str) -> Any:
    """The recipe called `name`, or a UsageError with the nearest names."""
    if name in recipes:
        return recipes[name]
    near = difflib.get_close_matches(name, recipes, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(recipes)}"
    raise UsageError(f"expected a recipe, found {name!r}; {hint}")


def begun_as(run: Path, recipe: Any) -> Any:
    """The recipe a run began with.

    Raises WeightsError where there is no run, or a damaged one, UsageError for another recipe's.
    """
    path = run / "recipe.json"
    if not path.is_file():
        raise WeightsError(f"expected a run to go on with, found none in {run}; start it without --resume")
    values = _read(path, "name", "net")
    if values["name"] != recipe.name:
        raise UsageError(
            f"expected a run of {recipe.name} in {run}, found one of {values['name']}; see --out"
        )
    try:
        return revive(recipe, values)
    except UsageError as error:
        raise _damaged(path, str(error)) from error


def _read(path: Path, *keys: str) -> dict[str, Any]:
    """A JSON file of a run. Raises WeightsError where it cannot be read or lacks one of `keys`."""
    try:
        values = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise _damaged(path, str(error)) from error
    if not isinstance(values, dict) or not values.keys() >= set(keys):
        raise _damaged(path, f"no {', '.join(keys)}")
    return values


def _damaged(path: Path, found: str) -> WeightsError:
    return WeightsError(
        f"{path}: expected what training wrote there, found a damaged file ({found}); put a copy of it back, "
        "or start a new run"
    )


def override(recipe: Any, settings: Sequence[str]) -> Any:
    """`recipe` with `key.path=value` settings applied and checked against its types and `ranges`."""
    values: dict[str, Any] = dataclasses.asdict(recipe)
    name = values.pop("name")  # is what a run goes on and is exported by
    for setting in settings:
        path, equals, text = setting.partition("=")
        *parents, key = path.split(".")
        node: Any = values
        for parent in parents:
            node = node.get(parent) if isinstance(node, dict) else None
        if not equals or not isinstance(node, dict) or key not in node:
            known = ", ".join(_keys(values))
            raise UsageError(
                f"--set: expected KEY=VALUE with a key of the recipe ({known}), found {setting!r}"
            )
        try:
            node[key] = json.loads(text)
        except json.JSONDecodeError:
            node[key] = text
    try:
        changed = revive(recipe, values | {"name": name})
        ranges.check(changed)
    except UsageError as error:
        raise UsageError(f"--set {error}") from None
    return changed


def _keys(values: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """The paths that a setting may name, as key.path."""
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from _keys(value, f"{above}{key}.")
        else:
            yield above + key


def revive(recipe: Any, values: dict[str, Any]) -> Any:
    """A recipe of the same types as `recipe` from plain `values`. Raises UsageError for those of others."""
    # The net's config may be one of several dataclasses; the recipe's own says which.
    net = type(recipe.net)
    try:
        config = TypeAdapter(net).validate_python(values["net"])
        flat = {k: v for k, v in values.items() if k != "net"}
        return TypeAdapter(type(recipe)).validate_python(flat | {"net": config})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{where}: {first['msg'].lower()}, found {first['input']!r}") from None


def hardware() -> str:
    """The machine in words, for the weights' header."""
    import torch

    if torch.cuda.is_available():
        return f"{torch.cuda.device_count()} x {torch.cuda.get_device_name()}"
    return f"{os.cpu_count()}-core {platform.machine()} CPU"
