"""DAEPlain: the denoising autoencoder as it began, a bottleneck and nothing around it.

    x - local mean, noise level -> unshuffle 2, convs -> down -> code -> up -> convs, shuffle 2, + local mean

Vincent et al. 2008 ("Extracting and Composing Robust Features with Denoising Autoencoders") and, for
pictures, Xie, Xu and Chen 2012, here with convolutions instead of patches. All that comes out has passed a
code of fewer numbers than the picture has: that takes the noise away, and fine detail with it. Beside `DAE`,
whose skips and residual output go around the bottleneck, it shows what those buy.

As there, no biases and a local mean that goes around the net: flat colours come out unchanged.
"""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from genstudio.denoise.dae import LOCAL_MEAN_PX, conv3x3, padded, seen


@dataclass(frozen=True)
class DAEPlainConfig:
    """`width` channels at half size, twice as many at a quarter, there `code` for every 48 values (4x4 RGB
    pixels)."""

    width: int = 56
    code: int = 24


class DAEPlain(nn.Module):
    """(N, 3, H, W) float, 0..1 -> the same without its noise, float32, not clipped. Any H and W."""

    Config = DAEPlainConfig
    scale = 1
    multiple = 4
    told = True
    takes = ("noise_std",)

    def __init__(self, config: DAEPlainConfig) -> None:
        super().__init__()
        self.config = config
        w = config.width
        # Two convolutions at half size on either side, three at a quarter on either side of the code.
        self.overlap_px = LOCAL_MEAN_PX // 2 + 4 * 2 + 3 * 4 + self.multiple - 1
        self.encoder = nn.Sequential(
            *(conv3x3(4 * 3 + 1, w), nn.ReLU(), conv3x3(w, w), nn.ReLU()),
            *(nn.Conv2d(w, 2 * w, 2, 2, bias=False), nn.ReLU(), conv3x3(2 * w, config.code)),
        )
        self.decoder = nn.Sequential(
            *(conv3x3(config.code, 2 * w), nn.ReLU(), conv3x3(2 * w, 2 * w), nn.ReLU()),
            *(nn.ConvTranspose2d(2 * w, w, 2, 2, bias=False), nn.ReLU()),
            *(conv3x3(w, w), nn.ReLU(), conv3x3(w, 4 * 3)),
        )

    def forward(self, x: Tensor, noise_std: Tensor | float = 0.0) -> Tensor:
        """`noise_std` of the noise on the 0..255 scale, one number or one for each picture, (N,)."""
        _, _, height, width = x.shape
        x = padded(x.float(), self.multiple)
        detail, mean = seen(x, noise_std)
        detail = detail.to(next(self.parameters()).dtype)
        cells = mean + self.decoder(self.encoder(detail)).float()
        return F.pixel_shuffle(cells, 2)[..., :height, :width]
