"""Backgrounds of comics and cartoons: plain ones, landscapes, seas, towns, rooms, nights, speed lines."""

import numpy as np

from genstudio.data.artworks.canvas import Canvas, Placement, Points, blob, box, ellipse, smooth
from genstudio.data.artworks.palettes import WHITE, Colour, mix
from genstudio.data.artworks.style import Style, screen


def plain(canvas: Canvas, style: Style, rng: np.random.Generator) -> None:
    """A flat colour, a gradient, a screentone that fades, or scattered stars and blots."""
    colours = style.palette
    colour, second = colours.light(colours.pick(rng), 0.4), colours.pick(rng)
    sheet = canvas.sheet()
    kind = rng.integers(5)
    canvas.fill(sheet, colour)
    if kind == 0 and canvas.screen is None:
        canvas.gradient(sheet, colour, second, rng.uniform(0, 2 * np.pi))
    elif kind == 1:
        canvas.tone(sheet, colours.shade(second), screen(rng), (rng.uniform(0, 0.6), rng.uniform(0, 0.6)))
    elif kind == 2:
        for _ in range(rng.integers(5, 30)):
            x, y = rng.uniform(0, (canvas.width, canvas.height))
            star = ellipse(0, 0, 1, 1, 10)
            star[::2] *= 0.4
            shape = star if rng.random() < 0.5 else blob(rng, 0.3)
            canvas.fill(Placement(x, y, rng.uniform(4, 40), rng.uniform(0, 2))(shape), colours.pick(rng))


def _sky(canvas: Canvas, style: Style, rng: np.random.Generator) -> None:
    w, h, colours = canvas.width, canvas.height, style.palette
    top, low = colours.pick(rng), colours.light(colours.pick(rng), 0.5)
    if canvas.screen is not None:
        if rng.random() < 0.6:
            canvas.tone(canvas.sheet(), colours.ink, style.screen, (0.6, 0.0))
    else:
        canvas.gradient(canvas.sheet(), top, low, np.pi / 2)
    if rng.random() < 0.5:
        canvas.disc(
            rng.uniform(0, w), rng.uniform(0, h / 2), rng.uniform(0.05, 0.15) * w, colours.light(top, 0.8)
        )
    for _ in range(rng.integers(0, 4)):
        x, y, size = rng.uniform(0, w), rng.uniform(0, h * 0.5), rng.uniform(0.06, 0.16) * w
        for lift, colour in ((0.0, colours.shade(WHITE)), (-0.2, WHITE)):
            for part in np.linspace(-1.5, 1.5, 6):
                down = (lift - 0.4 * np.cos(part)) * size
                canvas.disc(x + part * size, y + down, size * (0.8 - 0.25 * abs(part)), colour)


def landscape(canvas: Canvas, style: Style, rng: np.random.Generator) -> None:
    """Hills or mountains under a sky, with trees and grass."""
    w, h, colours = canvas.width, canvas.height, style.palette
    _sky(canvas, style, rng)
    for layer in range(rng.integers(1, 5)):
        ridge = h * (0.5 + 0.13 * layer) + rng.normal(0, 0.06 * h, int(rng.integers(4, 10)))
        knots = np.stack([np.linspace(-0.1 * w, 1.1 * w, len(ridge)), ridge], 1)
        points = smooth(knots, closed=False, steps=(1, 8)[rng.integers(2)])
        hill = np.concatenate([points, [(1.1 * w, 1.1 * h), (-0.1 * w, 1.1 * h)]])
        colour = colours.pick(rng)
        canvas.fill(hill, colour)
        if rng.random() < 0.5:
            style.shade(canvas, hill + np.array([0, rng.uniform(0.02, 0.08) * h]), colour, hill)
        if style.lines != "none":
            canvas.stroke(points, style.line(colour), style.line_px)
        for _ in range(rng.integers(0, 5)):
            foot = points[rng.integers(len(points))]
            _tree(canvas, Placement(foot[0], foot[1], rng.uniform(0.04, 0.12) * h), style, rng)
    if rng.random() < 0.4:
        blades = colours.shade(colours.pick(rng))
        for x in rng.uniform(0, w, 60):
            y, tall = rng.uniform(0.75, 1.0) * h, rng.uniform(0.03, 0.1) * h
            blade = [(x, y), (x + 0.1 * tall, y - 0.6 * tall), (x + rng.uniform(-0.5, 0.5) * tall, y - tall)]
            canvas.stroke(smooth(blade, closed=False, steps=5), blades, style.line_px * 1.5, 1.0)


def _tree(canvas: Canvas, place: Placement, style: Style, rng: np.random.Generator) -> None:
    style.area(canvas, place(box(-0.15, -1.2, 0.3, 1.5)), (150, 100, 60) if canvas.screen is None else WHITE)
    leaf = style.palette.pick(rng)
    if rng.random() < 0.3:
        for lift in (0.0, -0.7, -1.4):
            layer = np.array([(-0.9, -0.6 + lift), (0, -1.9 + lift), (0.9, -0.6 + lift)])
            style.area(canvas, place(layer * (1 + 0.2 * lift, 1)), leaf, 0.15 * place.unit_px)
        return
    crown = place(blob(rng, 0.2, 12) * (0.9, 1.0) + np.array([0, -1.8]))
    style.area(canvas, crown, leaf, 0.2 * place.unit_px, 1.0)


def sea(canvas: Canvas, style: Style, rng: np.random.Generator) -> None:
    """Water to the horizon with glints and waves."""
    w, h, colours = canvas.width, canvas.height, style.palette
    _sky(canvas, style, rng)
    horizon, water = h * rng.uniform(0.3, 0.7), colours.pick(rng)
    canvas.fill(box(-1, horizon, w + 2, h), water)
    for _ in range(rng.integers(20, 80)):
        near = rng.random() ** 0.7
        x, y, long = rng.uniform(0, w), horizon + near * (h - horizon), (0.02 + 0.15 * near) * w
        line = smooth([(x, y), (x + long / 2, y + 0.06 * long), (x + long, y)], closed=False, steps=5)
        glint = colours.light(water, 0.6) if rng.random() < 0.6 else colours.shade(water)
        canvas.stroke(line, glint, style.line_px * (0.5 + 2 * near), 1.0)
    for _ in range(rng.integers(0, 3)):
        base, size = rng.uniform(horizon, h), rng.uniform(0.04, 0.1) * w
        along = np.arange(-0.1 * w, 1.1 * w, size / 6)
        crest = np.stack([along, base - size * np.abs(np.sin(along / size)) ** 0.7], 1)
        wave = np.concatenate([crest, [(1.1 * w, 1.2 * h), (-0.1 * w, 1.2 * h)]])
        style.area(canvas, wave, mix(water, colours.pick(rng), 0.3))


def town(canvas: Canvas, style: Style, rng: np.random.Generator) -> None:
    """Houses side by side, with windows."""
    w, h, colours = canvas.width, canvas.height, style.palette
    _sky(canvas, style, rng)
    for row in range(rng.integers(1, 3)):
        x = -rng.uniform(0, 0.1) * w
        while x < w:
            wide, top = rng.uniform(0.12, 0.35) * w, h * (rng.uniform(0.1, 0.5) + 0.15 * row)
            wall = colours.pick(rng)
            house = box(x, top, wide, h * 1.1)
            canvas.fill(house, wall)
            style.shade(canvas, box(x + 0.7 * wide, top, wide, h * 1.1), wall, house)
            _windows(canvas, style, x, top, wide, wall, rng)
            if rng.random() < 0.4:
                roof = [(x - 0.08 * wide, top), (x + wide / 2, top - 0.5 * wide), (x + 1.08 * wide, top)]
                style.area(canvas, np.array(roof), colours.pick(rng))
            style.outline(canvas, house, wall)
            x += wide * rng.uniform(0.95, 1.2)


def _windows(
    canvas: Canvas, style: Style, x: float, top: float, wide: float, wall: Colour, rng: np.random.Generator
) -> None:
    across, step = int(rng.integers(2, 5)), wide / 6
    glass, framed = style.palette.light(style.palette.pick(rng), 0.6), rng.random() < 0.5
    for y in np.arange(top + step, canvas.height, 1.6 * step):
        for column in range(across):
            pane = box(x + (column + 0.25) * wide / across, y, 0.5 * wide / across, step)
            canvas.fill(pane, glass if rng.random() < 0.8 else style.palette.ink)
            if framed:
                style.outline(canvas, pane, wall, 0.6)


def room(canvas: Canvas, style: Style, rng: np.random.Generator) -> None:
    """A room in perspective: boards, walls, a window, a picture, a shelf of books."""
    w, h, colours = canvas.width, canvas.height, style.palette
    wall, floor = colours.light(colours.pick(rng), 0.4), colours.pick(rng)
    inner = np.array([(0.2 * w, 0.15 * h), (0.8 * w, 0.15 * h), (0.8 * w, 0.65 * h), (0.2 * w, 0.65 * h)])
    inner += rng.uniform(-0.1, 0.1, 2) * (w, h)
    corners = canvas.sheet()
    ceiling = colours.light(wall, 0.5)
    for i, colour in enumerate((ceiling, colours.shade(wall), floor, wall)):
        side = np.array([corners[i], corners[(i + 1) % 4], inner[(i + 1) % 4], inner[i]])
        style.area(canvas, side, colour)
    for share in np.linspace(0, 1, int(rng.integers(4, 12)))[1:-1]:
        far, near = inner[3] + share * (inner[2] - inner[3]), corners[3] + share * (corners[2] - corners[3])
        style.stroke(canvas, np.array([far, (far + near) / 2, near]), floor, 0.7, 0)
    style.area(canvas, inner, wall)
    left, top = inner[0] + (0.06 * w, 0.06 * h)
    style.area(canvas, box(left, top, 0.2 * w, 0.25 * h), colours.light(colours.pick(rng), 0.6))
    style.stroke(canvas, np.array([(left + 0.1 * w, top), (left + 0.1 * w, top + 0.25 * h)]), wall, 1, 0)
    shelf, x = top + 0.2 * h, left + 0.26 * w
    while x < inner[1, 0] - 0.05 * w:
        wide, tall = rng.uniform(0.01, 0.03) * w, rng.uniform(0.08, 0.14) * h
        style.area(canvas, box(x, shelf - tall, wide, tall), colours.pick(rng))
        x += wide
    style.area(canvas, box(left + 0.25 * w, shelf, inner[1, 0] - left - 0.28 * w, 0.02 * h), floor)


def night(canvas: Canvas, style: Style, rng: np.random.Generator) -> None:
    """A dark sky with stars and glows."""
    dark = mix(style.palette.pick(rng), (5, 5, 20), 0.8)
    if canvas.screen is None:
        canvas.gradient(canvas.sheet(), dark, mix(style.palette.pick(rng), dark, 0.4), np.pi / 2)
    else:
        canvas.fill(canvas.sheet(), style.palette.ink)
    for size in rng.exponential(1.3, int(rng.integers(40, 200))):
        canvas.disc(rng.uniform(0, canvas.width), rng.uniform(0, canvas.height), 0.6 + size, WHITE)
    for _ in range(rng.integers(0, 8)):
        x, y = rng.uniform(0, (canvas.width, canvas.height))
        star = ellipse(0, 0, 1, 1, 8)
        star[1::2] *= 0.15
        canvas.fill(Placement(x, y, rng.uniform(6, 30))(star), WHITE)


def burst(canvas: Canvas, style: Style, rng: np.random.Generator) -> None:
    """Speed lines: from all sides towards a point, or all along one direction; or rays of two colours."""
    w, h, colours = canvas.width, canvas.height, style.palette
    x, y, far = rng.uniform(0.3, 0.7) * w, rng.uniform(0.3, 0.7) * h, 1.2 * max(w, h)
    ground = colours.light(colours.pick(rng), 0.7)
    canvas.fill(canvas.sheet(), ground)
    kind = rng.integers(3)
    if kind == 0:
        for angle in np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(50, 180)))):
            inner, half = rng.uniform(0.25, 0.5) * min(w, h), rng.uniform(0.002, 0.014)
            canvas.fill(Placement(x, y, 1, angle)(_wedge(inner, far, half)), colours.ink)
    elif kind == 1:
        angle = rng.choice((0.0, np.pi / 2, rng.uniform(0, np.pi)))
        for _ in range(rng.integers(40, 160)):
            start, off = rng.uniform(-far, far), rng.uniform(-far / 1.5, far / 1.5)
            line = np.array(
                [(start, off), (start + 0.3 * far, off), (start + rng.uniform(0.4, 1) * far, off)]
            )
            canvas.stroke(
                Placement(x, y, 1, angle)(line), colours.ink, style.line_px * rng.uniform(0.4, 1.5), 1.0
            )
    else:
        rays, second = int(rng.integers(6, 24)), mix(ground, colours.pick(rng), 0.6)
        for turn in np.linspace(0, 2 * np.pi, rays, endpoint=False):
            canvas.fill(Placement(x, y, 1, turn)(_wedge(0, far, np.pi / rays / 2)), second)
        if rng.random() < 0.5:
            canvas.fill(ellipse(x, y, 0.2 * w, 0.2 * w), colours.pick(rng))


def _wedge(inner: float, far: float, half: float) -> Points:
    """From a point at `inner` out to `far`, of half an angle `half`."""
    return np.array([(inner, 0.0), (far, far * np.tan(half)), (far, -far * np.tan(half))])


BACKGROUNDS = (plain, plain, landscape, landscape, sea, town, room, night, burst, burst)
