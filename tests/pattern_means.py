"""How far an upscaler moves the mean of patterns of 1 to 4 px."""

from collections.abc import Callable
from typing import Any

import numpy as np

from genstudio.data.halftone import halftone, ordered_dither
from genstudio.data.patterns import checkerboard, diffused, grid, led_wall, painted, stripes, weave

Pixels = np.ndarray[Any, np.dtype[np.uint8]]
SIDE, MARGIN = 96, 8
BLACK, WHITE = (0, 0, 0), (255, 255, 255)
YELLOW, BLUE, GREEN, RED, GREY = (220, 210, 60), (40, 40, 180), (30, 160, 70), (200, 40, 60), (128, 128, 128)


def pictures() -> dict[str, Pixels]:
    """Pictures of 96 px, at least two of each kind of pattern, by what they show."""
    slope = np.broadcast_to(np.linspace(0.1, 0.9, SIDE, dtype=np.float32), (SIDE, SIDE)).copy()
    flat = np.full((SIDE, SIDE), 0.3, np.float32)
    found = {f"checkerboard {n} px": painted(checkerboard(SIDE, n), BLACK, WHITE) for n in (1, 2, 3, 4)}
    found |= {
        f"coloured checkerboard {n} px": painted(checkerboard(SIDE, n), RED, GREEN) for n in (1, 2, 3, 4)
    }
    for pitch, angle, share in (
        (2, 45, 0.5),
        (3, 0, 0.3),
        (3, 0, 0.9),
        (3, 45, 0.4),
        (4, 15, 0.3),
        (4, 45, 0.6),
    ):
        dots = halftone((SIDE, SIDE), pitch, np.radians(angle), share, "dots", softness_px=0)
        found[f"halftone {pitch} px {angle} degrees {share}"] = painted(dots, BLUE, YELLOW)
    found["smooth halftone 4 px on green"] = painted(
        halftone((SIDE, SIDE), 4, np.pi / 4, slope, "dots"), GREEN, WHITE
    )
    found["halftone of lines 3 px"] = painted(halftone((SIDE, SIDE), 3, 0.5, 0.4, "lines"), WHITE, BLACK)
    for order in (2, 4, 8):
        found[f"Bayer {order}"] = painted(ordered_dither(flat, order), BLACK, WHITE)
        found[f"Bayer {order} gradient"] = painted(ordered_dither(slope, order), BLUE, YELLOW)
    found["Floyd-Steinberg"] = painted(diffused(flat), WHITE, BLACK)
    found["Floyd-Steinberg gradient"] = painted(diffused(slope), RED, GREY)
    for thread, gap in ((1, 0), (2, 1), (3, 1)):
        found[f"weave {thread}+{gap} px"] = painted(weave(SIDE, thread, gap), (120, 90, 60), (220, 200, 170))
    for lamp, gap in ((1, 1), (2, 1), (3, 1)):
        found[f"LED wall {lamp}+{gap} px"] = painted(led_wall(SIDE, lamp, gap), BLACK, YELLOW)
    for line, gap, lean in ((1, 1, 0), (1, 3, 0), (2, 2, 0), (1, 2, 1), (3, 3, 2)):
        found[f"stripes {line}+{gap} px, lean {lean}"] = painted(stripes(SIDE, line, gap, lean), WHITE, BLUE)
    for line, gap in ((1, 2), (1, 3), (2, 4)):
        found[f"grid {line}+{gap} px"] = painted(grid(SIDE, line, gap), GREY, BLACK)
    return found


def interior_mean(picture: Pixels, scale: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """A square picture's mean, (3,), away from its edges: by a Hann window that begins `MARGIN` px of
    the input from them, so that it does not matter where the window cuts through a pattern's cells."""
    places = (np.arange(len(picture)) + 0.5) / scale - MARGIN
    width = len(picture) / scale - 2 * MARGIN
    window = np.where((places > 0) & (places < width), np.sin(np.pi * places / width) ** 2, 0)
    window /= window.sum()
    mean: np.ndarray[Any, np.dtype[np.float64]] = np.einsum(
        "h,w,hwc->c", window, window, picture.astype(float)
    )
    return mean


def mean_shifts(enlarge: Callable[[Pixels], Pixels], scale: int) -> dict[str, float]:
    """By picture: how far its interior mean moves, in levels of 255, greatest over channels."""
    return {
        name: float(np.abs(interior_mean(enlarge(picture), scale) - interior_mean(picture, 1)).max())
        for name, picture in pictures().items()
    }
