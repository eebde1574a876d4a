"""Optimising a picture until its features have the style's Gram matrices (Gatys et al. 2016, "Image Style
Transfer Using Convolutional Neural Networks").

From coarse to fine: at 128 px a few steps move whole shapes, and what they changed is carried up, sqrt 2 at
a time, to where strokes are drawn. Adam takes the steps: it stands the clipping to 0..1 after each, and holds
two copies of the picture where L-BFGS holds dozens. These are carried up as well, or the first steps at each
size would be as long as the very first.
"""

import math
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genstudio.errors import Stopped
from genstudio.measures.style import gram
from genstudio.restoring.tiling import Stop
from genstudio.stylize.nets.losses import ContentLoss, GramLoss, total_variation

COARSEST_PX = 128
FACTOR = 2**0.5
LR = 0.01  # of pixels in 0..1; it falls to a tenth at each size


@dataclass(frozen=True)
class Event:
    """What happens at a step, for bars, traces and previews.

    Attributes:
        step, steps: steps done, and in all.
        width, height: the size at work, in pixels.
        losses: "style", "content" and "tv", before they are weighted.
        picture: makes the picture as it is now, (height, width, 3) uint8.
    """

    step: int
    steps: int
    width: int
    height: int
    losses: Mapping[str, float]
    picture: Callable[[], npt.NDArray[np.uint8]]


@dataclass(frozen=True)
class Aim:
    """What a picture is to become.

    Attributes:
        grams: of the style, by layer, (1, C, C).
        strength: 0..1, how far the way from the content's own to go.
    """

    extractor: nn.Module
    grams: Mapping[str, Tensor]
    strength: float = 1.0
    content_weight: float = 0.05
    style_weight: float = 1.0
    tv_weight: float = 0.4
    dtype: torch.dtype = torch.float32

    def features(self, picture: Tensor) -> Mapping[str, Tensor]:
        """In half precision where that was asked for; gradients and sums stay in float32."""
        half = self.dtype != torch.float32
        with torch.autocast(picture.device.type, self.dtype) if half else nullcontext():
            found: Mapping[str, Tensor] = self.extractor(picture)
        return found


class Objective(nn.Module):
    """The losses at one size: (1, 3, H, W) -> their weighted sum, and each by itself."""

    def __init__(self, aim: Aim, content: Tensor) -> None:
        super().__init__()
        self.aim = aim
        with torch.no_grad():
            features = aim.features(content)
            self.style = [
                GramLoss(layer, wanted, gram(features[layer]), aim.strength)
                for layer, wanted in aim.grams.items()
            ]
            deepest = list(aim.grams)[-1]
            self.content = ContentLoss(deepest, features[deepest])

    def forward(self, picture: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        features = self.aim.features(picture)
        losses = {
            "style": torch.stack([loss(features) for loss in self.style]).mean(),
            "content": self.content(features),
            "tv": total_variation(picture),
        }
        weights = (self.aim.style_weight, self.aim.content_weight, self.aim.tv_weight)
        weighted = [weight * loss for weight, loss in zip(weights, losses.values(), strict=True)]
        return torch.stack(weighted).sum(), losses


@dataclass(frozen=True)
class Optimized:
    """What came of it: (1, 3, H, W) float32, 0..1, after so many steps."""

    picture: Tensor
    steps_done: int


def optimize(
    content: Tensor,
    start: Tensor,
    aim: Aim,
    *,
    steps: int,
    on_event: Callable[[Event], None] = lambda event: None,
    stop: Stop | None = None,
    enough: Stop | None = None,
) -> Optimized:
    """A picture like `start` brought to its aim.

    Args:
        content, start: (1, 3, H, W) float32, 0..1.
        stop: asked before each step; True ends the work, and nothing comes of it.
        enough: asked after each step; True ends the work, and the picture as it then is comes of it.

    Raises:
        Stopped: `stop` said so.
    """
    done = 0
    before: tuple[Tensor, Tensor] | None = None  # the start and the result of the size before
    moments: tuple[Tensor, Tensor] | None = None  # Adam's, of the gradient and of its square
    picture = start
    for (height, width), here in stages(content.shape[-2], content.shape[-1], steps):
        at_size = [_resized(each, height, width) for each in (content, start)]
        picture = at_size[1].clone()
        if before is not None:  # what was changed, not what was made: details of the start stay sharp
            picture = picture + _resized(before[1] - before[0], height, width)
        picture = picture.clamp_(0, 1).requires_grad_()
        objective = Objective(aim, at_size[0])
        optimizer = torch.optim.Adam([picture], lr=LR)
        if moments is not None:
            optimizer.state[picture] = _carried(moments, done, height, width)
        for k in range(here):
            if stop is not None and stop():
                raise Stopped(f"stopped after {done} of {steps} steps")
            optimizer.param_groups[0]["lr"] = LR * (1 - 0.9 * k / here)
            loss, losses = objective(picture)
            (picture.grad,) = torch.autograd.grad(loss, picture)
            optimizer.step()
            with torch.no_grad():
                picture.clamp_(0, 1)
            done += 1
            now = picture.detach()
            numbers = {name: each.item() for name, each in losses.items()}
            on_event(Event(done, steps, width, height, numbers, partial(as_pixels, now)))
            if done < steps and enough is not None and enough():
                change = _resized(now - at_size[1], *content.shape[-2:])
                return Optimized((start + change).clamp(0, 1), done)
        before = at_size[1], picture.detach()
        state = optimizer.state[picture]
        moments = state["exp_avg"], state["exp_avg_sq"]
    return Optimized(picture.detach(), done)


def _carried(moments: tuple[Tensor, Tensor], steps: int, height: int, width: int) -> dict[str, Tensor]:
    """Adam's state at another size. Where a loss is a mean over pixels, gradients are as much smaller as
    there are more of them."""
    first, second = (
        F.interpolate(each, (height, width), mode="bilinear", antialias=True) for each in moments
    )
    share = moments[0].shape[-2] * moments[0].shape[-1] / (height * width)
    return {
        "step": torch.tensor(float(steps)),
        "exp_avg": first * share,
        "exp_avg_sq": second.clamp_min(0) * share**2,
    }


def stages(height: int, width: int, steps: int) -> list[tuple[tuple[int, int], int]]:
    """The sizes (height, width) from coarse to fine, and the steps at each, of which there are `steps`."""
    longer = max(height, width)
    count = min(steps, 1 + max(0, round(math.log(longer / COARSEST_PX, FACTOR))))
    each, more = divmod(steps, count)
    found = []
    for k in reversed(range(count)):
        size = [max(1, round(side / FACTOR**k)) for side in (height, width)]
        found.append(((size[0], size[1]), each if k else each + more))
    return found


def as_pixels(picture: Tensor) -> npt.NDArray[np.uint8]:
    """(1, 3, H, W), 0..1 -> (H, W, 3)."""
    pixels: npt.NDArray[np.uint8] = picture[0].permute(1, 2, 0).mul(255).round().byte().cpu().numpy()
    return pixels


def _resized(picture: Tensor, height: int, width: int) -> Tensor:
    if picture.shape[-2:] == (height, width):
        return picture
    return F.interpolate(picture, (height, width), mode="bicubic", antialias=True)
