"""Pillow's Lanczos filter on pictures of any depth, fed row by row."""

import math
from collections.abc import Iterable

import numpy as np
from PIL import Image

LANCZOS_RADIUS = 3


def lanczos(pieces: Iterable[np.ndarray], height: int, into: np.ndarray) -> None:
    """Resize a picture that comes in pieces from the top.

    No more of it is held than one piece and the rows that the filter still needs.

    Args:
        pieces: arrays (rows, W, C) of uint8, uint16 or float32 (0..1), C 1 or 3, `height` rows in all.
        into: where the result goes, (H', W', C) of the same type.
    """
    ratio = height / into.shape[0]
    reach = LANCZOS_RADIUS * max(1.0, ratio) + 1  # input rows a row of the result needs, up and down
    held: np.ndarray | None = None
    low = done = 0  # first row held, rows of the result finished
    for piece in pieces:
        held = piece if held is None else np.concatenate([held, piece])
        high = low + len(held)
        ready = len(into) if high == height else max(done, math.floor((high - reach) / ratio - 0.5))
        if ready > done:
            box = (0, done * ratio - low, held.shape[1], min(ready * ratio - low, len(held)))
            _resize(held, box, into[done:ready])
            done = ready
        unneeded = max(0, math.floor((done + 0.5) * ratio - reach) - low)
        held, low = held[unneeded:].copy(), low + unneeded


def _resize(rows: np.ndarray, box: tuple[float, float, float, float], into: np.ndarray) -> None:
    """The filter reads beyond the box where there are rows, so that pieces meet without a seam."""
    size = into.shape[1], into.shape[0]
    if rows.dtype == np.uint8:
        image = Image.fromarray(np.ascontiguousarray(rows if rows.shape[2] == 3 else rows[:, :, 0]))
        into[:] = np.asarray(image.resize(size, Image.Resampling.LANCZOS, box)).reshape(into.shape)
        return
    for channel in range(rows.shape[2]):
        band = Image.fromarray(rows[:, :, channel].astype(np.float32))
        values = np.asarray(band.resize(size, Image.Resampling.LANCZOS, box))
        if into.dtype == np.uint16:
            values = np.rint(values)
        into[:, :, channel] = values.clip(0, 65535 if into.dtype == np.uint16 else 1)
