"""How a picture is drawn: its colours, its pen, and how it shades."""

from dataclasses import dataclass

import numpy as np

from genstudio.data.artworks.canvas import Canvas, Points, Screen
from genstudio.data.artworks.palettes import BLACK, WHITE, Colour, Palette, black_and_white, mix, palette


@dataclass(frozen=True)
class Style:
    """`line_px` is the pen's width; `lines` are in "ink", "coloured" (the area's colour, darker) or "none";
    `shading` is "flat" (two tones), "soft" (a gradient), "screen" (dots or lines) or "none"."""

    palette: Palette
    line_px: float
    lines: str
    shading: str
    screen: Screen

    def line(self, colour: Colour) -> Colour:
        """The colour of the line round an area of `colour`."""
        return self.palette.ink if self.lines == "ink" else mix(colour, BLACK, 0.6)

    def scaled(self, by: float) -> "Style":
        """With a pen `by` times as wide."""
        return Style(self.palette, self.line_px * by, self.lines, self.shading, self.screen)

    def outline(
        self, canvas: Canvas, area: Points, colour: Colour, wide: float = 1.0, phase: float | None = None
    ) -> None:
        """The line round an area, `wide` times the pen's width."""
        if self.lines != "none":
            canvas.outline(area, self.line(colour), wide * self.line_px, phase)

    def stroke(
        self, canvas: Canvas, points: Points, colour: Colour, wide: float = 1.0, taper: float = 0.9
    ) -> None:
        """A line within an area of `colour`; drawn in every style."""
        canvas.stroke(points, self.line(colour), wide * self.line_px, taper)

    def shade(self, canvas: Canvas, area: Points, colour: Colour, within: Points) -> None:
        """Shade what lies in `area` of an area of `colour`."""
        dark = self.palette.shade(colour)
        if self.shading == "flat" or (self.shading == "soft" and canvas.screen is not None):
            canvas.fill(area, dark, within)
        elif self.shading == "soft":
            canvas.gradient(area, colour, dark, 0.0, within)
        elif self.shading == "screen":
            canvas.tone(area, mix(dark, self.palette.ink, 0.3), self.screen, (0.2, 0.5), within)

    def area(
        self, canvas: Canvas, area: Points, colour: Colour, light_px: float = 0.0, phase: float | None = None
    ) -> None:
        """A filled area with its line; its lower right is shaded where it lies more than `light_px` from the
        area's edge moved up and left."""
        if light_px and self.shading == "flat":
            canvas.fill(area, self.palette.shade(colour))
            canvas.fill(area - np.array([1.0, 0.8]) * light_px, colour, area)
        else:
            canvas.fill(area, colour)
            if light_px:
                low, high = area.min(0), area.max(0)
                middle = (low + high) / 2
                self.shade(
                    canvas,
                    np.array([(middle[0], low[1]), (high[0], low[1]), high, (low[0], high[1])]),
                    colour,
                    area,
                )
        self.outline(canvas, area, colour, 1.0, phase)


def screen(rng: np.random.Generator) -> Screen:
    """A screentone as printers have them, of 5 to 28 px."""
    kind = "dots" if rng.random() < 0.75 else "lines"
    angle = rng.choice((np.pi / 4, np.pi / 4, 0, np.pi / 6, rng.uniform(0, 3)))
    return Screen(float(np.exp(rng.uniform(np.log(5), np.log(28)))), float(angle), kind)


def style(rng: np.random.Generator, grey: bool = False) -> Style:
    """A style in colour, or in black, white and greys."""
    colours = black_and_white(rng) if grey else palette(rng)
    lines = "ink" if grey else str(rng.choice(("ink", "coloured", "none"), p=(0.7, 0.2, 0.1)))
    shading = str(rng.choice(("flat", "soft", "screen", "none"), p=(0.6, 0.15, 0.1, 0.15)))
    line_px = float(np.exp(rng.uniform(np.log(1.6), np.log(12))))
    if not grey and rng.random() < 0.08:  # line art alone
        colours, shading = (
            Palette(colours.ink, colours.paper, colours.paper, (colours.paper, WHITE), WHITE),
            "none",
        )
    return Style(colours, line_px, lines, shading, screen(rng))
