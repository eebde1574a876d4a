"""Ctrl-C, SIGTERM and SIGHUP while training: the step at work is finished, and the run saved.

with StopRequest() as stop:
    ...                              # a step is never cut in half: `stop.asked` is read between them
    with stop.interrupts():
        ...                          # a validation ends at once, by Interrupted
"""

import contextlib
import logging
import signal
from collections.abc import Iterator
from types import FrameType
from typing import Any

log = logging.getLogger("genstudio")

# SIGHUP: the terminal has gone. Windows has none.
SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class Interrupted(Exception):  # noqa: N818 - a request, not an error
    """A signal came in a part that need not be finished."""


class StopRequest:
    """Turns signals into a flag. Another one changes nothing: it would cost what was learned."""

    def __init__(self) -> None:
        self.asked = False
        self._interrupts = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "StopRequest":
        for number in SIGNALS:
            # A script's background job ignores Ctrl-C, and nohup SIGHUP.
            if signal.getsignal(number) == signal.SIG_IGN:
                continue
            try:
                self._before[number] = signal.signal(number, self._ask)
            except ValueError:  # not the main thread: the page stops a run by other means
                break
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextlib.contextmanager
    def interrupts(self) -> Iterator[None]:
        """A part of the loop that a signal ends with Interrupted, which is swallowed here."""
        self._interrupts = True
        try:
            yield
        except Interrupted:
            pass
        finally:
            self._interrupts = False

    def _ask(self, number: int, frame: FrameType | None) -> None:
        again, self.asked = self.asked, True
        with contextlib.suppress(OSError):  # of a terminal that has gone
            log.warning(
                "still at this step; the run is saved when it is done"
                if again
                else "stopping after this step; the run is saved then"
            )
        if self._interrupts:
            self._interrupts = False
            raise Interrupted
