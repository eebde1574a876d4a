"""Learning from noisy pictures alone: Neighbor2Neighbor (Huang et al. 2021).

Of every cell of 2x2 pixels two neighbours go into two pictures of half the size, which show the same and have
each its own noise. From one the net learns to tell the other, and as it cannot tell the noise, it learns the
picture. The two differ a little in what they show as well; a second term takes that out.

It is chosen before Noise2Void and Noise2Self, whose nets must not see the pixel they tell: this one sees
every pixel, with any architecture, and after training runs as it is. It asks that the noise of neighbours be
independent, which a camera's is only before demosaicing.

56 photographs as 8-bit files with Gaussian noise of 25, a `DAE` of 24 channels and 1 block, 800 steps of 16
crops of 48 px: 29.30 dB on those held back (n=5), against 30.38 from the same noisy files with clean ones.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

# The weight that the second term ends with: the paper's for synthetic noise.
GAMMA = 2.0
# Of a cell, counted by rows: the pairs that share an edge, both ways round.
PAIRS = ((0, 1), (1, 0), (0, 2), (2, 0), (1, 3), (3, 1), (2, 3), (3, 2))


def draw(rng: np.random.Generator, count: int, height: int, width: int) -> Tensor:
    """(count, height, width): which of `PAIRS` each cell gives."""
    return torch.from_numpy(rng.integers(len(PAIRS), size=(count, height, width)))


def split(picture: Tensor, pairs: Tensor) -> tuple[Tensor, Tensor]:
    """Two pictures (N, C, h, w) of one (N, C, 2h, 2w), by the pairs of its cells (N, h, w)."""
    n, h, w = pairs.shape
    cells = F.pixel_unshuffle(picture, 2).view(n, -1, 4, h, w)
    places = torch.tensor(PAIRS, device=pairs.device)[pairs].view(n, 1, 1, h, w, 2)
    places = places.expand(-1, cells.shape[1], -1, -1, -1, -1)
    return cells.gather(2, places[..., 0])[:, :, 0], cells.gather(2, places[..., 1])[:, :, 0]


def losses(net: nn.Module, noisy: Tensor, noise_std: Tensor, pairs: Tensor) -> tuple[Tensor, Tensor]:
    """How far the net is from telling one neighbour from the other, and how far their difference is from that
    in what it makes of the whole picture; mean squares."""
    with torch.no_grad():
        one, other = split(net(noisy, noise_std), pairs)
    first, second = split(noisy, pairs)
    error = net(first, noise_std) - second
    return error.square().mean(), (error - (one - other)).square().mean()
