"""Do probabilities mean what they say? Of what a net is 80 % sure of, four fifths should be right."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

BINS = 15
COLDEST, HOTTEST = 0.05, 20.0  # a net that is never wrong would have none


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """What to divide logits (N, classes) by so that their cross entropy is least (Guo et al. 2017)."""
    log = torch.zeros((), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([log], max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(logits.double() / log.exp(), labels)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    return float(log.exp().clamp(COLDEST, HOTTEST))


@dataclass(frozen=True)
class Reliability:
    """Of each of `BINS` equal bins of confidence in 0..1: how many guesses, their mean confidence, and the
    share of them that is right (0 where there is none)."""

    counts: Tensor
    confidence: Tensor
    accuracy: Tensor

    @property
    def error(self) -> float:
        """The expected calibration error (Naeini et al. 2015): the mean distance of the two."""
        return float((self.counts * (self.confidence - self.accuracy).abs()).sum() / self.counts.sum())


def reliability(probabilities: Tensor, labels: Tensor) -> Reliability:
    """How the first guesses of (N, classes) stand against labels (N,)."""
    confidence, guess = probabilities.double().max(1)
    # A bin holds its upper end.
    place = (confidence * BINS).ceil().long().clamp(1, BINS) - 1
    counts = torch.bincount(place, minlength=BINS).double()
    sums = [torch.bincount(place, v.double(), BINS) for v in (confidence, guess == labels)]
    return Reliability(counts, *(total / counts.clamp(min=1) for total in sums))
