"""What a run can go on from: step, minutes, the EMA and the learner's own state, in one file.

A file is the old one or the new one, and what is in it is finite: a run that diverges leaves it as it was.
"""

import math
import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from genstudio.errors import WeightsError

if TYPE_CHECKING:
    from genstudio.training.recipe import Learner


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
) -> None:
    """Write a checkpoint, without a learner one to export from alone. Raises WeightsError: see `diverged`.

    Args:
        scaler: of the loss, in float16.
    """
    state: dict[str, Any] = {"step": step, "minutes": minutes, "best": best, "measure": measure}
    state["average"] = average.state_dict()
    if learner is not None:
        state["learner"] = learner.state_dict()
        state["scaler"] = None if scaler is None else scaler.state_dict()
    if not all(torch.isfinite(tensor).all() for tensor in _tensors(state)):
        raise diverged(path.parent, step, "others among the weights")
    partial = path.with_suffix(".part")
    torch.save(state, partial)
    partial.replace(path)


def load(
    path: Path,
    learner: "Learner | None",
    average: AveragedModel,
    device: torch.device,
    scaler: torch.GradScaler | None = None,
) -> tuple[int, float, float, str | None]:
    """Step, minutes, the best score so far and what it is measured by; the rest goes where it belongs.

    Raises WeightsError where there is no checkpoint, or it is damaged or of another recipe.
    """
    if not path.is_file():
        raise WeightsError(
            f"expected a checkpoint to go on from, found none at {path}; start without --resume"
        )
    try:
        state = torch.load(path, map_location=device, weights_only=True)
        if learner is not None:
            learner.load_state_dict(state["learner"])
            if scaler is not None and state.get("scaler"):
                scaler.load_state_dict(state["scaler"])
        average.load_state_dict(state["average"])
        # The runs of some weights that ship are older than these two.
        best, measure = state.get("best", math.inf), state.get("measure")
        return int(state["step"]), float(state["minutes"]), float(best), measure
    except (pickle.UnpicklingError, RuntimeError, KeyError, ValueError, EOFError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise WeightsError(
            f"{path} is no checkpoint of this recipe ({reason}); start a new run without --resume"
        ) from error


def diverged(run: Path, step: int, found: str) -> WeightsError:
    """What is to be raised where numbers are no longer finite; a later step would not mend them."""
    kept = (run / "last.ckpt").is_file()
    advice = "last.ckpt is as it was; --resume from it" if kept else "nothing was saved yet; start again"
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
