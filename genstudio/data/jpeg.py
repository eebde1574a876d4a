"""Baseline JPEG as arithmetic on a batch, without files: what coding and decoding do to the pixels.

Colours become Y Cb Cr, chroma is halved, 8x8 blocks are cosine-transformed, divided by the standard's tables
(ITU T.81, annex K), rounded, and all of it undone. What is lossless in a file, the entropy coding, is left
out. Any device, each picture its own quality; within about one level of 255 of libjpeg on average, and
several times faster than kornia's codec, whose softened rounding leaves other artefacts.
"""

import math
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from genstudio.data.ycc import YCC_OF_RGB

BLOCK_PX = 8

# fmt: off
LUMA_STEPS = (
    16, 11, 10, 16, 24, 40, 51, 61,
    12, 12, 14, 19, 26, 58, 60, 55,
    14, 13, 16, 24, 40, 57, 69, 56,
    14, 17, 22, 29, 51, 87, 80, 62,
    18, 22, 37, 56, 68, 109, 103, 77,
    24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101,
    72, 92, 95, 98, 112, 100, 103, 99,
)
CHROMA_STEPS = (
    17, 18, 24, 47, 99, 99, 99, 99,
    18, 21, 26, 66, 99, 99, 99, 99,
    24, 26, 56, 99, 99, 99, 99, 99,
    47, 66, 99, 99, 99, 99, 99, 99,
    *(99,) * 32,
)
# fmt: on


def jpeg(picture: Tensor, quality: Tensor, *, halve_chroma: bool = True) -> Tensor:
    """What is left of pictures after JPEG.

    Args:
        picture: (N, 3, H, W) in 0..1, of any size; sides are padded to whole blocks by repeating the border.
        quality: (N,) in 1..100, as libjpeg's.
        halve_chroma: 4:2:0, as most files have; else 4:4:4.

    Returns:
        (N, 3, H, W) in 0..1, of 256 levels.
    """
    height, width = picture.shape[-2:]
    unit = BLOCK_PX * (2 if halve_chroma else 1)
    padded = F.pad(picture, (0, -width % unit, 0, -height % unit), mode="replicate")
    to_ycc = torch.tensor(YCC_OF_RGB, device=picture.device)
    ycc = torch.einsum("rc,nchw->nrhw", to_ycc, (padded * 255).round()) - torch.tensor(
        [128.0, 0, 0], device=picture.device
    ).view(3, 1, 1)
    luma, chroma = ycc[:, :1], ycc[:, 1:]
    if halve_chroma:
        chroma = F.avg_pool2d(chroma, 2)
    # libjpeg's meaning of quality: a percentage of the tables' steps.
    percent = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality).view(-1, 1, 1, 1, 1, 1)
    luma, chroma = _code(luma, LUMA_STEPS, percent), _code(chroma, CHROMA_STEPS, percent)
    if halve_chroma:
        chroma = F.interpolate(chroma, scale_factor=2, mode="bilinear")
    ycc = torch.cat((luma + 128, chroma), 1)[..., :height, :width]
    rgb = torch.einsum("cr,nrhw->nchw", to_ycc.inverse(), ycc)
    return rgb.round().clamp(0, 255) / 255


def _code(plane: Tensor, steps: tuple[int, ...], percent: Tensor) -> Tensor:
    """(N, C, H, W) levels around zero, whole blocks, there and back through rounded cosine coefficients."""
    n, c, height, width = plane.shape
    dct = torch.tensor(_cosines(), device=plane.device)
    table = torch.tensor(steps, device=plane.device).view(1, 1, 1, BLOCK_PX, 1, BLOCK_PX)
    table = ((table * percent + 50) / 100).floor().clamp(1, 255)
    blocks = plane.round().view(n, c, height // BLOCK_PX, BLOCK_PX, width // BLOCK_PX, BLOCK_PX)
    # Rows and columns by themselves: a block B becomes D B D', and D' B D brings it back.
    there = torch.einsum("uy,ncaybx->ncaubx", dct, blocks) @ dct.T
    rounded = (there / table).round() * table
    back = torch.einsum("uy,ncaubx->ncaybx", dct, rounded) @ dct
    return back.reshape(n, c, height, width)


@cache
def _cosines() -> list[list[float]]:
    """The orthonormal DCT-II matrix of eight points, by frequency and place."""
    return [
        [
            math.sqrt((1 if u == 0 else 2) / BLOCK_PX) * math.cos((2 * x + 1) * u * math.pi / (2 * BLOCK_PX))
            for x in range(BLOCK_PX)
        ]
        for u in range(BLOCK_PX)
    ]
