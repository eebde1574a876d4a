"""Training the eyes of the fast net: to see in pictures what VGG-16 sees, in a third of the channels.

Linear maps lift its levels to VGG's channels, in training alone, and there the two are compared, feature by
feature and Gram matrix by Gram matrix (Wang et al. 2020, "Collaborative Distillation", whose maps these are).

A map W is a turn Q, which changes no length, after a square R: W = Q R. What ships is the eyes with R: the
distance between two of its features, or of its Gram matrices, is the one between what W would make of them.
"""

import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genstudio.measures.style import gram
from genstudio.measures.vgg import VGGFeatures
from genstudio.stylize.learners.base import Stores, StyleLearner, StyleRecipe
from genstudio.stylize.learners.slim import slim
from genstudio.stylize.nets.eyes import Eyes, EyesConfig
from genstudio.training.recipe import Losses, Update

# VGG-16's layers that the levels stand for: their channels, and the root of their mean square (20 photographs
# and paintings), by which they are divided so that all levels are alike.
TEACHER = {"relu1_1": (64, 0.62), "relu2_1": (128, 1.8), "relu3_1": (256, 3.4), "relu4_1": (512, 3.5)}
# Left out around a cut-out when it is compared: VGG's zeros reach in from its edges.
MARGIN_PX = 16
# Of a step's moments how much is left one step later.
MEMORY = 0.95


@dataclass(frozen=True, kw_only=True)
class EyesRecipe(StyleRecipe):
    """Half of a batch are photographs, half paintings."""

    net: EyesConfig = field(default_factory=EyesConfig)
    gram_weight: float = 1.0


class Lifted(nn.Module):
    """The eyes, and the linear maps from its levels to VGG's. These are not learned but solved: the best
    ones for the pictures of late, from the features' second moments, which are all they depend on."""

    def __init__(self, config: EyesConfig) -> None:
        super().__init__()
        self.eyes = Eyes(config)
        self.eyes.turns.requires_grad_(False)
        for level, (width, (channels, _)) in enumerate(zip(config.widths, TEACHER.values(), strict=True)):
            self.register_buffer(f"own_{level}", torch.zeros(width, width))
            self.register_buffer(f"shared_{level}", torch.zeros(channels, width))

    def forward(self, x: Tensor) -> list[Tensor]:
        levels: list[Tensor] = self.eyes(x)
        return levels

    @torch.no_grad()
    def follow(self, levels: list[Tensor], wanted: list[Tensor]) -> None:
        """Take in one more batch: features of ours and of VGG's, (N, C, H, W) each."""
        for level, pair in enumerate(zip(levels, wanted, strict=True)):
            ours, vggs = (f.float().transpose(0, 1).flatten(1) for f in pair)
            own, shared = self.moments(level)
            share = 1 - MEMORY if own.any() else 1.0
            own.lerp_(ours @ ours.mT / ours.shape[1], share)
            shared.lerp_(vggs @ ours.mT / ours.shape[1], share)

    def maps(self) -> list[Tensor]:
        """At each level the map W (VGG's channels, ours), float32."""
        found = []
        for level in range(len(TEACHER)):
            own, shared = (moments.double() for moments in self.moments(level))
            ridge = 1e-5 * own.diagonal().mean().clamp_min(1e-8) * torch.eye(len(own)).to(own)
            found.append(torch.linalg.solve(own + ridge, shared, left=False).float())
        return found

    def moments(self, level: int) -> tuple[Tensor, Tensor]:
        return self.get_buffer(f"own_{level}"), self.get_buffer(f"shared_{level}")


def lifted(levels: list[Tensor], maps: list[Tensor]) -> list[Tensor]:
    """Features (N, C, H, W) in VGG's channels."""
    return [F.conv2d(f, w.to(f.dtype)[..., None, None]) for f, w in zip(levels, maps, strict=True)]


class EyesLearner(StyleLearner):
    """The eyes and its lifts against VGG-16; a batch is pictures (N, 3, crop, crop).

    Raises:
        WeightsError: with stores, VGG-16's features are missing.
    """

    net: Lifted

    def __init__(self, recipe: EyesRecipe, stores: Stores | None) -> None:
        self.recipe = recipe
        torch.manual_seed(recipe.seed)
        net = Lifted(recipe.net)
        super().__init__(net, net, recipe, stores)
        if stores is not None:
            self.judge = VGGFeatures(TEACHER)
            # A step of its own, of which there is no other: before the first.
            slim(net.eyes, self.drawn(np.random.default_rng((recipe.seed, recipe.steps))))

    def batch(self, k: int, process: int) -> Tensor:
        return self.drawn(np.random.default_rng((self.recipe.seed, k, process)))

    def drawn(self, rng: np.random.Generator) -> Tensor:
        r = self.recipe
        photos = self.photos(r.batch_size // 2, r.crop_px, rng)
        return torch.cat((photos, self.styles(r.batch_size - len(photos), r.crop_px, rng)))

    def step(self, batch: Tensor, progress: float, update: Update) -> Losses:
        with torch.no_grad():
            wanted = self.wanted(batch)
        levels = self.wrapped(batch)
        self.net.follow(levels, wanted)
        errors, grams = compared(lifted(levels, self.net.maps()), wanted)
        loss = (errors + self.recipe.gram_weight * grams).mean()
        update(loss, self.optimizer, self.schedule(progress))
        return {"loss": loss, **{f"error_{level}": e for level, e in enumerate(errors, 1)}}

    def wanted(self, pictures: Tensor) -> list[Tensor]:
        assert self.judge is not None
        with self.autocast():
            found = self.judge(pictures)
        return [found[layer] / scale for layer, (_, scale) in TEACHER.items()]

    def validate(self, net: nn.Module, samples: Path | None) -> dict[str, float]:
        """On held-back pictures: at each level what the lifted features lack of VGG's energy, and how alike
        eyes and VGG rank the pairs of pictures by the distance of their Gram matrices (Spearman)."""
        shipped = self.export(net)
        assert isinstance(net, Lifted)
        maps = net.maps()
        errors, ours, theirs = [], [], []
        for pictures in self.held_back():
            for picture in pictures[:, None]:
                wanted = self.wanted(picture)
                errors.append(compared(lifted(net(picture), maps), wanted)[0])
                ours.append([gram(f)[0] for f in shipped(picture)])
                theirs.append([gram(f)[0] for f in wanted])
        scores = {f"error_{level}": e.item() for level, e in enumerate(torch.stack(errors).mean(0), 1)}
        for level in range(len(TEACHER)):
            of_level = ([grams[level] for grams in each] for each in (ours, theirs))
            scores[f"rank_{level + 1}"] = spearman(*(distances(grams) for grams in of_level))
        return scores

    def export(self, net: nn.Module) -> nn.Module:
        assert isinstance(net, Lifted)
        eyes = copy.deepcopy(net.eyes)
        for turn, lift in zip(eyes.turns, net.maps(), strict=True):
            assert isinstance(turn, nn.Conv2d)
            r = torch.linalg.qr(lift.double()).R  # in double: columns may be nearly dependent
            # A channel shall be as strong as one of VGG's, not as the several it stands for.
            r *= (len(r) / len(lift)) ** 0.5
            turn.weight.data.copy_(r[..., None, None])
        return eyes


def compared(found: list[Tensor], wanted: list[Tensor]) -> tuple[Tensor, Tensor]:
    """At each level the squared distance of features, and of their Gram matrices, over the squared length of
    those wanted: (levels,) each."""
    errors, grams = [], []
    for level, (f, w) in enumerate(zip(found, wanted, strict=True)):
        margin = MARGIN_PX >> level
        inner = (slice(None), slice(None), slice(margin, -margin), slice(margin, -margin))
        pair = f[inner].float(), w[inner].float()
        errors.append(_relative(*pair))
        grams.append(_relative(*(gram(each) for each in pair)))
    return torch.stack(errors), torch.stack(grams)


def _relative(found: Tensor, wanted: Tensor) -> Tensor:
    return (found - wanted).square().sum() / wanted.square().sum()


def distances(grams: list[Tensor]) -> np.ndarray[Any, Any]:
    """Between every two of them."""
    pairs = [(a, b) for i, a in enumerate(grams) for b in grams[:i]]
    return np.array([(a - b).square().sum().item() for a, b in pairs])


def spearman(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> float:
    """The correlation of ranks, -1..1; nan for fewer than three values."""
    if len(a) < 3:
        return float("nan")
    return float(np.corrcoef(a.argsort().argsort(), b.argsort().argsort())[0, 1])
