"""Faces and bodies as anime and cartoons draw them."""

from itertools import pairwise

import numpy as np

from genstudio.data.artworks.canvas import Canvas, Placement, Points, blob, ellipse, smooth
from genstudio.data.artworks.palettes import BLACK, WHITE, Colour, mix
from genstudio.data.artworks.style import Style

HEAD = ((-0.95, -0.5), (-0.97, 0.1), (0.97, 0.1), (0.95, -0.5), (0.5, -1.15), (-0.5, -1.15))
FACE_SHADOW = smooth([(0.55, -1.3), (0.75, 0), (0.5, 0.7), (0.05, 1.3), (1.5, 1.4), (1.5, -1)])
BODY_SHADOW = smooth([(0.2, 1.5), (1, 2.4), (0.6, 3.4), (1.2, 4.6), (3, 4.5), (3, 1.5)])
NECK = smooth([(-0.32, 0.6), (-0.3, 1.5), (-0.5, 1.9), (0, 2.3), (0.5, 1.9), (0.3, 1.5), (0.32, 0.6)])
SHINE = smooth([(-1.1, -0.75), (-0.4, -0.98), (0.4, -0.98), (1.1, -0.75), (0.4, -0.8), (-0.4, -0.8)])
HAIR_TOP = smooth(
    [(-1.05, -0.1), (-1.15, -0.7), (-0.7, -1.35), (0, -1.55), (0.7, -1.35), (1.15, -0.7), (1.05, -0.1)],
    closed=False,
)
# An eye of half axes 1, seen with the nose on its left.
EYE = smooth([(-1, 0), (-0.6, -0.8), (0.3, -1), (1, -0.3), (0.8, 0.6), (0, 1), (-0.7, 0.7)])
LASH = smooth([(-1.15, 0.05), (-0.6, -0.85), (0.3, -1.05), (1.1, -0.3), (1.2, 0.1)], closed=False)
UNDER = smooth([(-0.6, 0.85), (0, 1.02), (0.7, 0.8)], closed=False)
MOUTH = smooth([(-0.22, 0.78), (0, 0.82), (0.22, 0.78), (0.12, 0.98), (-0.12, 0.98)])


def hair_bundle(
    canvas: Canvas, start: Points, end: Points, count: int, bend: float, colour: Colour, width_px: float,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    """`count` tapering strokes from one line, `start` (2, 2), to another, `end` (2, 2), all bent alike."""
    for at in np.linspace(0, 1, count) + rng.normal(0, 0.2 / count, count):
        a = start[0] + at * (start[1] - start[0])
        b = end[0] + at * (end[1] - end[0])
        a, b = a + rng.uniform(0, 0.2) * (b - a), b + rng.uniform(-0.25, 0) * (b - a)
        across = np.array([a[1] - b[1], b[0] - a[0]]) * bend
        line = smooth([a, 0.6 * a + 0.4 * b + across, 0.2 * a + 0.8 * b + 0.6 * across, b], closed=False)
        canvas.stroke(line, colour, width_px * rng.uniform(0.6, 1.2), 1.0)


def eye(canvas: Canvas, place: Placement, iris: Colour, style: Style, rng: np.random.Generator) -> None:
    """A large round eye of half axes 1 with iris, pupil, highlights and lashes."""
    white = place(EYE)
    canvas.fill(white, WHITE)
    canvas.fill(place(ellipse(0, -0.9, 1.2, 0.45)), style.palette.shade(WHITE), white)
    at = rng.uniform(-0.1, 0.1)
    canvas.fill(place(ellipse(at, 0.05, 0.68, 0.95)), mix(iris, BLACK, 0.55), white)
    inner = place(ellipse(at, 0.1, 0.55, 0.82))
    if canvas.screen is None and style.shading != "none":
        canvas.gradient(inner, mix(iris, BLACK, 0.4), style.palette.light(iris, 0.35), np.pi / 2, white)
    else:
        canvas.fill(inner, iris, white)
    canvas.fill(place(ellipse(at, 0.05, 0.26, 0.42)), mix(iris, BLACK, 0.85), white)
    canvas.fill(place(ellipse(at - 0.28, -0.42, 0.26, 0.3, 24)), WHITE)
    canvas.fill(place(ellipse(at + 0.25, 0.5, 0.13, 0.15, 16)), WHITE)
    style.stroke(canvas, place(LASH), style.palette.skin, 2.4, 0.8)
    style.stroke(canvas, place(UNDER), style.palette.skin, 0.8)


def face(canvas: Canvas, place: Placement, style: Style, rng: np.random.Generator) -> None:
    """A head with hair and shoulders, from a forehead at -1.3 to a chin at 1.2 units."""
    skin = style.palette.skin
    hair, dress, trim, iris = (style.palette.pick(rng) for _ in range(4))
    phase = rng.uniform(0, 6)
    if rng.random() < 0.85:
        _back_hair(canvas, place, hair, style, rng)
    wide = rng.uniform(1.4, 2.2)
    right = [(0.32, 1.6), (wide * 0.7, 1.95), (wide, 2.6), (wide * 1.1, 4.5)]
    body = place(smooth([*((-x, y) for x, y in right), *right[::-1]]))
    canvas.fill(body, dress)
    style.shade(canvas, place(BODY_SHADOW), dress, body)
    style.outline(canvas, body, dress, 1.0, phase)
    canvas.fill(place(NECK), skin)
    style.shade(canvas, place(ellipse(0.1, 1.0, 0.7, 0.65)), skin, place(NECK))
    style.outline(canvas, place(NECK), skin)
    for side in (-1, 1):
        corners = [(side * 0.35, 1.6), (side * 0.75, 1.9), (side * 0.6, 2.5), (side * 0.02, 2.35)]
        style.area(canvas, place(smooth(corners, steps=4)), trim)
        style.area(canvas, place(ellipse(side * 0.97, 0.1, 0.16, 0.28, 24)), skin)

    chin, jaw = rng.uniform(1.05, 1.3), rng.uniform(0.7, 0.9)
    lower = [(-jaw, 0.65), (-0.28, chin - 0.1), (0, chin), (0.28, chin - 0.1), (jaw, 0.65)]
    head = place(smooth([*HEAD[:2], *lower, *HEAD[2:]]))
    canvas.fill(head, skin)
    style.shade(canvas, place(FACE_SHADOW), skin, head)
    fringe, tips = _fringe(rng)
    style.shade(canvas, place(fringe + np.array([0.05, 0.12])), skin, head)
    style.outline(canvas, head, skin, 1.0, phase)
    _features(canvas, place, iris, hair, style, rng)

    front = place(fringe)
    canvas.fill(front, hair)
    style.shade(canvas, place(fringe * (1, 0.55) + np.array([0, -0.68])), hair, front)
    if rng.random() < 0.7:
        canvas.fill(place(SHINE), style.palette.light(hair, 0.6), front)
    style.outline(canvas, front, hair)
    strands = int(rng.integers(2, 7))
    for x, y in tips:
        start = place([(0.25 * x - 0.1, -1.3), (0.25 * x + 0.1, -1.3)])
        end = place([(x - 0.1, y - 0.25), (x + 0.1, y - 0.25)])
        hair_bundle(canvas, start, end, strands, 0.12 * x, _strand(hair, style), style.line_px, rng)
    if rng.random() < 0.2:
        _glasses(canvas, place, style)


def _strand(hair: Colour, style: Style) -> Colour:
    """The colour of a line in hair, which black lines would not show in."""
    line = style.line(hair) if style.lines != "none" else style.palette.shade(hair)
    return mix(hair, WHITE, 0.35) if max(hair) < 70 else line


def _fringe(rng: np.random.Generator) -> tuple[Points, list[tuple[float, float]]]:
    """Hair over the forehead, and the points that its locks end in."""
    ends = np.linspace(1.0, -1.0, 2 * int(rng.integers(2, 7)) + 1)[1:-1] + rng.normal(0, 0.02)
    pointed = np.arange(len(ends)) % 2 == 1
    down = np.where(pointed, rng.uniform(-0.35, 0.05, len(ends)), rng.uniform(-0.8, -0.4, len(ends)))
    lower = [(1.02, 0.3), *zip(ends.tolist(), down.tolist(), strict=True), (-1.02, 0.3)]
    parts = [HAIR_TOP]
    for a, b in pairwise(lower):
        middle = ((a[0] + b[0]) / 2 + 0.06, (a[1] + b[1]) / 2)
        parts.append(smooth([a, middle, b], closed=False, steps=4))
    return np.concatenate(parts), [tip for tip, is_tip in zip(lower[1:-1], pointed, strict=True) if is_tip]


def _back_hair(
    canvas: Canvas, place: Placement, hair: Colour, style: Style, rng: np.random.Generator
) -> None:
    length, wide = rng.uniform(0.4, 3.2), rng.uniform(1.15, 1.7)
    ends = np.linspace(wide, -wide, int(rng.integers(6, 12)))
    down = length + np.where(np.arange(len(ends)) % 2, 0.25, -0.15) * rng.uniform(0.3, 1.5)
    half = [(-wide, length * 0.5), (-1.25, -0.6), (-0.8, -1.35)]
    top = [*half, (0, -1.6), *((-x, y) for x, y in half[::-1])]
    outline = place(smooth([*top, *zip(ends, down, strict=True)], steps=5))
    canvas.fill(outline, hair)
    style.shade(canvas, place(ellipse(0, 0.8, 1.1, 1.6)), hair, outline)
    style.outline(canvas, outline, hair, 1.0, rng.uniform(0, 6))
    for side in (-1, 1):
        start = place([(side * 0.9, -0.5), (side * 1.2, -0.5)])
        end = place([(side * 0.75, length - 0.1), (side * (wide - 0.08), length - 0.1)])
        count = int(rng.integers(3, 12))
        hair_bundle(canvas, start, end, count, -side * 0.05, _strand(hair, style), style.line_px, rng)


def _features(
    canvas: Canvas, place: Placement, iris: Colour, hair: Colour, style: Style, rng: np.random.Generator
) -> None:
    """Eyes, brows, blush, nose and mouth."""
    skin, grey = style.palette.skin, canvas.screen is not None
    wide, high, apart = rng.uniform(0.2, 0.3), rng.uniform(0.2, 0.36), rng.uniform(0.44, 0.52)
    mood, shut, blush = rng.uniform(-0.12, 0.12), rng.random() < 0.12, rng.random() < 0.25
    for side in (-1, 1):
        if blush and not grey:
            canvas.fill(place(ellipse(side * 0.6, 0.55, 0.2, 0.1, 20)), mix(skin, (255, 90, 90), 0.35))
        at = place.part(side * apart, 0.15, (wide, high))
        if shut:
            style.stroke(canvas, at(smooth([(-1, 0), (0, 0.5), (1, -0.1)], closed=False)), skin, 2, 0.7)
        else:
            eye(canvas, at, iris, style, rng)
        arch = [(side * 0.2, -0.32 + mood), (side * apart, -0.42), (side * (apart + 0.3), -0.3 - mood)]
        canvas.stroke(place(smooth(arch, closed=False)), mix(hair, BLACK, 0.5), style.line_px * 1.8, 0.9)
    style.stroke(canvas, place(smooth([(0.02, 0.45), (0.08, 0.56), (0.0, 0.6)], closed=False)), skin)
    if rng.random() < 0.5:
        mouth = [(-0.2, 0.82), (0, 0.82 + rng.uniform(-0.06, 0.1)), (0.2, 0.82)]
        style.stroke(canvas, place(smooth(mouth, closed=False)), skin, 1.3)
    else:
        canvas.fill(place(MOUTH), BLACK if grey else (150, 40, 50))
        canvas.fill(place(ellipse(0, 1.0, 0.12, 0.08, 20)), WHITE if grey else (235, 120, 120), place(MOUTH))
        style.outline(canvas, place(MOUTH), skin)


def _glasses(canvas: Canvas, place: Placement, style: Style) -> None:
    for side in (-1, 1):
        canvas.outline(place(ellipse(side * 0.48, 0.17, 0.36, 0.34)), style.palette.ink, 1.6 * style.line_px)
    bridge = smooth([(-0.13, 0.12), (0, 0.06), (0.13, 0.12)], closed=False)
    canvas.stroke(place(bridge), style.palette.ink, 1.6 * style.line_px)


def toon(canvas: Canvas, place: Placement, style: Style, rng: np.random.Generator) -> None:
    """A cartoon animal or monster: a round body and head, limbs, ears, wide eyes and a smile."""
    body, ink, unit = style.palette.pick(rng), style.palette.ink, place.unit_px
    belly = style.palette.light(style.palette.pick(rng), 0.5)
    legs = [[(side * 0.5, 1.4), (side * rng.uniform(0.5, 0.9), 2.2), (side * 0.9, 2.6)] for side in (-1, 1)]
    arms = [
        [(side * 0.7, 0.7), (side * 1.3, rng.uniform(-0.2, 1.2)), (side * 1.8, rng.uniform(-0.6, 1.4))]
        for side in (-1, 1)
    ]
    for limb in (*legs, *arms):
        line, thick = place(smooth(limb, closed=False)), rng.uniform(0.3, 0.45) * unit
        if style.lines != "none":
            canvas.stroke(line, style.line(body), thick + 2 * style.line_px)
        canvas.stroke(line, body, thick)
    trunk = place(blob(rng, 0.04) * (1, 1.1) + np.array([0, 0.9]))
    style.area(canvas, trunk, body, 0.18 * unit, 0.8)
    canvas.fill(place(ellipse(0, 1.1, 0.6, 0.7)), belly, trunk)
    kind = rng.integers(3)
    for side in (-1, 1):
        if kind == 0:
            ear = place(smooth([(side * 0.3, -1.4), (side * 0.75, -2.4), (side * 1.05, -1.1)], steps=3))
        elif kind == 1:
            ear = place(ellipse(side * 0.85, -1.5, 0.45, 0.45))
        else:
            ear = place(
                smooth([(side * 0.2, -1.4), (side * 0.3, -2.9), (side * 0.7, -2.8), (side * 0.75, -1.4)])
            )
        style.area(canvas, ear, body, 0.15 * unit)
    head = place(blob(rng, 0.05) * (1.2, 1.05) + np.array([0, -0.7]))
    style.area(canvas, head, body, 0.18 * unit, 0.8)
    size = rng.uniform(0.22, 0.4)
    for x in (-0.42, 0.42) if rng.random() < 0.85 else (0.0,):
        style.area(canvas, place(ellipse(x, -0.85, size, size * 1.15)), WHITE)
        canvas.fill(place(ellipse(x + 0.06, -0.8, size * 0.45, size * 0.55)), BLACK)
        canvas.fill(place(ellipse(x, -0.92, size * 0.16, size * 0.18, 16)), WHITE)
    canvas.fill(place(ellipse(0, -0.5, 0.18, 0.12, 20)), ink)
    smile = smooth([(-0.5, -0.35), (0, rng.uniform(-0.25, 0.05)), (0.5, -0.35)], closed=False)
    canvas.stroke(place(smile), ink, style.line_px * 1.5, 0.5)
