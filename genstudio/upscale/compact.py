"""Compact: our fast upscaler. Plain 3x3 convolutions at low resolution, one pixel shuffle (Shi et al. 2016).

    x --------------------------- bilinear xS --------------------------- + -> y
    |                                                                     |
    x - local mean -> depth x (conv, activation) -> concat -> conv -> pixel shuffle
                             after a third, two thirds and all of them

Two decisions keep colours exact by construction, not by luck of training: the net sees the picture minus
its 5x5 local mean, and every layer answers zero with zero (`activated`). So a flat area of any
colour gives a residual of exactly zero: white stays white, and f(x + c) = f(x) + c.
What other pictures keep of their local means is `steady`'s.
"""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genstudio.upscale.steady import REACH_PX, keep_means

LOCAL_MEAN_PX = 5


@dataclass(frozen=True)
class CompactConfig:
    """`width` channels, `depth` body convolutions, enlarging `scale` times."""

    width: int = 48
    depth: int = 14
    scale: int = 4


class Compact(nn.Module):
    """(N, 3, h, w) float, 0..1 -> (N, 3, h*scale, w*scale) float32 in 0..1; not clipped in training mode."""

    Config = CompactConfig

    def __init__(self, config: CompactConfig) -> None:
        super().__init__()
        self.config = config
        self.scale = config.scale
        # The radius of everything a pixel of the result depends on, in input pixels.
        self.overlap_px = LOCAL_MEAN_PX // 2 + config.depth + 2 + 1 + REACH_PX
        c = config.width
        self.head = conv3x3(3, c)
        self.body = nn.ModuleList(near_identity(c) for _ in range(config.depth))
        # What the shallow layers saw reaches the result without passing through the deep ones.
        self.taps = (config.depth // 3, 2 * config.depth // 3)
        self.tail = nn.Conv2d(3 * c, 3 * config.scale**2, 3, padding=1, bias=False)
        nn.init.normal_(self.tail.weight, std=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        x = x.float()
        padded = F.pad(x, (LOCAL_MEAN_PX // 2,) * 4, mode="replicate")
        detail = x - F.avg_pool2d(padded, LOCAL_MEAN_PX, stride=1)
        h = activated(self.head, detail.to(self.head.weight.dtype))
        seen: list[Tensor] = []
        for k, conv in enumerate(self.body):
            h = activated(conv, h)
            seen += [h] * self.taps.count(k)
        residual = F.pixel_shuffle(self.tail(torch.cat((*seen, h), 1)), self.scale).float()
        y = F.interpolate(x, scale_factor=self.scale, mode="bilinear") + residual
        return y if self.training else keep_means(x, y, self.scale)


def conv3x3(inputs: int, outputs: int) -> nn.Conv2d:
    conv = nn.Conv2d(inputs, outputs, 3, padding=1)
    assert conv.bias is not None
    nn.init.kaiming_normal_(conv.weight, a=0.1)
    nn.init.zeros_(conv.bias)
    return conv


def near_identity(channels: int) -> nn.Conv2d:
    """A convolution that passes on what it is given, with something added: deep plain nets learn from this
    as if they had skips."""
    conv = conv3x3(channels, channels)
    with torch.no_grad():
        conv.weight.mul_(0.5).add_(nn.init.dirac_(torch.empty_like(conv.weight)))
    return conv


def activated(conv: Any, x: Tensor) -> Tensor:
    """Leaky ReLU of a convolution minus its answer to nothing: what a bias gives, without its offset."""
    nothing = conv.bias.to(x.dtype)[:, None, None]
    return F.leaky_relu(conv(x), 0.1) - F.leaky_relu(nothing, 0.1)
