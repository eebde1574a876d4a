"""Files to pictures."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from genstudio.errors import InputError
from genstudio.images import colours
from genstudio.images.codecs import avif, jpeg, png, tiff, webp
from genstudio.images.metadata import model
from genstudio.images.metadata.model import Metadata, fitted
from genstudio.images.opening import (
    MAX_PIXELS,
    bound,
    check_size,
    named,
    opened,
    opener,
    refuse_unread_kind,
)
from genstudio.images.picture import Animation, Picture, described, own_format, pixels, still
from genstudio.images.turning import Array, turned, turned_size

_ANIMATED = ("GIF", "WEBP", "PNG", "AVIF")
_PAGED = ("DCX", "FLI")  # of these only the first is read; ICO, ICNS, PSD open at the main one
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_HEAD = 65_536  # bytes, of which a file tells what it is


def read(source: Path | str | bytes | BinaryIO, *, max_pixels: int = MAX_PIXELS) -> Picture:
    """Reads a picture file by its content, whatever its name: a path, a file's bytes, or an open file.

    A still picture is decoded at once. An animation is gone through once, for its timing and to find damage
    before any work, and then decoded frame by frame as `frames` is iterated. `max_pixels` bounds width x
    height, and is checked before anything is decoded. Damage to metadata costs the metadata, with a note.

    Raises InputError, in one line: missing, a folder, unreadable, empty, not a picture, truncated or damaged,
    too large, or of a kind (floating point) that has no 8 or 16-bit meaning.

    Peak memory, the returned array included: 2.7 times that array (measured on 6000 x 6000 RGB; Pillow holds
    4 bytes a pixel), for 16-bit PNG and TIFF 1.0 times and the file; while EXIF turns it, 2 times.
    """
    name, open_source = opener(source)
    with named(name), closing(open_source()) as file:
        head = _head(file)
        if head.startswith(_TIFF):
            return _tiff(file, max_pixels)
        told = [note] if (note := colours.unread(head)) else []
        shown, known, said = _taken_apart(head, file)
        with opened(shown, max_pixels) as image:
            # APNG: a still that is not in the film
            first = 1 if getattr(image, "default_image", False) else 0
            last = getattr(image, "n_frames", 1)
            lossless = _is_lossless(image, head, file)
            if last - first > 1 and image.format in _ANIMATED:
                if png.is_16bit(head):
                    told.append("16-bit animation read at 8 bits")
                plays = avif.plays(file) if image.format == "AVIF" else None
                film = _animation(image, range(first, last), known, name, open_source, max_pixels, plays)
                return replace(film, notes=(*told, *said, *film.notes), lossless=lossless)
            if png.is_16bit(head):
                file.seek(0)
                return still(png.decode(file.read()), "PNG", known or Metadata(), (*told, *said))
            if known and known.icc_profile:
                image.info["icc_profile"] = known.icc_profile  # by which CMYK is converted
            with bound.at(max_pixels):
                array, notes = pixels(image)
            known = known or described(image)
            if last > 1 and image.format in _PAGED:
                notes.append(f"the file has {last} pages: only the first is read")
            if image.mode in ("CMYK", "LAB"):
                known = replace(known, icc_profile=None)
            return still(array, own_format(image), known, (*notes, *told, *said), lossless=lossless)


def size(source: Path | str | bytes | BinaryIO, *, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """(width, height) in pixels that `read` would give, by the file's header alone: nothing is decoded.

    Raises InputError as `read` does, for what the header says.
    """
    name, open_source = opener(source)
    with named(name), closing(open_source()) as file:
        head = _head(file)
        if head.startswith(_TIFF):
            top = tiff.directory(file)
            tiff.needs_tifffile(top)
            check_size(*tiff.size(top), max_pixels)
            return turned_size(tiff.size(top), tiff.described(top)[0])
        shown, known, _ = _taken_apart(head, file)
        with opened(shown, max_pixels) as image:
            return turned_size(image.size, model.orientation(known or described(image)))


def _head(file: BinaryIO) -> bytes:
    head = file.read(_HEAD)
    file.seek(0)
    if not head:
        raise InputError("expected a picture, found an empty file (0 bytes)")
    refuse_unread_kind(head)
    return head


def _taken_apart(head: bytes, file: BinaryIO) -> tuple[BinaryIO, Metadata | None, list[str]]:
    """The file as Pillow is shown it, its metadata where they are read apart, and notes on these."""
    apart = jpeg if jpeg.is_jpeg(head) else png if head.startswith(png.SIGNATURE) else None
    if apart is None:
        return file, None, []
    shown, known, said = apart.taken_apart(file)
    return shown, known, said


def _tiff(file: BinaryIO, max_pixels: int) -> Picture:
    top = tiff.directory(file)
    by_tifffile = tiff.needs_tifffile(top)
    check_size(*tiff.size(top), max_pixels)
    turn, known, said = tiff.described(top)
    notes = tiff.notes(top) + said
    if by_tifffile:
        return still(tiff.decoded(top), "TIFF", known, notes, turn)
    try:
        with opened(tiff.pixels_alone(top), max_pixels) as image, bound.at(max_pixels):
            if known.icc_profile:
                image.info["icc_profile"] = known.icc_profile
            array, converted = pixels(image)
            if image.mode in ("CMYK", "LAB"):
                known = replace(known, icc_profile=None)
    except UnidentifiedImageError:  # samples of a layout that Pillow has not
        return still(tiff.decoded(top), "TIFF", known, notes, turn)
    return still(array, "TIFF", known, converted + notes, turn)


def _is_lossless(image: Image.Image, head: bytes, file: BinaryIO) -> bool:
    """Whether a file of a format that has both kinds holds its pixels exactly."""
    if image.format == "WEBP":
        return webp.is_lossless(file)
    return image.format == "AVIF" and avif.is_lossless(head)


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
    known: Metadata | None,
    name: str,
    open_source: Callable[[], BinaryIO],
    max_pixels: int,
    plays: int | None,
) -> Picture:
    durations: list[int] = []
    grey = opaque = True
    palettes = image.format == "GIF"
    # Their encoders leave out what does not change as transparent, and call an opaque animation RGBA
    unsure = image.format in ("GIF", "WEBP")
    for index in indices:
        array = _frame(image, index, max_pixels)
        durations.append(round(float(image.info.get("duration", 0))))
        # Pillow composites GIF's palettes to RGB whatever they hold: look at the pixels themselves
        grey = grey and (array.shape[2] < 3 or (palettes and _all_grey(array)))
        opaque = opaque and (array.shape[2] in (1, 3) or (unsure and array[:, :, -1].min() == 255))
    channels = (1 if grey else 3) + (0 if opaque else 1)
    known = known or described(image)
    turn = model.orientation(known)
    known, said = model.upright(known, turn, image.size)
    known, dropped = fitted(known, channels)

    def decode() -> Iterator[Array]:
        with named(name), closing(open_source()) as file:
            shown, *_ = _taken_apart(_head(file), file)
            with opened(shown, max_pixels) as again:
                for index in indices:
                    yield _with_channels(turned(_frame(again, index, max_pixels), turn), channels)

    width, height = turned_size(image.size, turn)
    return Picture(
        width,
        height,
        channels,
        np.dtype(np.uint8),
        _Frames(decode),
        own_format(image),
        known,
        Animation(tuple(durations), _plays(image) if plays is None else plays),
        (*said, *dropped),
    )


def _frame(image: Image.Image, index: int, max_pixels: int) -> Array:
    with bound.at(max_pixels):
        image.seek(index)
        return pixels(image)[0]


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
