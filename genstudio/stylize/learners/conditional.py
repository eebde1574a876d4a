"""Training the net that takes any style in one pass (`ConditionalNet`), judged by VGG-16.

On a processor with AMX VGG-16 in bfloat16 costs no more than the slim encoder does, so it judges throughout.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from timm.optim.muon import Muon
from torch import Tensor, nn

from genstudio import weights
from genstudio.errors import WeightsError
from genstudio.stylize.extractors import our_encoder
from genstudio.stylize.learners.base import Stores, centre, reduced, save_sheet
from genstudio.stylize.learners.conditional_losses import (
    LookAt,
    colour_directions,
    colour_loss,
    content_loss,
    style_loss,
)
from genstudio.stylize.learners.paintings import recoloured, scaled_crops
from genstudio.stylize.nets.conditional import ConditionalConfig, ConditionalNet
from genstudio.stylize.nets.losses import total_variation
from genstudio.training import weight_gradients
from genstudio.training.learner import OneNet, channels_last
from genstudio.training.optimizer import ADAM_SHARE
from genstudio.training.recipe import Losses, Recipe, Update

COLOUR_DIRECTIONS = 16


@dataclass(frozen=True, kw_only=True)
class ConditionalRecipe(Recipe):
    """Cut-outs are `crop_px` a side. `recoloured` of the paintings have their hues turned, `mixed` of the
    styles are two paintings' at once. `warm_start` names weights to begin with. The losses' weights are
    beside the style's, which is 1."""

    net: ConditionalConfig = field(default_factory=ConditionalConfig)
    crop_px: int = 256
    lr: float = 2e-3
    warmup: float = 0.01
    warm_start: str | None = None
    recoloured: float = 0.4
    mixed: float = 0.15
    content_weight: float = 0.3
    colour_weight: float = 2.0
    tv_weight: float = 0.01
    validation_px: int = 256

    @property
    def min_side_px(self) -> int:
        """The shortest side a photograph may have."""
        return max(self.crop_px, self.validation_px)

    @property
    def style_side_px(self) -> int:
        """The shortest side a painting may have."""
        return max(self.crop_px, self.validation_px)


class ConditionalLearner(OneNet):
    """A batch is contents and styles, (N, 3, crop, crop) each, and how much of each style is the next one's,
    (N,).

    Raises:
        WeightsError: the encoder's weights, or with stores VGG-16's features, are missing.
    """

    def __init__(self, recipe: ConditionalRecipe, stores: Stores | None) -> None:
        self.recipe = recipe
        torch.manual_seed(recipe.seed)
        net = ConditionalNet(recipe.net)
        if stores is not None:
            net.encoder.load_state_dict(our_encoder().state_dict())
        if recipe.warm_start:
            warm_start(net, recipe.warm_start)
        net.encoder.requires_grad_(False)
        super().__init__(net, recipe.lr, recipe.warmup, stores.photos if stores else None)
        self.optimizer = optimizer(net, recipe.lr)
        weight_gradients.in_float32(net)
        self.judge = LookAt.with_vgg16() if stores is not None else None
        self.autocast: Callable[[], AbstractContextManager[Any]] = nullcontext
        self.paintings = stores.paintings if stores else None
        if self.paintings is not None:
            self.paintings_train, self.paintings_validation = self.paintings.split()

    def prepare(self, accelerator: Accelerator) -> list[nn.Module]:
        nets = super().prepare(accelerator)
        if self.judge is not None:
            self.judge.to(self.device)
        self.autocast = accelerator.autocast
        return nets

    def batch(self, k: int, process: int) -> tuple[Tensor, Tensor, Tensor]:
        assert self.store is not None
        assert self.paintings is not None
        r = self.recipe
        rng = np.random.default_rng((r.seed, k, process))
        photos = scaled_crops(self.store, self.train_part, r.batch_size, r.crop_px, rng, turned=False)
        paintings = scaled_crops(
            self.paintings, self.paintings_train, r.batch_size, r.crop_px, rng, turned=False
        )
        styles = channels_last(recoloured(self.tensor(paintings), rng, r.recoloured))
        shares = np.where(rng.random(r.batch_size) < r.mixed, rng.random(r.batch_size), 0)
        return self.tensor(photos), styles, torch.from_numpy(shares).float().to(self.device)

    def step(self, batch: tuple[Tensor, Tensor, Tensor], progress: float, update: Update) -> Losses:
        assert self.judge is not None
        r = self.recipe
        net: Any = self.net
        contents, styles, shares = batch
        with torch.no_grad(), self.autocast():
            content, style = self.judge(contents), self.judge(styles)
            features = net.style_features(styles)
            features = torch.lerp(features, features.roll(1, 0), shares[:, None])
            style = style.mixed(style.rolled(), shares)
        results = self.wrapped(contents, net.predict(features))
        with self.autocast():
            result = self.judge(results)
        directions = colour_directions(COLOUR_DIRECTIONS, self.device)
        pure = shares == 0  # two palettes side by side have no one picture to be compared with
        losses = {
            "style": style_loss(result, style, content).mean(),
            "content": content_loss(result, content).mean(),
            "colour": (colour_loss(results, styles, directions) * pure).mean(),
            "tv": total_variation(results),
        }
        weights = {
            "style": 1.0,
            "content": r.content_weight,
            "colour": r.colour_weight,
            "tv": r.tv_weight,
        }
        loss = torch.stack([weights[name] * value for name, value in losses.items()]).sum()
        update(loss, self.optimizer, self.schedule(progress))
        return losses

    def validate(self, net: nn.Module, samples: Path | None) -> dict[str, float]:
        """On pairs of held-back photographs and paintings: the losses. Sample rows are photograph, painting,
        result."""
        assert self.judge is not None
        assert self.store is not None
        assert self.paintings is not None
        any_net: Any = net
        side = self.recipe.validation_px
        scores: dict[str, list[float]] = {"style": [], "content": [], "colour": []}
        rows = []
        directions = colour_directions(COLOUR_DIRECTIONS, self.device)
        for i, j in zip(self.validation_part, self.paintings_validation, strict=False):
            photo = self.store[i]
            times = min(photo.shape[:2]) // side
            content = reduced(self.tensor(centre(photo, side * times)[None]), times)
            painting = self.tensor(centre(self.paintings[j], side)[None])
            with self.autocast():
                result = any_net(content, any_net.predict(any_net.style_features(painting)))
                looks = [self.judge(picture) for picture in (result, painting, content)]
            scores["style"].append(style_loss(*looks).item())
            scores["content"].append(content_loss(looks[0], looks[2]).item())
            scores["colour"].append(colour_loss(result, painting, directions).item())
            rows.append([content[0], painting[0], result[0]])
        if samples is not None:
            save_sheet([a + b for a, b in zip(rows[::2], rows[1::2], strict=False)] or rows, samples)
        return {name: float(np.mean(values)) for name, values in scores.items()}

    def tensor(self, pixels: np.ndarray) -> Tensor:
        return channels_last(torch.from_numpy(pixels).to(self.device).permute(0, 3, 1, 2).float() / 255)


def warm_start(net: ConditionalNet, name: str) -> None:
    """Give `net` the weights called `name`. Raises WeightsError: there are none, or they are of another
    net."""
    header, state = weights.load(name, "stylize")
    try:
        net.load_state_dict(state)
    except RuntimeError as error:
        raise WeightsError(
            f"stylize/conditional: expected weights of a net like {net.config}, found {header.arch} "
            f"{header.config}; choose others, or leave out warm_start"
        ) from error


def optimizer(net: ConditionalNet, lr: float) -> Muon:
    """Muon for the kernels between the first convolution and the last, Adam for these and the predictor."""
    hidden = [net.down[1].weight, *(conv.weight for conv in net.body), *(conv.weight for conv in net.up)]
    known = {id(p) for p in hidden}
    others = [p for p in net.parameters() if p.requires_grad and id(p) not in known]
    return Muon(
        [{"params": hidden}, {"params": others, "use_fallback": True}],
        lr=lr,
        nesterov=True,
        betas=(0.9, 0.99),
        fallback_lr_scale=ADAM_SHARE,
    )
