"""Transparency for nets that know only colour.

A transparent pixel has a colour too, usually black, which nobody sees. A net would smear it into the visible
edge, so it is first replaced by the colours around it (`filled`). Alpha itself goes through the net as a grey
picture; afterwards what was fully opaque or fully clear is set to that again (`restore_opaque_and_clear`).
"""

from typing import Any

import numpy as np

from genstudio.engines.protocol import Around, Engine

# Below this opacity a colour is of few steps (un-premultiplied) or arbitrary; it is trusted in proportion.
TRUSTED_ALPHA = 1 / 16
BAND_ROWS = 64  # even


def opaque(dtype: np.dtype[Any]) -> int:
    """The alpha of a pixel that hides all behind it."""
    return 1 if dtype.kind == "f" else int(np.iinfo(dtype).max)


def filled(colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Colour with the transparent pixels drawn over from their neighbours by push-pull (Gortler et al. 1996).

    Halved pictures, weighted by alpha, until one pixel is left; then back up, each level filling only what
    is not covered at its own. Pixels of trusted opacity are returned exactly.

    Args:
        colour: (H, W, C) of uint8, uint16 or float32.
        alpha: (H, W) of the same type.
    """
    most = opaque(alpha.dtype)
    if alpha.min() >= TRUSTED_ALPHA * most:
        return colour
    levels = [_halved(colour, alpha)]
    while max(levels[-1].shape[:2]) > 1:
        levels.append(_halve(levels[-1]))
    ground = _mean(levels.pop())
    # In strips, for at full size in float a picture is several times its own bytes.
    while levels:
        level = levels.pop()
        for rows in _strips(len(level)):
            cover = level[rows, :, -1:].clip(0, 1)
            around = _doubled(ground, rows, level.shape[1])
            level[rows, :, :-1] = cover * _mean(level[rows]) + (1 - cover) * around
        ground = level[..., :-1]
    result = np.empty_like(colour)
    for rows in _strips(len(colour)):
        trust = (alpha[rows, :, None] / np.float32(TRUSTED_ALPHA * most)).clip(0, 1)
        blend = trust * colour[rows] + (1 - trust) * _doubled(ground, rows, colour.shape[1])
        result[rows] = blend if colour.dtype.kind == "f" else np.rint(blend)
    return result


def _strips(length: int) -> list[slice]:
    return [slice(top, min(top + BAND_ROWS, length)) for top in range(0, length, BAND_ROWS)]


def _halved(colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """(H/2, W/2, C + 1) float32: sums over 2x2 pixels of alpha times colour, and of alpha."""
    h, w, c = colour.shape
    out = np.empty(((h + 1) // 2, (w + 1) // 2, c + 1), np.float32)
    for rows in _strips(h):
        weight = alpha[rows, :, None] / np.float32(opaque(alpha.dtype))
        half = _halve(np.concatenate([weight * colour[rows], weight], 2))
        out[rows.start // 2 :][: len(half)] = half
    return out


def _halve(level: np.ndarray) -> np.ndarray:
    h, w, _ = level.shape
    level = np.pad(level, ((0, h % 2), (0, w % 2), (0, 0)))
    total: np.ndarray = level[::2, ::2] + level[1::2, ::2] + level[::2, 1::2] + level[1::2, 1::2]
    return total


def _mean(level: np.ndarray) -> np.ndarray:
    mean: np.ndarray = level[..., :-1] / np.maximum(level[..., -1:], np.float32(1e-12))
    return mean


def _doubled(level: np.ndarray, rows: slice, width: int) -> np.ndarray:
    """Some rows, and all of `width`, of a level enlarged twice by the bilinear filter."""
    first = max(0, rows.start // 2 - 1)
    part = _doubled_down(level[first : rows.stop // 2 + 2])[rows.start - 2 * first :][
        : rows.stop - rows.start
    ]
    return _doubled_down(part.swapaxes(0, 1))[:width].swapaxes(0, 1)


def _doubled_down(a: np.ndarray) -> np.ndarray:
    padded = np.concatenate([a[:1], a, a[-1:]])
    twice = np.empty((2 * len(a), *a.shape[1:]), np.float32)
    twice[::2] = 0.75 * a + 0.25 * padded[:-2]
    twice[1::2] = 0.75 * a + 0.25 * padded[2:]
    return twice


def restore_opaque_and_clear(result: np.ndarray, alpha: np.ndarray) -> None:
    """Make `result` exactly opaque (clear) over pixels whose 3x3 neighbours are all opaque (clear), in place.

    Args:
        result: (H', W'), the enlarged alpha.
        alpha: (H, W), what it was made from.
    """
    rows, columns = (
        ((np.arange(big) + 0.5) * (small / big)).astype(np.intp)
        for big, small in zip(result.shape, alpha.shape, strict=True)
    )
    for value in (0, opaque(alpha.dtype)):
        inner = _inner(alpha == value)
        for band in _strips(len(rows)):
            result[band][inner[rows[band]][:, columns]] = value


def _inner(mask: np.ndarray) -> np.ndarray:
    """Where a mask and its 8 neighbours hold; beyond the border it counts as holding."""
    for axis in (0, 1):
        m = np.swapaxes(mask, 0, axis)
        inner = m.copy()
        inner[1:] &= m[:-1]
        inner[:-1] &= m[1:]
        mask = np.swapaxes(inner, 0, axis)
    return mask


class FlatShortcut(Around):
    """An engine for alpha that returns wholly opaque or wholly clear tiles without running the net.

    The result is the same, since `restore_opaque_and_clear` sets these pixels to the same value.
    """

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.overlap_px = max(1, engine.overlap_px)  # so that what is kept of a tile lies inside it

    def __call__(self, tiles: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
        value = tiles.flat[0]
        if value not in (0, opaque(tiles.dtype)) or not (tiles == value).all():
            return self._engine(tiles, dtype)
        n, h, w, c = tiles.shape
        return np.full((n, h * self.scale, w * self.scale, c), value, dtype)
