"""Colours that belong together, as comics, cartoons and interfaces have them."""

import colorsys
from dataclasses import dataclass

import numpy as np

Colour = tuple[int, int, int]
BLACK, WHITE = (0, 0, 0), (255, 255, 255)
SKINS: tuple[Colour, ...] = (
    (255, 236, 222), (255, 224, 200), (253, 214, 184), (244, 198, 160), (224, 172, 128), (198, 134, 92),
    (150, 96, 66), (104, 66, 48), (250, 204, 150), (255, 217, 61), (188, 220, 170), (180, 200, 240),
)  # fmt: skip
FOUR_COLOUR: tuple[Colour, ...] = (
    (255, 242, 0), (237, 28, 36), (0, 114, 188), (0, 166, 81), (236, 0, 140), (0, 174, 239), (247, 148, 29),
    (102, 45, 145), (140, 98, 57), (141, 198, 63), (253, 198, 137), (109, 207, 246), (244, 154, 193),
)  # fmt: skip
FLAT: tuple[Colour, ...] = (
    (26, 188, 156), (46, 204, 113), (52, 152, 219), (155, 89, 182), (52, 73, 94), (241, 196, 15),
    (230, 126, 34), (231, 76, 60), (149, 165, 166), (33, 150, 243), (233, 30, 99), (0, 150, 136),
)  # fmt: skip
# Least and greatest saturation and value of a scheme's colours, in [0, 1].
SCHEMES: dict[str, tuple[float, float, float, float]] = {
    "anime": (0.35, 0.85, 0.55, 1.0),
    "saturated": (0.75, 1.0, 0.7, 1.0),
    "pastel": (0.15, 0.4, 0.85, 1.0),
    "vintage": (0.25, 0.6, 0.35, 0.85),
    "night": (0.4, 0.9, 0.15, 0.6),
    "neon": (0.8, 1.0, 0.85, 1.0),
}


@dataclass(frozen=True)
class Palette:
    """A picture's colours, each 0 to 255: `ink` for outlines, `paper` below all, `skin`, and the others."""

    ink: Colour
    paper: Colour
    skin: Colour
    colours: tuple[Colour, ...]
    shadow: Colour  # what shaded areas are multiplied by

    def pick(self, rng: np.random.Generator) -> Colour:
        """One of the colours."""
        return self.colours[rng.integers(len(self.colours))]

    def shade(self, colour: Colour) -> Colour:
        """`colour` in shadow."""
        r, g, b = (c * s // 255 for c, s in zip(colour, self.shadow, strict=True))
        return r, g, b

    def light(self, colour: Colour, share: float = 0.5) -> Colour:
        """`colour` brought nearer to white by `share`."""
        return mix(colour, WHITE, share)


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """`first` with a `share` of `second` in it."""
    r, g, b = (round(f + share * (s - f)) for f, s in zip(first, second, strict=True))
    return r, g, b


def luma(colour: Colour) -> float:
    """Brightness in [0, 1] by BT.601's weights."""
    return (0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]) / 255


def hsv(hue: float, saturation: float, value: float) -> Colour:
    """A colour from hue, saturation and value in [0, 1]; hues outside wrap round."""
    r, g, b = (round(255 * c) for c in colorsys.hsv_to_rgb(hue % 1, saturation, value))
    return r, g, b


def palette(rng: np.random.Generator) -> Palette:
    """A colour palette: process colours, an interface's flat ones, or hues in harmony within a scheme."""
    kind = rng.random()
    shadow = hsv(rng.uniform(0.55, 0.85), rng.uniform(0.1, 0.35), rng.uniform(0.65, 0.88))
    skin = SKINS[min(rng.geometric(0.2) - 1, len(SKINS) - 1)]
    ink: Colour = BLACK if rng.random() < 0.65 else hsv(rng.random(), rng.uniform(0.2, 0.7), 0.2)
    paper = WHITE if rng.random() < 0.5 else hsv(rng.uniform(0.08, 0.16), rng.uniform(0.02, 0.15), 0.97)
    if kind < 0.15:
        return Palette(ink, paper, skin, tuple(_some(FOUR_COLOUR, rng)), shadow)
    if kind < 0.25:
        return Palette(ink, paper, skin, tuple(_some(FLAT, rng)), shadow)
    scheme = rng.choice(list(SCHEMES), p=(0.35, 0.25, 0.15, 0.1, 0.1, 0.05))
    low_s, high_s, low_v, high_v = SCHEMES[str(scheme)]
    base = rng.random()
    steps = ((0, 0.08, -0.08), (0, 0.5, 0.05), (0, 1 / 3, 2 / 3), (0, 0.42, 0.58), (0, 0.25, 0.5, 0.75))
    hues = steps[rng.integers(len(steps))]
    colours = [
        hsv(
            base + hues[i % len(hues)] + rng.normal(0, 0.02),
            rng.uniform(low_s, high_s),
            rng.uniform(low_v, high_v),
        )
        for i in range(rng.integers(4, 9))
    ]
    colours.append(hsv(base, 0.05, rng.uniform(0.2, 1)))
    return Palette(ink, paper, skin, tuple(colours), shadow)


def black_and_white(rng: np.random.Generator) -> Palette:
    """Manga's: white, black and greys."""
    greys = [int(v) for v in rng.integers(90, 235, 3)]
    colours = (WHITE, WHITE, BLACK, *((v, v, v) for v in greys))
    skin = WHITE if rng.random() < 0.8 else (225, 225, 225)
    return Palette(BLACK, WHITE, skin, colours, (170, 170, 170))


def _some(colours: tuple[Colour, ...], rng: np.random.Generator) -> list[Colour]:
    return [colours[i] for i in rng.permutation(len(colours))[: rng.integers(4, 8)]]
