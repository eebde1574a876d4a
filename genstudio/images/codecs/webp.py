"""WebP by its chunks (Google's container specification): what Pillow neither tells nor writes."""

import struct
from collections.abc import Iterator
from typing import IO


def is_lossless(file: IO[bytes]) -> bool:
    """Whether all pixels of a file, those of an animation's frames too, are held exactly."""
    kinds = {kind for kind, _, _ in _chunks(file, 12)}
    return b"VP8L" in kinds and b"VP8 " not in kinds


def _chunks(file: IO[bytes], at: int) -> Iterator[tuple[bytes, int, int]]:
    """(kind, begin and size of the body) of each chunk, and of those within frames."""
    end = file.seek(0, 2)
    while at + 8 <= end:
        file.seek(at)
        kind, size = struct.unpack("<4sI", file.read(8))
        yield kind, at + 8, size
        # a frame's (ANMF) body is 16 bytes and chunks, which come next
        at += 24 if kind == b"ANMF" else 8 + size + size % 2


def say_alpha(file: IO[bytes]) -> None:
    """Sets the alpha bit of an animation (VP8X chunk, flags).

    libwebp crops a frame to what can be seen; if that is opaque it forgets to say that the rest is not.
    """
    file.seek(12)
    if file.read(4) == b"VP8X":
        file.seek(20)
        flags = file.read(1)[0]
        file.seek(20)
        file.write(bytes([flags | 0x10]))


def is_film(file: IO[bytes]) -> bool:
    """Whether the file is an animation of more than one frame."""
    return sum(kind == b"ANMF" for kind, _, _ in _chunks(file, 12)) > 1


def make_film(
    file: IO[bytes], width: int, height: int, durations_ms: list[int], loop: int, *, alpha: bool
) -> None:
    """Makes an animation of two equal frames, as long as all `durations_ms`, of a file that holds one.

    libwebp makes one frame of those that are equal, and of one frame a still, which forgets how long it was.
    """
    parts: dict[bytes, bytes] = {}
    for kind, begin, size in _chunks(file, 12):
        file.seek(begin)
        parts.setdefault(kind, file.read(size))
    pixels = b"".join(_chunk(kind, parts[kind]) for kind in (b"ALPH", b"VP8 ", b"VP8L") if kind in parts)
    frame = parts.get(b"ANMF") or bytes(6) + _24(width - 1) + _24(height - 1) + b"\0\0\0\x02" + pixels
    flags = 0x02 | (0x10 if alpha else 0)
    for bit, kind in ((0x20, b"ICCP"), (0x08, b"EXIF"), (0x04, b"XMP ")):
        flags |= bit if kind in parts else 0
    body = _chunk(b"VP8X", bytes([flags, 0, 0, 0]) + _24(width - 1) + _24(height - 1))
    body += _kept(parts, b"ICCP") + _chunk(b"ANIM", struct.pack("<IH", 0, loop))
    for duration in (durations_ms[0], sum(durations_ms[1:])):
        body += _chunk(b"ANMF", frame[:12] + _24(min(duration, 2**24 - 1)) + frame[15:])
    body += _kept(parts, b"EXIF") + _kept(parts, b"XMP ")
    file.seek(0)
    file.write(b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body)
    file.truncate()


def _kept(parts: dict[bytes, bytes], kind: bytes) -> bytes:
    return _chunk(kind, parts[kind]) if kind in parts else b""


def _chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def _24(value: int) -> bytes:
    return struct.pack("<I", value)[:3]
