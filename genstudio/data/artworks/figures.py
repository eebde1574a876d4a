"""Faces and bodies as anime and cartoons draw them."""

from itertools import pairwise

import numpy as np

from genstudio.data.artworks.canvas import Canvas, Placement, Points, blob, ellipse, smooth
from genstudio.data.artworks.palettes import BLACK, WHITE, Colour, Palette, mix


def hair_bundle(
    canvas: Canvas, start: Points, end: Points, count: int, bend: float, colour: Colour, width_px: float,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    """`count` tapering strokes from one line, `start` (2, 2), to another, `end` (2, 2), all bent alike."""
    for at in np.sort(rng.random(count)):
        a = start[0] + at * (start[1] - start[0])
        b = end[0] + min(1, max(0, at + rng.normal(0, 0.06))) * (end[1] - end[0])
        across = np.array([a[1] - b[1], b[0] - a[0]]) * (bend + rng.normal(0, 0.04))
        line = smooth([a, 0.6 * a + 0.4 * b + across, 0.2 * a + 0.8 * b + 0.6 * across, b], closed=False)
        canvas.stroke(line, colour, width_px * rng.uniform(0.6, 1.2), 1.0)


def eye(
    canvas: Canvas, place: Placement, x: float, y: float, wide: float, high: float, iris: Colour,
    palette: Palette, line_px: float, rng: np.random.Generator,
) -> None:  # fmt: skip
    """A large round one with iris, pupil, highlights and lashes; the generator decides only its details."""
    white = smooth([(-wide, 0), (-0.6 * wide, -0.8 * high), (0.3 * wide, -high), (wide, -0.3 * high),
        (0.8 * wide, 0.6 * high), (0, high), (-0.7 * wide, 0.7 * high)])  # fmt: skip
    white = place(white + np.array([x, y]))
    canvas.fill(white, WHITE)
    canvas.fill(place(ellipse(x, y - 0.9 * high, 1.2 * wide, 0.45 * high)), palette.shade(WHITE), white)
    at = x + rng.uniform(-0.1, 0.1) * wide
    around = place(ellipse(at, y + 0.05 * high, 0.68 * wide, 0.95 * high))
    canvas.fill(around, mix(iris, BLACK, 0.55), white)
    inner = place(ellipse(at, y + 0.1 * high, 0.55 * wide, 0.82 * high))
    if canvas.screen is None:
        canvas.gradient(
            inner, mix(iris, BLACK, 0.4), palette.light(iris, 0.35), place.angle + np.pi / 2, white
        )
    else:
        canvas.fill(inner, iris, white)
    canvas.fill(place(ellipse(at, y + 0.05 * high, 0.26 * wide, 0.42 * high)), mix(iris, BLACK, 0.85), white)
    canvas.fill(place(ellipse(at - 0.28 * wide, y - 0.42 * high, 0.26 * wide, 0.3 * high, 20)), WHITE)
    canvas.fill(place(ellipse(at + 0.25 * wide, y + 0.5 * high, 0.13 * wide, 0.15 * high, 16)), WHITE)
    lash = smooth([(x - 1.15 * wide, y + 0.05 * high), (x - 0.6 * wide, y - 0.85 * high),
        (x + 0.3 * wide, y - 1.05 * high), (x + 1.1 * wide, y - 0.3 * high),
        (x + 1.2 * wide, y + 0.1 * high)], closed=False)  # fmt: skip
    canvas.stroke(place(lash), palette.ink, line_px * 2.4, 0.8)
    under = smooth([(x - 0.6 * wide, y + 0.85 * high), (x, y + 1.02 * high),
        (x + 0.7 * wide, y + 0.8 * high)], closed=False)  # fmt: skip
    canvas.stroke(place(under), palette.ink, line_px * 0.8, 0.9)


def face(
    canvas: Canvas, place: Placement, palette: Palette, line_px: float, rng: np.random.Generator
) -> None:
    """A head with hair and shoulders, from a forehead at -1.3 to a chin at 1.2 units."""
    skin, ink = palette.skin, palette.ink
    hair, dress, trim, iris = (palette.pick(rng) for _ in range(4))
    if hair == ink:
        hair = mix(ink, WHITE, 0.1) if canvas.screen is None else ink
    hair_line = ink if hair != ink else WHITE
    chin, jaw = rng.uniform(1.05, 1.3), rng.uniform(0.7, 0.9)
    phase = rng.uniform(0, 6)
    _back_hair(canvas, place, hair, palette, line_px, rng)

    wide = rng.uniform(1.4, 2.2)
    body = place(smooth([(-0.32, 1.6), (-wide * 0.7, 1.95), (-wide, 2.6), (-wide * 1.1, 4.5),
        (wide * 1.1, 4.5), (wide, 2.6), (wide * 0.7, 1.95), (0.32, 1.6)]))  # fmt: skip
    neck = place(
        smooth([(-0.32, 0.6), (-0.3, 1.5), (-0.5, 1.9), (0, 2.3), (0.5, 1.9), (0.3, 1.5), (0.32, 0.6)])
    )
    canvas.fill(body, dress)
    canvas.fill(place(smooth([(0.2, 1.5), (1, 2.4), (0.6, 3.4), (1.2, 4.6), (3, 4.5), (3, 1.5)])),
        palette.shade(dress), body)  # fmt: skip
    canvas.outline(body, ink, line_px, phase)
    canvas.fill(neck, skin)
    canvas.fill(place(ellipse(0.1, 1.0, 0.7, 0.65)), palette.shade(skin), neck)
    canvas.outline(neck, ink, line_px)
    for side in (-1, 1):
        collar = place(
            smooth([(side * 0.35, 1.6), (side * 0.75, 1.9), (side * 0.6, 2.5), (side * 0.02, 2.35)], steps=4)
        )
        canvas.fill(collar, trim)
        canvas.outline(collar, ink, line_px)

    for side in (-1, 1):
        ear = place(ellipse(side * 0.97, 0.1, 0.16, 0.28, 24))
        canvas.fill(ear, skin)
        canvas.outline(ear, ink, line_px)
    head = place(smooth([(-0.95, -0.5), (-0.97, 0.1), (-jaw, 0.65), (-0.28, chin - 0.1), (0, chin),
        (0.28, chin - 0.1), (jaw, 0.65), (0.97, 0.1), (0.95, -0.5), (0.5, -1.15), (-0.5,
        -1.15)]))  # fmt: skip
    canvas.fill(head, skin)
    canvas.fill(place(smooth([(0.55, -1.3), (0.75, 0), (0.5, 0.7), (0.05, 1.3), (1.5, 1.4), (1.5, -1)])),
        palette.shade(skin), head)  # fmt: skip
    fringe = _fringe(rng)
    canvas.fill(place(fringe + np.array([0.05, 0.12])), palette.shade(skin), head)
    canvas.outline(head, ink, line_px, phase)
    _features(canvas, place, iris, hair if hair != WHITE else ink, palette, line_px, rng)

    front = place(fringe)
    canvas.fill(front, hair)
    shine = place(
        smooth([(-1.1, -0.75), (-0.4, -0.98), (0.4, -0.98), (1.1, -0.75), (0.4, -0.8), (-0.4, -0.8)])
    )
    canvas.fill(place(fringe * (1, 0.55) + np.array([0, -0.68])), palette.shade(hair), front)
    if rng.random() < 0.7:
        canvas.fill(shine, palette.light(hair, 0.6), front)
    canvas.outline(front, ink, line_px)
    start = place([(-0.35, -1.25), (0.35, -1.25)])
    for at in (-0.75, 0.0, 0.7):
        end = place([(at - 0.3, -0.2), (at + 0.3, -0.25)])
        hair_bundle(canvas, start, end, int(rng.integers(3, 9)), 0.2 * at, hair_line, line_px, rng)


def _fringe(rng: np.random.Generator) -> Points:
    """Hair over the forehead, with locks that end in points."""
    top = np.array(
        [(-1.05, -0.1), (-1.15, -0.7), (-0.7, -1.35), (0, -1.55), (0.7, -1.35), (1.15, -0.7), (1.05, -0.1)]
    )
    top = smooth(top, closed=False)
    ends = np.linspace(1.0, -1.0, 2 * int(rng.integers(3, 7)) + 1)[1:-1]
    down = np.where(
        np.arange(len(ends)) % 2, rng.uniform(-0.25, 0.05, len(ends)), rng.uniform(-0.75, -0.4, len(ends))
    )
    lower = [(1.02, 0.3), *zip(ends, down, strict=True), (-1.02, 0.3)]
    parts = [top]
    for a, b in pairwise(lower):
        middle = ((a[0] + b[0]) / 2 + 0.06, (a[1] + b[1]) / 2)
        parts.append(smooth([a, middle, b], closed=False, steps=4))
    return np.concatenate(parts)


def _back_hair(
    canvas: Canvas, place: Placement, hair: Colour, palette: Palette, line_px: float, rng: np.random.Generator
) -> None:
    length, wide = rng.uniform(0.4, 3.2), rng.uniform(1.15, 1.7)
    ends = np.linspace(wide, -wide, int(rng.integers(6, 12)))
    down = length + np.where(np.arange(len(ends)) % 2, 0.25, -0.15) * rng.uniform(0.3, 1.5)
    points = [(-wide, length * 0.5), (-1.25, -0.6), (-0.8, -1.35), (0, -1.6), (0.8, -1.35), (1.25, -0.6),
        (wide, length * 0.5)]  # fmt: skip
    outline = place(smooth([*points, *zip(ends, down, strict=True)], steps=5))
    canvas.fill(outline, hair)
    canvas.fill(place(ellipse(0, 0.8, 1.1, 1.6)), palette.shade(hair), outline)
    canvas.outline(outline, palette.ink, line_px, rng.uniform(0, 6))
    line = palette.ink if hair != palette.ink else WHITE
    for side in (-1, 1):
        start, end = (
            place([(side * 0.9, -0.9), (side * 1.2, -0.6)]),
            place([(side * 0.6, length), (side * wide, length)]),
        )
        hair_bundle(canvas, start, end, int(rng.integers(4, 12)), -side * 0.1, line, line_px, rng)


def _features(
    canvas: Canvas,
    place: Placement,
    iris: Colour,
    brow: Colour,
    palette: Palette,
    line_px: float,
    rng: np.random.Generator,
) -> None:
    wide, high, apart = rng.uniform(0.2, 0.3), rng.uniform(0.2, 0.36), rng.uniform(0.44, 0.52)
    mood = rng.uniform(-0.12, 0.12)
    shut = rng.random() < 0.12
    for side in (-1, 1):
        if shut:
            lid = smooth(
                [(side * (apart - wide), 0.15), (side * apart, 0.3), (side * (apart + wide), 0.12)],
                closed=False,
            )
            canvas.stroke(place(lid), palette.ink, line_px * 2, 0.7)
        else:
            eye(canvas, place, side * apart, 0.15, wide, high, iris, palette, line_px, rng)
        arch = smooth(
            [(side * 0.2, -0.32 + mood), (side * apart, -0.42), (side * (apart + 0.3), -0.3 - mood)],
            closed=False,
        )
        canvas.stroke(place(arch), mix(brow, BLACK, 0.3), line_px * 1.8, 0.9)
        if rng.random() < 0.25 and canvas.screen is None:
            canvas.fill(
                place(ellipse(side * 0.6, 0.55, 0.2, 0.1, 20)), mix(palette.skin, (255, 90, 90), 0.35)
            )
    nose = smooth([(0.02, 0.45), (0.08, 0.56), (0.0, 0.6)], closed=False)
    canvas.stroke(place(nose), palette.ink, line_px, 0.9)
    if rng.random() < 0.5:
        bow = rng.uniform(-0.06, 0.1)
        mouth = smooth([(-0.2, 0.82), (0, 0.82 + bow), (0.2, 0.82)], closed=False)
        canvas.stroke(place(mouth), palette.ink, line_px * 1.3, 0.9)
    else:
        mouth = place(smooth([(-0.22, 0.78), (0, 0.82), (0.22, 0.78), (0.12, 0.98), (-0.12, 0.98)]))
        canvas.fill(mouth, (150, 40, 50) if canvas.screen is None else BLACK)
        canvas.fill(
            place(ellipse(0, 1.0, 0.12, 0.08, 20)), (235, 120, 120) if canvas.screen is None else WHITE, mouth
        )
        canvas.outline(mouth, palette.ink, line_px)


def toon(
    canvas: Canvas, place: Placement, palette: Palette, line_px: float, rng: np.random.Generator
) -> None:
    """A cartoon animal or monster: a round body and head, limbs, ears, wide eyes and a smile."""
    body, belly, ink = palette.pick(rng), palette.light(palette.pick(rng), 0.5), palette.ink
    legs = [[(side * 0.5, 1.4), (side * rng.uniform(0.5, 0.9), 2.2), (side * 0.9, 2.6)] for side in (-1, 1)]
    arms = [
        [(side * 0.7, 0.7), (side * 1.3, rng.uniform(-0.2, 1.2)), (side * 1.8, rng.uniform(-0.6, 1.4))]
        for side in (-1, 1)
    ]
    for limb in (*legs, *arms):
        line = place(smooth(limb, closed=False))
        thick = 0.4 * place.unit_px
        canvas.stroke(line, ink, thick + 2 * line_px)
        canvas.stroke(line, body, thick)
    trunk = place(blob(rng, 0.04) * (1, 1.1) + np.array([0, 0.9]))
    _shaded(canvas, trunk, body, palette, line_px, place.unit_px)
    canvas.fill(place(ellipse(0, 1.1, 0.6, 0.7)), belly, trunk)
    pointed = rng.random() < 0.5
    for side in (-1, 1):
        if pointed:
            ear = place(smooth([(side * 0.3, -1.4), (side * 0.75, -2.4), (side * 1.05, -1.1)], steps=3))
        else:
            ear = place(ellipse(side * 0.85, -1.5, 0.45, 0.45))
        _shaded(canvas, ear, body, palette, line_px, place.unit_px)
    head = place(blob(rng, 0.05) * (1.2, 1.05) + np.array([0, -0.7]))
    _shaded(canvas, head, body, palette, line_px, place.unit_px)
    for x in (-0.42, 0.42) if rng.random() < 0.85 else (0.0,):
        size = rng.uniform(0.22, 0.4)
        canvas.fill(place(ellipse(x, -0.85, size, size * 1.15)), WHITE)
        canvas.outline(place(ellipse(x, -0.85, size, size * 1.15)), ink, line_px)
        canvas.fill(place(ellipse(x + 0.06, -0.8, size * 0.45, size * 0.55)), BLACK)
        canvas.fill(place(ellipse(x, -0.92, size * 0.16, size * 0.18, 16)), WHITE)
    canvas.fill(place(ellipse(0, -0.5, 0.18, 0.12, 20)), ink)
    canvas.stroke(
        place(smooth([(-0.5, -0.35), (0, rng.uniform(-0.25, 0.05)), (0.5, -0.35)], closed=False)),
        ink,
        line_px * 1.5,
        0.5,
    )


def _shaded(
    canvas: Canvas, outline: Points, colour: Colour, palette: Palette, line_px: float, unit_px: float
) -> None:
    """An area in two tones with a line round it."""
    canvas.fill(outline, palette.shade(colour))
    canvas.fill(outline - np.array([0.18, 0.14]) * unit_px, colour, outline)
    canvas.outline(outline, palette.ink, line_px, 0.8)
