"""Weights by name: found, fetched, verified, built into nets. (One file's inside: `file`.)

A folder of weights is laid out `task/name.safetensors` beside an `index.toml`, which states each file's
sha256, and the address of those that are fetched when first used:

    ["upscale/compact-x4"]
    sha256 = "..."
    bytes = 1234
    url = "https://..."

A name is looked for in the user's own folder ($GENSTUDIO_WEIGHTS, if set), in the one that ships with the
package, then in the user's cache, where what the package's index has an address for is downloaded to.
"""

import difflib
import functools
import hashlib
import importlib
import json
import logging
import os
import shlex
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from genstudio.errors import UsageError, WeightsError
from genstudio.weights import file
from genstudio.weights.file import SUFFIX, Header, is_ours, read, read_header

if TYPE_CHECKING:
    from torch import Tensor, nn

log = logging.getLogger("genstudio")


@dataclass(frozen=True)
class Installed:
    """A weights file that is on this machine; `name` is "task/name"."""

    name: str
    path: Path
    header: Header


@dataclass(frozen=True)
class IndexEntry:
    """What an index says of one file."""

    sha256: str
    bytes: int
    url: str | None = None


def packaged() -> Path:
    """The folder of weights that ships: inside the package, or beside it in a checkout."""
    package = Path(__file__).parents[1]
    inside = package / "pretrained"
    return inside if inside.is_dir() else package.parent / "pretrained"


def cache() -> Path:
    """The folder downloads go to. Touches nothing."""
    return platformdirs.user_cache_path("genstudio")


def own() -> Path:
    """The user's own folder of weights, where names are looked for first. Touches nothing."""
    named = os.environ.get("GENSTUDIO_WEIGHTS")
    return Path(named) if named else platformdirs.user_data_path("genstudio") / "weights"


def _folders() -> list[Path]:
    named = os.environ.get("GENSTUDIO_WEIGHTS")
    if named and not Path(named).is_dir():
        _say_missing(named)
    return [own(), packaged()]


@functools.cache  # once is enough
def _say_missing(folder: str) -> None:
    log.warning("GENSTUDIO_WEIGHTS: expected a folder of weights, found none at %s; check its path", folder)


def read_index(folder: Path) -> dict[str, IndexEntry]:
    """The folder's index.toml, {} where there is none. Raises WeightsError if it is damaged."""
    path = folder / "index.toml"
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        return {name: IndexEntry(**row) for name, row in table.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError) as error:
        raise WeightsError(
            f"{path}: expected an index of weights, found {error}; install genstudio again"
        ) from None


def installed(task: str | None = None) -> list[Installed]:
    """The weights on this machine, in order of their names; a damaged file is left out with a warning.

    Reads headers alone: tensors are neither read nor verified, torch is not imported.
    """
    found: dict[str, Installed | None] = {}
    fetched = read_index(packaged())
    for folder in [*_folders(), cache()]:
        for path in sorted(folder.glob(f"{task or '*'}/*{SUFFIX}")):
            name = f"{path.parent.name}/{path.stem}"
            if name in found or (folder == cache() and name not in fetched):
                continue
            try:
                found[name] = Installed(name, path, read_header(path))
            except WeightsError as error:
                found[name] = None  # as `find` has it: a damaged file does not uncover another of its name
                log.warning("%s", error)
    return [each for _, each in sorted(found.items()) if each]


def find(name_or_path: str | Path, task: str) -> tuple[Path, str | None]:
    """(path, sha256 by its index or None) of weights by name ("compact-x4", "upscale/compact-x4") or path.

    Raises UsageError for an unknown name, WeightsError for a file that is missing or cannot be fetched.
    """
    path = Path(name_or_path)
    refuse_run(path)
    if path.is_file():
        # A file of a known folder is held to its index however it was named.
        place = path.parent.resolve()
        known = place.parent in [folder.resolve() for folder in _folders()]
        entry = read_index(place.parent).get(f"{place.name}/{path.stem}") if known else None
        return path, entry.sha256 if entry else None
    name = str(name_or_path).replace("\\", "/")
    bare = name.removeprefix(f"{task}/")
    if "/" in bare and any(bare == each.name for each in installed()):
        raise UsageError(f"{bare}: expected a model of {task}, found one of {bare.partition('/')[0]}")
    if "/" in bare or path.suffix.lower() in (SUFFIX, ".pth", ".pt", ".ckpt"):
        raise WeightsError(
            f"{name_or_path}: no such weights file; expected a file, or a name from `genstudio models`"
        )
    key = f"{task}/{bare}"
    for folder in _folders():
        path = folder / f"{key}{SUFFIX}"
        if path.is_file():
            entry = read_index(folder).get(key)
            return path, entry.sha256 if entry else None
    entry = read_index(packaged()).get(key)
    if entry and entry.url:
        from genstudio.weights.download import fetch

        target = cache() / f"{key}{SUFFIX}"
        fetch(key, entry.url, entry.sha256, target)
        return target, entry.sha256
    raise _unknown(bare, task)


def refuse_run(path: Path) -> None:
    """Raises WeightsError for the folder of a training run, or a checkpoint in one."""
    run = path.parent if path.suffix == ".ckpt" else path
    if (run / "recipe.json").is_file():
        raise WeightsError(
            f"{path}: expected weights, found a training run; make weights of it first: "
            f"genstudio export {shlex.quote(str(run))} --name {_named_after(run)}"
        )


def _named_after(run: Path) -> str:
    try:
        task, _, name = json.loads((run / "recipe.json").read_text("utf-8"))["name"].partition("/")
    except (OSError, ValueError, KeyError, AttributeError):
        return "TASK/NAME"
    return f"{task}/my-{name}"


def family(name: str) -> str:
    """What weights of several scales are called together: "compact-x4" -> "compact"; else ""."""
    stem, _, scale = name.rpartition("-x")
    return stem if scale.isdecimal() else ""


def imported(name: str, task: str) -> Path | None:
    """The file of a model of the community that was imported under this name, verified; None where none was.

    Raises WeightsError for one that is damaged.
    """
    path = own() / task / f"{name.removeprefix(f'{task}/')}{SUFFIX}"
    if not path.is_file() or is_ours(path):
        return None
    file.verified(path)
    return path


def _unknown(bare: str, task: str) -> UsageError:
    prefix = f"{task}/"
    names = {w.name for w in installed(task)}
    names |= {name for name, entry in read_index(packaged()).items() if name.startswith(prefix) and entry.url}
    known = sorted(name.removeprefix(prefix) for name in names)
    near = difflib.get_close_matches(bare, known, n=3)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    return UsageError(
        f"no {task} model called {bare!r}; {hint}there {'is' if len(known) == 1 else 'are'} "
        f"{', '.join(known) or 'none installed'}, or give the path of a file"
    )


def verified(name_or_path: str | Path, task: str) -> tuple[Header, str]:
    """(header, sha256 of the file) of weights by name or path, read and verified as `load` does, but without
    torch. Raises as `load` does."""
    path, sha256 = find(name_or_path, task)
    header, blob = file.verified(path, sha256)
    if header.task != task:
        raise _of_another_task(path, header, task)
    return header, hashlib.sha256(blob).hexdigest()


def load(name_or_path: str | Path, task: str) -> "tuple[Header, dict[str, Tensor]]":
    """(header, tensors as stored) of weights by name or path, verified against their digests.

    Raises UsageError for an unknown name; WeightsError for a file that is missing, truncated, tampered with,
    of another task, or no safetensors file of ours.
    """
    path, sha256 = find(name_or_path, task)
    header, state = read(path, sha256)
    if header.task != task:
        raise _of_another_task(path, header, task)
    return header, state


def _of_another_task(path: Path, header: Header, task: str) -> WeightsError:
    return WeightsError(f"{path}: expected weights for {task}, found weights for {header.task}")


def load_net(name_or_path: str | Path, task: str) -> "tuple[Header, nn.Module]":
    """(header, net) of weights by name or path: built by the header, strictly filled, float32, eval mode.

    The net's class comes from `ARCHS` of `genstudio.<task>`. Raises as `load` does, and WeightsError where
    the header names no such net or the tensors are not exactly the net's.
    """
    header, state = load(name_or_path, task)
    archs: dict[str, str] = importlib.import_module(f"genstudio.{task}").ARCHS
    if header.arch not in archs:
        raise WeightsError(
            f"{name_or_path}: expected one of the nets {', '.join(archs)}, found {header.arch!r}"
        )
    module, _, cls = archs[header.arch].partition(":")
    net_class = getattr(importlib.import_module(module), cls)
    try:
        net: nn.Module = net_class(net_class.Config(**header.config))
    except (TypeError, ValueError, RuntimeError, MemoryError) as error:  # torch's, for sizes it cannot make
        raise WeightsError(
            f"{name_or_path}: {header.arch} cannot be built from its config ({error})"
        ) from None
    if (scale := getattr(net, "scale", 1)) != header.scale:
        raise WeightsError(
            f"{name_or_path}: expected a header of scale {scale}, as its net has, found {header.scale}"
        )
    expected = {key: tuple(value.shape) for key, value in net.state_dict().items()}
    found = {key: tuple(value.shape) for key, value in state.items()}
    for key in sorted(expected.keys() | found.keys()):
        if expected.get(key) != found.get(key):
            raise WeightsError(
                f"{name_or_path}: does not fit {header.arch}: {key}: "
                f"expected {expected.get(key, 'no such tensor')}, found {found.get(key, 'none')}"
            )
    net.load_state_dict(
        {key: value.float() if value.is_floating_point() else value for key, value in state.items()}
    )
    return header, net.float().eval()
