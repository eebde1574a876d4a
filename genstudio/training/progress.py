"""A run's progress on stderr: losses, score, steps a second, time left; plain lines when piped."""

import contextlib
import sys
import threading
import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

FIRST_S = 10  # after these the speed is said, and how long it will take
EVERY_S = 30  # at least, when piped


class Progress:
    """Used as a context manager around the loop; does nothing unless `enabled`.

    A thread of its own says how far the run is, so a line comes within `EVERY_S` whatever the loop is at.

    Args:
        minutes: the sitting ends after these, if not before.
    """

    def __init__(
        self, title: str, steps: int, done: int, *, enabled: bool, minutes: float | None = None
    ) -> None:
        console = Console(stderr=True)
        self._plain = enabled and not console.is_terminal
        self._enabled = enabled
        self._steps, self._first, self._began = steps, done, time.monotonic()
        self._minutes = minutes
        self._step, self._at = done, "making the first step"
        self._scores = self._values = ""
        columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Bar(
            *columns, TextColumn("{task.fields[values]}"), console=console, disable=not enabled or self._plain
        )
        self._task = self._bar.add_task(title, total=steps, completed=done, values="")
        self._ended = threading.Event()
        self._speaker = threading.Thread(target=self._speak, daemon=True)

    def step(self, step: int) -> None:
        """`step` is done."""
        self._step, self._at = step, ""
        if not self._plain:
            self._bar.update(self._task, completed=step)

    def show(self, values: dict[str, float]) -> None:
        """The losses of the latest step."""
        self._values = _text(values)
        self._bar.update(self._task, values=f"{self._values}  {self._scores}  {self._speed()}")

    def doing(self, what: str) -> None:
        """What goes on beside the steps, validating for example."""
        self._at = what

    def note(self, step: int, scores: dict[str, float]) -> None:
        """A validation's scores."""
        self._scores, self._at = _text(scores), ""
        if self._plain:
            self._say(f"step {step}/{self._steps}  validation: {self._scores}")

    def text(self) -> str:
        """How far it is, how fast it goes, and how long it will take."""
        parts = [f"step {self._step}/{self._steps}", self._values, self._scores, self._at, self._speed()]
        return "  ".join(filter(None, parts))

    def _speed(self) -> str:
        passed = time.monotonic() - self._began
        made = self._step - self._first
        if not made:
            return f"{passed:.0f} s so far"
        left = passed / made * (self._steps - self._step) / 60
        if self._minutes is not None:
            left = min(left, max(0.0, self._minutes - passed / 60))
        rate = made / passed
        return f"{rate:.3g} steps/s  {f'{left:.0f} min' if left < 120 else f'{left / 60:.1f} h'} left"

    def _speak(self) -> None:
        wait = FIRST_S
        while not self._ended.wait(wait):
            if self._plain or wait == FIRST_S:
                self._say(self.text())
            wait = EVERY_S

    def _say(self, line: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # a terminal or a pipe that has gone
            print(line, file=sys.stderr, flush=True)

    def __enter__(self) -> "Progress":
        self._bar.start()
        if self._enabled:
            self._speaker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        with contextlib.suppress(OSError):
            self._bar.stop()
        if self._plain and self._step > self._first:
            self._say(self.text())


def _text(values: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:.4g}" for name, value in values.items())
