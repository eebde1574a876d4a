"""Pictures made worse, restored by several methods, and compared with their originals, in one pass.

    trial = Trial(...)                                          # how they are made worse, what of them counts
    comparison = compare(trial, {"ours": ..., "bicubic": ...}, folder, Judge())
    print(as_table(comparison))

A picture is decoded and made worse once, then goes through each method; nothing of it is kept but numbers,
and what an album wants.
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from json import dumps
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console
from rich.progress import track

from genstudio import images
from genstudio.errors import BatchError, InputError, UsageError
from genstudio.evaluate.sheets import Album
from genstudio.images.picture import to_8bit, to_image
from genstudio.measures import fidelity
from genstudio.weights import Metric

log = logging.getLogger("genstudio")

Pixels = npt.NDArray[np.uint8]  # (H, W, 3)
AnyPixels = Pixels | npt.NDArray[np.float32]  # the same, or float in 0..1, which noise may take further
Restore = Callable[[Any], AnyPixels]  # of what a trial makes of an original

COLUMNS = {"psnr": ("psnr_y", "psnr_rgb"), "ssim": ("ssim_y",), "lpips": ("lpips",)}
DIGITS = {"psnr_y": 2, "psnr_rgb": 2, "ssim_y": 4, "lpips": 4}
PROTOCOLS = {
    "psnr_y": "Y of BT.601 in 16..235, dB",
    "psnr_rgb": "RGB, dB",
    "ssim_y": "Y of BT.601, Gaussian 11x11 of sigma 1.5",
    "lpips": "LPIPS-alex 0.1, less is better",
}
LEAST_PX = {"psnr_y": 1, "psnr_rgb": 1, "ssim_y": 11, "lpips": 31}


@dataclass(frozen=True)
class Informed:
    """A method that may look at the original, to be told of the damage what it cannot know."""

    restore: Callable[[Any, Pixels], AnyPixels]  # of what a trial makes of an original, and the original


@dataclass(frozen=True)
class Trial:
    """One way of making pictures worse, and what of the restored ones counts."""

    label: str  # stands beside a metric's name: "x4"
    how: str  # in words: "Pillow bicubic reduction"
    degrade: Callable[[Pixels, int], AnyPixels]  # (original, seed) -> what is to be restored
    multiple: int = 1  # originals are cut to a multiple of so many pixels a side
    least_px: int = 1  # the shortest side they may have
    border_px: int = 0  # left out on every side when compared
    main: str = "psnr_y"  # what a header states first
    facts: Mapping[str, Any] = field(default_factory=dict)  # for JSON, what tells it from the task's others

    def __str__(self) -> str:
        return self.how + (f", border of {self.border_px} px left out" if self.border_px else "")


@dataclass(frozen=True)
class Score:
    """One picture restored by one method: numbers by the names of `DIGITS`."""

    picture: str
    values: Mapping[str, float]


@dataclass(frozen=True)
class Comparison:
    """How methods did on the pictures of a folder; the first of them is the one in question."""

    dataset: str
    trial: Trial
    scores: Mapping[str, Sequence[Score]]  # by method; of each picture
    seconds_per_mp: Mapping[str, float]  # by method; a million pixels of the result, the median picture
    left_out: Sequence[str] = ()  # files that cannot be read, or are too small

    @property
    def method(self) -> str:
        return next(iter(self.scores))


class Judge:
    """Compares restored pictures with originals by the metrics asked for: "psnr", "ssim", "lpips".

    Raises:
        UsageError: an unknown metric.
        WeightsError: LPIPS without AlexNet's features; see `vgg.backbone`.
    """

    def __init__(self, names: Sequence[str] = ("psnr", "ssim")) -> None:
        unknown = [name for name in names if name not in COLUMNS]
        if unknown or not names:
            found = ", ".join(unknown) or "none"
            raise UsageError(f"--metrics: expected some of {', '.join(COLUMNS)}, found {found}")
        self.columns = [column for name in names for column in COLUMNS[name]]
        if "lpips" in names:
            from genstudio.measures.lpips import LPIPS

            self.lpips = LPIPS()

    def __call__(self, picture: str, restored: AnyPixels, original: Pixels, border_px: int) -> Score:
        """Compare pictures (H, W, 3); a metric that needs more pixels than there are is nan."""
        a, b = (fidelity.shave(to_tensor(p), border_px) for p in (restored, original))
        y_a, y_b = fidelity.luma(a), fidelity.luma(b)
        side = min(a.shape[-2:])
        compute: dict[str, Callable[[], torch.Tensor]] = {
            "psnr_y": lambda: fidelity.psnr(y_a, y_b),
            "psnr_rgb": lambda: fidelity.psnr(a * 255, b * 255),
            "ssim_y": lambda: fidelity.ssim(y_a, y_b),
            "lpips": lambda: self.lpips(a, b),
        }
        return Score(
            picture, {c: compute[c]().item() if side >= LEAST_PX[c] else np.nan for c in self.columns}
        )


def to_tensor(pixels: AnyPixels) -> torch.Tensor:
    """(H, W, 3) -> (1, 3, H, W) float64 in 0..1."""
    peak = 255 if pixels.dtype == np.uint8 else 1
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].double() / peak


def eight_bit(pixels: AnyPixels) -> Pixels:
    """As a file has it: clipped and rounded."""
    whole = pixels if pixels.dtype == np.uint8 else np.rint(pixels.clip(0, 1) * 255)
    return np.asarray(whole, np.uint8)


def files(folder: Path) -> list[Path]:
    """The pictures in `folder`, by name. Raises InputError if there is none."""
    found = sorted(f for f in folder.iterdir() if images.is_picture_name(f)) if folder.is_dir() else []
    if not found:
        raise InputError(f"expected a folder of pictures, found none in {folder}; check --data")
    return found


def load(file: Path, trial: Trial) -> Pixels:
    """A picture as RGB, cut at the right and bottom as the trial asks.

    Raises InputError if it cannot be read, or is too small.
    """
    first = next(iter(images.read(file).frames))
    pixels = np.asarray(to_image(to_8bit(first)).convert("RGB"))
    height, width = (side // trial.multiple * trial.multiple for side in pixels.shape[:2])
    if min(height, width) < max(2 * trial.border_px + 1, trial.least_px):
        found = f"{pixels.shape[1]} x {pixels.shape[0]}"
        least = max(2 * trial.border_px + 1, trial.multiple, trial.least_px)
        raise InputError(f"{file}: expected at least {least} pixels a side, found {found}")
    return pixels[:height, :width]


def compare(
    trial: Trial,
    methods: Mapping[str, Restore | Informed],
    folder: Path,
    judge: Judge,
    album: Album | None = None,
) -> Comparison:
    """Scores and pace of each method on every picture of `folder`; those that fail are named and left out.

    Args:
        methods: by name, the one in question first; each from what the trial makes of a picture to the
            original's size.
        album: is given each picture, to save.

    Raises:
        InputError: no pictures, or none that can be read and is large enough.
    """
    scores: dict[str, list[Score]] = {name: [] for name in methods}
    pace: dict[str, list[float]] = {name: [] for name in methods}
    left_out: list[str] = []
    console = Console(stderr=True)
    bar = partial(track, description=folder.name, console=console, disable=not console.is_terminal)
    for k, file in enumerate(bar(files(folder))):
        try:
            original = load(file, trial)
        except InputError as error:
            log.warning("left out: %s", error)
            left_out.append(file.name)
            continue
        damaged = trial.degrade(original, k)
        restored: dict[str, AnyPixels] = {}
        for name, restore in methods.items():
            began = time.perf_counter()
            if isinstance(restore, Informed):
                restored[name] = restore.restore(damaged, original)
            else:
                restored[name] = restore(damaged)
            megapixels = original.shape[0] * original.shape[1] / 1e6
            pace[name].append((time.perf_counter() - began) / megapixels)
            scores[name].append(judge(file.name, restored[name], original, trial.border_px))
        if album is not None:
            # Less what came back as it was: that is shown already.
            shown = {name: eight_bit(p) for name, p in restored.items() if p is not damaged}
            album.add(file.name, eight_bit(damaged), shown, original)
    if not any(scores.values()):
        raise InputError(
            f"{folder}: expected pictures to compare, found none but those left out; check --data"
        )
    # The median, for the first picture has a net's warming up to wait for.
    medians = {name: float(np.median(pace[name])) for name in methods}
    return Comparison(folder.name, trial, scores, medians, left_out)


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
    """One line: the means of all methods, and the scores on each picture of the one in question."""
    method, *others = comparison.scores
    scores = comparison.scores[method]
    row: dict[str, Any] = {"model": method, "data": comparison.dataset, **comparison.trial.facts}
    row |= {"n": len(scores), "left_out": list(comparison.left_out), "mean": finite(mean(scores))}
    row |= {"counted": {column: len(values) for column, values in counted(scores).items()}}
    row |= {other: finite(mean(comparison.scores[other])) for other in others}
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
