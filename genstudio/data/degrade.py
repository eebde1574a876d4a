"""How a good picture is made worse, batched and on the device: the input side of a training pair."""

import torch.nn.functional as F
from torch import Tensor


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
