"""What a comparison found, for people, for programs and for the headers of weights."""

from collections.abc import Iterable, Sequence
from json import dumps
from typing import Any

import numpy as np

from genstudio.errors import BatchError, InputError
from genstudio.evaluate.comparison import Comparison, Score
from genstudio.weights import Metric

DIGITS = {"psnr_y": 2, "psnr_rgb": 2, "ssim_y": 4, "lpips": 4, "lpips_vgg": 4}
PROTOCOLS = {
    "psnr_y": "Y of BT.601 in 16..235, dB",
    "psnr_rgb": "RGB, dB",
    "ssim_y": "Y of BT.601, Gaussian 11x11 of sigma 1.5",
    "lpips": "LPIPS-alex 0.1, less is better",
    "lpips_vgg": "LPIPS-vgg 0.1, less is better",
}


def show(comparison: Comparison, *, json: bool) -> None:
    """Print a comparison. Raises BatchError, after that, where pictures were left out of it."""
    print(as_json(comparison) if json else as_table(comparison))
    if comparison.left_out:
        total = len(comparison.left_out) + len(comparison.scores[comparison.method])
        raise BatchError(f"{len(comparison.left_out)} of {total} pictures failed")


def counted(scores: Sequence[Score]) -> dict[str, list[float]]:
    """The numbers that means are of: equal pictures' PSNR, infinite, is none, nor what a picture is too small
    for."""
    return {c: [v for s in scores if np.isfinite(v := s.values[c])] for c in scores[0].values}


def mean(scores: Sequence[Score]) -> Score:
    """The mean of every number that counts; infinite, or nan, where none does."""
    return Score(
        "mean",
        {c: float(np.mean(values or scores[0].values[c])) for c, values in counted(scores).items()},
    )


def finite(score: Score) -> dict[str, float | None]:
    """A score for JSON, which has no infinity: None stands for it."""
    return {column: value if np.isfinite(value) else None for column, value in score.values.items()}


def as_json(comparison: Comparison) -> str:
    """One line: the means of all methods, and the scores on each picture of the one in question.

    Means are under "mean" for the one in question, and under "others" by their names.
    """
    method, *others = comparison.scores
    scores = comparison.scores[method]
    row: dict[str, Any] = {"model": method, "data": comparison.dataset, **comparison.trial.facts}
    row |= {"n": len(scores), "left_out": list(comparison.left_out), "mean": finite(mean(scores))}
    row |= {"counted": {column: len(values) for column, values in counted(scores).items()}}
    row |= {"others": {other: finite(mean(comparison.scores[other])) for other in others}}
    row |= {"seconds_per_mp": {name: float(f"{s:.3g}") for name, s in comparison.seconds_per_mp.items()}}
    return dumps(row | {"pictures": {score.picture: finite(score) for score in scores}})


def as_table(comparison: Comparison) -> str:
    """A row for each picture by the method in question; then each method's means and its pace."""
    scores = comparison.scores[comparison.method]
    without = f" ({len(comparison.left_out)} left out)" if comparison.left_out else ""
    columns = list(scores[0].values)

    def line(title: str, cells: Iterable[str]) -> str:
        return f"{title:32.32}" + "".join(f"{cell:>12}" for cell in cells)

    def row(score: Score) -> list[str]:
        return [f"{score.values[c]:.{DIGITS[c]}f}" for c in columns]

    return "\n".join(
        (
            f"{comparison.dataset} {comparison.trial.label}, n={len(scores)}{without}; {comparison.trial}",
            line(comparison.method, columns),
            *(line(score.picture, row(score)) for score in scores),
            line("mean", [*columns, "seconds/MP"]),
            *(
                line(name, [*row(mean(each)), f"{comparison.seconds_per_mp[name]:.3f}"])
                for name, each in comparison.scores.items()
            ),
            *(
                f"{column}: the mean is of the {len(values)} of {len(scores)} pictures where it is finite"
                for column, values in counted(scores).items()
                if len(values) < len(scores)
            ),
        )
    )


def as_metrics(comparison: Comparison) -> list[Metric]:
    """The means of the method in question, as a weights header states them, each with the pictures it is of.

    Raises InputError where pictures were left out: what is published is of all of a set.
    """
    if comparison.left_out:
        found = ", ".join(comparison.left_out)
        raise InputError(f"{comparison.dataset}: expected pictures that can all be compared, found {found}")
    scores, trial = comparison.scores[comparison.method], comparison.trial
    return [
        Metric(
            name=f"{column} {trial.label}",
            dataset=comparison.dataset,
            value=round(float(np.mean(values)), DIGITS[column]),
            n=len(values),
            protocol=f"{PROTOCOLS[column]}; {trial}",
        )
        for column, values in sorted(counted(scores).items(), key=lambda each: each[0] != trial.main)
        if values
    ]
