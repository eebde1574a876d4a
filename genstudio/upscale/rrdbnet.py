"""RRDBNet: residual-in-residual dense blocks (Wang et al. 2018, "ESRGAN"), block count and width in the
config.

Departure from the paper: as in `compact`, no biases, an input minus its local mean and a bilinear skip, so
that flat colours come out unchanged. Published RRDBNet weights load through spandrel, not through this
file.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genstudio.upscale.steady import REACH_PX, keep_means

LOCAL_MEAN_PX = 5
RESIDUAL_SCALE = 0.2


@dataclass(frozen=True)
class RRDBNetConfig:
    """`blocks` of three dense blocks each, `width` channels growing by `growth` inside a block."""

    width: int = 64
    growth: int = 32
    blocks: int = 6
    scale: int = 4


class RRDBNet(nn.Module):
    """(N, 3, h, w) float, 0..1 -> (N, 3, h*scale, w*scale) float32 in 0..1; not clipped in training mode.

    `scale` is 2, 3 or 4.
    """

    Config = RRDBNetConfig

    def __init__(self, config: RRDBNetConfig) -> None:
        super().__init__()
        self.config = config
        self.scale = config.scale
        c = config.width
        steps = {2: (2,), 3: (3,), 4: (2, 2)}[config.scale]
        # Every dense block has five convolutions in a row; the last layers' radius shrinks as resolution
        # grows.
        self.overlap_px = LOCAL_MEAN_PX // 2 + 15 * config.blocks + 2 + len(steps) + 3 + REACH_PX
        self.head = conv3x3(3, c)
        self.trunk = nn.Sequential(*(RRDB(c, config.growth) for _ in range(config.blocks)), conv3x3(c, c))
        self.enlarge = nn.ModuleList(conv3x3(c, c) for _ in steps)
        self.factors = steps
        self.refine = conv3x3(c, c)
        self.tail = conv3x3(c, 3)
        nn.init.normal_(self.tail.weight, std=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        x = x.float()
        padded = F.pad(x, (LOCAL_MEAN_PX // 2,) * 4, mode="replicate")
        detail = x - F.avg_pool2d(padded, LOCAL_MEAN_PX, stride=1)
        h = self.head(detail.to(self.head.weight.dtype))
        h = h + self.trunk(h)
        for factor, conv in zip(self.factors, self.enlarge, strict=True):
            h = leaky(conv(F.interpolate(h, scale_factor=factor, mode="nearest")))
        residual = self.tail(leaky(self.refine(h))).float()
        y: Tensor = F.interpolate(x, scale_factor=self.scale, mode="bilinear") + residual
        return y if self.training else keep_means(x, y, self.scale)


class RRDB(nn.Module):
    """Three dense blocks, their sum scaled down and added to the input."""

    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        self.dense = nn.Sequential(*(DenseBlock(width, growth) for _ in range(3)))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + RESIDUAL_SCALE * self.dense(x)
        return out


class DenseBlock(nn.Module):
    """Five convolutions, each seeing all that came before it."""

    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        inputs = [width + i * growth for i in range(6)]
        self.grow = nn.ModuleList(conv3x3(a, b - a) for a, b in pairwise(inputs[:5]))
        self.fuse = conv3x3(inputs[4], width)

    def forward(self, x: Tensor) -> Tensor:
        seen = x
        for conv in self.grow:
            seen = torch.cat((seen, leaky(conv(seen))), 1)
        out: Tensor = x + RESIDUAL_SCALE * self.fuse(seen)
        return out


def conv3x3(inputs: int, outputs: int) -> nn.Conv2d:
    """A bias-free convolution, started at a tenth of Kaiming's scale as the paper advises for deep trunks."""
    conv = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    nn.init.kaiming_normal_(conv.weight, a=0.2)
    conv.weight.data.mul_(0.1)
    return conv


def leaky(x: Tensor) -> Tensor:
    return F.leaky_relu(x, 0.2)
