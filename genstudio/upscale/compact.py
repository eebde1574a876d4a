"""Compact: our fast upscaler. Plain 3x3 convolutions at low resolution, one pixel shuffle (Shi et al. 2016).

        x ----------------------- bilinear xS ------------------------ + -> y
        |                                                              |
        x - local mean -> conv, activation -> depth x (conv, activation) -> conv -> pixel shuffle

Two decisions keep colours exact by construction, not by luck of training: the net sees the picture minus
its 5x5 local mean, and every layer answers zero with zero (`activated`). So a flat area of any
colour gives a residual of exactly zero: white stays white, and f(x + c) = f(x) + c.

In training every body convolution may be a `CollapsibleConv` (Bhardwaj et al. 2022, SESR; Ding et al. 2021,
RepVGG): its kernel is *computed* from a richer block before the one convolution is made, so the richness
costs almost nothing; `merged()` gives the plain net that ships.
"""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LOCAL_MEAN_PX = 5


@dataclass(frozen=True)
class CompactConfig:
    """`width` channels, `depth` body convolutions, enlarging `scale` times."""

    width: int = 48
    depth: int = 14
    scale: int = 4


class Compact(nn.Module):
    """(N, 3, h, w) float, 0..1 -> (N, 3, h*scale, w*scale) float32, not clipped.

    Args:
        config: the net's size.
        collapsible: build the richer training form of the body.
    """

    Config = CompactConfig

    def __init__(self, config: CompactConfig, *, collapsible: bool = False) -> None:
        super().__init__()
        self.config = config
        self.scale = config.scale
        # The radius of everything a pixel of the result depends on, in input pixels.
        self.overlap_px = LOCAL_MEAN_PX // 2 + config.depth + 2 + 1
        c = config.width
        self.head = conv3x3(3, c)
        self.body = nn.ModuleList(
            CollapsibleConv(c) if collapsible else conv3x3(c, c) for _ in range(config.depth)
        )
        self.tail = conv3x3(c, 3 * config.scale**2, bias=False)
        nn.init.normal_(self.tail.weight, std=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        x = x.float()
        padded = F.pad(x, (LOCAL_MEAN_PX // 2,) * 4, mode="replicate")
        detail = x - F.avg_pool2d(padded, LOCAL_MEAN_PX, stride=1)
        h = activated(self.head, detail.to(self.head.weight.dtype))
        for conv in self.body:
            h = activated(conv, h)
        residual = F.pixel_shuffle(self.tail(h), self.scale).float()
        return F.interpolate(x, scale_factor=self.scale, mode="bilinear") + residual

    def merged(self) -> "Compact":
        """The same function as a plain net, on the CPU: what is shipped."""
        plain = Compact(self.config)
        state = self.state_dict()
        for i, conv in enumerate(self.body):
            if isinstance(conv, CollapsibleConv):
                for part in ("direct", "widen", "narrow"):
                    del state[f"body.{i}.{part}"]
                state[f"body.{i}.weight"] = conv.kernel().detach()
        plain.load_state_dict(state)
        return plain


def conv3x3(inputs: int, outputs: int, *, bias: bool = True) -> nn.Conv2d:
    conv = nn.Conv2d(inputs, outputs, 3, padding=1, bias=bias)
    nn.init.kaiming_normal_(conv.weight, a=0.1)
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
    return conv


def activated(conv: Any, x: Tensor) -> Tensor:
    """Leaky ReLU of a convolution minus its answer to nothing: what a bias gives, without its offset."""
    nothing = conv.bias.to(x.dtype)[:, None, None]
    return F.leaky_relu(conv(x), 0.1) - F.leaky_relu(nothing, 0.1)


class CollapsibleConv(nn.Module):
    """A 3x3 convolution with the kernel  W + identity + (1x1 after 3x3 through `expand` x the channels)."""

    def __init__(self, channels: int, expand: int = 4) -> None:
        super().__init__()
        self.direct = nn.Parameter(torch.empty(channels, channels, 3, 3))
        self.widen = nn.Parameter(torch.empty(expand * channels, channels, 3, 3))
        self.narrow = nn.Parameter(torch.empty(channels, expand * channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        # The identity already carries the signal: the learned part starts smaller, or depth would make it
        # explode.
        nn.init.kaiming_normal_(self.direct, a=0.1).data.mul_(0.5)
        nn.init.kaiming_normal_(self.widen, a=1.0)
        nn.init.normal_(self.narrow, std=0.1 / (expand * channels) ** 0.5)

    def kernel(self) -> Tensor:
        """The merged kernel, (channels, channels, 3, 3)."""
        identity = nn.init.dirac_(torch.empty_like(self.direct))
        return self.direct + identity + torch.einsum("om,mihw->oihw", self.narrow, self.widen)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.kernel(), self.bias, padding=1)
