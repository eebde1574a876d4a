"""Training upscalers by a teacher, for pictures as people have them: small, noisy, compressed.

    L1 to the teacher's answers  ->  + VGG-16 features  ->  + a light discriminator    (phases of one recipe)

Regression to a deterministic teacher converges in hours on a processor where adversarial training needs days
of a GPU, and brings none of its scars; the adversarial part comes last. Where an input is clean, its original
is the target as well: there a net can be better than its teacher. Patterns of few pixels are to stay what
they are: their target is the bicubic enlargement.

Johnson et al. 2016 (perceptual loss), Ledig et al. 2017 (SRGAN), Wang et al. 2021 (Real-ESRGAN, whose weights
of VGG's layers and U-Net discriminator these are).
"""

import logging
import math
from collections import defaultdict
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from accelerate import Accelerator
from PIL import Image
from torch import Tensor, nn

from genstudio.data.degrade import photo, quantize
from genstudio.data.lessons import KINDS, LessonPlan, Records, squares
from genstudio.data.patterns import pattern
from genstudio.data.store import PictureStore
from genstudio.errors import UsageError, WeightsError
from genstudio.measures import fidelity as metrics
from genstudio.measures.lpips import LPIPS
from genstudio.measures.vgg import PerceptualLoss
from genstudio.training.learner import OneNet, channels_last
from genstudio.training.loop import cosine
from genstudio.training.recipe import Losses, Update
from genstudio.upscale.discriminator import HALVED, Discriminator, DiscriminatorConfig
from genstudio.upscale.fidelity import SHOWN, FidelityRecipe, begin, sample_row, validation_pair
from genstudio.upscale.srvgg import SRVGGConfig

log = logging.getLogger("genstudio")

BORDER_PX = 4  # pixels at an input's border, whose answer saw more of the picture than the net does


def real_esrgan_layers() -> dict[str, float]:
    """Real-ESRGAN's weights of each block's last convolution (which is another one in its VGG-19)."""
    return {"conv1_2": 0.1, "conv2_2": 0.1, "conv3_3": 1.0, "conv4_3": 1.0, "conv5_3": 1.0}


@dataclass(frozen=True, kw_only=True)
class TaughtRecipe(FidelityRecipe):
    """A recipe on a teacher's answers, with two more losses and from which progress on they count.

    The two cost far more than a small net does: they look at an input's central `judged_px` alone.

    Args:
        lessons: how many answers, to pictures of which damage.
        patterns: the share of each batch that is made up: patterns of 1 to 4 pixels.
        original_weight: of the L1 to the original where the input is clean; the rest is to the answer.

    Raises:
        UsageError: `judged_px` is no part of what is learned from, or nothing the discriminator can halve
            three times.
    """

    net: SRVGGConfig
    lr: float = 7e-4
    crop_px: int = 64
    judged_px: int = 32
    batch_size: int = 8
    lessons: LessonPlan = field(default_factory=LessonPlan)
    patterns: float = 0.06
    original_weight: float = 0.5
    l1_weight: float = 1.0
    perceptual_weight: float = 0.2
    perceptual_after: float = 0.6
    perceptual_layers: dict[str, float] = field(default_factory=real_esrgan_layers)
    gan_weight: float = 0.1
    gan_after: float = 0.8
    discriminator: DiscriminatorConfig = field(default_factory=lambda: DiscriminatorConfig(width=32))
    discriminator_lr: float = 4e-4

    @property
    def best_by(self) -> str | None:
        return None  # its losses begin to count one after another, so early scores are no rivals

    @property
    def counterpart(self) -> str:
        """The faithful weights that results can be mixed with."""
        return f"compact-x{self.net.scale}"

    @property
    def min_side_px(self) -> int:
        return self.lessons.min_side_px(self.net.scale)

    def __post_init__(self) -> None:
        multiple = HALVED // math.gcd(HALVED, self.net.scale)
        border_px = self.crop_px - self.judged_px
        if self.judged_px < 1 or self.judged_px % multiple or border_px < 2 * BORDER_PX or border_px % 2:
            raise UsageError(
                f"judged_px: expected a multiple of {multiple}, smaller by {2 * BORDER_PX} than a crop of "
                f"{self.crop_px}, found {self.judged_px}; choose both even"
            )


class Batch(NamedTuple):
    """(N, 3, h, w) inputs, (N, 3, h * scale, w * scale) answers and originals, 0..1.

    `clean` and `known`, (N, 1, 1, 1) bool: whether the input is a clean reduction, and whether there is an
    original.
    """

    input: Tensor
    answer: Tensor
    original: Tensor
    clean: Tensor
    known: Tensor


class TaughtLearner(OneNet):
    """The restoring net and a discriminator; both updates in one `step`.

    Args:
        store: pictures to validate on; without them a learner can only load and export.
        records: the lessons.

    Raises:
        WeightsError: warm-start weights or VGG-16's features are missing; the latter only with a store.
    """

    def __init__(
        self, recipe: TaughtRecipe, store: PictureStore | None, records: Records | None = None
    ) -> None:
        self.recipe = recipe
        super().__init__(begin(recipe), recipe.lr, recipe.warmup, store, recipe.validation_pictures)
        self.records = records
        self.discriminator = Discriminator(recipe.discriminator)
        self.discriminator.to(memory_format=torch.channels_last)
        self.wrapped_discriminator: nn.Module = self.discriminator  # as accelerate wraps it
        self.discriminator_optimizer: Any = torch.optim.Adam(
            self.discriminator.parameters(), recipe.discriminator_lr, betas=(0.9, 0.99)
        )
        self.discriminator_schedule = cosine(recipe.discriminator_lr, recipe.warmup)
        trains = store is not None
        self.perceptual = (
            PerceptualLoss(recipe.perceptual_layers) if trains and recipe.perceptual_weight else None
        )
        self.lpips = find_lpips() if trains else None
        self.autocast: Callable[[], AbstractContextManager[Any]] = nullcontext

    def prepare(self, accelerator: Accelerator) -> list[nn.Module]:
        nets = super().prepare(accelerator)
        self.wrapped_discriminator, self.discriminator_optimizer = accelerator.prepare(
            self.discriminator, self.discriminator_optimizer
        )
        for frozen in (self.perceptual, self.lpips):
            if frozen is not None:
                frozen.to(self.device)
        self.autocast = accelerator.autocast
        return [*nets, self.wrapped_discriminator]

    def batch(self, k: int, process: int) -> Batch:
        assert self.records is not None
        r, scale = self.recipe, self.recipe.net.scale
        rng = np.random.default_rng((r.seed, k, process))
        kinds, *pictures = squares(self.records, r.batch_size, r.crop_px, rng)
        x, answer, original = (self._tensor(each) for each in pictures)
        for i in np.flatnonzero(rng.random(len(x)) < r.patterns):
            x[i] = self._tensor(pattern(r.crop_px, rng)[None])[0]
            answer[i] = F.interpolate(x[i, None], scale_factor=scale, mode="bicubic")[0].clamp(0, 1)
            original[i], kinds[i] = answer[i], KINDS.index("clean")
        kind = torch.from_numpy(kinds.astype(np.int64)).to(self.device).view(-1, 1, 1, 1)
        return Batch(x, answer, original, kind == KINDS.index("clean"), kind < KINDS.index("own size"))

    def step(self, batch: Batch, progress: float, update: Update) -> Losses:
        r = self.recipe
        pictures = (self.wrapped(batch.input), batch.answer, batch.original)
        restored, answer, original = (metrics.shave(p, BORDER_PX * r.net.scale) for p in pictures)
        each = (1, 2, 3)
        to_answer, to_original = ((restored - target).abs().mean(each) for target in (answer, original))
        losses = {"l1": to_answer.lerp(to_original, r.original_weight * batch.clean.flatten().float()).mean()}
        loss = r.l1_weight * losses["l1"]
        border_px = (r.crop_px - r.judged_px) // 2 - BORDER_PX
        restored, answer, original = (
            channels_last(metrics.shave(p, border_px * r.net.scale)) for p in (restored, answer, original)
        )
        adversarial = progress >= r.gan_after
        if self.perceptual is not None and progress >= r.perceptual_after:
            with self.autocast():
                losses["perceptual"] = self.perceptual(restored, torch.where(batch.clean, original, answer))
            loss = loss + r.perceptual_weight * losses["perceptual"]
        if adversarial:
            # In this mode the spectral norms stand still: only what the discriminator learns from moves them.
            self.discriminator.eval()
            losses["gan"] = real(self.discriminator(restored))
            loss = loss + r.gan_weight * losses["gan"]
        update(loss, self.optimizer, self.schedule(progress))
        if adversarial:
            self.discriminator.train()
            good = torch.where(batch.known, original, answer)
            # Together, as the norms' vectors may not change between two passes of one backward.
            on_good, on_restored = self.wrapped_discriminator(torch.cat((good, restored.detach()))).chunk(2)
            losses["d_real"], losses["d_fake"] = real(on_good), real(-on_restored)
            update(
                losses["d_real"] + losses["d_fake"],
                self.discriminator_optimizer,
                self.discriminator_schedule(progress),
            )
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
            a, b = (metrics.shave(metrics.luma(p), scale) for p in (restored, original))
            scores["psnr_y"].append(metrics.psnr(a, b).item())
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
            "discriminator_optimizer": self.discriminator_optimizer.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.discriminator.load_state_dict(state["discriminator"])
        self.discriminator_optimizer.load_state_dict(state["discriminator_optimizer"])

    def _tensor(self, pictures: Any) -> Tensor:
        """(N, 3, h, w) in 0..1 of uint8 (N, h, w, 3)."""
        return channels_last(torch.from_numpy(pictures).to(self.device).permute(0, 3, 1, 2).float() / 255)


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
