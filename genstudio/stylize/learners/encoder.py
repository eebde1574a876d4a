"""Training the encoder: VGG-16's features themselves, feature by feature and Gram matrix by Gram matrix.

Pictures that were never optimised do not show where the net goes wrong when it is optimised with. So some of
each batch are first worked on with the net as it is, for a few steps, and there too it must see what VGG
does.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from genstudio.measures.style import gram
from genstudio.measures.vgg import VGGFeatures
from genstudio.stylize.learners.base import Stores, StyleLearner, StyleRecipe
from genstudio.stylize.learners.eyes import compared, distances, spearman
from genstudio.stylize.learners.factor import factor
from genstudio.stylize.nets.encoder import SCALES, Encoder, EncoderConfig
from genstudio.stylize.nets.losses import squares
from genstudio.training.recipe import Losses, Update

FITTED = 64  # pictures that the net is begun on
STEP = 0.02  # of pixels in 0..1, where a picture is worked on


@dataclass(frozen=True, kw_only=True)
class EncoderRecipe(StyleRecipe):
    """Half of a batch are photographs, half paintings; of the photographs `worked_on` are first brought
    nearer to paintings, in 1 to `most_steps` steps."""

    net: EncoderConfig = field(default_factory=EncoderConfig)
    gram_weight: float = 0.5
    worked_on: int = 4
    most_steps: int = 6


@dataclass(frozen=True)
class Batch:
    """Pictures (N, 3, crop, crop), photographs first, and how many steps the first of them are worked on."""

    pictures: Tensor
    steps: int


class EncoderLearner(StyleLearner):
    """The net against VGG-16, of which it begins as the best approximation.

    Raises:
        WeightsError: with stores, VGG-16's features are missing.
    """

    net: Encoder

    def __init__(self, recipe: EncoderRecipe, stores: Stores | None) -> None:
        self.recipe = recipe
        torch.manual_seed(recipe.seed)
        net = Encoder(recipe.net)
        super().__init__(net, net, recipe, stores)
        if stores is not None:
            self.judge = VGGFeatures(SCALES)
            # A step of its own, of which there is no other: before the first.
            rng = np.random.default_rng((recipe.seed, recipe.steps))
            factor(net, self.drawn(FITTED, rng))

    def batch(self, k: int, process: int) -> Batch:
        rng = np.random.default_rng((self.recipe.seed, k, process))
        steps = int(rng.integers(1, self.recipe.most_steps + 1))
        return Batch(self.drawn(self.recipe.batch_size, rng), steps)

    def drawn(self, count: int, rng: np.random.Generator) -> Tensor:
        photos = self.photos(count // 2, self.recipe.crop_px, rng)
        return torch.cat((photos, self.styles(count - len(photos), self.recipe.crop_px, rng)))

    def step(self, batch: Batch, progress: float, update: Update) -> Losses:
        pictures, few = batch.pictures, self.recipe.worked_on
        if few:
            worked = self.worked_on(pictures[:few], pictures[-few:], batch.steps)
            pictures = torch.cat((worked, pictures[few:]))
        with torch.no_grad():
            wanted = self.wanted(pictures)
        errors, grams = compared(self.wrapped(pictures), wanted)
        loss = (errors + self.recipe.gram_weight * grams).mean()
        update(loss, self.optimizer, self.schedule(progress))
        return {"loss": loss, **{f"error_{level}": e for level, e in enumerate(errors, 1)}}

    def worked_on(self, contents: Tensor, styles: Tensor, steps: int) -> Tensor:
        """`contents` brought nearer to the Gram matrices of `styles`, as the net sees them now."""
        with torch.no_grad(), self.autocast():
            aims = [gram(f) for f in self.net(styles)]
        x = contents
        for _ in range(steps):
            x = x.detach().requires_grad_()
            with self.autocast():
                levels = self.net(x)
            far = [squares(gram(f) - aim) / squares(aim) for f, aim in zip(levels, aims, strict=True)]
            (slope,) = torch.autograd.grad(torch.stack(far).sum(), x)
            size = slope.square().mean((1, 2, 3), keepdim=True).sqrt().clamp_min(1e-12)
            x = (x - STEP * (slope / size).clamp(-1, 1)).clamp(0, 1)
        return x.detach()

    def wanted(self, pictures: Tensor) -> list[Tensor]:
        assert self.judge is not None
        with self.autocast():
            found = self.judge(pictures)
        return [found[layer] / scale for layer, scale in SCALES.items()]

    def validate(self, net: nn.Module, samples: Path | None) -> dict[str, float]:
        """On held-back pictures: at each level the squared error over VGG's energy, of the features and of
        the Gram matrices, and how alike the net and VGG rank the pairs of pictures by the distance of the
        latter (Spearman)."""
        scores, ours, theirs = [], [], []
        for pictures in self.held_back():
            for picture in pictures[:, None]:
                found, wanted = net(picture), self.wanted(picture)
                scores.append(torch.stack(compared(found, wanted)))
                ours.append([gram(f)[0] for f in found])
                theirs.append([gram(f)[0] for f in wanted])
        scored: dict[str, float] = {}
        for name, each in zip(("error", "gram"), torch.stack(scores).mean(0), strict=True):
            scored |= {f"{name}_{level}": score.item() for level, score in enumerate(each, 1)}
        for level in range(len(SCALES)):
            of_level = ([grams[level] for grams in each] for each in (ours, theirs))
            scored[f"rank_{level + 1}"] = spearman(*(distances(grams) for grams in of_level))
        return scored
