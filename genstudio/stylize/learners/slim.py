"""Where the eyes of the fast net begin: as VGG-16 with the fewer channels that tell most of it.

Layer by layer the channels are chosen from which the others are best told by linear maps, and the convolution
is fitted, by least squares on a few pictures, to answer what VGG's would, given what is left of the layer
before (as He et al. 2017, "Channel Pruning for Accelerating Very Deep Neural Networks").
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genstudio.measures.vgg import VGGFeatures
from genstudio.stylize.learners.factor import equations
from genstudio.stylize.nets.eyes import Eyes, normalised

LAYERS = ("conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1", "conv3_2", "conv3_3", "conv4_1")


@torch.no_grad()
def slim(eyes: Eyes, pictures: Tensor) -> None:
    """Fill the eyes' convolutions, given pictures (N, 3, H, W), 0..1, to fit them on.

    Raises:
        WeightsError: VGG-16's features are missing.
    """
    wanted = VGGFeatures(LAYERS)(pictures)
    names = iter(LAYERS)
    h = normalised(pictures)
    for module in nn.Sequential(*eyes.blocks).modules():
        if not isinstance(module, nn.Conv2d | nn.ReLU | nn.MaxPool2d):
            continue
        if isinstance(module, nn.Conv2d):
            answers = wanted[next(names)]
            chosen = telling(F.relu(answers), module.out_channels)
            fit(module, h, answers[:, chosen])
        h = module(h)


def telling(features: Tensor, count: int) -> list[int]:
    """The `count` of the channels of (N, C, H, W) from which the others are best told, chosen one by one."""
    flat = features.transpose(0, 1).flatten(1).float()
    left = (flat @ flat.mT / flat.shape[1]).double()  # second moments of what is not told yet
    least = 1e-6 * left.diagonal().max()
    chosen: list[int] = []
    for _ in range(count):
        told = left.square().sum(0) / left.diagonal().clamp_min(least)
        told[chosen] = -1
        best = int(told.argmax())
        chosen.append(best)
        left = left - torch.outer(left[best], left[best]) / left[best, best].clamp_min(least)
    return chosen


def fit(conv: nn.Conv2d, inputs: Tensor, answers: Tensor) -> None:
    """Make `conv` answer `inputs` (N, C, H, W) as nearly as it can with `answers` (N, C', H, W)."""
    assert conv.bias is not None
    own, shared = equations(inputs, answers)
    own.diagonal().add_(1e-4 * own.diagonal().mean())
    solved = torch.linalg.solve(own, shared, left=False)
    conv.weight.copy_(solved[:, :-1].view_as(conv.weight))
    conv.bias.copy_(solved[:, -1])
