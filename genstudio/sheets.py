"""Contact sheets: the same detail of a picture by several methods, side by side, so that people can judge."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont

Pixels = npt.NDArray[np.uint8]
CAPTION_PX = 20
GAP_PX = 4
STRIDE_PX = 4
SIDE_PX = 192  # a detail large enough to judge, small enough for four in a row


def sheet(rows: Sequence[Sequence[Pixels]], captions: Sequence[str]) -> Image.Image:
    """Rows of equally large (H, W, 3) pictures under one line of captions, on white."""
    height, width = rows[0][0].shape[:2]
    size = (len(captions) * (width + GAP_PX) - GAP_PX, CAPTION_PX + len(rows) * (height + GAP_PX) - GAP_PX)
    page = Image.new("RGB", size, "white")
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(13)
    for column, caption in enumerate(captions):
        draw.text((column * (width + GAP_PX) + 2, 2), caption, "black", font)
        for row, pictures in enumerate(rows):
            place = (column * (width + GAP_PX), CAPTION_PX + row * (height + GAP_PX))
            page.paste(Image.fromarray(pictures[column]), place)
    return page


def busiest(picture: Pixels, side_px: int) -> tuple[slice, slice]:
    """Where in a picture the square of this side with the most detail (steps between neighbours) lies.

    The sides are cut to the picture's own where that is smaller.
    """
    grey = torch.from_numpy(picture.mean(2))
    detail = grey.diff(dim=0).abs()[:, :-1] + grey.diff(dim=1).abs()[:-1]
    height, width = (min(side_px, n) for n in grey.shape)
    window = (min(height, detail.shape[0]), min(width, detail.shape[1]))
    means = F.avg_pool2d(detail[None, None], window, stride=STRIDE_PX)[0, 0]
    row, column = divmod(int(means.argmax()), means.shape[1])
    top, left = min(row * STRIDE_PX, grey.shape[0] - height), min(column * STRIDE_PX, grey.shape[1] - width)
    return slice(top, top + height), slice(left, left + width)
