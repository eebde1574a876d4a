"""Drawings made up by chance: text, lines, hatching, flat areas, pixel art, dithering. Photographs show a net
too few hard edges and fine lines, and what it never saw it takes for noise."""

import string
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

Pixels = np.ndarray[Any, np.dtype[np.uint8]]
BAYER = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]])
LETTERS = np.array(list(string.ascii_letters + 2 * string.digits + ".,:;-+()/ " * 2))


def drawing(side_px: int, rng: np.random.Generator) -> Pixels:
    """One, (side, side, 3)."""
    make = (_text, _text, _shapes, _hatching, _hatching, _rays, _cells, _dithered)[rng.integers(8)]
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


def _hatching(side_px: int, rng: np.random.Generator) -> Pixels:
    """Parallel lines, as on graph paper and in engravings: of any angle, mostly upright, in one direction or
    two, hard or smooth."""
    paper, ink = (np.array(colour, np.float64) for colour in _two_colours(rng))
    y, x = np.mgrid[:side_px, :side_px].astype(np.float64)
    angle = rng.choice((0, np.pi / 2, np.pi / 4, rng.uniform(0, np.pi)))
    pitch, width = int(rng.integers(2, 25)), rng.choice((1.0, 1.0, rng.uniform(0.6, 2.5)))
    hard = rng.random() < 0.6
    covered = np.zeros((side_px, side_px))
    for turn in range(rng.integers(1, 3)):
        across = x * np.cos(angle + turn * np.pi / 2) + y * np.sin(angle + turn * np.pi / 2)
        off = np.abs((across + rng.integers(pitch)) % pitch - pitch / 2)
        line = (off <= width / 2) if hard else np.clip(width / 2 + 0.5 - off, 0, 1)
        covered = np.maximum(covered, line)
    covered *= rng.choice((1.0, rng.uniform(0.1, 1)))
    return np.rint(paper + covered[..., None] * (ink - paper)).astype(np.uint8)


def _rays(side_px: int, rng: np.random.Generator) -> Pixels:
    """Fine lines from one point, and rings round it: a plan, a map, a test chart."""
    finer = int(rng.integers(1, 4))
    paper, ink = _two_colours(rng)
    image = Image.new("RGB", (side_px * finer,) * 2, paper)
    draw = ImageDraw.Draw(image)
    x, y = (float(v) for v in rng.uniform(-0.2, 1.2, 2) * side_px * finer)
    far, count = 2.0 * side_px * finer, int(rng.integers(4, 60))
    for angle in np.linspace(0, 2 * np.pi, count, endpoint=False):
        draw.line([(x, y), (x + far * np.cos(angle), y + far * np.sin(angle))], ink, finer)
    for radius in np.arange(1, rng.integers(1, 12)) * rng.uniform(3, 20) * finer:
        draw.ellipse([x - radius, y - radius, x + radius, y + radius], outline=ink, width=finer)
    return np.asarray(image.resize((side_px, side_px), Image.Resampling.BOX))


def _dithered(side_px: int, rng: np.random.Generator) -> Pixels:
    """Soft shades in two or a few colours, by Floyd and Steinberg's error diffusion or in a fixed order."""
    coarse = rng.integers(0, 256, (*rng.integers(2, 5, 2), 3), dtype=np.uint8)
    soft = Image.fromarray(coarse).resize((side_px, side_px), Image.Resampling.BICUBIC)
    kind = rng.integers(3)
    if kind == 0:
        return np.asarray(soft.convert("1").convert("RGB"))
    if kind == 1:
        few = Image.new("P", (1, 1))
        few.putpalette(rng.integers(0, 256, int(rng.integers(2, 9)) * 3, dtype=np.uint8).tobytes())
        return np.asarray(soft.quantize(palette=few, dither=Image.Dither.FLOYDSTEINBERG).convert("RGB"))
    grid = np.tile(BAYER, (-(-side_px // 4),) * 2)[:side_px, :side_px]
    paper, ink = _two_colours(rng)
    on = np.asarray(soft.convert("L")) > 16 * grid + 8
    return np.where(on[..., None], np.array(paper, np.uint8), np.array(ink, np.uint8))


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
