"""Upscaling, measured: each picture is cropped to a multiple of the scale, reduced by Pillow's antialiased
bicubic filter (within 0.01 dB of MATLAB's imresize), restored, and compared with the original without `scale`
border pixels: PSNR and SSIM on the Y channel of BT.601 as the literature has it, PSNR in RGB, and LPIPS.
"""

import math
from collections.abc import Iterator
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from PIL import Image
from torchvision.transforms.v2.functional import gaussian_blur

from genstudio import weights
from genstudio.evaluate import comparison
from genstudio.evaluate.comparison import Judge, Pixels, Restore, Trial
from genstudio.evaluate.sheets import Album
from genstudio.upscale.options import EvaluateOptions
from genstudio.upscale.pipeline import Upscale

Degradation = Literal["bicubic", "photo"]
HOW = {
    "bicubic": "Pillow bicubic reduction",
    "photo": "blur, Pillow bicubic reduction, noise and JPEG",
}


def show(options: EvaluateOptions, *, json: bool = False) -> None:
    """Print a model's scores and bicubic's on stdout, as a table or as one line of JSON.

    With `options.save`, write each restored picture, and a contact sheet of their busiest details, as PNG.
    """
    scale = options.scale
    judge = Judge(options.metrics.split(","))
    album = Album(options.save) if options.save is not None else None
    methods: dict[str, Restore] = {
        options.model: partial(Upscale.from_options(options), scale=scale),
        "bicubic": partial(enlarge_bicubic, scale=scale),
    }
    compared = comparison.compare(trial(scale, options.degradation), methods, options.data, judge, album)
    if album is not None:
        album.finish()
    comparison.show(compared, json=json)


def standard(path: Path) -> Iterator[tuple[Trial, Restore]]:
    """The trials whose results a header states, each with the answer of these weights in float32."""
    header = weights.read_header(path)
    restore = partial(Upscale.from_weights(path, precision="float32"), scale=header.scale)
    yield trial(header.scale), restore
    if header.counterpart is not None:  # a photo model
        yield trial(header.scale, "photo"), restore


def trial(scale: int, degradation: Degradation = "bicubic") -> Trial:
    """Pictures reduced `scale` times, to be enlarged again."""
    return Trial(
        label=f"x{scale}" if degradation == "bicubic" else f"{degradation} x{scale}",
        how=HOW[degradation],
        degrade=lambda original, seed: degraded(original, scale, degradation, seed),
        multiple=scale,
        border_px=scale,
        facts={"scale": scale, "degradation": degradation},
    )


def degraded(original: Pixels, scale: int, degradation: Degradation, seed: int) -> Pixels:
    """What is to be restored: `reduce` for "bicubic"; for "photo" what web pictures go through.

    "photo" blurs (Gaussian, sigma 1.2 px), reduces, adds noise (Gaussian, sigma 8 of 255, from `seed`) and
    compresses as JPEG of quality 60.
    """
    if degradation == "bicubic":
        return reduce(original, scale)
    small = reduce(blurred(original, 1.2), scale)
    noise = np.random.default_rng(seed).normal(0, 8, small.shape)
    return compressed(np.rint(small + noise).clip(0, 255).astype(np.uint8), 60)


def blurred(pixels: Pixels, sigma_px: float) -> Pixels:
    """By a Gaussian filter; the border is mirrored."""
    # What is beyond three deviations is nothing, and a mirror shows at most a side less one.
    reach = min(math.ceil(3 * sigma_px), min(pixels.shape[:2]) - 1)
    channels = torch.from_numpy(pixels.copy()).permute(2, 0, 1)
    done = gaussian_blur(channels, [2 * reach + 1] * 2, [sigma_px] * 2)
    return np.asarray(done.permute(1, 2, 0).contiguous().numpy(), np.uint8)


def compressed(pixels: Pixels, quality: int) -> Pixels:
    """As a JPEG file of this quality has them."""
    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
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
