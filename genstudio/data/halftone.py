"""Areas filled with dots, lines or dithering: coverage maps in [0, 1] that say where the ink lies."""

from functools import lru_cache
from typing import Any

import numpy as np

Levels = np.ndarray[Any, np.dtype[np.float64]]
Coverage = np.ndarray[Any, np.dtype[np.float32]]


def halftone(
    shape: tuple[int, int],
    pitch_px: float,
    angle: float,
    coverage: float | Coverage,
    kind: str = "dots",
    softness_px: float = 1.0,
) -> Coverage:
    """A screen of ink, (height, width) in [0, 1], that covers `coverage` of the area on average.

    `kind` is "dots" or "lines", `pitch_px` the distance from one to the next, `angle` in radians. Edges fade
    over about `softness_px`; 0 makes every pixel ink or none. `coverage` may be a map of the same shape.
    The screen is the sum of two cosines, cut at the level that gives this coverage.
    """
    height, width = shape
    waves = np.zeros(shape, np.float32)
    frequency = 2 * np.pi / pitch_px
    turns = (0.0, np.pi / 2) if kind == "dots" else (0.0,)
    for turn in turns:
        across = frequency * np.cos(angle + turn) * (np.arange(width) + 0.5)
        down = frequency * np.sin(angle + turn) * (np.arange(height) + 0.5)
        # cos(a + b) as a product of two thin matrices
        left = np.stack([np.cos(down), -np.sin(down)], 1).astype(np.float32)
        waves += left @ np.stack([np.cos(across), np.sin(across)]).astype(np.float32)
    waves /= len(turns)
    slope = frequency * softness_px * (0.6 if kind == "dots" else 0.8)
    shares, cuts = _cuts(kind, round(slope, 3))
    cut = np.interp(coverage, shares, cuts).astype(np.float32)
    ink: Coverage
    if softness_px == 0:
        ink = (waves > cut).astype(np.float32)
    else:
        ink = np.clip(0.5 + (waves - cut) / np.float32(slope), 0, 1)
    return ink


@lru_cache(256)
def _cuts(kind: str, slope: float) -> tuple[Levels, Levels]:
    """Shares of the area that a screen covers, rising, and the levels at which to cut it for them."""
    wave = np.cos(np.linspace(0, 2 * np.pi, 360, endpoint=False))
    values = np.add.outer(wave, wave).ravel() / 2 if kind == "dots" else wave
    levels = np.quantile(values, np.linspace(0, 1, 257))
    cuts = np.linspace(1 + slope / 2, -1 - slope / 2, 200)
    above = levels - cuts[:, None]
    ink = above > 0 if slope == 0 else np.clip(0.5 + above / slope, 0, 1)
    return ink.mean(1), cuts


def bayer(order: int) -> Coverage:
    """Bayer's thresholds for ordered dither, (order, order) in (0, 1); `order` is a power of two.

    B. E. Bayer, "An optimum method for two-level rendition of continuous-tone pictures", ICC 1973.
    """
    ranks = np.zeros((1, 1))
    while len(ranks) < order:
        ranks = np.block([[4 * ranks, 4 * ranks + 2], [4 * ranks + 3, 4 * ranks + 1]])
    return ((ranks + 0.5) / ranks.size).astype(np.float32)


def ordered_dither(coverage: Coverage, order: int) -> Coverage:
    """`coverage` in ones and zeros by Bayer's matrix of `order`."""
    height, width = coverage.shape
    thresholds = np.tile(bayer(order), (-(-height // order), -(-width // order)))
    return (coverage > thresholds[:height, :width]).astype(np.float32)
