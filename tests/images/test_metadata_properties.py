"""Any metadata, of any writer: they may cost themselves, never the picture or the batch."""

import io
import os
import struct
import zlib
from typing import Any

import numpy as np
from blocks import SIZES, Entry, block, directory, encoded, jpeg_with, ramp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from genstudio import images
from genstudio.images.metadata import exif

EXAMPLES = int(os.environ.get("METADATA_EXAMPLES", "300"))
many = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
WRITERS = sorted(images.formats.WRITTEN)

# Those that readers know, and any other.
TAGS = [
    256,
    257,
    258,
    259,
    262,
    270,
    271,
    273,
    274,
    277,
    278,
    279,
    282,
    283,
    284,
    296,
    305,
    306,
    315,
    316,
    317,
]
TAGS += [320, 330, 338, 339, 347, 513, 514, 529, 530, 531, 532, 700, 18246, 33432, 33550, 33723, 33922, 34264]
TAGS += [34377, 34665, 34675, 34735, 34736, 34737, 34853, 37500, 37510, 40091, 40094, 40961, 40962, 40963]
TAGS += [40965, 41486, 41487, 37396, 41492, 42036, 50838, 50839, *range(31)]


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    """A field of a true or an untrue type, count and place."""
    tag = draw(st.sampled_from(TAGS) | st.integers(0, 65535))
    kind = draw(st.sampled_from(sorted(SIZES)))
    data = draw(st.binary(min_size=0, max_size=40) | st.sampled_from([b"six\0", b"\6\0", b"\xff" * 8]))
    data = data[: len(data) // SIZES[kind] * SIZES[kind]] or bytes(SIZES[kind])
    count = len(data) // SIZES[kind]
    if draw(st.integers(0, 9)) == 0:  # and damage
        kind = draw(st.integers(0, 65535))
    if draw(st.integers(0, 9)) == 0:
        count = draw(st.integers(0, 2**32 - 1))
    return tag, kind, count, data


directories = st.lists(entries(), max_size=6)


@st.composite
def blocks(draw: st.DrawFn) -> bytes:
    told = block(draw(directories), draw(directories), draw(directories))
    if draw(st.integers(0, 4)) == 0:
        damaged = bytearray(told)
        for _ in range(draw(st.integers(1, 4))):
            damaged[draw(st.integers(6, len(told) - 1))] = draw(st.integers(0, 255))
        told = bytes(damaged)[: draw(st.integers(6, len(told)))]
    return told


NAMES = ["tiff:Orientation", "tiff:ImageWidth", "exif:PixelXDimension", "hdrgm:Version", "a:b", "stArea:x"]
NAMES += [
    "stArea:y",
    "stArea:w",
    "stArea:h",
    "MPReg:Rectangle",
    "GPano:FullPanoWidthPixels",
    "xmp:Thumbnails",
]
SPACES = " ".join(
    f'xmlns:{prefix}="{uri}"'
    for prefix, uri in (
        ("tiff", "http://ns.adobe.com/tiff/1.0/"),
        ("exif", "http://ns.adobe.com/exif/1.0/"),
        ("hdrgm", "http://ns.adobe.com/hdr-gain-map/1.0/"),
        ("stArea", "http://ns.adobe.com/xmp/sType/Area#"),
        ("MPReg", "http://ns.microsoft.com/photo/1.2/t/Region#"),
        ("GPano", "http://ns.google.com/photos/1.0/panorama/"),
        ("xmp", "http://ns.adobe.com/xap/1.0/"),
    )
)
values = st.sampled_from(["6", "0.5", "0.1, 0.2, 0.3, 0.4", "x", "", "1e999", "nan", "-1"]) | st.text(
    st.characters(categories=["L", "N", "P"], exclude_characters="<>&\"'"), max_size=8
)


@st.composite
def packets(draw: st.DrawFn) -> bytes:
    chosen = draw(st.lists(st.tuples(st.sampled_from(NAMES), values, st.booleans()), max_size=6))
    attributes = {name: value for name, value, inside in chosen if not inside}
    inner = "".join(f"<{name}>{value}</{name}>" for name, value, inside in chosen if inside)
    told = "".join(f' {name}="{value}"' for name, value in attributes.items())
    text = f"<x {SPACES if draw(st.integers(0, 9)) else ''}{told}>{inner}</x>"
    data = text.encode(draw(st.sampled_from(["utf-8", "utf-8", "utf-8", "utf-16", "latin-1"])), "replace")
    return data[: draw(st.integers(0, len(data)))] if draw(st.integers(0, 9)) == 0 else data


texts = st.dictionaries(st.text(min_size=1, max_size=9), st.text(max_size=30), max_size=3)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


SMALL = ramp(12, 16)
PNG = encoded("PNG", SMALL)


def tiff_with(told: list[Entry], deep: bool) -> bytes:
    """A TIFF of a ramp with these fields where they are none of the pixels'."""
    array = ramp(8, 10).astype("<u2" if deep else "u1")
    own: list[Entry] = [(256, 3, 1, struct.pack("<H", 10)), (257, 3, 1, struct.pack("<H", 8))]
    own += [
        (258, 3, 3, struct.pack("<3H", *[8 * array.itemsize] * 3)),
        (259, 3, 1, b"\1\0"),
        (262, 3, 1, b"\2\0"),
    ]
    own += [(273, 4, 1, struct.pack("<I", 8)), (277, 3, 1, b"\3\0"), (278, 3, 1, b"\x08\0")]
    own += [(279, 4, 1, struct.pack("<I", array.nbytes))]
    kept = {entry[0]: entry for entry in told} | {entry[0]: entry for entry in own}
    for tag in (
        284,
        317,
        320,
        330,
        338,
        339,
        347,
        254,
        *range(512, 533),
        266,
        292,
        293,
        321,
        322,
        323,
        324,
        325,
    ):
        kept.pop(tag, None)  # these are the pixels' own as well: nonsense there may cost the picture
    at = 8 + array.nbytes
    return b"II*\0" + struct.pack("<I", at) + array.tobytes() + directory(list(kept.values()), at)


@many
@given(
    st.sampled_from(["JPEG", "PNG", "WEBP", "TIFF", "TIFF 16"]),
    blocks(),
    packets(),
    texts,
    directories,
    st.binary(max_size=60),
    st.sampled_from([1, 2]),
)
def test_no_metadata_cost_a_picture(
    source: str,
    told: bytes,
    xmp: bytes,
    text: dict[str, str],
    fields: list[Entry],
    other: bytes,
    times: int,
) -> None:
    if source == "JPEG":
        segments = [(0xE1, told), (0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp), (0xFE, other)]
        segments += [(0xED, b"Photoshop 3.0\x008BIM\x04\x04\0\0" + other), (0xE2, b"MPF\0" + other)]
        data = jpeg_with(*segments, array=SMALL)
    elif source == "PNG":
        data = PNG
        info = b"".join(
            chunk(b"iTXt", key.encode("utf-8")[:79] + b"\0\0\0\0\0" + value.encode("utf-8"))
            for key, value in text.items()
        )
        data = data[:33] + chunk(b"eXIf", told[6:]) + info + chunk(b"zTXt", other) + data[33:]
    elif source == "WEBP":
        data = encoded("WEBP", SMALL, exif=told, xmp=xmp)
    else:
        data = tiff_with([*fields, (700, 1, len(xmp), xmp)] if xmp else fields, source.endswith("16"))
    picture = images.read(data)
    assert images.size(data) == (picture.width, picture.height)
    array = np.repeat(np.repeat(next(iter(picture.frames)), times, 0), times, 1)
    height, width, channels = array.shape
    result = images.Picture(width, height, channels, array.dtype, (array,), metadata=picture.metadata)
    for format in WRITERS:
        file = io.BytesIO()
        notes = images.write(result, file, format=format)
        assert all("\n" not in note for note in (*picture.notes, *notes))
        back = images.read(file.getvalue())
        assert (back.width, back.height) == (width, height)
        assert not [note for note in back.notes if "damaged" in note]  # what we write is whole
        with Image.open(io.BytesIO(file.getvalue())) as image:  # and no one else stumbles over it
            image.load()
            assert image.size == (width, height)
            assert image.getexif().get(274, 1) == 1


@many
@given(blocks(), st.integers(1, 8))
def test_blocks_come_out_whole_or_not_at_all(told: bytes, turn: int) -> None:
    clean, _ = exif.upright(told, turn, (64, 48))
    if clean is None:
        return
    assert len(clean) == len(told) or not told.startswith(b"Exif\0\0")
    again, notes = exif.upright(clean, 1, (48, 64))
    assert (again, notes) == (clean, [])
    assert exif.orientation(clean) == 1
    parts: Any = exif.parts(clean)
    assert exif.parts(exif.build(parts)) == parts
