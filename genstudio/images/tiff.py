"""TIFF by tifffile: every sample layout at 16 bits, which Pillow has for plain grey alone.

Imported only when a TIFF is read or written; tifffile and its codecs take a quarter of a second to load.
"""

import struct
from typing import IO, Any

import numpy as np
import tifffile
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from genstudio.errors import InputError
from genstudio.images import exif as exif_block
from genstudio.images.picture import Array, Metadata, metadata_of

_ICC, _XMP = 34675, 700


def sixteen_bit_page(file: IO[bytes]) -> "tifffile.TiffPage | None":
    """The first page if its samples are 16-bit; None if Pillow reads it as well. Decodes nothing.

    Raises InputError for samples that are neither 8 nor 16-bit whole numbers, and where the first page is but
    a preview of the picture, as in a camera's raw file.
    """
    file.seek(0)
    page = tifffile.TiffFile(file).pages.first
    if page.subfiletype & 1 and page.subifds:
        raise InputError(
            "expected a picture, found a camera raw or the like, whose first page is a preview; convert it "
            "to TIFF or JPEG first"
        )
    bits = page.bitspersample
    if page.sampleformat in (1, 4) and bits == 16:
        return page
    if page.sampleformat in (1, 4) and bits in (1, 2, 4, 8):
        return None
    kind = {2: "signed integer", 3: "floating-point"}.get(page.sampleformat, "integer")
    raise InputError(
        f"expected 8 or 16 bits a channel, found {bits}-bit {kind} pixels; convert it to 16 bits"
    )


def pixels(page: "tifffile.TiffPage") -> Array:
    """(H, W, C) uint16 in machine order. Raises InputError for models other than grey and RGB."""
    model = tifffile.PHOTOMETRIC(page.photometric).name
    if model not in ("MINISBLACK", "MINISWHITE", "RGB"):
        raise InputError(f"expected 16-bit grey or RGB, found 16-bit {model}; convert it to RGB")
    array = page.asarray()
    if page.axes.startswith("S"):  # planes one after another
        array = np.moveaxis(array, 0, -1)
    array = array.reshape(page.imagelength, page.imagewidth, -1)
    colours = 3 if model == "RGB" else 1
    extra = page.extrasamples
    array = array[:, :, : colours + (1 if extra and extra[0] in (1, 2) else 0)]
    if model == "MINISWHITE":
        array = np.concatenate([65535 - array[:, :, :1], array[:, :, 1:]], axis=2)
    if extra and extra[0] == 1:  # premultiplied
        array = _unpremultiplied(array)
    return np.ascontiguousarray(array, dtype=np.uint16)


def _unpremultiplied(array: Array) -> Array:
    colour, alpha = array[:, :, :-1].astype(np.float64), array[:, :, -1:]
    colour = np.rint(colour * 65535 / np.maximum(alpha, 1)).clip(0, 65535)
    return np.concatenate([colour.astype(np.uint16), alpha], axis=2)


def described(page: "tifffile.TiffPage", file: IO[bytes]) -> tuple[int, Metadata]:
    """Orientation (1..8) and metadata of a page."""
    tags = page.tags
    xmp = tags.valueof(_XMP)
    xmp = xmp.encode() if isinstance(xmp, str) else xmp
    info: dict[str, Any] = {"icc_profile": tags.valueof(_ICC)}
    unit = int(tags.valueof("ResolutionUnit", default=2))
    if unit in (2, 3):
        per_inch = 1 if unit == 2 else 2.54
        across, down = (tags.valueof(name, default=(0, 1)) for name in ("XResolution", "YResolution"))
        info["dpi"] = tuple(per_inch * v[0] / v[1] if v[1] else 0 for v in (across, down))
    return int(tags.valueof("Orientation", default=1)), metadata_of(info, exif_block.from_tiff(file), xmp, {})


def encode(array: Array, metadata: Metadata, file: IO[bytes]) -> None:
    """Writes (H, W, C) uint8 or uint16, deflate with prediction, to a seekable file."""
    _, width, channels = array.shape
    big = array.nbytes > 2**32 - 2**26  # offsets of 32 bits may not reach
    tags: list[tuple[int, int, int, Any, bool]] = []
    if metadata.xmp:
        tags.append((_XMP, 1, len(metadata.xmp), metadata.xmp, True))
    block = Image.Exif()
    block.load(metadata.exif or b"")
    # The bytes that stood there, in whatever code: Pillow takes each for a letter of Latin-1.
    texts = {
        tag: str(block[tag]).encode("latin-1", "replace") for tag in exif_block.TIFF_TEXT_TAGS if tag in block
    }
    tags += [(tag, 2, 0, text, True) for tag, text in texts.items() if tag not in (270, 305)]
    directories = {tag: block.get_ifd(tag) for tag in (exif_block.EXIF_IFD, exif_block.GPS_IFD)}
    directories = {tag: directory for tag, directory in directories.items() if directory}
    # Room for their offsets, known only once the pixels are written. Under the number before their own, which
    # nothing uses: tifffile does not let a caller set these two.
    tags += [(tag - 1, 4, 1, 0, True) for tag in directories if not big]
    with tifffile.TiffWriter(file, byteorder="<", bigtiff=big) as writer:
        writer.write(
            array if channels > 1 else array[:, :, 0],
            photometric="rgb" if channels > 2 else "minisblack",
            planarconfig="contig" if channels > 1 else None,
            extrasamples=["unassalpha"] if channels in (2, 4) else None,
            compression="adobe_deflate",
            predictor=True,
            rowsperstrip=max(1, 1_000_000 // (width * channels)),
            iccprofile=metadata.icc_profile,
            resolution=metadata.dpi,
            resolutionunit=2 if metadata.dpi else None,
            description=texts.get(270),
            software=texts.get(305, False),
            metadata=None,
            extratags=tags,
        )
    if not big:  # a BigTIFF directory has another layout: over 4 GB the tags above are what is kept
        for tag, directory in directories.items():
            _append_directory(file, tag, directory)


def _append_directory(file: IO[bytes], tag: int, directory: dict[int, Any]) -> None:
    """Writes a directory behind the pixels, its tag and its offset into the entry that waits for it."""
    offset = file.seek(0, 2)
    offset += file.write(b"\0" * (offset % 2))
    entries = ImageFileDirectory_v2(b"II\x2a\0\x08\0\0\0")
    for key, value in directory.items():
        entries[key] = value
    file.write(entries.tobytes(offset))
    file.seek(4)
    at = struct.unpack("<I", file.read(4))[0]
    file.seek(at)
    for i in range(struct.unpack("<H", file.read(2))[0]):
        file.seek(at + 2 + 12 * i)
        if struct.unpack("<H", file.read(2))[0] == tag - 1:
            file.seek(-2, 1)
            file.write(struct.pack("<HHII", tag, 4, 1, offset))
    file.seek(0, 2)
