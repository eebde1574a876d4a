"""XMP: kept from saying what is no longer so of the new pixels.

A packet in which nothing is false is passed on byte for byte; else it is parsed, edited and written anew with
its own prefixes. Names by Adobe's XMP specification, part 2, the Metadata Working Group's guidelines 2.0
(regions), and Google's and Microsoft's pages on theirs.
"""

import contextlib
from collections.abc import Iterator
from typing import Any
from xml.dom import Node
from xml.dom.minidom import Attr, Document, Element, Text

from defusedxml import DefusedXmlException, minidom

from genstudio.images.turning import turned_point, turns_sides

_TIFF, _EXIF = "http://ns.adobe.com/tiff/1.0/", "http://ns.adobe.com/exif/1.0/"
_XMP, _NOTE = "http://ns.adobe.com/xap/1.0/", "http://ns.adobe.com/xmp/note/"
_CAMERA = "http://ns.google.com/photos/1.0/camera/"
_PANORAMA = "http://ns.google.com/photos/1.0/panorama/"
_AREA, _SIZE = "http://ns.adobe.com/xmp/sType/Area#", "http://ns.adobe.com/xap/1.0/sType/Dimensions#"
_REGIONS = "http://www.metadataworkinggroup.com/schemas/regions/"
_MICROSOFT = "http://ns.microsoft.com/photo/1.2/t/Region#"
_IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"

# Of these the whole is about something else in the file: a gain map, a depth map, a film.
_OF_OTHERS = {
    "http://ns.adobe.com/hdr-gain-map/1.0/": "a gain map",
    "http://ns.apple.com/HDRGainMap/1.0/": "a gain map",
    "http://ns.google.com/photos/1.0/container/": "further files",
    "http://ns.google.com/photos/1.0/container/item/": "further files",
    "http://ns.google.com/photos/1.0/depthmap/": "a depth map",
    "http://ns.google.com/photos/1.0/image/": "a second picture",
    "http://ns.google.com/photos/1.0/audio/": "sound",
}
_LAYOUT = {"Orientation", "ImageWidth", "ImageLength", "BitsPerSample", "Compression", "SamplesPerPixel"}
_LAYOUT |= {"PhotometricInterpretation", "PlanarConfiguration", "YCbCrSubSampling", "YCbCrPositioning"}
_FALSE = {(_TIFF, name) for name in _LAYOUT}
_FALSE |= {(_EXIF, name) for name in ("PixelXDimension", "PixelYDimension", "CompressedBitsPerPixel")}
_FALSE |= {(_EXIF, name) for name in ("SubjectArea", "SubjectLocation")}  # EXIF's own copy is turned along
_FALSE |= {(_XMP, "Thumbnails"), (_NOTE, "HasExtendedXMP"), (_IPTC, "ImageRegion")}
_SWAPPED = (
    ((_TIFF, "XResolution"), (_TIFF, "YResolution")),
    ((_EXIF, "FocalPlaneXResolution"), (_EXIF, "FocalPlaneYResolution")),
)
_DIMENSIONS = (_REGIONS, "AppliedToDimensions")
_Named = Attr | Element
_WIDE = (b"\xfe\xff", b"\xff\xfe")  # UTF-16, written anew as UTF-8


def upright(xmp: bytes, turn: int = 1) -> tuple[bytes | None, list[str]]:
    """The packet of a picture that was turned upright, and notes on what had to be left out.

    Taken out are the orientation, sizes in pixels, thumbnails, how the file is laid out, and what is told of
    second pictures and films; regions (the Metadata Working Group's and Microsoft's) are turned along.

    Args:
        turn: the orientation, 1..8, by which the pixels were turned.
    """
    document = _parsed(xmp)
    if document is None:
        return None, ["its XMP is damaged: dropped"]
    notes: dict[str, None] = {}
    changed = xmp.startswith(_WIDE)
    for named in list(_everything(document)):
        name = _name(named)
        about = _OF_OTHERS.get(name[0])
        if about is None and name[0] == _CAMERA and name[1].startswith(("Motion", "Micro")):
            about = "a film"
        if about:
            notes[f"XMP about {about}: dropped"] = None
        if name == (_IPTC, "ImageRegion"):
            notes["its IPTC image regions are of the old pixels: dropped"] = None
        if about or name in _FALSE:
            _remove(named)
            changed = True
    changed = (turn != 1 and _turn(document, turn)) or changed
    return (_bytes(document) if changed else xmp), list(notes)


def orientation(xmp: bytes) -> int:
    """1..8 as the packet says; 1 if it says nothing."""
    document = _parsed(xmp)
    for named in _everything(document) if document else ():
        if _name(named) == (_TIFF, "Orientation") and _text(named).strip() in tuple("12345678"):
            return int(_text(named))
    return 1


def resized(xmp: bytes, before: tuple[int, int], after: tuple[int, int]) -> bytes:
    """The packet, as `upright` gives it, of a picture whose (width, height) has changed from before to after.

    Sizes that regions apply to are the new ones, and a panorama's are scaled along.
    """
    if before == after or not (_REGIONS.encode() in xmp or _PANORAMA.encode() in xmp):
        return xmp
    document = _parsed(xmp)
    if document is None:
        return xmp
    for named in list(_everything(document)):
        space, name = _name(named)
        if space == _SIZE and name in ("w", "h") and _within(named, _DIMENSIONS):
            _set(named, str(after[0 if name == "w" else 1]))
        if space == _PANORAMA and name.endswith("Pixels"):
            side = 1 if "Height" in name or "Top" in name else 0
            with contextlib.suppress(ValueError, OverflowError):
                _set(named, str(round(float(_text(named)) * after[side] / before[side])))
    return _bytes(document)


# ---------------------------------------------------------------------------- regions


def _turn(document: Document, turn: int) -> bool:
    changed = False
    for element in list(_elements(document)):
        values = {_name(each): each for each in _properties(element)}
        if (_AREA, "x") in values and (_AREA, "y") in values:  # the centre, and sizes, in shares of the sides
            changed |= _turn_area(values, turn)
        if (_MICROSOFT, "Rectangle") in values:
            changed |= _turn_rectangle(values[_MICROSOFT, "Rectangle"], turn)
        if turns_sides(turn):
            pairs = list(_SWAPPED)
            if _name(element) == _DIMENSIONS or _within(element, _DIMENSIONS):
                pairs.append(((_SIZE, "w"), (_SIZE, "h")))
            for one, other in pairs:
                if one in values and other in values:
                    was = _text(values[one])
                    _set(values[one], _text(values[other]))
                    _set(values[other], was)
                    changed = True
    return changed


def _turn_area(values: dict[tuple[str, str], _Named], turn: int) -> bool:
    with contextlib.suppress(ValueError, OverflowError):
        x, y = (float(_text(values[_AREA, name])) for name in "xy")
        for name, value in zip("xy", turned_point(x, y, 1, 1, turn), strict=True):
            _set(values[_AREA, name], f"{value:.6g}")
        if turns_sides(turn) and (_AREA, "w") in values and (_AREA, "h") in values:
            was = _text(values[_AREA, "w"])
            _set(values[_AREA, "w"], _text(values[_AREA, "h"]))
            _set(values[_AREA, "h"], was)
        return True
    return False


def _turn_rectangle(named: _Named, turn: int) -> bool:
    """Left, top, width, height in shares of the sides."""
    with contextlib.suppress(ValueError, OverflowError):
        left, top, width, height = (float(part) for part in _text(named).split(","))
        corners = [turned_point(x, y, 1, 1, turn) for x, y in ((left, top), (left + width, top + height))]
        (x0, x1), (y0, y1) = (sorted(each) for each in zip(*corners, strict=True))
        _set(named, ", ".join(f"{value:.6g}" for value in (x0, y0, x1 - x0, y1 - y0)))
        return True
    return False


# ---------------------------------------------------------------------------- the tree


def _parsed(xmp: bytes) -> Document | None:
    try:
        whole = xmp if xmp.startswith(_WIDE) else xmp.strip(b"\0 \r\n\t")
        document: Document = minidom.parseString(whole, forbid_dtd=True)
        _bytes(document)  # a tree too deep is damaged
    except (DefusedXmlException, RecursionError, Exception):  # expat raises its own, and LookupError, ...
        return None
    return document


def _bytes(document: Document) -> bytes:
    return "".join(node.toxml() for node in document.childNodes).encode("utf-8", "replace")


def _elements(document: Document) -> Iterator[Element]:
    waiting: list[Any] = [document]
    while waiting:
        here = waiting.pop()
        if isinstance(here, Element):
            yield here
        waiting += reversed(here.childNodes)


def _properties(element: Element) -> list[_Named]:
    """An element's attributes and the elements directly within it."""
    return [*element.attributes.values(), *(each for each in element.childNodes if isinstance(each, Element))]


def _everything(document: Document) -> Iterator[_Named]:
    for element in _elements(document):
        yield from element.attributes.values()
        yield element


def _name(named: _Named) -> tuple[str, str]:
    return named.namespaceURI or "", named.localName or ""


def _text(named: _Named) -> str:
    if isinstance(named, Attr):
        return str(named.value)
    return "".join(each.data for each in named.childNodes if isinstance(each, Text))


def _set(named: _Named, value: str) -> None:
    if isinstance(named, Attr):
        named.value = value
        return
    for each in list(named.childNodes):
        named.removeChild(each)
    assert named.ownerDocument is not None
    named.appendChild(named.ownerDocument.createTextNode(value))


def _remove(named: _Named) -> None:
    if isinstance(named, Attr):
        if named.ownerElement is not None:
            named.ownerElement.removeAttributeNode(named)
    elif named.parentNode is not None and named.parentNode.nodeType == Node.ELEMENT_NODE:
        named.parentNode.removeChild(named)


def _within(named: _Named, name: tuple[str, str]) -> bool:
    above: Node | None = named.ownerElement if isinstance(named, Attr) else named.parentNode
    for _ in range(3):
        if not isinstance(above, Element):
            return False
        if _name(above) == name:
            return True
        above = above.parentNode
    return False
