"""The deletion test: is a class less likely when what an explanation marks is hidden (Petsiuk
et al. 2018)?
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from genstudio.classify.classifier import as_input, batches, logits_of
from genstudio.classify.explain import attention
from genstudio.classify.pipeline import Classify
from genstudio.data.labelled import Part
from genstudio.evaluate.intervals import of_mean

SHARE = 0.25
MOST_PICTURES = 1_000


@dataclass(frozen=True)
class Deletion:
    """How far hiding a quarter of a picture lowers the probability of what it was taken for, mean over n.

    Attributes:
        marked: the quarter where the explanation is strongest.
        random: the same shape moved to a random place, around the edges.
        interval: 95 %, of the mean of their difference picture by picture.
    """

    marked: float
    random: float
    interval: tuple[float, float]
    n: int

    def __str__(self) -> str:
        low, high = self.interval
        return (
            f"hiding the marked quarter takes {self.marked:.3f} off the probability, a random one "
            f"{self.random:.3f}\n  (mean over {self.n} pictures; difference {self.marked - self.random:.3f}, "
            f"95 %: {low:.3f} to {high:.3f})"
        )


def deletion(classifier: Classify, part: Part, logits: Tensor) -> Deletion:
    """The test on the pictures of a part, or on `MOST_PICTURES` of it; `logits` are what is said of them."""
    every = math.ceil(len(part) / MOST_PICTURES)
    device = next(classifier.net.parameters()).device
    dice = torch.Generator().manual_seed(0)
    some = batches(part.pixels[::every])
    drops = []
    for pixels, said in zip(some, torch.split(logits[::every], len(some[0])), strict=True):
        guess = said.argmax(1)
        marked = strongest(attention(classifier.net, as_input(pixels.to(device)), guess.to(device)).cpu())
        places = torch.randint(marked.shape[1], (len(marked), 2), generator=dice).tolist()
        moved = torch.stack([mask.roll(place, (0, 1)) for mask, place in zip(marked, places, strict=True)])
        before, *after = (
            logits_of(classifier.net, each).softmax(1).gather(1, guess[:, None])[:, 0].double()
            for each in (pixels, hidden(pixels, marked), hidden(pixels, moved))
        )
        drops.append(torch.stack([before - each for each in after]))
    of_marked, of_random = torch.cat(drops, 1)
    interval = of_mean(of_marked - of_random)
    return Deletion(of_marked.mean().item(), of_random.mean().item(), interval, len(of_marked))


def strongest(heat: Tensor) -> Tensor:
    """(N, side, side) bool, the `SHARE` of each picture's pixels with the most heat."""
    flat = heat.flatten(1)
    chosen = flat.topk(round(SHARE * flat.shape[1])).indices
    return torch.zeros_like(flat, dtype=torch.bool).scatter_(1, chosen, True).view_as(heat)


def hidden(pixels: Tensor, mask: Tensor) -> Tensor:
    """Pictures (N, side, side, 3) uint8 with their own mean colour where the mask (N, side, side) is."""
    mean = pixels.float().mean((1, 2), keepdim=True).round().byte()
    return torch.where(mask[..., None], mean, pixels)
