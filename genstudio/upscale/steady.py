"""What every upscaler keeps by construction, not by luck of training: flat areas, greys and local means.

A net that invents detail moves the mean of fine patterns (halftones, dithering, weave) and draws blobs of
other colours into them. Where the mean of a neighbourhood moves by some levels, the net is not believed and
the bilinear enlargement takes over; what is then still lacking is added to all of the neighbourhood, which no
edge notices (back-projection, Irani and Peleg 1991, of low frequencies alone).
"""

import torch
import torch.nn.functional as F
from torch import Tensor

LEVEL = 1 / 255
FLAT_PX = 3  # a pixel is flat where nothing changes within so many pixels
MEAN_PX = 9  # side of the box that means are taken over, twice
# Shifts of the mean; between them the two enlargements are mixed.
BELIEVED, DISBELIEVED = 4 * LEVEL, 12 * LEVEL
# The radius of what `keep_means` looks at, beyond the net's own: twice its two boxes and a bilinear pixel.
REACH_PX = 2 * (2 * (MEAN_PX // 2) + 1)


def steadied(x: Tensor, residual: Tensor, scale: int) -> Tensor:
    """What is to be added to an enlarged `x`: nothing where it is flat, only greys where it is grey.

    Args:
        x: (N, 3, h, w) in 0..1.
        residual: (N, 3, h * scale, w * scale).
    """
    side = 2 * FLAT_PX + 1
    padded = F.pad(x, (FLAT_PX,) * 4, mode="replicate")
    changing = F.max_pool2d(padded, side, 1) + F.max_pool2d(-padded, side, 1)
    coloured = F.max_pool2d(padded.amax(1, keepdim=True) - padded.amin(1, keepdim=True), side, 1)
    # A difference of two levels counts in full.
    gates = (torch.cat((changing.amax(1, keepdim=True), coloured), 1) / (2 * LEVEL)).clamp(0, 1)
    gates = F.interpolate(gates, scale_factor=scale, mode="nearest")
    return gates[:, :1] * residual.mean(1, keepdim=True).lerp(residual, gates[:, 1:])


def keep_means(x: Tensor, y: Tensor, scale: int) -> Tensor:
    """`y` (N, C, h * scale, w * scale), clipped to 0..1, with the local means of `x` (N, C, h, w) in 0..1."""
    y = y.clamp(0, 1)
    shift = _lacking(x, y, scale).abs().amax(1, keepdim=True)
    doubt = ((shift - BELIEVED) / (DISBELIEVED - BELIEVED)).clamp(0, 1)
    y = y.lerp(_enlarged(x, scale), _enlarged(doubt, scale))
    return (y + _enlarged(_lacking(x, y, scale), scale)).clamp(0, 1)


def _lacking(x: Tensor, y: Tensor, scale: int) -> Tensor:
    """What the local means of `y` lack to those of `x`, (N, C, h, w); beyond the border both repeat."""
    lacking = x - F.avg_pool2d(y, scale)
    margin = MEAN_PX // 2
    for _ in range(2):
        lacking = F.avg_pool2d(F.pad(lacking, (margin,) * 4, mode="replicate"), MEAN_PX, 1)
    return lacking


def _enlarged(x: Tensor, scale: int) -> Tensor:
    return F.interpolate(x, scale_factor=scale, mode="bilinear")
