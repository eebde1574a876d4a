"""EXIF blocks, JPEG segments and pictures that tests make themselves, field by field."""

import io
import struct
from typing import Any

import numpy as np
from PIL import Image

from genstudio import images

Entry = tuple[int, int, int, bytes]  # tag, type, count, the values' bytes in little-endian order

SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}


def ascii(tag: int, text: bytes) -> Entry:
    return tag, 2, len(text) + 1, text + b"\0"


def shorts(tag: int, *values: int) -> Entry:
    return tag, 3, len(values), struct.pack(f"<{len(values)}H", *values)


def longs(tag: int, *values: int) -> Entry:
    return tag, 4, len(values), struct.pack(f"<{len(values)}I", *values)


def rational(tag: int, *values: int) -> Entry:
    return tag, 5, len(values) // 2, struct.pack(f"<{len(values)}I", *values)


def directory(entries: list[Entry], at: int, following: int = 0) -> bytes:
    """A little-endian directory to stand at `at`, its values behind it."""
    behind = at + 2 + 12 * len(entries) + 4
    rows, values = struct.pack("<H", len(entries)), b""
    for tag, kind, count, data in sorted(entries):
        rows += struct.pack("<HHI", tag, kind, count)
        if len(data) <= 4:
            rows += data.ljust(4, b"\0")
        else:
            rows += struct.pack("<I", behind + len(values))
            values += data + b"\0" * (len(data) % 2)
    return rows + struct.pack("<I", following) + values


def block(main: list[Entry], exif: list[Entry] = [], gps: list[Entry] = []) -> bytes:  # noqa: B006
    """An EXIF block with its prefix."""
    links = [longs(tag, 0) for tag, entries in ((0x8769, exif), (0x8825, gps)) if entries]
    at = 8 + len(directory([*main, *links], 8))
    body = b""
    links = []
    for tag, entries in ((0x8769, exif), (0x8825, gps)):
        if entries:
            links.append(longs(tag, at + len(body)))
            body += directory(entries, at + len(body))
    return b"Exif\0\0II*\0\x08\0\0\0" + directory([*main, *links], 8) + body


def fields(data: bytes, at: int | None = None) -> dict[int, tuple[int, bytes]]:
    """(type, bytes) by tag of a directory of a little-endian block or TIFF file, the first if not told."""
    data = data.removeprefix(b"Exif\0\0")
    at = struct.unpack_from("<I", data, 4)[0] if at is None else at
    found = {}
    for i in range(struct.unpack_from("<H", data, at)[0]):
        place = at + 2 + 12 * i
        tag, kind, count = struct.unpack_from("<HHI", data, place)
        size = SIZES[kind] * count
        begin = place + 8 if size <= 4 else struct.unpack_from("<I", data, place + 8)[0]
        found[tag] = (kind, data[begin : begin + size])
    return found


def below(data: bytes, tag: int) -> dict[int, tuple[int, bytes]]:
    """The fields of the directory that `tag` of the first one leads to."""
    return fields(data, struct.unpack("<I", fields(data)[tag][1])[0])


def ramp(height: int = 48, width: int = 64, channels: int = 3) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    bands = [x * 255 // width, y * 255 // height, (x + y) * 255 // (width + height), 255 - x]
    return np.stack(bands[:channels], 2).astype("u1")


def encoded(format: str, array: np.ndarray | None = None, **options: Any) -> bytes:
    """A file of a picture (a ramp if not told) as Pillow writes it."""
    file = io.BytesIO()
    Image.fromarray(ramp() if array is None else array).save(file, format, **options)
    return file.getvalue()


def jpeg_with(*segments: tuple[int, bytes], array: np.ndarray | None = None) -> bytes:
    """A JPEG with (marker, body) segments behind its first."""
    data = encoded("JPEG", array, quality=95)
    more = b"".join(
        b"\xff" + bytes([marker]) + struct.pack(">H", len(body) + 2) + body for marker, body in segments
    )
    return data[:20] + more + data[20:]


def of(array: np.ndarray, **more: Any) -> images.Picture:
    height, width, channels = array.shape
    return images.Picture(width, height, channels, array.dtype, (array,), **more)


def written(picture: images.Picture, format: str, **options: Any) -> tuple[bytes, tuple[str, ...]]:
    file = io.BytesIO()
    notes = images.write(picture, file, format=format, **options)
    return file.getvalue(), notes
