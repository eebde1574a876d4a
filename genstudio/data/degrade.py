"""How a good picture is made worse, batched and on the device: the input side of a training pair.

`reduce_bicubic` is the literature's reduction. `photo` is what pictures go through on their way to people:
taken, reduced, compressed, sent on, reduced and compressed again. Blur, resize, noise and JPEG twice over, in
a random order and strength (Wang et al. 2021, "Real-ESRGAN"; Zhang et al. 2021, "BSRGAN").
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from genstudio.data.jpeg import jpeg

# Pictures of a batch that share sizes, filters and the order of steps; all else each draws for itself.
GROUP = 4
# The share that is only reduced, so that a net learns to leave clean pictures clean.
CLEAN = 0.1
# By stage, the two of `photo` and the one of `web`. Blur: sigma in pixels of the result; noise: sigma of
# 255; how often each happens.
MOST_BLUR_PX, BLURRED = (0.8, 0.8, 0.6), (0.7, 0.5, 0.4)
MOST_NOISE, NOISY = (16.0, 16.0, 5.0), (0.5, 0.6, 0.3)
LEAST_QUALITY, COMPRESSED = (50.0, 40.0, 70.0), (0.6, 0.85, 0.9)
WEB = 2
RINGING = 0.15
PAD_PX = 16


def quantize(picture: Tensor) -> Tensor:
    """Values in 0..1, clipped and rounded to the 256 levels of an 8-bit file."""
    return (picture.clamp(0, 1) * 255).round() / 255


def reduce_bicubic(picture: Tensor, scale: int) -> Tensor:
    """The literature's reduction: antialiased bicubic (a = -0.5, as Pillow's and MATLAB's), rounded to 8
    bits.

    Args:
        picture: (N, C, H, W) in 0..1; H and W multiples of `scale`.

    Returns:
        (N, C, H / scale, W / scale). Pixels within two of the border have seen less than their neighbours
        would have.
    """
    return quantize(F.interpolate(picture, scale_factor=1 / scale, mode="bicubic", antialias=True))


def photo(original: Tensor, scale: int, seed: int | Sequence[int]) -> Tensor:
    """Pictures reduced `scale` times as everyday life does it, each in its own way.

    Args:
        original: (N, 3, H, W) in 0..1, on any device; H and W multiples of `scale`.
        scale: 1 or more.
        seed: decides everything, on one kind of device.

    Returns:
        (N, 3, H / scale, W / scale) in 0..1, of 256 levels, and nothing shifted against the original. Pixels
        within three of the border have seen less than their neighbours would have.
    """
    rng = np.random.default_rng(seed)
    noise = torch.Generator(original.device).manual_seed(int(rng.integers(2**62)))
    groups = torch.split(original.float(), GROUP)
    return torch.cat([_degrade(group, scale, _Dice(rng, noise)) for group in groups])


def web(original: Tensor, scale: int, seed: int | Sequence[int]) -> Tensor:
    """Pictures as a phone or a good web site hands them on: reduced, now and then with a little blur or
    noise, and saved as JPEG of quality 70 to 95.

    Arguments and result are those of `photo`.
    """
    rng = np.random.default_rng(seed)
    noise = torch.Generator(original.device).manual_seed(int(rng.integers(2**62)))
    groups = torch.split(original.float(), GROUP)
    return torch.cat([_hand_on(group, scale, _Dice(rng, noise)) for group in groups])


def _hand_on(picture: Tensor, scale: int, dice: "_Dice") -> Tensor:
    result = (picture.shape[-2] // scale, picture.shape[-1] // scale)
    clean = torch.zeros(len(picture), 1, 1, 1, dtype=torch.bool, device=picture.device)
    damaged = _blur(picture, scale, WEB, clean, dice)
    if scale > 1 and dice.chance(0.3):
        between = dice.rng.uniform(1.2, 0.75 * scale)
        damaged = _resize(damaged, tuple(round(side * between) for side in result), dice)
    damaged = _noise(_resize(damaged, result, dice), WEB, clean, dice)
    return quantize(_compress(damaged, WEB, clean, dice))


class _Dice:
    """Random numbers: small ones from `rng`, a value per picture; whole pictures of noise from `noise`."""

    def __init__(self, rng: np.random.Generator, noise: torch.Generator) -> None:
        self.rng = rng
        self.noise = noise

    def uniform(self, count: int, low: float, high: float) -> Tensor:
        """(count, 1, 1, 1) values between `low` and `high`."""
        values = self.rng.uniform(low, high, (count, 1, 1, 1)).astype(np.float32)
        return torch.from_numpy(values).to(self.noise.device)

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)


def _degrade(picture: Tensor, scale: int, dice: _Dice) -> Tensor:
    n, _, height, width = picture.shape
    result = (height // scale, width // scale)
    # On the way the picture may be smaller than the result, or nearly as large as the original.
    between = math.exp(dice.rng.uniform(math.log(0.75), math.log(max(1.0, 0.75 * scale))))
    sizes = (tuple(max(1, round(side * between)) for side in result), result)
    clean = dice.uniform(n, 0, 1) < CLEAN
    degraded = picture
    for stage, size in enumerate(sizes):
        steps = ["blur", "resize", "noise"]
        dice.rng.shuffle(steps)
        # A file is compressed when it is done with, but the last one may still be reduced once more.
        last = len(steps) if stage == 0 or dice.chance(0.7) else int(dice.rng.integers(len(steps)))
        steps.insert(last, "jpeg")
        for step in steps:
            if step == "blur":
                degraded = _blur(degraded, degraded.shape[-1] / result[1], stage, clean, dice)
            elif step == "resize":
                degraded = _resize(degraded, size, dice)
            elif step == "noise":
                degraded = _noise(degraded, stage, clean, dice)
            else:
                degraded = _compress(degraded, stage, clean, dice)
    plain = F.interpolate(picture, size=result, mode="bicubic", antialias=True)
    return quantize(torch.where(clean, plain, degraded))


def _blur(picture: Tensor, px: float, stage: int, clean: Tensor, dice: _Dice) -> Tensor:
    """A Gaussian, round or stretched, or a low-pass that rings; `px` is the length of a result's pixel here.

    Both are simple in the frequency domain, where they cost the same for any width.
    """
    n, _, height, width = picture.shape
    blurred = dice.uniform(n, 0, 1) < BLURRED[stage]
    along = dice.uniform(n, 0, MOST_BLUR_PX[stage] * px)
    across = along * torch.where(dice.uniform(n, 0, 1) < 0.5, 1.0, dice.uniform(n, 0.2, 1))
    angle = dice.uniform(n, 0, math.pi)
    rings = dice.uniform(n, 0, 1) < RINGING
    highest = dice.uniform(n, 0.2, 0.5) / px  # cycles per pixel here
    right, bottom = PAD_PX + -width % 8, PAD_PX + -height % 8
    padded = F.pad(picture, (PAD_PX, right, PAD_PX, bottom), mode="replicate")
    y = torch.fft.fftfreq(padded.shape[-2], device=picture.device).view(-1, 1)
    x = torch.fft.rfftfreq(padded.shape[-1], device=picture.device).view(1, -1)
    u, v = x * angle.cos() + y * angle.sin(), y * angle.cos() - x * angle.sin()
    gauss = torch.exp(-2 * math.pi**2 * ((along * u).square() + (across * v).square()))
    passed = torch.where(rings, (x.square() + y.square() < highest.square()).float(), gauss)
    spectrum = torch.fft.rfft2(padded) * torch.where(blurred & ~clean, passed, 1.0)
    whole: Tensor = torch.fft.irfft2(spectrum, s=padded.shape[-2:])
    return whole[..., PAD_PX : PAD_PX + height, PAD_PX : PAD_PX + width]


def _resize(picture: Tensor, size: tuple[int, ...], dice: _Dice) -> Tensor:
    """To `size` (height, width) by one of the filters that programs use; always antialiased."""
    reduces = size[0] < picture.shape[-2] and size[1] < picture.shape[-1]
    mode = str(dice.rng.choice(["bicubic", "bilinear", "area"] if reduces else ["bicubic", "bilinear"]))
    return F.interpolate(picture, size=size, mode=mode, antialias=mode != "area")


def _noise(picture: Tensor, stage: int, clean: Tensor, dice: _Dice) -> Tensor:
    """Gaussian noise, coloured or grey, even or stronger where there is more light (as photons arrive)."""
    n = len(picture)
    noisy = (dice.uniform(n, 0, 1) < NOISY[stage]) & ~clean
    std = dice.uniform(n, 0, MOST_NOISE[stage] / 255) * noisy
    grey = dice.uniform(n, 0, 1) < 0.3
    photons = dice.uniform(n, 0, 1) < 0.4
    normal = torch.randn(picture.shape, generator=dice.noise, device=picture.device)
    normal = torch.where(grey, normal[:, :1], normal)
    light = torch.where(photons, (2 * picture.clamp(0, 1)).sqrt(), 1.0)
    return picture + std * light * normal


def _compress(picture: Tensor, stage: int, clean: Tensor, dice: _Dice) -> Tensor:
    n = len(picture)
    compressed = (dice.uniform(n, 0, 1) < COMPRESSED[stage]) & ~clean
    quality = dice.uniform(n, LEAST_QUALITY[stage], 95).flatten()
    # A crop begins anywhere in its picture's blocks, not always at the corner of one.
    top, left = (int(offset) for offset in dice.rng.integers(16, size=2))
    padded = F.pad(picture.clamp(0, 1), (left, 0, top, 0), mode="replicate")
    coded = jpeg(padded, quality, halve_chroma=dice.chance(0.75))
    return torch.where(compressed, coded[..., top:, left:], picture)
