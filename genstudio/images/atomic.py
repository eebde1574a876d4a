"""All or nothing: a file appears under its name when it is complete, or not at all."""

import contextlib
import errno
import io
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from genstudio.errors import OutputError
from genstudio.images.formats import check_target


class _File(io.FileIO):
    """Keeps its descriptor from Pillow and numpy, which would write to it directly and lose the reason (no
    room on the disk) of a failure."""

    def fileno(self) -> int:
        raise io.UnsupportedOperation("fileno")


@contextlib.contextmanager
def replacing(target: Path, overwrite: bool) -> Iterator[IO[bytes]]:
    """A file to write that takes the target's name when all went well, and else leaves no trace."""
    check_target(target, (), overwrite)
    with as_output_error(str(target)):
        final = target.resolve()  # through a link, to the file it stands for
        temporary = final.parent / f".genstudio-{secrets.token_hex(8)}.part"
        # not tempfile's: that makes files which only their owner can read, whatever the umask says
        try:
            with io.BufferedRandom(_File(temporary, "x+")) as file:
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
