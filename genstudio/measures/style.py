"""How much of a style pictures have taken on, by VGG-16: `StyleJudge` trains nets, and measures results."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from genstudio.measures.vgg import VGGFeatures

ALIKE = 0.05  # of |G(style)|^2: a picture and itself at another size; others have 0.16 and more


@dataclass(frozen=True)
class Look:
    """What `StyleJudge` sees in N pictures: a Gram matrix for each of its layers, (N, C, C) float32, and the
    features of what they show, (N, C, H, W)."""

    grams: tuple[Tensor, ...]
    content: Tensor


class StyleJudge(nn.Module):
    """How much of a style pictures have taken on, and how far from their content that led them.

        look = StyleJudge()
        style_loss, content_distance = judged(look(result), look(content), look(style))

    Raises:
        WeightsError: see `backbone`.
    """

    STYLE = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")
    CONTENT = "relu4_3"

    def __init__(self) -> None:
        super().__init__()
        self.features = VGGFeatures({*self.STYLE, self.CONTENT})

    def forward(self, picture: Tensor) -> Look:
        """Of pictures (N, 3, H, W) in 0..1, at least 16 px a side."""
        found = self.features(picture)
        return Look(tuple(gram(found[layer]) for layer in self.STYLE), found[self.CONTENT])


def gram(features: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, C, C) float32, the mean over positions (Gatys et al. 2016, equation 3)."""
    with torch.autocast(features.device.type, enabled=False):
        flat = features.flatten(2).float()
        return flat @ flat.mT / flat.shape[2]


def alike(content: Look, style: Look) -> bool:
    """Whether a picture (N = 1) has a style so nearly that a share of their distance says nothing."""
    pairs = zip(content.grams, style.grams, strict=True)
    return any(bool((_squares(c - s) < ALIKE * _squares(s)).any()) for c, s in pairs)


def judged(result: Look, content: Look, style: Look, least: float = 0.0) -> tuple[Tensor, Tensor]:
    """(style loss, content distance) of each of N pictures, (N,) each; 1 and 0 for the content itself.

    The style loss is the mean over layers of |G(result) - G(style)|^2 / |G(content) - G(style)|^2; the
    content distance is |F(result) - F(content)|^2 / |F(content)|^2.

    Args:
        least: the least a style loss is divided by, as a share of |G(style)|^2. More than 0 for training,
            where a content much like the style would outweigh all others.
    """
    losses = [
        _squares(r - s) / _squares(c - s).maximum(least * _squares(s))
        for r, c, s in zip(result.grams, content.grams, style.grams, strict=True)
    ]
    distance = _squares(result.content - content.content) / _squares(content.content)
    return torch.stack(losses).mean(0), distance


def _squares(x: Tensor) -> Tensor:
    return x.float().square().flatten(1).sum(1)
