"""Pages of comics: panels, speech bubbles and lettered sounds, in colour or in black and white."""

import numpy as np

from genstudio.data.artworks.canvas import Canvas, Points, box, ellipse
from genstudio.data.artworks.lettering import Type, write_block, write_turned
from genstudio.data.artworks.palettes import WHITE
from genstudio.data.artworks.scenes import scene
from genstudio.data.artworks.style import Style, style


def illustration(side_px: int, rng: np.random.Generator) -> Canvas:
    """One scene in colour, at times with a bubble or a sound."""
    drawn = style(rng)
    canvas = Canvas(side_px, side_px, drawn.palette.paper)
    scene(canvas, drawn, rng)
    if rng.random() < 0.3:
        _said(canvas, drawn, Type(rng), rng)
    return canvas


def manga(side_px: int, rng: np.random.Generator) -> Canvas:
    """A scene or a page in black, white and screentone."""
    drawn = style(rng, grey=True)
    canvas = Canvas(side_px, side_px, WHITE, screen=drawn.screen)
    if rng.random() < 0.4:
        scene(canvas, drawn, rng)
    else:
        _panels(canvas, drawn, rng)
    return canvas


def comic(side_px: int, rng: np.random.Generator) -> Canvas:
    """A page in colour."""
    drawn = style(rng)
    canvas = Canvas(side_px, side_px, drawn.palette.paper)
    _panels(canvas, drawn, rng)
    return canvas


def _panels(canvas: Canvas, style: Style, rng: np.random.Generator) -> None:
    """A page, or a part of a larger one, cut into panels with a scene and lettering in each."""
    gap, kind = int(rng.integers(6, 26)), Type(rng)
    wide, high = (round(side * rng.uniform(0.95, 1.4)) for side in (canvas.width, canvas.height))
    left, top = (-round(rng.random() * over) for over in (wide - canvas.width, high - canvas.height))
    parts = [(left + gap, top + gap, wide - 2 * gap, high - 2 * gap)]
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
        if min(wide, high) < 24 or x > canvas.width or y > canvas.height or x + wide < 0 or y + high < 0:
            continue
        panel = Canvas(wide, high, style.palette.paper, canvas.finer, canvas.screen)
        scene(panel, style, rng)
        if rng.random() < 0.8:
            _said(panel, style, kind, rng)
        canvas.paste(panel, x, y)
        canvas.outline(box(x, y, wide, high), style.palette.ink, max(2, style.line_px))


def _said(canvas: Canvas, style: Style, kind: Type, rng: np.random.Generator) -> None:
    """A bubble with words, or a sound."""
    w, h = canvas.width, canvas.height
    if rng.random() < 0.25:
        loud = Type(rng, "sound" if rng.random() < 0.6 or kind.script == "latin" else kind.script)
        size = rng.uniform(0.12, 0.35) * min(w, h)
        edge = ((style.palette.ink if rng.random() < 0.5 else WHITE), size * rng.uniform(0.03, 0.1))
        x, y = rng.uniform(0.3, 0.7) * w, rng.uniform(0.2, 0.8) * h
        colour = style.palette.pick(rng)
        write_turned(canvas, x, y, loud.phrase(1, rng), loud, size, colour, rng.uniform(-30, 30), edge)
        return
    wide, high = rng.uniform(0.16, 0.34) * w, rng.uniform(0.12, 0.26) * h
    x, y = rng.uniform(wide, w - wide), rng.uniform(high, h - high)
    bubble = _bubble(wide, high, rng) + np.array([x, y])
    ground, ink = (WHITE, style.palette.ink) if rng.random() < 0.9 else (style.palette.ink, WHITE)
    canvas.fill(bubble, ground)
    canvas.outline(bubble, style.palette.ink, min(style.line_px, 6))
    size = float(rng.uniform(0.28, 0.65) * high)
    room = (x - 0.72 * wide, y - 0.65 * high, 1.44 * wide, 1.3 * high)
    write_block(canvas, *room, kind, size, ink, rng, centred=True)


def _bubble(wide: float, high: float, rng: np.random.Generator) -> Points:
    """A bubble about (0, 0): shouted with spikes, told in a box, thought in a cloud, or said with a tail."""
    round_ = ellipse(0, 0, wide, high, 60)
    kind = rng.integers(5)
    if kind == 0:
        return round_ * np.where(np.arange(60) % 2, rng.uniform(1.15, 1.4, 60), 0.95)[:, None]
    if kind == 1:
        return box(-wide, -high, 2 * wide, 2 * high)
    if kind == 2:
        return round_ * (1 + 0.1 * np.abs(np.sin(np.arange(60) * np.pi / 5)))[:, None]
    foot = int(rng.integers(10, 50))
    tail = round_[foot] * rng.uniform(1.3, 1.8) + rng.normal(0, 0.15, 2) * (wide, high)
    return np.concatenate([round_[: foot - 2], tail[None], round_[foot + 3 :]])
