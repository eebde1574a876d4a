"""Colours that a file tells of by numbers, not an ICC profile: they are not carried over, so it is said.

AVIF has the code points of ITU-T H.273 (its `nclx` box), PNG the same (cICP) or an exponent (gAMA).
"""

import struct

from genstudio.images.codecs import png

_PRIMARIES = {4: "BT.470", 5: "PAL", 6: "NTSC", 7: "SMPTE 240", 9: "BT.2020", 10: "XYZ", 11: "DCI-P3"}
_PRIMARIES |= {12: "Display P3"}
_TRANSFERS = {8: "linear", 16: "PQ", 18: "HLG"}
_SRGB_GAMMA = 45455  # 1/2.2 in hundred thousandths


def unread(head: bytes) -> str | None:
    """A note where a file, by its first bytes, is not in sRGB and has no profile to say so."""
    found = _of_png(head) if head.startswith(png.SIGNATURE) else _of_avif(head)
    return found and f"its colours are {found}, by numbers that are not kept: they will look different"


def _of_avif(head: bytes) -> str | None:
    at = head.find(b"colrnclx")
    if at < 0 or b"colrprof" in head or b"colrrICC" in head or len(head) < at + 12:
        return None
    return _of_code_points(*struct.unpack_from(">HH", head, at + 8))


def _of_png(head: bytes) -> str | None:
    found = {}
    for kind, body in png.chunks(head):
        if kind == b"IDAT":
            break
        found[kind] = bytes(body)
    if b"iCCP" in found:
        return None
    if len(code := found.get(b"cICP", b"")) == 4:
        return _of_code_points(code[0], code[1])
    gamma = found.get(b"gAMA", b"")
    if len(gamma) != 4 or b"sRGB" in found:
        return None
    value = struct.unpack(">I", gamma)[0]
    return None if abs(value - _SRGB_GAMMA) < 1000 else f"of gamma {value / 100_000:.3g}"


def _of_code_points(primaries: int, transfer: int) -> str | None:
    named = (_PRIMARIES.get(primaries), _TRANSFERS.get(transfer))
    return " ".join(each for each in named if each) or None
