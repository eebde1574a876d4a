"""How good is a model, by a protocol anyone can repeat: `genstudio evaluate upscale --data DIR --model NAME`.

    comparison.py   the one pass: pictures made worse, restored by each method, compared with the originals
    upscale.py      a task's own: how pictures are made worse, the methods beside ours, what a header states

A file for each task offers `show(options, json=...)` for the shell and `standard(path)` for weights' headers.
"""

import logging
from collections.abc import Iterable
from pathlib import Path

from genstudio import weights
from genstudio.errors import UsageError, WeightsError
from genstudio.evaluate import upscale
from genstudio.evaluate.comparison import COLUMNS, Judge, as_metrics, compare, files
from genstudio.evaluate.upscale import show

__all__ = ["files", "measured", "record", "show"]

STANDARD = {"upscale": upscale.standard}

log = logging.getLogger("genstudio")


def record(path: Path, folders: Iterable[Path]) -> None:
    """Measure a weights file of ours on folders of pictures and write the means into its header."""
    header, state = weights.load(path, weights.read_header(path).task)
    judge = _thorough_judge()
    found = [metric for folder in folders for metric in measured(path, folder, judge)]
    weights.save(path, state, header.model_copy(update={"metrics": found}))


def measured(path: Path, folder: Path, judge: Judge) -> list[weights.Metric]:
    """What a header states of its weights on one folder of pictures: means, computed in float32.

    Raises UsageError for a task without such a measure.
    """
    task = weights.read_header(path).task
    if task not in STANDARD:
        raise UsageError(
            f"--evaluate: expected weights for {', '.join(STANDARD)}, found {task}; leave it out"
        )
    return [
        metric
        for trial, restore in STANDARD[task](path)
        for metric in as_metrics(compare(trial, {path.stem: restore}, folder, judge))
    ]


def _thorough_judge() -> Judge:
    """By every metric, less LPIPS where the net below it is not to be had."""
    try:
        return Judge(tuple(COLUMNS))
    except WeightsError as error:
        log.warning("LPIPS is left out of the header: %s", error)
        return Judge(("psnr", "ssim"))
