"""Training a GAN that holds: both nets' updates in one step of the loop.

    fake = G(latents)
    D:  loss(D(T real), D(T fake)) + every few steps gamma / 2 (|grad D(T real)|^2 + |grad D(T fake)|^2)
    G:  loss(D(T real), D(T fake)) on the same pictures, which spares it a pass of its own

T augments, by what a batch has drawn for it. The generator's average is what is validated and exported.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from accelerate import Accelerator
from PIL import Image
from torch import Tensor, nn

from genstudio import weights
from genstudio.errors import UsageError
from genstudio.generate.augment import DICE, augment
from genstudio.generate.dcgan import DCGANConfig, Discriminator, Generator
from genstudio.generate.health import Health
from genstudio.generate.losses import Loss, discriminator_loss, generator_loss, gradient_penalty, rightness
from genstudio.generate.pictures import PictureSet
from genstudio.generate.sampling import as_pictures, as_pixels, latents
from genstudio.measures import distances
from genstudio.measures.distances import Statistics
from genstudio.measures.features import Extractor, Pixels, extractor
from genstudio.training.learner import channels_last
from genstudio.training.loop import cosine
from genstudio.training.recipe import Losses, Recipe, Update

GRID = 8  # pictures a side of a sample sheet
FIXED_SEED = 0  # of the latents whose pictures are shown and measured
BATCH = 64  # when pictures are measured
RESIDENT_BYTES = 8 << 30  # a set as large as this is kept on a GPU


@dataclass(frozen=True, kw_only=True)
class GANRecipe(Recipe):
    """Everything that decides a run.

    r1 and r2 weigh the gradient penalties of real and generated pictures, computed every `penalty_every`
    steps and counted that many times (above 1 lazily, as Karras et al. 2020). `augment` is "fixed" (always),
    or "adaptive": as probable as it takes for the discriminator to be right `right_target` of the time,
    moving from never to always within `adapt_pictures`. The learning rates go down to `final_lr` of
    themselves. `metric` names what the distance to real pictures is measured by; see `features`. With
    `conditional`, a set's classes are told apart.
    """

    net: DCGANConfig
    steps: int = 20_000
    batch_size: int = 64
    clip_norm: float = 1e9  # not at all
    validate_every: int = 1_000
    best_by: Literal["frechet"] | None = "frechet"
    loss: Loss = "relativistic"
    r1: float = 0.5
    r2: float = 0.5
    penalty_every: int = 4
    generator_lr: float = 8e-4
    discriminator_lr: float = 8e-4
    final_lr: float = 0.1
    betas: tuple[float, float] = (0.0, 0.99)
    augment: Literal["none", "fixed", "adaptive"] = "fixed"
    right_target: float = 0.8
    adapt_pictures: int = 100_000
    mirror: bool = True
    conditional: bool = True
    metric: str = "auto"
    metric_pictures: int = 2_048
    warm_start: str | None = None

    @property
    def measure(self) -> str | None:
        return self.best_by and f"{self.best_by} by {self.metric} of {self.metric_pictures:,} pictures"


class Batch(NamedTuple):
    """All that is random in one process's step; its parts are put together along the first axis."""

    k: int
    real: Tensor  # (N, H, W, 3) uint8
    classes: Tensor  # (N,) int64, of the real pictures and of the generated ones beside them
    latents: Tensor  # (N, latent)
    dice: Tensor  # (N, 2, DICE): of each pair's augmentation


class GANLearner:
    """Generator and discriminator of a recipe; without pictures it can only load and export."""

    def __init__(self, recipe: GANRecipe, pictures: PictureSet | None) -> None:
        self.recipe, self.pictures = recipe, pictures
        torch.manual_seed(recipe.seed)
        self.net: nn.Module = Generator(recipe.net).to(memory_format=torch.channels_last)
        if recipe.warm_start:
            warm_start(self.net, recipe.warm_start)
        self.discriminator = Discriminator(recipe.net).to(memory_format=torch.channels_last)
        self.wrapped, self.judge = self.net, self.discriminator  # as accelerate wraps them
        self.optimizer: Any = torch.optim.Adam(self.net.parameters(), betas=recipe.betas, fused=True)
        self.judge_optimizer: Any = torch.optim.Adam(
            self.discriminator.parameters(), betas=recipe.betas, fused=True
        )
        self.schedule = cosine(recipe.generator_lr, 0, recipe.final_lr * recipe.generator_lr)
        self.judge_schedule = cosine(recipe.discriminator_lr, 0, recipe.final_lr * recipe.discriminator_lr)
        self.device = torch.device("cpu")
        self.resident: Tensor | None = None
        self.probability = torch.tensor(1.0 if recipe.augment == "fixed" else 0.0)
        self.right = torch.tensor(0.5)  # the running mean of how often the discriminator is
        self.penalties = torch.zeros(2)
        self.mean_of_processes: Callable[[Tensor], Tensor] = lambda x: x
        self.processes = 1
        self.health = Health(vars(recipe))
        self.features: Extractor | None = None
        self._statistics: Statistics | None = None

    def prepare(self, accelerator: Accelerator) -> list[nn.Module]:
        self.device = accelerator.device
        self.wrapped, self.optimizer = accelerator.prepare(self.net, self.optimizer)
        self.judge, self.judge_optimizer = accelerator.prepare(self.discriminator, self.judge_optimizer)
        self.probability, self.right = self.probability.to(self.device), self.right.to(self.device)
        self.mean_of_processes = lambda x: accelerator.reduce(x, "mean")
        self.processes = accelerator.num_processes
        if accelerator.is_main_process:
            self.features = extractor(self.recipe.metric, self.device)
        if (
            self.pictures is not None
            and self.device.type != "cpu"
            and self.pictures.pixels.nbytes < RESIDENT_BYTES
        ):
            self.resident = torch.from_numpy(np.array(self.pictures.pixels)).to(self.device)
        return [self.wrapped, self.judge]

    def batch(self, k: int, process: int) -> Batch:
        assert self.pictures is not None
        n = self.recipe.batch_size
        rng = np.random.default_rng((self.recipe.seed, k, process))
        chosen = rng.integers(len(self.pictures), size=n)
        if self.resident is None:
            real = torch.from_numpy(self.pictures.pixels[chosen]).to(self.device)
        else:
            real = self.resident[torch.from_numpy(chosen).to(self.device)]
        if self.recipe.mirror:
            flipped = torch.from_numpy(rng.random(n) < 0.5).to(self.device)
            real = torch.where(flipped[:, None, None, None], real.flip(2), real)
        normal = rng.standard_normal((n, self.recipe.net.latent), dtype=np.float32)
        dice = rng.random((n, 2, DICE), dtype=np.float32)
        rest = (self.pictures.labels[chosen], normal, dice)
        return Batch(k, real, *(torch.from_numpy(each).to(self.device) for each in rest))

    def step(self, batch: Batch, progress: float, update: Update) -> Losses:
        r = self.recipe
        n = len(batch.real)
        fake = self.wrapped(batch.latents, batch.classes)
        shown = torch.cat((as_pictures(batch.real), fake))
        if r.augment != "none":
            shown = augment(shown, batch.dice.transpose(0, 1).flatten(0, 1), self.probability)
        shown = channels_last(shown)

        self.discriminator.train()
        due = batch.k % r.penalty_every == 0 and (r.r1 > 0 or r.r2 > 0)
        seen = shown.detach().requires_grad_(due)
        logits = self.judge(seen, batch.classes.repeat(2), parts=2)
        on_real, on_fake = logits.chunk(2)
        d_loss = discriminator_loss(r.loss, on_real, on_fake)
        penalised = d_loss
        if due:
            r1, r2 = (squares.mean() for squares in gradient_penalty(logits, seen).chunk(2))
            penalised = d_loss + r.penalty_every / 2 * (r.r1 * r1 + r.r2 * r2)
            self.penalties = torch.stack((r1, r2)).detach()
        update(penalised, self.judge_optimizer, self.judge_schedule(progress))
        self._adapt(rightness(on_real.detach(), on_fake.detach()), n)

        # Spectral norms stand still here: only what the discriminator learns from moves them.
        self.discriminator.train(r.net.judge_norm == "batch")
        again_real = None
        if r.loss == "relativistic":
            with torch.no_grad():
                again_real = self.discriminator(shown[:n], batch.classes)
        g_loss = generator_loss(r.loss, again_real, self.discriminator(shown[n:], batch.classes))
        update(g_loss, self.optimizer, self.schedule(progress))
        return {
            "d_loss": d_loss,
            "g_loss": g_loss,
            "real": on_real.mean(),
            "fake": on_fake.mean(),
            "right": self.right,
            "augmented": self.probability,
            "r1": self.penalties[0],
            "r2": self.penalties[1],
        }

    def _adapt(self, right: Tensor, pictures: int) -> None:
        self.right = self.right.lerp(self.mean_of_processes(right), 0.02)
        if self.recipe.augment == "adaptive":
            step = pictures * self.processes / self.recipe.adapt_pictures
            towards = torch.sign(self.right - self.recipe.right_target)
            self.probability = (self.probability + step * towards).clamp(0, 1)

    @torch.no_grad()
    def validate(self, net: nn.Module, samples: Path | None) -> dict[str, float]:
        """Frechet distance to real pictures, diversity (1: as far apart as real ones), and whether it
        collapsed.

        Pictures are those of `metric_pictures` fixed latents, with classes as common as in the set.
        """
        assert self.pictures is not None
        features = self.features or extractor(self.recipe.metric, self.device)
        real = self._real(features)
        count = self.recipe.metric_pictures
        dice = np.random.default_rng(FIXED_SEED)
        fake = distances.statistics(features(self._made(net, dice.choice(self.pictures.labels, count))))
        if samples is not None:
            rows = np.arange(GRID**2) // GRID % max(1, len(self.recipe.net.classes))
            grid = self._made(net, rows).reshape(GRID, GRID, *self.pictures.pixels.shape[1:])
            Image.fromarray(np.concatenate(np.concatenate(grid, 1), 1)).save(samples)
        diversity = fake.spread / max(real.spread, 1e-12)
        finite = all(bool(torch.isfinite(p).all()) for p in net.parameters())
        ill = self.health.update(diversity, self.right.item(), finite)
        return {"frechet": distances.frechet(real, fake), "diversity": diversity, "collapsed": float(ill)}

    def _made(self, net: nn.Module, classes: np.ndarray[Any, np.dtype[np.int64]]) -> Pixels:
        """The pictures of the first fixed latents, (N, H, W, 3), of these classes."""
        given = latents(FIXED_SEED, range(len(classes)), self.recipe.net.latent)
        parts = zip(torch.split(given, BATCH), torch.split(torch.from_numpy(classes), BATCH), strict=True)
        return np.concatenate([as_pixels(net(z.to(self.device), c.to(self.device))) for z, c in parts])

    def _real(self, features: Extractor) -> Statistics:
        """The real pictures, at most 10,000 of them, as the extractor sees them."""
        if self._statistics is None:
            assert self.pictures is not None
            every = -(-len(self.pictures) // 10_000)
            self._statistics = distances.statistics(features(self.pictures.pixels[::every]))
        return self._statistics

    def state_dict(self) -> dict[str, Any]:
        """Of both sides, and how far augmentation and health have come."""
        return {
            "net": self.net.state_dict(),
            "discriminator": self.discriminator.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "judge_optimizer": self.judge_optimizer.state_dict(),
            "probability": self.probability,
            "right": self.right,
            "health": {**self.health.times, "diversity": self.health.diversity},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name in ("net", "discriminator", "optimizer", "judge_optimizer"):
            getattr(self, name).load_state_dict(state[name])
        self.probability, self.right = state["probability"], state["right"]
        times = dict(state["health"])
        self.health.diversity = times.pop("diversity", 1.0)  # older runs have none
        self.health.times = times

    def export(self, net: nn.Module) -> nn.Module:
        return net


def warm_start(net: nn.Module, name: str) -> None:
    """Copy into a generator every tensor of the weights `name` that fits. Raises UsageError if none does."""
    _, state = weights.load(name, "generate")
    own = net.state_dict()
    fitting = {key: v.float() for key, v in state.items() if key in own and v.shape == own[key].shape}
    if not fitting:
        raise UsageError(f"warm_start: expected a generator of these widths, found {name}; choose another")
    net.load_state_dict(own | fitting)
