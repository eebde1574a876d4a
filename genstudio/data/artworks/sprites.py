"""Pixel art, enlarged by a whole factor."""

from dataclasses import replace

import numpy as np
from PIL import Image

from genstudio.data.artworks.canvas import Canvas, Pixels
from genstudio.data.artworks.palettes import palette
from genstudio.data.artworks.scenes import scene
from genstudio.data.artworks.style import style


def sprites(side_px: int, rng: np.random.Generator) -> Pixels:
    """A small scene of few colours, or rows of little creatures on tiles; (side, side, 3)."""
    cell = int(rng.choice((2, 3, 4, 4, 4, 6, 8, 8, 8, 12, 16, 20)))
    count = -(-side_px // cell)
    small = _scene(count, rng) if rng.random() < 0.5 else _creatures(count, rng)
    return np.ascontiguousarray(small.repeat(cell, 0).repeat(cell, 1)[:side_px, :side_px])


def _scene(count: int, rng: np.random.Generator) -> Pixels:
    drawn = replace(style(rng), line_px=1.0)
    canvas = Canvas(count, count, drawn.palette.paper, finer=1)
    scene(canvas, drawn, rng)
    few = canvas.image.quantize(int(rng.choice((4, 8, 16, 32))), dither=Image.Dither.NONE)
    return np.array(few.convert("RGB"))


def _creatures(count: int, rng: np.random.Generator) -> Pixels:
    """Symmetrical figures of 8 to 16 cells with a dark rim and a shaded side."""
    colours = palette(rng)
    picture = np.empty((count, count, 3), np.uint8)
    tile = int(rng.choice((8, 12, 16)))
    ground = np.array([colours.paper, colours.light(colours.pick(rng), 0.6)], np.uint8)
    places = np.add.outer(np.arange(count) // tile, np.arange(count) // tile) % 2
    picture[:] = ground[places * (rng.random() < 0.6)]
    for top in range(0, count, tile):
        for left in range(0, count, tile):
            if rng.random() < 0.25:
                continue
            half = np.zeros((tile, tile // 2), np.int64)
            y, x = np.mgrid[1 : tile - 1, 1 : tile // 2]
            near = 1 - np.hypot((y - tile / 2) / tile * 2, (x - tile // 2) / tile * 2)
            half[1:-1, 1:] = rng.random(near.shape) < near * 1.6
            half[half > 0] = rng.choice((2, 2, 2, 3, 4), int(half.sum()))
            cells = np.concatenate([half, half[:, ::-1]], 1)
            body = np.pad(cells > 0, 1)
            rim = (body[:-2, 1:-1] | body[2:, 1:-1] | body[1:-1, :-2] | body[1:-1, 2:]) & (cells == 0)
            cells[rim] = 1
            main = colours.pick(rng)
            inks = np.array([(0, 0, 0), colours.ink, main, colours.shade(main), colours.pick(rng)], np.uint8)
            part = picture[top : top + tile, left : left + tile]
            cells = cells[: part.shape[0], : part.shape[1]]
            part[cells > 0] = inks[cells[cells > 0]]
    return picture
