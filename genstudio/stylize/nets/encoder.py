"""Encoder: our own extractor of content and style. VGG-16 as far as relu4_1, channel for channel, in a tenth
of VGG-16's arithmetic.

    VGG       3x3, C channels -> C channels ------------------> ReLU
    here      1x1, C -> few;  3x3 among the few;  1x1 to C ---> ReLU

A net with fewer channels everywhere sees little of what VGG does at its third and fourth level, and what it
does not see an optimiser is free to spoil. All of VGG's ReLUs are kept here and what lies between them is
thinned out, which costs far less of it (Zhang et al. 2015, "Accelerating Very Deep Convolutional Networks for
Classification and Detection"; Kim et al. 2016, "Compression of Deep Convolutional Neural Networks for Fast
and Low Power Mobile Applications"). `learners.factor` fills it from VGG, `learners.encoder`
trains it.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genstudio.measures.vgg import IMAGENET_MEAN, IMAGENET_STD

# VGG-16's convolutions and their channels; before the first of a level, pictures are halved.
VGG16 = {
    "conv1_1": 64,
    "conv1_2": 64,
    "conv2_1": 128,
    "conv2_2": 128,
    "conv3_1": 256,
    "conv3_2": 256,
    "conv3_3": 256,
    "conv4_1": 512,
}
# What leaves the levels is divided by these, the root of the mean square of VGG's own (20 photographs and
# paintings), so that all levels are alike.
SCALES = {"relu1_1": 0.62, "relu2_1": 1.8, "relu3_1": 3.4, "relu4_1": 3.5}


@dataclass(frozen=True)
class EncoderConfig:
    """How many channels are left between the 1x1 convolutions, for each of VGG's after the first."""

    ranks: tuple[int, ...] = (16, 24, 32, 56, 72, 72, 112)


class Encoder(nn.Module):
    """(N, 3, H, W) float, 0..1 -> relu1_1, relu2_1, relu3_1 and relu4_1 over `SCALES`,
    (N, C, ceil(H / 2**l), ceil(W / 2**l)) each, C being VGG's channels. Any size.

    Edges go on as they end (VGG's own zeros would be seen as a dark frame).
    """

    Config = EncoderConfig
    mean: Tensor
    std: Tensor

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(3, 1, 1), persistent=False)
        first, *others = VGG16.values()
        self.convs = nn.ModuleList([conv3x3(3, first, bias=True)])
        inputs = first
        for outputs, rank in zip(others, config.ranks, strict=True):
            self.convs.append(factored(inputs, rank, outputs))
            inputs = outputs

    def forward(self, x: Tensor) -> list[Tensor]:
        h = self.normalised(x)
        found = []
        for name, conv in zip(VGG16, self.convs, strict=True):
            h = F.relu(conv(self.arriving(name, h)))
            layer = name.replace("conv", "relu")
            if layer in SCALES:
                found.append(h / SCALES[layer])
        return found

    def normalised(self, x: Tensor) -> Tensor:
        return ((x.float() - self.mean) / self.std).to(next(self.parameters()).dtype)

    def arriving(self, name: str, h: Tensor) -> Tensor:
        """What the convolution of this name is given of what the one before gave."""
        # The last row of an odd picture counts as well.
        return F.max_pool2d(h, 2, ceil_mode=True) if name.endswith("_1") and name != "conv1_1" else h


def factored(inputs: int, rank: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, rank, 1, bias=False),
        conv3x3(rank, rank, bias=False),
        nn.Conv2d(rank, outputs, 1),
    )


def conv3x3(inputs: int, outputs: int, bias: bool) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1, padding_mode="replicate", bias=bias)
