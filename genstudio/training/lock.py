"""One process trains in a run's folder at a time."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from genstudio.errors import OutputError, UsageError

LOCK = ".lock"


@contextlib.contextmanager
def locked(run: Path) -> Iterator[None]:
    """Make the run's folder and hold it; the lock ends with the process, however that ends.

    Of several processes that train together the first holds it for all.

    Raises UsageError where another run is at work there, OutputError where the folder cannot be made.
    """
    try:
        run.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{run}: the folder of the run cannot be made ({error.strerror}); choose another --out"
        ) from None
    if os.environ.get("RANK", "0") != "0":
        yield
        return
    lock = FileLock(run / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise UsageError(
            f"{run}: expected a folder where nothing is at work, found another process training there; wait "
            "for it, stop it, or choose another --out"
        ) from None
    except OSError as error:
        raise OutputError(f"{run}: cannot be written to ({error.strerror}); choose another --out") from None
    try:
        yield
    finally:
        # A run that was refused leaves nothing behind.
        empty = [each.name for each in run.iterdir()] == [LOCK]
        if empty:
            with contextlib.suppress(OSError):  # Windows removes no file that is open
                (run / LOCK).unlink()
        lock.release()
        if empty:
            with contextlib.suppress(OSError):
                run.rmdir()
