"""The EXIF block: taken out of a file, and kept from saying what is no longer so.

A block is a small TIFF file behind the six bytes `Exif\\0\\0`. It is edited in place, entry by entry, and
never rebuilt: makers' private notes hold offsets into the block, which a rebuilt one would break.
"""

import contextlib
import re
import struct
from typing import IO, Any

from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

PREFIX = b"Exif\0\0"
ORIENTATION = 0x0112
EXIF_IFD, GPS_IFD = 0x8769, 0x8825
_PIXEL_SIZE = (0xA002, 0xA003)  # PixelXDimension, PixelYDimension: of the camera's picture, not of ours
# What a TIFF file's own directory says about the picture's content. The rest of that directory (strips,
# sample layout, compression) describes the file that was read and would be false in any other.
# ImageDescription, Make, Model, Software, DateTime, Artist, Copyright
TIFF_TEXT_TAGS = (270, 271, 272, 305, 306, 315, 33432)


def upright(exif: bytes) -> bytes | None:
    """The block without orientation, stored pixel size and thumbnail; None if damaged or then empty."""
    data = bytearray(exif.removeprefix(PREFIX))
    try:
        order = {b"II": "<", b"MM": ">"}[bytes(data[:2])]
        first = struct.unpack_from(order + "I", data, 4)[0]
        values, after = _remove(data, order, first, (ORIENTATION,))
        struct.pack_into(order + "I", data, after, 0)  # no second directory: that is the thumbnail's
        if EXIF_IFD in values:
            _remove(data, order, values[EXIF_IFD], _PIXEL_SIZE)
    except (KeyError, struct.error):
        return None
    return PREFIX + bytes(data) if values else None


def _remove(data: bytearray, order: str, at: int, tags: tuple[int, ...]) -> tuple[dict[int, int], int]:
    """Takes entries out of the directory at `at`; the values left, and where its next-directory link is."""
    count = struct.unpack_from(order + "H", data, at)[0]
    end = at + 2 + 12 * count
    struct.unpack_from(order + "I", data, end)  # raises if the directory runs over the block's end
    entries = [bytes(data[i : i + 12]) for i in range(at + 2, end, 12)]
    kept = [entry for entry in entries if struct.unpack_from(order + "H", entry)[0] not in tags]
    # entries close up and the link after them moves along; all else keeps its offset
    body = b"".join(kept) + bytes(data[end : end + 4])
    struct.pack_into(order + "H", data, at, len(kept))
    data[at + 2 : end + 4] = body.ljust(end + 2 - at, b"\0")
    values = {struct.unpack_from(order + "H", e)[0]: struct.unpack_from(order + "I", e, 8)[0] for e in kept}
    return values, at + 2 + 12 * len(kept)


def upright_xmp(xmp: bytes) -> bytes:
    """XMP without its copy of the orientation."""
    return re.sub(rb'\s*tiff:Orientation="\d"|<tiff:Orientation>\d</tiff:Orientation>', b"", xmp)


def from_tiff(file: IO[bytes]) -> bytes | None:
    """The descriptive part of a TIFF file's first directory as an EXIF block; None if there is none."""
    file.seek(0)
    head = file.read(16)
    if head[2:4] not in (b"\x2b\0", b"\0\x2b"):
        head = head[:8]  # not BigTIFF
    block = Image.Exif()
    with contextlib.suppress(Exception):  # damaged tags cost the description, never the picture
        directory = _directory(file, head, ImageFileDirectory_v2(head).next)
        for tag in TIFF_TEXT_TAGS:
            if tag in directory:
                block[tag] = directory[tag]
        for tag in (EXIF_IFD, GPS_IFD):
            if tag in directory:
                block[tag] = _directory(file, head, directory[tag])
    return upright(block.tobytes()) if len(block) else None


def _directory(file: IO[bytes], head: bytes, offset: int) -> dict[int, Any]:
    directory = ImageFileDirectory_v2(head)
    file.seek(offset)
    directory.load(file)
    return dict(directory)
