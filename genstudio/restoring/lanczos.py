"""Pillow's Lanczos filter on pictures of any depth, fed row by row."""

import math
from collections.abc import Iterable, Iterator

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
    for strip in _strips(pieces, math.ceil(8 * reach)):
        held = strip if held is None else np.concatenate([held, strip])
        high = low + len(held)
        ready = len(into) if high == height else max(done, math.floor((high - reach) / ratio - 0.5))
        if ready > done:
            box = (0, done * ratio - low, held.shape[1], min(ready * ratio - low, len(held)))
            _resize(held, box, into[done:ready])
            done = ready
        unneeded = max(0, math.floor((done + 0.5) * ratio - reach) - low)
        held, low = held[unneeded:], low + unneeded


def _strips(pieces: Iterable[np.ndarray], rows: int) -> Iterator[np.ndarray]:
    """The same picture in pieces of at most so many rows: in float they are several times their bytes."""
    for piece in pieces:
        for top in range(0, len(piece), rows):
            yield piece[top : top + rows]


def _resize(rows: np.ndarray, box: tuple[float, float, float, float], into: np.ndarray) -> None:
    """In float throughout: Pillow's 8-bit filter also clips and rounds between its two passes, whose order
    depends on the sizes, so that pieces would not meet. Beyond the box it reads what rows there are."""
    size = into.shape[1], into.shape[0]
    for channel in range(rows.shape[2]):
        band = Image.fromarray(rows[:, :, channel].astype(np.float32))
        values = np.asarray(band.resize(size, Image.Resampling.LANCZOS, box))
        if into.dtype.kind == "f":
            into[:, :, channel] = values.clip(0, 1)
        else:
            into[:, :, channel] = np.rint(values).clip(0, np.iinfo(into.dtype).max)
