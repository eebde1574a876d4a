"""What learners of one net on a store of pictures have in common; `recipe.Learner` is the whole of one."""

from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from genstudio.data.store import PictureStore
from genstudio.training.loop import cosine
from genstudio.training.optimizer import muon


class OneNet:
    """A net, its optimizer and schedule, and the two parts of the store.

    Without a store a learner can only load and export.
    """

    def __init__(self, net: nn.Module, lr: float, warmup: float, store: PictureStore | None) -> None:
        self.store = store
        self.net = net.to(memory_format=torch.channels_last)
        self.optimizer: Any = muon(net, lr)
        self.schedule = cosine(lr, warmup)
        self.wrapped = net
        self.device = torch.device("cpu")
        if store is not None:
            self.train_part, self.validation_part = store.split()

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


def channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)
