"""Kinds of files that are not read, by their first bytes or by their name, so that a refusal names them."""

from pathlib import Path

_RAW = ("arw", "cr2", "cr3", "dng", "nef", "orf", "pef", "raf", "rw2", "srw")
_BY_NAME = {".heic": "HEIC", ".heif": "HEIF", ".jxl": "JPEG XL"} | {f".{each}": "camera raw" for each in _RAW}
_BY_NAME |= dict.fromkeys((".eps", ".ps", ".epsf"), "PostScript") | {".svg": "SVG", ".pdf": "PDF"}
_BEGINNINGS = {
    b"\xff\x0a": "JPEG XL",
    b"\0\0\0\x0cJXL \r\n\x87\n": "JPEG XL",
    b"%!PS": "PostScript",
    b"\xc5\xd0\xd3\xc6": "PostScript",
    b"%PDF": "PDF",
    b"<svg": "SVG",
    b"<!DOCTYPE html": "a web page",
    b"<html": "a web page",
    b"FUJIFILMCCD-RAW": "camera raw",
    b"\x76\x2f\x31\x01": "OpenEXR",
    b"#?RADIANCE": "Radiance HDR",
    b"PK\x03\x04": "a ZIP archive",
    b"\x1a\x45\xdf\xa3": "a film",
}
_BRANDS = {"HEIC": (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis"), "HEIF": (b"mif1", b"msf1")}
_BRANDS |= {"camera raw": (b"crx ",), "a film": (b"isom", b"mp41", b"mp42", b"qt  ", b"M4V ", b"avc1")}


def kind_by_name(path: Path) -> str | None:
    """What a file is, by its name, if it is a picture of a kind that cannot be read."""
    return _BY_NAME.get(path.suffix.lower())


def kind_by_content(head: bytes) -> str | None:
    """What a file is, by its first bytes, if it is of a known kind that cannot be read."""
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        if b"avif" in head[8:64] or b"avis" in head[8:64]:
            return None
        return next((kind for kind, brands in _BRANDS.items() if brand in brands), None)
    start = head.lstrip(b"\xef\xbb\xbf \r\n\t")
    for beginning, kind in _BEGINNINGS.items():
        if head.startswith(beginning) or (beginning[:1] == b"<" and start.startswith(beginning)):
            return kind
    if start.startswith(b"<?xml") and b"<svg" in head[:4096]:
        return "SVG"
    return None
