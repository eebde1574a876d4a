"""What the two nets of a GAN want, and what keeps them from running off.

`real` and `fake` are logits (N,) of real and of generated pictures, pair by pair.
"""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

# nonsaturating: Goodfellow et al. 2014, the binary cross entropy of the plain recipe.
# hinge: Lim and Ye 2017. relativistic: Jolicoeur-Martineau 2019, as Huang et al. 2024 have it ("R3GAN").
Loss = Literal["nonsaturating", "hinge", "relativistic"]


def discriminator_loss(kind: Loss, real: Tensor, fake: Tensor) -> Tensor:
    """What the discriminator makes small."""
    if kind == "relativistic":
        return F.softplus(fake - real).mean()
    if kind == "hinge":
        return F.relu(1 - real).mean() + F.relu(1 + fake).mean()
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def generator_loss(kind: Loss, real: Tensor | None, fake: Tensor) -> Tensor:
    """What the generator makes small; the relativistic one alone looks at `real`."""
    if kind == "relativistic":
        assert real is not None
        return F.softplus(real - fake).mean()
    return -fake.mean() if kind == "hinge" else F.softplus(-fake).mean()


def gradient_penalty(logits: Tensor, pictures: Tensor) -> Tensor:
    """The squared length (N,) of each logit's gradient in its own picture: R1 of real ones, R2 of generated.

    Mescheder et al. 2018, eq. 9 without its gamma / 2. `pictures` must require gradients.
    """
    (gradient,) = torch.autograd.grad(logits.sum(), pictures, create_graph=True)
    return gradient.float().square().sum((1, 2, 3))


def rightness(real: Tensor, fake: Tensor) -> Tensor:
    """The share of pictures on the right side of the middle, 0.5 (guesses) to 1 (always right).

    The middle is that of all logits, as those of a relativistic loss have no zero of their own.
    """
    middle = (real.mean() + fake.mean()) / 2
    return ((real > middle).float().mean() + (fake < middle).float().mean()) / 2
