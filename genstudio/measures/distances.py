"""How far two sets of pictures are apart, by features of some net: arrays (N, D) float64, a row a picture.

    frechet(statistics(real), statistics(fake))     # Heusel et al. 2017: the two as Gaussians
    kid(real, fake)                                 # Binkowski et al. 2018: unbiased, with an error bar
    precision_recall(real, fake)                    # Kynkaanniemi et al. 2019: quality and variety apart
    density_coverage(real, fake)                    # Naeem et al. 2020: the same, less moved by outliers

All is computed in float64 from whole arrays, so that nothing depends on the batches features were made in.
`genstudio.measures.features` makes them.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from genstudio.errors import InputError

Features = npt.NDArray[np.float64]
ROWS = 1024  # of a matrix of distances, held at once


@dataclass(frozen=True)
class Statistics:
    """A set as a Gaussian: mean (D,), covariance (D, D) over n pictures, float64."""

    mean: Features
    cov: Features
    n: int

    @property
    def spread(self) -> float:
        """The root mean square distance between two of the set's pictures."""
        return float(np.sqrt(2 * max(0.0, np.trace(self.cov))))


def statistics(features: Features) -> Statistics:
    """Mean and unbiased covariance. Raises InputError for less than two rows or a value that is no number."""
    features = _checked(features, least=2)
    mean = features.mean(0)
    centred = features - mean
    return Statistics(mean, centred.T @ centred / (len(features) - 1), len(features))


def frechet(a: Statistics, b: Statistics) -> float:
    """The squared Frechet distance of two Gaussians (Dowson and Landau 1982); on Inception's features, FID.

    |mean_a - mean_b|^2 + tr(A + B - 2 (A B)^(1/2)). The eigenvalues of A B are those of the symmetric
    A^(1/2) B A^(1/2): so nothing complex arises, and covariances of too few pictures do no harm.
    """
    first, second = torch.from_numpy(a.cov), torch.from_numpy(b.cov)
    values, vectors = torch.linalg.eigh(first)
    root = (vectors * values.clamp(min=0).sqrt()) @ vectors.T
    product = root @ second @ root
    roots = torch.linalg.eigvalsh((product + product.T) / 2).clamp(min=0).sqrt()
    distance = float(np.square(a.mean - b.mean).sum() + first.trace() + second.trace() - 2 * roots.sum())
    return max(0.0, distance)


def kid(
    real: Features, fake: Features, *, subsets: int = 100, subset_size: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """(mean, standard deviation) over random subsets of the squared maximum mean discrepancy, unbiased.

    The kernel is (x . y / D + 1)^3. Subsets are at most as large as the smaller set.
    """
    real, fake = _checked(real, least=2), _checked(fake, least=2)
    size = min(subset_size, len(real), len(fake))
    rng = np.random.default_rng(seed)

    def some(features: Features) -> Features:
        return features[rng.choice(len(features), size, replace=False)]

    estimates = [_mmd(some(real), some(fake)) for _ in range(subsets)]
    return float(np.mean(estimates)), float(np.std(estimates))


def _mmd(x: Features, y: Features) -> float:
    def kernel(a: Features, b: Features) -> Features:
        return np.asarray((a @ b.T / a.shape[1] + 1) ** 3)

    n = len(x)
    xx, yy = kernel(x, x), kernel(y, y)
    within = (xx.sum() - np.trace(xx) + yy.sum() - np.trace(yy)) / (n * (n - 1))
    return float(within - 2 * kernel(x, y).mean())


def precision_recall(real: Features, fake: Features, *, nearest: int = 3) -> tuple[float, float]:
    """(share of fakes that lie among the reals, share of reals that lie among the fakes).

    To lie among a set: within some member's distance to its `nearest`-th neighbour in that set.
    """
    real, fake = _checked(real, least=nearest + 1), _checked(fake, least=nearest + 1)
    return _inside(fake, real, nearest)[0], _inside(real, fake, nearest)[0]


def density_coverage(real: Features, fake: Features, *, nearest: int = 5) -> tuple[float, float]:
    """(in how many reals' neighbourhoods a fake lies, by `nearest`; share of reals with a fake in theirs)."""
    real, fake = _checked(real, least=nearest + 1), _checked(fake, least=1)
    _, inside, near = _inside(fake, real, nearest)
    return inside / (nearest * len(fake)), near


def nearest_neighbours(
    queries: Features, among: Features, count: int
) -> tuple[Features, npt.NDArray[np.int64]]:
    """(distances, places) of each query's `count` nearest rows, nearest first; (N, count) both."""
    a, b = torch.from_numpy(queries), torch.from_numpy(among)
    found = [_apart(rows, b).topk(count, largest=False) for rows in torch.split(a, ROWS)]
    return torch.cat([f.values for f in found]).numpy(), torch.cat([f.indices for f in found]).numpy()


def _inside(points: Features, members: Features, nearest: int) -> tuple[float, float, float]:
    """(share of points in any member's ball, pairs of a point in a ball, share of balls with a point)."""
    # The first neighbour is the member itself.
    radii = torch.from_numpy(nearest_neighbours(members, members, nearest + 1)[0][:, -1])
    centres = torch.from_numpy(members)
    any_ball, pairs, hit = 0, 0, torch.zeros(len(members), dtype=torch.bool)
    for rows in torch.split(torch.from_numpy(points), ROWS):
        inside = _apart(rows, centres) <= radii
        any_ball += int(inside.any(1).sum())
        pairs += int(inside.sum())
        hit |= inside.any(0)
    return any_ball / len(points), float(pairs), float(hit.double().mean())


def _apart(a: Tensor, b: Tensor) -> Tensor:
    return torch.cdist(a, b, compute_mode="use_mm_for_euclid_dist")


def _checked(features: Features, *, least: int) -> Features:
    features = np.ascontiguousarray(features, np.float64)
    if features.ndim != 2 or len(features) < least:
        raise InputError(f"expected features (N, D) of at least {least} pictures, found {features.shape}")
    if not np.isfinite(features).all():
        raise InputError("expected features that are numbers, found some that are not; see what made them")
    return features
