"""Training on the server: one run at a time, the shell's own command in a process of its own.

So the page stays quick, and nothing that becomes of a run can take it down. What a run does is read from its
folder, ROOT/runs/NAME, as anybody else may read it.
"""

import atexit
import contextlib
import json
import logging
import os
import re
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import genstudio
from genstudio import weights
from genstudio.errors import Stopped, UsageError

from .jobs import lasting

log = logging.getLogger("genstudio")

RUNS = "runs"
FOLDERS_DEEP, MOST_FOLDERS = 3, 200
POINTS = 400  # of a curve; a run has thousands
SAVING_S = 60  # that a run has at the page's end
_NAME = re.compile(r"\w[\w.-]{0,63}")
_NO_LOSS = {"step", "minutes", "pictures_per_second"}


@dataclass(frozen=True)
class Root:
    """The folder below which pictures are read and runs are written. `folder` is resolved."""

    folder: Path

    def below(self, name: str) -> Path:
        """The place of this name, links followed. Raises UsageError where it is not below the root."""
        with contextlib.suppress(OSError, ValueError, RuntimeError):  # too long, a NUL, links in a ring
            place = (self.folder / name).resolve()
            if place.is_relative_to(self.folder):
                return place
        raise UsageError(f"expected a place below the root of training, found {name!r}; choose another")

    def pictures(self, name: str) -> Path:
        """A folder below the root. Raises UsageError where there is none."""
        place = self.below(name)
        if not name or not place.is_dir():
            raise UsageError(f"expected a folder of pictures below the root, found {name!r}; choose another")
        return place

    def run(self, name: str) -> Path:
        """The folder of a run, which need not be there yet. Raises UsageError for what is no name."""
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"expected a run's name of letters, digits, dots and dashes, found {name!r}; choose another"
            )
        return self.below(f"{RUNS}/{name}")

    def runs(self) -> list[str]:
        """The runs there are, the one last at work first."""
        found = (self.folder / RUNS).glob("*/recipe.json")
        return [path.parent.name for path in sorted(found, key=_changed, reverse=True)]

    def folders(self) -> list[str]:
        """Folders to choose from: those near the root, without links and hidden ones, as paths from there."""
        found: list[str] = []
        level = [self.folder]
        for _ in range(FOLDERS_DEEP):
            level = [child for folder in level for child in _children(folder) if child != self.folder / RUNS]
            found += [child.relative_to(self.folder).as_posix() for child in level]
            if len(found) >= MOST_FOLDERS:
                break
        return sorted(found[:MOST_FOLDERS])


def _children(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            inside = [e.name for e in entries if e.is_dir(follow_symlinks=False) and e.name[0] != "."]
    except OSError:  # one that this user may not read
        return []
    return [folder / name for name in sorted(inside)[:MOST_FOLDERS]]


def _changed(path: Path) -> float:
    stats = path.with_name("stats.jsonl")
    with contextlib.suppress(OSError):
        return (stats if stats.exists() else path).stat().st_mtime
    return 0


@dataclass
class Record:
    """What a run's folder says of it.

    Attributes:
        step_s: seconds that a step takes, once that is known.
        losses, scores: rows with step, name and value; scores are those of the validations.
        samples: pictures that are whole, by their steps.
    """

    step: int = 0
    steps: int = 0
    recipe: str = ""
    data: str = ""
    minutes: float = 0
    step_s: float | None = None
    losses: list[dict[str, Any]] = field(default_factory=list)
    scores: list[dict[str, Any]] = field(default_factory=list)
    samples: dict[int, Path] = field(default_factory=dict)


def read(run: Path) -> Record:
    """A run's record so far; an empty one where there is no run."""
    record = Record()
    with contextlib.suppress(OSError, ValueError):
        recipe = json.loads((run / "recipe.json").read_text("utf-8"))
        notes = json.loads((run / "run.json").read_text("utf-8"))
        record.steps, record.recipe, record.data = recipe["steps"], recipe["name"], notes["data"]
        batch_size = recipe["batch_size"]
    if not record.steps:
        return record
    at_work: list[dict[str, Any]] = []
    with contextlib.suppress(OSError):
        for line in (run / "stats.jsonl").read_text("utf-8").splitlines():
            try:
                row = json.loads(line)
            except ValueError:  # its end is being written
                continue
            if "warning" in row:
                continue
            k = record.step = row["step"]
            if "minutes" in row:
                record.minutes = row["minutes"]
                record.step_s = batch_size / max(row["pictures_per_second"], 1e-6)
                at_work.append(row)
            else:
                record.samples[k] = run / "samples" / f"{k:07d}.png"
                record.scores += _points(row)
    stride = -(-len(at_work) // POINTS) or 1
    for row in at_work[(len(at_work) - 1) % stride :: stride]:  # the last one is among them
        record.losses += _points(row)
    record.samples = {k: path for k, path in record.samples.items() if path.is_file()}
    return record


def _points(row: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"step": row["step"], "name": name, "value": v} for name, v in row.items() if name not in _NO_LOSS
    ]


class Command:
    """`genstudio WORDS` in a process of its own, which Ctrl-C does not reach; `said` is its last line."""

    def __init__(self, words: Sequence[str], root: Root) -> None:
        package = str(Path(genstudio.__file__).parent.parent)
        paths = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
        self._homes = [f"{root.folder}/", f"{weights.own()}/"]
        self._process = subprocess.Popen(
            # Nothing that lies below the root is imported (-P).
            [sys.executable, "-P", "-m", "genstudio", *words],
            cwd=root.folder,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
            text=True,
            errors="replace",
        )
        self.said = ""
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self._process.stderr
        with self._process.stderr as lines:
            for line in filter(None, map(str.strip, lines)):
                line = line.removeprefix("genstudio: ")
                for home in self._homes:  # where on this machine things lie is nobody's business
                    line = line.replace(home, "")
                self.said = line

    def code(self) -> int | None:
        """Its exit code, when it has ended and all that it said is known."""
        code = self._process.poll()
        return None if code is None or self._listener.is_alive() else code

    def ask_to_end(self) -> None:
        self._process.terminate()

    def wait(self, seconds: float) -> int | None:
        """Its exit code, or None where it has not ended by then."""
        self._listener.join(seconds)
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(0.1)
        return None

    def kill(self) -> None:
        self._process.kill()


class Trainer:
    """The one run at work, and how the last one ended."""

    def __init__(self, root: Root) -> None:
        self.root = root
        self.name = ""  # of the run at work, or of the last one
        self._steps: int | None = None  # that it was told to make instead of the recipe's
        self._command: Command | None = None
        self._stopping = False
        self._changing = threading.Lock()
        atexit.register(self._end)

    @property
    def at_work(self) -> bool:
        return self._command is not None and self._command.code() is None

    def start(self, name: str, words: Sequence[str], steps: int | None = None) -> None:
        """Begin `genstudio WORDS` as the run of this name. Raises UsageError while another is at work."""
        with self._changing:
            if self.at_work:
                raise UsageError(f"expected no run at work, found {self.name}; stop it first, or wait")
            self._command = Command(words, self.root)
            self.name, self._steps, self._stopping = name, steps, False

    def stop(self) -> bool:
        """Ask the run at work to finish its step, to save and to leave; whether there was one."""
        with self._changing:
            if self._command is None or not self.at_work:
                return False
            if not self._stopping:
                self._command.ask_to_end()
            self._stopping = True
            return True

    def report(self, name: str, record: Record) -> str:
        """How the run of this name is, in a line."""
        ours = name == self.name
        steps = self._steps if ours and self._steps else record.steps
        so_far = f"step {record.step:,} of {steps:,} after {record.minutes:.0f} minutes"
        ended = "done, it can be exported" if record.step >= steps else "Resume goes on"
        command = self._command if ours else None
        if command is None:
            return f"{so_far}; {ended}" if record.steps else ""
        code = command.code()
        if code is None and self._stopping:
            return "stopping, it is saved first"
        if code is None:
            left = f", {lasting((steps - record.step) * record.step_s)} left" if record.step_s else ""
            return f"at work: {so_far}{left}" if record.step else f"at work: getting ready. {command.said}"
        if code < 0:
            return f"ended by signal {-code}" + (f", {so_far}; {ended}" if record.steps else "")
        if self._stopping and code == Stopped.exit_code and not record.step:
            return "stopped before its first step"
        well = code in (0, Stopped.exit_code)
        return f"{so_far}; {ended}" if well else f"did not work: {command.said}"

    def _end(self) -> None:
        if self.stop() and self._command is not None:
            log.warning("training is saved first, for at most %d s", SAVING_S)
            if self._command.wait(SAVING_S) is None:
                self._command.kill()
