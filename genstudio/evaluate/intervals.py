"""How far measured numbers may be trusted: intervals of 95 %."""

from torch import Tensor

Z = 1.959964  # of 95 % of a normal distribution


def wilson(share: float, n: int) -> tuple[float, float]:
    """Of a share of n (Wilson 1927)."""
    centre = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * (share * (1 - share) / n + Z**2 / (4 * n**2)) ** 0.5
    return max(0.0, centre - half), min(1.0, centre + half)


def of_mean(values: Tensor) -> tuple[float, float]:
    """Of the mean of values (N,)."""
    mean = values.mean().item()
    half = Z * values.std(correction=0).item() / len(values) ** 0.5
    return mean - half, mean + half
