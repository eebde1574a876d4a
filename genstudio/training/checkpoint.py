"""What a run can go on from: step, minutes, the EMA and the learner's own state, in one file.

A file is the old one or the new one, and what is in it is finite: a run that diverges leaves it as it was.
The one before the last is kept as well, and is gone on from where the last is missing or damaged.
"""

import contextlib
import logging
import math
import os
import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from genstudio.errors import WeightsError
from genstudio.images.atomic import as_output_error

if TYPE_CHECKING:
    from genstudio.training.recipe import Learner

LAST, BEFORE, BEST = "last.ckpt", "previous.ckpt", "best.ckpt"
log = logging.getLogger("genstudio")


def save(
    path: Path,
    learner: "Learner | None",
    *,
    average: AveragedModel,
    scaler: torch.GradScaler | None = None,
    step: int,
    minutes: float,
    best: float,
    measure: str | None,
    due: bool = False,
    again: bool = False,
) -> None:
    """Write a checkpoint, without a learner one to export from alone.

    Args:
        scaler: of the loss, in float16.
        due: the validation of this step comes after, so a run that goes on begins with it.
        again: of the same step as the last one, which it replaces.

    Raises:
        WeightsError: see `diverged`.
        OutputError: the disk is full, or not to be written to; what was there stays.
    """
    state: dict[str, Any] = {"step": step, "minutes": minutes, "best": best, "measure": measure, "due": due}
    state["average"] = average.state_dict()
    if learner is not None:
        state["learner"] = learner.state_dict()
        state["scaler"] = None if scaler is None else scaler.state_dict()
    if not all(torch.isfinite(tensor).all() for tensor in _tensors(state)):
        raise diverged(path.parent, step, "others among the weights")
    partial = path.with_suffix(".part")
    try:
        with as_output_error(f"{path} (the checkpoint before it is kept)"):
            with partial.open("wb") as file:
                _write(state, file)
                file.flush()
                os.fsync(file.fileno())  # what a name stands for must be on the disk before the name
            if path.name == LAST and path.is_file() and not again:
                path.replace(path.with_name(BEFORE))
            partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _write(state: dict[str, Any], file: IO[bytes]) -> None:
    try:
        torch.save(state, file)
    except RuntimeError as error:  # torch's own word for a write that failed
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, OSError):
            cause = cause.__context__
        raise (cause or error) from None


def load(
    run: Path,
    learner: "Learner",
    average: AveragedModel,
    device: torch.device,
    scaler: torch.GradScaler | None = None,
) -> tuple[int, float, float, str | None, bool]:
    """Step, minutes, the best score so far, its measure, and whether that step's validation is due;
    the rest goes where it belongs.

    Of the last checkpoint, or with a warning of the one before it. Raises WeightsError where there is none,
    or both are damaged or of another recipe.
    """
    first: WeightsError | None = None
    for path in (run / LAST, run / BEFORE):
        try:
            found = _read(path, learner, average, device, scaler)
        except WeightsError as error:
            first = first or error
            continue
        if first is not None:
            log.warning("%s; going on from %s, step %d", _reason(first), path.name, found[0])
        with contextlib.suppress(WeightsError):  # may be later than the last: it is saved after a validation
            best = _open(run / BEST, torch.device("cpu"))
            return found[0], found[1], float(best["best"]), best["measure"], found[4]
        return found
    assert first is not None
    raise first


def load_average(run: Path, average: AveragedModel) -> tuple[int, float]:
    """Fill `average` from a run's best checkpoint, or its last, or the one before; its step and minutes.

    Raises WeightsError where none is whole.
    """
    paths = [path for name in (BEST, LAST, BEFORE) if (path := run / name).is_file()]
    first: WeightsError | None = None
    for path in paths or [run / LAST]:
        try:
            step, minutes, *_ = _read(path, None, average, torch.device("cpu"), None)
        except WeightsError as error:
            first = first or error
            continue
        if first is not None:
            log.warning("%s; taking %s, step %d", _reason(first), path.name, step)
        return step, minutes
    assert first is not None
    raise first


def _reason(error: WeightsError) -> str:
    return str(error).partition(";")[0]


def exists(run: Path) -> bool:
    """Whether a run has something to go on from, damaged or not."""
    return any((run / name).exists() for name in (LAST, BEFORE))


def _read(
    path: Path,
    learner: "Learner | None",
    average: AveragedModel,
    device: torch.device,
    scaler: torch.GradScaler | None,
) -> tuple[int, float, float, str | None, bool]:
    state = _open(path, device)
    try:
        if learner is not None:
            learner.load_state_dict(state["learner"])
            if scaler is not None and state.get("scaler"):
                scaler.load_state_dict(state["scaler"])
        average.load_state_dict(state["average"])
        # The runs of some weights that ship are older than these two.
        best, measure = state.get("best", math.inf), state.get("measure")
        return int(state["step"]), float(state["minutes"]), float(best), measure, bool(state.get("due"))
    except (RuntimeError, KeyError, ValueError) as error:
        raise _unusable(path, error) from error


def _open(path: Path, device: torch.device) -> dict[str, Any]:
    if not path.is_file():
        raise WeightsError(
            f"expected a checkpoint to go on from, found none at {path}; start without --resume"
        )
    try:
        if not path.stat().st_size:
            raise EOFError("the file is empty")
        # One processor of several has a number, with which torch reads nothing back.
        where = torch.device("cpu") if device.type == "cpu" else device
        state: dict[str, Any] = torch.load(path, map_location=where, weights_only=True)
        return state
    except (pickle.UnpicklingError, RuntimeError, KeyError, ValueError, EOFError, OSError) as error:
        raise _unusable(path, error) from error


def _unusable(path: Path, error: Exception) -> WeightsError:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return WeightsError(
        f"{path} is no checkpoint of this recipe ({reason}); start a new run in another folder (--out)"
    )


def diverged(run: Path, step: int, found: str) -> WeightsError:
    """What is to be raised where numbers are no longer finite; a later step would not mend them."""
    kept = (run / LAST).is_file()
    advice = f"{LAST} is as it was; --resume from it" if kept else "nothing was saved yet; start again"
    return WeightsError(
        f"{run}: expected finite numbers, found {found} at step {step}; {advice} with a lower learning rate, "
        "or with precision=float32, by --set"
    )


def _tensors(state: Any) -> Iterator[Tensor]:
    """Those in dicts and lists of any depth."""
    if isinstance(state, Tensor):
        yield state
    elif isinstance(state, Mapping | list | tuple):
        for each in state.values() if isinstance(state, Mapping) else state:
            yield from _tensors(each)
