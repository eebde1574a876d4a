"""GIF (version 89a): few colours, a clock of 10 ms, and films whose frames are all equal."""

import itertools
import struct
from collections.abc import Iterator
from typing import IO

import numpy as np
from PIL import Image

from genstudio.images.picture import to_image
from genstudio.images.turning import Array

_MOST_MS = 655_350  # of a frame


def frame(array: Array) -> Image.Image:
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


def to_10_ms(durations: list[int]) -> list[int]:
    """GIF's clock ticks every 10 ms: ends, not lengths, are rounded, so that errors do not add up."""
    ends = [10 * round(end / 10) for end in itertools.accumulate(durations)]
    return [min(end - start, _MOST_MS) for start, end in itertools.pairwise([0, *ends])]


def distinct(frames: Iterator[Array], durations: list[int], shown_ms: list[int]) -> Iterator[Array]:
    """The frames without those that repeat the one before; for how long each is shown goes to `shown_ms`,
    before it is given. (Pillow does the same, but fails where a time grows too long.)"""
    before: Array | None = None
    so_far = 0
    for array, duration in zip(frames, durations, strict=True):
        if before is not None and np.array_equal(array, before):
            so_far = min(so_far + duration, _MOST_MS)
            continue
        if before is not None:
            shown_ms.append(so_far)
            yield before
        before, so_far = array, duration
    if before is not None:
        shown_ms.append(so_far)
        yield before


def make_film(file: IO[bytes], durations_ms: list[int]) -> None:
    """Makes an animation of two equal frames, as long as all `durations_ms`, of a file that holds one."""
    file.seek(0)
    data = file.read()
    at = 13 + _palette_bytes(data[10])
    lead, picture = data[:at], b""
    transparent = 0
    clear = b"\0"
    while at < len(data) and data[at] != 0x3B:
        end = _end(data, at)
        if data[at] == 0x2C:
            picture = data[at:end]
        elif data[at + 1] == 0xF9:  # of the one frame's time and transparency
            transparent, clear = data[at + 3] & 1, data[at + 6 : at + 7]
        else:
            lead += data[at:end]
        at = end
    first, others = durations_ms[0], min(sum(durations_ms[1:]), _MOST_MS)
    shown = b"".join(
        b"\x21\xf9\x04" + struct.pack("<BH", 4 | transparent, ms // 10) + clear + b"\0" + picture
        for ms in (first, others)
    )
    file.seek(0)
    file.write(lead + shown + b"\x3b")
    file.truncate()


def _palette_bytes(packed: int) -> int:
    return 3 << ((packed & 7) + 1) if packed & 0x80 else 0


def _end(data: bytes, at: int) -> int:
    """Where the block that begins at `at`, an extension or a frame, ends."""
    at += 2 if data[at] == 0x21 else 10 + _palette_bytes(data[at + 9]) + 1
    while data[at]:
        at += data[at] + 1
    return at + 1
