"""Denoising, measured: noise is added to each picture, taken away again, and the result, in 8 bits, compared
with the original.

Gaussian noise is that of the literature (FFDNet, DRUNet): of every value for itself, in float32, neither
clipped nor rounded; decided by the picture's place in the folder. Published PSNR is over RGB. A grey picture
gets one noise in all its channels.

A net that takes a noise level is told the true one there, as the classics are. Blind, as `genstudio denoise`
is where nobody says more, it is told what is estimated from the noisy picture, and the time of an estimate
counts; so it is under any other noise, which has no one level. There the classics are told the true deviation
of each picture's noise, which is more than anyone knows.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from genstudio.data import noise as noises
from genstudio.denoise.options import DEFAULT_NOISE_STD, DenoiseOptions, EvaluateOptions
from genstudio.denoise.pipeline import Denoise
from genstudio.evaluate import classics, comparison, report
from genstudio.evaluate.comparison import AnyPixels, Informed, Judge, Pixels, Restore, Trial, eight_bit
from genstudio.evaluate.sheets import Album
from genstudio.restoring import tiling

Noise = Literal["gaussian", "poisson", "photo", "salt-pepper"]
HOW = {
    "gaussian": "Gaussian noise of {:g}, neither clipped nor rounded",
    "poisson": "Poisson noise, of {:g} in white, neither clipped nor rounded",
    "photo": "noise of cameras, half the pictures JPEG",
    "salt-pepper": "white and black pixels, a deviation of {:g} in mid-grey",
}
STANDARD_STD = (25, 15, 50)  # what is best known first
LEAST_PX = 16  # what the windows of the classics need


def show(options: EvaluateOptions, *, json: bool = False) -> None:
    """Print the scores of a model, of the classics and of the noisy pictures, as a table or a line of JSON.

    With `options.save`, write each restored picture, and a contact sheet of their busiest details, as PNG.
    """
    noise_std = DEFAULT_NOISE_STD if options.noise_std is None else options.noise_std
    judge = Judge(options.metrics)
    others = classics.chosen(options.against)
    known = noise_std if options.noise == "gaussian" else None
    denoise = Denoise.from_options(options)
    methods: dict[str, Restore | Informed] = {}
    if known is not None and denoise.takes_level:
        methods[denoise.model] = restoring(denoise, known)
    methods[f"{denoise.model}, blind" if denoise.takes_level else denoise.model] = restoring(denoise)
    methods |= {name: classical(method, known) for name, method in others.items()}
    methods["noisy"] = lambda noisy: noisy
    album = Album(options.save) if options.save is not None else None
    compared = comparison.compare(trial(options.noise, noise_std), methods, options.data, judge, album)
    if album is not None:
        album.finish()
    report.show(compared, json=json)


def standard(path: Path) -> Iterator[tuple[Trial, Restore]]:
    """The trials whose results a header states, each with the answer of these weights in float32."""
    denoise = Denoise.from_weights(path, precision="float32")
    for noise_std in STANDARD_STD:
        gaussian = trial("gaussian", noise_std)
        if denoise.takes_level:
            yield replace(gaussian, how=f"{gaussian.how}, the level told"), restoring(denoise, noise_std)
        else:
            yield gaussian, restoring(denoise)
    if not denoise.takes_level:  # made for photographs
        yield trial("photo"), restoring(denoise)


def trial(noise: Noise, noise_std: float = DEFAULT_NOISE_STD) -> Trial:
    """Pictures with noise of a standard deviation on the 0..255 scale; see `with_noise`."""
    level = {} if noise == "photo" else {"noise_std": noise_std}
    return Trial(
        label=" ".join((noise, *(f"{std:g}" for std in level.values()))),
        how=HOW[noise].format(noise_std),
        degrade=lambda original, seed: with_noise(original, noise, noise_std, seed),
        least_px=LEAST_PX,
        main="psnr_rgb",
        facts={"noise": noise, **level},
    )


def with_noise(original: Pixels, noise: Noise, noise_std: float, seed: int) -> AnyPixels:
    """A picture with noise; see `data.noise`. One whose channels are equal gets the same in each, as a camera
    without colours has it.

    "gaussian" and "poisson" (of this deviation in white) are float32 in 0..1 and beyond. "photo", which has
    levels of its own, and "salt-pepper" (of this deviation in mid-grey) are what is in 8-bit files.
    """
    clean = torch.from_numpy(original.copy()).permute(2, 0, 1)[None].float() / 255
    dice = noises.generator(seed, "cpu")
    if noise == "gaussian":
        noisy = noises.gaussian(clean, noise_std, dice)
    elif noise == "poisson":
        noisy = noises.poisson(clean, noise_std, dice)
    elif noise == "photo":
        noisy = noises.photo(clean, dice)
    else:
        # A share p of the pixels is off by half the range: a variance of p / 4.
        noisy = noises.salt_pepper(clean, (2 * noise_std / 255) ** 2, dice)
    if (original == original[..., :1]).all():
        noisy = noises.one_channel(noisy)
    picture = np.ascontiguousarray(noisy[0].permute(1, 2, 0).numpy())
    return picture if noise in ("gaussian", "poisson") else eight_bit(picture)


def restoring(denoise: Denoise, strength: float | Literal["auto"] = "auto") -> Restore:
    """A denoiser's answer in 8 bits. Its engine is asked directly, for a pipeline refuses float pictures that
    go out of 0..1, as these must."""
    options = DenoiseOptions(strength=strength)

    def restore(noisy: AnyPixels) -> Pixels:
        height, width = noisy.shape[:2]
        plan = denoise.plan(width, height, options)
        if plan.resolve is not None:
            plan = plan.resolve(noisy, None)
        (engine,) = plan.engines
        return tiling.run(engine, noisy, tile=denoise.tile, dtype=np.dtype(np.uint8))

    return restore


def classical(method: classics.Method, noise_std: float | None) -> Informed:
    """A classic's answer in 8 bits, told this noise level or, where none is known, what there really is."""

    def restore(noisy: AnyPixels, original: Pixels) -> Pixels:
        scaled = noisy / np.float32(255) if noisy.dtype == np.uint8 else noisy
        told = noise_std
        if told is None:
            told = 255 * float(np.sqrt(np.square(scaled - original / np.float32(255)).mean()))
        if not told:
            return eight_bit(noisy)
        return eight_bit(method(scaled.astype(np.float32, copy=False), told))

    return Informed(restore)
