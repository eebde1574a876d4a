"""The one training loop: draw a batch, let the learner step, follow with the EMA, log, validate, save.

    for k in range(step, recipe.steps):
        batch = learner.batch(k)                 # a pure function of (seed, k, process): nothing to resume
        losses = learner.step(batch, update)     # `update` does backward, clipping and the optimizer
        average.update_parameters(net)           # the EMA, which is what is validated and exported
        ...                                      # log, validate, checkpoint

Device, mixed precision, gradient accumulation and several processes are accelerate's. Whatever a step draws
at random comes from its own number, so a resumed run goes on exactly as the straight one would have.

A run is a folder:

    recipe.json  run.json  stats.jsonl  curves.csv  samples/  tensorboard/
    last.ckpt  previous.ckpt  best.ckpt
"""

import json
import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from genstudio import device as devices
from genstudio.errors import UsageError
from genstudio.images.atomic import as_output_error
from genstudio.training import checkpoint
from genstudio.training.progress import Progress
from genstudio.training.recipe import Learner, Recipe, Update
from genstudio.training.stats import STATS, Divergence, Remarks, forget, record, write_curves
from genstudio.training.stop import StopRequest

NOTES = "run.json"
MIXED = {torch.bfloat16: "bf16", torch.float16: "fp16", torch.float32: "no"}
log = logging.getLogger("genstudio")


def averaged(net: nn.Module) -> AveragedModel:
    """A place for the exponential moving average of a net's weights and buffers."""
    return AveragedModel(net, use_buffers=True).eval()


def follow(average: AveragedModel, net: nn.Module, decay: float) -> None:
    """One more update counts; the average is short at first and `decay` long in the end."""
    n = int(average.n_averaged)
    decay = min(decay, (1 + n) / (10 + n))
    average.multi_avg_fn = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
    average.update_parameters(net)


@dataclass(frozen=True)
class Result:
    """Where a sitting ended."""

    step: int
    finished: bool
    stopped: bool  # by Ctrl-C or SIGTERM
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
    notes: Mapping[str, Any] | None = None,
) -> Result:
    """Train until `recipe.steps`, or for `minutes`, or until Ctrl-C or SIGTERM; each of them saves.

    Args:
        learner: the task's nets and losses.
        recipe: see `Recipe`; written to the run's `recipe.json`.
        run: the run's folder, made if missing.
        device: "auto" (accelerate's choice), or "cpu".
        minutes: a limit for this sitting; the schedule goes by steps all the same.
        resume: go on from `run/last.ckpt`.
        notes: what else is to be known of the run, for its `run.json`.

    Raises:
        OutputError: the disk is full, or not to be written to.
        UsageError: fewer steps than the run has made, or than one update takes.
        WeightsError: `resume` without a usable checkpoint; losses or weights that are no longer finite, which
            are never saved.
    """
    if recipe.steps < recipe.accumulate:
        raise UsageError(
            f"expected at least the {recipe.accumulate} steps of one update (accumulate), found "
            f"{recipe.steps}; ask for more"
        )
    accelerator = Accelerator(
        cpu=device == "cpu",
        mixed_precision=MIXED[devices.training_precision(recipe.precision, devices.pick(device))],
        gradient_accumulation_steps=recipe.accumulate,
        log_with="tensorboard",
        project_dir=run,
    )
    main = accelerator.is_main_process
    (run / "samples").mkdir(parents=True, exist_ok=True)
    # New weights must not depend on what ran before in this process.
    torch.manual_seed(recipe.seed)
    average = averaged(learner.net)  # of the net as it is, before accelerate changes how it computes
    wrapped = learner.prepare(accelerator)
    average.module.to(accelerator.device)  # its counter stays on the CPU, where asking it costs nothing
    update = Update(accelerator, recipe.clip_norm)
    save = partial(checkpoint.save, average=average, scaler=accelerator.scaler, measure=recipe.measure)
    k, spent, best, due = 0, 0.0, math.inf, False
    if resume:
        k, spent, best, by, due = checkpoint.load(
            run, learner, average, accelerator.device, accelerator.scaler
        )
        if recipe.measure and by and by != recipe.measure:
            log.warning("%s: the best net is sought anew, by %s (was %s)", run, recipe.measure, by)
            best = math.inf
    if k > recipe.steps:
        raise UsageError(
            f"expected more steps than the {k} {run} has made, found {recipe.steps}; ask for more"
        )
    if main:
        # Not before it is known that the run can go on.
        (run / "recipe.json").write_text(json.dumps(asdict(recipe), indent=2), "utf-8")
        if notes is not None:
            (run / NOTES).write_text(json.dumps(notes, indent=2), "utf-8")
    if main and not resume:
        for old in (STATS, checkpoint.BEST):
            (run / old).unlink(missing_ok=True)
    elif main:
        forget(run, k)
    accelerator.init_trackers("tensorboard")

    began = time.monotonic()
    saved = began
    scores: dict[str, float] = {}
    since_best, enough = 0, False
    sign = 1 if recipe.best_is == "least" else -1
    divergence = Divergence(run)
    with (
        StopRequest() as stop,
        as_output_error(str(run)),
        Progress(recipe.name, recipe.steps, k, enabled=main, minutes=minutes) as progress,
    ):
        first = k

        def validate() -> None:
            nonlocal scores, best, since_best, enough
            picture = run / "samples" / f"{k:07d}.png"
            progress.doing("validating")
            ended = False
            with stop.interrupts(), torch.no_grad(), Remarks(run, k):
                divergence.check()
                scores = learner.validate(average.module, picture)
                progress.note(k, scores)
                record(accelerator, run, k, scores)
                ended = True
            if not ended:
                picture.unlink(missing_ok=True)  # it may be half there
                return
            spent_now = spent + (time.monotonic() - began) / 60
            score = scores.get(recipe.best_by or "")
            if score is not None and sign * score < best:
                best, since_best = sign * score, 0
                save(run / checkpoint.BEST, None, step=k, minutes=spent_now, best=best)
            elif score is not None:
                since_best += 1
                enough = 0 < recipe.patience <= since_best
            save(run / checkpoint.LAST, learner, step=k, minutes=spent_now, best=best, again=True)

        if main and due:
            validate()
        while k < recipe.steps:
            torch.manual_seed(_seed(recipe.seed, k, accelerator.process_index))
            with accelerator.accumulate(*wrapped):
                losses = learner.step(learner.batch(k, accelerator.process_index), k / recipe.steps, update)
            k += 1
            progress.step(k)
            now = time.monotonic()
            # Gradients that wait to be complete are not saved, so a sitting neither ends nor is saved then.
            whole = accelerator.sync_gradients
            if whole:
                follow(average, learner.net, recipe.ema_decay)
            asked = stop.asked or enough or (minutes is not None and now - began > minutes * 60)
            if accelerator.use_distributed:  # they must leave the loop together, and their clocks differ
                if asked:
                    accelerator.set_trigger()
                asked = accelerator.check_trigger()
            last = k == recipe.steps or (whole and asked)
            if k % 50 == 0 or last:
                values = {
                    name: accelerator.reduce(v.detach().float(), "mean").item() for name, v in losses.items()
                }
                for name, value in values.items():
                    if not math.isfinite(value):
                        raise checkpoint.diverged(run, k, f"a loss of {value} ({name})")
                progress.show(values)
                rate = (k - first) * recipe.batch_size * accelerator.num_processes / (now - began)
                record(
                    accelerator,
                    run,
                    k,
                    values | {"pictures_per_second": rate, "minutes": spent + (now - began) / 60},
                )
            if main and "loss" in losses:
                divergence.see(losses["loss"])
            validates = main and (k % recipe.validate_every == 0 or k == recipe.steps)
            minutes_so_far = spent + (now - began) / 60
            # Before validation, which may take long and be interrupted.
            if main and (last or (whole and (validates or now - saved > recipe.checkpoint_minutes * 60))):
                save(run / checkpoint.LAST, learner, step=k, minutes=minutes_so_far, best=best, due=validates)
                saved = now
            if validates and not stop.asked:
                validate()
            # Alone it need not wait for one more step; several processes leave together.
            if last or (validates and whole and stop.asked and not accelerator.use_distributed):
                break
    accelerator.end_training()
    if main and (run / STATS).is_file():
        with as_output_error(str(run)):
            write_curves(run)
    return Result(k, k >= recipe.steps or enough, stop.asked, spent + (time.monotonic() - began) / 60, scores)


def load_average(run: Path, learner: Learner) -> tuple[nn.Module, int, float]:
    """The EMA net of a run's best checkpoint, else its last, on the CPU; its step and minutes."""
    average = averaged(learner.net)
    step, spent = checkpoint.load_average(run, average)
    return average.module, step, spent


def _seed(*numbers: int) -> int:
    """One seed from several numbers."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0])


Schedule = Callable[[float], float]


def cosine(peak: float, warmup: float = 0.01, final: float = 0.0) -> Schedule:
    """Learning rate by progress 0..1: up to `peak` within `warmup`, then down half a cosine to `final`."""

    def lr(progress: float) -> float:
        if progress < warmup:
            return peak * max(progress, 1e-4) / warmup
        x = (progress - warmup) / (1 - warmup)
        return final + (peak - final) * 0.5 * (1 + math.cos(math.pi * x))

    return lr
