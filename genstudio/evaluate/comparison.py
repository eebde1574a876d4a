"""Pictures made worse, restored by several methods, and compared with their originals, in one pass.

    trial = Trial(...)                                          # how they are made worse, what of them counts
    comparison = compare(trial, {"ours": ..., "bicubic": ...}, folder, Judge())
    print(report.as_table(comparison))

A picture is decoded and made worse once, then goes through each method; nothing of it is kept but numbers,
and what an album wants.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch

from genstudio import images
from genstudio.errors import InputError
from genstudio.evaluate.progress import Progress
from genstudio.evaluate.sheets import Album
from genstudio.images.picture import to_8bit, to_image
from genstudio.measures import fidelity
from genstudio.measures.lpips import LPIPS
from genstudio.options import OptionError

log = logging.getLogger("genstudio")

Pixels = npt.NDArray[np.uint8]  # (H, W, 3)
AnyPixels = Pixels | npt.NDArray[np.float32]  # the same, or float in 0..1, which noise may take further
Restore = Callable[[Any], AnyPixels]  # of what a trial makes of an original

COLUMNS = {
    "psnr": ("psnr_y", "psnr_rgb"),
    "ssim": ("ssim_y",),
    "lpips": ("lpips",),
    "lpips-vgg": ("lpips_vgg",),
}
NETS: dict[str, Literal["alex", "vgg"]] = {"lpips": "alex", "lpips_vgg": "vgg"}
LEAST_PX = {"psnr_y": 1, "psnr_rgb": 1, "ssim_y": 11, "lpips": 31, "lpips_vgg": 31}


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
    """One picture restored by one method: numbers by the names in `COLUMNS`."""

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
    """Compares restored pictures with originals by the metrics asked for: "psnr", "ssim", "lpips" (on
    AlexNet), "lpips-vgg" (on VGG-16).

    Raises:
        UsageError: an unknown metric.
        WeightsError: LPIPS without the features of its net; see `vgg.backbone`.
    """

    def __init__(self, names: Sequence[str] = ("psnr", "ssim")) -> None:
        unknown = [name for name in names if name not in COLUMNS]
        if unknown or not names:
            found = ", ".join(unknown) or "none"
            raise OptionError("metrics", f"expected some of {', '.join(COLUMNS)}, found {found}")
        self.columns = [column for name in names for column in COLUMNS[name]]
        self.lpips = {c: LPIPS(net) for c, net in NETS.items() if c in self.columns}

    def __call__(self, picture: str, restored: AnyPixels, original: Pixels, border_px: int) -> Score:
        """Compare pictures (H, W, 3); a metric that needs more pixels than there are is nan."""
        return self.against(picture, original, border_px)(restored)

    def against(self, picture: str, original: Pixels, border_px: int) -> Callable[[AnyPixels], Score]:
        """The same for several restored pictures of one original, whose features are computed once."""
        b = fidelity.shave(to_tensor(original), border_px)
        y_b, side = fidelity.luma(b), min(b.shape[-2:])
        features = {c: lpips.features(b) for c, lpips in self.lpips.items() if side >= LEAST_PX[c]}

        def score(restored: AnyPixels) -> Score:
            a = fidelity.shave(to_tensor(restored), border_px)
            y_a = fidelity.luma(a)
            compute: dict[str, Callable[[], torch.Tensor]] = {
                "psnr_y": lambda: fidelity.psnr(y_a, y_b),
                "psnr_rgb": lambda: fidelity.psnr(a * 255, b * 255),
                "ssim_y": lambda: fidelity.ssim(y_a, y_b),
            }

            def value(column: str) -> float:
                if side < LEAST_PX[column]:
                    return np.nan
                if column in compute:
                    return compute[column]().item()
                lpips = self.lpips[column]
                return lpips.distance(lpips.features(a), features[column]).item()

            return Score(picture, {column: value(column) for column in self.columns})

        return score


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
    found = files(folder)
    with Progress(folder.name, len(found)) as progress:
        for k, file in enumerate(found):
            progress.show(k, file.name)
            try:
                original = load(file, trial)
            except InputError as error:
                log.warning("left out: %s", error)
                left_out.append(file.name)
                continue
            damaged = trial.degrade(original, k)
            score = judge.against(file.name, original, trial.border_px)
            megapixels = original.shape[0] * original.shape[1] / 1e6
            restored: dict[str, AnyPixels] = {}
            for name, restore in methods.items():
                progress.show(k, f"{file.name}, {name}")
                began = time.perf_counter()
                if isinstance(restore, Informed):
                    restored[name] = restore.restore(damaged, original)
                else:
                    restored[name] = restore(damaged)
                pace[name].append((time.perf_counter() - began) / megapixels)
                scores[name].append(score(restored[name]))
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
