"""Full-reference picture metrics, as the literature computes them.

Published super-resolution tables are on the Y channel of BT.601 in studio range (MATLAB's rgb2ycbcr:
16..235), with a border of `scale` pixels left out; another Y or another border gives other numbers.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

Y_OF_RGB = (65.481, 128.553, 24.966)


def luma(picture: Tensor) -> Tensor:
    """Y of BT.601 as MATLAB's rgb2ycbcr: (N, 3, H, W) in 0..1 -> (N, 1, H, W) in 16..235."""
    weights = torch.tensor(Y_OF_RGB, dtype=picture.dtype, device=picture.device).view(1, 3, 1, 1)
    return (picture * weights).sum(1, keepdim=True) + 16


def shave(picture: Tensor, border_px: int) -> Tensor:
    """Without `border_px` on every side of (N, C, H, W)."""
    return picture[..., border_px : picture.shape[-2] - border_px, border_px : picture.shape[-1] - border_px]


def psnr(a: Tensor, b: Tensor, peak: float = 255.0) -> Tensor:
    """Peak signal-to-noise ratio in dB for each of N pictures (N, C, H, W); infinite for equal pictures."""
    error = (a.double() - b.double()).square().mean(dim=(1, 2, 3))
    return 10 * torch.log10(peak**2 / error)


def ssim(a: Tensor, b: Tensor, peak: float = 255.0) -> Tensor:
    """Structural similarity (Wang et al. 2004) for each of N pictures (N, C, H, W), 11x11 Gaussian of sigma
    1.5.

    As the authors' MATLAB code: only windows that lie wholly inside count, constants 0.01 and 0.03,
    channels averaged.
    """
    a, b = a.double(), b.double()
    x = torch.arange(11, dtype=torch.float64, device=a.device) - 5
    window = torch.exp(-x.square() / (2 * 1.5**2))
    window = window / window.sum()

    def blur(picture: Tensor) -> Tensor:
        n, c, h, w = picture.shape
        flat = picture.reshape(n * c, 1, h, w)
        flat = F.conv2d(F.conv2d(flat, window.view(1, 1, 11, 1)), window.view(1, 1, 1, 11))
        return flat.view(n, c, h - 10, w - 10)

    mean_a, mean_b = blur(a), blur(b)
    var_a = blur(a * a) - mean_a.square()
    var_b = blur(b * b) - mean_b.square()
    covariance = blur(a * b) - mean_a * mean_b
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    score = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    score = score / ((mean_a.square() + mean_b.square() + c1) * (var_a + var_b + c2))
    return score.mean(dim=(1, 2, 3))
