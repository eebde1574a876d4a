"""One painting's own parameters: what the predictor says of it is improved, the net standing still.

A predictor that has to serve every painting meets none of them quite. The scales and shifts themselves are
a few thousand numbers, and learning them alone takes minutes (Dumoulin et al. 2017, section 3.1, add a
style to a trained net in this way).
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from genstudio.stylize.learners.conditional_losses import (
    LookAt,
    colour_directions,
    colour_loss,
    content_loss,
    style_loss,
)
from genstudio.stylize.nets.conditional import ConditionalNet

COLOUR_DIRECTIONS = 16
MOST_STEPS = 100_000  # of which no machine does more in the minutes that anybody waits


@dataclass(frozen=True)
class Budget:
    """What ends the learning, whichever comes first, and how long a step is."""

    minutes: float = math.inf
    steps: int = MOST_STEPS
    lr: float = 0.02
    content_weight: float = 0.3
    colour_weight: float = 2.0


@dataclass(frozen=True)
class Learned:
    """Parameters (1, P), float32; the steps they took, and the style loss at the first and over the last
    ten."""

    parameters: Tensor
    steps_done: int
    first_loss: float
    last_loss: float


@dataclass(frozen=True)
class Step:
    """What happens at a step: its number, the share of the budget that is spent (0..1), its style loss, and a
    result (N, 3, H, W), 0..1."""

    step: int
    spent: float
    style_loss: float
    results: Tensor


def learn(
    net: ConditionalNet,
    painting: Tensor,
    contents: Callable[[np.random.Generator], Tensor],
    look: LookAt,
    budget: Budget,
    *,
    seed: int = 0,
    on_step: Callable[[Step], None] = lambda step: None,
    enough: Callable[[], bool] = lambda: False,
) -> Learned:
    """The parameters that give contents this painting's style best; `net` itself is not changed.

    Args:
        painting: (1, 3, H, W), 0..1.
        contents: draws pictures (N, 3, h, w), 0..1, no larger than the painting.
        enough: asked after each step; True ends the learning, and what is learned is kept.
    """
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    with torch.no_grad():
        begin = net.predict(net.style_features(painting))
        style = look(painting)
    parameters = begin.clone().requires_grad_()
    average = begin.clone()
    optimizer = torch.optim.Adam([parameters], lr=budget.lr, betas=(0.9, 0.99))
    began = time.monotonic()
    losses: list[float] = []
    for k in range(budget.steps):
        spent = max(k / budget.steps, (time.monotonic() - began) / 60 / budget.minutes)
        if spent >= 1:
            break
        optimizer.param_groups[0]["lr"] = budget.lr * 0.5 * (1 + math.cos(math.pi * spent))
        content_pictures = contents(rng)
        count = len(content_pictures)
        with torch.no_grad():
            content = look(content_pictures)
        results = net(content_pictures, parameters.expand(count, -1))
        found = look(results)
        loss = style_loss(found, style, content).mean()
        directions = colour_directions(COLOUR_DIRECTIONS, painting.device)
        shown = _part(painting, results.shape[-2:], rng).expand(count, -1, -1, -1)
        whole = (
            loss
            + budget.content_weight * content_loss(found, content).mean()
            + budget.colour_weight * colour_loss(results, shown, directions).mean()
        )
        (parameters.grad,) = torch.autograd.grad(whole, parameters)
        optimizer.step()
        average.lerp_(parameters.detach(), max(0.02, 1 / (k + 1)))
        losses.append(loss.item())
        on_step(Step(k + 1, min(1.0, spent), losses[-1], results.detach()))
        if enough():
            break
    if not losses:
        return Learned(begin, 0, math.nan, math.nan)
    return Learned(average, len(losses), losses[0], float(np.mean(losses[-10:])))


def _part(painting: Tensor, size: tuple[int, ...], rng: np.random.Generator) -> Tensor:
    """A random part of the painting of this size: palettes are compared pixel for pixel."""
    top, left = (
        int(rng.integers(have - want + 1)) for have, want in zip(painting.shape[-2:], size, strict=True)
    )
    return painting[..., top : top + size[0], left : left + size[1]]
