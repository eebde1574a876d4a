"""What learners of one net on a store of pictures have in common; `recipe.Learner` is the whole of one."""

import logging
from collections.abc import Sequence
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from genstudio.data.store import PictureStore
from genstudio.training.loop import cosine
from genstudio.training.optimizer import muon

log = logging.getLogger("genstudio")


class OneNet:
    """A net, its optimizer and schedule, and the two parts of the store.

    Without a store a learner can only load and export.

    Args:
        most_validated: the number of pictures that are validated on, if so many are held back.
    """

    def __init__(
        self,
        net: nn.Module,
        lr: float,
        warmup: float,
        store: PictureStore | None,
        most_validated: int = 64,
    ) -> None:
        self.store = store
        self.net = net.to(memory_format=torch.channels_last)
        self.optimizer: Any = muon(net, lr)
        self.schedule = cosine(lr, warmup)
        self.wrapped = net
        self.device = torch.device("cpu")
        if store is not None:
            self.train_part, held_back = store.split()
            if set(held_back) & set(self.train_part):
                log.warning(
                    "too few pictures to hold any back: validation is on pictures that are trained on"
                )
            self.validation_part = spread(held_back, most_validated)

    def prepare(self, accelerator: Accelerator) -> list[nn.Module]:
        self.device = accelerator.device
        self.wrapped, self.optimizer = accelerator.prepare(self.net, self.optimizer)
        return [self.wrapped]

    def state_dict(self) -> dict[str, Any]:
        return {"net": self.net.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.net.load_state_dict(state["net"])
        self.optimizer.load_state_dict(state["optimizer"])

    def export(self, net: nn.Module) -> nn.Module:
        return net


def spread(indices: Sequence[int], most: int) -> list[int]:
    """At most `most` of them, from the first to the last evenly."""
    count = min(most, len(indices))
    return [indices[k * len(indices) // count] for k in range(count)]


def channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)
