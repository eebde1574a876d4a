"""Metadata say only what is true of the new pixels, and what is left out is said."""

import io
import struct
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import tifffile
from blocks import (
    ascii,
    below,
    block,
    encoded,
    fields,
    jpeg_with,
    longs,
    of,
    ramp,
    rational,
    shorts,
    written,
)
from PIL import Image

from genstudio import images
from genstudio.images.metadata import exif, xmp

NAMESPACES = {
    "tiff": "http://ns.adobe.com/tiff/1.0/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "hdrgm": "http://ns.adobe.com/hdr-gain-map/1.0/",
    "GCamera": "http://ns.google.com/photos/1.0/camera/",
    "Container": "http://ns.google.com/photos/1.0/container/",
    "GPano": "http://ns.google.com/photos/1.0/panorama/",
    "mwg-rs": "http://www.metadataworkinggroup.com/schemas/regions/",
    "stArea": "http://ns.adobe.com/xmp/sType/Area#",
    "stDim": "http://ns.adobe.com/xap/1.0/sType/Dimensions#",
    "MPReg": "http://ns.microsoft.com/photo/1.2/t/Region#",
}


def packet(inner: str = "", attributes: str = "") -> bytes:
    names = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NAMESPACES.items())
    rdf = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        f'<rdf:RDF xmlns:rdf="{rdf}"><rdf:Description rdf:about="" {names} {attributes}>{inner}'
        '<dc:title>Zoë</dc:title></rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def resized(picture: images.Picture, times: int) -> images.Picture:
    array = np.repeat(np.repeat(next(iter(picture.frames)), times, 0), times, 1)
    return replace(picture, width=array.shape[1], height=array.shape[0], frames=(array,))


# ---------------------------------------------------------------------------- resolution


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_tiff_without_resolution_has_none(dtype: Any) -> None:
    file = io.BytesIO()
    Image.new("RGB", (64, 48)).save(file, "TIFF")
    if dtype is np.uint16:
        tifffile.imwrite(file, ramp().astype(dtype), photometric="rgb", resolutionunit=1)
    picture = images.read(file.getvalue())
    assert picture.metadata.dpi is None
    if dtype is np.uint8:
        with Image.open(file) as image:
            assert images.from_pil(image).metadata.dpi is None
    for format in ("TIFF", "PNG", "JPEG"):
        assert images.read(written(picture, format)[0]).metadata.dpi is None


@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF"])
def test_resolutions_swap_where_orientation_turns(format: str) -> None:
    turn = block([shorts(0x0112, 6), rational(282, 200, 1), rational(283, 100, 1), shorts(296, 2)])
    picture = images.read(encoded(format, exif=turn, dpi=(200, 100)))
    assert (picture.width, picture.height) == (48, 64)
    assert picture.metadata.dpi == pytest.approx((100, 200), abs=0.02)
    if format != "TIFF":
        assert picture.metadata.exif
        told = fields(picture.metadata.exif)
        assert [struct.unpack("<II", told[tag][1]) for tag in (282, 283)] == [(100, 1), (200, 1)]


@pytest.mark.parametrize(
    ("unit", "across", "dpi"),
    [
        (2, ("H", 1, 300), 300),
        (2, ("I", 1, 300), 300),
        (2, ("f", 1, 300.5), 300.5),
        (3, ("2I", 1, 100, 1), 254),
        (1, ("2I", 1, 300, 1), None),
    ],
)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_resolutions_of_any_type(unit: int, across: tuple[Any, ...], dpi: float | None, dtype: Any) -> None:
    kinds = {"H": 3, "I": 4, "f": 11, "2I": 5}
    kind, count, *value = across
    tags = [
        (tag, kinds[kind], count, tuple(value) if len(value) > 1 else value[0], True) for tag in (282, 283)
    ]
    data = with_tags(ramp().astype(dtype), [*tags, (296, 3, 1, unit, True)])
    found = images.read(data).metadata.dpi
    assert found is None if dpi is None else found == pytest.approx((dpi, dpi))


def with_tags(array: np.ndarray, tags: list[tuple[int, int, int, Any, bool]]) -> bytes:
    """A TIFF whose directory has other tags beside those of the pixels, of whatever type."""
    file = io.BytesIO()
    tifffile.imwrite(file, array, photometric="rgb", metadata=None, software=False)
    data = bytearray(file.getvalue())
    main = {tag: value for tag, value in fields(bytes(data)).items() if tag not in {each[0] for each in tags}}
    rows = [(tag, kind, len(value) // SIZE[kind], value) for tag, (kind, value) in main.items()]
    for tag, kind, count, value, _ in tags:
        values = value if isinstance(value, tuple) else (value,)
        body = value if isinstance(value, bytes) else struct.pack(f"<{len(values)}{LETTER[kind]}", *values)
        rows.append((tag, kind, count, body))
    from blocks import directory

    at = len(data) + len(data) % 2
    struct.pack_into("<I", data, 4, at)
    return bytes(data.ljust(at, b"\0")) + directory(rows, at)


SIZE = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 10: 8, 11: 4, 12: 8}
LETTER = {1: "B", 3: "H", 4: "I", 5: "I", 10: "i", 11: "f", 12: "d"}


# ---------------------------------------------------------------------------- claims about the old grid


def test_exif_says_nothing_of_the_old_grid() -> None:
    claims = [
        longs(0x100, 4000),
        longs(0x101, 3000),
        shorts(0x103, 6),
        shorts(0x112, 1),
        ascii(315, b"A. P."),
    ]
    told = block(
        claims, [longs(0xA002, 4000), longs(0xA003, 3000), rational(0x9102, 4, 1), ascii(0xA434, b"L")]
    )
    picture = images.read(encoded("JPEG", exif=told))
    assert picture.metadata.exif
    assert set(fields(picture.metadata.exif)) == {315, 0x8769}
    assert set(below(picture.metadata.exif, 0x8769)) == {0xA434}
    assert picture.notes == ()


def test_subject_areas_turn_and_grow_with_the_picture() -> None:
    told = block([shorts(0x112, 6)], [shorts(0x9214, 10, 20, 6, 4), shorts(0xA214, 1, 2)])
    picture = images.read(encoded("JPEG", exif=told))  # 64 x 48, to be turned clockwise
    assert picture.metadata.exif
    area = below(picture.metadata.exif, 0x8769)
    assert struct.unpack("<4H", area[0x9214][1]) == (48 - 1 - 20, 10, 4, 6)
    assert struct.unpack("<2H", area[0xA214][1]) == (48 - 1 - 2, 1)
    again = images.read(written(resized(picture, 3), "JPEG")[0])
    assert again.metadata.exif
    area = below(again.metadata.exif, 0x8769)
    assert struct.unpack("<4H", area[0x9214][1]) == (81, 30, 12, 18)
    too_far = images.read(written(replace(resized(picture, 1), metadata=picture.metadata), "JPEG")[0])
    assert too_far.metadata.exif == picture.metadata.exif  # of the same size: byte for byte


def test_a_subject_area_beyond_what_its_type_holds_goes() -> None:
    told = exif.upright(block([ascii(315, b"A")], [shorts(0x9214, 60000, 2)]))[0]
    assert told
    assert 0x8769 not in fields(exif.resized(told, 4, 4))


@pytest.mark.parametrize(
    ("inner", "attributes"),
    [
        ("", 'tiff:Orientation="6"'),
        ("", "tiff:Orientation='6'"),
        ("<tiff:Orientation>6</tiff:Orientation>", ""),
        (f'<t:Orientation xmlns:t="{NAMESPACES["tiff"]}">6</t:Orientation>', ""),
        ("<tiff:ImageWidth>9</tiff:ImageWidth>", 'exif:PixelXDimension="9" tiff:ImageLength="9"'),
        ("<xmp:Thumbnails><xmp:x>AAAA</xmp:x></xmp:Thumbnails>", ""),
        ("<exif:SubjectArea/>", ""),
    ],
)
def test_xmp_says_nothing_of_the_old_grid(inner: str, attributes: str) -> None:
    clean, notes = xmp.upright(packet(inner, attributes))
    assert clean
    for word in (b"Orientation", b"ImageW", b"ImageL", b"PixelX", b"Thumbnails", b"Subject"):
        assert word not in clean
    assert "Zoë".encode() in clean
    assert clean.startswith(b"<?xpacket")
    assert notes == []
    assert xmp.upright(clean) == (clean, [])


def test_xmp_without_false_claims_is_passed_on_byte_for_byte() -> None:
    told = packet("<dc:format>image/jpeg</dc:format>", "xmp:Rating='5'")
    assert xmp.upright(told, 1) == (told, [])
    assert images.read(encoded("JPEG", xmp=told)).metadata.xmp == told


@pytest.mark.parametrize(
    ("attributes", "about"),
    [
        ('hdrgm:Version="1.0" hdrgm:GainMapMax="2"', "a gain map"),
        ('GCamera:MotionPhoto="1" GCamera:MotionPhotoVersion="1"', "a film"),
        ('GCamera:MicroVideo="1" GCamera:MicroVideoOffset="99"', "a film"),
        ('Container:Directory="x"', "further files"),
    ],
)
def test_xmp_about_second_pictures_goes_with_a_note(attributes: str, about: str) -> None:
    clean, notes = xmp.upright(packet("", attributes))
    assert clean
    for word in (b"hdrgm:V", b"hdrgm:G", b"MotionPhoto=", b"MicroVideo", b"Directory"):
        assert word not in clean
    assert notes == [f"XMP about {about}: dropped"]


REGIONS = (
    '<mwg-rs:Regions rdf:parseType="Resource"><mwg-rs:AppliedToDimensions stDim:w="64" stDim:h="48" '
    'stDim:unit="pixel"/><mwg-rs:RegionList><rdf:Bag><rdf:li><rdf:Description mwg-rs:Name="A">'
    '<mwg-rs:Area stArea:x="0.1" stArea:y="0.2" stArea:w="0.3" stArea:h="0.4" stArea:unit="normalized"/>'
    "</rdf:Description></rdf:li></rdf:Bag></mwg-rs:RegionList></mwg-rs:Regions>"
    '<MPReg:x MPReg:Rectangle="0.1, 0.2, 0.3, 0.4"/>'
)


@pytest.mark.parametrize(
    ("turn", "area", "rectangle"),
    [
        (1, (0.1, 0.2, 0.3, 0.4), (0.1, 0.2, 0.3, 0.4)),
        (2, (0.9, 0.2, 0.3, 0.4), (0.6, 0.2, 0.3, 0.4)),
        (3, (0.9, 0.8, 0.3, 0.4), (0.6, 0.4, 0.3, 0.4)),
        (6, (0.8, 0.1, 0.4, 0.3), (0.4, 0.1, 0.4, 0.3)),
        (8, (0.2, 0.9, 0.4, 0.3), (0.2, 0.6, 0.4, 0.3)),
    ],
)
def test_regions_turn_with_the_picture(turn: int, area: Any, rectangle: Any) -> None:
    picture = images.read(encoded("JPEG", exif=block([shorts(0x112, turn)]), xmp=packet(REGIONS)))
    told = (picture.metadata.xmp or b"").decode()
    for name, value in zip("xywh", area, strict=True):
        assert f'stArea:{name}="{value:g}"' in told
    assert 'MPReg:Rectangle="{:g}, {:g}, {:g}, {:g}"'.format(*rectangle) in told
    grown = images.read(written(resized(picture, 2), "PNG")[0])
    size = f'stDim:w="{2 * picture.width}" stDim:h="{2 * picture.height}"'
    assert size in (grown.metadata.xmp or b"").decode()


def test_a_panorama_grows_with_the_picture() -> None:
    told = packet("", 'GPano:FullPanoWidthPixels="128" GPano:CroppedAreaTopPixels="7"')
    grown = written(resized(images.read(encoded("JPEG", xmp=told)), 2), "JPEG")[0]
    assert b'GPano:FullPanoWidthPixels="256"' in grown
    assert b'GPano:CroppedAreaTopPixels="14"' in grown


@pytest.mark.parametrize("bad", [b"<a", b"<a b:c='1'/>", b"\xff\xfe\0", b"<a>" * 5000 + b"</a>" * 5000])
def test_damaged_xmp_costs_the_xmp_alone(bad: bytes) -> None:
    picture = images.read(encoded("JPEG", xmp=bad))
    assert picture.metadata.xmp is None
    assert picture.notes == ("its XMP is damaged: dropped",)


def test_bombs_of_xml_are_not_unpacked() -> None:
    lines = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 9}">' for i in range(1, 12))
    bomb = f'<!DOCTYPE x [<!ENTITY a0 "a">{lines}]><x>&a11;</x>'.encode()
    assert xmp.upright(bomb) == (None, ["its XMP is damaged: dropped"])


def test_xmp_in_utf_16_is_written_as_utf_8() -> None:
    clean, _ = xmp.upright("<a>ü</a>".encode("utf-16"))
    assert clean == "<a>ü</a>".encode()


@pytest.mark.parametrize(
    "about",
    [
        '{"shape": [48, 64, 3]}',
        "ImageJ=1.11a\nimages=5\n",
        '<?xml version="1.0"?><OME xmlns="x"/>',
        "shape=(48, 64)",
    ],
)
def test_descriptions_of_the_old_files_shape_go_with_a_note(about: str) -> None:
    for dtype in (np.uint8, np.uint16):
        data = with_tags(ramp().astype(dtype), [(270, 2, len(about) + 1, about.encode() + b"\0", True)])
        picture = images.read(data)
        assert any("old file's shape" in note for note in picture.notes)
        assert about.encode()[:12] not in written(picture, "TIFF")[0]


def test_second_pictures_and_films_in_a_jpeg_are_noted() -> None:
    plain = encoded("JPEG")
    assert images.read(plain).notes == ()
    assert images.read(plain + b"\0" * 99).notes == ()
    gain_map = images.read(plain + encoded("JPEG"))
    assert gain_map.notes == ("further pictures in the file (a preview or gain map): left out",)
    film = images.read(plain + b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + b"\0" * 50)
    assert film.notes == ("a film in the file (motion photo): left out",)


# ---------------------------------------------------------------------------- IPTC, GeoTIFF, tags of TIFF

IPTC = b"\x1c\x02\x00\x00\x02\x00\x02\x1c\x02\x78\x00\x04Zo\xc3\xab"


def iptc_segment(data: bytes) -> tuple[int, bytes]:
    resources = b"8BIM\x03\xed\0\0\0\0\0\x02ab" + b"8BIM\x04\x04\0\0" + struct.pack(">I", len(data)) + data
    return 0xED, b"Photoshop 3.0\0" + resources


@pytest.mark.parametrize("format", ["JPEG", "TIFF"])
def test_iptc_is_kept(format: str) -> None:
    picture = images.read(jpeg_with(iptc_segment(IPTC)))
    assert picture.metadata.iptc == IPTC
    data, notes = written(picture, format)
    assert notes == ()
    assert images.read(data).metadata.iptc == IPTC
    if format == "JPEG":
        with Image.open(io.BytesIO(data)) as image:
            assert image.info["photoshop"][0x0404] == IPTC
    else:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            assert bytes(file.pages.first.tags[33723].value) == IPTC


def test_iptc_of_a_tiff_in_either_tag() -> None:
    wrapped = iptc_segment(IPTC)[1].removeprefix(b"Photoshop 3.0\0")
    for tag, body in ((33723, IPTC), (34377, wrapped)):
        data = with_tags(ramp(), [(tag, 7, len(body), body, True)])
        assert images.read(data).metadata.iptc == IPTC


@pytest.mark.parametrize("format", ["PNG", "WEBP", "AVIF", "GIF"])
def test_iptc_and_places_are_said_where_the_format_has_no_room(format: str) -> None:
    geo = [(33550, 12, 3, (0.5, 0.5, 0.0), True), (33922, 12, 6, (0.0, 0.0, 0.0, 10.0, 20.0, 0.0), True)]
    picture = images.read(with_tags(ramp(), [(33723, 7, len(IPTC), IPTC, True), *geo]))
    assert f"{format} cannot hold iptc, geo: dropped" in written(picture, format)[1]


def test_places_on_earth_are_kept_and_scaled() -> None:
    geo: list[Any] = [
        (33550, 12, 3, (0.5, 0.25, 0.0), True),
        (33922, 12, 6, (4.0, 8.0, 0.0, 10.0, 20.0, 0.0), True),
        (34735, 3, 8, (1, 1, 0, 1, 1025, 0, 1, 1), True),
        (42113, 2, 3, b"-9\0", True),
    ]
    for dtype in (np.uint8, np.uint16):
        picture = images.read(with_tags(ramp().astype(dtype), geo))
        assert picture.notes == ()
        same = images.read(written(picture, "TIFF")[0]).metadata.geo
        assert same == picture.metadata.geo
        assert same[33550].numbers() == (0.5, 0.25, 0.0)
        doubled = images.read(written(resized(picture, 2), "TIFF")[0]).metadata.geo
        assert doubled[33550].numbers() == (0.25, 0.125, 0.0)
        assert doubled[33922].numbers() == (8.0, 16.0, 0.0, 10.0, 20.0, 0.0)
        assert doubled[42113].data == b"-9\0"


def test_places_told_of_pixels_centres_keep_the_ground_where_it_is() -> None:
    from genstudio.images.metadata import geo
    from genstudio.images.metadata.ifd import DOUBLE, SHORT, field

    matrix = (0.5, 0, 0, 100, 0, -0.5, 0, 200, 0, 0, 0, 0, 0, 0, 0, 1)
    told = {34264: field(DOUBLE, *matrix), 34735: field(SHORT, 1, 1, 0, 1, 1025, 0, 1, 2)}
    moved = geo.resized(told, 4, 4)
    assert moved
    a, b = (np.array(each[34264].numbers()).reshape(4, 4) for each in (told, moved))
    for corner in ((0.0, 0.0), (10.0, 7.0)):  # counted from corners: half a pixel before the first centre
        old = np.array([corner[0] - 0.5, corner[1] - 0.5, 0, 1])
        new = np.array([4 * corner[0] - 0.5, 4 * corner[1] - 0.5, 0, 1])
        assert np.allclose(a @ old, b @ new)


def test_a_turned_place_on_earth_is_dropped_with_a_note() -> None:
    picture = images.read(with_tags(ramp(), [(33550, 12, 3, (1.0, 1.0, 0.0), True), (274, 3, 1, 6, True)]))
    assert picture.metadata.geo == {}
    assert any("GeoTIFF" in note for note in picture.notes)


def test_a_tiff_keeps_what_a_jpeg_tells() -> None:
    told = {40091: (1, "Zoë\0".encode("utf-16-le")), 40094: (1, "a;b\0".encode("utf-16-le"))}
    told |= {18246: (3, b"\5\0"), 269: (2, b"doc\0"), 316: (2, b"host\0"), 33432: (2, "© Zoë\0".encode())}
    rows = [(tag, kind, len(data) // SIZE[kind], data) for tag, (kind, data) in told.items()]
    data, notes = written(images.read(encoded("JPEG", exif=block(rows))), "TIFF")
    assert notes == ()
    found = fields(data)
    assert {tag: found[tag] for tag in told} == told
    again = images.read(written(images.read(data), "JPEG")[0])
    assert again.metadata.exif
    assert {tag: fields(again.metadata.exif)[tag] for tag in told} == told


def test_tags_that_find_no_place_are_said() -> None:
    picture = images.read(with_tags(ramp(), [(65000, 3, 1, 7, True)]))
    assert picture.notes == ("1 TIFF tag(s) of unknown meaning left out: 65000",)
    picture = images.read(encoded("JPEG", exif=block([shorts(50000, 1), ascii(315, b"A")])))
    assert picture.notes == ()
    assert written(picture, "TIFF")[1] == ("1 EXIF tag(s) without a place in TIFF dropped: 50000",)


# ---------------------------------------------------------------------------- text


@pytest.mark.parametrize("text", ["© Zoë".encode(), "für".encode("latin-1"), "東京".encode()])
@pytest.mark.parametrize("format", ["TIFF", "JPEG", "PNG", "WEBP", "AVIF"])
def test_texts_keep_their_bytes(text: bytes, format: str) -> None:
    sources = [
        encoded("JPEG", exif=block([ascii(33432, text)], [ascii(0xA434, text)])),
        encoded("TIFF", tiffinfo={33432: text}),
        with_tags(ramp(), [(33432, 2, len(text) + 1, text + b"\0", True)]),
    ]
    for source in sources:
        assert text in written(images.read(source), format)[0]


def test_comments_in_latin_1_and_utf_8() -> None:
    for text, data in (("für", "für".encode("latin-1")), ("für 東", "für 東".encode())):
        picture = images.read(jpeg_with((0xFE, data)))
        assert picture.metadata.text == {"Comment": text}
        assert images.read(written(picture, "PNG")[0]).metadata.text == {"Comment": text}


def test_a_comment_too_long_for_a_jpeg_is_cut_with_a_note() -> None:
    picture = of(ramp(), metadata=images.Metadata(text={"Comment": "ü" * 40_000}))
    data, notes = written(picture, "JPEG")
    assert notes == ("JPEG holds at most 64 kB of comment: cut, from 80,000 bytes",)
    assert images.read(data).metadata.text == {"Comment": "ü" * (65533 // 2)}
    assert images.read(written(picture, "GIF")[0]).metadata.text == picture.metadata.text


# ---------------------------------------------------------------------------- damage

WRITERS = sorted(images.formats.WRITTEN)


@pytest.mark.parametrize("format", WRITERS)
@pytest.mark.parametrize(
    "bad",
    [
        b"Exif\0\0II*\xff",
        b"Exif\0\0",
        block([ascii(315, b"A")], [ascii(0x0103, b"text")]),
        block([ascii(315, b"A")], [ascii(0x0112, b"six")], [ascii(2, b"48 N")]),
        block([ascii(315, b"A"), ascii(0x8825, b"gps"), shorts(0x8769, 5)]),
        block([longs(0x8769, 8)]),
    ],
)
def test_a_bad_block_never_costs_a_picture(bad: bytes, format: str) -> None:
    segment = bad if bad.startswith(b"Exif") else b"Exif\0\0" + bad
    png = encoded("PNG")
    chunk = b"eXIf" + bad[6:]
    sources = [
        jpeg_with((0xE1, segment)),
        png[:33] + struct.pack(">I", len(bad) - 6) + chunk + struct.pack(">I", crc(chunk)) + png[33:],
        encoded("WEBP", exif=segment),
    ]
    for source in sources:
        assert images.size(source) == (64, 48)
        back = images.read(written(images.read(source), format)[0])
        assert (back.width, back.height) == (64, 48)


def crc(data: bytes) -> int:
    import zlib

    return zlib.crc32(data)


def test_what_was_damaged_is_said() -> None:
    assert images.read(jpeg_with((0xE1, b"Exif\0\0II*\xff"))).notes == ("its EXIF is damaged: dropped",)
    far = block([ascii(315, b"A. Painter"), ascii(271, b"a maker")]).replace(
        struct.pack("<HHI", 271, 2, 8), struct.pack("<HHI", 271, 2, 9999)
    )
    picture = images.read(jpeg_with((0xE1, far)))
    assert picture.notes == ("1 damaged field(s) of its EXIF: dropped",)
    assert picture.metadata.exif
    assert set(fields(picture.metadata.exif)) == {315}


@pytest.mark.parametrize(
    "gps",
    [
        [(6, 10, 1, struct.pack("<ii", -30, 1))],
        [ascii(2, b"48.5"), ascii(1, b"N")],
        [(2, 5, 3, struct.pack("<6I", 48, 1, 51, 1, 0, 0))],
    ],
)
def test_gps_of_any_type_goes_there_and_back(gps: list[Any]) -> None:
    source = encoded("JPEG", exif=block([ascii(315, b"A")], [], gps))
    data = written(images.read(source), "TIFF")[0]
    again = images.read(data)
    assert again.metadata.exif
    assert below(data, 0x8825) == below(again.metadata.exif, 0x8825) == {e[0]: (e[1], e[3]) for e in gps}


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(
    ("tag", "turned"),
    [
        ((274, 1, 1, 6, True), True),
        ((274, 3, 2, (6, 1), True), True),
        ((274, 2, 4, b"six\0", True), False),
        ((34675, 2, 4, b"abc\0", True), False),
        ((700, 2, 5, b"<a/>\0", True), False),
        ((282, 2, 4, b"300\0", True), False),
        ((305, 12, 1, 3.5, True), False),
        ((306, 5, 1, (1, 0), True), False),
        ((296, 11, 1, float("nan"), True), False),
        ((274, 12, 1, float("inf"), True), False),
    ],
)
def test_each_tag_of_a_tiff_fails_alone(tag: Any, turned: bool, dtype: Any) -> None:
    array = ramp().astype(dtype)
    data = with_tags(array, [tag])
    picture = images.read(data)
    expected = np.rot90(array, -1) if turned else array
    assert np.array_equal(next(iter(picture.frames)), expected)
    assert images.size(data) == (picture.width, picture.height)


def test_damaged_chunks_of_a_png_cost_what_they_say() -> None:
    png = encoded("PNG", dpi=(300, 300))
    for kind, body, about in (
        (b"iCCP", b"x\0\0not zlib", "colour profile"),
        (b"zTXt", b"Title\0\0not zlib", "text"),
        (b"iTXt", b"Title\0", "text"),
        (b"pHYs", b"abc", "resolution"),
    ):
        chunk = struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc(kind + body))
        picture = images.read(png[:33] + chunk + png[33:])
        assert picture.notes == (f"its {about} is damaged: dropped",)
        assert np.array_equal(next(iter(picture.frames)), ramp())
