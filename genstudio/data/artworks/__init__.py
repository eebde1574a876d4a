"""Comics, cartoons, graphics and lettering made up by chance, for upscalers of drawings to learn from.

- `canvas`: drawing with smooth edges; outlines, fills, gradients, screentone.
- `palettes`: colours that belong together.
- `words`, `lettering`: words in several scripts, and the machine's fonts.
- `style`: a picture's colours, pen and shading.
- `figures`: faces, hair, eyes, cartoon animals; `things`: flowers, cars, fish and the like.
- `backgrounds`: skies, hills, seas, towns, rooms, speed lines; `scenes`: figures and things before them.
- `pages`: illustrations, pages of comics and manga, bubbles.
- `icons`: icons and logos; `graphics`: interfaces, charts, maps, documents.
- `sprites`: pixel art.
"""

from collections.abc import Callable

import numpy as np

from genstudio.data.artworks.canvas import Canvas, Pixels
from genstudio.data.artworks.graphics import chart, document, interface, street_map
from genstudio.data.artworks.icons import icons, logo
from genstudio.data.artworks.pages import comic, illustration, manga
from genstudio.data.artworks.sprites import sprites

# Each kind's maker and how often it is drawn.
KINDS: dict[str, tuple[Callable[[int, np.random.Generator], Canvas | Pixels], float]] = {
    "illustration": (illustration, 0.3),
    "comic": (comic, 0.13),
    "manga": (manga, 0.17),
    "icons": (icons, 0.06),
    "logo": (logo, 0.06),
    "interface": (interface, 0.06),
    "chart": (chart, 0.04),
    "map": (street_map, 0.04),
    "document": (document, 0.07),
    "sprites": (sprites, 0.07),
}


def artwork(side_px: int, rng: np.random.Generator, kind: str | None = None) -> Pixels:
    """A made-up picture, (side, side, 3), of a `kind` among `KINDS` or of one drawn by chance.

    The same generator gives the same picture where the same fonts and the same Pillow are installed.
    """
    if kind is None:
        kind = str(rng.choice(list(KINDS), p=[share for _, share in KINDS.values()]))
    made = KINDS[kind][0](side_px, rng)
    return made.finished() if isinstance(made, Canvas) else made
