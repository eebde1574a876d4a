"""From a seed and a number to a latent, from one latent to another, from a net's answer to pixels.

Latents are drawn on the CPU, each by itself: picture k of a seed is the same whatever else is made, and
where.
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Pixels = npt.NDArray[np.uint8]
_LEAST = 2.0**-53  # of a uniform number, so that no latent is infinite


def latent(seed: int, index: int, size: int, truncation: float | None = None) -> Tensor:
    """Latent (size,) number `index` of `seed`: normal, or with `truncation` normal within -T..T.

    By the quantiles of one uniform draw, so that a picture changes little by little with T (Brock et al. 2019
    draw anew until all are within).
    """
    u = torch.from_numpy(np.random.default_rng((seed, index)).random(size)).clamp(_LEAST, 1 - _LEAST)
    if truncation is not None:
        below = torch.special.ndtr(torch.tensor(-truncation, dtype=torch.float64))
        u = below + u * (1 - 2 * below)
    z: Tensor = torch.special.ndtri(u)
    return z.float()


def latents(seed: int, indices: range, size: int, truncation: float | None = None) -> Tensor:
    """(N, size): `latent` for each of `indices`."""
    return torch.stack([latent(seed, index, size, truncation) for index in indices])


def class_of(seed: int, index: int, classes: int) -> int:
    """The class of picture `index` of `seed` where none is asked for, each as likely."""
    return int(np.random.default_rng((seed, index, 1)).integers(classes))


def slerp(a: Tensor, b: Tensor, share: float) -> Tensor:
    """From `a` to `b` (size,) along the arc between them (Shoemake 1985), its length from one's to the
    other's.

    On the straight line latents would be short half way, and such pictures nets have never seen.
    """
    lengths = a.norm(), b.norm()
    cosine = (a @ b / (lengths[0] * lengths[1]).clamp(min=1e-12)).clamp(-1, 1)
    angle = torch.arccos(cosine)
    length = torch.lerp(lengths[0], lengths[1], share)
    if angle.sin() < 1e-4:  # one direction (or opposite ones, between which no arc is the shortest)
        return torch.lerp(a, b, share)
    arc: Tensor = torch.sin((1 - share) * angle) * a / lengths[0] + torch.sin(share * angle) * b / lengths[1]
    return arc / angle.sin() * length


def as_pixels(pictures: Tensor) -> Pixels:
    """(N, 3, H, W) in -1..1 -> (N, H, W, 3) uint8, rounded to the nearest."""
    values = ((pictures.float() + 1) * 127.5).round().clamp(0, 255).byte()
    return values.permute(0, 2, 3, 1).contiguous().cpu().numpy()


def as_pictures(pixels: Tensor) -> Tensor:
    """(N, H, W, 3) uint8 -> (N, 3, H, W) in -1..1, as nets see them; the memory stays in its order."""
    return pixels.permute(0, 3, 1, 2).float() / 127.5 - 1
