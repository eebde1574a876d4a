"""How a command of the shell begins and ends: streams, signals, errors on one line with their exit codes.

stdout is for data, stderr for talk.
"""

import _thread
import contextlib
import errno
import io
import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import Any

from cyclopts import App, CycloptsError, UnusedCliTokensError

from genstudio import errors
from genstudio.errors import BugError, StudioError, UsageError

# Stands for a lone "-" while arguments are parsed, which would take it for an option. No file is called so.
STDIO = "\0"


def exit_codes() -> list[str]:
    """The exit codes and what they mean, a line each."""
    table = [
        line.strip("|").split("|", 1) for line in (errors.__doc__ or "").splitlines() if line.startswith("| ")
    ]
    return [f"{code.strip():>5}  {meaning.strip()}" for code, meaning in table[1:]]


def run(app: App, arguments: Sequence[str]) -> int:
    """Run one command of `app`; returns its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Whatever the terminal's encoding is, and for file names that are no valid text.
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    with warnings.catch_warnings(), _talk_on_stderr() as said:
        if not _debugs():
            # What the readers of picture files think of a damaged tag is no line for the user.
            warnings.simplefilter("ignore")
            logging.getLogger("tifffile").setLevel(logging.CRITICAL)
        try:
            with _stop_signals():
                app([STDIO if argument == "-" else argument for argument in arguments])
                sys.stdout.flush()
        except CycloptsError as error:
            return _complain(_in_words(error).replace(STDIO, "-"), UsageError.exit_code)
        except StudioError as error:
            if error.__cause__ is not None and isinstance(error, BugError) and _debugs():
                raise
            if str(error) in said:  # a warning has turned out to be the reason
                return error.exit_code
            from genstudio.options import in_shell  # pydantic with it, which --help need not wait for

            return _complain(in_shell(error), error.exit_code)
        except KeyboardInterrupt:
            return _complain("stopped; nothing half-written", errors.Stopped.exit_code)
        except (BrokenPipeError, SystemExit):
            # The reader has gone, as `| head` does (rich answers that with SystemExit).
            _drop_output()
            return errors.OutputError.exit_code
        except Exception as error:
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EBADF):
                # Of files this is said where they are written; left is standard output, full or closed.
                _drop_output()
                return _complain(f"standard output: {error.strerror}", errors.OutputError.exit_code)
            if isinstance(error, ValueError) and "null byte" in str(error):  # STDIO has one
                what = "expected the name of a file or folder, found -; it stands for standard input or"
                return _complain(f"{what} output, which are not for this", UsageError.exit_code)
            if _debugs():
                raise
            return _complain(str(BugError.of(error)), BugError.exit_code)
    return 0


def _debugs() -> bool:
    return bool(os.environ.get("GENSTUDIO_DEBUG"))


def _in_words(error: CycloptsError) -> str:
    if isinstance(error, UnusedCliTokensError):
        command, found = " ".join(error.command_chain or ()), " ".join(error.unused_tokens or ())
        return f"expected no more words, found {found}; see genstudio {command} --help"
    error.verbose = False
    return str(error)


def _drop_output() -> None:
    """What is left in the buffer of stdout must not fail again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complain(message: str, code: int) -> int:
    try:
        sys.stdout.flush()
    except OSError:
        _drop_output()
    print(f"genstudio: {' '.join(message.split())}", file=sys.stderr)
    return code


class _OneLine(logging.Handler):
    """A line for each record; keeps what was said."""

    def __init__(self) -> None:
        super().__init__()
        self.said: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        self.said.add(record.getMessage())
        # today's sys.stderr: bars may stand in for it
        print(f"genstudio: {record.getMessage()}", file=sys.stderr)


@contextlib.contextmanager
def _talk_on_stderr() -> Iterator[set[str]]:
    """What the library has to say while it works goes to stderr, a line each; yields what was said so far."""
    log, handler = logging.getLogger("genstudio"), _OneLine()
    log.addHandler(handler)
    try:
        yield handler.said
    finally:
        log.removeHandler(handler)


@contextlib.contextmanager
def _stop_signals() -> Iterator[None]:
    """Ctrl-C and SIGTERM both raise KeyboardInterrupt: temporary files are removed on the way out.

    So it ends as well where code that was interrupted made another error of it.
    """
    asked = False
    again: threading.Timer | None = None

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal asked, again
        asked = True
        if not _is_importing(frame):
            raise KeyboardInterrupt
        # Interrupted while it loads, torch would abort the process, and others complain of a missing part.
        again = threading.Timer(0.05, _thread.interrupt_main, [number])
        again.start()

    if threading.current_thread() is not threading.main_thread():  # only there can they be set
        yield
        return
    before = {}
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) != signal.SIG_IGN:  # a script's background job ignores Ctrl-C
                before[number] = signal.signal(number, stop)
        yield
    except BaseException as error:
        if asked and not isinstance(error, errors.Stopped):  # which says better what became of the work
            raise KeyboardInterrupt from error
        raise
    finally:
        if again is not None:
            again.cancel()
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def first_signal(seen_to: Callable[[], bool]) -> Iterator[None]:
    """The first Ctrl-C or SIGTERM is not an interruption where `seen_to` says so; the next one is again."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: dict[int, Any] = {}

    def stop(number: int, frame: FrameType | None) -> None:
        signal.signal(number, before[number])
        if not seen_to():
            before[number](number, frame)

    try:
        for each in (signal.SIGINT, signal.SIGTERM):
            if callable(signal.getsignal(each)):
                before[each] = signal.signal(each, stop)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _is_importing(frame: FrameType | None) -> bool:
    """Whether the command at work in this frame is within an import, or other code run as a module."""
    while frame is not None and frame.f_code is not run.__code__:
        if frame.f_code.co_name == "<module>":
            return True
        frame = frame.f_back
    return False
