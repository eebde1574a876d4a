"""How far a net sees, and on which grid, measured: what tiling must know of a net by others."""

import logging
import math

import torch
from torch import Tensor, nn

log = logging.getLogger("genstudio")

# A change smaller than this cannot be told in an 8-bit result but by chance of rounding.
NOTICEABLE = 0.25 / 255
MOST_OVERLAP_PX = 128
# Sides of attention windows in use, alone or as a multiple of the sides a net needs.
GRIDS_PX = (1, 2, 4, 7, 8, 12, 16, 24, 32, 48, 64)
GRID_LENGTHS_PX = (64, 336)  # each of the grids divides one
# What a cut at the left may reach beyond a cut at the right, while the grid is being looked for.
SLACK_PX = 16


@torch.inference_mode()
def measure(
    net: nn.Module,
    *,
    scale: int,
    channels: int = 3,
    multiple: int = 1,
    minimum: int = 1,
    device: torch.device | str = "cpu",
) -> tuple[int, int]:
    """(overlap in input pixels, multiple that a tile's origin must lie on), for tiles that equal the whole.

    Overlap: the distance beyond which a disturbance changes the result by less than `NOTICEABLE`. A strip of
    texture is run through the net, then again with one half inverted, then with one half cut off (where a
    net pads with zeros, an edge is another thing than any content): how far into the other half does the
    result change? Along and across, from both sides, on strips that double in length until the answer lies
    well inside; at `MOST_OVERLAP_PX` it is given up, with a log line. For a deep net this is far less than
    the theoretical radius (RRDB of 23 blocks: over 300 px).

    Multiple: the smallest shift of the picture that shifts the result and does nothing else. 1 for a net of
    convolutions, the window's side for one of attention in windows.

    Args:
        net: (N, channels, H, W) float32 0..1 -> (N, channels, H * scale, W * scale), on `device`. It pads to
            `multiple` by itself.
        multiple, minimum: sides the net needs.
    """
    breadth = _up(max(32, minimum), multiple)
    half = _up(max(32, minimum, 2 * multiple), multiple)
    most_px = _up(MOST_OVERLAP_PX, multiple)
    while True:
        picture = _texture(breadth, 2 * half).to(device).expand(1, channels, -1, -1)
        overlap_px = _reach(net, picture, scale)
        if overlap_px <= 0.75 * half:  # else it need not be asked along the other axis
            overlap_px = max(overlap_px, _reach(_Turned(net), picture, scale))
        if overlap_px <= 0.75 * half:
            break
        if half >= most_px:
            overlap_px = most_px
            log.warning(
                "this model sees %d px or further; its tiles may differ a little from the whole", most_px
            )
            break
        half = min(2 * half, most_px)
    # Of lengths that the grids divide: there a net pads nothing, and its right border shows a wrong shift.
    least = 2 * (overlap_px + SLACK_PX) + max(GRIDS_PX[-1], multiple)
    pictures = [
        _texture(breadth, _up(least, math.lcm(multiple, length))).to(device).expand(1, channels, -1, -1)
        for length in GRID_LENGTHS_PX
    ]
    grid = _grid(net, pictures, overlap_px + SLACK_PX, scale, multiple)
    # A cut at the left moves the origin, so it had to wait for the grid.
    start = _up(half, grid)
    picture = _texture(breadth, start + half).to(device).expand(1, channels, -1, -1)
    cut_px = max(_reach_of_start(each, picture, start, scale) for each in (net, _Turned(net)))
    return max(overlap_px, cut_px), grid


class _Turned(nn.Module):
    """A net that takes its pictures on their side."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.net(x.mT.contiguous())
        return y.mT


def _reach(net: nn.Module, picture: Tensor, scale: int) -> int:
    """How many columns beyond the middle does it carry to invert one half, or to cut off the right one?"""
    half = picture.shape[3] // 2
    left, right = picture.clone(), picture.clone()
    left[..., :half] = 1 - left[..., :half]
    right[..., half:] = 1 - right[..., half:]
    whole, left, right = net(torch.cat([picture, left, right])).float()
    alone = net(picture[..., :half].contiguous()).float()[0]
    middle = half * scale
    changes = (
        left[..., middle:] - whole[..., middle:],
        (right[..., :middle] - whole[..., :middle]).flip(-1),
        (alone - whole[..., :middle]).flip(-1),
    )
    return max(_columns(each, scale) for each in changes)


def _reach_of_start(net: nn.Module, picture: Tensor, start: int, scale: int) -> int:
    """How many columns does it carry to begin the picture at `start`?"""
    alone = net(picture[..., start:].contiguous()).float()
    return _columns(alone - net(picture).float()[..., start * scale :], scale)


def _columns(change: Tensor, scale: int) -> int:
    """Input columns, from the left, up to the last that changed."""
    changed = (change.abs() > NOTICEABLE).flatten(0, -2).any(0).nonzero()
    return -(-(int(changed.max()) + 1) // scale) if len(changed) else 0


def _grid(net: nn.Module, pictures: list[Tensor], ignored_px: int, scale: int, multiple: int) -> int:
    """The smallest shift to the left that leaves the rest as it was, but for `ignored_px` at the new edge:
    inside, and at the right border, where a net that pads by itself does so to its own grid."""
    most_px = max(GRIDS_PX[-1], multiple)
    shifts = sorted({math.lcm(multiple, grid) for grid in GRIDS_PX if math.lcm(multiple, grid) <= most_px})
    wholes: dict[int, Tensor] = {}

    def holds(shift: int, index: int) -> bool:
        if index not in wholes:
            wholes[index] = net(pictures[index]).float()
        part = net(pictures[index][..., shift:].contiguous()).float()[..., ignored_px * scale :]
        return bool((wholes[index][..., (shift + ignored_px) * scale :] - part).abs().max() < NOTICEABLE)

    return next((shift for shift in shifts if all(holds(shift, i) for i in range(len(pictures)))), shifts[-1])


def _up(length: int, multiple: int) -> int:
    return -(-length // multiple) * multiple


def _texture(height: int, width: int) -> Tensor:
    """(1, 1, H, W): waves that get finer, hard edges and noise, the same every time."""
    noise = torch.rand(height, width, generator=torch.Generator().manual_seed(0))
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    waves = 0.5 + 0.5 * torch.sin(x * (0.1 + x / width)) * torch.cos(y * (0.1 + y / height))
    blocks = ((x // 8 + y // 8) % 2).float()
    return (0.4 * waves + 0.3 * blocks + 0.3 * noise)[None, None]
