"""TIFF taken apart: the pixels by Pillow (8 bits) or tifffile (the rest), the metadata by its own directory.

The decoders are shown a directory of the pixels' layout alone: a tag that says something else, or nonsense,
cannot keep them from the pixels. tifffile is imported only where it decodes or writes; it takes a quarter of
a second to load.
"""

import io
import struct
from typing import IO

import numpy as np

from genstudio.errors import InputError
from genstudio.images.codecs.jpeg import directory_dpi
from genstudio.images.codecs.pieces import pieces
from genstudio.images.metadata import exif, geo, ifd
from genstudio.images.metadata.ifd import Directory
from genstudio.images.metadata.model import Metadata, photoshop_iptc
from genstudio.images.turning import Array

ICC, XMP, IPTC, PHOTOSHOP = 34675, 700, 33723, 34377
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _PLANAR = 256, 257, 258, 259, 262, 284
_SAMPLES, _FORMAT, _EXTRA = 277, 339, 338
# What decoders need: sizes, samples, strips and tiles, palettes, JPEG tables, inks.
_PIXELS = (*range(256, 260), 262, 266, 273, *range(277, 280), 284, 292, 293, 317, *range(320, 326), 332, 338)
_PIXELS += (339, 347, *range(512, 522), 529, 530, 531, 532, 34677, 50674)
_BY_PILLOW = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 32773, 32809, 32946, 34925, 50000})  # compressions
_MAKE_RGB = frozenset({7, 50001, 50002, 52546})  # JPEG, WebP, JPEG XL: their decoders' work
_COLOURS = {2: 3, 6: 3, 8: 3, 5: 4}  # samples of RGB, YCbCr, Lab and CMYK; else 1
_UNASSOCIATED, _ASSOCIATED = 2, 1  # alpha
# An ImageDescription that is a program's note on the file's own shape and scale.
_OWN_NOTES = (b'{"shape"', b"shape=(", b"ImageJ=", b"SCANIMAGE", b"SI.")


def directory(file: IO[bytes]) -> Directory:
    """The first directory of a file. Raises InputError if it is damaged, or is but of a preview."""
    top = ifd.first_directory(file)
    if top is None:
        raise InputError("damaged or truncated (no TIFF directory); get a whole copy of the file")
    if top.number(254) & 1 and 330 in top.entries:
        raise InputError(
            "expected a picture, found a camera raw or the like, whose first page is a preview; convert it "
            "to TIFF or JPEG first"
        )
    return top


def size(top: Directory) -> tuple[int, int]:
    """(width, height) as stored; (0, 0) if the directory does not say."""
    return max(top.number(_WIDTH), 0), max(top.number(_HEIGHT), 0)


def needs_tifffile(top: Directory) -> bool:
    """Whether Pillow cannot decode these pixels. Raises InputError for what has no 8 or 16-bit meaning."""
    bits = {int(value) for value in top.numbers(_BITS)} or {1}
    kind = top.number(_FORMAT, 1)
    if kind not in (1, 4) or max(bits) > 16:
        name = {2: "signed integer", 3: "floating-point"}.get(kind, "integer")
        raise InputError(
            f"expected 8 or 16 bits a channel, found {max(bits)}-bit {name} pixels; convert it to 16 bits"
        )
    odd = len(bits) == 1 and not bits <= {1, 2, 4, 8}
    return odd or top.number(_COMPRESSION, 1) not in _BY_PILLOW or bool(_left_out(top) and bits == {8})


def _left_out(top: Directory) -> int:
    """How many channels are neither colour nor alpha."""
    colours = _COLOURS.get(top.number(_PHOTOMETRIC), 1)
    samples = top.number(_SAMPLES, 1)
    extra = top.numbers(_EXTRA)
    has_alpha = bool(extra) and extra[0] in (_ASSOCIATED, _UNASSOCIATED)
    return max(samples - colours - has_alpha, 0)


def notes(top: Directory) -> list[str]:
    """What the file holds beyond the picture that is read."""
    said = []
    if (pages := ifd.count_pages(top.file)) > 1:
        said.append(f"the file has {pages} pages: only the first is read")
    if count := _left_out(top):
        said.append(f"{count} channel(s) beyond colour and alpha, of no told meaning: left out")
    return said


def pixels_alone(top: Directory) -> io.BufferedReader:
    """The file with a directory of the pixels' layout and nothing else."""
    end = top.file.seek(0, 2)
    at = end + end % 2
    fields = {tag: value for tag in _PIXELS if (value := top.get(tag))}
    order = b"II" if top.layout.order == "<" else b"MM"
    version = (43, 8, 0) if top.layout.big else (42,)
    head = order + struct.pack(f"{top.layout.order}{len(version)}H", *version)
    head += struct.pack(top.layout.word, at)
    behind = b"\0" * (end % 2) + ifd.packed(fields, top.layout, at)
    return pieces(top.file, [head, (len(head), end), behind])


def decoded(top: Directory) -> Array:
    """(H, W, C) uint8 or uint16 by tifffile. Raises InputError for colours and compressions it cannot."""
    import tifffile

    with tifffile.TiffFile(pixels_alone(top)) as file:
        page = file.pages.first
        model = tifffile.PHOTOMETRIC(page.photometric).name
        if model == "YCBCR" and page.compression in _MAKE_RGB:
            model = "RGB"
        if model not in ("MINISBLACK", "MINISWHITE", "RGB"):
            raise InputError(f"expected grey or RGB in such a TIFF, found {model}; convert it to RGB")
        if page.bitspersample == 1 and page.samplesperpixel > 1:  # tifffile's own come back as others
            raise InputError("expected 8 bits a channel, found 1-bit pixels of several; convert it to 8 bits")
        try:
            array = page.asarray()
        except (ValueError, KeyError) as error:
            if "COMPRESSION" in str(error) or "compression" in str(error):
                kind = getattr(page.compression, "name", page.compression)
                raise InputError(f"TIFF compressed by {kind} is not read; compress it by deflate") from error
            raise
        if page.axes.startswith("S"):  # planes one after another
            array = np.moveaxis(array, 0, -1)
        array = array.reshape(page.imagelength, page.imagewidth, -1)
        bits = page.bitspersample
    colours = 3 if model == "RGB" else 1
    extra = top.numbers(_EXTRA)
    alpha = 1 if extra and extra[0] in (_ASSOCIATED, _UNASSOCIATED) else 0
    array = _full_range(array[:, :, : colours + alpha], bits)
    most = np.iinfo(array.dtype).max
    if model == "MINISWHITE":
        array = np.concatenate([most - array[:, :, :1], array[:, :, 1:]], axis=2)
    if alpha and extra[0] == _ASSOCIATED:
        array = _unpremultiplied(array, most)
    return np.ascontiguousarray(array)


def _full_range(array: Array, bits: int) -> Array:
    """Samples of so many bits spread over all of 8 or 16."""
    dtype, most = (np.uint8, 255) if bits <= 8 else (np.uint16, 65535)
    if bits in (8, 16):
        return np.ascontiguousarray(array, dtype)
    highest = 2**bits - 1
    spread: Array = (array.astype(np.uint32) * most + highest // 2) // highest
    return spread.astype(dtype)


def _unpremultiplied(array: Array, most: int) -> Array:
    colour, alpha = array[:, :, :-1].astype(np.float64), array[:, :, -1:]
    colour = np.rint(colour * most / np.maximum(alpha, 1)).clip(0, most)
    return np.concatenate([colour.astype(array.dtype), alpha], axis=2)


def described(top: Directory) -> tuple[int, Metadata, list[str]]:
    """Orientation (1..8), metadata as they stand there, and notes on what is left out."""
    said = []
    handled = {*_PIXELS, *exif.LAYOUT, *exif.DESCRIPTIVE, *geo.TAGS, 274, 282, 283, 296}
    handled |= {exif.EXIF_IFD, exif.GPS_IFD, ICC, XMP, IPTC, PHOTOSHOP}
    if foreign := sorted({*top.entries} - handled):
        named = ", ".join(map(str, foreign[:6])) + (", ..." if len(foreign) > 6 else "")
        said.append(f"{len(foreign)} TIFF tag(s) of unknown meaning left out: {named}")
    if damaged := set(top.damaged) - {*_PIXELS}:
        said.append(f"{len(damaged)} damaged TIFF tag(s): dropped")
    skip = set()
    about = top.data(270).lstrip()
    if about.startswith(_OWN_NOTES) or b"<OME" in about[:2000]:
        skip.add(270)
        said.append("its description is a program's note on the old file's shape: dropped")
    block = exif.from_tiff(top, skip)
    places = {tag: value for tag in geo.TAGS if (value := top.get(tag))}
    metadata = Metadata(
        icc_profile=top.data(ICC) or None,
        exif=block,
        xmp=top.data(XMP) or None,
        dpi=directory_dpi(top),
        iptc=top.data(IPTC) or photoshop_iptc(top.data(PHOTOSHOP)),
        geo=places,
    )
    turn = top.number(274, 1)
    return turn if 1 <= turn <= 8 else 1, metadata, said
