"""How good is a model, by a protocol anyone can repeat: `genstudio evaluate upscale --data DIR --model NAME`.

Upscaling: each picture is cropped to a multiple of the scale, reduced by Pillow's antialiased bicubic
filter (within 0.01 dB of MATLAB's imresize), restored, and compared on the Y channel of BT.601 with `scale`
border pixels left out, and in RGB.
"""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from json import dumps
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from genstudio import images, metrics, sheets, weights
from genstudio.errors import InputError, OutputError, UsageError
from genstudio.upscale.options import UpscaleOptions
from genstudio.upscale.pipeline import Upscale
from genstudio.weightsfile import Metric

Pixels = npt.NDArray[np.uint8]
PROTOCOL = "Pillow bicubic reduction, {channels}, border of {scale} px left out"


@dataclass(frozen=True)
class Score:
    """One picture restored by one method. PSNR in dB; SSIM 0..1."""

    picture: str
    psnr_y: float
    ssim_y: float
    psnr_rgb: float


def score(picture: str, restored: Pixels, original: Pixels, border_px: int) -> Score:
    """Compare (H, W, 3) uint8 pictures. A picture under 11 px inside its border has no SSIM (nan)."""
    a, b = (torch.from_numpy(p.copy()).permute(2, 0, 1)[None].double() / 255 for p in (restored, original))
    a, b = metrics.shave(a, border_px), metrics.shave(b, border_px)
    y_a, y_b = metrics.luma(a), metrics.luma(b)
    ssim = metrics.ssim(y_a, y_b).item() if min(a.shape[-2:]) >= 11 else float("nan")
    return Score(picture, metrics.psnr(y_a, y_b).item(), ssim, metrics.psnr(a * 255, b * 255).item())


def pictures(folder: Path) -> list[tuple[str, Pixels]]:
    """(name, RGB pixels) of every picture in `folder`, by name. Raises InputError if there is none."""
    files = sorted(f for f in folder.iterdir() if images.is_picture_name(f)) if folder.is_dir() else []
    if not files:
        raise InputError(f"expected a folder of pictures, found none in {folder}; check --data")
    return [(f.name, np.asarray(Image.open(f).convert("RGB"))) for f in files]


def upscaling(restore: Callable[[Pixels], Pixels], folder: Path, scale: int) -> list[Score]:
    """Scores of `restore` ((h, w, 3) -> (h * scale, w * scale, 3), uint8) on every picture of `folder`."""
    scores = []
    for name, pixels in pictures(folder):
        height, width = (side // scale * scale for side in pixels.shape[:2])
        original = pixels[:height, :width]
        scores.append(score(name, restore(reduce(original, scale)), original, scale))
    return scores


def reduce(pixels: Pixels, scale: int) -> Pixels:
    """`pixels` made `scale` times smaller by Pillow's bicubic filter."""
    height, width = pixels.shape[:2]
    return np.asarray(
        Image.fromarray(pixels).resize((width // scale, height // scale), Image.Resampling.BICUBIC)
    )


def enlarge_bicubic(pixels: Pixels, scale: int) -> Pixels:
    """The method every upscaler is measured against."""
    height, width = pixels.shape[:2]
    return np.asarray(
        Image.fromarray(pixels).resize((width * scale, height * scale), Image.Resampling.BICUBIC)
    )


def mean(scores: list[Score]) -> dict[str, float]:
    """The mean of every number, by its name."""
    return {
        key: float(np.mean([getattr(s, key) for s in scores])) for key in ("psnr_y", "ssim_y", "psnr_rgb")
    }


def as_metrics(scores: list[Score], dataset: str, scale: int) -> list[Metric]:
    """The means, as a weights header states them."""
    means = mean(scores)
    y = PROTOCOL.format(channels="Y of BT.601", scale=scale)
    rgb = PROTOCOL.format(channels="RGB", scale=scale)
    return [
        Metric(
            name=f"{key} x{scale}",
            dataset=dataset,
            value=round(means[key], digits),
            n=len(scores),
            protocol=protocol,
        )
        for key, digits, protocol in (("psnr_y", 2, y), ("ssim_y", 4, y), ("psnr_rgb", 2, rgb))
    ]


def measure(upscale: Upscale, folder: Path, scale: int) -> list[Score]:
    """Scores of an upscaler by its own way through engines and tiles."""
    return upscaling(lambda pixels: upscale(pixels, scale=scale), folder, scale)


def record(path: Path, folders: Iterable[Path]) -> None:
    """Measure a weights file of ours in float32 and write the means into its header."""
    header, state = weights.load(path, "upscale")
    upscale = Upscale.from_weights(path, precision="float32")
    found: list[Metric] = []
    for folder in folders:
        found += as_metrics(measure(upscale, folder, header.scale), folder.name, header.scale)
    weights.save(path, state, header.model_copy(update={"metrics": found}))


def show(folder: Path, options: UpscaleOptions, *, json: bool, save: Path | None = None) -> None:
    """Print a model's scores and bicubic's on stdout, as a table or as one line of JSON.

    With `save`, write each restored picture, and a contact sheet of their busiest details, as PNG.
    """
    scale = round(options.scale)
    if scale != options.scale or scale < 2:
        raise UsageError(f"--scale: expected a whole number from 2 to 16, found {options.scale:g}")
    upscale = Upscale.from_weights(
        options.model,
        device=options.device,
        precision=options.precision,
        tile=options.tile,
        self_ensemble=options.self_ensemble,
    )
    restored: list[Pixels] = []

    def restore(small: Pixels) -> Pixels:
        restored.append(upscale(small, scale=scale))
        return restored[-1]

    ours = upscaling(restore, folder, scale)
    bicubic = upscaling(lambda pixels: enlarge_bicubic(pixels, scale), folder, scale)
    if save is not None:
        write_sheet(folder, restored, save, options.model, scale)
    if json:
        print(as_json(options.model, folder.name, scale, ours))
        return
    print(f"{folder.name} x{scale}, n={len(ours)}: {PROTOCOL.format(channels='Y of BT.601', scale=scale)}")
    print(f"{'':32}{'bicubic':>8}{options.model:>24}")
    print(f"{'picture':32}{'PSNR-Y':>8}{'PSNR-Y':>8}{'SSIM-Y':>8}{'PSNR':>8}")
    for name, base, s in zip(
        [*(s.picture for s in ours), "mean"],
        [*bicubic, average(bicubic)],
        [*ours, average(ours)],
        strict=True,
    ):
        print(f"{name:32.32}{base.psnr_y:8.2f}{s.psnr_y:8.2f}{s.ssim_y:8.4f}{s.psnr_rgb:8.2f}")


def write_sheet(folder: Path, restored: list[Pixels], save: Path, model: str, scale: int) -> None:
    """Restored pictures as `save`/NAME.png, and `save`/sheet.png: input, bicubic, restored, original."""
    if not save.is_dir():
        raise OutputError(f"expected a folder to save to, found none at {save}; make it first")
    rows = []
    for (name, pixels), result in zip(pictures(folder), restored, strict=True):
        Image.fromarray(result).save(save / f"{Path(name).stem}.png")
        original = pixels[: result.shape[0], : result.shape[1]]
        small = reduce(original, scale)
        blocks = small.repeat(scale, 0).repeat(scale, 1)
        if min(original.shape[:2]) >= sheets.SIDE_PX:
            detail = sheets.busiest(original, sheets.SIDE_PX)
            rows.append([p[detail] for p in (blocks, enlarge_bicubic(small, scale), result, original)])
    if rows:  # every picture may be smaller than a detail
        sheets.sheet(rows, ("input", "bicubic", model, "original")).save(save / "sheet.png")


def average(scores: list[Score]) -> Score:
    """The mean of every number."""
    return Score("mean", **mean(scores))


def as_json(model: str, dataset: str, scale: int, scores: list[Score]) -> str:
    """One line: the means and every picture's own."""
    row = {"model": model, "data": dataset, "scale": scale, "n": len(scores), **mean(scores)}
    return dumps(row | {"pictures": [asdict(s) for s in scores]})
