"""TIFF directories as they stand in a file: TIFF 6.0, BigTIFF, and EXIF blocks, which are small TIFF files.

A field's bytes are taken over, never interpreted: a text keeps its encoding and a rational its sign. Each
field stands alone: one that is damaged is absent, and its neighbours are there.
"""

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO

# Type -> (bytes a value, struct's letter). 5 and 10 are rationals: two numbers a value.
TYPES = {1: (1, "B"), 2: (1, "B"), 3: (2, "H"), 4: (4, "I"), 5: (8, "I"), 6: (1, "b"), 7: (1, "B")}
TYPES |= {8: (2, "h"), 9: (4, "i"), 10: (8, "i"), 11: (4, "f"), 12: (8, "d"), 13: (4, "I")}
_BIG_TYPES = {16: (8, "Q"), 17: (8, "q"), 18: (8, "Q")}
BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, DOUBLE = 1, 2, 3, 4, 5, 7, 12
_RATIONALS = (5, 10)
_MAX_ENTRIES = 4096
_MAX_BYTES = 2**28  # of one field


@dataclass(frozen=True)
class Field:
    """A field's type and values, these in little-endian order."""

    type: int
    data: bytes

    def numbers(self) -> tuple[float, ...]:
        """The values that are numbers; those of a rational divided. Empty for text."""
        if self.type == ASCII:
            return ()
        size, letter = _known(self.type)
        each = size // 2 if self.type in _RATIONALS else size
        values = struct.unpack(f"<{len(self.data) // each}{letter}", self.data)
        if self.type not in _RATIONALS:
            return tuple(value for value in values if math.isfinite(value))
        return tuple(a / b for a, b in zip(values[::2], values[1::2], strict=True) if b)


def field(type: int, *values: float) -> Field:
    """A field of whole numbers or floats (no rationals)."""
    return Field(type, struct.pack(f"<{len(values)}{_known(type)[1]}", *values))


def _known(type: int) -> tuple[int, str]:
    return TYPES.get(type) or _BIG_TYPES[type]


@dataclass(frozen=True)
class Entry:
    """Where a directory says that a field stands. `at`: of the entry; `offset`: of the values."""

    type: int
    count: int
    at: int
    offset: int
    size: int


@dataclass(frozen=True)
class Layout:
    """Byte order ("<" or ">") and width of a file's offsets."""

    order: str
    big: bool

    @property
    def head(self) -> str:
        return self.order + ("HHQ" if self.big else "HHI")

    @property
    def word(self) -> str:
        """struct's format of an offset."""
        return self.order + ("Q" if self.big else "I")

    @property
    def counter(self) -> str:
        """struct's format of a directory's number of entries."""
        return self.order + ("Q" if self.big else "H")

    @property
    def entry_bytes(self) -> int:
        return 20 if self.big else 12


def layout(head: bytes) -> tuple[Layout, int] | None:
    """A file's layout and the offset of its first directory, by its first 16 bytes; None if it is no TIFF."""
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is None or len(head) < 8:
        return None
    version = struct.unpack_from(order + "H", head, 2)[0]
    if version == 43 and len(head) >= 16:
        return Layout(order, True), struct.unpack_from(order + "Q", head, 8)[0]
    return (Layout(order, False), struct.unpack_from(order + "I", head, 4)[0]) if version == 42 else None


@dataclass(frozen=True)
class Directory:
    """The entries of one directory whose values lie within the file. `end` is behind its last byte."""

    file: IO[bytes]
    layout: Layout
    entries: Mapping[int, Entry]
    damaged: tuple[int, ...]  # tags of entries that were left out
    next: int
    at: int
    end: int

    def get(self, tag: int) -> Field | None:
        """A field, or None if it is absent, damaged, or larger than 256 MB."""
        entry = self.entries.get(tag)
        if entry is None or entry.size > _MAX_BYTES:
            return None
        self.file.seek(entry.offset)
        data = self.file.read(entry.size)
        if len(data) < entry.size:
            return None
        return Field(entry.type, data if self.layout.order == "<" else _swapped(entry.type, data))

    def data(self, tag: int) -> bytes:
        """A field's bytes, of whatever type; none if it is absent or damaged."""
        found = self.get(tag)
        return found.data if found else b""

    def numbers(self, tag: int) -> tuple[float, ...]:
        """A field's numbers; none if it is absent or damaged."""
        found = self.get(tag)
        return found.numbers() if found else ()

    def number(self, tag: int, default: int = 0) -> int:
        """A field's first number, whole; `default` if there is none."""
        found = self.numbers(tag)
        return int(found[0]) if found and abs(found[0]) < 2**63 else default


def _swapped(type: int, data: bytes) -> bytes:
    size = _known(type)[0]
    each = size // 2 if type in _RATIONALS else size
    out = bytearray(len(data))
    for i in range(each):
        out[i::each] = data[each - 1 - i :: each]
    return bytes(out)


def directory(file: IO[bytes], layout: Layout, at: int) -> Directory | None:
    """The directory at an offset of a seekable file; None if it does not lie within the file."""
    end_of_file = file.seek(0, 2)
    width = struct.calcsize(layout.word)
    counter = struct.calcsize(layout.counter)
    if not 8 <= at <= end_of_file - counter:
        return None
    file.seek(at)
    count = struct.unpack(layout.counter, file.read(counter))[0]
    first = at + counter
    end = first + count * layout.entry_bytes + width
    if count > _MAX_ENTRIES or end > end_of_file:
        return None
    body = file.read(end - first)
    following = struct.unpack_from(layout.word, body, len(body) - width)[0]
    entries: dict[int, Entry] = {}
    damaged = []
    for i in range(count):
        place = i * layout.entry_bytes
        tag, kind = struct.unpack_from(layout.order + "HH", body, place)
        number = struct.unpack_from(layout.word, body, place + 4)[0]
        known = TYPES.get(kind) or (_BIG_TYPES.get(kind) if layout.big else None)
        size = number * known[0] if known else 0
        offset = first + place + 4 + width
        if size > width:
            offset = struct.unpack_from(layout.word, body, place + 4 + width)[0]
        if not size or offset + size > end_of_file or tag in entries:
            damaged.append(tag)
        else:
            entries[tag] = Entry(kind, number, first + place, offset, size)
    return Directory(file, layout, entries, tuple(damaged), following, at, end)


def first_directory(file: IO[bytes]) -> Directory | None:
    """That of a TIFF file; None if it is none or damaged there."""
    file.seek(0)
    found = layout(file.read(16))
    return directory(file, *found) if found else None


def count_pages(file: IO[bytes], most: int = 10_000) -> int:
    """How many directories are linked one to the next, up to `most`."""
    seen: set[int] = set()
    page = first_directory(file)
    while page is not None and page.at not in seen and len(seen) < most:
        seen.add(page.at)
        page = directory(file, page.layout, page.next) if page.next else None
    return len(seen)


def packed(fields: Mapping[int, Field], layout: Layout, at: int) -> bytes:
    """A directory and, behind it, its values, to stand at an even offset `at`. No other directory follows."""
    width = struct.calcsize(layout.word)
    rows = struct.pack(layout.counter, len(fields))
    behind = at + len(rows) + len(fields) * layout.entry_bytes + width
    values = bytearray()
    for tag in sorted(fields):
        kind, data = fields[tag].type, fields[tag].data
        rows += struct.pack(layout.order + "HH", tag, kind)
        rows += struct.pack(layout.word, len(data) // _known(kind)[0])
        stored = data if layout.order == "<" else _swapped(kind, data)
        if len(stored) <= width:
            rows += stored.ljust(width, b"\0")
        else:
            rows += struct.pack(layout.word, behind + len(values))
            values += stored + b"\0" * (len(stored) % 2)
    return rows + struct.pack(layout.word, 0) + bytes(values)
