"""What both real and generated pictures go through before the discriminator sees them, so that it does not
learn a small set by heart: DiffAugment (Zhao et al. 2020), each part with a probability (Karras et al. 2020).

A pure function of pictures and dice: what is random is drawn beforehand, on the CPU, so a step can be
repeated and split among processes.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

# Of each picture: is there colour, a shift, a hole; brightness, saturation, contrast; shift and hole's place.
DICE = 3 + 3 + 2 + 2
SHIFT = 1 / 8  # of the side, the largest
HOLE = 1 / 2  # of the side


def augment(pictures: Tensor, dice: Tensor, probability: Tensor) -> Tensor:
    """Pictures (N, 3, H, W) in -1..1, dice (N, DICE) uniform in 0..1, probability () -> (N, 3, H, W).

    Gradients go through, once: their own gradient is not there.
    """
    is_coloured, is_shifted, is_cut = (dice[:, :3] < probability).float().unbind(1)
    pictures = colour(pictures, dice[:, 3:6] - 0.5, is_coloured)
    pictures = shift(pictures, (2 * dice[:, 6:8] - 1) * is_shifted[:, None])
    return cut(pictures, dice[:, 8:10], is_cut)


def colour(x: Tensor, change: Tensor, on: Tensor) -> Tensor:
    """Brightness by `change` (N, 3) in -0.5..0.5, saturation times 0 to 2, contrast times 0.5 to 1.5."""
    brightness, saturation, contrast = (on[:, None] * change).view(-1, 3, 1, 1, 1).unbind(1)
    x = x + brightness
    grey = x.mean(1, keepdim=True)
    x = grey + (x - grey) * (1 + 2 * saturation)
    mean = x.mean((1, 2, 3), keepdim=True)
    return mean + (x - mean) * (1 + contrast)


def shift(x: Tensor, by: Tensor) -> Tensor:
    """Moved by `by` (N, 2) in -1..1 times the largest shift, in whole pixels; what is laid bare is 0."""
    height, width = x.shape[2:]
    sides = torch.tensor([width, height], device=x.device)
    pixels = torch.round(by * SHIFT * sides)
    theta = torch.eye(2, 3, device=x.device).repeat(len(x), 1, 1)
    theta[:, :, 2] = 2 * pixels / sides
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, mode="nearest", padding_mode="zeros", align_corners=False)


def cut(x: Tensor, centre: Tensor, on: Tensor) -> Tensor:
    """With a square hole of 0 around `centre` (N, 2) in 0..1 where `on`, half the side wide."""
    rows, columns = (
        ((torch.arange(side, device=x.device) + 0.5) / side - at[:, None]).abs() < HOLE / 2
        for side, at in zip(x.shape[2:], centre.unbind(1), strict=True)
    )
    hole = (rows[:, :, None] & columns[:, None, :])[:, None] * on.view(-1, 1, 1, 1)
    return x * (1 - hole)
