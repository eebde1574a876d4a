"""Learning to classify: cross entropy on augmented pictures, the whole set held on the device."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

from genstudio import device as devices
from genstudio.classify.airbench import Airbench, AirbenchConfig
from genstudio.classify.augment import Augmentation
from genstudio.classify.classifier import Classifier, as_input, batches, logits_of
from genstudio.classify.keras_cnn import KerasCNN, KerasCNNConfig
from genstudio.classify.sheet import contact_sheet
from genstudio.data.labelled import LabelledSet
from genstudio.training.learner import OneNet
from genstudio.training.recipe import Losses, Recipe, Update

# As many as the statistics of a first layer, or of a normalisation, need.
STATISTICS_PICTURES = 2_000
SAMPLES = 40


@dataclass(frozen=True, kw_only=True)
class ClassifyRecipe(Recipe):
    """Everything that decides a run. Adam keeps its learning rate, as Keras does; Muon's falls."""

    net: AirbenchConfig | KerasCNNConfig
    augmentation: Augmentation = field(default_factory=Augmentation)
    optimizer: Literal["muon", "adam"] = "muon"
    lr: float
    warmup: float = 0.1
    label_smoothing: float = 0.0
    warm_start: None = None  # always from nothing

    @property
    def best_by(self) -> str | None:
        return "cross_entropy"


class ClassifyLearner(OneNet):
    """One net, one loss, one optimizer; a batch is (pictures, labels) of the training part."""

    def __init__(self, recipe: ClassifyRecipe, data: LabelledSet | None) -> None:
        self.recipe = recipe
        torch.manual_seed(recipe.seed)
        net = build(recipe.net)
        if data is not None:
            self.part, self.held = data.part("train").held_back()
            self.classes = data.classes
            rng = np.random.default_rng(recipe.seed)
            self.first_flip = torch.from_numpy(rng.integers(2, size=len(self.part)))
            self.few = torch.from_numpy(rng.permutation(len(self.part))[:STATISTICS_PICTURES])
            self.fill = self.part.pixels[self.few].float().mean((0, 1, 2)) / 255
            if isinstance(net, Airbench):
                net.whiten(self.part.pixels[self.few])
        super().__init__(net, recipe.lr, recipe.warmup, None)
        if recipe.optimizer == "adam":
            self.optimizer = torch.optim.Adam(net.parameters(), recipe.lr, eps=1e-7)  # Keras' own
            self.schedule = lambda progress: recipe.lr

    def prepare(self, accelerator: Accelerator) -> list[nn.Module]:
        wrapped = super().prepare(accelerator)
        self.part, self.held = self.part.to(self.device), self.held.to(self.device)
        self.fill = self.fill.to(self.device)
        return wrapped

    def batch(self, k: int, process: int) -> tuple[Tensor, Tensor]:
        """Pictures (N, 3, side, side) in 0..1, channels last, and their labels (N,).

        Epoch after epoch each picture comes once, in an order of the epoch's own, so batches lie across their
        borders.
        """
        r = self.recipe
        epochs, places = np.divmod(np.arange(k * r.batch_size, (k + 1) * r.batch_size), len(self.part))
        chosen = torch.empty(r.batch_size, dtype=torch.int64)
        for epoch in np.unique(epochs):
            order = np.random.default_rng((r.seed, int(epoch), process)).permutation(len(self.part))
            chosen[epochs == epoch] = torch.from_numpy(order[places[epochs == epoch]])
        flips = (self.first_flip[chosen] + torch.from_numpy(epochs)) % 2 == 1
        chosen, flips = chosen.to(self.device), flips.to(self.device)
        rng = np.random.default_rng((r.seed, k, process, 1))
        pictures = r.augmentation(self.part.pixels, chosen, flips, self.fill, rng)
        return pictures, self.part.labels[chosen]

    def step(self, batch: tuple[Tensor, Tensor], progress: float, update: Update) -> Losses:
        pictures, labels = batch
        logits = self.wrapped(pictures)
        loss = F.cross_entropy(logits, labels, label_smoothing=self.recipe.label_smoothing)
        update(loss, self.optimizer, self.schedule(progress))
        if isinstance(self.net, Airbench):
            self.net.level()
        return {"loss": loss, "accuracy": (logits.argmax(1) == labels).float().mean()}

    def validate(self, net: nn.Module, samples: Path | None) -> dict[str, float]:
        """Accuracy and cross entropy over what is held back; `samples` shows those it is most wrong about.

        The mean of statistics is not the statistics of the mean net, so normalisations get theirs anew first.
        """
        dtype: torch.dtype = devices.training_precision(self.recipe.precision, self.device)
        if isinstance(net, Airbench):
            some = batches(self.part.pixels[self.few.to(self.device)])
            with torch.autocast(self.device.type, dtype, enabled=dtype != torch.float32):
                update_bn((as_input(batch) for batch in some), net)
        logits = logits_of(net, self.held.pixels, dtype)
        labels = self.held.labels.cpu()
        losses = F.cross_entropy(logits, labels, reduction="none")
        if samples is not None:
            worst = losses.argsort(descending=True)[:SAMPLES].tolist()
            captions = [f"{self.classes[labels[i]]}? {self.classes[logits[i].argmax()]}" for i in worst]
            contact_sheet([self.held.pixels[i].cpu().numpy() for i in worst], captions).save(samples)
        return {
            "accuracy": (logits.argmax(1) == labels).float().mean().item(),
            "cross_entropy": losses.mean().item(),
        }


def build(config: AirbenchConfig | KerasCNNConfig) -> Classifier:
    return Airbench(config) if isinstance(config, AirbenchConfig) else KerasCNN(config)
