"""Batched augmentation on the device, decided by the numbers it is given: nothing here draws at random but
from a generator that the caller seeds.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from genstudio.classify.classifier import as_input


@dataclass(frozen=True)
class Augmentation:
    """How training pictures are varied; the least is none at all.

    Attributes:
        flip: every other time a picture comes, it comes mirrored (Jordan 2024): in two epochs all is seen.
        shift_px: moved by up to so many pixels; the edges go on as their reflection.
        cutout_px: a square of this side is made the mean colour.
        least_area: a random share of the area, at least this, at a side ratio of 3:4 to 4:3, is taken for the
            whole (Szegedy et al. 2015), turned by up to `turn_degrees`. 1: the whole.
        side_px: the side of the result of that; 0: the pictures' own.
        jitter: brightness, contrast and saturation times 1 - jitter to 1 + jitter.
    """

    flip: bool = False
    shift_px: int = 0
    cutout_px: int = 0
    least_area: float = 1.0
    turn_degrees: float = 0.0
    side_px: int = 0
    jitter: float = 0.0

    def __call__(
        self, pixels: Tensor, chosen: Tensor, flips: Tensor, fill: Tensor, rng: np.random.Generator
    ) -> Tensor:
        """Pictures `chosen` (N,) of (M, side, side, 3) uint8, as (N, 3, side, side) in 0..1, channels last.

        Args:
            flips: (N,) bool, which are mirrored; without effect unless `flip`.
            fill: colour (3,) in 0..1 of what is cut out.
        """
        n, device = len(chosen), pixels.device
        shift = torch.from_numpy(rng.integers(-self.shift_px, self.shift_px + 1, (2, n, 1))).to(device)
        x = taken(pixels, chosen, flips & self.flip, shift)
        if self.least_area < 1:
            x = cropped(x, self.least_area, self.turn_degrees, self.side_px or x.shape[2], rng)
        if self.jitter:
            factors = rng.uniform(1 - self.jitter, 1 + self.jitter, (3, n, 1, 1, 1))
            x = jittered(x, torch.from_numpy(factors).to(device, torch.float32))
        if self.cutout_px:
            corner = rng.integers(1 - self.cutout_px, x.shape[2], (2, n, 1))
            x = cut_out(x, torch.from_numpy(corner).to(device), self.cutout_px, fill)
        return x


def taken(pixels: Tensor, chosen: Tensor, flips: Tensor, shift: Tensor) -> Tensor:
    """Shift (2, N, 1) and mirror in one reading: every picture has its own order of rows and columns."""
    side = pixels.shape[1]
    rows, columns = reflected(torch.arange(side, device=pixels.device) + shift, side)
    columns = torch.where(flips[:, None], side - 1 - columns, columns)
    return as_input(pixels[chosen[:, None, None], rows[:, :, None], columns[:, None]])


def reflected(index: Tensor, side: int) -> Tensor:
    """An index beyond an end counts back from it; the end itself is not repeated."""
    return (side - 1) - ((side - 1) - index.abs()).abs()


def cropped(
    x: Tensor, least_area: float, turn_degrees: float, side_px: int, rng: np.random.Generator
) -> Tensor:
    """Random shares of the area, at `side_px`, by bilinear sampling."""
    n = len(x)
    area, ratio = rng.uniform(least_area, 1, n), np.exp(rng.uniform(np.log(3 / 4), np.log(4 / 3), n))
    size = np.stack((np.sqrt(area * ratio), np.sqrt(area / ratio))).clip(max=1)  # width, height; 1: the whole
    centre = rng.uniform(size - 1, 1 - size)
    turn = np.deg2rad(rng.uniform(-turn_degrees, turn_degrees, n))
    cos, sin = np.cos(turn), np.sin(turn)
    theta = np.stack(
        (
            np.stack((size[0] * cos, -size[1] * sin, centre[0]), 1),
            np.stack((size[0] * sin, size[1] * cos, centre[1]), 1),
        ),
        1,
    )
    grid = F.affine_grid(
        torch.from_numpy(theta).to(x.device, torch.float32), [n, 3, side_px, side_px], align_corners=False
    )
    y = F.grid_sample(x, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    return y.contiguous(memory_format=torch.channels_last)


def jittered(x: Tensor, factors: Tensor) -> Tensor:
    """Brightness, contrast and saturation times `factors` (3, N, 1, 1, 1)."""
    brightness, contrast, saturation = factors
    x = x * brightness
    x = x.lerp(x.mean((1, 2, 3), keepdim=True), 1 - contrast)
    return x.lerp(x.mean(1, keepdim=True), 1 - saturation).clamp(0, 1)


def cut_out(x: Tensor, corner: Tensor, side_px: int, fill: Tensor) -> Tensor:
    """A square from `corner` (2, N, 1), which may lie outside, in the colour `fill` (3,)."""
    along = torch.arange(x.shape[2], device=x.device)
    rows, columns = (along >= corner) & (along < corner + side_px)
    hole = rows[:, None, :, None] & columns[:, None, None, :]
    return torch.where(hole, fill.view(3, 1, 1).to(x), x)
