"""Pages of comics: panels, speech bubbles and lettered sounds, in colour or in black and white."""

import numpy as np

from genstudio.data.artworks.canvas import Canvas, box, ellipse, smooth
from genstudio.data.artworks.lettering import Type, write_block, write_turned
from genstudio.data.artworks.palettes import WHITE, Palette, black_and_white, palette
from genstudio.data.artworks.scenes import scene, screen


def illustration(side_px: int, rng: np.random.Generator) -> Canvas:
    """One scene in colour, at times with a bubble or a sound."""
    colours = palette(rng)
    canvas = Canvas(side_px, side_px, colours.paper)
    line_px = float(rng.uniform(1.5, 5))
    scene(canvas, colours, line_px, rng)
    if rng.random() < 0.3:
        _said(canvas, colours, line_px, Type(rng), rng)
    return canvas


def manga(side_px: int, rng: np.random.Generator) -> Canvas:
    """A scene or a page in black, white and screentone."""
    colours = black_and_white(rng)
    tones = screen(rng)
    canvas = Canvas(side_px, side_px, WHITE, screen=tones)
    if rng.random() < 0.4:
        scene(canvas, colours, float(rng.uniform(1.5, 4)), rng)
        return canvas
    _panels(canvas, colours, rng)
    return canvas


def comic(side_px: int, rng: np.random.Generator) -> Canvas:
    """A page in colour."""
    colours = palette(rng)
    canvas = Canvas(side_px, side_px, colours.paper)
    _panels(canvas, colours, rng)
    return canvas


def _panels(canvas: Canvas, colours: Palette, rng: np.random.Generator) -> None:
    """Cut the sheet into panels and draw a scene with lettering in each."""
    gap, line_px = int(rng.integers(4, 18)), float(rng.uniform(1.2, 3.5))
    kind = Type(rng)
    parts = [(gap, gap, canvas.width - 2 * gap, canvas.height - 2 * gap)]
    for _ in range(rng.integers(1, 5)):
        parts.sort(key=lambda part: part[2] * part[3])
        x, y, wide, high = parts.pop()
        share = rng.uniform(0.35, 0.65)
        if wide > high * rng.uniform(0.7, 1.4):
            cut = int(wide * share)
            parts += [(x, y, cut - gap // 2, high), (x + cut + gap // 2, y, wide - cut - gap // 2, high)]
        else:
            cut = int(high * share)
            parts += [(x, y, wide, cut - gap // 2), (x, y + cut + gap // 2, wide, high - cut - gap // 2)]
    for x, y, wide, high in parts:
        if wide < 24 or high < 24:
            continue
        panel = Canvas(wide, high, colours.paper, canvas.finer, canvas.screen)
        scene(panel, colours, line_px, rng)
        if rng.random() < 0.8:
            _said(panel, colours, line_px, kind, rng)
        canvas.paste(panel, x, y)
        canvas.outline(box(x, y, wide, high), colours.ink, 1.5 * line_px)


def _said(canvas: Canvas, colours: Palette, line_px: float, kind: Type, rng: np.random.Generator) -> None:
    w, h = canvas.width, canvas.height
    if rng.random() < 0.25:
        loud = Type(rng, "sound" if rng.random() < 0.6 or kind.script == "latin" else kind.script)
        size = rng.uniform(0.12, 0.3) * min(w, h)
        edge = ((colours.ink if rng.random() < 0.5 else WHITE), size * rng.uniform(0.03, 0.1))
        where = (rng.uniform(0.3, 0.7) * w, rng.uniform(0.2, 0.8) * h)
        write_turned(
            canvas, *where, loud.phrase(1, rng), loud, size, colours.pick(rng), rng.uniform(-30, 30), edge
        )
        return
    wide, high = rng.uniform(0.14, 0.28) * w, rng.uniform(0.1, 0.2) * h
    x, y = rng.uniform(wide, w - wide), rng.uniform(high, h - high)
    bubble = ellipse(x, y, wide, high, 60)
    style = rng.integers(5)
    if style == 0:  # shouted: spikes all round
        around = bubble - (x, y)
        bubble = (x, y) + around * np.where(np.arange(60) % 2, rng.uniform(1.15, 1.4, 60), 0.95)[:, None]
    elif style == 1:  # told: a box
        bubble = box(x - wide, y - high, 2 * wide, 2 * high)
    elif style == 2:  # thought: a cloud
        bubble = (x, y) + (bubble - (x, y)) * (1 + 0.1 * np.abs(np.sin(np.arange(60) * np.pi / 5)))[:, None]
    else:
        foot = int(rng.integers(10, 50))
        tip = (x + rng.uniform(-1.2, 1.2) * wide, y + rng.uniform(1.2, 2) * high)
        end = tip if foot < 30 else (tip[0], 2 * y - tip[1])
        bubble = np.concatenate([bubble[: foot - 2], smooth([bubble[foot - 2], end,
            bubble[foot + 2]], closed=False, steps=1), bubble[foot + 3 :]])  # fmt: skip
    canvas.fill(bubble, WHITE)
    canvas.outline(bubble, colours.ink, line_px)
    size = float(rng.uniform(0.25, 0.55) * high)
    write_block(
        canvas,
        x - 0.75 * wide,
        y - 0.65 * high,
        1.5 * wide,
        1.3 * high,
        kind,
        size,
        colours.ink,
        rng,
        centred=True,
    )
