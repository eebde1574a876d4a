"""Full-reference picture metrics, as the literature computes them.

Published super-resolution tables are on the Y channel of BT.601 in studio range (MATLAB's rgb2ycbcr:
16..235), with a border of `scale` pixels left out; another Y or another border gives other numbers.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

Y_OF_RGB = (65.481, 128.553, 24.966)
WINDOW_PX = 11  # of SSIM
BAND = 250_000  # values


def luma(picture: Tensor) -> Tensor:
    """Y of BT.601 as MATLAB's rgb2ycbcr: (N, 3, H, W) in 0..1 -> (N, 1, H, W) in 16..235."""
    weights = torch.tensor(Y_OF_RGB, dtype=picture.dtype, device=picture.device).view(1, 3, 1, 1)
    return (picture * weights).sum(1, keepdim=True) + 16


def shave(picture: Tensor, border_px: int) -> Tensor:
    """Without `border_px` on every side of (N, C, H, W)."""
    return picture[..., border_px : picture.shape[-2] - border_px, border_px : picture.shape[-1] - border_px]


def psnr(a: Tensor, b: Tensor, peak: float = 255.0) -> Tensor:
    """Peak signal-to-noise ratio in dB for each of N pictures (N, C, H, W); infinite for equal pictures."""
    error = torch.zeros(len(a), dtype=torch.float64, device=a.device)
    for rows in _bands(a):
        error += (a[..., rows, :].double() - b[..., rows, :].double()).square().sum(dim=(1, 2, 3))
    return 10 * torch.log10(peak**2 * a[0].numel() / error)


def ssim(a: Tensor, b: Tensor, peak: float = 255.0) -> Tensor:
    """Structural similarity (Wang et al. 2004) for each of N pictures (N, C, H, W), 11x11 Gaussian of sigma
    1.5.

    As the authors' MATLAB code: only windows that lie wholly inside count, constants 0.01 and 0.03,
    channels averaged. Raises ValueError for pictures that hold no window.
    """
    if min(a.shape[-2:]) < WINDOW_PX:
        raise ValueError(f"expected pictures of {WINDOW_PX} pixels a side or more, found {tuple(a.shape)}")
    x = torch.arange(WINDOW_PX) - WINDOW_PX // 2
    window = torch.exp(-x.double().square() / (2 * 1.5**2))
    weights: list[float] = (window / window.sum()).tolist()

    def blur(picture: Tensor, dim: int) -> Tensor:
        size = picture.shape[dim] - WINDOW_PX + 1
        blurred = picture.narrow(dim, 0, size) * weights[0]
        for k, weight in enumerate(weights[1:], 1):  # in float64 far quicker than a convolution
            blurred.add_(picture.narrow(dim, k, size), alpha=weight)
        return blurred

    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    total = torch.zeros(len(a), dtype=torch.float64, device=a.device)
    for rows in _bands(a, WINDOW_PX - 1):
        x, y = a[..., rows, :].double(), b[..., rows, :].double()
        mean_x, mean_y, xx, yy, xy = (blur(blur(each, -2), -1) for each in (x, y, x * x, y * y, x * y))
        covariance = xy - mean_x * mean_y
        spread = xx - mean_x.square() + yy - mean_y.square()
        score = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
        total += (score / ((mean_x.square() + mean_y.square() + c1) * (spread + c2))).sum(dim=(1, 2, 3))
    _, channels, height, width = a.shape
    return total / (channels * (height - WINDOW_PX + 1) * (width - WINDOW_PX + 1))


def _bands(picture: Tensor, overlap: int = 0) -> Iterator[slice]:
    """Rows of (N, C, H, W) of about `BAND` values each, so that what is computed from them stays small."""
    height = picture.shape[-2]
    step = max(1, BAND // (picture[..., :1, :].numel() or 1))
    for top in range(0, height - overlap, step):
        yield slice(top, min(top + step + overlap, height))
