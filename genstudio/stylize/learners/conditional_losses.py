"""What trains the net that takes any style in one pass: small losses on VGG-16's features.

A style is the mean and the covariance of features. Both are taken in units of the style's own deviation,
channel by channel: in plain Gram matrices (Gatys et al. 2016) a few channels with large values outweigh all
others, and a net may then meet them with one pattern for every painting.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genstudio.measures.vgg import VGGFeatures

STYLE = ("relu1_2", "relu2_2", "relu3_3", "relu4_1")
CONTENT = "relu4_1"
# Added to the style's squared norm, as a share of the content's: a flat style would otherwise count most.
SHARE_OF_CONTENT = 0.2


@dataclass(frozen=True)
class Look:
    """Of N pictures, at each size and layer: mean (N, C) and second moment (N, C, C) of the features; and the
    features of what they show, (N, C, H, W)."""

    means: tuple[Tensor, ...]
    seconds: tuple[Tensor, ...]
    content: Tensor

    def mixed(self, other: "Look", share: Tensor) -> "Look":
        """The look of two pictures side by side, `share` (N,) of it the other."""

        def lerp(a: Tensor, b: Tensor) -> Tensor:
            return torch.lerp(a, b, share.view(-1, *[1] * (a.ndim - 1)))

        means = tuple(map(lerp, self.means, other.means))
        return Look(means, tuple(map(lerp, self.seconds, other.seconds)), self.content)

    def rolled(self) -> "Look":
        """Each picture's look in the place of the one before it."""
        means = tuple(m.roll(1, 0) for m in self.means)
        return Look(means, tuple(s.roll(1, 0) for s in self.seconds), self.content)


class LookAt(nn.Module):
    """Pictures (N, 3, H, W), 0..1 -> their `Look`, at full and half size, by VGG-16 or by what answers like
    it.

    Args:
        extractor: pictures -> features by layer.
        style: layers whose statistics are compared.
        content: the layer that says what pictures show.
    """

    def __init__(self, extractor: nn.Module, style: Sequence[str], content: str) -> None:
        super().__init__()
        self.extractor = extractor
        self.style, self.content = tuple(style), content

    @classmethod
    def with_vgg16(cls) -> "LookAt":
        """What trains nets. Raises WeightsError: no VGG-16."""
        return cls(VGGFeatures({*STYLE, CONTENT}), STYLE, CONTENT)

    def forward(self, pictures: Tensor) -> Look:
        means, seconds = [], []
        whole: Mapping[str, Tensor] = self.extractor(pictures)
        for found in (whole, self.extractor(F.avg_pool2d(pictures, 2))):
            for layer in self.style:
                mean, second = moments(found[layer])
                means.append(mean)
                seconds.append(second)
        return Look(tuple(means), tuple(seconds), whole[self.content])


def moments(features: Tensor) -> tuple[Tensor, Tensor]:
    """(N, C, H, W) -> mean (N, C) and mean product of channels (N, C, C), float32."""
    with torch.autocast(features.device.type, enabled=False):
        flat = features.flatten(2).float()
        return flat.mean(2), flat @ flat.mT / flat.shape[2]


def style_loss(result: Look, style: Look, content: Look) -> Tensor:
    """(N,), 0 where the result has the style's statistics, about 1 where it has none of them."""
    losses = []
    looks = (zip(look.means, look.seconds, strict=True) for look in (result, style, content))
    for found, wanted, before in zip(*looks, strict=True):
        mean, covariance = _central(*wanted)
        deviation = covariance.diagonal(dim1=1, dim2=2).clamp_min(0).sqrt()
        unit = 1 / (deviation + 0.2 * deviation.mean(1, keepdim=True) + 1e-6)
        units = unit[:, :, None] * unit[:, None]
        own_mean, own = _central(*found)
        before_mean, first = _central(*before)
        whole = _squares(covariance * units) + SHARE_OF_CONTENT * _squares(first * units)
        losses.append(_squares((own - covariance) * units) / whole)
        whole = _squares(mean * unit) + SHARE_OF_CONTENT * _squares(before_mean * unit)
        losses.append(_squares((own_mean - mean) * unit) / whole)
    return torch.stack(losses).mean(0) * 2


def content_loss(result: Look, content: Look) -> Tensor:
    """(N,), how far the features are from the content's, both normalised by channel: colours and contrast may
    change; 0 for the content, 1 for a picture that has nothing to do with it."""
    a, b = (F.instance_norm(look.content.float()) for look in (result, content))
    return (a - b).square().mean((1, 2, 3)) / 2


def colour_loss(results: Tensor, styles: Tensor, directions: Tensor) -> Tensor:
    """(N,), the sliced Wasserstein-1 distance of two palettes (N, 3, H, W) of one size.

    Args:
        directions: (K, 3), unit vectors.
    """
    with torch.autocast(results.device.type, enabled=False):
        small = [F.avg_pool2d(each.float(), 4).flatten(2) for each in (results, styles)]
        found, wanted = ((directions @ each).sort(dim=2).values for each in small)
        return (found - wanted).abs().mean((1, 2))


def colour_directions(count: int, device: torch.device) -> Tensor:
    """(count, 3) random unit vectors, from torch's own state."""
    return F.normalize(torch.randn(count, 3), dim=1).to(device)


def _central(mean: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    return mean, second - mean[:, :, None] * mean[:, None]


def _squares(x: Tensor) -> Tensor:
    return x.square().flatten(1).sum(1)
