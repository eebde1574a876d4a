"""How a clean picture gets noisy, batched and on the device, a pure function of the picture and a generator.

Pictures are (N, C, H, W) in 0..1, and what comes back is not clipped unless it says so. A level is one number
or one for each picture, (N,); a standard deviation is on the 0..255 scale.
"""

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from genstudio.data.degrade import quantize
from genstudio.data.jpeg import jpeg

# Brooks et al. 2019, "Unprocessing Images for Learned Raw Denoising", section 3: gains of red and blue, the
# brightening (one over a normal number), the shot noise of cameras in use and the read noise to go with it.
RED_GAIN, BLUE_GAIN, BRIGHTENING = (1.9, 2.4), (1.5, 1.9), (0.8, 0.1)
SHOT = (1e-4, 0.012)
READ_SLOPE, READ_OFFSET, READ_SPREAD = 2.18, 1.2, 0.26
# The share of files that is a JPEG, and its quality.
COMPRESSED, QUALITY = 0.5, (60.0, 95.0)


def generator(seed: int, device: torch.device | str) -> Generator:
    """A generator on the device; its numbers differ from one kind of device to another."""
    return Generator(device).manual_seed(seed)


def gaussian(picture: Tensor, noise_std: Tensor | float, generator: Generator) -> Tensor:
    """White Gaussian noise, each pixel and channel for itself: the literature's protocol, left unclipped."""
    return picture + _each(noise_std, picture) / 255 * _normal(picture, generator)


def poisson(picture: Tensor, noise_std: Tensor | float, generator: Generator) -> Tensor:
    """As photons arrive: the variance grows with the light; `noise_std` is that of white."""
    most = 255 / _each(noise_std, picture).clamp(min=1e-3)
    photons = most.square()  # for white: their number's standard deviation is its root
    return torch.poisson(picture.clamp(min=0) * photons, generator) / photons


def salt_pepper(picture: Tensor, share: Tensor | float, generator: Generator) -> Tensor:
    """A `share` 0..1 of the pixels is white or black, one as likely as the other, in all channels at once."""
    dice = torch.rand(len(picture), 1, *picture.shape[2:], generator=generator, device=picture.device)
    share = _each(share, picture)
    return torch.where(dice < share, (dice < share / 2).to(picture.dtype), picture)


def photo(picture: Tensor, generator: Generator) -> Tensor:
    """A photograph as a camera in use writes it, of any light: `camera` noise, `filed`."""
    return filed(camera(picture, shot_noise(len(picture), generator), generator), generator)


def filed(picture: Tensor, generator: Generator) -> Tensor:
    """(N, 3, H, W) as in files: of 256 levels in 0..1, half of them what is left after JPEG."""
    levels = quantize(picture)
    quality = _uniform(len(picture), QUALITY, generator)
    compressed = _uniform(len(picture), (0, 1), generator) < COMPRESSED
    return torch.where(compressed.view(-1, 1, 1, 1), jpeg(levels, quality), levels)


def one_channel(picture: Tensor) -> Tensor:
    """The green channel in all three: grey as it is, its noise as strong as it was."""
    return picture[:, 1:2].expand(-1, 3, -1, -1).clone()


def shot_noise(count: int, generator: Generator) -> Tensor:
    """(count,) shot noise levels of cameras in use: the variance at full light, in linear light 0..1."""
    return _uniform(count, (math.log(SHOT[0]), math.log(SHOT[1])), generator).exp()


def camera(picture: Tensor, shot: Tensor, generator: Generator) -> Tensor:
    """A picture with the noise a camera's sensor and processing leave in it.

    The picture is taken back to what the sensor saw: linear light, no white balance, one colour a pixel.
    There noise is Gaussian, of a variance that grows with the light, and of each value for itself. Then it is
    brought forth again: filling in the missing colours (by a filter between bilinear and Malvar, He and
    Cutler's of 2004) gives noise its grain, white balance and the sRGB curve its colour. Only the noise of it
    all is added: the picture stays as sharp as it was.

    Args:
        picture: (N, 3, H, W) in 0..1, sides of 3 or more.
        shot: (N,) variance of the noise at full light; the read noise is drawn to go with it.
    """
    n = len(picture)
    dimming, spread = torch.randn(2, n, generator=generator, device=generator.device)
    dimming = (BRIGHTENING[0] + BRIGHTENING[1] * dimming).clamp(0.5, 1)
    red, blue = (_uniform(n, ends, generator) for ends in (RED_GAIN, BLUE_GAIN))
    gains = torch.stack((red / dimming, 1 / dimming, blue / dimming), 1).view(n, 3, 1, 1)
    correction = _uniform(n, (0, 1), generator).view(n, 1, 1, 1)
    read = (READ_SLOPE * shot.log() + READ_OFFSET + READ_SPREAD * spread).exp()

    sensor = mosaic(linear(picture.clamp(0, 1)) / gains)
    std = (sensor * shot.view(n, 1, 1, 1) + read.view(n, 1, 1, 1)).sqrt()
    noisy = sensor + std * _normal(sensor, generator)
    with_noise, without = (srgb((demosaic(s, correction) * gains).clamp(0, 1)) for s in (noisy, sensor))
    return picture + with_noise - without


def linear(picture: Tensor) -> Tensor:
    """sRGB values 0..1 as linear light 0..1."""
    return torch.where(picture <= 0.04045, picture / 12.92, ((picture + 0.055) / 1.055).clamp(min=0) ** 2.4)


def srgb(light: Tensor) -> Tensor:
    """Linear light 0..1 as sRGB values 0..1."""
    bright = 1.055 * light.clamp(min=1e-8) ** (1 / 2.4) - 0.055
    return torch.where(light <= 0.0031308, light * 12.92, bright)


def mosaic(picture: Tensor) -> Tensor:
    """(N, 3, H, W) -> (N, 1, H, W): of each pixel the one colour its filter lets through (RGGB)."""
    out = picture[:, 1:2].clone()
    out[..., ::2, ::2] = picture[:, 0:1, ::2, ::2]
    out[..., 1::2, 1::2] = picture[:, 2:3, 1::2, 1::2]
    return out


# fmt: off
# What is missing is the mean of the neighbours that have it, and, in full, a correction by how the colour
# that is there bends: kernels of Malvar, He and Cutler 2004 in eighths. For green at red or blue (cross), for
# a colour at green from its left and right (across) or above and below, for red at blue and the reverse.
MEANS: dict[str, tuple[float, ...]] = {
    "cross": (0, 0, 0, 0, 0,  0, 0, 2, 0, 0,  0, 2, 0, 2, 0,  0, 0, 2, 0, 0,  0, 0, 0, 0, 0),
    "across": (0, 0, 0, 0, 0,  0, 0, 0, 0, 0,  0, 4, 0, 4, 0,  0, 0, 0, 0, 0,  0, 0, 0, 0, 0),
    "diagonal": (0, 0, 0, 0, 0,  0, 2, 0, 2, 0,  0, 0, 0, 0, 0,  0, 2, 0, 2, 0,  0, 0, 0, 0, 0),
}
CORRECTIONS: dict[str, tuple[float, ...]] = {
    "cross": (0, 0, -1, 0, 0,  0, 0, 0, 0, 0,  -1, 0, 4, 0, -1,  0, 0, 0, 0, 0,  0, 0, -1, 0, 0),
    "across": (0, 0, .5, 0, 0,  0, -1, 0, -1, 0,  -1, 0, 5, 0, -1,  0, -1, 0, -1, 0,  0, 0, .5, 0, 0),
    "diagonal": (0, 0, -1.5, 0, 0,  0, 0, 0, 0, 0,  -1.5, 0, 6, 0, -1.5,  0, 0, 0, 0, 0,  0, 0, -1.5, 0, 0),
}
# fmt: on


def demosaic(sensor: Tensor, correction: Tensor) -> Tensor:
    """(N, 1, H, W) RGGB -> (N, 3, H, W). `correction` 0..1 (N, 1, 1, 1): 0 is bilinear, 1 Malvar's filter."""
    mean, bend = (_kernels(table).to(sensor) for table in (MEANS, CORRECTIONS))
    padded = F.pad(sensor, (2, 2, 2, 2), mode="reflect")  # which keeps the order of the colours
    filled = F.conv2d(padded, mean) + correction * F.conv2d(padded, bend)
    cross, across, along, diagonal = (filled[:, i] for i in range(4))
    out = sensor.repeat(1, 3, 1, 1)
    # Reds lie at even rows and columns, blues at odd ones, green between.
    for channel, y, x, values in (
        *((0, 0, 1, across), (0, 1, 0, along), (0, 1, 1, diagonal)),
        *((1, 0, 0, cross), (1, 1, 1, cross)),
        *((2, 1, 0, across), (2, 0, 1, along), (2, 0, 0, diagonal)),
    ):
        out[:, channel, y::2, x::2] = values[:, y::2, x::2]
    return out


def _kernels(table: dict[str, tuple[float, ...]]) -> Tensor:
    """(4, 1, 5, 5): cross, across, along, diagonal."""
    cross, across, diagonal = (torch.tensor(values).view(5, 5) / 8 for values in table.values())
    return torch.stack((cross, across, across.T, diagonal))[:, None]


def _normal(picture: Tensor, generator: Generator) -> Tensor:
    return torch.randn(picture.shape, generator=generator, device=picture.device, dtype=picture.dtype)


def _uniform(count: int, ends: tuple[float, float], generator: Generator) -> Tensor:
    return ends[0] + (ends[1] - ends[0]) * torch.rand(count, generator=generator, device=generator.device)


def _each(value: Tensor | float, picture: Tensor) -> Tensor:
    """One number, or one for each picture (N,), so that it multiplies (N, C, H, W)."""
    return torch.as_tensor(value, dtype=picture.dtype, device=picture.device).reshape(-1, 1, 1, 1)
