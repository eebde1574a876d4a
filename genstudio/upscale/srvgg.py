"""SRVGGNet: plain 3x3 convolutions at low resolution, a pixel shuffle over the enlarged picture.

    x -> depth + 1 x (conv, leaky ReLU) -> conv -> pixel shuffle -> + nearest xS -> steady -> y

The layout of Real-ESRGAN's compact nets (Wang et al. 2021), so that other programs load our weights: a leaky
ReLU of 0.1 is their PReLU of 0.1. What we add needs no weights: where the picture is flat it stays as it is,
and the means of neighbourhoods are the input's (`steady`).
"""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genstudio.upscale.compact import conv3x3
from genstudio.upscale.steady import REACH_PX, keep_means, steadied

PAD_PX = 4  # the border is repeated, for beyond it a convolution sees black


@dataclass(frozen=True)
class SRVGGConfig:
    """`width` channels, `depth` body convolutions, enlarging `scale` times."""

    width: int = 96
    depth: int = 24
    scale: int = 4


class SRVGGNet(nn.Module):
    """(N, 3, h, w) float, 0..1 -> (N, 3, h*scale, w*scale) float32 in 0..1; in training mode see `raw`."""

    Config = SRVGGConfig

    def __init__(self, config: SRVGGConfig) -> None:
        super().__init__()
        self.config = config
        self.scale = config.scale
        # The radius of everything a pixel of the result depends on, in input pixels.
        self.overlap_px = config.depth + 2 + REACH_PX
        layers: list[nn.Module] = [_head(config.width), nn.LeakyReLU(0.1, inplace=True)]
        for _ in range(config.depth):
            layers += [_passing(config.width), nn.LeakyReLU(0.1, inplace=True)]
        tail = nn.Conv2d(config.width, 3 * config.scale**2, 3, padding=1)
        nn.init.normal_(tail.weight, std=1e-3)
        nn.init.zeros_(tail.bias)  # type: ignore[arg-type]
        self.body = nn.Sequential(*layers, tail)

    def forward(self, x: Tensor) -> Tensor:
        x = x.float()
        if self.training:
            return self.raw(x)
        base = F.interpolate(x, scale_factor=self.scale, mode="nearest")
        border = PAD_PX * self.scale
        padded = F.pad(x, (PAD_PX,) * 4, mode="replicate")
        residual = self.residual(padded)[..., border:-border, border:-border]
        return keep_means(x, base + steadied(x, residual, self.scale), self.scale)

    def residual(self, x: Tensor) -> Tensor:
        """What the net itself adds to the nearest pixel, float32."""
        first: Any = self.body[0]
        return F.pixel_shuffle(self.body(x.to(first.weight.dtype)), self.scale).float()

    def raw(self, x: Tensor) -> Tensor:
        """The net as other programs run it and as it is trained: not clipped, nothing steadied."""
        return F.interpolate(x, scale_factor=self.scale, mode="nearest") + self.residual(x)


def _head(channels: int) -> nn.Conv2d:
    """The first convolution, of which three quarters begin as blind to even brightness: else that is most of
    what the layers after it see, and they learn slowly."""
    conv = conv3x3(3, channels)
    with torch.no_grad():
        seeing = conv.weight[: 3 * channels // 4]
        seeing -= seeing.mean((1, 2, 3), keepdim=True)
    return conv


def _passing(channels: int) -> nn.Conv2d:
    """A convolution that begins by passing on what it is given, with a little added, so that many layers
    neither drown a picture nor lose it."""
    conv = conv3x3(channels, channels)
    with torch.no_grad():
        conv.weight.mul_(0.1).add_(nn.init.dirac_(torch.empty_like(conv.weight)))
    return conv
