"""Small pictures with a line under each, on one page."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

CAPTION_PX, GAP_PX = 20, 8


def contact_sheet(
    pictures: Sequence[npt.NDArray[np.uint8]], captions: Sequence[str], columns: int = 8, cell_px: int = 144
) -> Image.Image:
    """(H, W, 3) pictures, each brought to the width of a cell, in rows, with their captions, on white."""
    cells = [Image.fromarray(picture) for picture in pictures]
    cells = [cell.resize((cell_px, round(cell_px * cell.height / cell.width))) for cell in cells]
    high = max(cell.height for cell in cells) + CAPTION_PX + GAP_PX
    rows = -(-len(cells) // columns)
    size = (min(columns, len(cells)) * (cell_px + GAP_PX) + GAP_PX, rows * high + GAP_PX)
    page = Image.new("RGB", size, "white")
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(13)
    for k, (cell, caption) in enumerate(zip(cells, captions, strict=True)):
        row, column = divmod(k, columns)
        x, y = GAP_PX + column * (cell_px + GAP_PX), GAP_PX + row * high
        page.paste(cell, (x, y))
        draw.text((x, y + cell.height + 2), caption, "black", font)
    return page


def spread(places: npt.NDArray[np.int64], count: int) -> npt.NDArray[np.int64]:
    """At most `count` of them, from the first to the last, none twice."""
    chosen = np.linspace(0, len(places) - 1, min(count, len(places)))
    return places[chosen.astype(np.int64)]
