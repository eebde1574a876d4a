"""TIFF files: the pixels by tifffile, and behind them a directory that says the rest, field by field."""

import struct
from fractions import Fraction
from typing import IO

import tifffile

from genstudio.images.codecs.tiff import ICC, IPTC, XMP
from genstudio.images.metadata import exif, ifd
from genstudio.images.metadata.exif import Parts
from genstudio.images.metadata.ifd import Field
from genstudio.images.metadata.model import Metadata
from genstudio.images.turning import Array

_COMPRESSIONS = {"deflate": "adobe_deflate", "lzw": "lzw", "zstd": "zstd", "none": None}


def encode(array: Array, metadata: Metadata, file: IO[bytes], compression: str = "deflate") -> None:
    """Writes (H, W, C) uint8 or uint16, compressed without loss, to a file to read, write and seek in."""
    _, width, channels = array.shape
    with tifffile.TiffWriter(file, byteorder="<", bigtiff=array.nbytes > 2**32 - 2**26) as writer:
        writer.write(
            array if channels > 1 else array[:, :, 0],
            photometric="rgb" if channels > 2 else "minisblack",
            planarconfig="contig" if channels > 1 else None,
            extrasamples=["unassalpha"] if channels in (2, 4) else None,
            compression=_COMPRESSIONS[compression],
            predictor=_COMPRESSIONS[compression] is not None,
            rowsperstrip=max(1, 1_000_000 // (width * channels * array.itemsize)),
            metadata=None,
            software=False,
        )
    _say(metadata, file)


def _say(metadata: Metadata, file: IO[bytes]) -> None:
    """Writes the directory anew, with the metadata in it, at the file's end."""
    top = ifd.first_directory(file)
    assert top is not None
    told = exif.parts(metadata.exif) if metadata.exif else Parts({}, {}, {}, {})
    fields = {tag: value for tag, value in told.main.items() if tag in exif.DESCRIPTIVE}
    fields |= {tag: value for tag in top.entries if (value := top.get(tag))}
    for tag, kind, data in (
        (ICC, ifd.UNDEFINED, metadata.icc_profile),
        (XMP, ifd.BYTE, metadata.xmp),
        (IPTC, ifd.UNDEFINED, metadata.iptc),
    ):
        if data:
            fields[tag] = Field(kind, data)
    if metadata.dpi:
        for tag, per_inch in zip((exif.X_RESOLUTION, exif.Y_RESOLUTION), metadata.dpi, strict=True):
            ratio = Fraction(per_inch).limit_denominator(1000)
            fields[tag] = Field(ifd.RATIONAL, struct.pack("<II", ratio.numerator, ratio.denominator))
        fields[296] = ifd.field(ifd.SHORT, 2)
    fields |= metadata.geo
    end = file.seek(0, 2)
    at = end + end % 2
    file.write(b"\0" * (end % 2))
    file.write(exif.packed(told._replace(main=fields), top.layout, at))
    file.seek(8 if top.layout.big else 4)
    file.write(struct.pack(top.layout.word, at))
    file.seek(0, 2)
