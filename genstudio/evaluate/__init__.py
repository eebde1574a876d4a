"""Evaluation of models by protocols that anyone can repeat: `genstudio evaluate TASK`.

    comparison.py          one pass over a folder: degrade, restore by each method, compare with the originals
    report.py progress.py  tables and JSON of the scores; progress
    details.py             a sheet of the same details of pictures by several models
    upscale.py denoise.py  each task's degradations, peers, and metrics for the headers of weights
    classics.py            classical denoisers
    classify.py            a classifier on a test set; deletion.py: its explanations; charts.py: its charts
    recognition.py         accuracy on damaged (damage.py) and on restored pictures
    intervals.py           confidence intervals of shares and means
    stylize.py             style loss and content distance by VGG-16
    images.py novelty.py   distances between sets of pictures; whether a generator copies
    publish.py             the weights of a run, measured, under a name
    sheets.py              the same detail of a picture by several methods, side by side
    speed.py               the speed of this machine, and of the nets on it

A task's module offers `show(options, json=...)` for the shell and `standard(path)` for weights' headers.
"""

import logging
from collections.abc import Iterable
from pathlib import Path

from genstudio import weights
from genstudio.data.labelled import open_labelled
from genstudio.errors import WeightsError
from genstudio.evaluate import classify, denoise, upscale
from genstudio.evaluate.comparison import COLUMNS, Judge, compare, files
from genstudio.evaluate.report import as_metrics
from genstudio.options import OptionError

__all__ = ["check", "files", "measured", "record"]

STANDARD = {"upscale": upscale.standard, "denoise": denoise.standard}

log = logging.getLogger("genstudio")


def check(task: str, folder: Path) -> None:
    """Raise InputError where a folder is nothing that weights of `task` can be measured on."""
    if task == "classify":
        open_labelled(folder, side_px=32)
    else:
        files(folder)


def record(path: Path, folders: Iterable[Path]) -> None:
    """Measure a weights file of ours on folders of pictures and write the means into its header."""
    if weights.read_header(path).task == "classify":
        classify.record(path, tuple(folders))
        return
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
        raise OptionError(
            "evaluate", f"expected weights for {', '.join(STANDARD)}, found {task}; leave it out"
        )
    return [
        metric
        for trial, restore in STANDARD[task](path)
        for metric in as_metrics(compare(trial, {path.stem: restore}, folder, judge))
    ]


def _thorough_judge() -> Judge:
    """By every metric, less those whose net is not to be had."""
    metrics = list(COLUMNS)
    for name in COLUMNS:
        try:
            Judge([name])
        except WeightsError as error:
            log.warning("%s is left out of the header: %s", name, error)
            metrics.remove(name)
    return Judge(metrics)
