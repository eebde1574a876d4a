"""What an optimised picture is to be like: small modules, each of which looks at an extractor's features.

All are relative, so that their weights mean the same whatever the layer, the extractor and the size: 1 is
the distance between content and style.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from genstudio.measures.style import gram

Features = Mapping[str, Tensor]
# The least that distances are divided by, as a share of the style's own length: a content much like the
# style would otherwise count most.
LEAST = 0.1


class GramLoss(nn.Module):
    """How far a layer's Gram matrix is from the one wanted (Gatys et al. 2016, equation 4).

    Args:
        wanted: (1, C, C).
        content: the content's own, where the way begins; the same shape.
        strength: 0..1, how far to go from there.
    """

    def __init__(self, layer: str, wanted: Tensor, content: Tensor, strength: float = 1.0) -> None:
        super().__init__()
        self.layer = layer
        self.target = torch.lerp(content, wanted, strength)
        self.whole = torch.maximum(squares(content - wanted), LEAST * squares(wanted))

    def forward(self, features: Features) -> Tensor:
        return squares(gram(features[self.layer]) - self.target) / self.whole


class ContentLoss(nn.Module):
    """How far a layer's features are from the content's (Gatys et al. 2016, equation 1)."""

    def __init__(self, layer: str, content: Tensor) -> None:
        super().__init__()
        self.layer = layer
        self.content = content
        self.whole = squares(content).clamp_min(1e-8)

    def forward(self, features: Features) -> Tensor:
        return squares(features[self.layer] - self.content) / self.whole


def total_variation(picture: Tensor) -> Tensor:
    """Mean absolute difference of neighbouring pixels of (N, 3, H, W); 0 for a single pixel."""
    total = picture.diff(dim=-2).abs().sum() + picture.diff(dim=-1).abs().sum()
    return total / picture.numel()


def squares(x: Tensor) -> Tensor:
    return x.float().square().sum()
