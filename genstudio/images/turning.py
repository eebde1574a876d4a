"""The EXIF orientation: what turning a stored picture upright does to pixels and to points told of them.

| orientation | the stored picture is to be |
|-------------|-----------------------------|
| 1           | left as it is               |
| 2, 4        | mirrored left-right, upside-down |
| 3           | turned by 180 degrees       |
| 5, 7        | mirrored along its diagonals |
| 6, 8        | turned clockwise, anticlockwise |
"""

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


def turns_sides(orientation: int) -> bool:
    """Whether width and height change places."""
    return orientation in (5, 6, 7, 8)


def turned(array: Array, orientation: int) -> Array:
    """A stored (H, W, C) array as it is to be looked at, by the EXIF orientation 1..8 (others: as it is)."""
    if turns_sides(orientation):
        array = array.swapaxes(0, 1)
    down, across = {2: (1, -1), 3: (-1, -1), 4: (-1, 1), 6: (1, -1), 7: (-1, -1), 8: (-1, 1)}.get(
        orientation, (1, 1)
    )
    return np.ascontiguousarray(array[::down, ::across])


def turned_size(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    """(width, height) of a stored picture once it is upright."""
    return size[::-1] if turns_sides(orientation) else size


def turned_point(x: float, y: float, right: float, bottom: float, orientation: int) -> tuple[float, float]:
    """Where a point of the stored picture is in the upright one.

    `right` and `bottom` are the largest coordinates there: width - 1 and height - 1 in pixels, or 1.
    """
    mirrored_x, mirrored_y = right - x, bottom - y
    return {
        2: (mirrored_x, y),
        3: (mirrored_x, mirrored_y),
        4: (x, mirrored_y),
        5: (y, x),
        6: (mirrored_y, x),
        7: (mirrored_y, mirrored_x),
        8: (y, mirrored_x),
    }.get(orientation, (x, y))
