"""Training the fast net: to make pictures that VGG-16 finds near a style and not far from their content.

The eyes stand still; what is learned is the decoder, by the losses that results are judged by. A step
judged by VGG-16 (`StyleJudge`) costs twice one judged by the eyes themselves, which rank pictures alike; so a
recipe may leave VGG-16 to the end.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from genstudio import weights
from genstudio.errors import WeightsError
from genstudio.measures.style import Look, StyleJudge, gram, judged
from genstudio.stylize.learners.base import Stores, StyleLearner, StyleRecipe, save_sheet
from genstudio.stylize.nets.fast import Fast, FastConfig
from genstudio.stylize.nets.losses import total_variation
from genstudio.stylize.nets.transport import Transport
from genstudio.training.recipe import Losses, Update
from genstudio.weights import Header

# The least a style loss is divided by in training, as a share of |G(style)|^2.
LEAST = 0.1


@dataclass(frozen=True, kw_only=True)
class FastRecipe(StyleRecipe):
    """Cut-outs of `crop_px`, and of `late_px` from a progress of `late_after` on, for textures as large as in
    whole pictures. Until a progress of `vgg_after` the eyes judge, then VGG-16. `eyes` names weights of eyes,
    or of a fast net, whose eyes are taken; None: drawn at random.

    The weights of the losses beside the style's: the content's distance, and how much neighbouring pixels
    differ (total variation).
    """

    net: FastConfig = field(default_factory=FastConfig)
    eyes: str | None = "fast"
    late_px: int = 256
    late_after: float = 0.7
    vgg_after: float = 0.0
    content_weight: float = 0.06
    tv_weight: float = 0.02

    @property
    def largest_px(self) -> int:
        return max(super().largest_px, self.late_px)


class FastLearner(StyleLearner):
    """The decoder; a batch is (contents, styles), (N, 3, crop, crop) each.

    Raises:
        WeightsError: the eyes' weights, or with stores VGG-16's features, are missing.
    """

    def __init__(self, recipe: FastRecipe, stores: Stores | None) -> None:
        self.recipe = recipe
        torch.manual_seed(recipe.seed)
        net = Fast(recipe.net)
        if stores is not None and recipe.eyes:
            open_eyes(net, recipe.eyes)
        if recipe.warm_start:
            warm_start(net, recipe.warm_start)
        net.eyes.requires_grad_(False)
        super().__init__(net, net.decoder, recipe, stores)
        self.judge = StyleJudge() if stores is not None else None

    def batch(self, k: int, process: int) -> tuple[Tensor, Tensor]:
        r = self.recipe
        rng = np.random.default_rng((r.seed, k, process))
        crop_px = r.crop_px if k < r.late_after * r.steps else r.late_px
        return self.photos(r.batch_size, crop_px, rng), self.styles(r.batch_size, crop_px, rng)

    def step(self, batch: tuple[Tensor, Tensor], progress: float, update: Update) -> Losses:
        assert self.judge is not None
        r = self.recipe
        contents, styles = batch
        look = self.judge if progress >= r.vgg_after else self.look
        with torch.no_grad(), self.autocast():
            transport = self.transport(contents, styles)
            content, style = look(contents), look(styles)
        results = self.wrapped(contents, transport)
        with self.autocast():
            result = look(results)
        style_losses, distances = judged(result, content, style, LEAST)
        losses = {
            "style": style_losses.mean(),
            "content": distances.mean(),
            "tv": total_variation(results),
        }
        loss = losses["style"] + r.content_weight * losses["content"] + r.tv_weight * losses["tv"]
        update(loss, self.optimizer, self.schedule(progress))
        return losses

    def look(self, pictures: Tensor) -> Look:
        """What the eyes see, as `StyleJudge` has it of VGG-16."""
        net: Any = self.net
        levels: list[Tensor] = net.eyes(pictures)
        return Look(tuple(gram(level) for level in levels), levels[-1])

    def transport(self, contents: Tensor, styles: Tensor) -> Transport:
        net: Any = self.net
        return Transport.between(net.statistics(contents), net.statistics(styles))

    def validate(self, net: nn.Module, samples: Path | None) -> dict[str, float]:
        """On pairs of held-back photographs and paintings: style loss and content distance as results are
        judged. Sample rows are photograph, painting, result."""
        assert self.judge is not None
        scores: dict[str, list[float]] = {"style": [], "content": []}
        rows = []
        contents, styles = self.held_back()
        for content, style in zip(contents[:, None], styles[:, None], strict=True):
            transport = self.transport(content, style)
            result = net(content, transport).clamp(0, 1)
            with self.autocast():
                looks = [self.judge(picture) for picture in (result, content, style)]
            style_loss, distance = judged(*looks)
            scores["style"].append(style_loss.item())
            scores["content"].append(distance.item())
            rows.append([content[0], style[0], result[0]])
        if samples is not None:
            save_sheet(rows[:6], samples)
        return {name: float(np.mean(values)) for name, values in scores.items()}


def warm_start(net: Fast, name: str) -> None:
    """Give `net` what the fast net called `name` has learned.

    Raises WeightsError: there are no such weights, or they are of another size.
    """
    _fill(net, net, *weights.load(name, "stylize"))


def open_eyes(net: Fast, name: str) -> None:
    """Give `net` the eyes called `name`, or those of the fast net of this name. Raises as `warm_start`."""
    header, state = weights.load(name, "stylize")
    if header.arch == "fast":
        state = {key.removeprefix("eyes."): value for key, value in state.items() if key.startswith("eyes.")}
    _fill(net, net.eyes, header, state)


def _fill(net: Fast, part: nn.Module, header: Header, state: dict[str, Tensor]) -> None:
    try:
        part.load_state_dict(state)
    except RuntimeError as error:
        raise WeightsError(
            f"stylize/fast: expected weights of a net like {net.config}, found {header.arch} {header.config}"
        ) from error
