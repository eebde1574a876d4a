"""Pictures to files: fitted to what the format can hold, then written whole or not at all."""

import io
import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np
from PIL import Image

from genstudio.errors import UsageError
from genstudio.images import png
from genstudio.images.atomic import as_output_error, replacing
from genstudio.images.formats import WRITTEN, Format, check_fits, output_format
from genstudio.images.picture import Array, Metadata, Picture, by_rows, fitted, to_8bit, to_image


def write(
    picture: Picture,
    target: Path | BinaryIO,
    *,
    format: str | None = None,
    quality: int = 95,
    strip: bool = False,
    overwrite: bool = False,
) -> tuple[str, ...]:
    """Writes a picture or animation and returns notes on what the format could not hold.

    `format` as in `output_format`; `quality` 1..100 for JPEG, WebP and AVIF (JPEG and AVIF without chroma
    subsampling). `strip` drops EXIF, XMP, text and resolution; the ICC profile stays, since without it the
    pixels would mean other colours.

    To a path: into a temporary file beside it, then renamed, so that whatever happens the target is either as
    it was or complete, and no other file is left. To an open file: in one piece, once all is encoded.

    Raises OutputError (exists, no room, no permission, more pixels a side than the format has) and UsageError
    (unknown format, quality out of range, an animation into a format without). What iterating the frames
    raises comes through.

    Peak memory over the caller's array (4000 x 4000 RGB, measured): TIFF 0.15 of it; PNG 0.02, and 2.0 on
    pure noise; JPEG and the others 1.4, Pillow's copy; one array of 8 bits more if alpha or depth is dropped.
    Animations: a frame, but GIF holds all at 1 byte a pixel, and WebP and AVIF the encoded file.
    """
    path = target if isinstance(target, Path) else None
    name = output_format(path, format, picture.format)
    row = WRITTEN[name]
    _check(picture, name, quality, str(path) if path else "output")
    notes: dict[str, None] = {}
    metadata = _metadata(picture, name, row, strip, notes)
    frames = (_fitted(array, name, row, notes) for array in picture.frames)
    if isinstance(target, Path):
        with replacing(target, overwrite) as file:
            _encode(frames, picture, metadata, name, quality, file)
    else:
        buffer = io.BytesIO()
        _encode(frames, picture, metadata, name, quality, buffer)
        with as_output_error("output"):
            target.write(buffer.getbuffer())
            target.flush()
    return tuple(notes)


def _check(picture: Picture, name: str, quality: int, where: str) -> None:
    if not 1 <= quality <= 100:
        raise UsageError(f"expected a quality from 1 to 100, found {quality}")
    check_fits(name, picture.width, picture.height, picture.animation is not None, where)


# ---------------------------------------------------------------------------- what the format can hold


def _fitted(array: Array, name: str, row: Format, notes: dict[str, None]) -> Array:
    if array.dtype == np.uint16 and not row.deep:
        notes[f"{name} has 8 bits a channel: 16 bits were rounded"] = None
        array = to_8bit(array)
    if array.shape[2] in (2, 4) and not row.alpha:
        if array[:, :, -1].min() < 255:
            notes[f"{name} has no alpha: flattened on white"] = None
        array = by_rows(array, array.shape[2] - 1, _on_white)
    return array


def _on_white(band: Array) -> Array:
    colour, alpha = band[:, :, :-1], band[:, :, -1:]
    flat: Array = (colour * alpha + 255 * (255 - alpha) + 127) // 255
    return flat


def _metadata(picture: Picture, name: str, row: Format, strip: bool, notes: dict[str, None]) -> Metadata:
    asked = picture.metadata
    if strip:
        asked = Metadata(icc_profile=asked.icc_profile)
    lost = [f for f in ("exif", "xmp") if getattr(asked, f) and f not in row.keeps]
    kept_text = asked.text
    if "text" not in row.keeps:
        kept_text = {k: v for k, v in asked.text.items() if k == "Comment" and "comment" in row.keeps}
        lost += [repr(key) for key in asked.text if key not in kept_text]
    if asked.icc_profile and "icc_profile" not in row.keeps and not _says_srgb(asked.icc_profile):
        notes[f"{name} has no colour profile: colours may look different"] = None
    if lost:
        notes[f"{name} cannot hold {', '.join(lost)}: dropped"] = None
    held: dict[str, Any] = {f: getattr(asked, f) for f in _FIELDS if f in row.keeps}
    metadata = Metadata(**held, text=kept_text)
    if not row.grey and picture.channels < 3:  # written as RGB
        metadata, dropped = fitted(metadata, 3)
        notes.update(dict.fromkeys(dropped))
    if name == "JPEG":
        for field in ("exif", "xmp"):
            if len(getattr(metadata, field) or b"") > _JPEG_SEGMENT:
                notes[f"JPEG holds at most 64 kB of {field}: dropped"] = None
                kept: dict[str, Any] = {field: None}
                metadata = replace(metadata, **kept)
    return metadata


_FIELDS = ("icc_profile", "exif", "xmp", "dpi")
_JPEG_SEGMENT = 65533 - 29  # less the name that XMP has in front


def _says_srgb(profile: bytes) -> bool:
    return b"sRGB" in profile or "sRGB".encode("utf-16-be") in profile


# ---------------------------------------------------------------------------- encoding


def _encode(
    frames: Iterator[Array], picture: Picture, metadata: Metadata, name: str, quality: int, file: IO[bytes]
) -> None:
    if picture.animation:
        if name == "PNG":
            png.encode_animation(frames, picture.animation, metadata, file)
        else:
            _encode_animation(frames, picture, metadata, name, quality, file)
        return
    array = next(frames)
    if name == "PNG":
        png.encode(array, metadata, file)
    elif name == "TIFF":
        from genstudio.images import tiff

        tiff.encode(array, metadata, file)
    else:
        image = _gif_frame(array) if name == "GIF" else to_image(array)
        del array
        image.save(file, name, **_options(name, metadata, quality))


def _options(name: str, metadata: Metadata, quality: int) -> dict[str, Any]:
    options: dict[str, Any] = {f: v for f in _FIELDS if (v := getattr(metadata, f))}
    if "Comment" in metadata.text:
        options["comment"] = metadata.text["Comment"].encode("utf-8")[:_JPEG_SEGMENT]
    if name in ("JPEG", "WEBP", "AVIF"):
        options["quality"] = quality
    if name == "JPEG":
        options["subsampling"] = 0
    elif name == "AVIF":
        options["subsampling"] = "4:4:4"
    elif name == "WEBP":
        options["method"] = 4
    return options


def _encode_animation(
    frames: Iterator[Array], picture: Picture, metadata: Metadata, name: str, quality: int, file: IO[bytes]
) -> None:
    animation = picture.animation
    assert animation is not None
    options = _options(name, metadata, quality)
    durations, loop = list(animation.durations_ms), animation.loop
    if name == "GIF":
        durations = _to_10_ms(durations)
        options["disposal"] = 2 if picture.channels in (2, 4) else 1
        images = (_gif_frame(array) for array in frames)
        if loop != 1:  # a GIF counts repeats, and says nothing for once
            options["loop"] = max(loop - 1, 0)
        first = next(images)
        first.save(file, name, save_all=True, append_images=images, duration=durations, **options)
        return
    film = _Film(frames, picture.width, picture.height, picture.channels, len(durations))
    film.save(file, name, save_all=True, duration=durations, loop=loop, **options)
    if name == "WEBP" and picture.channels in (2, 4):
        _say_alpha(file)


def _say_alpha(file: IO[bytes]) -> None:
    """Sets the alpha bit of a WebP animation (VP8X chunk, flags).

    libwebp crops a frame to what can be seen; if that is opaque it forgets to say that the rest is not.
    """
    file.seek(12)
    if file.read(4) == b"VP8X":
        file.seek(20)
        flags = file.read(1)[0]
        file.seek(20)
        file.write(bytes([flags | 0x10]))


class _Film(Image.Image):
    """A Pillow image of many frames that makes each when its pixels are asked for, in order.

    Pillow would list the images that it is given to append, all of them decoded.
    """

    def __init__(self, frames: Iterator[Array], width: int, height: int, channels: int, count: int) -> None:
        super().__init__()
        self._mode = "RGBA" if channels in (2, 4) else "RGB"
        self._size = (width, height)
        self.n_frames, self.is_animated = count, True
        self._frames, self._at, self._made = frames, 0, -1

    def seek(self, frame: int) -> None:
        if frame >= self.n_frames:
            raise EOFError("no more frames")
        self._at = frame

    def tell(self) -> int:
        return self._at

    def load(self) -> Any:
        while self._made < self._at:
            image = to_image(next(self._frames))
            self.im = (image if image.mode == self._mode else image.convert(self._mode)).im
            self._made += 1
        return super().load()


def _gif_frame(array: Array) -> Image.Image:
    """256 colours, or 255 and one that is transparent where alpha is under one half."""
    image = to_image(array)
    if image.mode == "L":
        return image
    if image.mode == "RGB":
        return _reduced(image, 256)
    reduced = _reduced(image.convert("RGB"), 255)
    clear = image.getchannel("A").point([255] * 128 + [0] * 128)
    reduced.paste(255, mask=clear)
    reduced.info["transparency"] = 255
    return reduced


def _reduced(image: Image.Image, colours: int) -> Image.Image:
    palette = image.quantize(colours, Image.Quantize.MEDIANCUT)
    if image.getcolors(colours) is not None:
        return palette  # exact
    return image.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)


def _to_10_ms(durations: list[int]) -> list[int]:
    """GIF's clock ticks every 10 ms: ends, not lengths, are rounded, so that errors do not add up."""
    ends = [10 * round(end / 10) for end in itertools.accumulate(durations)]
    return [end - start for start, end in itertools.pairwise([0, *ends])]
