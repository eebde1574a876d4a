"""How far a measurement is, on stderr."""

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

QUIET_S = 30  # between two lines, where there is no terminal
REMEMBERED_S = 3600  # of pace: a picture may take minutes


class Progress:
    """A bar with the time left on a terminal; elsewhere a line with it now and then, of what takes long.

    A context manager. The time left supposes that the pictures to come cost what those before did.
    """

    def __init__(self, title: str, pictures: int) -> None:
        console = Console(stderr=True)
        self._title, self._pictures = title, pictures
        self._plain = not console.is_terminal
        self._began = self._said = time.monotonic()
        self._bar = Bar(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=self._plain,
            transient=True,
            speed_estimate_period=REMEMBERED_S,
        )
        self._task = self._bar.add_task(title, total=pictures)

    def show(self, done: int, what: str) -> None:
        """So many pictures are done, and this is being worked on."""
        self._bar.update(self._task, completed=done, description=f"{self._title}: {what}")
        now = time.monotonic()
        if self._plain and now - self._said >= QUIET_S:
            self._said = now
            state = f"{self._title}: {done} of {self._pictures} pictures done"
            if done:
                state += f", about {_duration((now - self._began) / done * (self._pictures - done))} left"
            print(f"{state}; now {what}", file=sys.stderr, flush=True)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
