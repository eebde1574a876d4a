"""The statistics of pictures of any size, gathered tile by tile.

They are sums over positions, so a tile adds what it keeps (as `tiling` cuts it) and the whole comes out as if
it had been looked at in one piece. Several pictures, the frames of an animation, add up in the same way; and
where only a part counts, positions have weights.
"""

from collections.abc import Iterable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from genstudio.engines.protocol import TYPE_MAX
from genstudio.restoring.tiling import Span, spans
from genstudio.stylize.nets.fast import Fast
from genstudio.stylize.nets.transport import Statistics

TILE_PX = 512

# Pixels (H, W, 3) of uint8, uint16 or float32, and how much each counts, (H, W) in 0..1; None: all alike.
Weighted = tuple[np.ndarray, np.ndarray | None]


class Moments:
    """Sums over positions of weights, features, and their products, at each level; in double, on the CPU."""

    def __init__(self) -> None:
        self._sums: list[tuple[Tensor, Tensor, Tensor]] = []

    def add(self, levels: list[Tensor], weights: list[Tensor]) -> None:
        """Features (C, h, w) at each level, and the weights (h, w) of their positions."""
        found = []
        for f, weight in zip(levels, weights, strict=True):
            flat, w = f.flatten(1).cpu().double(), weight.flatten().cpu().double()
            weighted = flat * w
            found.append((w.sum(), weighted.sum(1), weighted @ flat.mT))
        if self._sums:
            pairs = zip(self._sums, found, strict=True)
            found = [(a[0] + b[0], a[1] + b[1], a[2] + b[2]) for a, b in pairs]
        self._sums = found

    def statistics(self) -> Statistics:
        """Of one picture, float32."""
        means, covariances = [], []
        for weight, first, second in self._sums:
            mean = first / weight
            covariance = second / weight - torch.outer(mean, mean)
            means.append(mean.float()[None])
            covariances.append(covariance.float()[None])
        return Statistics(tuple(means), tuple(covariances))


@torch.no_grad()
def measure(net: Fast, pictures: Iterable[Weighted]) -> Statistics:
    """What `net.statistics` says, of all the pictures together; on the CPU."""
    moments = Moments()
    for pixels, weights in pictures:
        if weights is None or not weights.any():
            weights = np.ones((1, 1), np.float32)
        weights = np.broadcast_to(weights, pixels.shape[:2])
        rows, columns = (
            spans(side, TILE_PX, net.eyes.overlap_px, net.eyes.multiple) for side in pixels.shape[:2]
        )
        for row in rows:
            for column in columns:
                window = (slice(row.low, row.high), slice(column.low, column.high))
                levels = net.levels(as_tensor(pixels[window], net.device))
                w = torch.from_numpy(weights[window].astype(np.float32))[None]
                # The pixels and the first level are as large as the picture, each further one half of that.
                depths = [max(0, level - 1) for level in range(len(levels))]
                kept = [(kept_of(row, depth), kept_of(column, depth)) for depth in depths]
                moments.add(
                    [f[0][:, y, x] for f, (y, x) in zip(levels, kept, strict=True)],
                    [
                        F.avg_pool2d(w, 2**depth, ceil_mode=True)[0][y, x]
                        for depth, (y, x) in zip(depths, kept, strict=True)
                    ],
                )
    return moments.statistics()


def kept_of(span: Span, depth: int) -> slice:
    """What a window keeps, counted in positions of a level that is halved `depth` times."""
    side = 2**depth
    start, end = (-(-each // side) - span.low // side for each in (span.start, span.end))
    return slice(start, end)


def as_tensor(pixels: np.ndarray, device: torch.device | str) -> Tensor:
    """(H, W, 3) of uint8, uint16 or float32 -> (1, 3, H, W) float32, 0..1."""
    x = torch.from_numpy(pixels.astype(np.float32) / np.float32(TYPE_MAX[pixels.dtype.name]))
    return x.permute(2, 0, 1)[None].to(device)
