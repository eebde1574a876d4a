"""How pictures are damaged for `evaluate recognition`, and which models are put against what.

    damage = damaging("noise", 25, side_px=96)
    restore = restoring(options, side_px=96)

Every picture is damaged in its own way, decided by its pixels. Models restore as the shell's commands do
where nobody says more: a denoiser is told nothing of the damage.
"""

import zlib
from collections.abc import Callable
from functools import partial

from genstudio import weights
from genstudio.classify.options import EvaluateRecognitionOptions
from genstudio.data.square import Pixels
from genstudio.denoise.pipeline import Denoise
from genstudio.errors import UsageError
from genstudio.evaluate.comparison import eight_bit
from genstudio.evaluate.denoise import with_noise
from genstudio.evaluate.upscale import blurred, compressed, reduce
from genstudio.options import OptionError
from genstudio.upscale.options import UpscaleOptions
from genstudio.upscale.pipeline import Upscale

Change = Callable[[Pixels], Pixels]  # (H, W, 3) uint8

HOW = {
    "noise": "Gaussian noise of {:g}, clipped to 8 bits",
    "blur": "Gaussian blur of sigma {:g} px",
    "jpeg": "JPEG of quality {:g}",
    "down": "reduced {:g} times by Pillow's bicubic filter",
}


def damaging(kind: str, amount: float, side_px: int) -> Change:
    """The damage `kind` of `options.DAMAGES` to squares of `side_px`; what comes out is 8 bits.

    Raises OptionError (a UsageError) where squares cannot be reduced so many times.
    """
    if kind == "down" and side_px % amount:
        possible = [str(times) for times in range(2, 17) if side_px % times == 0]
        raise OptionError(
            "damage",
            f"expected down: and what divides {side_px} px ({', '.join(possible)}), found {amount:g}",
        )
    changes: dict[str, Change] = {
        "noise": partial(_noisy, noise_std=amount),
        "blur": partial(blurred, sigma_px=amount),
        "jpeg": partial(compressed, quality=int(amount)),
        "down": partial(reduce, scale=int(amount)),
    }
    return changes[kind]


def _noisy(picture: Pixels, noise_std: float) -> Pixels:
    return eight_bit(with_noise(picture, "gaussian", noise_std, zlib.crc32(picture.tobytes())))


def restoring(options: EvaluateRecognitionOptions, side_px: int) -> Change:
    """The model that `options.restore` names, against its damage.

    Raises:
        OptionError (a UsageError): a model of another task than the damage calls for.
        UsageError, WeightsError, DeviceError: see `Denoise.from_weights` and `Upscale.from_weights`.
    """
    assert options.restore
    task, other = ("upscale", "denoise") if options.damage_kind == "down" else ("denoise", "upscale")
    name = options.restore.removeprefix(f"{task}/")
    refused = OptionError(
        "restore", f"expected {task} weights against {options.damage}, found {other}; see genstudio models"
    )
    if name.startswith(f"{other}/"):
        raise refused
    try:
        if task == "denoise":
            return Denoise.from_weights(name, device=options.device)
        upscale = Upscale.from_weights(name, device=options.device)
    except UsageError:
        if name in _known(other):
            raise refused from None
        raise
    scale = options.damage_amount
    small_px = round(side_px / scale)
    upscale.plan(small_px, small_px, UpscaleOptions(scale=scale))  # so that what cannot be is said at once
    return partial(upscale, scale=scale)


def _known(task: str) -> set[str]:
    """Bare names of a task's weights, and of families of scales."""
    names = {each.name.removeprefix(f"{task}/") for each in weights.installed(task)}
    return names | {weights.family(name) for name in names}
