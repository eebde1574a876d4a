"""Things as cartoons draw them: vessels, flowers, crystals, fish, cars, planets, swords."""

import numpy as np

from genstudio.data.artworks.canvas import Canvas, Placement, blob, box, ellipse, smooth
from genstudio.data.artworks.palettes import BLACK, WHITE, mix
from genstudio.data.artworks.style import Style


def thing(canvas: Canvas, place: Placement, style: Style, rng: np.random.Generator) -> None:
    """One of them, about 2 units high."""
    draw = (vessel, vessel, flower, flower, crystal, fish, car, planet, sword)[rng.integers(9)]
    draw(canvas, place, style, rng)


def vessel(canvas: Canvas, place: Placement, style: Style, rng: np.random.Generator) -> None:
    """A shape turned on a lathe, with bands: a vase, a bottle, a lamp, a rocket."""
    heights = np.linspace(-1.2, 1.2, int(rng.integers(4, 8)))
    radii = rng.uniform(0.2, 0.9, len(heights))
    right = smooth(np.stack([radii, heights], 1), closed=False)
    area = place(np.concatenate([right, right[::-1] * (-1, 1)]))
    colour = style.palette.pick(rng)
    style.area(canvas, area, colour, 0.2 * place.unit_px)
    for _ in range(rng.integers(0, 4)):
        y, high, band = rng.uniform(-1, 1), rng.uniform(0.05, 0.3), style.palette.pick(rng)
        curve = np.linspace(-1, 1, 12)
        bow = 0.08 * (1 - curve**2)
        strip = np.concatenate([np.stack([curve, y + bow], 1), np.stack([curve, y + high + bow], 1)[::-1]])
        canvas.fill(place(strip), band, area)
    glint = smooth([(-0.5, -0.6), (-0.42, 0), (-0.5, 0.6), (-0.58, 0)]) * (radii.min() * 1.5, 1)
    canvas.fill(place(glint), style.palette.light(colour, 0.7), area)
    style.outline(canvas, area, colour, 1.2, 0.5)


def flower(canvas: Canvas, place: Placement, style: Style, rng: np.random.Generator) -> None:
    """A stem with leaves, and petals round a middle."""
    stem = place(smooth([(0, 0), (rng.uniform(-0.3, 0.3), 1), (0, 2.4)], closed=False))
    green, petal_colour = style.palette.pick(rng), style.palette.pick(rng)
    canvas.stroke(stem, style.line(green), 0.14 * place.unit_px)
    canvas.stroke(stem, green, 0.14 * place.unit_px - style.line_px)
    for side in (-1, 1):
        leaf = smooth([(0, 1.5), (side * 0.5, 1.0), (side * 1.0, 1.1), (side * 0.5, 1.45)])
        style.area(canvas, place(leaf), green, 0.1 * place.unit_px)
    count, wide = int(rng.integers(5, 13)), rng.uniform(0.2, 0.45)
    petal = smooth([(0.15, 0), (0.6, -wide), (1.1, 0), (0.6, wide)])
    for turn in np.linspace(0, 2 * np.pi, count, endpoint=False):
        there = Placement(place.x, place.y, place.unit_px, place.angle + turn)
        style.area(canvas, there(petal), petal_colour, 0.08 * place.unit_px)
    style.area(canvas, place(ellipse(0, 0, 0.32, 0.32)), style.palette.pick(rng), 0.08 * place.unit_px)


def crystal(canvas: Canvas, place: Placement, style: Style, rng: np.random.Generator) -> None:
    """Facets of one colour, each of its own tone."""
    colour = style.palette.pick(rng)
    corners = np.array([(-0.6, -0.7), (-0.2, -0.9), (0.3, -0.85), (0.7, -0.5), (0, 1.2)])
    corners[:, 1] *= rng.uniform(0.8, 1.6)
    waist = np.array([(-0.6, -0.4), (-0.15, -0.3), (0.3, -0.35), (0.7, -0.35)])
    for i in range(3):
        for facet in (
            [corners[i], corners[i + 1], waist[i + 1], waist[i]],
            [waist[i], waist[i + 1], corners[4]],
        ):
            tone = mix(colour, WHITE if rng.random() < 0.5 else BLACK, rng.uniform(0, 0.4))
            style.area(canvas, place(facet), tone)


def fish(canvas: Canvas, place: Placement, style: Style, rng: np.random.Generator) -> None:
    """A fish with scales in rows."""
    colour, fin = style.palette.pick(rng), style.palette.pick(rng)
    tail = smooth([(0.9, 0), (1.7, -0.6), (1.45, 0), (1.7, 0.6)], steps=5)
    style.area(canvas, place(tail), fin, 0.1 * place.unit_px)
    area = place(smooth([(-1.2, 0.05), (-0.5, -0.6), (0.5, -0.45), (1.0, 0), (0.5, 0.4), (-0.5, 0.6)]))
    style.area(canvas, area, colour, 0.15 * place.unit_px)
    turn = np.linspace(-1.2, 1.2, 9)
    for x in np.arange(-0.3, 0.7, 0.2):
        for y in np.arange(-0.2, 0.25, 0.18):
            scale = np.stack([x + 0.1 * np.cos(turn), y + 0.09 * np.sin(turn)], 1)
            style.stroke(canvas, place(scale), colour, 0.8, 0.5)
    style.area(canvas, place(ellipse(-0.8, -0.1, 0.14, 0.14)), WHITE)
    canvas.fill(place(ellipse(-0.83, -0.1, 0.07, 0.07, 16)), BLACK)


def car(canvas: Canvas, place: Placement, style: Style, rng: np.random.Generator) -> None:
    """A car from its side."""
    colour, unit = style.palette.pick(rng), place.unit_px
    roof = [(-0.9, -0.1), (rng.uniform(-0.8, -0.3), -0.65), (rng.uniform(0.2, 0.6), -0.65), (0.9, -0.1)]
    body = [(-1.6, 0.5), (-1.6, 0.0), *roof, (1.5, 0.05), (1.65, 0.5)]
    area = place(smooth(body, steps=4))
    style.area(canvas, area, colour, 0.18 * unit, 0.4)
    glass = style.palette.light(style.palette.pick(rng), 0.6)
    pane = np.array([(-0.65, -0.12), (roof[1][0] + 0.12, -0.5), (roof[2][0] - 0.1, -0.5), (0.6, -0.12)])
    style.area(canvas, place(pane), glass, 0.1 * unit)
    canvas.stroke(place([(0.0, -0.5), (0.0, 0.45)]), style.line(colour), style.line_px)
    for x in (-0.95, 0.95):
        style.area(canvas, place(ellipse(x, 0.5, 0.36, 0.36)), (40, 40, 40))
        style.area(canvas, place(ellipse(x, 0.5, 0.18, 0.18)), (200, 200, 200))


def planet(canvas: Canvas, place: Placement, style: Style, rng: np.random.Generator) -> None:
    """A planet with spots and at times a ring."""
    colour = style.palette.pick(rng)
    area = place(ellipse(0, 0, 1, 1, 72))
    style.area(canvas, area, colour, 0.3 * place.unit_px)
    for _ in range(rng.integers(2, 7)):
        x, y = rng.uniform(-0.8, 0.8, 2)
        spot = blob(rng, 0.2) * rng.uniform(0.1, 0.4) + np.array([x, y])
        canvas.fill(place(spot), style.palette.shade(colour), area)
    if rng.random() < 0.5:
        turn = np.linspace(-0.3, np.pi + 0.3, 40)
        ring = np.stack([1.7 * np.cos(turn), 0.35 * np.sin(turn)], 1)
        canvas.stroke(place(ring), style.line(colour), 0.16 * place.unit_px + 2 * style.line_px)
        canvas.stroke(place(ring), style.palette.pick(rng), 0.16 * place.unit_px)


def sword(canvas: Canvas, place: Placement, style: Style, rng: np.random.Generator) -> None:
    """A blade with a guard and a handle."""
    turned = Placement(place.x, place.y, place.unit_px, place.angle + rng.uniform(-1, 1))
    steel = mix((200, 210, 225), style.palette.pick(rng), 0.2)
    blade = np.array([(-0.14, 0.6), (-0.14, -1.6), (0, -1.9), (0.14, -1.6), (0.14, 0.6)])
    style.area(canvas, turned(blade), steel)
    canvas.fill(
        turned(np.array([(0, 0.6), (0, -1.85), (0.13, -1.6), (0.13, 0.6)])), style.palette.shade(steel)
    )
    style.area(canvas, turned(box(-0.5, 0.6, 1.0, 0.16, 0.06)), style.palette.pick(rng))
    style.area(canvas, turned(box(-0.1, 0.76, 0.2, 0.6, 0.05)), style.palette.pick(rng))
    style.area(canvas, turned(ellipse(0, 1.45, 0.15, 0.15)), style.palette.pick(rng))
