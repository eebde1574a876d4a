"""How good is a model, by a protocol anyone can repeat: `genstudio evaluate upscale --data DIR --model NAME`.

Upscaling: each picture is cropped to a multiple of the scale, reduced by Pillow's antialiased bicubic filter
(within 0.01 dB of MATLAB's imresize), restored, and compared with the original without `scale` border pixels:
PSNR and SSIM on the Y channel of BT.601 as the literature has it, PSNR in RGB, and LPIPS.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from json import dumps
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from rich.console import Console
from rich.progress import track
from torchvision.transforms.v2.functional import gaussian_blur

from genstudio import images, metrics, sheets, weights
from genstudio.errors import InputError, OutputError, UsageError
from genstudio.upscale.options import EvaluateOptions
from genstudio.upscale.pipeline import Upscale
from genstudio.weightsfile import Metric

Pixels = npt.NDArray[np.uint8]
Restore = Callable[[Pixels], Pixels]
Degradation = Literal["bicubic", "photo"]

COLUMNS = {"psnr": ("psnr_y", "psnr_rgb"), "ssim": ("ssim_y",), "lpips": ("lpips",)}
DIGITS = {"psnr_y": 2, "psnr_rgb": 2, "ssim_y": 4, "lpips": 4}
PROTOCOLS = {
    "psnr_y": "Y of BT.601 in 16..235, dB",
    "psnr_rgb": "RGB, dB",
    "ssim_y": "Y of BT.601, Gaussian 11x11 of sigma 1.5",
    "lpips": "LPIPS-alex 0.1, less is better",
}


@dataclass(frozen=True)
class Score:
    """One picture restored by one method: numbers by the names of `DIGITS`."""

    picture: str
    values: Mapping[str, float]


class Judge:
    """Compares restored pictures with originals by the metrics asked for: "psnr", "ssim", "lpips".

    Raises:
        UsageError: an unknown metric.
        WeightsError: LPIPS without AlexNet's features; see `perceptual.backbone`.
    """

    def __init__(self, names: Sequence[str] = ("psnr", "ssim")) -> None:
        unknown = [name for name in names if name not in COLUMNS]
        if unknown or not names:
            found = ", ".join(unknown) or "none"
            raise UsageError(f"--metrics: expected some of {', '.join(COLUMNS)}, found {found}")
        self.columns = [column for name in names for column in COLUMNS[name]]
        if "lpips" in names:
            from genstudio.perceptual import LPIPS

            self.lpips = LPIPS()

    def __call__(self, picture: str, restored: Pixels, original: Pixels, border_px: int) -> Score:
        """Compare (H, W, 3) uint8 pictures; a metric that needs more pixels than there are is nan."""
        a, b = (metrics.shave(to_tensor(p), border_px) for p in (restored, original))
        y_a, y_b = metrics.luma(a), metrics.luma(b)
        side = min(a.shape[-2:])
        compute: dict[str, Callable[[], torch.Tensor]] = {
            "psnr_y": lambda: metrics.psnr(y_a, y_b),
            "psnr_rgb": lambda: metrics.psnr(a * 255, b * 255),
            "ssim_y": lambda: metrics.ssim(y_a, y_b),
            "lpips": lambda: self.lpips(a, b),
        }
        least = {"psnr_y": 1, "psnr_rgb": 1, "ssim_y": 11, "lpips": 31}
        return Score(picture, {c: compute[c]().item() if side >= least[c] else np.nan for c in self.columns})


def to_tensor(pixels: Pixels) -> torch.Tensor:
    """(H, W, 3) uint8 -> (1, 3, H, W) float64 in 0..1."""
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].double() / 255


def files(folder: Path) -> list[Path]:
    """The pictures in `folder`, by name. Raises InputError if there is none."""
    found = sorted(f for f in folder.iterdir() if images.is_picture_name(f)) if folder.is_dir() else []
    if not found:
        raise InputError(f"expected a folder of pictures, found none in {folder}; check --data")
    return found


def load(file: Path, scale: int) -> Pixels:
    """A picture as RGB, cut at the right and bottom to a multiple of `scale`. Raises InputError."""
    pixels = np.asarray(images.to_pil(images.read(file)).convert("RGB"))
    height, width = (side // scale * scale for side in pixels.shape[:2])
    if min(height, width) <= 2 * scale:
        found = f"{pixels.shape[1]} x {pixels.shape[0]}"
        raise InputError(f"{file}: expected more than {2 * scale} pixels a side, found {found}; leave it out")
    return pixels[:height, :width]


def upscaling(
    restore: Restore, folder: Path, scale: int, judge: Judge, degradation: Degradation = "bicubic"
) -> list[Score]:
    """Scores of `restore` ((h, w, 3) -> (h * scale, w * scale, 3), uint8) on every picture of `folder`."""
    scores = []
    console = Console(stderr=True)
    bar = partial(track, description=folder.name, console=console, disable=not console.is_terminal)
    for k, file in enumerate(bar(files(folder))):
        original = load(file, scale)
        restored = restore(degraded(original, scale, degradation, seed=k))
        scores.append(judge(file.name, restored, original, scale))
    return scores


def degraded(original: Pixels, scale: int, degradation: Degradation, seed: int) -> Pixels:
    """What is to be restored: `reduce` for "bicubic"; for "photo" what web pictures go through.

    "photo" blurs (Gaussian, sigma 1.2 px), reduces, adds noise (Gaussian, sigma 8 of 255, from `seed`) and
    compresses as JPEG of quality 60.
    """
    if degradation == "bicubic":
        return reduce(original, scale)
    blurred = gaussian_blur(torch.from_numpy(original.copy()).permute(2, 0, 1), [9, 9], [1.2, 1.2])
    small = reduce(blurred.permute(1, 2, 0).contiguous().numpy(), scale)
    noise = np.random.default_rng(seed).normal(0, 8, small.shape)
    noisy = np.rint(small + noise).clip(0, 255).astype(np.uint8)
    file = BytesIO()
    Image.fromarray(noisy).save(file, "JPEG", quality=60)
    return np.asarray(Image.open(file))


def reduce(pixels: Pixels, scale: int) -> Pixels:
    """`pixels` made `scale` times smaller by Pillow's bicubic filter."""
    height, width = pixels.shape[:2]
    small = Image.fromarray(pixels).resize((width // scale, height // scale), Image.Resampling.BICUBIC)
    return np.asarray(small)


def enlarge_bicubic(pixels: Pixels, scale: int) -> Pixels:
    """The method every upscaler is measured against."""
    height, width = pixels.shape[:2]
    large = Image.fromarray(pixels).resize((width * scale, height * scale), Image.Resampling.BICUBIC)
    return np.asarray(large)


def mean(scores: Sequence[Score]) -> Score:
    """The mean of every number."""
    columns = scores[0].values
    return Score("mean", {c: float(np.mean([score.values[c] for score in scores])) for c in columns})


def finite(score: Score) -> dict[str, float | None]:
    """A score for JSON, which has no infinity: None stands for it."""
    return {column: value if np.isfinite(value) else None for column, value in score.values.items()}


def record(path: Path, folders: Iterable[Path]) -> None:
    """Measure a weights file of ours in float32 and write the means into its header."""
    header, state = weights.load(path, "upscale")
    upscale, judge, scale = Upscale.from_weights(path, precision="float32"), Judge(), header.scale
    found = []
    for folder in folders:
        scores = upscaling(lambda pixels: upscale(pixels, scale=scale), folder, scale, judge)
        found += as_metrics(scores, folder.name, scale)
    weights.save(path, state, header.model_copy(update={"metrics": found}))


def as_metrics(scores: Sequence[Score], dataset: str, scale: int) -> list[Metric]:
    """The means, as a weights header states them."""
    how = f"Pillow bicubic reduction, border of {scale} px left out"
    return [
        Metric(
            name=f"{column} x{scale}",
            dataset=dataset,
            value=round(value, DIGITS[column]),
            n=len(scores),
            protocol=f"{PROTOCOLS[column]}; {how}",
        )
        for column, value in mean(scores).values.items()
    ]


def show(options: EvaluateOptions, *, json: bool = False) -> None:
    """Print a model's scores and bicubic's on stdout, as a table or as one line of JSON.

    With `options.save`, write each restored picture, and a contact sheet of their busiest details, as PNG.
    """
    folder, scale, degradation, save = options.data, options.scale, options.degradation, options.save
    judge = Judge(options.metrics.split(","))
    if save is not None:
        try:
            save.mkdir(exist_ok=True)
        except OSError as error:
            raise OutputError(f"--save: cannot make the folder {save} ({error.strerror})") from error
    upscale = Upscale.from_options(options)
    restored: list[Pixels] = []

    def restore(small: Pixels) -> Pixels:
        restored.append(upscale(small, scale=scale))
        return restored[-1]

    ours = upscaling(restore, folder, scale, judge, degradation)
    bicubic = upscaling(lambda pixels: enlarge_bicubic(pixels, scale), folder, scale, judge, degradation)
    if save is not None:
        write_pictures(folder, restored, save, options.model, scale, degradation)
    if json:
        row = {"model": options.model, "data": folder.name, "scale": scale, "degradation": degradation}
        row |= {"n": len(ours), "mean": finite(mean(ours)), "bicubic": finite(mean(bicubic))}
        print(dumps(row | {"pictures": {score.picture: finite(score) for score in ours}}))
        return
    print(f"{folder.name} x{scale}, n={len(ours)}; {degradation} degradation, border of {scale} px left out")
    print(f"{'':32}" + "".join(f"{c:>10}{'bicubic':>9}" for c in judge.columns))
    for one, base in zip([*ours, mean(ours)], [*bicubic, mean(bicubic)], strict=True):
        cells = (f"{one.values[c]:10.{DIGITS[c]}f}{base.values[c]:9.{DIGITS[c]}f}" for c in judge.columns)
        print(f"{one.picture:32.32}{''.join(cells)}")


def write_pictures(
    folder: Path,
    restored: Sequence[Pixels],
    save: Path,
    model: str,
    scale: int,
    degradation: Degradation,
) -> None:
    """Restored pictures as `save`/NAME.png, and `save`/sheet.png: input, bicubic, restored, original."""
    rows = []
    for k, (file, result) in enumerate(zip(files(folder), restored, strict=True)):
        Image.fromarray(result).save(save / f"{file.stem}.png")
        original = load(file, scale)
        if min(original.shape[:2]) >= sheets.SIDE_PX:
            small = degraded(original, scale, degradation, seed=k)
            blocks = small.repeat(scale, 0).repeat(scale, 1)
            detail = sheets.busiest(original, sheets.SIDE_PX)
            rows.append([p[detail] for p in (blocks, enlarge_bicubic(small, scale), result, original)])
    if rows:  # every picture may be smaller than a detail
        sheets.sheet(rows, ("input", "bicubic", model, "original")).save(save / "sheet.png")
