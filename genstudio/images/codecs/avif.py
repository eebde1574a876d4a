"""AVIF by its boxes (ISO/IEC 14496-12, 23008-12): what Pillow neither tells nor writes."""

import io
import struct
from collections.abc import Callable, Iterator
from typing import IO, NamedTuple

import numpy as np

from genstudio.images.turning import Array

_FOR_EVER = 2**64 - 1
_WITHIN = (b"moov", b"trak", b"edts", b"meta", b"iinf", b"iprp", b"ipco")  # boxes that hold boxes
_FULL = {b"meta": 4, b"iinf": 6}  # bytes before these: version and flags, and a count
_SRGB = b"nclx" + struct.pack(">HHHB", 1, 13, 0, 0x80)  # BT.709, sRGB's curve, RGB as it is, full range


class _Box(NamedTuple):
    kind: bytes
    begin: int  # of the body
    end: int


def _boxes(data: bytes, at: int, end: int) -> Iterator[_Box]:
    """All boxes, those within others after the one they are in."""
    while at + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, at)
        head = 8
        if size == 1 and at + 16 <= end:
            size, head = struct.unpack_from(">Q", data, at + 8)[0], 16
        size = size or end - at
        if size < head or at + size > end:
            return
        yield _Box(kind, at + head, at + size)
        if kind in _WITHIN:
            yield from _boxes(data, at + head + _FULL.get(kind, 0), at + size)
        at += size


def is_lossless(head: bytes) -> bool:
    """Whether a file, by its first bytes, holds RGB as it is and not as luma and chroma: a coder's sign of
    pixels that are kept exactly."""
    at = head.find(b"colrnclx")
    return at >= 0 and head[at + 12 : at + 14] == b"\0\0"


# ---------------------------------------------------------------------------- how often an animation plays


def plays(file: IO[bytes]) -> int:
    """How many times an animation plays, 0 for ever, which is meant as well where a file does not say."""
    _, _, track, once, repeats = _film(file)
    if track is None or once is None:
        return 0
    if not repeats:
        return 1
    return 0 if track >= 2**63 or not once else max(-(-track // once), 1)


def set_plays(file: IO[bytes], loop: int) -> None:
    """Makes an animation that Pillow wrote, to play for ever, play `loop` times."""
    start, places, _, once, _ = _film(file)
    if not loop or once is None:
        return
    for place in places:
        file.seek(start + place)
        file.write(struct.pack(">Q", once * loop))
    file.seek(0, 2)


def _film(file: IO[bytes]) -> tuple[int, list[int], int | None, int | None, bool]:
    """Where the `moov` box is and, within it, 64-bit durations of the whole; the track's duration; that of
    playing it once; and whether it is repeated."""
    end = file.seek(0, 2)
    at = 0
    while at + 16 <= end:
        file.seek(at)
        head = file.read(16)
        size, kind = struct.unpack(">I4s", head[:8])
        size = {0: end - at, 1: struct.unpack(">Q", head[8:])[0]}.get(size, size)
        if kind == b"moov" and size <= 2**26:
            file.seek(at)
            return at, *_durations(file.read(size))
        at += max(size, 8)
    return 0, [], None, None, False


def _durations(data: bytes) -> tuple[list[int], int | None, int | None, bool]:
    places: list[int] = []
    track = once = None
    repeats = False
    for kind, begin, end in _boxes(data, 0, len(data)):
        is_64_bit = begin < end and data[begin] == 1
        if kind in (b"mvhd", b"tkhd") and end - begin >= 36:
            # behind version and flags, two times, and the units a second or the track's number and a gap
            times, more = (16 if is_64_bit else 8), (4 if kind == b"mvhd" else 8)
            place = begin + 4 + times + more
            value = struct.unpack_from(">Q" if is_64_bit else ">I", data, place)[0]
            if is_64_bit:
                places.append(place)
            if kind == b"tkhd":
                track = value if is_64_bit or value < 2**32 - 1 else _FOR_EVER
        elif kind == b"elst" and end - begin >= 16:
            repeats = bool(data[begin + 3] & 1)
            once = struct.unpack_from(">Q" if is_64_bit else ">I", data, begin + 8)[0]
    return places, track, once, repeats


# ---------------------------------------------------------------------------- without loss


def encode_lossless(array: Array, save: Callable[[IO[bytes]], None], file: IO[bytes]) -> None:
    """Writes (H, W, 3 or 4) uint8 exactly.

    Pillow writes luma and chroma alone, which rounds; imagecodecs keeps RGB, but writes no metadata. So its
    coded pixels take the place of those in the file that `save` writes of the same picture, small and coarse.
    """
    import imagecodecs

    exact = bytes(imagecodecs.avif_encode(np.ascontiguousarray(array), level=100))
    coarse = io.BytesIO()
    save(coarse)
    file.write(_with_pixels_of(bytearray(coarse.getvalue()), exact))


def _with_pixels_of(data: bytearray, other: bytes) -> bytes:
    mine, theirs = _Still(data), _Still(other)
    for (begin, end), (start, stop) in zip(mine.configurations, theirs.configurations, strict=True):
        assert end - begin == stop - start
        data[begin:end] = other[start:stop]
    for begin, end in mine.colours:
        data[begin:end] = _SRGB
    body = b""
    at = len(data) + 8
    for place, source in zip(mine.extents, theirs.extents, strict=True):
        offset, length = struct.unpack_from(">II", other, source)
        struct.pack_into(">II", data, place, at + len(body), length)
        body += other[offset : offset + length]
    return bytes(data) + struct.pack(">I4s", len(body) + 8, b"mdat") + body


class _Still:
    """Where things stand in a still that libavif wrote: colour first, then alpha if there is one."""

    def __init__(self, data: bytes | bytearray) -> None:
        whole = bytes(data)
        self.configurations: list[tuple[int, int]] = []  # av1C boxes' bodies
        self.colours: list[tuple[int, int]] = []  # bodies of colr boxes that are numbers
        self.extents: list[int] = []  # where an item's offset and length (32 bits each) are told
        coded: list[int] = []
        told: dict[int, int] = {}
        for kind, begin, end in _boxes(whole, 0, len(whole)):
            if kind == b"av1C":
                self.configurations.append((begin, end))
            elif kind == b"colr" and whole[begin : begin + 4] == b"nclx":
                self.colours.append((begin, end))
            elif kind == b"infe" and whole[begin + 8 : begin + 12] == b"av01":  # version 2
                coded.append(struct.unpack_from(">H", whole, begin + 4)[0])
            elif kind == b"iloc":  # version 0, and sizes of 4, 4 and 0 bytes
                assert whole[begin] == 0
                assert whole[begin + 4 : begin + 6] == b"\x44\x00"
                for i in range(struct.unpack_from(">H", whole, begin + 6)[0]):
                    at = begin + 8 + 14 * i
                    told[struct.unpack_from(">H", whole, at)[0]] = at + 6
        self.extents = [told[item] for item in coded]
