"""JPEG by segments around libjpeg's pixels: metadata apart, so that damage there costs no picture.

Segments by ITU-T T.81 annex B; what applications keep in theirs by EXIF 3.0, ICC.1 annex B, Adobe's XMP
specification part 3 and CIPA DC-007 (further pictures).
"""

import io
import re
import struct
from collections.abc import Sequence
from dataclasses import replace
from typing import IO, Any

from genstudio.images.codecs.pieces import pieces
from genstudio.images.metadata import exif
from genstudio.images.metadata.model import Metadata, as_text, photoshop_iptc

SEGMENT_BYTES = 65533  # at most, of a segment's body
_XMP, _ICC, _PHOTOSHOP = b"http://ns.adobe.com/xap/1.0/\0", b"ICC_PROFILE\0", b"Photoshop 3.0\0"
_EXTENDED_XMP = b"http://ns.adobe.com/xmp/extension/\0"
XMP_BYTES, EXIF_BYTES, COMMENT_BYTES = SEGMENT_BYTES - len(_XMP), SEGMENT_BYTES - len(_XMP), SEGMENT_BYTES
IPTC_BYTES = SEGMENT_BYTES - len(_PHOTOSHOP) - 13
PROFILE_BYTES = 255 * (SEGMENT_BYTES - len(_ICC) - 2)
_APP0, _APP1, _APP2, _APP13, _APP14, _COMMENT, _SCAN = 0xE0, 0xE1, 0xE2, 0xED, 0xEE, 0xFE, 0xDA


def is_jpeg(head: bytes) -> bool:
    return head.startswith(b"\xff\xd8\xff")


def taken_apart(file: IO[bytes]) -> tuple[io.BufferedReader, Metadata, list[str]]:
    """The file without its metadata, these, and notes on what else it holds."""
    kept: list[tuple[int, int] | bytes] = []
    said: list[tuple[int, bytes]] = []
    begin = at = 2
    file.seek(2)
    while True:
        head = file.read(4)
        if len(head) < 4 or head[0] != 0xFF or head[1] == _SCAN:
            break
        if not 0xC0 <= head[1] <= 0xFE or 0xD0 <= head[1] <= 0xD9 or head[1] == 0xFF:  # filling, or damage
            at += 1
        else:
            size = 2 + struct.unpack(">H", head[2:])[0]
            if _is_told(head[1]):
                said.append((head[1], file.read(size - 4)))
                kept.append((begin, at))
                begin = at + size
            at += size
        file.seek(at)
    end = file.seek(0, 2)
    file.seek(min(at, end))
    notes = _behind(file.read(), said)
    metadata, more = _metadata(said, _density(file))
    parts = [b"\xff\xd8", *kept, (min(begin, end), end)]
    return pieces(file, parts), metadata, notes + more


def _is_told(marker: int) -> bool:
    return (_APP0 < marker <= 0xEF and marker != _APP14) or marker == _COMMENT


def _density(file: IO[bytes]) -> tuple[float, float] | None:
    """Dots per inch of the JFIF segment, which comes first."""
    file.seek(2)
    head = file.read(18)
    if head[:2] != b"\xff\xe0" or head[4:9] != b"JFIF\0" or len(head) < 16 or head[11] not in (1, 2):
        return None
    across, down = struct.unpack_from(">HH", head, 12)
    return (across, down) if head[11] == 1 else (2.54 * across, 2.54 * down)


def _metadata(
    said: Sequence[tuple[int, bytes]], density: tuple[float, float] | None
) -> tuple[Metadata, list[str]]:
    notes = []
    found: dict[str, Any] = {"dpi": density}

    def bodies(marker: int, name: bytes) -> list[bytes]:
        return [body[len(name) :] for each, body in said if each == marker and body.startswith(name)]

    if blocks := bodies(_APP1, exif.PREFIX):
        found["exif"] = exif.PREFIX + b"".join(blocks)
        found["dpi"] = density or exif_dpi(found["exif"])
    if packets := bodies(_APP1, _XMP):
        found["xmp"] = packets[0]
    if bodies(_APP1, _EXTENDED_XMP):
        notes.append("XMP of more than 64 kB: only its main part is kept")
    if profile := bodies(_APP2, _ICC):
        found["icc_profile"] = b"".join(body[2:] for body in sorted(profile, key=lambda body: body[:1]))
    if resources := bodies(_APP13, _PHOTOSHOP):
        found["iptc"] = photoshop_iptc(b"".join(resources))
    comments = [as_text(body) for marker, body in said if marker == _COMMENT and body.strip(b"\0")]
    return Metadata(**found, text={"Comment": "\n".join(comments)} if comments else {}), notes


def exif_dpi(block: bytes) -> tuple[float, float] | None:
    """Dots per inch by an EXIF block, or a TIFF file's fields as one."""
    return directory_dpi(exif.parts(block).main)


def directory_dpi(fields: Any) -> tuple[float, float] | None:
    """Dots per inch by the fields (`get`) of a TIFF directory."""
    values = [fields.get(tag) for tag in (exif.X_RESOLUTION, exif.Y_RESOLUTION, 296)]
    across, down, unit = (value.numbers() if value else () for value in values)
    per_inch = {2: 1.0, 3: 2.54}.get(int(unit[0]) if unit else 2)
    return (across[0] * per_inch, down[0] * per_inch) if across and down and per_inch else None


def _behind(rest: bytes, said: Sequence[tuple[int, bytes]]) -> list[str]:
    """Notes on further pictures and films, which begin behind the main one's end."""
    end = rest.find(b"\xff\xd9")
    behind = rest[end + 2 :] if end >= 0 else b""
    notes = []
    if b"\xff\xd8\xff" in behind:
        notes.append("further pictures in the file (a preview or gain map): left out")
    if re.search(rb"ftyp(isom|iso\d|mp4\d|qt  |avc1|MSNV|M4V |3gp\d)", behind):
        notes.append("a film in the file (motion photo): left out")
    return notes


def segments(metadata: Metadata) -> bytes:
    """The segments that are not left to Pillow: IPTC in Photoshop's wrapper, and the comment, for which its
    buffer is too small where it is as long as a segment can be."""
    bodies = []
    if data := metadata.iptc:
        resource = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(data)) + data + b"\0" * (len(data) % 2)
        bodies.append((_APP13, _PHOTOSHOP + resource))
    if comment := metadata.text.get("Comment"):
        bodies.append((_COMMENT, comment.encode("utf-8", "replace")))
    return b"".join(struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body for marker, body in bodies)


def within_segments(metadata: Metadata) -> tuple[Metadata, list[str]]:
    """Metadata without what is too long for a JPEG, and notes on it."""
    notes = []
    changes: dict[str, Any] = {}
    limits = {"exif": EXIF_BYTES, "xmp": XMP_BYTES, "iptc": IPTC_BYTES, "icc_profile": PROFILE_BYTES}
    for name, limit in limits.items():
        if len(getattr(metadata, name) or b"") > limit:
            size = "64 kB" if limit < 2**16 else "16 MB"
            notes.append(f"JPEG holds at most {size} of {name}: dropped")
            changes[name] = None
    comment = metadata.text.get("Comment", "").encode("utf-8", "replace")
    if len(comment) > COMMENT_BYTES:
        notes.append(f"JPEG holds at most 64 kB of comment: cut, from {len(comment):,} bytes")
        changes["text"] = metadata.text | {"Comment": comment[:COMMENT_BYTES].decode("utf-8", "ignore")}
    if metadata.dpi and not all(0.5 <= value < 65535 for value in metadata.dpi):
        changes["dpi"] = None
    return replace(metadata, **changes), notes
