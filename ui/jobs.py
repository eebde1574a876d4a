"""One job on the device at a time: the others wait in line, each tells how far it is, each can be stopped.

Gradio's own cancelling leaves a plain function running; here the arithmetic itself asks, between tiles and
steps, whether to go on.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from genstudio.errors import DeviceError, Stopped

MOST_IN_LINE = 32  # each of them holds a thread

Say = Callable[[float | None, str], None]  # how far, 0..1 or None where not known, and in words


class Job:
    """Somebody's work, waiting or being done.

    Attributes:
        session, task: whose it is, and on which tab.
    """

    def __init__(self, session: str, task: str, say: Say) -> None:
        self.session, self.task = session, task
        self._say = say
        self._stopped = threading.Event()
        self._began = time.monotonic()

    def stop(self) -> None:
        self._stopped.set()

    def stopped(self) -> bool:
        """Asked by the arithmetic between tiles and steps."""
        return self._stopped.is_set()

    def begin(self) -> None:
        """From now on time is counted."""
        self._began = time.monotonic()
        self.say(None, "getting ready")

    def say(self, share: float | None, words: str) -> None:
        self._say(share, words)

    def at(self, share: float, words: str) -> None:
        """Say how far it is, 0..1, and how long the rest will take at the speed so far."""
        spent = time.monotonic() - self._began
        self.say(share, f"{words}, {lasting(spent * (1 - share) / share)} left" if share > 0 else words)


class Jobs:
    """The line before the device, in the order of coming."""

    def __init__(self) -> None:
        self._line: list[Job] = []
        self._changed = threading.Condition()

    @contextmanager
    def turn(self, session: str, task: str, say: Say) -> Iterator[Job]:
        """Wait for the device, and hold it.

        Raises DeviceError where too many wait already, Stopped where it was given up in line.
        """
        job = Job(session, task, say)
        with self._changed:
            if len(self._line) >= MOST_IN_LINE:
                raise DeviceError(
                    f"expected at most {MOST_IN_LINE} jobs in line, found as many before this one; "
                    "try again in a minute"
                )
            self._line.append(job)
        try:
            self._wait(job)
            job.begin()
            yield job
        finally:
            with self._changed:
                self._line.remove(job)
                self._changed.notify_all()

    def _wait(self, job: Job) -> None:
        with self._changed:
            while (before := self._line.index(job)) > 0:
                if job.stopped():
                    raise Stopped("stopped before it began")
                job.say(None, f"in line, {before} before this one")
                self._changed.wait(timeout=1)

    def stop(self, session: str, task: str | None = None) -> int:
        """Stop what a session has in line or at work, of one tab or of all; how many that were."""
        with self._changed:
            jobs = [
                job for job in self._line if job.session == session and (task is None or job.task == task)
            ]
            for job in jobs:
                job.stop()
            self._changed.notify_all()
        return len(jobs)


def lasting(seconds: float) -> str:
    """90 -> "2 min"."""
    return f"{seconds:.0f} s" if seconds < 60 else f"{seconds / 60:.0f} min"
