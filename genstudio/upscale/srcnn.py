"""SRCNN: three convolutions on the bicubic enlargement (Dong, Loy, He and Tang 2014, "Image
Super-Resolution Using Deep Convolutional Networks"): 9-5-5 with 64 and 32 channels.

Departures from the paper: all three colour channels instead of Y; the net adds its result to the
enlargement; and, as in `compact`, it has no biases and sees the picture minus its local mean, so flat
colours come out unchanged.
"""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from genstudio.upscale.steady import REACH_PX, keep_means

LOCAL_MEAN_PX = 9


@dataclass(frozen=True)
class SRCNNConfig:
    """Kernel sizes (odd) and channels of the paper's three layers."""

    kernels: tuple[int, int, int] = (9, 5, 5)
    channels: tuple[int, int] = (64, 32)
    scale: int = 4


class SRCNN(nn.Module):
    """(N, 3, h, w) float, 0..1 -> (N, 3, h*scale, w*scale) float32 in 0..1; not clipped in training mode."""

    Config = SRCNNConfig

    def __init__(self, config: SRCNNConfig) -> None:
        super().__init__()
        self.config = config
        self.scale = config.scale
        # The convolutions' radius is in enlarged pixels; bicubic enlargement itself reaches two input pixels.
        radius = sum(k // 2 for k in config.kernels) + LOCAL_MEAN_PX // 2
        self.overlap_px = -(-radius // config.scale) + 3 + REACH_PX
        (k1, k2, k3), (n1, n2) = config.kernels, config.channels
        self.patches = nn.Conv2d(3, n1, k1, padding=k1 // 2, bias=False)
        self.mapping = nn.Conv2d(n1, n2, k2, padding=k2 // 2, bias=False)
        self.reconstruction = nn.Conv2d(n2, 3, k3, padding=k3 // 2, bias=False)
        for conv in (self.patches, self.mapping):
            nn.init.kaiming_normal_(conv.weight)
        nn.init.normal_(self.reconstruction.weight, std=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        x = x.float()
        enlarged = F.interpolate(x, scale_factor=self.scale, mode="bicubic")
        padded = F.pad(enlarged, (LOCAL_MEAN_PX // 2,) * 4, mode="replicate")
        detail = enlarged - F.avg_pool2d(padded, LOCAL_MEAN_PX, stride=1)
        h = F.relu(self.patches(detail.to(self.patches.weight.dtype)))
        h = F.relu(self.mapping(h))
        y: Tensor = enlarged + self.reconstruction(h).float()
        return y if self.training else keep_means(x, y, self.scale)
