"""What a style is, and how features take it on.

A style is the mean and the covariance of features at each level of the encoder, the picture's own pixels
being level 0. Features take a style on by the affine map that gives them its mean and covariance and moves
them as little as that allows (Lu et al. 2019, "A Closed-Form Solution to Universal Style Transfer"; optimal
transport between normal distributions):

    f -> A (f - mean_c) + mean_s,    A = Cc^-1/2 (Cc^1/2 Cs Cc^1/2)^1/2 Cc^-1/2

Between a distribution and itself that is the identity, exactly. So strength is a point on the way from the
identity to the map, and several styles mix as their maps do.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

# Added to both covariances as a share of the content's mean variance: directions in which the content hardly
# varies are noise, and would be blown up to texture.
RIDGE = 0.05


@dataclass(frozen=True)
class Statistics:
    """Of N pictures, at each level: mean (N, C) and covariance (N, C, C) of the features, float32."""

    means: tuple[Tensor, ...]
    covariances: tuple[Tensor, ...]

    @classmethod
    def of(cls, levels: Sequence[Tensor]) -> "Statistics":
        """Those of features (N, C, H, W)."""
        means, covariances = zip(*(_moments(f) for f in levels), strict=True)
        return cls(means, covariances)

    @property
    def grams(self) -> tuple[Tensor, ...]:
        """At each level the Gram matrix (N, C, C), the mean over positions."""
        pairs = zip(self.means, self.covariances, strict=True)
        return tuple(covariance + mean[:, :, None] * mean[:, None] for mean, covariance in pairs)


@dataclass(frozen=True)
class Transport:
    """For each of N pictures, at each level, an affine map of features: matrices (N, C, C), shifts (N, C)."""

    matrices: tuple[Tensor, ...]
    shifts: tuple[Tensor, ...]

    @classmethod
    def between(cls, content: Statistics, style: Statistics) -> "Transport":
        """The map that gives features of `content` the statistics of `style`."""
        matrices, shifts = [], []
        for mean, covariance, mean_s, covariance_s in zip(
            content.means, content.covariances, style.means, style.covariances, strict=True
        ):
            matrix = _optimal(covariance.double(), covariance_s.double()).to(mean.dtype)
            matrices.append(matrix)
            shifts.append(mean_s - (matrix @ mean[..., None])[..., 0])
        return cls(tuple(matrices), tuple(shifts))

    @classmethod
    def mixed(cls, transports: Sequence["Transport"], weights: Sequence[float]) -> "Transport":
        """Their weighted mean; what the weights lack of 1 is the identity."""
        matrices = []
        for maps in zip(*(t.matrices for t in transports), strict=True):
            eye = torch.eye(maps[0].shape[-1], dtype=maps[0].dtype, device=maps[0].device)
            total = (1 - sum(weights)) * eye.expand_as(maps[0])
            matrices.append(total + torch.stack([w * m for w, m in zip(weights, maps, strict=True)]).sum(0))
        shifts = [
            torch.stack([w * s for w, s in zip(weights, level, strict=True)]).sum(0)
            for level in zip(*(t.shifts for t in transports), strict=True)
        ]
        return cls(tuple(matrices), tuple(shifts))

    def to(self, device: torch.device | str) -> "Transport":
        """The same on a device."""
        return Transport(tuple(m.to(device) for m in self.matrices), tuple(s.to(device) for s in self.shifts))

    def __call__(self, levels: Sequence[Tensor]) -> list[Tensor]:
        """Features (N, C, H, W) carried over, in their own number format."""
        return [
            _apply(f, matrix, shift)
            for f, matrix, shift in zip(levels, self.matrices, self.shifts, strict=True)
        ]


def _moments(f: Tensor) -> tuple[Tensor, Tensor]:
    with torch.autocast(f.device.type, enabled=False):  # half precision would lose what varies little
        flat = f.flatten(2).float()
        mean = flat.mean(2)
        centred = flat - mean[..., None]
        return mean, centred @ centred.mT / flat.shape[2]


def _optimal(content: Tensor, style: Tensor) -> Tensor:
    """A (N, C, C) of the equation above, from covariances of the same shape, float64."""
    eye = torch.eye(content.shape[-1], dtype=content.dtype, device=content.device)
    ridge = RIDGE * content.diagonal(dim1=-2, dim2=-1).mean(-1)[..., None, None].clamp_min(1e-8) * eye
    root = _power(content + ridge, 0.5)
    inverse = _power(content + ridge, -0.5)
    return inverse @ _power(root @ (style + ridge) @ root, 0.5) @ inverse


def _power(matrix: Tensor, exponent: float) -> Tensor:
    """Of symmetric positive matrices."""
    values, vectors = torch.linalg.eigh(matrix)
    floor = values[..., -1:] * 1e-12
    power: Tensor = (vectors * values.maximum(floor).pow(exponent)[..., None, :]) @ vectors.mT
    return power


def _apply(f: Tensor, matrix: Tensor, shift: Tensor) -> Tensor:
    n, c, h, w = f.shape
    rows = f.permute(0, 2, 3, 1).reshape(n, h * w, c)
    with torch.autocast(f.device.type, enabled=False):  # the pixels stay as fine as they are
        carried = torch.baddbmm(shift.to(f.dtype)[:, None], rows, matrix.to(f.dtype).mT)
    return carried.view(n, h, w, c).permute(0, 3, 1, 2)
