"""Files opened for reading, within bounds, and whatever goes wrong said in one line."""

import contextlib
import ctypes
import functools
import io
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import PIL
from PIL import Image, UnidentifiedImageError

from genstudio.errors import InputError
from genstudio.images.formats import NOT_READ
from genstudio.images.kinds import kind_by_content, kind_by_name

MAX_PIXELS = 500_000_000


def opener(source: Path | str | bytes | BinaryIO) -> tuple[str, Callable[[], BinaryIO]]:
    """How to name the source in messages, and how to open it, as often as wanted."""
    if isinstance(source, bytes):
        return "input", lambda: io.BytesIO(source)
    if not isinstance(source, str | Path):
        name = getattr(source, "name", None)
        with named(str(name) if isinstance(name, str) else "input"):
            data = source.read()
        return str(name) if isinstance(name, str) else "input", lambda: io.BytesIO(data)
    path = Path(source)
    with named(str(path)):
        if path.is_fifo():  # there is no way back in a pipe
            content = path.read_bytes()
            return str(path), lambda: io.BytesIO(content)

    def open_path() -> BinaryIO:
        if path.is_dir():  # Windows would say "permission denied"
            raise InputError("expected a picture file, found a folder")
        return path.open("rb")

    return str(path), open_path


# ---------------------------------------------------------------------------- failures

# Of these the decoders' own words say something about the file; of others (TypeError, UnicodeError, ...) they
# say something about the decoder.
_TELLING = (OSError, EOFError, SyntaxError, ValueError, RuntimeError)


@contextmanager
def named(name: str) -> Iterator[None]:
    """Turns whatever goes wrong into an InputError that begins with the file's name."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{name}: {error}") from error.__cause__
    except FileNotFoundError as error:
        raise InputError(f"{name}: no such file; check the path") from error
    except PermissionError as error:
        raise InputError(f"{name}: no permission to read it; check the file's permissions") from error
    except UnidentifiedImageError as error:
        if kind := kind_by_name(Path(name)):
            raise InputError(f"{name}: {kind} is not read; convert it to JPEG, PNG or TIFF first") from error
        raise InputError(
            f"{name}: expected a picture, found data of no known picture format; "
            "check that it is one, and whole"
        ) from error
    except Image.DecompressionBombError as error:
        raise InputError(f"{name}: a part of it has too many pixels; use a smaller picture") from error
    except MemoryError as error:
        raise InputError(f"{name}: too large for this machine's memory; use a smaller picture") from error
    except OSError as error:
        if error.errno is None:
            raise _damaged(name, error) from error
        raise InputError(f"{name}: cannot be read ({error.strerror}); check the path") from error
    except Exception as error:
        # Decoders raise anything on damaged data: SyntaxError, struct.error, IndexError, ...
        raise _damaged(name, error) from error


def _damaged(name: str, error: Exception) -> InputError:
    words = str(error).strip().splitlines()
    telling = words and isinstance(error, _TELLING) and not isinstance(error, UnicodeError)
    reason = f" ({words[0]})" if telling else ""
    return InputError(f"{name}: damaged or truncated{reason}; get a whole copy of the file")


def refuse_unread_kind(head: bytes) -> None:
    """Raise InputError if a file, by its first bytes, is of a kind that is known and not read."""
    kind = kind_by_content(head)
    if kind and kind.startswith("a "):
        raise InputError(f"expected a picture, found {kind}; name another file")
    if kind:
        raise InputError(f"{kind} is not read; convert it to JPEG, PNG or TIFF first")


# ---------------------------------------------------------------------------- Pillow, within bounds


class _Bound:
    """Pillow's bound on pixels, which is one for the whole process and lower than ours: raised while any
    thread of ours is at work, to the highest that one of them asks for, and then as it was for others."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked: list[int] = []
        self._before: int | None = None

    @contextmanager
    def at(self, max_pixels: int) -> Iterator[None]:
        with self._lock:
            if not self._asked:
                self._before = Image.MAX_IMAGE_PIXELS
            self._asked.append(max_pixels)
            Image.MAX_IMAGE_PIXELS = max(self._asked)
        try:
            yield
        finally:
            with self._lock:
                self._asked.remove(max_pixels)
                Image.MAX_IMAGE_PIXELS = max(self._asked) if self._asked else self._before


bound = _Bound()
_opening = threading.Lock()  # the filters of warnings are the whole process's too


@contextmanager
def opened(file: BinaryIO, max_pixels: int) -> Iterator[Image.Image]:
    """A Pillow image whose header is read and whose size is within bounds."""
    quiet_libtiff()
    with _opening, warnings.catch_warnings(), bound.at(max_pixels):
        warnings.simplefilter("ignore")
        try:
            image = _identified(file)
        except Image.DecompressionBombError as error:  # Pillow raises it at twice the bound
            raise InputError(
                f"expected at most {max_pixels:,} pixels, found more than twice as many; "
                "use a smaller picture"
            ) from error
    with image:
        check_size(*image.size, max_pixels)
        yield image


def _identified(file: BinaryIO) -> Image.Image:
    """The image in one of the formats that are read; first those that are common and quickly loaded."""
    for load in (Image.preinit, Image.init):
        load()
        with contextlib.suppress(UnidentifiedImageError):
            file.seek(0)
            return Image.open(file, formats=[name for name in Image.ID if name not in NOT_READ])
    raise UnidentifiedImageError("no known picture format")


def check_size(width: int, height: int, max_pixels: int) -> None:
    """Raise InputError for more pixels than `max_pixels`."""
    if width * height > max_pixels:
        raise InputError(
            f"expected at most {max_pixels:,} pixels, found {width} x {height} = {width * height:,}; "
            "use a smaller picture"
        )


@functools.cache
def quiet_libtiff() -> None:
    """Keeps Pillow's libtiff from writing lines of its own to stderr, where it is a library beside Pillow.

    What it fails at is said by exceptions, and what it warns of is no line for anyone.
    """
    folder = Path(PIL.__file__).parent
    places = [*folder.parent.glob("pillow.libs/libtiff*"), *folder.glob(".dylibs/libtiff*")]
    if sys.platform == "linux" and not places:
        places = [Path("libtiff.so.6")]
    for place in places:
        with contextlib.suppress(OSError, AttributeError):
            library = ctypes.CDLL(str(place))
            library.TIFFSetErrorHandler(None)
            library.TIFFSetWarningHandler(None)
