"""Graphics with type: interfaces, charts, maps and documents."""

import numpy as np

from genstudio.data.artworks.canvas import FINER, Canvas, Placement, blob, box, smooth
from genstudio.data.artworks.icons import SIGNS
from genstudio.data.artworks.lettering import Type, write, write_block, write_turned
from genstudio.data.artworks.palettes import BLACK, WHITE, Palette, mix, palette


def interface(side_px: int, rng: np.random.Generator) -> Canvas:
    """A window: a title, a list, buttons, fields, sliders; drawn with a screen's own sharpness at times."""
    colours = palette(rng)
    dark = rng.random() < 0.4
    ground, ink = ((30, 32, 38), (225, 228, 232)) if dark else ((246, 247, 249), (32, 33, 36))
    accent = colours.pick(rng)
    canvas = Canvas(side_px, side_px, ground, FINER if rng.random() < 0.5 else 1)
    kind, size = Type(rng), float(np.exp(rng.uniform(np.log(12), np.log(72))))
    row, edge = 2.2 * size, mix(ground, ink, 0.2)
    canvas.fill(box(0, 0, side_px, row), accent if rng.random() < 0.6 else mix(ground, ink, 0.08))
    write(canvas, size, row / 2, kind.phrase(2, rng), kind, size, WHITE, anchor="lm")
    y, round_px = row + size, float(rng.choice((0, 3, 8, 30)))
    while y < side_px:
        x = size
        while x < side_px:
            wide = rng.uniform(4, 14) * size
            part = box(x, y, wide, row * 0.8, round_px)
            kind_of = rng.integers(6)
            if kind_of == 0:
                canvas.fill(part, accent)
                write(
                    canvas, x + wide / 2, y + 0.4 * row, kind.phrase(1, rng), kind, size, WHITE, anchor="mm"
                )
            elif kind_of == 1:
                canvas.outline(part, edge, max(1, size / 12))
                write(
                    canvas,
                    x + size / 2,
                    y + 0.4 * row,
                    kind.phrase(1, rng),
                    kind,
                    size,
                    mix(ground, ink, 0.6),
                    anchor="lm",
                )
            elif kind_of == 2:
                done = rng.random()
                canvas.fill(box(x, y + 0.35 * row, wide, 4, 2), edge)
                canvas.fill(box(x, y + 0.35 * row, wide * done, 4, 2), accent)
                canvas.disc(x + wide * done, y + 0.35 * row + 2, size / 2, accent)
            elif kind_of == 3:
                mark = Placement(x + size / 2, y + 0.4 * row, size / 2)
                canvas.outline(mark(box(-1, -1, 2, 2, 0.3)), ink, max(1, size / 12))
                if rng.random() < 0.6:
                    canvas.fill(mark(SIGNS[-1]()), accent)
                write(
                    canvas, x + 1.6 * size, y + 0.4 * row, kind.phrase(1, rng), kind, size, ink, anchor="lm"
                )
            elif kind_of == 4:
                canvas.fill(
                    Placement(x + size, y + 0.4 * row, 0.8 * size)(SIGNS[rng.integers(len(SIGNS))]()),
                    colours.pick(rng),
                )
            else:
                write(canvas, x, y + 0.4 * row, kind.phrase(2, rng), kind, size, ink, anchor="lm")
            x += wide + size
        y += row * rng.uniform(1, 1.4)
        if rng.random() < 0.3:
            canvas.fill(box(0, y - 0.15 * row, side_px, 1), edge)
    return canvas


def chart(side_px: int, rng: np.random.Generator) -> Canvas:
    """Bars, lines, points or a pie, with axes and figures."""
    colours, kind = palette(rng), Type(rng)
    canvas = Canvas(side_px, side_px, WHITE if rng.random() < 0.7 else colours.paper)
    size, margin = float(rng.uniform(0.03, 0.08) * side_px), 0.12 * side_px
    span, low = side_px - 2 * margin, side_px - margin
    write(canvas, side_px / 2, margin / 2, kind.phrase(3, rng), kind, 1.4 * size, BLACK, anchor="mm")
    shape = rng.integers(4)
    if shape == 3:
        shares = np.cumsum(rng.dirichlet(np.full(int(rng.integers(3, 9)), 2.0)))
        start = 0.0
        for share in shares:
            turn = np.linspace(start, share, 40) * 2 * np.pi
            rim = np.stack([np.cos(turn), np.sin(turn)], 1)
            slice_ = Placement(side_px / 2, side_px / 2, 0.4 * span)(np.concatenate([[(0, 0)], rim]))
            canvas.fill(slice_, colours.pick(rng))
            canvas.outline(slice_, WHITE, 2)
            start = share
        return canvas
    for level in np.linspace(0, 1, int(rng.integers(4, 9))):
        canvas.fill(box(margin, low - level * span, span, 1), (205, 205, 205))
        write(
            canvas,
            margin - size / 2,
            low - level * span,
            str(round(100 * level)),
            kind,
            size,
            BLACK,
            anchor="rm",
        )
    for _ in range(1 if shape == 0 else rng.integers(1, 5)):
        count = int(rng.integers(4, 14)) if shape == 0 else int(rng.integers(10, 60))
        high = np.clip(0.5 + np.cumsum(rng.normal(0, 1.5 / count, count)), 0.03, 1) * span
        x = margin + (np.arange(count) + 0.5) * span / count
        colour = colours.pick(rng)
        if shape == 0:
            for left, tall in zip(x, high, strict=True):
                canvas.fill(box(left - 0.35 * span / count, low - tall, 0.7 * span / count, tall), colour)
                write(canvas, left, low + size, kind.phrase(1, rng)[:4], kind, size, BLACK, anchor="mm")
        elif shape == 1:
            canvas.stroke(np.stack([x, low - high], 1), colour, rng.uniform(2, 9))
        else:
            for left, tall in zip(x, rng.permutation(high), strict=True):
                canvas.disc(left, low - tall, rng.uniform(3, 10), colour)
    canvas.fill(box(margin, low, span, 2), BLACK)
    canvas.fill(box(margin, margin, 2, span), BLACK)
    return canvas


def street_map(side_px: int, rng: np.random.Generator) -> Canvas:
    """Blocks, parks and water between streets, with names along them."""
    ground = (242, 239, 233)
    colours: Palette = palette(rng)
    canvas, kind = Canvas(side_px, side_px, ground), Type(rng)
    turned = Placement(side_px / 2, side_px / 2, 1, rng.uniform(-0.8, 0.8))
    for _ in range(rng.integers(2, 8)):
        x, y = rng.uniform(0, side_px, 2)
        land = Placement(x, y, rng.uniform(20, 120))(blob(rng, 0.25))
        canvas.fill(
            land, ((170, 211, 223), (200, 235, 176), (205, 235, 205), (224, 223, 223))[rng.integers(4)]
        )
    house, step = mix(ground, colours.pick(rng), 0.25), rng.uniform(40, 160)
    far = np.arange(-side_px, side_px, step)
    for x in far:
        for y in far:
            if rng.random() < 0.5:
                wide, high = rng.uniform(0.3, 0.8, 2) * step
                canvas.fill(turned(box(x + 0.15 * step, y + 0.15 * step, wide, high)), house)
    for wide, colour in ((1.25, (190, 185, 180)), (1.0, WHITE)):
        for at in far:
            for line in ([(at, -side_px), (at, side_px)], [(-side_px, at), (side_px, at)]):
                canvas.stroke(turned(line), colour, wide * 0.16 * step)
    road = smooth(rng.uniform(-0.1, 1.1, (5, 2)) * side_px, closed=False)
    main = colours.pick(rng)
    canvas.stroke(road, mix(main, BLACK, 0.3), 0.3 * step)
    canvas.stroke(road, main, 0.24 * step)
    for _ in range(rng.integers(3, 14)):
        x, y = rng.uniform(0, side_px, 2)
        angle = float(np.degrees(-turned.angle)) if rng.random() < 0.7 else 0.0
        write_turned(
            canvas,
            x,
            y,
            kind.phrase(int(rng.integers(1, 3)), rng),
            kind,
            rng.uniform(14, 48),
            (60, 60, 60),
            angle,
            (WHITE, 1.5),
        )
    return canvas


def document(side_px: int, rng: np.random.Generator) -> Canvas:
    """Blocks of type in one to three columns under a heading; set as a screen shows it or finer."""
    colours = palette(rng)
    paper, ink = (WHITE, BLACK) if rng.random() < 0.5 else (colours.paper, colours.ink)
    if rng.random() < 0.25:
        paper, ink = mix(colours.pick(rng), BLACK, 0.75), colours.light(colours.pick(rng), 0.7)
    canvas = Canvas(side_px, side_px, paper, 1 if rng.random() < 0.7 else 2)
    size = float(np.exp(rng.uniform(np.log(11), np.log(130))))
    count = int(rng.integers(1, 4)) if size < 24 else 1
    heading, wide = Type(rng), side_px / count
    write(canvas, size, 1.5 * size, heading.phrase(3, rng), heading, 2 * size, colours.pick(rng), anchor="lm")
    for column in range(count):
        y = 3 * size
        while y < side_px:
            kind, high = Type(rng), rng.uniform(3, 12) * size
            tint = ink if rng.random() < 0.75 else colours.pick(rng)
            write_block(
                canvas,
                column * wide + size,
                y,
                wide - 1.5 * size,
                high,
                kind,
                size * float(rng.choice((1, 1, 1, 1.5))),
                tint,
                rng,
            )
            y += high + size
    return canvas
