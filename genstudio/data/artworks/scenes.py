"""Backgrounds of comics and cartoons: skies, hills, towns, speed lines; and scenes with figures."""

import numpy as np

from genstudio.data.artworks.canvas import Canvas, Placement, Screen, blob, box, ellipse, smooth
from genstudio.data.artworks.figures import face, toon
from genstudio.data.artworks.palettes import WHITE, Palette, mix


def screen(rng: np.random.Generator) -> Screen:
    """A screentone as printers have them, of 4 to 20 px."""
    kind = "dots" if rng.random() < 0.75 else "lines"
    return Screen(float(rng.uniform(4, 11) if rng.random() < 0.8 else rng.uniform(11, 20)),
        float(rng.choice((np.pi / 4, np.pi / 4, 0, np.pi / 6, rng.uniform(0, 3)))), kind)  # fmt: skip


def scene(canvas: Canvas, palette: Palette, line_px: float, rng: np.random.Generator) -> None:
    """A background and, mostly, a figure or two before it."""
    backdrop = (landscape, landscape, town, burst, plain, plain)[rng.integers(6)]
    backdrop(canvas, palette, line_px, rng)
    size = min(canvas.width, canvas.height)
    for _ in range(rng.choice((0, 1, 1, 1, 2, 3))):
        unit = size * float(np.exp(rng.uniform(np.log(0.07), np.log(0.42))))
        place = Placement(
            rng.uniform(0.1, 0.9) * canvas.width, rng.uniform(0.35, 0.8) * canvas.height, unit,
            rng.normal(0, 0.15), rng.random() < 0.5,
        )  # fmt: skip
        draw = face if rng.random() < 0.7 else toon
        draw(canvas, place, palette, line_px * float(np.clip(unit / size / 0.2, 0.5, 1.4)), rng)


def plain(canvas: Canvas, palette: Palette, line_px: float, rng: np.random.Generator) -> None:
    """A flat colour, a gradient or a screentone that fades."""
    colour = palette.light(palette.pick(rng), 0.4)
    sheet = canvas.sheet()
    kind = rng.integers(4)
    if kind == 0 and canvas.screen is None:
        canvas.gradient(sheet, colour, palette.pick(rng), rng.uniform(0, 2 * np.pi))
    elif kind == 1:
        canvas.tone(
            sheet, palette.shade(palette.pick(rng)), screen(rng), (rng.uniform(0, 0.6), rng.uniform(0, 0.6))
        )
    elif kind == 2:
        canvas.fill(sheet, colour)
        for _ in range(rng.integers(5, 30)):
            x, y = rng.uniform(0, (canvas.width, canvas.height))
            place = Placement(x, y, rng.uniform(4, 40))
            star = np.stack([np.cos(a := np.linspace(0, 2 * np.pi, 10, False)), np.sin(a)], 1)
            star[::2] *= 0.4
            canvas.fill(place(star), palette.pick(rng))
    else:
        canvas.fill(sheet, colour)


def landscape(canvas: Canvas, palette: Palette, line_px: float, rng: np.random.Generator) -> None:
    """A sky with clouds over hills, and trees."""
    w, h, ink = canvas.width, canvas.height, palette.ink
    top, low = palette.pick(rng), palette.light(palette.pick(rng), 0.5)
    if canvas.screen is None:
        canvas.gradient(canvas.sheet(), top, low, np.pi / 2)
    elif rng.random() < 0.6:
        canvas.tone(canvas.sheet(), ink, screen(rng), (0.6, 0.0))
    if rng.random() < 0.5:
        canvas.disc(
            rng.uniform(0, w), rng.uniform(0, h / 2), rng.uniform(0.05, 0.15) * w, palette.light(top, 0.8)
        )
    lined = rng.random() < 0.6
    for _ in range(rng.integers(0, 4)):
        x, y, size = rng.uniform(0, w), rng.uniform(0, h * 0.5), rng.uniform(0.06, 0.16) * w
        for lift, colour in ((0.0, palette.shade(WHITE)), (-0.2, WHITE)):
            for part in np.linspace(-1.5, 1.5, 6):
                canvas.disc(
                    x + part * size,
                    y + (lift - 0.4 * np.cos(part)) * size,
                    size * (0.8 - 0.25 * abs(part)),
                    colour,
                )
    for layer in range(rng.integers(1, 5)):
        base = h * (0.5 + 0.13 * layer)
        ridge = base + rng.normal(0, 0.06 * h, int(rng.integers(4, 10)))
        points = smooth(
            np.stack([np.linspace(-0.1 * w, 1.1 * w, len(ridge)), ridge], 1),
            closed=False,
            steps=(1, 8)[rng.integers(2)],
        )
        hill = np.concatenate([points, [(1.1 * w, 1.1 * h), (-0.1 * w, 1.1 * h)]])
        colour = palette.pick(rng)
        canvas.fill(hill, colour)
        if rng.random() < 0.5:
            canvas.fill(hill + np.array([0, rng.uniform(0.02, 0.08) * h]), palette.shade(colour), hill)
        if lined:
            canvas.stroke(points, ink, line_px)
        for _ in range(rng.integers(0, 5)):
            foot = points[rng.integers(len(points))]
            _tree(
                canvas, Placement(foot[0], foot[1], rng.uniform(0.04, 0.12) * h), palette, line_px, lined, rng
            )
    if rng.random() < 0.4:
        blades = palette.shade(palette.pick(rng))
        for x in rng.uniform(0, w, 60):
            y, tall = rng.uniform(0.75, 1.0) * h, rng.uniform(0.03, 0.1) * h
            blade = [(x, y), (x + 0.1 * tall, y - 0.6 * tall), (x + rng.uniform(-0.5, 0.5) * tall, y - tall)]
            canvas.stroke(smooth(blade, closed=False, steps=5), blades, line_px * 1.5, 1.0)


def _tree(
    canvas: Canvas, place: Placement, palette: Palette, line_px: float, lined: bool, rng: np.random.Generator
) -> None:
    trunk, crown = (
        place(box(-0.15, -1.2, 0.3, 1.5)),
        place(blob(rng, 0.2, 12) * (0.9, 1.0) + np.array([0, -1.8])),
    )
    leaf = palette.pick(rng)
    canvas.fill(trunk, palette.shade((150, 100, 60)) if canvas.screen is None else WHITE)
    if lined:
        canvas.outline(trunk, palette.ink, line_px)
    canvas.fill(crown, palette.shade(leaf))
    canvas.fill(crown - np.array([0.15, 0.2]) * place.unit_px, leaf, crown)
    if lined:
        canvas.outline(crown, palette.ink, line_px, 1.0)


def town(canvas: Canvas, palette: Palette, line_px: float, rng: np.random.Generator) -> None:
    """Houses side by side, with windows."""
    w, h = canvas.width, canvas.height
    if canvas.screen is None:
        canvas.gradient(canvas.sheet(), palette.pick(rng), palette.light(palette.pick(rng), 0.6), np.pi / 2)
    for row in range(rng.integers(1, 4)):
        x = -rng.uniform(0, 0.1) * w
        while x < w:
            wide, top = rng.uniform(0.08, 0.25) * w, h * (rng.uniform(0.15, 0.5) + 0.15 * row)
            wall = palette.pick(rng)
            house = box(x, top, wide, h * 1.1)
            canvas.fill(house, wall)
            canvas.fill(box(x + 0.7 * wide, top, wide, h * 1.1), palette.shade(wall), house)
            across, step = int(rng.integers(2, 6)), wide / 6
            glass = palette.light(palette.pick(rng), 0.6)
            for y in np.arange(top + step, h, 1.6 * step):
                for column in range(across):
                    pane = box(x + (column + 0.25) * wide / across, y, 0.5 * wide / across, step)
                    canvas.fill(pane, glass if rng.random() < 0.8 else palette.ink)
                    if rng.random() < 0.5:
                        canvas.outline(pane, palette.ink, 0.6 * line_px)
            if rng.random() < 0.4:
                roof = np.array(
                    [(x - 0.08 * wide, top), (x + wide / 2, top - 0.5 * wide), (x + 1.08 * wide, top)]
                )
                canvas.fill(roof, palette.pick(rng))
                canvas.outline(roof, palette.ink, line_px)
            canvas.outline(house, palette.ink, line_px)
            x += wide * rng.uniform(0.95, 1.2)


def burst(canvas: Canvas, palette: Palette, line_px: float, rng: np.random.Generator) -> None:
    """Speed lines: from all sides towards a point, or all along one direction; or rays of two colours."""
    w, h = canvas.width, canvas.height
    x, y, far = rng.uniform(0.3, 0.7) * w, rng.uniform(0.3, 0.7) * h, 1.2 * max(w, h)
    ground = palette.light(palette.pick(rng), 0.7)
    canvas.fill(canvas.sheet(), ground)
    kind = rng.integers(3)
    if kind == 0:
        for angle in np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(60, 220)))):
            inner, half = rng.uniform(0.25, 0.5) * min(w, h), rng.uniform(0.002, 0.012)
            ends = np.array([(inner, 0.0), (far, far * half), (far, -far * half)])
            canvas.fill(Placement(x, y, 1, angle)(ends), palette.ink)
    elif kind == 1:
        angle = rng.choice((0.0, np.pi / 2, rng.uniform(0, np.pi)))
        for _ in range(rng.integers(40, 160)):
            start, off, long = (
                rng.uniform(-far, far),
                rng.uniform(-far / 1.5, far / 1.5),
                rng.uniform(0.2, 1) * far,
            )
            line = np.array([(start, off), (start + long / 2, off), (start + long, off)])
            canvas.stroke(Placement(x, y, 1, angle)(line), palette.ink, line_px * rng.uniform(0.4, 1.5), 1.0)
    else:
        rays, second = int(rng.integers(6, 24)), mix(ground, palette.pick(rng), 0.6)
        for ray in range(rays):
            half = np.pi / rays / 2
            ends = np.array(
                [(0, 0), (far * np.cos(half), far * np.sin(half)), (far * np.cos(half), -far * np.sin(half))]
            )
            canvas.fill(Placement(x, y, 1, 4 * half * ray)(ends), second)
        if rng.random() < 0.5:
            canvas.fill(ellipse(x, y, 0.2 * w, 0.2 * w), palette.pick(rng))
