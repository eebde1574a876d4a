"""What all classifiers are: pictures -> maps -> one embedding -> logits; and how they are asked."""

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn

# Of values in a batch of pictures: enough to keep a processor busy, little beside the pictures themselves.
BATCH_VALUES = 500 * 3 * 32 * 32


class Classifier(ABC, nn.Module):
    """(N, 3, side, side) float in 0..1 -> logits (N, classes), divided by the temperature.

    Softmax of the logits gives calibrated probabilities where the config's temperature has been fitted.

    Attributes:
        config: its dataclass; says at least `classes`, `side_px` and `temperature`.
    """

    config: Any

    @abstractmethod
    def maps(self, x: Tensor) -> Tensor:
        """(N, C, h, w): what explanations look at, deep enough to know things, fine enough to place them."""

    @abstractmethod
    def pooled(self, maps: Tensor) -> Tensor:
        """(N, D): the embedding, from `maps`."""

    @abstractmethod
    def head(self, features: Tensor) -> Tensor:
        """(N, classes): logits of embeddings, before the temperature."""

    def features(self, x: Tensor) -> Tensor:
        """The pooled embedding (N, D) of pictures (N, 3, side, side) in 0..1."""
        return self.pooled(self.maps(x))

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.features(x)) / self.config.temperature
        return logits


def mirrored(net: nn.Module, x: Tensor) -> Tensor:
    """Logits, the mean over each picture and its mirror image."""
    both: Tensor = net(torch.cat((x, x.flip(3))))
    return both.view(2, len(x), -1).mean(0)


@torch.no_grad()
def logits_of(net: nn.Module, pixels: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Logits (N, classes) float32 on the CPU of pictures (N, side, side, 3) uint8, by `mirrored`."""
    device = next(net.parameters()).device
    found = []
    for some in batches(pixels):
        with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            found.append(mirrored(net, as_input(some.to(device))).float().cpu())
    return torch.cat(found)


def batches(pixels: Tensor) -> tuple[Tensor, ...]:
    return torch.split(pixels, max(1, BATCH_VALUES // pixels[0].numel()))


def as_input(pixels: Tensor) -> Tensor:
    """(N, side, side, 3) uint8 -> (N, 3, side, side) in 0..1; the memory stays in its order."""
    return pixels.permute(0, 3, 1, 2).float() / 255
