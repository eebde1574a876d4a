"""Where a classifier looked: LayerCAM (Jiang et al. 2021), the line of Grad-CAM (Selvaraju et al. 2017).

What each place of each channel of the maps adds to the class, where it adds: gradient times value. Grad-CAM
takes one gradient for a whole channel, and is then only good in the last layer, whose maps have nine places
here; this one may look a stage earlier, at a place for every eighth pixel or finer.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from genstudio.classify.classifier import Classifier

PANEL_PX, CAPTION_PX, MARGIN_PX = 384, 34, 8
# From nothing to most: dark blue, violet, orange, pale yellow.
COLOURS = np.array([(0, 0, 4), (87, 16, 110), (188, 55, 84), (249, 142, 9), (252, 255, 164)], np.float32)


def attention(net: Classifier, x: Tensor, labels: Tensor) -> Tensor:
    """How much each pixel of (N, 3, side, side) in 0..1 spoke for the class of `labels` (N,).

    (N, side, side), the most of a picture 1; the mean over it and its mirror image.
    """
    with torch.no_grad():
        maps = net.maps(torch.cat((x, x.flip(3))))
    with torch.enable_grad():
        maps = maps.detach().requires_grad_()
        scores = net.head(net.pooled(maps)).gather(1, labels.repeat(2)[:, None])
        (gradient,) = torch.autograd.grad(scores.sum(), maps)
    adds = (gradient.relu() * maps.detach()).sum(1).relu()
    seen, mirror = adds.view(2, len(x), *adds.shape[1:])
    both = F.interpolate((seen + mirror.flip(2))[:, None], x.shape[2:], mode="bilinear")[:, 0]
    return both / both.amax((1, 2), keepdim=True).clamp(min=1e-12)


def overlay(picture: Image.Image, heat: npt.NDArray[np.float32]) -> Image.Image:
    """Heat (h, w) in 0..1 over an RGB picture: where there is none the picture is dimmed, grey and dark."""
    warm = Image.fromarray((heat * 255).astype(np.uint8)).resize(picture.size, Image.Resampling.BICUBIC)
    share = np.asarray(warm, np.float32)[..., None] / 255
    place = share[..., 0] * (len(COLOURS) - 1)
    below = place.astype(int).clip(max=len(COLOURS) - 2)
    colour = COLOURS[below] + (COLOURS[below + 1] - COLOURS[below]) * (place - below)[..., None]
    grey = np.asarray(picture.convert("L").convert("RGB"), np.float32)
    return Image.fromarray((0.5 * grey + 0.5 * colour).clip(0, 255).astype(np.uint8))


def page(square: npt.NDArray[Any], heat: npt.NDArray[np.float32], caption: str, remark: str) -> Image.Image:
    """The square (PANEL_PX, PANEL_PX, 3) uint8 that was looked at, and the heat over it, under captions."""
    picture = Image.fromarray(square)
    sheet = Image.new("RGB", (2 * PANEL_PX + 3 * MARGIN_PX, PANEL_PX + CAPTION_PX + MARGIN_PX), "white")
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN_PX, 6), caption, "black", ImageFont.load_default(18))
    draw.text((PANEL_PX + 2 * MARGIN_PX, 9), remark, (120, 120, 120), ImageFont.load_default(15))
    sheet.paste(picture, (MARGIN_PX, CAPTION_PX))
    sheet.paste(overlay(picture, heat), (PANEL_PX + 2 * MARGIN_PX, CAPTION_PX))
    return sheet
