"""The contracts of training: what the loop asks of a task's learner, and what it reads of a recipe."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from accelerate import Accelerator
from torch import Tensor, nn

Losses = dict[str, Tensor]


class Update:
    """`update(loss, optimizer, lr)`: one optimizer update, or its share of an accumulated one.

    Gradients reach this optimizer's parameters alone, so the losses of several optimizers may go through one
    another's nets.
    """

    def __init__(self, accelerator: Accelerator, clip_norm: float) -> None:
        self.accelerator = accelerator
        self.clip_norm = clip_norm

    def __call__(self, loss: Tensor, optimizer: Any, lr: float) -> None:
        for group in optimizer.param_groups:
            group["lr"] = lr
        parameters = [p for group in optimizer.param_groups for p in group["params"] if p.requires_grad]
        self.accelerator.backward(loss, inputs=parameters)
        if self.accelerator.sync_gradients:
            # Not accelerate's clipping, which takes the loss scale off what other optimizers accumulate too.
            self.accelerator.unscale_gradients(optimizer)
            nn.utils.clip_grad_norm_(parameters, self.clip_norm)
        optimizer.step()
        optimizer.zero_grad()


class Learner(Protocol):
    """What a task brings to the loop. A GAN does both its updates in `step`; the loop never knows."""

    net: nn.Module  # the net that is followed by the EMA, validated and exported; never wrapped

    def prepare(self, accelerator: Accelerator) -> Sequence[nn.Module]:
        """Hand nets and optimizers to accelerate; returns the nets as it wrapped them."""

    def batch(self, k: int, process: int) -> Any:
        """The batch of step k for this process, decided by the recipe's seed, k and `process` alone."""

    def step(self, batch: Any, progress: float, update: "Update") -> Losses:
        """One step at `progress` (0..1) of the schedule; returns what to log."""

    def validate(self, net: nn.Module, samples: Path | None) -> dict[str, float]:
        """Scores of `net` on held-back data; writes pictures of a fixed set to `samples` if given."""

    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state: dict[str, Any]) -> None: ...

    def export(self, net: nn.Module) -> nn.Module:
        """The net that ships, made from the trained one."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What the loop itself reads of a recipe; a task's recipe adds its own.

    With `precision` "auto" a run computes in bfloat16 where the device has instructions for it, else in
    float32. It validates on at most `validation_pictures` of the pictures held back,
    and ends after `patience` validations in a row without a better one (0: not before its steps are made).
    """

    name: str
    steps: int
    batch_size: int
    seed: int = 0
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    accumulate: int = 1
    clip_norm: float = 1.0
    ema_decay: float = 0.999
    validate_every: int = 2_000
    validation_pictures: int = 64
    patience: int = 0
    checkpoint_minutes: float = 5.0

    @property
    def best_by(self) -> str | None:
        """Of validation's scores: where it is best, best.ckpt keeps that net as well."""
        return None

    @property
    def best_is(self) -> Literal["least", "most"]:
        """Which values of the score `best_by` are the better ones."""
        return "least"

    @property
    def measure(self) -> str | None:
        """What makes a net the best, in words; a best by another measure is no rival."""
        return self.best_by
