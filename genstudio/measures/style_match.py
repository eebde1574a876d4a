"""Whether results look like their own style and no other: three measures beside the style loss (`style`).

A style loss says how far a picture has come, not where: any busy texture meets much of every Gram matrix.
So here each result is asked which of several styles it has, by its texture alone: grey, and of equal
contrast. Results in different styles should be as far apart as another method's are; and their palette
should be the style's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genstudio.measures.vgg import VGGFeatures

LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")
SIZES = 3  # the whole, a half, a quarter
LEAST_PX = 16  # what VGG takes
LUMA = (0.299, 0.587, 0.114)
CONTRAST = 0.2  # the standard deviation that grey is brought to
PALETTE = 24  # a side of the grid of pixels that stand for a picture's colours

Texture = tuple[Tensor, ...]  # covariances of features (C, C), by size and layer


@dataclass(frozen=True)
class Match:
    """Of results in several styles.

    Attributes:
        found: the share whose own style is the nearest by texture, 0..1.
        by_chance: what guessing finds, 1 / styles.
        apart: the mean distance of texture between results in different styles on one content, 0..2.
        palette: the mean distance of colours between a result and its style (`palette_distance`).
        n: results.
    """

    found: float
    by_chance: float
    apart: float
    palette: float
    n: int


class Textures(nn.Module):
    """(1, 3, H, W), 0..1 -> its texture, whatever its colours and contrast. Raises WeightsError: no
    VGG-16."""

    def __init__(self) -> None:
        super().__init__()
        self.features = VGGFeatures(LAYERS)

    @torch.no_grad()
    def forward(self, picture: Tensor) -> Texture:
        grey = (picture.float() * picture.new_tensor(LUMA).view(3, 1, 1)).sum(1, keepdim=True)
        spread = grey.std(correction=0).clamp_min(1e-3)
        grey = ((grey - grey.mean()) / spread * CONTRAST + 0.5).expand(-1, 3, -1, -1)
        found = []
        for k in range(SIZES):
            small = F.avg_pool2d(grey, 2**k, ceil_mode=True) if k else grey
            down, right = (max(0, LEAST_PX - side) for side in small.shape[-2:])
            features = self.features(F.pad(small, (0, right, 0, down), mode="replicate"))
            for layer in LAYERS:
                flat = features[layer][0].flatten(1)
                centred = flat - flat.mean(1, keepdim=True)
                found.append(centred @ centred.mT / flat.shape[1])
        return tuple(found)


def texture_distance(a: Texture, b: Texture) -> float:
    """The mean over sizes and layers of 2 |A - B|^2 / (|A|^2 + |B|^2): 0 for equal ones, 2 for ones that
    share nothing."""
    parts = [
        2 * (x - y).square().sum() / (x.square().sum() + y.square().sum()).clamp_min(1e-12)
        for x, y in zip(a, b, strict=True)
    ]
    return torch.stack(parts).mean().item()


def palette_distance(a: np.ndarray, b: np.ndarray) -> float:
    """The earth mover's distance between the colours of two pictures (H, W, 3) of uint8: how far in CIELAB a
    colour must go, on the mean, to make one palette of the other (Rubner et al. 2000).

    Of each picture 576 pixels count, on a regular grid, so that the best assignment of one to the other is
    the exact distance.
    """
    from scipy.optimize import linear_sum_assignment  # type: ignore[import-untyped]

    first, second = (lab(_grid(each)) for each in (a, b))
    costs = np.linalg.norm(first[:, None] - second[None], axis=2)
    rows, columns = linear_sum_assignment(costs)
    return float(costs[rows, columns].mean())


def lab(colours: np.ndarray) -> np.ndarray:
    """sRGB (N, 3), uint8 -> CIELAB (N, 3) under D65 (IEC 61966-2-1, CIE 15)."""
    srgb = colours.astype(np.float64) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array(
        ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505)), np.float64
    )
    xyz = linear @ to_xyz.T / to_xyz.sum(1)
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = f.T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], 1)


def match(
    textures: Textures,
    results: Mapping[tuple[str, str], np.ndarray],
    styles: Mapping[str, np.ndarray],
) -> Match:
    """Measure results (H, W, 3) of uint8, by (content, style), against the styles they are to have."""
    of_styles = {name: textures(_tensor(pixels)) for name, pixels in styles.items()}
    of_results = {key: textures(_tensor(pixels)) for key, pixels in results.items()}
    found = [
        min(of_styles, key=lambda name: texture_distance(texture, of_styles[name])) == style
        for (_, style), texture in of_results.items()
    ]
    apart = [
        texture_distance(of_results[first], of_results[second])
        for first, second in combinations(of_results, 2)
        if first[0] == second[0]
    ]
    palettes = [palette_distance(pixels, styles[style]) for (_, style), pixels in results.items()]
    return Match(
        float(np.mean(found)),
        1 / len(styles),
        float(np.mean(apart)) if apart else 0.0,
        float(np.mean(palettes)),
        len(found),
    )


def _grid(picture: np.ndarray) -> np.ndarray:
    """(PALETTE^2, 3): the middles of the fields of a regular grid."""
    rows, columns = ((np.arange(PALETTE) * 2 + 1) * side // (2 * PALETTE) for side in picture.shape[:2])
    grid: np.ndarray = picture[rows[:, None], columns[None]].reshape(-1, 3)
    return grid


def _tensor(pixels: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)[None].float() / 255
