"""The EXIF block: kept from saying what is no longer so of the new pixels, and from saying it wrongly.

A block is a small TIFF file behind the six bytes `Exif\\0\\0`. It is edited in place, entry by entry, and
never rebuilt: makers' private notes hold offsets into the block, which a rebuilt one would break. Tags by
EXIF 3.0 (CIPA DC-008-2023).
"""

import io
import struct
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from genstudio.images.metadata import ifd
from genstudio.images.metadata.ifd import Directory, Field
from genstudio.images.turning import turned_point, turns_sides

PREFIX = b"Exif\0\0"
ORIENTATION = 0x0112
EXIF_IFD, GPS_IFD, INTEROP_IFD = 0x8769, 0x8825, 0xA005
X_RESOLUTION, Y_RESOLUTION = 282, 283
# What a TIFF directory says about its own file: how samples are laid out and packed, where they stand, the
# thumbnail, and copies of XMP, IPTC and profile, which go their own ways. False in any other file.
LAYOUT = frozenset({*range(254, 260), *range(262, 267), 273, 274, *range(277, 282), 284, *range(288, 294)})
LAYOUT |= {297, 317, *range(320, 348), *range(512, 522), *range(529, 533), 559, 700, 32781}
LAYOUT |= {32995, 32996, 32997, 32998, 33723, 34377, 34675, 34677, 37724, 50674, 50838, 50839}
# Of the grid of pixels: PixelXDimension, PixelYDimension, CompressedBitsPerPixel, RelatedImageWidth, ~Length
_OLD_GRID = LAYOUT | {0xA002, 0xA003, 0x9102, 0x1001, 0x1002}
_SUBJECTS = (0x9214, 0xA214)  # SubjectArea, SubjectLocation: SHORTs x, y and then sizes
_FOCAL_PLANE = (0xA20E, 0xA20F)  # pixels per unit on the sensor, across and down
# Of a TIFF file's own directory, what is told of the picture: DocumentName, ImageDescription, Make, Model,
# PageName, Software, DateTime, Artist, HostComputer, Rating, RatingPercent, Copyright, XPTitle .. XPSubject,
# PrintIM
DESCRIPTIVE = (269, 270, 271, 272, 285, 305, 306, 315, 316, 18246, 18249, 33432, *range(40091, 40096), 50341)
# Resolutions and colours, which go their own ways: a file that has a profile or a density says them itself.
_BESIDE = frozenset({X_RESOLUTION, Y_RESOLUTION, 296, 301, 318, 319})


class Parts(NamedTuple):
    """The fields of a block's directories."""

    main: Mapping[int, Field]
    exif: Mapping[int, Field]
    gps: Mapping[int, Field]
    interop: Mapping[int, Field]


def orientation(exif: bytes) -> int:
    """1..8 as the block says; 1 if it says nothing that can be read."""
    found = _top(exif.removeprefix(PREFIX))
    value = found.number(ORIENTATION, 1) if found else 1
    return value if 1 <= value <= 8 else 1


def upright(exif: bytes, turn: int = 1, size: tuple[int, int] = (0, 0)) -> tuple[bytes | None, list[str]]:
    """The block of a picture that was turned upright, and notes on what was damaged in it.

    Taken out are orientation, thumbnail, all that tells of the file's layout or of the number of pixels, and
    fields that cannot be read; subject areas and resolutions are turned along. None if nothing is left.

    Args:
        turn: the orientation, 1..8, by which the pixels were turned.
        size: (width, height) of the picture before.
    """
    data = bytearray(exif.removeprefix(PREFIX))
    top = _top(bytes(data))
    if top is None:
        return None, ["its EXIF is damaged: dropped"]

    def turned(place: int, values: tuple[int, ...]) -> tuple[int, ...]:
        if place not in _SUBJECTS:
            return values
        x, y = turned_point(values[0], values[1], size[0] - 1, size[1] - 1, turn)
        extent = values[2:][::-1] if turns_sides(turn) else values[2:]
        return (round(x), round(y), *extent)

    damaged = _edit(data, top, turned, swap=turns_sides(turn))
    top = _top(bytes(data))
    assert top is not None
    struct.pack_into(top.layout.word, data, top.end - 4, 0)  # no second directory: that is the thumbnail's
    notes = [f"{damaged} damaged field(s) of its EXIF: dropped"] if damaged else []
    return (PREFIX + bytes(data) if top.entries else None), notes


def resized(exif: bytes, across: float, down: float) -> bytes:
    """The block, as `upright` gives it, of a picture made so many times as wide and high."""
    data = bytearray(exif.removeprefix(PREFIX))
    top = _top(bytes(data))
    if top is None or (across, down) == (1, 1):
        return exif

    def scaled(place: int, values: tuple[int, ...]) -> tuple[int, ...]:
        if place in _FOCAL_PLANE:
            factor = across if place == _FOCAL_PLANE[0] else down
            return (round(values[0] * factor), values[1])
        factors = (across, down, across, down) if len(values) != 3 else (across, down, across)
        return tuple(round(value * factor) for value, factor in zip(values, factors, strict=False))

    _edit(data, top, scaled, swap=False)
    return PREFIX + bytes(data)


def _top(data: bytes) -> Directory | None:
    found = ifd.layout(data[:16])
    if found is None or found[0].big:
        return None
    return ifd.directory(io.BytesIO(data), *found)


_Change = Callable[[int, tuple[int, ...]], tuple[int, ...]]


def _edit(data: bytearray, top: Directory, change: _Change, *, swap: bool) -> int:
    """Edits the block in place; the number of damaged fields that were taken out.

    `change` is asked for the new values of the fields that are measured in pixels.
    """
    taken = [range(top.at, top.end)]
    damaged = 0

    def below(parent: Directory | None, tag: int) -> Directory | None:
        entry = parent.entries.get(tag) if parent else None
        if parent is None or entry is None or entry.type not in (ifd.LONG, 13) or entry.count != 1:
            return None
        found = ifd.directory(parent.file, parent.layout, parent.number(tag))
        if found is None or any(found.at < each.stop and each.start < found.end for each in taken):
            return None
        taken.append(range(found.at, found.end))
        return found

    exif, gps = below(top, EXIF_IFD), below(top, GPS_IFD)
    interop = below(exif, INTEROP_IFD)
    links = {EXIF_IFD: exif, GPS_IFD: gps, INTEROP_IFD: interop}
    left: dict[int, int] = {}  # entries by the tag that leads to them
    for tag, here in ((INTEROP_IFD, interop), (GPS_IFD, gps), (EXIF_IFD, exif), (0, top)):
        if here is None:
            continue
        keep = set(here.entries) - _OLD_GRID
        for link in links.keys() & keep:
            if not left.get(link):
                damaged += links[link] is None
                keep.discard(link)
        if tag == EXIF_IFD:
            measured = keep & {*_SUBJECTS, *_FOCAL_PLANE}
            keep -= {each for each in measured if not _change(data, here, each, change)}
        if swap:
            for pair in ((X_RESOLUTION, Y_RESOLUTION), _FOCAL_PLANE):
                _swap(data, here, pair, keep)
        damaged += len(set(here.damaged) - _OLD_GRID)
        _keep(data, here, keep)
        left[tag] = len(keep)
    return damaged


def _change(data: bytearray, here: Directory, tag: int, change: _Change) -> bool:
    """Gives a field measured in pixels its new values; False if it has none that fit."""
    entry = here.entries[tag]
    is_subject = tag in _SUBJECTS
    if is_subject and (entry.type != ifd.SHORT or not 2 <= entry.count <= 4):
        return False
    if not is_subject and (entry.type != ifd.RATIONAL or entry.count != 1):
        return False
    form = f"{here.layout.order}{entry.count}H" if is_subject else f"{here.layout.order}2I"
    values = change(tag, struct.unpack_from(form, data, entry.offset))
    if any(not 0 <= value < (2**16 if is_subject else 2**32) for value in values):
        return False
    struct.pack_into(form, data, entry.offset, *values)
    return True


def _swap(data: bytearray, here: Directory, pair: tuple[int, int], keep: Collection[int]) -> None:
    if not all(tag in keep for tag in pair):
        return
    one, other = (slice(here.entries[tag].at + 2, here.entries[tag].at + 12) for tag in pair)
    data[one], data[other] = data[other], data[one]


def _keep(data: bytearray, here: Directory, keep: Collection[int]) -> None:
    """Takes the other entries out of a directory: the kept ones close up, the link behind moves along."""
    kept = sorted(here.entries[tag].at for tag in keep)
    body = b"".join(bytes(data[at : at + 12]) for at in kept) + bytes(data[here.end - 4 : here.end])
    struct.pack_into(here.layout.counter, data, here.at, len(kept))
    data[here.at + 2 : here.end] = body.ljust(here.end - here.at - 2, b"\0")


# ---------------------------------------------------------------------------- from and to a TIFF file's own


def parts(exif: bytes) -> Parts:
    """The fields of a block, without what leads from one directory to another."""
    top = _top(exif.removeprefix(PREFIX))
    return _parts(top) if top else Parts({}, {}, {}, {})


def from_tiff(top: Directory, skip: Collection[int] = ()) -> bytes | None:
    """The descriptive part of a TIFF file's directory, without tags to `skip`, as a block; None if empty."""
    found = _parts(top, set(DESCRIPTIVE) - set(skip))
    return build(found) if any(found) else None


def _parts(top: Directory, wanted: Collection[int] | None = None) -> Parts:
    """All directories' fields; `wanted`: of the main one only these."""

    def fields(here: Directory | None) -> dict[int, Field]:
        tags = set(here.entries) - {EXIF_IFD, GPS_IFD, INTEROP_IFD} if here else set()
        if here is top and wanted is not None:
            tags &= set(wanted)
        found = {tag: here.get(tag) for tag in tags} if here else {}
        return {tag: value for tag, value in found.items() if value and value.type in ifd.TYPES}

    def below(parent: Directory | None, tag: int) -> Directory | None:
        return ifd.directory(parent.file, parent.layout, parent.number(tag)) if parent else None

    exif = below(top, EXIF_IFD)
    return Parts(fields(top), fields(exif), fields(below(top, GPS_IFD)), fields(below(exif, INTEROP_IFD)))


def without_place_in_tiff(exif: bytes) -> list[str]:
    """Notes on what a block's main directory says that a TIFF file's is not given."""
    foreign = sorted(set(parts(exif).main) - set(DESCRIPTIVE) - _BESIDE)
    if not foreign:
        return []
    return [f"{len(foreign)} EXIF tag(s) without a place in TIFF dropped: {', '.join(map(str, foreign[:6]))}"]


_LITTLE = ifd.Layout("<", big=False)


def build(parts: Parts) -> bytes:
    """A block of these fields."""
    return PREFIX + b"II*\0\x08\0\0\0" + packed(parts, _LITTLE, 8)


def packed(parts: Parts, layout: ifd.Layout, at: int) -> bytes:
    """The directories to stand at an even offset `at`, the main one first."""
    kind, empty = (ifd.LONG, b"\0" * 4) if not layout.big else (16, b"\0" * 8)
    main, exif = dict(parts.main), dict(parts.exif)
    for tag, fields in ((EXIF_IFD, exif or parts.interop), (GPS_IFD, parts.gps)):
        if fields:
            main[tag] = Field(kind, empty)
    if parts.interop:
        exif[INTEROP_IFD] = Field(kind, empty)
    behind = at + len(ifd.packed(main, layout, at))
    body = b""
    for tag, fields, parent in (
        (INTEROP_IFD, parts.interop, exif),
        (EXIF_IFD, exif, main),
        (GPS_IFD, parts.gps, main),
    ):
        if fields:
            place = behind + len(body)
            body += ifd.packed(fields, layout, place)
            parent[tag] = Field(kind, struct.pack("<Q", place)[: len(empty)])
    return ifd.packed(main, layout, at) + body
