"""The critic of adversarial training: a U-Net that says of every pixel whether it looks like a photograph's.

Wang et al. 2021, "Real-ESRGAN": spectral norm (Miyato et al. 2018) on all inner convolutions keeps it smooth
enough to learn from; skips within the U-Net let it judge texture and shape at once.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

HALVED = 8  # sides are halved three times: they must be multiples of this


@dataclass(frozen=True)
class DiscriminatorConfig:
    """`width` channels at full resolution, doubled three times on the way down."""

    width: int = 64


class Discriminator(nn.Module):
    """(N, 3, H, W) in 0..1 -> (N, 1, H, W) logits, above zero where it looks real; sides: multiples of 8."""

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__()
        self.config = config
        c = config.width
        self.head = nn.Conv2d(3, c, 3, padding=1)
        self.down = nn.ModuleList(
            normed(inputs, 2 * inputs, kernel=4, stride=2) for inputs in (c, 2 * c, 4 * c)
        )
        self.up = nn.ModuleList(normed(inputs, inputs // 2) for inputs in (8 * c, 4 * c, 2 * c))
        self.refine = nn.ModuleList(normed(c, c) for _ in range(2))
        self.tail = nn.Conv2d(c, 1, 3, padding=1)

    def forward(self, picture: Tensor) -> Tensor:
        h = leaky(self.head(picture))
        skips = []
        for conv in self.down:
            skips.append(h)
            h = leaky(conv(h))
        for conv in self.up:
            h = leaky(conv(F.interpolate(h, scale_factor=2, mode="bilinear"))) + skips.pop()
        for conv in self.refine:
            h = leaky(conv(h))
        logits: Tensor = self.tail(h)
        return logits


class _FullPrecisionNorm(nn.Conv2d):
    """A convolution whose weight, computed by a parametrization, is computed in float32 even in autocast."""

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            weight = self.weight
        return F.conv2d(x, weight, None, self.stride, self.padding)


def normed(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Module:
    conv = _FullPrecisionNorm(inputs, outputs, kernel, stride, padding=1, bias=False)
    module: nn.Module = spectral_norm(conv)
    return module


def leaky(x: Tensor) -> Tensor:
    return F.leaky_relu(x, 0.2)
