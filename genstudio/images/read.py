"""Files to pictures."""

import io
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from genstudio.errors import InputError
from genstudio.images import colours, png
from genstudio.images.exif import from_tiff
from genstudio.images.formats import unread_kind
from genstudio.images.picture import (
    Animation,
    Array,
    Metadata,
    Picture,
    described,
    fitted,
    own_format,
    pixels,
    still,
    turned,
    without_profile,
)

MAX_PIXELS = 500_000_000
_ANIMATED = ("GIF", "WEBP", "PNG", "AVIF")
_PAGED = ("TIFF", "DCX", "FLI")  # of these only the first is read; ICO, ICNS, PSD, MPO open at the main one
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_HEAD = 65_536  # bytes, of which a file tells what it is
_opening = threading.Lock()


def read(source: Path | str | bytes | BinaryIO, *, max_pixels: int = MAX_PIXELS) -> Picture:
    """Reads a picture file by its content, whatever its name: a path, a file's bytes, or an open file.

    A still picture is decoded at once. An animation is gone through once, for its timing and to find damage
    before any work, and then decoded frame by frame as `frames` is iterated. `max_pixels` bounds width x
    height, and is checked before anything is decoded.

    Raises InputError, in one line: missing, a folder, unreadable, empty, not a picture, truncated or damaged,
    too large, or of a kind (floating point) that has no 8 or 16-bit meaning.

    Peak memory, the returned array included: 2.7 times that array (measured on 6000 x 6000 RGB; Pillow holds
    4 bytes a pixel), for 16-bit PNG and TIFF 1.0 times and the file; while EXIF turns it, 2 times.
    """
    name, opener = _opener(source)
    with _named(name), closing(opener()) as file:
        head = file.read(_HEAD)
        file.seek(0)
        told = [note] if (note := colours.unread(head)) else []
        if not head:
            raise InputError("expected a picture, found an empty file (0 bytes)")
        if head.startswith(_TIFF):
            deep = _deep_tiff(file, max_pixels)
            if deep is not None:
                return deep
        with _opened(file, max_pixels) as image:
            first = (
                1 if getattr(image, "default_image", False) else 0
            )  # APNG: a still that is not in the film
            last = getattr(image, "n_frames", 1)
            if last - first > 1 and image.format in _ANIMATED:
                if png.is_16bit(head):
                    told.append("16-bit animation read at 8 bits")
                return _animation(image, range(first, last), told, name, opener, max_pixels)
            if png.is_16bit(head):
                file.seek(0)
                data = file.read()
                orientation, metadata = png.described_without_pixels(data)
                return still(png.decode(data), "PNG", metadata, told, orientation)
            return _still(image, file, told)


def size(source: Path | str | bytes | BinaryIO, *, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """(width, height) in pixels that `read` would give, by the file's header alone: nothing is decoded.

    Raises InputError as `read` does, for what the header says.
    """
    name, opener = _opener(source)
    with _named(name), closing(opener()) as file:
        if file.read(4) in _TIFF:
            from genstudio.images import tiff

            page = tiff.sixteen_bit_page(file)
            if page is not None:
                width, height = page.imagewidth, page.imagelength
                _check_size(width, height, max_pixels)
                return (width, height) if tiff.described(page, file)[0] < 5 else (height, width)
        file.seek(0)
        with _opened(file, max_pixels) as image:
            width, height = image.size
            if isinstance(image, TiffImageFile):  # which Pillow, by its version, has turned already
                width, height = image.tag_v2[256], image.tag_v2[257]
            if image.format == "PNG":  # Pillow would decode it, for what may stand behind the pixels
                file.seek(0)
                orientation, _ = png.described_without_pixels(file.read())
            else:
                orientation, _ = described(image)
            return (width, height) if orientation < 5 else (height, width)


def _still(image: Image.Image, file: BinaryIO, told: list[str]) -> Picture:
    array, notes = pixels(image)
    notes += told
    orientation, metadata = described(image)
    if image.format == "TIFF":
        metadata = Metadata(metadata.icc_profile, from_tiff(file), metadata.xmp, metadata.dpi, metadata.text)
    if image.mode in ("CMYK", "LAB"):
        metadata = without_profile(metadata)
    count = getattr(image, "n_frames", 1)
    if count > 1 and image.format in _PAGED:
        notes.append(f"the file has {count} pages: only the first is read")
    return still(array, own_format(image), metadata, notes, orientation)


def _deep_tiff(file: BinaryIO, max_pixels: int) -> Picture | None:
    from genstudio.images import tiff

    page = tiff.sixteen_bit_page(file)
    if page is None:
        file.seek(0)
        return None
    _check_size(page.imagewidth, page.imagelength, max_pixels)
    orientation, metadata = tiff.described(page, file)
    pages = len(page.parent.pages)
    notes = [f"the file has {pages} pages: only the first is read"] if pages > 1 else []
    return still(tiff.pixels(page), "TIFF", metadata, notes, orientation)


# ---------------------------------------------------------------------------- animations


class _Frames:
    """The frames of an animation, decoded anew on every pass, one held at a time."""

    def __init__(self, decode: Callable[[], Iterator[Array]]) -> None:
        self._decode = decode

    def __iter__(self) -> Iterator[Array]:
        return self._decode()


def _animation(
    image: Image.Image,
    indices: range,
    notes: list[str],
    name: str,
    opener: Callable[[], BinaryIO],
    max_pixels: int,
) -> Picture:
    durations: list[int] = []
    grey = opaque = True
    palettes = image.format == "GIF"
    # Their encoders leave out what does not change as transparent, and call an opaque animation RGBA
    unsure = image.format in ("GIF", "WEBP")
    for index in indices:
        image.seek(index)
        array, _ = pixels(image)
        durations.append(round(float(image.info.get("duration", 0))))
        # Pillow composites GIF's palettes to RGB whatever they hold: look at the pixels themselves
        grey = grey and (array.shape[2] < 3 or (palettes and _all_grey(array)))
        opaque = opaque and (array.shape[2] in (1, 3) or (unsure and array[:, :, -1].min() == 255))
    channels = (1 if grey else 3) + (0 if opaque else 1)
    orientation, metadata = described(image)
    metadata, dropped = fitted(metadata, channels)

    def decode() -> Iterator[Array]:
        with _named(name), closing(opener()) as file, _opened(file, max_pixels) as again:
            for index in indices:
                again.seek(index)
                yield _with_channels(turned(pixels(again)[0], orientation), channels)

    width, height = image.size if orientation < 5 else image.size[::-1]
    return Picture(
        width,
        height,
        channels,
        np.dtype(np.uint8),
        _Frames(decode),
        own_format(image),
        metadata,
        Animation(tuple(durations), _plays(image)),
        (*notes, *dropped),
    )


def _all_grey(array: Array) -> bool:
    red, seen = array[:, :, :1], array[:, :, 3:] > 0
    coloured = (array[:, :, 1:3] != red).any(axis=2, keepdims=True)
    return not (coloured & seen if array.shape[2] == 4 else coloured).any()


def _with_channels(array: Array, channels: int) -> Array:
    """Grey made colour or the reverse, and an opaque alpha added or dropped, as the whole animation needs."""
    colours = 1 if channels < 3 else 3
    has = array.shape[2]
    colour = array[:, :, : 1 if has < 3 else 3]
    colour = np.repeat(colour, 3, axis=2) if colour.shape[2] < colours else colour[:, :, :colours]
    if channels in (1, 3):
        return np.ascontiguousarray(colour)
    alpha = array[:, :, -1:] if has in (2, 4) else np.full_like(array[:, :, :1], 255)
    return np.concatenate([colour, alpha], axis=2)


def _plays(image: Image.Image) -> int:
    """How many times it plays, 0 for ever. GIF alone counts repeats instead, and says nothing for once."""
    loop = image.info.get("loop")
    if image.format != "GIF":
        return int(loop or 0)
    return 1 if loop is None else int(loop) + 1 if loop else 0


# ---------------------------------------------------------------------------- opening, and what goes wrong


def _opener(source: Path | str | bytes | BinaryIO) -> tuple[str, Callable[[], BinaryIO]]:
    """What to call the source in messages, and how to open it, as often as wanted."""
    if isinstance(source, bytes):
        return "input", lambda: io.BytesIO(source)
    if not isinstance(source, str | Path):
        name = getattr(source, "name", None)
        with _named(str(name) if isinstance(name, str) else "input"):
            data = source.read()
        return str(name) if isinstance(name, str) else "input", lambda: io.BytesIO(data)
    path = Path(source)
    with _named(str(path)):
        if path.is_fifo():  # there is no way back in a pipe
            content = path.read_bytes()
            return str(path), lambda: io.BytesIO(content)

    def open_path() -> BinaryIO:
        if path.is_dir():  # Windows would say "permission denied"
            raise InputError("expected a picture file, found a folder")
        return path.open("rb")

    return str(path), open_path


@contextmanager
def _named(name: str) -> Iterator[None]:
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
        if kind := unread_kind(Path(name)):
            raise InputError(f"{name}: {kind} is not read; convert it to JPEG, PNG or TIFF first") from error
        raise InputError(
            f"{name}: expected a picture, found data of no known picture format; "
            "check that it is one, and whole"
        ) from error
    except Image.DecompressionBombError as error:
        raise InputError(f"{name}: {error}") from error
    except MemoryError as error:
        raise InputError(f"{name}: too large for this machine's memory; use a smaller picture") from error
    except Exception as error:
        # Decoders raise anything on damaged data: OSError, SyntaxError, struct.error, IndexError, ...
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(f"{name}: damaged or truncated ({reason}); get a whole copy of the file") from error


@contextmanager
def _opened(file: BinaryIO, max_pixels: int) -> Iterator[Image.Image]:
    """A Pillow image whose header is read and whose size is within bounds."""
    # Pillow's own bound is one for the whole process, lower than ours, and some formats make room for all
    # pixels on opening: so it is ours while the header is read, and as it was for anyone else after.
    with _opening, warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, max_pixels
        try:
            image = Image.open(file)
        except Image.DecompressionBombError as error:  # Pillow raises it at twice the bound
            raise InputError(
                f"expected at most {max_pixels:,} pixels, found more than twice as many; "
                "use a smaller picture"
            ) from error
        finally:
            Image.MAX_IMAGE_PIXELS = before
    with image:
        _check_size(*image.size, max_pixels)
        yield image


def _check_size(width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise InputError(
            f"expected at most {max_pixels:,} pixels, found {width} x {height} = {width * height:,}; "
            "use a smaller picture"
        )
