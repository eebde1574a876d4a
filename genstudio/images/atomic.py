"""All or nothing: a file appears under its name when it is complete, or not at all."""

import contextlib
import errno
import functools
import io
import os
import secrets
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from genstudio.errors import OutputError
from genstudio.images.formats import check_target

if sys.platform != "win32":
    import fcntl


class _File(io.FileIO):
    """Keeps its descriptor from Pillow and numpy, which would write to it directly and lose the reason (no
    room on the disk) of a failure."""

    def fileno(self) -> int:
        raise io.UnsupportedOperation("fileno")


@contextlib.contextmanager
def replacing(target: Path, overwrite: bool) -> Iterator[IO[bytes]]:
    """A file to write that takes the target's name when all went well, and else leaves no trace.

    A process that is killed leaves the unfinished file, hidden; the next one that writes there removes it.
    """
    check_target(target, (), overwrite)
    with as_output_error(str(target)):
        final = Path(os.path.realpath(target))  # through a link, to the file it stands for
        _clean(final.parent)
        temporary = final.parent / f".genstudio-{secrets.token_hex(8)}.part"
        # not tempfile's: that makes files which only their owner can read, whatever the umask says
        try:
            raw = _File(temporary, "x+")
            with contextlib.suppress(OSError):  # a file system without locks: there nothing is removed either
                _hold(io.FileIO.fileno(raw))
            with io.BufferedRandom(raw) as file:
                yield file
            if overwrite:
                if final.exists():
                    shutil.copymode(final, temporary)
                os.replace(temporary, final)  # noqa: PTH105 - named for what it does
            else:
                _claim(temporary, final)
        except FileExistsError as error:
            raise OutputError(
                f"{target}: exists already; choose another name, or overwrite it (--overwrite)"
            ) from error
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


def _hold(descriptor: int) -> None:
    """Locks a file for as long as it is open, so that no one takes it for left behind. Raises OSError."""
    if sys.platform != "win32":
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


@functools.cache
def _clean(folder: Path) -> None:
    """Removes, once a run, what others that were killed have left in a folder: files which no one holds.

    Of the last minute none: its maker may not have come to hold it yet.
    """
    with contextlib.suppress(OSError):
        for path in folder.glob(".genstudio-*.part"):
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > 60:
                    with path.open("rb") as file:
                        _hold(file.fileno())
                    path.unlink()  # Windows refuses it for a file that is open


def _claim(temporary: Path, final: Path) -> None:
    """Gives a file a name that nothing else has; FileExistsError, however late the other one came."""
    if os.name == "nt":
        temporary.rename(final)  # refuses an existing name there
        return
    try:
        final.hardlink_to(temporary)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links: take the name with an empty file, then fill it
        final.touch(exist_ok=False)
        try:
            temporary.replace(final)
        except BaseException:
            final.unlink(missing_ok=True)
            raise


@contextlib.contextmanager
def as_output_error(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise OutputError(f"{name}: no room left on the disk; free some or choose another one") from error
        raise OutputError(
            f"{name}: cannot be written ({error.strerror or error}); choose another place"
        ) from error
