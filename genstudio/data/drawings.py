"""Drawings made up by chance: text, lines, flat areas, pixel art. Photographs show a net too few hard edges,
and what it never saw it takes for noise."""

import string
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

Pixels = np.ndarray[Any, np.dtype[np.uint8]]
LETTERS = np.array(list(string.ascii_letters + 2 * string.digits + ".,:;-+()/ " * 2))


def drawing(side_px: int, rng: np.random.Generator) -> Pixels:
    """One, (side, side, 3)."""
    make = (_text, _text, _shapes, _cells)[rng.integers(4)]
    return make(side_px, rng)


def _text(side_px: int, rng: np.random.Generator) -> Pixels:
    paper, ink = _two_colours(rng)
    image = Image.new("RGB", (side_px, side_px), paper)
    draw = ImageDraw.Draw(image)
    draw.fontmode = rng.choice(("1", "L"))
    size = int(rng.integers(7, 30))
    font = ImageFont.load_default(size)
    for top in range(int(rng.integers(-size, size)), side_px, round(size * rng.uniform(1, 1.6))):
        line = "".join(rng.choice(LETTERS, 2 * side_px // size))
        draw.text((int(rng.integers(-size, size)), top), line, ink, font)
    return np.asarray(image)


def _shapes(side_px: int, rng: np.random.Generator) -> Pixels:
    finer = int(rng.integers(1, 3))  # drawn larger and reduced, edges are smooth
    image = Image.new("RGB", (side_px * finer,) * 2, _two_colours(rng)[0])
    draw = ImageDraw.Draw(image)
    for _ in range(rng.integers(3, 20)):
        ends = rng.integers(-side_px // 4, side_px * 5 // 4, (2, 2)) * finer
        box = [*map(int, ends.min(0)), *map(int, ends.max(0))]
        colour, width = _two_colours(rng)[1], int(rng.integers(1, 5)) * finer
        kind = rng.integers(4)
        if kind == 0:
            draw.line([tuple(map(int, end)) for end in ends], colour, width)
        elif kind == 1:
            draw.rectangle(box, outline=colour, width=width)
        elif kind == 2:
            draw.rectangle(box, colour)
        else:
            draw.ellipse(box, colour)
    return np.asarray(image.resize((side_px, side_px), Image.Resampling.BOX))


def _cells(side_px: int, rng: np.random.Generator) -> Pixels:
    """Squares of few colours, or two in turn, as in a dithered picture."""
    colours = rng.integers(0, 256, (rng.integers(2, 9), 3), dtype=np.uint8)
    cell = int(rng.integers(1, 9))
    count = -(-side_px // cell)
    if rng.random() < 0.3:
        places = np.add.outer(np.arange(count), np.arange(count)) % 2
    else:
        places = np.minimum(rng.geometric(rng.uniform(0.3, 0.9), (count, count)), len(colours)) - 1
    large: Pixels = colours[places].repeat(cell, 0).repeat(cell, 1)
    return large[:side_px, :side_px]


def _two_colours(rng: np.random.Generator) -> list[tuple[int, int, int]]:
    """Paper and ink: mostly white and black, or the other way round."""
    kind = rng.random()
    if kind < 0.5:
        found = [(255, 255, 255), (0, 0, 0)]
        return found if kind < 0.35 else found[::-1]
    paper, ink = rng.integers(0, 256, (2, 3)).tolist()
    return [tuple(paper), tuple(ink)]
