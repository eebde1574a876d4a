"""Metadata: said only where it is true of the new pixels, and what is left out is said too.

A file's readers give all of it as it stands there; `upright` makes it true of the picture turned upright, and
`resized` of a result with another number of pixels.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from genstudio.images import turning
from genstudio.images.metadata import exif, geo, xmp
from genstudio.images.metadata.ifd import Field


@dataclass(frozen=True)
class Metadata:
    """What a file says beside its pixels. None of it is ever applied to them but the orientation."""

    icc_profile: bytes | None = None  # fits the pixels: a GRAY profile on grey, an RGB profile on RGB
    exif: bytes | None = None  # with its `Exif\0\0`; orientation, thumbnail and stored size taken out
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None  # dots per inch, across and down
    text: dict[str, str] = field(default_factory=dict)  # PNG text; a JPEG or GIF comment as "Comment"
    iptc: bytes | None = None  # IPTC's information interchange model (IIM), without a wrapper
    geo: Mapping[int, Field] = field(default_factory=dict)  # GeoTIFF
    size: tuple[int, int] | None = None  # (width, height) of the picture that all this is about


def upright(metadata: Metadata, turn: int, size: tuple[int, int]) -> tuple[Metadata, list[str]]:
    """Metadata of the picture turned upright, and notes on what had to go.

    Args:
        turn: the EXIF orientation, 1..8, by which the pixels are turned.
        size: (width, height) as stored.
    """
    notes: list[str] = []
    changes: dict[str, Any] = {"size": turning.turned_size(size, turn), "dpi": as_dpi(metadata.dpi)}
    if metadata.exif:
        changes["exif"], said = exif.upright(metadata.exif, turn, size)
        notes += said
    if metadata.xmp:
        changes["xmp"], said = xmp.upright(metadata.xmp, turn)
        notes += said
    if changes["dpi"] and turning.turns_sides(turn):
        changes["dpi"] = changes["dpi"][::-1]
    if metadata.geo and turn != 1:
        changes["geo"] = {}
        notes.append("its place on Earth (GeoTIFF) is that of the unturned picture: dropped")
    return replace(metadata, **changes), notes


def resized(metadata: Metadata, width: int, height: int) -> tuple[Metadata, list[str]]:
    """Metadata, by `upright`, of a result of width x height pixels, and notes on what had to go."""
    if metadata.size is None or metadata.size == (width, height):
        return metadata, []
    notes: list[str] = []
    across, down = width / metadata.size[0], height / metadata.size[1]
    changes: dict[str, Any] = {"size": (width, height)}
    if metadata.exif:
        changes["exif"] = exif.resized(metadata.exif, across, down)
    if metadata.xmp:
        changes["xmp"] = xmp.resized(metadata.xmp, metadata.size, (width, height))
    if metadata.geo:
        moved = geo.resized(metadata.geo, across, down)
        changes["geo"] = moved or {}
        if moved is None:
            notes.append("its place on Earth (GeoTIFF) cannot be read: dropped")
    return replace(metadata, **changes), notes


def orientation(metadata: Metadata) -> int:
    """1..8 as EXIF says, else XMP."""
    found = exif.orientation(metadata.exif) if metadata.exif else 1
    return found if found != 1 or not metadata.xmp else xmp.orientation(metadata.xmp)


def as_dpi(value: Any) -> tuple[float, float] | None:
    """Dots per inch of a pair of numbers, or None if they cannot be meant."""
    try:
        across, down = (float(v) for v in value)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return (across, down) if 0 < across < 1e6 and 0 < down < 1e6 else None


def as_text(data: bytes) -> str:
    """A comment's text: UTF-8 where it is valid, else Latin-1, which any bytes are."""
    data = data.rstrip(b"\0")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def photoshop_iptc(resources: bytes) -> bytes | None:
    """The IPTC block (resource 0x0404) among Photoshop's image resources (`8BIM` ...), if there is one."""
    at = 0
    while resources[at : at + 4] == b"8BIM" and at + 12 <= len(resources):
        named = at + 6
        start = named + 1 + resources[named]
        start += (start - named) % 2
        size = int.from_bytes(resources[start : start + 4], "big")
        if resources[at + 4 : at + 6] == b"\x04\x04":
            return resources[start + 4 : start + 4 + size] or None
        at = start + 4 + size + size % 2
    return None


def colour_model(profile: bytes) -> bytes:
    """The colour space an ICC profile is for, from its header: b"RGB ", b"GRAY", b"CMYK", ..."""
    return profile[16:20]


def fitted(metadata: Metadata, channels: int) -> tuple[Metadata, list[str]]:
    """Metadata whose profile is for this many channels, and a note if one had to go."""
    if metadata.icc_profile is None:
        return metadata, []
    model = colour_model(metadata.icc_profile)
    if model == (b"GRAY" if channels < 3 else b"RGB "):
        return metadata, []
    kind = "grey" if channels < 3 else "RGB"
    name = "".join(c if c.isprintable() else "?" for c in model.decode("ascii", "replace").strip())
    return replace(metadata, icc_profile=None), [
        f"its colour profile is for {name}, not for {kind} pixels: dropped"
    ]
