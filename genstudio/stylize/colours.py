"""Keeping a picture's colours while it takes a style on (Gatys et al. 2016, "Preserving Color in Neural
Artistic Style Transfer").

The result's colours are moved by an affine map to the mean and covariance of the content's, or only its
luminance is taken. What clipping then changes of the mean is put back.
"""

from collections.abc import Callable, Iterator
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch

from genstudio.engines.protocol import TYPE_MAX
from genstudio.stylize.nets.transport import Statistics, Transport

Floats = npt.NDArray[np.float32]
BAND_ROWS = 256
# Clipping moves the mean; each round of putting it back leaves about a tenth of what was wrong.
ROUNDS = 8
CLOSE = 1e-3
# Luminance and two differences from it (BT.601), orthogonal to one another in no space, but invertible.
TO_YCC = np.array(
    ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312)), np.float32
)
FROM_YCC = np.linalg.inv(TO_YCC).astype(np.float32)


def keep(
    result: np.ndarray,
    content: np.ndarray,
    how: Literal["luminance", "histogram"],
    weights: np.ndarray | None = None,
) -> None:
    """Give `result` the colours of `content`, in place; both (H, W, 3) of one type.

    Args:
        weights: (H, W) in 0..1, where colours are to be alike on the whole.
    """
    before, wanted = (_moments(each, weights) for each in (result, content))
    if how == "histogram":
        carry = Transport.between(_statistics(before), _statistics(wanted))
        matrix, shift = carry.matrices[0][0].numpy(), carry.shifts[0][0].numpy()

        def change(r: Floats, c: Floats) -> Floats:
            carried: Floats = r @ matrix.T + shift
            return carried
    else:
        # What is flat has a variance of 0, which rounding would bring below.
        spread = [max(0.0, float(TO_YCC[0] @ covariance @ TO_YCC[0])) for _, covariance in (before, wanted)]
        gain = (spread[1] / max(spread[0], 1e-8)) ** 0.5
        means = [float(TO_YCC[0] @ mean) for mean, _ in (before, wanted)]

        def change(r: Floats, c: Floats) -> Floats:
            ycc: Floats = c @ TO_YCC.T
            ycc[..., 0] = (r @ TO_YCC[0] - means[0]) * gain + means[1]
            back: Floats = (ycc @ FROM_YCC.T).astype(np.float32)
            return back

    _apply(result, content, change, wanted[0], weights)


def _apply(
    result: np.ndarray,
    content: np.ndarray,
    change: Callable[[Floats, Floats], Floats],
    mean: np.ndarray,
    weights: np.ndarray | None,
) -> None:
    shift = np.zeros(3, np.float32)

    def moved(rows: slice) -> Floats:
        return (change(_float(result[rows]), _float(content[rows])) + shift).clip(0, 1)

    for _ in range(ROUNDS):
        total, first = 0.0, np.zeros(3)
        for rows in _bands(len(result)):
            w = _of(weights, rows, result)
            total += w.sum(dtype=np.float64)
            first += (moved(rows) * w[..., None]).sum((0, 1), dtype=np.float64)
        wrong = mean - first / max(total, 1e-9)
        if np.abs(wrong).max() < CLOSE:
            break
        shift += wrong.astype(np.float32)
    most = np.float32(TYPE_MAX[result.dtype.name])
    for rows in _bands(len(result)):
        values = moved(rows) * most
        result[rows] = values if most == 1 else np.rint(values)


def _moments(pixels: np.ndarray, weights: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Mean (3,) and covariance (3, 3), in double."""
    total, first, second = 0.0, np.zeros(3), np.zeros((3, 3))
    for rows in _bands(len(pixels)):
        flat = _float(pixels[rows]).reshape(-1, 3).astype(np.float64)
        w = _of(weights, rows, pixels).reshape(-1, 1)
        total += w.sum(dtype=np.float64)
        first += (flat * w).sum(0)
        second += (flat * w).T @ flat
    mean = first / max(total, 1e-9)
    return mean, second / max(total, 1e-9) - np.outer(mean, mean)


def _statistics(moments: tuple[np.ndarray, np.ndarray]) -> Statistics:
    mean, covariance = (torch.from_numpy(each).float()[None] for each in moments)
    return Statistics((mean,), (covariance,))


def _bands(height: int) -> Iterator[slice]:
    return (slice(top, top + BAND_ROWS) for top in range(0, height, BAND_ROWS))


def _of(weights: np.ndarray | None, rows: slice, pixels: np.ndarray) -> np.ndarray[Any, Any]:
    return np.ones(pixels[rows].shape[:2], np.float32) if weights is None else weights[rows]


def _float(pixels: np.ndarray) -> Floats:
    return pixels.astype(np.float32) / np.float32(TYPE_MAX[pixels.dtype.name])
