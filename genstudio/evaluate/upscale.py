"""Upscaling, measured: each picture is cropped to a multiple of the scale, reduced by Pillow's antialiased
bicubic filter (within 0.01 dB of MATLAB's imresize), restored, and compared with the original without `scale`
border pixels: PSNR and SSIM on the Y channel of BT.601 as the literature has it, PSNR in RGB, and LPIPS on
AlexNet or VGG-16.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image
from torchvision.transforms.v2.functional import gaussian_blur

from genstudio import weights
from genstudio.evaluate import comparison, report
from genstudio.evaluate.comparison import Judge, Pixels, Restore, Trial
from genstudio.evaluate.sheets import Album
from genstudio.options import OptionError
from genstudio.upscale.options import EvaluateOptions
from genstudio.upscale.pipeline import Upscale

Degradation = Literal["bicubic", "web", "photo"]
HOW = {
    "bicubic": "Pillow bicubic reduction",
    "web": "Pillow bicubic reduction and JPEG of quality 82 (4:2:0)",
    "photo": "blur, Pillow bicubic reduction, noise and JPEG",
}
BICUBIC = "bicubic"  # stands among models


def show(options: EvaluateOptions, *, json: bool = False) -> None:
    """Print the scores of a model, of those beside it and of bicubic on stdout, as a table or a line of JSON.

    With `options.save`, write each restored picture, and a contact sheet of their busiest details, as PNG.
    """
    scale = options.scale
    judge = Judge(options.metrics)
    album = Album(options.save) if options.save is not None else None
    methods = chosen(options)
    compared = comparison.compare(trial(scale, options.degradation), methods, options.data, judge, album)
    if album is not None:
        album.finish()
    report.show(compared, json=json)


def chosen(options: EvaluateOptions) -> dict[str, Restore]:
    """The model in question, those beside it and bicubic, by names that tables show.

    Raises OptionError (a UsageError) where two have the same name; and as `Upscale.from_weights` does.
    """
    alone = {"self_ensemble": False, "denoise_strength": None}
    asked = [options, *(options.model_copy(update={"model": name, **alone}) for name in options.against)]
    names = shown((options.model, *options.against, BICUBIC), "against")
    methods: list[Callable[..., Any]] = [*(Upscale.from_options(each) for each in asked), enlarge_bicubic]
    return {name: partial(each, scale=options.scale) for name, each in zip(names, methods, strict=True)}


def shown(models: Sequence[str], option: str) -> list[str]:
    """What a table or a sheet calls models: by their names, files without folder and suffix.

    Raises OptionError (a UsageError), of the option that they come from, where two have the same name.
    """
    names = [Path(model).stem if Path(model).is_file() else model for model in models]
    for name in names:
        if names.count(name) > 1:
            raise OptionError(
                option, f"expected models of different names, found {name} twice; rename a file"
            )
    return names


def standard(path: Path) -> Iterator[tuple[Trial, Restore]]:
    """The trials whose results a header states, each with the answer of these weights in float32."""
    header = weights.read_header(path)
    restore = partial(Upscale.from_weights(path, precision="float32"), scale=header.scale)
    yield trial(header.scale), restore
    if header.counterpart is not None:  # a photo model
        for degradation in ("web", "photo"):
            yield trial(header.scale, degradation), restore


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
    """What is to be restored: a picture as `reduce` makes it, and worse.

    "web" compresses that as JPEG of quality 82, as a page shows pictures. "photo" is what a picture looks
    like that went through many hands: it blurs (Gaussian, sigma 1.2 px), reduces, adds noise (Gaussian, sigma
    8 of 255, from `seed`) and compresses as JPEG of quality 60.
    """
    if degradation == "bicubic":
        return reduce(original, scale)
    if degradation == "web":
        return compressed(reduce(original, scale), 82)
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
    """As a JPEG file of this quality has them, its colours at half the size (4:2:0)."""
    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality, subsampling="4:2:0")
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
