"""A run's progress on stderr: losses, score, pictures a second, time left; plain lines when piped."""

import sys
import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar


class Progress:
    """Used as a context manager around the loop; does nothing unless `enabled`."""

    def __init__(self, title: str, steps: int, done: int, *, enabled: bool) -> None:
        console = Console(stderr=True)
        self._plain = enabled and not console.is_terminal
        self._steps, self._first, self._began = steps, done, time.monotonic()
        self._scores = self._values = ""
        columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Bar(
            *columns, TextColumn("{task.fields[values]}"), console=console, disable=not enabled or self._plain
        )
        self._task = self._bar.add_task(title, total=steps, completed=done, values="")

    def show(self, step: int, values: dict[str, float], pictures_per_second: float) -> None:
        """The state after `step`."""
        self._values = _text(values)
        text = f"{self._values}  {self._scores}  {pictures_per_second:.0f} pictures/s"
        self._bar.update(self._task, completed=step, values=text)
        if self._plain and (step % 500 == 0 or step == self._steps):
            left = (time.monotonic() - self._began) / max(1, step - self._first) * (self._steps - step)
            print(f"step {step}/{self._steps}  {text}  {left / 60:.0f} min left", file=sys.stderr, flush=True)

    def note(self, step: int, scores: dict[str, float]) -> None:
        """A validation's scores."""
        self._scores = _text(scores)
        if self._plain:
            print(f"step {step}/{self._steps}  validation: {self._scores}", file=sys.stderr, flush=True)

    def __enter__(self) -> "Progress":
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()


def _text(values: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:.4g}" for name, value in values.items())
