"""Airbench: a net for pictures of 32 to 96 px that learns in minutes (Jordan 2024, "94% on CIFAR-10 in 3.29
seconds on a single GPU").

    x -> normalise -> whitening patches, GELU -> stages -> pool -> linear
    a stage: 3x3 conv, pool 2, norm, GELU, 3x3 conv, norm, GELU

The first layer is not learned: it is set so that its outputs over the training pictures are uncorrelated and
of one size, which is what a net's first epochs are otherwise spent on. A few wide convolutions follow, which
run nearly as fast as a machine multiplies; kernels begin as the identity, as far as they have room for it.
BatchNorm has no gain: the next kernel can do what it would.

Departures: patches may lie `stride` apart, so that larger pictures cost no more than small ones; the last
pool takes in whatever is left of a picture, so that any side will do.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genstudio.classify.classifier import Classifier, as_input

PATCH_PX = 2
# Added to the variances: directions of nearly none would be blown up to noise.
WHITENING_EPS = 5e-4


@dataclass(frozen=True)
class AirbenchConfig:
    """Channels of each stage, each of which halves the sides; the classes' names; mean and standard deviation
    of the training pictures, RGB in 0..1; the temperature that was fitted after training."""

    classes: tuple[str, ...] = ()
    side_px: int = 32
    widths: tuple[int, ...] = (64, 256, 256)
    stride: Literal[1, 2] = 1
    pool: Literal["max", "mean"] = "max"
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.25, 0.25, 0.25)
    temperature: float = 1.0


class Airbench(Classifier):
    """See `Classifier`; the embedding is as wide as the last stage."""

    Config = AirbenchConfig

    def __init__(self, config: AirbenchConfig) -> None:
        super().__init__()
        self.config = config
        patch = 3 * PATCH_PX**2
        self.whitening = nn.Conv2d(3, 2 * patch, PATCH_PX, stride=config.stride)
        self.whitening.weight.requires_grad_(False)
        assert self.whitening.bias is not None
        nn.init.zeros_(self.whitening.bias)
        widths = (2 * patch, *config.widths)
        self.stages = nn.ModuleList(stage(a, b) for a, b in pairwise(widths))
        self.logits = nn.Linear(widths[-1], len(config.classes), bias=False)
        for name in ("mean", "std"):
            values = torch.tensor(getattr(config, name)).view(3, 1, 1)
            self.register_buffer(name, values, persistent=False)
        self.level()

    def maps(self, x: Tensor) -> Tensor:
        x = (x - self.get_buffer("mean")) / self.get_buffer("std")
        y: Tensor = F.gelu(self.whitening(x))
        for stage in self.stages[:-1]:
            y = stage(y)
        return y

    def pooled(self, maps: Tensor) -> Tensor:
        y: Tensor = self.stages[-1](maps)
        return y.amax((2, 3)) if self.config.pool == "max" else y.mean((2, 3))

    def head(self, features: Tensor) -> Tensor:
        y: Tensor = self.logits(features)
        return y / 9  # the paper's scale: small steps where all gradients pass

    @torch.no_grad()
    def whiten(self, pixels: Tensor) -> None:
        """Set the first layer by the patches of pictures (N, side, side, 3) uint8."""
        x = (as_input(pixels) - self.get_buffer("mean")) / self.get_buffer("std")
        patches = F.unfold(x, PATCH_PX, stride=self.config.stride).transpose(1, 2).flatten(0, 1)
        patches = patches - patches.mean(0)
        variances, directions = torch.linalg.eigh(patches.T @ patches / len(patches))
        kernels = (directions / (variances + WHITENING_EPS).sqrt()).T.flip(0)
        # Both signs, for GELU keeps one.
        self.whitening.weight.copy_(torch.cat((kernels, -kernels)).view_as(self.whitening.weight))

    @torch.no_grad()
    def level(self) -> None:
        """Give every kernel before a BatchNorm its first length back, which means nothing there, so that a
        learning rate goes on to mean what it meant."""
        for layer in self.stages.modules():
            if isinstance(layer, nn.Conv2d):
                layer.weight.mul_(layer.out_channels**0.5 / layer.weight.norm())


def stage(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        *(conv3x3(inputs, outputs), nn.MaxPool2d(2), norm(outputs), nn.GELU()),
        *(conv3x3(outputs, outputs), norm(outputs), nn.GELU()),
    )


def conv3x3(inputs: int, outputs: int) -> nn.Conv2d:
    conv = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    nn.init.dirac_(conv.weight[: min(inputs, outputs)].data)
    return conv


def norm(width: int) -> nn.BatchNorm2d:
    # Few steps: the statistics must follow fast.
    layer = nn.BatchNorm2d(width, momentum=0.4)
    layer.weight.requires_grad_(False)
    return layer
