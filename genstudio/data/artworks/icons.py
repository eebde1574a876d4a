"""Icons and logos."""

from collections.abc import Callable

import numpy as np

from genstudio.data.artworks.canvas import Canvas, Placement, Points, box, ellipse, smooth
from genstudio.data.artworks.lettering import Type, write, write_turned
from genstudio.data.artworks.palettes import BLACK, WHITE, mix, palette


def _polygon(corners: int, inner: float = 1.0) -> Points:
    """A regular polygon, or a star with every second corner at `inner`."""
    turn = np.linspace(0, 2 * np.pi, corners, endpoint=False) - np.pi / 2
    points = np.stack([np.cos(turn), np.sin(turn)], 1)
    points[1::2] *= inner
    return points


def _heart() -> Points:
    t = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    across = 16 * np.sin(t) ** 3
    down = -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t))
    return np.stack([across, down], 1) / 17


SIGNS: tuple[Callable[[], Points], ...] = (
    lambda: _polygon(10, 0.42),
    lambda: _polygon(24, 0.8),
    lambda: _polygon(6),
    lambda: _polygon(3),
    _heart,
    lambda: np.array([(-1, -0.3), (0.1, -0.3), (0.1, -0.8), (1, 0), (0.1, 0.8), (0.1, 0.3), (-1, 0.3)]),
    lambda: np.array(
        [
            (-0.3, -1),
            (0.3, -1),
            (0.3, -0.3),
            (1, -0.3),
            (1, 0.3),
            (0.3, 0.3),
            (0.3, 1),
            (-0.3, 1),
            (-0.3, 0.3),
            (-1, 0.3),
            (-1, -0.3),
            (-0.3, -0.3),
        ]
    ),
    lambda: smooth([(0, -1), (0.8, -0.6), (0.7, 0.3), (0, 1), (-0.7, 0.3), (-0.8, -0.6)]),
    lambda: np.array([(0.2, -1), (-0.6, 0.15), (-0.05, 0.15), (-0.2, 1), (0.6, -0.2), (0.05, -0.2)]),
    lambda: smooth([(0, -1), (0.35, -0.2), (0.7, 0.4), (0, 1), (-0.7, 0.4), (-0.35, -0.2)]),
    lambda: np.array([(-1, 0.1), (-0.7, -0.2), (-0.3, 0.25), (0.7, -0.75), (1, -0.45), (-0.3, 0.85)]),
)


def icons(side_px: int, rng: np.random.Generator) -> Canvas:
    """Rows of icons on plates, or one large logo."""
    colours = palette(rng)
    canvas = Canvas(
        side_px, side_px, colours.paper if rng.random() < 0.7 else mix(colours.pick(rng), BLACK, 0.7)
    )
    count = int(rng.choice((1, 2, 3, 4, 6)))
    step = side_px / count
    lined = rng.random() < 0.4
    named = Type(rng)
    for row in range(count):
        for column in range(count):
            place = Placement((column + 0.5) * step, (row + 0.45) * step, step * rng.uniform(0.18, 0.26))
            plate, sign = colours.pick(rng), SIGNS[rng.integers(len(SIGNS))]()
            kind = rng.integers(5)
            under = [box(-1.5, -1.5, 3, 3, 0.6), ellipse(0, 0, 1.6, 1.6),
                smooth(_polygon(6) * 1.6, steps=6), box(-1.5, -1.5, 3, 3)]  # fmt: skip
            if kind < 4:
                shape = place(under[kind])
                if rng.random() < 0.5:
                    canvas.fill(shape, plate)
                else:
                    canvas.gradient(shape, plate, mix(plate, BLACK, 0.35), np.pi / 2)
                if lined:
                    canvas.outline(shape, colours.ink, 0.012 * step)
            shape = place(sign)
            if rng.random() < 0.7:
                canvas.fill(shape, WHITE if kind < 4 else colours.pick(rng))
            else:
                canvas.outline(shape, WHITE if kind < 4 else colours.ink, rng.uniform(0.01, 0.04) * step)
            if rng.random() < 0.5:
                write(canvas, place.x, (row + 0.92) * step, named.phrase(1, rng)[:10],
                    named, 0.1 * step, colours.ink, anchor="mm")  # fmt: skip
    return canvas


def logo(side_px: int, rng: np.random.Generator) -> Canvas:
    """A name in large type with an outline or a shadow, and a sign."""
    colours = palette(rng)
    canvas = Canvas(side_px, side_px, colours.paper)
    if rng.random() < 0.5:
        canvas.gradient(canvas.sheet(), colours.pick(rng), colours.pick(rng), rng.uniform(0, 6))
    kind = Type(rng)
    place = Placement(rng.uniform(0.3, 0.7) * side_px, 0.35 * side_px, rng.uniform(0.1, 0.3) * side_px)
    for size in np.linspace(1, 0.6, int(rng.integers(1, 4))):
        canvas.fill(place(SIGNS[rng.integers(len(SIGNS))]() * size), colours.pick(rng))
    ring = place(ellipse(0, 0, 1.25, 1.25))
    if rng.random() < 0.5:
        canvas.outline(ring, colours.ink, rng.uniform(2, 10))
    for at in (0.7, 0.88)[: rng.integers(1, 3)]:
        size = side_px * rng.uniform(0.06, 0.2)
        said, angle = kind.phrase(int(rng.integers(1, 3)), rng), rng.choice((0.0, rng.uniform(-15, 15)))
        if rng.random() < 0.4:
            shift = 0.06 * size
            write_turned(
                canvas,
                side_px / 2 + shift,
                at * side_px + shift,
                said,
                kind,
                size,
                mix(colours.ink, WHITE, 0.3),
                angle,
            )
        edge = (colours.ink, size * rng.uniform(0.02, 0.08)) if rng.random() < 0.6 else None
        write_turned(canvas, side_px / 2, at * side_px, said, kind, size, colours.pick(rng), angle, edge)
    return canvas
