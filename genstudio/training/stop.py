"""Ctrl-C and SIGTERM while training: the step at work is finished, and the run saved."""

import logging
import signal
from types import FrameType
from typing import Any

log = logging.getLogger("genstudio")


class StopRequest:
    """Turns Ctrl-C and SIGTERM into a flag, so that a step is never cut in half; a second Ctrl-C insists."""

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) == signal.SIG_IGN:  # a script's background job ignores Ctrl-C
                continue
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
        log.warning("stopping after this step; the run is saved then")
