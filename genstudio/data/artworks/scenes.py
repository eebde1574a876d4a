"""Scenes of comics and cartoons: a background, and figures and things before it."""

import numpy as np

from genstudio.data.artworks.backgrounds import BACKGROUNDS
from genstudio.data.artworks.canvas import Canvas, Placement
from genstudio.data.artworks.figures import face, toon
from genstudio.data.artworks.style import Style
from genstudio.data.artworks.things import thing


def scene(canvas: Canvas, style: Style, rng: np.random.Generator) -> None:
    """A background and, mostly, a figure or a few before it, from small to larger than the sheet."""
    BACKGROUNDS[rng.integers(len(BACKGROUNDS))](canvas, style.scaled(0.7), rng)
    size = min(canvas.width, canvas.height)
    units = np.sort(np.exp(rng.uniform(np.log(0.07), np.log(0.75), rng.choice((0, 1, 1, 1, 2, 3, 4)))))
    for share in units:
        place = Placement(
            rng.uniform(0.1, 0.9) * canvas.width, rng.uniform(0.35, 0.8) * canvas.height, size * float(share),
            rng.normal(0, 0.15), rng.random() < 0.5,
        )  # fmt: skip
        draw = (face, face, face, toon, thing)[rng.integers(5)]
        pen = min(1.4, place.unit_px / style.line_px / 14)  # a small figure wants a finer pen
        draw(canvas, place, style.scaled(pen), rng)
