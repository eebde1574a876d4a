"""The one training loop: draw a batch, let the learner step, follow with the EMA, log, validate, save.

    for k in range(step, recipe.steps):
        batch = learner.batch(k)                 # a pure function of (seed, k, process): nothing to resume
        losses = learner.step(batch, update)     # `update` does backward, clipping, the optimizer,
        accumulation ema.follow(net) ... log, validate with the EMA weights, checkpoint

Device, mixed precision, gradient accumulation and several processes are accelerate's. Whatever a step draws
at random comes from its own number, so a resumed run goes on exactly as the straight one would have.

A run is a folder:  recipe.json  stats.jsonl  log.txt  samples/  last.ckpt  tensorboard/
"""

import json
import logging
import math
import pickle
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Literal, Protocol

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from genstudio.errors import WeightsError
from genstudio.training.progress import Progress

log = logging.getLogger("genstudio")
Losses = dict[str, Tensor]


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
    """What the loop itself reads of a recipe; a task's recipe adds its own."""

    name: str
    steps: int
    batch_size: int
    seed: int = 0
    precision: Literal["float32", "bfloat16", "float16"] = "bfloat16"
    accumulate: int = 1
    clip_norm: float = 1.0
    ema_decay: float = 0.999
    validate_every: int = 2_000
    checkpoint_minutes: float = 5.0


class Update:
    """`update(loss, optimizer, lr)`: one optimizer update, or its share of an accumulated one."""

    def __init__(self, accelerator: Accelerator, clip_norm: float) -> None:
        self.accelerator = accelerator
        self.clip_norm = clip_norm

    def __call__(self, loss: Tensor, optimizer: Any, lr: float) -> None:
        for group in optimizer.param_groups:
            group["lr"] = lr
        self.accelerator.backward(loss)
        if self.accelerator.sync_gradients:
            parameters = [p for group in optimizer.param_groups for p in group["params"]]
            self.accelerator.clip_grad_norm_(parameters, self.clip_norm)
        optimizer.step()
        optimizer.zero_grad()


class EMA:
    """An exponential moving average of a net's weights, short at first and `decay` long in the end."""

    def __init__(self, net: nn.Module, decay: float) -> None:
        self.decay = decay
        self.average = {name: p.detach().clone() for name, p in net.state_dict().items()}

    @torch.no_grad()
    def follow(self, net: nn.Module, k: int) -> None:
        weight = 1 - min(self.decay, (1 + k) / (10 + k))
        for name, value in net.state_dict().items():
            if value.is_floating_point():
                self.average[name].lerp_(value, weight)
            else:
                self.average[name].copy_(value)

    @contextmanager
    def swapped_into(self, net: nn.Module) -> Iterator[nn.Module]:
        """`net` with the averaged weights inside, its own put back afterwards."""
        own = {name: p.detach().clone() for name, p in net.state_dict().items()}
        net.load_state_dict(self.average)
        try:
            yield net
        finally:
            net.load_state_dict(own)


@dataclass(frozen=True)
class Result:
    """Where a sitting ended."""

    step: int
    finished: bool
    minutes: float
    scores: dict[str, float]


def train(
    learner: Learner,
    recipe: Recipe,
    run: Path,
    *,
    device: str = "auto",
    minutes: float | None = None,
    resume: bool = False,
) -> Result:
    """Train until `recipe.steps`, or for `minutes`, or until Ctrl-C or SIGTERM; each of them saves.

    Args:
        learner: the task's nets and losses.
        recipe: see `Recipe`; written to the run's `recipe.json`.
        run: the run's folder, made if missing.
        device: "auto" (accelerate's choice), or "cpu".
        minutes: a limit for this sitting; the schedule goes by steps all the same.
        resume: go on from `run/last.ckpt`.

    Raises:
        WeightsError: `resume` without a usable checkpoint.
    """
    accelerator = Accelerator(
        cpu=device == "cpu",
        mixed_precision={"bfloat16": "bf16", "float16": "fp16", "float32": "no"}[recipe.precision],
        gradient_accumulation_steps=recipe.accumulate,
        log_with="tensorboard",
        project_dir=run,
    )
    main = accelerator.is_main_process
    (run / "samples").mkdir(parents=True, exist_ok=True)
    # New weights must not depend on what ran before in this process.
    torch.manual_seed(recipe.seed)
    wrapped = learner.prepare(accelerator)
    net = learner.net
    ema = EMA(net, recipe.ema_decay)
    update = Update(accelerator, recipe.clip_norm)
    k, spent = 0, 0.0
    if resume:
        k, spent = _load(run / "last.ckpt", learner, ema, accelerator.device)
    elif main:
        (run / "recipe.json").write_text(json.dumps(asdict(recipe), indent=2), "utf-8")
        (run / "stats.jsonl").unlink(missing_ok=True)
    accelerator.init_trackers("tensorboard")

    began = time.monotonic()
    saved = began
    scores: dict[str, float] = {}
    stop = _StopRequest()
    with stop, Progress(recipe.name, recipe.steps, k, enabled=main) as progress:
        first = k
        while k < recipe.steps:
            torch.manual_seed(_mix(recipe.seed, k, accelerator.process_index))
            with accelerator.accumulate(*wrapped):
                losses = learner.step(learner.batch(k, accelerator.process_index), k / recipe.steps, update)
            ema.follow(net, k)
            k += 1
            now = time.monotonic()
            out_of_time = minutes is not None and now - began > minutes * 60
            last = k == recipe.steps or _any(accelerator, out_of_time or stop.asked)
            if k % 50 == 0 or last:
                values = {
                    name: accelerator.reduce(v.detach().float(), "mean").item() for name, v in losses.items()
                }
                rate = (k - first) * recipe.batch_size * accelerator.num_processes / (now - began)
                progress.show(k, values, rate)
                _record(
                    accelerator,
                    run,
                    k,
                    values | {"pictures_per_second": rate, "minutes": spent + (now - began) / 60},
                )
            if main and (k % recipe.validate_every == 0 or k == recipe.steps):
                with ema.swapped_into(net), torch.no_grad():
                    scores = learner.validate(net, run / "samples" / f"{k:07d}.png")
                progress.note(k, scores)
                _record(accelerator, run, k, scores)
            if main and (last or now - saved > recipe.checkpoint_minutes * 60):
                _save(run / "last.ckpt", learner, ema, k, spent + (now - began) / 60)
                saved = now
            if last:
                break
    accelerator.end_training()
    return Result(k, k >= recipe.steps, spent + (time.monotonic() - began) / 60, scores)


def load_average(run: Path, learner: Learner) -> tuple[nn.Module, int, float]:
    """The EMA net of a run's last checkpoint on the CPU, its step, and the minutes it took."""
    ema = EMA(learner.net, 0.0)
    step, spent = _load(run / "last.ckpt", None, ema, torch.device("cpu"))
    learner.net.load_state_dict(ema.average)
    return learner.net, step, spent


def _save(path: Path, learner: Learner, ema: EMA, step: int, minutes: float) -> None:
    partial = path.with_suffix(".part")
    torch.save(
        {"step": step, "minutes": minutes, "learner": learner.state_dict(), "ema": ema.average}, partial
    )
    partial.replace(path)


def _load(path: Path, learner: Learner | None, ema: EMA, device: torch.device) -> tuple[int, float]:
    if not path.is_file():
        raise WeightsError(
            f"expected a checkpoint to go on from, found none at {path}; start without --resume"
        )
    try:
        state = torch.load(path, map_location=device, weights_only=True)
        if learner is not None:
            learner.load_state_dict(state["learner"])
        for name, value in state["ema"].items():
            ema.average[name].copy_(value)
        return int(state["step"]), float(state["minutes"])
    except (pickle.UnpicklingError, RuntimeError, KeyError, ValueError, EOFError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise WeightsError(
            f"{path} is no checkpoint of this recipe ({reason}); start a new run without --resume"
        ) from error


def _record(accelerator: Accelerator, run: Path, k: int, values: dict[str, float]) -> None:
    accelerator.log(values, step=k)
    if accelerator.is_main_process:
        with (run / "stats.jsonl").open("a", encoding="utf-8") as stats:
            stats.write(json.dumps({"step": k} | {name: round(v, 6) for name, v in values.items()}) + "\n")


def _any(accelerator: Accelerator, flag: bool) -> bool:
    """Whether any process says so: they must leave the loop together, and their clocks differ."""
    if accelerator.num_processes == 1:
        return flag
    flags = torch.tensor(float(flag), device=accelerator.device)
    return bool(accelerator.reduce(flags, "sum").item())


def _mix(*numbers: int) -> int:
    """One seed from several numbers (splitmix64's finaliser, chained)."""
    state = 0
    for n in numbers:
        state = (state ^ n) + 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF
        state = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & 0xFFFFFFFFFFFFFFFF
        state = (state ^ state >> 27) * 0x94D049BB133111EB & 0xFFFFFFFFFFFFFFFF
    return state >> 1


class _StopRequest:
    """Turns Ctrl-C and SIGTERM into a flag, so that a step is never cut in half; a second Ctrl-C insists."""

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                self._before[number] = signal.signal(number, self._ask)
            except ValueError:  # not the main thread: the page stops a run by other means
                return

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.asked = True
        log.warning("stopping after this step; the run is saved")


Schedule = Callable[[float], float]


def cosine(peak: float, warmup: float = 0.01, final: float = 0.0) -> Schedule:
    """Learning rate by progress 0..1: up to `peak` within `warmup`, then down half a cosine to `final`."""

    def lr(progress: float) -> float:
        if progress < warmup:
            return peak * max(progress, 1e-4) / warmup
        x = (progress - warmup) / (1 - warmup)
        return final + (peak - final) * 0.5 * (1 + math.cos(math.pi * x))

    return lr
