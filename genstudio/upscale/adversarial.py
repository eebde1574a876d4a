"""Training upscalers for pictures as people have them: small, noisy, compressed; judged by eyes, not by dB.

    L1 on photo-degraded pairs  ->  + VGG-16 features  ->  + a discriminator      (phases of one recipe)

Ledig et al. 2017 (SRGAN), Wang et al. 2018 (ESRGAN), Wang et al. 2021 (Real-ESRGAN, whose weights of the
three losses and U-Net discriminator these are). It starts from fidelity weights, so that the two can be
mixed.
"""

import logging
import math
from collections import defaultdict
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from accelerate import Accelerator
from PIL import Image
from torch import Tensor, nn

from genstudio.data.degrade import photo, quantize
from genstudio.data.store import PictureStore
from genstudio.errors import UsageError, WeightsError
from genstudio.measures import fidelity
from genstudio.measures.lpips import LPIPS
from genstudio.measures.vgg import PerceptualLoss
from genstudio.training.learner import channels_last
from genstudio.training.loop import cosine
from genstudio.training.recipe import Losses, Update
from genstudio.upscale.discriminator import HALVED, Discriminator, DiscriminatorConfig
from genstudio.upscale.fidelity import (
    MARGIN_PX,
    SHOWN,
    FidelityLearner,
    FidelityRecipe,
    sample_row,
    validation_pair,
)

log = logging.getLogger("genstudio")


def real_esrgan_layers() -> dict[str, float]:
    """Real-ESRGAN's weights of each block's last convolution (which is another one in its VGG-19)."""
    return {"conv1_2": 0.1, "conv2_2": 0.1, "conv3_3": 1.0, "conv4_3": 1.0, "conv5_3": 1.0}


@dataclass(frozen=True, kw_only=True)
class AdversarialRecipe(FidelityRecipe):
    """A fidelity recipe on photo-degraded pairs, plus two losses and from which progress on they count.

    The two cost far more than a small net does: they look at a crop's central `judged_px` alone, which also
    spares them its borders, where the net sees less than in a whole picture.

    Raises:
        UsageError: `judged_px` is no part of the crop, or nothing the discriminator can halve three times.
    """

    judged_px: int
    lr: float = 1e-3
    clip_norm: float = 5.0
    l1_weight: float = 1.0
    perceptual_weight: float = 1.0
    perceptual_after: float = 0.25
    perceptual_layers: dict[str, float] = field(default_factory=real_esrgan_layers)
    gan_weight: float = 0.1
    gan_after: float = 0.35
    discriminator: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    discriminator_lr: float = 1e-4

    @property
    def counterpart(self) -> str | None:
        """The weights it starts from: fidelity's, with which its own can be blended."""
        return self.warm_start

    def __post_init__(self) -> None:
        multiple = HALVED // math.gcd(HALVED, self.net.scale)
        border_px = self.crop_px - self.judged_px
        if self.judged_px < 1 or self.judged_px % multiple or border_px < 0 or border_px % 2:
            raise UsageError(
                f"judged_px: expected a multiple of {multiple} at the centre of a crop of {self.crop_px}, "
                f"found {self.judged_px}; choose both even"
            )


class AdversarialLearner(FidelityLearner):
    """The restoring net and its discriminator; both updates in one `step`.

    Raises:
        WeightsError: warm-start weights or VGG-16's features are missing; the latter only with a store.
    """

    recipe: AdversarialRecipe

    def __init__(self, recipe: AdversarialRecipe, store: PictureStore | None) -> None:
        super().__init__(recipe, store)
        self.discriminator = Discriminator(recipe.discriminator)
        self.discriminator.to(memory_format=torch.channels_last)
        self.judge: nn.Module = self.discriminator  # as accelerate wraps it
        self.judge_optimizer: Any = torch.optim.Adam(
            self.discriminator.parameters(), recipe.discriminator_lr, betas=(0.9, 0.99)
        )
        self.judge_schedule = cosine(recipe.discriminator_lr, recipe.warmup)
        trains = store is not None
        self.perceptual = (
            PerceptualLoss(recipe.perceptual_layers) if trains and recipe.perceptual_weight else None
        )
        self.lpips = find_lpips() if trains else None
        self.autocast: Callable[[], AbstractContextManager[Any]] = nullcontext

    def prepare(self, accelerator: Accelerator) -> list[nn.Module]:
        nets = super().prepare(accelerator)
        self.judge, self.judge_optimizer = accelerator.prepare(self.discriminator, self.judge_optimizer)
        for frozen in (self.perceptual, self.lpips):
            if frozen is not None:
                frozen.to(self.device)
        self.autocast = accelerator.autocast
        return [*nets, self.judge]

    def batch(self, k: int, process: int) -> tuple[Tensor, Tensor]:
        """As the fidelity learner's, but degraded as `photo` does."""
        assert self.store is not None
        r, scale = self.recipe, self.recipe.net.scale
        crops = self.store.crops(
            self.train_part, r.batch_size, r.min_side_px, np.random.default_rng((r.seed, k, process))
        )
        original = torch.from_numpy(crops).to(self.device).permute(0, 3, 1, 2).float() / 255
        degraded = fidelity.shave(photo(original, scale, (r.seed, k, process, 1)), MARGIN_PX)
        return channels_last(degraded), channels_last(fidelity.shave(original, MARGIN_PX * scale))

    def step(self, batch: tuple[Tensor, Tensor], progress: float, update: Update) -> Losses:
        r = self.recipe
        degraded, original = batch
        restored = self.wrapped(degraded)
        losses = {"l1": F.l1_loss(restored, original)}
        loss = r.l1_weight * losses["l1"]
        adversarial = progress >= r.gan_after
        border_px = (r.crop_px - r.judged_px) // 2 * r.net.scale
        restored, original = (channels_last(fidelity.shave(p, border_px)) for p in (restored, original))
        if self.perceptual is not None and progress >= r.perceptual_after:
            with self.autocast():
                losses["perceptual"] = self.perceptual(restored, original)
            loss = loss + r.perceptual_weight * losses["perceptual"]
        if adversarial:
            # In this mode the spectral norms stand still: only what the discriminator learns from moves them.
            self.discriminator.eval()
            losses["gan"] = real(self.discriminator(restored))
            loss = loss + r.gan_weight * losses["gan"]
        update(loss, self.optimizer, self.schedule(progress))
        if adversarial:
            self.discriminator.train()
            # Together, as the norms' vectors may not change between two passes of one backward.
            on_original, on_restored = self.judge(torch.cat((original, restored.detach()))).chunk(2)
            losses["d_real"], losses["d_fake"] = real(on_original), real(-on_restored)
            update(losses["d_real"] + losses["d_fake"], self.judge_optimizer, self.judge_schedule(progress))
        return losses

    def validate(self, net: nn.Module, samples: Path | None) -> dict[str, float]:
        """Mean LPIPS (where AlexNet is at hand) and Y-PSNR in dB over the held-back pictures.

        Each is degraded by `photo` with its index as seed. Sample rows are input | restored | original.
        """
        assert self.store is not None
        scale = self.recipe.net.scale
        scores: dict[str, list[float]] = defaultdict(list)
        rows: list[np.ndarray[Any, Any]] = []
        for index in self.validation_part:
            _, original = validation_pair(self.store[index], scale, self.recipe.validation_px)
            degraded = photo(original, scale, index)
            restored = quantize(net(degraded.to(self.device)))
            if self.lpips is not None:
                scores["lpips"].append(self.lpips(restored, original.to(self.device)).item())
            restored = restored.cpu()
            a, b = (fidelity.shave(fidelity.luma(p), scale) for p in (restored, original))
            scores["psnr_y"].append(fidelity.psnr(a, b).item())
            if samples is not None and len(rows) < SHOWN:
                blocks = F.interpolate(degraded, scale_factor=scale, mode="nearest")
                rows.append(sample_row(blocks, restored, original))
        if samples is not None:
            Image.fromarray(np.concatenate(rows)).save(samples)
        return {name: float(np.mean(values)) for name, values in scores.items()}

    def state_dict(self) -> dict[str, Any]:
        """Of both sides; the discriminator's holds its spectral norms' vectors."""
        return super().state_dict() | {
            "discriminator": self.discriminator.state_dict(),
            "judge_optimizer": self.judge_optimizer.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.discriminator.load_state_dict(state["discriminator"])
        self.judge_optimizer.load_state_dict(state["judge_optimizer"])


def real(logits: Tensor) -> Tensor:
    """Binary cross entropy of logits that should say "real"; of `-logits`, that should say "restored"."""
    return F.softplus(-logits.float()).mean()


def find_lpips() -> LPIPS | None:
    """The metric, or None, with a warning, where its backbone cannot be had: validation goes without."""
    try:
        return LPIPS()
    except WeightsError as error:
        log.warning("validation without LPIPS: %s", error)
        return None
