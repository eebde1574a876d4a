"""Any picture as the square of RGB pixels that classifiers look at and generators make."""

import logging
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from genstudio import images
from genstudio.errors import InputError
from genstudio.images.picture import to_8bit

Pixels = npt.NDArray[np.uint8]
AT_ONCE = 256  # pictures held decoded
SAY_EVERY_S = 10
log = logging.getLogger("genstudio")
T = TypeVar("T")


def said(items: Iterable[T], total: int) -> Iterator[T]:
    """The items as they are; says every few seconds how many of `total` pictures are prepared."""
    last = time.monotonic()
    for done, item in enumerate(items):
        if time.monotonic() - last > SAY_EVERY_S:
            log.warning("preparing pictures: %d of %d", done, total)
            last = time.monotonic()
        yield item


def read_squares(files: Sequence[Path], side_px: int) -> Iterator[Pixels | InputError]:
    """`read_square` of each file in turn, or the error in its place; read in several threads."""

    def read(file: Path) -> Pixels | InputError:
        try:
            return read_square(file, side_px)
        except InputError as error:
            return error

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        starts = range(0, len(files), AT_ONCE)
        results = (each for start in starts for each in pool.map(read, files[start : start + AT_ONCE]))
        yield from said(results, len(files))


def read_square(file: Path, side_px: int) -> Pixels:
    """The centre square of a picture file, upright, (side_px, side_px, 3). Raises InputError."""
    return square(next(iter(images.read(file).frames)), side_px)


def square(array: np.ndarray[Any, Any], side_px: int) -> Pixels:
    """The centre square of (H, W, 1..4) uint8 or uint16, at `side_px`; grey as RGB, alpha on white."""
    rgb = on_white(array)
    height, width = rgb.shape[:2]
    side = min(height, width)
    if (height, width) == (side_px, side_px):
        return rgb
    left, top = (width - side) // 2, (height - side) // 2
    cut = np.ascontiguousarray(rgb[top : top + side, left : left + side])
    # Pillow's filters average where they reduce.
    return np.array(Image.fromarray(cut).resize((side_px, side_px), Image.Resampling.BICUBIC))


def on_white(array: np.ndarray[Any, Any]) -> Pixels:
    """(H, W, 1..4) uint8 or uint16 as (H, W, 3) uint8, what is transparent laid on white."""
    array = to_8bit(array)
    if array.shape[2] in (2, 4):
        alpha = array[..., -1:].astype(np.float32) / 255
        array = np.rint(array[..., :-1] * alpha + 255 * (1 - alpha)).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(array, (*array.shape[:2], 3)))
