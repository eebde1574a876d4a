"""Patterns of 1 to 4 pixels in two colours, as printers, screens and weavers make them: halftones, dithering,
weave, LED walls, checkerboards, stripes and grids. An upscaler has to keep their mean."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image

from genstudio.data.halftone import Coverage, halftone, ordered_dither

Pixels = np.ndarray[Any, np.dtype[np.uint8]]


def checkerboard(side_px: int, cell_px: int) -> Coverage:
    """Squares in turn, (side, side) of 0 and 1."""
    index = np.arange(side_px) // cell_px
    return (np.add.outer(index, index) % 2).astype(np.float32)


def stripes(side_px: int, line_px: int, gap_px: int, slope: int = 0) -> Coverage:
    """Lines of ones, `gap_px` apart: along the rows for a `slope` of 0, else down by 1 px in `slope` px."""
    index = np.arange(side_px)
    across = index[:, None] + (0 if slope == 0 else index[None] // slope)
    lines = (across % (line_px + gap_px) < line_px).astype(np.float32)
    return np.broadcast_to(lines, (side_px, side_px)).copy()


def grid(side_px: int, line_px: int, gap_px: int) -> Coverage:
    """Lines of ones in both directions."""
    lines = stripes(side_px, line_px, gap_px)
    return np.maximum(lines, lines.T)


def weave(side_px: int, thread_px: int, gap_px: int) -> Coverage:
    """Plain weave: ones where an upright thread lies above, zeros where a level one or a gap does."""
    step = thread_px + gap_px
    index = np.arange(side_px)
    level, upright = (index % step < thread_px)[:, None], (index % step < thread_px)[None]
    above = np.add.outer(index // step, index // step) % 2 == 0
    return np.where(above, upright, upright & ~level).astype(np.float32)


def led_wall(side_px: int, lamp_px: int, gap_px: int) -> Coverage:
    """Square lamps (ones) with dark gaps between them."""
    return 1 - grid(side_px, gap_px, lamp_px)


def diffused(coverage: Coverage) -> Coverage:
    """`coverage` in ones and zeros by Floyd and Steinberg's error diffusion."""
    image = Image.fromarray(np.rint(255 * coverage).astype(np.uint8))
    return np.asarray(image.convert("1")).astype(np.float32)


def _even_or_sloping(side_px: int, rng: np.random.Generator) -> Coverage:
    """A share to be dithered: the same everywhere, or passing from one to another."""
    first = rng.uniform(0.05, 0.95)
    if rng.random() < 0.5:
        return np.full((side_px, side_px), first, np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    along = np.linspace(-0.5, 0.5, side_px)
    slope = np.add.outer(np.sin(angle) * along, np.cos(angle) * along)
    slope = (slope - slope.min()) / np.ptp(slope)
    found: Coverage = (first + slope * (rng.uniform(0.05, 0.95) - first)).astype(np.float32)
    return found


def _halftone(side_px: int, rng: np.random.Generator) -> Coverage:
    pitch = float(rng.choice((2, 2.5, 3, 3, 3.5, 4, 4, rng.uniform(2, 4.5))))
    angle = float(rng.choice((0, np.pi / 4, np.pi / 12, np.pi / 6, rng.uniform(0, np.pi))))
    share = _even_or_sloping(side_px, rng)
    kind = "dots" if rng.random() < 0.75 else "lines"
    return halftone((side_px, side_px), pitch, angle, share, kind, float(rng.choice((0, 0.7, 1))))


def _small(rng: np.random.Generator) -> int:
    return int(rng.integers(1, 5))


KINDS: dict[str, Callable[[int, np.random.Generator], Coverage]] = {
    "halftone": _halftone,
    "ordered": lambda side, rng: ordered_dither(_even_or_sloping(side, rng), int(rng.choice((2, 4, 8)))),
    "diffused": lambda side, rng: diffused(_even_or_sloping(side, rng)),
    "weave": lambda side, rng: weave(side, _small(rng), int(rng.integers(0, 3))),
    "led": lambda side, rng: led_wall(side, _small(rng), int(rng.integers(1, 3))),
    "checkerboard": lambda side, rng: checkerboard(side, _small(rng)),
    "stripes": lambda side, rng: _turned(
        stripes(side, _small(rng), _small(rng), int(rng.integers(0, 4))), rng
    ),
    "grid": lambda side, rng: grid(side, int(rng.integers(1, 3)), _small(rng)),
}


def _turned(field: Coverage, rng: np.random.Generator) -> Coverage:
    return field.T.copy() if rng.random() < 0.5 else field


def painted(field: Coverage, paper: ArrayLike, ink: ArrayLike) -> Pixels:
    """A coverage map (h, w) in [0, 1] in two colours of three values in 0 to 255, (h, w, 3)."""
    first, second = np.array(paper, np.float32), np.array(ink, np.float32)
    return np.rint(first + field[..., None] * (second - first)).astype(np.uint8)


def pattern(side_px: int, rng: np.random.Generator, kind: str | None = None) -> Pixels:
    """A picture, (side, side, 3), filled with a pattern of a `kind` among `KINDS`, or of one drawn by chance;
    in two parts of three all over, else in patches on a plain or smoothly shaded ground."""
    names = list(KINDS)
    whole = rng.random() < 2 / 3
    picture = _two_coloured(side_px, rng, kind or names[rng.integers(len(names))])
    if whole:
        return picture
    ground = _ground(side_px, rng)
    for _ in range(rng.integers(1, 4)):
        wide, high = (int(v) for v in rng.integers(side_px // 4, side_px, 2))
        left, top = int(rng.integers(side_px - wide + 1)), int(rng.integers(side_px - high + 1))
        part = np.s_[top : top + high, left : left + wide]
        ground[part] = picture[part]
        picture = _two_coloured(side_px, rng, kind or names[rng.integers(len(names))])
    return ground


def _two_coloured(side_px: int, rng: np.random.Generator, kind: str) -> Pixels:
    """The pattern all over: in any two colours, in black and white, or for a fourth of LED walls in a colour
    of its own for each lamp."""
    field = KINDS[kind](side_px, rng)
    colours = rng.integers(0, 256, (2, 3))
    if rng.random() < 0.25:
        colours = rng.permutation([0, 255])[:, None].repeat(3, 1)
    if kind == "led" and rng.random() < 0.25:
        lamps: Pixels = np.rint(field[..., None] * _ground(side_px, rng)).astype(np.uint8)
        return lamps
    return painted(field, *colours)


def _ground(side_px: int, rng: np.random.Generator) -> Pixels:
    """One colour, or soft shades as out of focus in a photograph, with a grain at times."""
    count = int(rng.choice((1, 2, 3, 5, 8)))
    shades = rng.uniform(0, 255, 3) + rng.normal(0, rng.uniform(8, 60), (count, count, 3))
    coarse = Image.fromarray(np.rint(np.clip(shades, 0, 255)).astype(np.uint8))
    soft = np.array(coarse.resize((side_px, side_px), Image.Resampling.BICUBIC))
    if rng.random() < 0.3:
        grain = rng.normal(0, rng.uniform(1, 6), soft.shape)
        soft = np.rint(np.clip(soft + grain, 0, 255)).astype(np.uint8)
    return soft
