"""A run's story, stats.jsonl: a line for each log, validation and warning, in the order of the steps."""

import contextlib
import csv
import json
import logging
from collections import deque
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor

STATS, CURVES = "stats.jsonl", "curves.csv"
DIVERGED = 4
log = logging.getLogger("genstudio")


def record(accelerator: Accelerator, run: Path, k: int, values: dict[str, float]) -> None:
    """Add what step k gave, to TensorBoard as well."""
    accelerator.log(values, step=k)
    if accelerator.is_main_process:
        with (run / STATS).open("a", encoding="utf-8") as stats:
            stats.write(json.dumps({"step": k} | {name: round(v, 6) for name, v in values.items()}) + "\n")


def forget(run: Path, k: int) -> None:
    """Leave out of a run's stats what came after step k, which a run that goes on from there makes anew."""
    stats = run / STATS
    if not stats.is_file():
        return
    kept = []
    for line in stats.read_text("utf-8").splitlines(keepends=True):
        with contextlib.suppress(ValueError):  # a last line that a power cut left in half
            if json.loads(line)["step"] <= k:
                kept.append(line)
    partial = stats.with_suffix(".part")
    partial.write_text("".join(kept), "utf-8")
    partial.replace(stats)


def write_curves(run: Path) -> None:
    """A run's numbers as a table, curves.csv: a line for each step that has any, a column for each name."""
    rows: dict[int, dict[str, float]] = {}
    for line in (run / STATS).read_text("utf-8").splitlines():
        row = json.loads(line)
        if "warning" not in row:
            rows.setdefault(row["step"], {}).update(row)
    names = dict.fromkeys(name for row in rows.values() for name in row)
    with (run / CURVES).open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, list(names))
        table.writeheader()
        table.writerows(rows[step] for step in sorted(rows))


class Divergence:
    """Notices a loss that stays finite and yet is far above what it was before anything was learned."""

    def __init__(self, run: Path) -> None:
        self.run = run
        self._first: Tensor | None = None
        self._recent: deque[Tensor] = deque(maxlen=20)

    def see(self, loss: Tensor) -> None:
        """The loss of the next step."""
        loss = loss.detach().float()
        if self._first is None:
            self._first = loss
        self._recent.append(loss)

    def check(self) -> None:
        """Warn where the mean of the latest losses is more than `DIVERGED` times the first one."""
        if self._first is None:
            return
        times = (torch.stack(list(self._recent)).mean() / self._first).item()
        if times > DIVERGED:
            log.warning(
                "%s: training has diverged, the loss is %.3g times that of the first step; begin a new run "
                "with a lower learning rate (--set lr=...)",
                self.run,
                times,
            )


class Remarks(logging.Handler):
    """While entered, what the library warns of goes into the run's stats as well."""

    def __init__(self, run: Path, k: int) -> None:
        super().__init__(logging.WARNING)
        self.run, self.k = run, k

    def __enter__(self) -> None:
        log.addHandler(self)

    def __exit__(self, *_: object) -> None:
        log.removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        with (self.run / STATS).open("a", encoding="utf-8") as stats:
            stats.write(json.dumps({"step": self.k, "warning": record.getMessage()}) + "\n")
