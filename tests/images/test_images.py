"""Picture files: what comes in is what goes out, and nothing half-written stays. All files are made here."""

import errno
import io
import os
import stat
import struct
import sys
import threading
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import ExifTags, Image, ImageCms, ImageFile, ImageOps, PngImagePlugin

from genstudio import images
from genstudio.errors import InputError, OutputError, UsageError
from genstudio.images import atomic, picture
from genstudio.images.metadata import exif

RNG = np.random.default_rng(7)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><note>hello</note></x:xmpmeta>'


def profile(model: bytes) -> bytes:
    """A profile that only its header names another colour model of: enough where it is passed through."""
    return SRGB[:16] + model + SRGB[20:]


def noise(height: int, width: int, channels: int, dtype: Any = np.uint8) -> np.ndarray:
    return RNG.integers(0, np.iinfo(dtype).max, (height, width, channels), dtype, endpoint=True)


def smooth(height: int = 24, width: int = 32) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 255 // width, y * 255 // height, (x + y) * 255 // (width + height)], 2).astype("u1")


def pil(array: np.ndarray) -> Image.Image:
    return picture.to_image(array)


def encoded(image: Image.Image, format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def pixels(source: Any) -> np.ndarray:
    (frame,) = images.read(source).frames
    return np.asarray(frame)


def of(array: np.ndarray, **more: Any) -> images.Picture:
    height, width, channels = array.shape
    return images.Picture(width, height, channels, array.dtype, (array,), **more)


def written(made: images.Picture, format: str, **options: Any) -> tuple[bytes, tuple[str, ...]]:
    file = io.BytesIO()
    notes = images.write(made, file, format=format, **options)
    return file.getvalue(), notes


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def one_line(error: pytest.ExceptionInfo[Exception]) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


# ---------------------------------------------------------------------------- exact round trips


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_every_depth_and_channel_count_comes_back_exactly(channels: int, dtype: Any, format: str) -> None:
    array = noise(9, 13, channels, dtype)
    data, notes = written(of(array), format)
    back = images.read(data)
    assert (back.width, back.height, back.channels, back.dtype, back.format) == (
        13,
        9,
        channels,
        dtype,
        format,
    )
    assert np.array_equal(next(iter(back.frames)), array)
    assert notes == back.notes == ()


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (7, 1), (2, 3)])
@pytest.mark.parametrize("format", sorted(images.formats.WRITTEN))
def test_smallest_pictures_in_every_format(format: str, size: tuple[int, int]) -> None:
    for channels in (1, 2, 3, 4):
        back = images.read(written(of(np.full((*size, channels), 255, np.uint8)), format)[0])
        assert (back.height, back.width) == size
        assert back.format == format
        assert all((frame == 255).all() for frame in back.frames)  # white stays white


@pytest.mark.parametrize("format", ["JPEG", "WEBP", "AVIF"])
def test_lossy_formats_are_close_by_default(format: str) -> None:
    array = smooth(96, 128)
    found = pixels(written(of(array), format)[0])
    assert np.abs(found.astype(int) - array).mean() < 1.5


def test_jpeg_keeps_full_colour_resolution_and_takes_a_quality() -> None:
    data, _ = written(of(smooth()), "JPEG")
    with Image.open(io.BytesIO(data)) as image:
        assert [c[1:3] for c in image.layer] == [(1, 1)] * 3  # type: ignore[attr-defined]
    assert len(written(of(noise(64, 64, 3)), "JPEG", quality=30)[0]) < len(data) + 9000
    with pytest.raises(UsageError, match="1 to 100"):
        written(of(smooth()), "JPEG", quality=0)


@pytest.mark.parametrize("format", ["JPEG", "WEBP", "AVIF"])
def test_grey_stays_grey_where_the_format_has_it(format: str) -> None:
    ramp = np.tile(np.arange(0, 256, 4, dtype=np.uint8)[None, :, None], (16, 1, 1))
    back = images.read(written(of(ramp), format)[0])
    frame = next(iter(back.frames)).astype(int)
    if format == "JPEG":
        assert back.channels == 1
    assert np.ptp(frame, axis=2).max() <= 1


# ---------------------------------------------------------------------------- modes that Pillow reads


def test_one_bit_becomes_grey() -> None:
    array = (noise(5, 9, 1) > 127).astype(np.uint8) * 255
    back = images.read(encoded(pil(array).convert("1"), "PNG"))
    assert back.channels == 1
    assert np.array_equal(next(iter(back.frames)), array)


def palette(colours: list[tuple[int, int, int]], size: tuple[int, int] = (4, 4)) -> Image.Image:
    image = Image.new("P", size)
    image.putpalette([v for colour in colours for v in colour])
    image.putdata([i % len(colours) for i in range(size[0] * size[1])])
    return image


@pytest.mark.parametrize(
    ("colours", "options", "channels"),
    [
        ([(0, 0, 0), (90, 90, 90), (255, 255, 255)], {}, 1),
        ([(0, 0, 0), (90, 90, 90), (255, 255, 255)], {"transparency": 1}, 2),
        ([(255, 0, 0), (0, 255, 0)], {}, 3),
        ([(255, 0, 0), (0, 255, 0)], {"transparency": bytes([0, 120])}, 4),
        ([(255, 0, 0), (9, 9, 9)], {"transparency": 0}, 2),  # the one colour is never seen
    ],
)
def test_palettes(colours: list[tuple[int, int, int]], options: dict[str, Any], channels: int) -> None:
    back = images.read(encoded(palette(colours), "PNG", **options))
    assert back.channels == channels
    frame = next(iter(back.frames))
    if channels in (1, 3):
        assert [tuple(v) for v in frame.reshape(-1, channels)[: len(colours)]] == [
            colour[:channels] for colour in colours
        ]
    elif "transparency" in options and options["transparency"] == bytes([0, 120]):
        assert frame[0, :2, 3].tolist() == [0, 120]


def test_colour_keys_become_alpha_at_8_and_16_bits() -> None:
    for dtype, mode in ((np.uint8, "B"), (np.uint16, "H")):
        for channels in (1, 3):
            array = noise(4, 5, channels, dtype)
            data = imagecodecs.png_encode(array)
            key = chunk(b"tRNS", b"".join(struct.pack(">H", int(v)) for v in array[0, 0]))
            found = pixels(data[:33] + key + data[33:])
            assert found.shape == (4, 5, channels + 1), mode
            assert found[0, 0, -1] == 0
            assert np.array_equal(found[:, :, :-1], array)
            clear = (array == array[0, 0]).all(axis=2)
            assert np.array_equal(found[:, :, -1], np.where(clear, 0, np.iinfo(dtype).max))


@pytest.mark.parametrize(
    ("mode", "channels"),
    [("La", 2), ("RGBa", 4), ("RGBX", 3), ("YCbCr", 3), ("HSV", 3), ("LAB", 3), ("PA", 4)],
)
def test_the_other_modes_of_pillow(mode: str, channels: int) -> None:
    source = pil(smooth())
    if mode == "La":
        image = source.convert("LA").convert("La")
    elif mode == "RGBa":
        image = source.convert("RGBA").convert("RGBa")
    elif mode == "PA":
        image = source.convert("P").convert("PA")
        image.putalpha(100)
    elif mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        image = ImageCms.profileToProfile(source, srgb, lab, outputMode="LAB")
    else:
        image = source.convert(mode)
    made = images.from_pil(image)
    assert made.channels == channels
    frame = next(iter(made.frames)).astype(int)
    if channels == 3:
        assert np.abs(frame - smooth()).mean() < 4


@pytest.mark.parametrize("mode", ["I", "F"])
def test_wide_pixels_are_refused(mode: str) -> None:
    with pytest.raises(InputError, match="8 or 16 bits"):
        images.from_pil(Image.new(mode, (3, 3)))
    with pytest.raises(InputError, match="8 or 16 bits") as error:
        images.read(encoded(Image.new(mode, (3, 3)), "TIFF"))
    one_line(error)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_named_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    array = noise(5, 6, 3)
    threading.Thread(target=pipe.write_bytes, args=[encoded(pil(array), "PNG")]).start()
    assert np.array_equal(pixels(pipe), array)


@pytest.mark.parametrize("format", ["JPEG", "TIFF"])
def test_cmyk_is_converted_with_a_note(format: str) -> None:
    image = pil(smooth()).convert("CMYK")  # Pillow writes JPEG inverted as Adobe does
    back = images.read(encoded(image, format, **({"quality": 98} if format == "JPEG" else {})))
    assert back.channels == 3
    assert "CMYK" in back.notes[0]
    assert back.metadata.icc_profile is None
    assert np.abs(next(iter(back.frames)).astype(int) - smooth()).mean() < 4


def test_a_broken_cmyk_profile_is_said_and_dropped() -> None:
    image = Image.new("CMYK", (4, 4), (0, 0, 0, 0))
    back = images.read(encoded(image, "JPEG", icc_profile=profile(b"CMYK")))
    assert back.metadata.icc_profile is None
    assert back.notes == ("CMYK converted to sRGB (its profile is damaged: colours are approximate)",)
    assert (next(iter(back.frames)) == 255).all()


def test_16_bit_pgm() -> None:
    array = noise(3, 4, 1, np.uint16)
    data = b"P5 4 3 65535\n" + array.astype(">u2").tobytes()
    assert np.array_equal(pixels(data), array)


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("compression", [None, "lzw", "adobe_deflate"])
@pytest.mark.parametrize("bigtiff", [False, True])
def test_16_bit_tiff_as_others_write_it(byteorder: Any, planar: Any, compression: Any, bigtiff: bool) -> None:
    array = noise(10, 11, 3, np.uint16)
    data = io.BytesIO()
    stored = array if planar == "contig" else np.moveaxis(array, 2, 0)
    tifffile.imwrite(
        data,
        stored,
        byteorder=byteorder,
        photometric="rgb",
        planarconfig=planar,
        compression=compression,
        predictor=compression is not None,
        bigtiff=bigtiff,
        resolution=(300, 300),
        resolutionunit=2,
        extratags=[(315, 2, 0, "A. Painter", True)],
    )
    back = images.read(data.getvalue())
    assert np.array_equal(next(iter(back.frames)), array)
    assert back.metadata.dpi == (300, 300)
    block = Image.Exif()
    block.load(back.metadata.exif or b"")
    if (bigtiff, byteorder) != (True, ">"):  # Pillow knows no tags of those
        assert block[315] == "A. Painter"
    assert 256 not in block  # nothing of the file's own layout


def test_16_bit_tiff_white_is_zero_and_premultiplied() -> None:
    grey = noise(4, 4, 1, np.uint16)
    data = io.BytesIO()
    tifffile.imwrite(data, grey[:, :, 0], photometric="miniswhite")
    assert np.array_equal(pixels(data.getvalue()), 65535 - grey)
    data = io.BytesIO()
    stored = np.full((2, 2, 4), 20000, np.uint16)
    tifffile.imwrite(data, stored, photometric="rgb", extrasamples=["assocalpha"])
    assert pixels(data.getvalue())[0, 0].tolist() == [65535, 65535, 65535, 20000]


def test_further_pages_are_left_with_a_note() -> None:
    for dtype in (np.uint8, np.uint16):
        pages = [noise(4, 5, 3, dtype) for _ in range(3)]
        data = io.BytesIO()
        with tifffile.TiffWriter(data) as writer:
            for page in pages:
                writer.write(page, photometric="rgb")
        back = images.read(data.getvalue())
        assert np.array_equal(next(iter(back.frames)), pages[0])
        assert "3 pages" in back.notes[0]


def test_a_phone_picture_of_several_is_a_jpeg() -> None:
    data = encoded(pil(smooth()), "MPO", save_all=True, append_images=[pil(smooth())])
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == "MPO"
    back = images.read(data)
    assert (back.format, back.animation) == ("JPEG", None)
    assert back.notes == ("further pictures in the file (a preview or gain map): left out",)


# ---------------------------------------------------------------------------- depth and alpha given up


def test_16_bits_round_to_8_to_the_nearest_level() -> None:
    array = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1)
    expected = np.rint(array / 257).astype(np.uint8)
    assert np.array_equal(picture.to_8bit(array), expected)
    data, notes = written(of(array), "BMP")
    assert np.array_equal(pixels(data)[:, :, :1], expected)
    assert notes == ("BMP has 8 bits a channel: 16 bits were rounded",)


@pytest.mark.parametrize("format", ["JPEG", "BMP", "PPM"])
def test_alpha_is_flattened_on_white_with_a_note(format: str) -> None:
    array = np.zeros((16, 16, 4), np.uint8)
    array[:, 8:, 3] = 128
    data, notes = written(of(array), format)
    assert notes == (f"{format} has no alpha: flattened on white",)
    found = pixels(data)
    assert found[4, 2].tolist() == [255, 255, 255]
    assert np.abs(found[4, 13].astype(int) - 127).max() <= 1
    array[:, :, 3] = 255
    assert written(of(array), format)[1] == ()  # nothing was lost


@pytest.mark.parametrize(
    ("format", "side"), [("JPEG", 65536), ("WEBP", 16384), ("GIF", 65536), ("AVIF", 32769)]
)
def test_too_many_pixels_a_side_are_refused_before_writing(format: str, side: int, tmp_path: Path) -> None:
    target = tmp_path / "out"
    for shape in ((1, side, 1), (side, 1, 1)):
        with pytest.raises(OutputError, match=str(side - 1)) as error:
            images.write(of(np.zeros(shape, np.uint8)), target, format=format)
        one_line(error)
    assert not list(tmp_path.iterdir())


# ---------------------------------------------------------------------------- orientation and metadata


def exif_of(orientation: int | None = None, **more: Any) -> bytes:
    block = Image.Exif()
    if orientation:
        block[exif.ORIENTATION] = orientation
    block[315] = "A. Painter"
    block[0x8769] = {0xA002: 999, 0xA003: 998, 0x9286: b"ASCII\0\0\0comment", 0x927C: b"maker's own" * 9}
    block[0x8825] = {1: "N", 2: (48.0, 51.0, 29.5)}
    return block.tobytes()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_orientation_is_applied_exactly_once(orientation: int, format: str) -> None:
    image = pil(smooth())
    lossless = {
        "JPEG": {"quality": 100, "subsampling": 0},
        "WEBP": {"lossless": True},
        "AVIF": {"quality": 100},
    }
    data = encoded(image, format, exif=exif_of(orientation), **lossless.get(format, {}))
    with Image.open(io.BytesIO(data)) as opened:
        expected = np.asarray(ImageOps.exif_transpose(opened))
    assert np.abs(expected.astype(int) - np.asarray(turned_by_hand(smooth(), orientation))).max() < 12
    back = images.read(data)
    assert (back.height, back.width) == expected.shape[:2]
    assert np.array_equal(next(iter(back.frames)), expected)
    # and no viewer turns it again
    for again in ("PNG", "JPEG", "TIFF", "WEBP", "AVIF"):
        with Image.open(io.BytesIO(written(back, again)[0])) as opened:
            assert opened.getexif().get(exif.ORIENTATION, 1) == 1
            assert opened.size == (back.width, back.height)


def turned_by_hand(a: np.ndarray, orientation: int) -> np.ndarray:
    flip = np.fliplr(a)
    return [
        a,
        flip,
        np.rot90(a, 2),
        np.flipud(a),
        np.rot90(flip, 1),
        np.rot90(a, -1),
        np.rot90(flip, -1),
        np.rot90(a),
    ][orientation - 1]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_orientation_of_16_bit_files(dtype: Any, tmp_path: Path) -> None:
    array = noise(5, 8, 3, dtype)
    expected = np.rot90(array, -1)
    tiff = tmp_path / "a.tif"
    tifffile.imwrite(tiff, array, photometric="rgb", extratags=[(274, 3, 1, 6, True)])
    png = imagecodecs.png_encode(array)
    late = png[:-12] + chunk(b"eXIf", exif_of(6)[6:]) + png[-12:]  # behind the pixels
    for source in (tiff, late):
        assert np.array_equal(pixels(source), expected)


def test_xmp_orientation_is_taken_out_too() -> None:
    xmp = b'<a xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6" title="t"/>'
    back = images.read(encoded(pil(smooth()), "JPEG", exif=exif_of(6), xmp=xmp))
    assert back.metadata.xmp == b'<a xmlns:tiff="http://ns.adobe.com/tiff/1.0/" title="t"/>'


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("format", ["PNG", "TIFF", "JPEG", "WEBP", "AVIF"])
@pytest.mark.parametrize("source", ["PNG", "TIFF", "JPEG"])
def test_metadata_go_from_any_format_to_any(source: str, format: str, dtype: Any) -> None:
    told = images.Metadata(SRGB, exif_of(), XMP, (300.0, 150.0), {})
    first = images.read(written(of(noise(6, 7, 3, dtype), metadata=told), source)[0])
    data, notes = written(first, format)
    back = images.read(data).metadata
    assert back.icc_profile == SRGB
    assert back.xmp == XMP
    block = Image.Exif()
    block.load(back.exif or b"")
    assert block[315] == "A. Painter"
    assert block.get_ifd(0x8769)[0x9286] == b"ASCII\0\0\0comment"
    assert block.get_ifd(0x8769)[0x927C] == b"maker's own" * 9
    assert 0xA002 not in block.get_ifd(0x8769)
    assert block.get_ifd(0x8825)[2] == (48.0, 51.0, 29.5)
    if format not in ("WEBP", "AVIF"):
        assert back.dpi == pytest.approx((300, 150), abs=0.02)
    assert all("rounded" in note for note in notes)


def test_strip_drops_all_but_the_profile() -> None:
    told = images.Metadata(SRGB, exif_of(), XMP, (300.0, 300.0), {"Title": "x"})
    for format in ("PNG", "TIFF", "JPEG", "WEBP", "AVIF"):
        data, notes = written(of(noise(6, 7, 3), metadata=told), format, strip=True)
        back = images.read(data).metadata
        assert back.icc_profile == SRGB
        assert (back.exif, back.xmp, back.text) == (None, None, {})
        assert b"Painter" not in data
        assert notes == ()


def test_text_and_comments() -> None:
    told = images.Metadata(text={"Title": "naïve", "Comment": "日本", "parameters": "a\nb"})
    for dtype in (np.uint8, np.uint16):
        data, notes = written(of(noise(3, 3, 3, dtype), metadata=told), "PNG")
        assert images.read(data).metadata.text == told.text
        assert notes == ()
    data, notes = written(of(noise(3, 3, 3), metadata=told), "JPEG")
    assert images.read(data).metadata.text == {"Comment": "日本"}
    assert notes == ("JPEG cannot hold 'Title', 'parameters': dropped",)


def test_formats_without_metadata_say_what_they_drop() -> None:
    told = images.Metadata(profile(b"RGB "), exif_of(), XMP, (300.0, 300.0), {})
    _, notes = written(of(noise(3, 3, 3), metadata=told), "TGA")
    assert notes == ("TGA cannot hold exif, xmp: dropped",)  # an sRGB profile is what is assumed without one
    other = replace(
        told, icc_profile=SRGB.replace(b"sRGB", b"eciX").replace("sRGB".encode("utf-16-be"), b"e" * 8)
    )
    _, notes = written(of(noise(3, 3, 3), metadata=other), "TGA")
    assert "colours may look different" in notes[0]


def test_large_exif_and_profile_in_jpeg() -> None:
    block = Image.Exif()
    block[0x8769] = {0x927C: b"m" * 70000}
    told = images.Metadata(SRGB + b"\0" * 200_000, block.tobytes(), b"x" * 70000)
    data, notes = written(of(noise(3, 3, 3), metadata=told), "JPEG")
    assert [note for note in notes if "64 kB" in note] == list(notes)
    assert len(notes) == 2
    assert images.read(data).metadata.icc_profile == told.icc_profile


@pytest.mark.parametrize(
    ("model", "channels", "kept"),
    [(b"RGB ", 3, True), (b"GRAY", 1, True), (b"GRAY", 3, False), (b"RGB ", 2, False), (b"CMYK", 4, False)],
)
def test_a_profile_stays_only_on_pixels_of_its_model(model: bytes, channels: int, kept: bool) -> None:
    data = imagecodecs.png_encode(noise(3, 3, channels))
    data = data[:33] + chunk(b"iCCP", b"p\0\0" + zlib.compress(profile(model))) + data[33:]
    back = images.read(data)
    assert back.metadata.icc_profile == (profile(model) if kept else None)
    assert len(back.notes) == (0 if kept else 1)


def test_a_grey_profile_does_not_follow_grey_into_rgb() -> None:
    made = of(noise(3, 3, 1), metadata=images.Metadata(icc_profile=profile(b"GRAY")))
    data, notes = written(made, "WEBP")
    assert images.read(data).metadata.icc_profile is None
    assert "GRAY" in notes[0]


def test_thumbnails_and_stored_sizes_go_but_private_notes_stay_where_they_are() -> None:
    # a block of two directories, as cameras write it: the second is the thumbnail's
    entry = struct.Struct("<HHII")
    maker = b"M" * 20
    first = [(274, 3, 1, 6), (0x8769, 4, 1, 50)]
    body = b"II*\0\x08\0\0\0" + struct.pack("<H", 2) + b"".join(entry.pack(*e) for e in first)
    body += struct.pack("<I", 120)
    body = body.ljust(50, b"\0")
    body += (
        struct.pack("<H", 3)
        + entry.pack(0x927C, 7, 20, 94)
        + entry.pack(0xA002, 4, 1, 9)
        + entry.pack(0xA003, 4, 1, 9)
    )
    body = body.ljust(94, b"\0") + maker
    body = (
        body.ljust(120, b"\0")
        + struct.pack("<H", 1)
        + entry.pack(0x0201, 4, 1, 140)
        + bytes(4)
        + b"\xff\xd8thumb"
    )
    clean, notes = exif.upright(b"Exif\0\0" + body)
    assert not notes
    assert clean is not None
    block = Image.Exif()
    block.load(clean)
    assert set(block) == {0x8769}
    assert block.get_ifd(0x8769) == {0x927C: maker}
    assert clean[6 + 94 : 6 + 114] == maker
    assert not block.get_ifd(ExifTags.IFD.IFD1)


@pytest.mark.parametrize(
    "block", [b"", b"Exif\0\0", b"Exif\0\0II*\0", b"garbage", b"II*\0\xff\xff\xff\xff", b"MM\0*" * 9]
)
def test_damaged_exif_costs_the_exif_alone(block: bytes) -> None:
    assert exif.upright(block) == (None, ["its EXIF is damaged: dropped"])
    data = encoded(pil(smooth()), "PNG")
    back = images.read(data[:33] + chunk(b"eXIf", block) + data[33:])
    assert back.metadata.exif is None


# ---------------------------------------------------------------------------- animations


def film(count: int = 4, channels: int = 3) -> list[np.ndarray]:
    frames = []
    for i in range(count):
        frame = np.zeros((20, 24, channels), np.uint8)
        frame[:, :, : min(channels, 3)] = 40
        frame[4:12, 4 + 2 * i : 12 + 2 * i, 0] = 250
        if channels == 4:
            frame[:, :, 3] = 255
            frame[15:, :, 3] = 0
        frames.append(frame)
    return frames


def animated(frames: list[np.ndarray], durations: tuple[int, ...], loop: int = 0) -> images.Picture:
    made = of(frames[0], animation=images.Animation(durations, loop))
    return replace(made, frames=iter(frames))


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "AVIF"])
def test_animations_keep_frames_and_timing(format: str, channels: int) -> None:
    durations, frames = (50, 120, 30, 200), film(4, channels)
    data, _ = written(animated(frames, durations, 3), format)
    back = images.read(data)
    assert back.animation is not None
    assert back.animation.durations_ms == durations
    if format != "AVIF":
        assert back.animation.loop == 3
    assert (back.format, back.channels, back.width, back.height) == (format, channels, 24, 20)
    for _ in range(2):  # as often as wanted
        found = list(back.frames)
        assert len(found) == 4
        for frame, original in zip(found, frames, strict=True):
            assert frame.shape == original.shape
            seen = original[:, :, -1] > 0 if channels == 4 else np.ones((20, 24), bool)
            difference = np.abs(frame[seen].astype(int) - original[seen])
            assert difference.mean() < (0.001 if format in ("GIF", "PNG") else 6)


@pytest.mark.parametrize("loop", [0, 1, 2, 5])
def test_loops_mean_the_same_in_every_format(loop: int) -> None:
    made = images.read(written(animated(film(), (50,) * 4, loop), "GIF")[0])
    for format in ("WEBP", "PNG", "GIF"):
        made = images.read(written(made, format)[0])
        assert made.animation is not None
        assert made.animation.loop == loop


def test_partial_gif_frames_are_composited() -> None:
    frames = [Image.new("RGB", (16, 16), "red") for _ in range(3)]
    frames[1].paste("blue", (2, 2, 6, 6))
    frames[2].paste("blue", (2, 2, 6, 6))
    frames[2].paste("lime", (8, 8, 12, 12))
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=40, optimize=True)
    for frame, original in zip(images.read(data).frames, frames, strict=True):
        assert np.array_equal(frame, np.asarray(original))


def test_grey_animations_stay_grey() -> None:
    frames = [Image.new("L", (8, 8), v) for v in (0, 99, 255)]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=40)
    back = images.read(data)
    assert back.channels == 1
    assert [int(frame[0, 0, 0]) for frame in back.frames] == [0, 99, 255]


def test_a_still_beside_an_apng_is_not_one_of_its_frames() -> None:
    frames = [pil(frame) for frame in film(3)]
    data = encoded(
        Image.new("RGB", (24, 20), "white"),
        "PNG",
        save_all=True,
        append_images=frames,
        default_image=True,
        duration=70,
    )
    back = images.read(data)
    assert back.animation is not None
    assert back.animation.durations_ms == (70, 70, 70)
    assert np.array_equal(next(iter(back.frames)), film(1)[0])


def test_animation_orientation_and_profile() -> None:
    frames = [pil(frame) for frame in film(2)]
    data = encoded(
        frames[0],
        "WEBP",
        save_all=True,
        append_images=frames[1:],
        exif=exif_of(6),
        icc_profile=SRGB,
        lossless=True,
    )
    back = images.read(data)
    assert (back.width, back.height, back.metadata.icc_profile) == (20, 24, SRGB)
    assert np.array_equal(next(iter(back.frames)), np.rot90(film(1)[0], -1))


@pytest.mark.parametrize("format", ["WEBP", "PNG", "AVIF", "GIF"])
def test_frames_are_taken_one_at_a_time(format: str) -> None:
    alive: list[int] = []

    def lazily() -> Iterator[np.ndarray]:
        for i, frame in enumerate(film(6)):
            alive.append(i)
            yield frame

    made = replace(animated(film(6), (40,) * 6), frames=lazily())
    data, _ = written(made, format)
    assert alive == list(range(6))
    read = images.read(data)
    assert read.animation is not None
    assert len(read.animation.durations_ms) == 6


def test_gif_time_does_not_drift() -> None:
    data, _ = written(animated(film(4), (33, 33, 34, 16)), "GIF")
    back = images.read(data).animation
    assert back is not None
    assert back.durations_ms == (30, 40, 30, 20)


@pytest.mark.parametrize("format", ["JPEG", "TIFF", "BMP"])
def test_an_animation_is_not_written_as_a_still(format: str) -> None:
    with pytest.raises(UsageError, match="PNG, WEBP, AVIF, GIF"):
        written(animated(film(), (40,) * 4), format)


def test_gif_colours_exact_when_they_fit_and_half_transparent_is_clear() -> None:
    array = np.array([[[255, 0, 0, 255], [3, 200, 7, 128], [9, 9, 9, 127]]], np.uint8)
    found = pixels(written(of(array), "GIF")[0])
    assert found[0, 0].tolist() == [255, 0, 0, 255]
    assert found[0, 1].tolist() == [3, 200, 7, 255]
    assert found[0, 2, 3] == 0
    few = (noise(40, 40, 3) // 64 * 80).astype(np.uint8)
    assert np.array_equal(pixels(written(of(few), "GIF")[0]), few)


# ---------------------------------------------------------------------------- bad input


def test_bad_paths(tmp_path: Path) -> None:
    empty = tmp_path / "empty.png"
    empty.touch()
    text = tmp_path / "text.png"
    text.write_text("not a picture\n")
    for path, says in (
        (tmp_path / "none.png", "no such file"),
        (tmp_path, "found a folder"),
        (empty, "empty file"),
        (text, "no known picture format"),
    ):
        for source in (path, str(path)):
            with pytest.raises(InputError, match=says) as error:
                images.read(source)
            assert one_line(error).startswith(str(path))


def test_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encoded(pil(smooth()), "PNG"))

    def refuse(*_: Any, **__: Any) -> Any:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputError, match="no permission"):
        images.read(path)


def test_content_counts_and_not_the_name(tmp_path: Path) -> None:
    path = tmp_path / "wröng 名.jpg"
    path.write_bytes(encoded(pil(smooth()), "PNG"))
    back = images.read(path)
    assert (back.format, back.notes) == ("PNG", ())
    assert np.array_equal(next(iter(back.frames)), smooth())


def whole_files() -> dict[str, bytes]:
    array = noise(60, 70, 3)
    files = {
        name: encoded(pil(array), name)
        for name in ("PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP", "AVIF", "TGA")
    }
    files["progressive"] = encoded(pil(array), "JPEG", progressive=True)
    files["JPEG2000"] = encoded(pil(array), "JPEG2000")
    files["deflate TIFF"] = encoded(pil(array), "TIFF", compression="tiff_adobe_deflate")
    files["PNG 16"] = written(of(noise(60, 70, 3, np.uint16)), "PNG")[0]
    files["TIFF 16"] = written(of(noise(60, 70, 3, np.uint16)), "TIFF")[0]
    plain = io.BytesIO()
    tifffile.imwrite(plain, noise(60, 70, 3, np.uint16), photometric="rgb")
    files["TIFF 16 plain"] = plain.getvalue()
    for name in ("GIF", "WEBP", "PNG", "AVIF"):
        frames = [noise(20, 24, 3) for _ in range(4)]
        files[f"animated {name}"] = written(animated(frames, (40,) * 4), name)[0]
    return files


@pytest.mark.parametrize("name", sorted(whole_files()))
def test_truncated_files_are_refused(name: str) -> None:
    data = whole_files()[name]
    list(images.read(data).frames)
    for share in (0.05, 0.3, 0.5, 0.8, 0.95):
        with pytest.raises(InputError) as error:
            list(images.read(data[: int(share * len(data))]).frames)
        one_line(error)


def bomb() -> bytes:
    """A PNG of a few bytes that says it has 10^10 pixels."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


@pytest.mark.filterwarnings("error")
def test_bombs_are_refused_before_decoding() -> None:
    with pytest.raises(InputError, match="at most") as error:
        images.read(bomb())
    assert "500,000,000 pixels" in one_line(error)
    assert "use a smaller picture" in one_line(error)
    assert "max_pixels" not in one_line(error)
    made = written(of(np.zeros((20, 20, 3), np.uint16)), "TIFF")[0]
    for data in (encoded(pil(smooth()), "PNG"), made):
        for limit in (399, 200, 100, 1):
            with pytest.raises(InputError, match="pixels"):
                images.read(data, max_pixels=limit)
    assert images.read(made, max_pixels=400).width == 20


@pytest.mark.filterwarnings("error")
def test_pillows_own_limit_neither_binds_nor_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    data = encoded(pil(smooth()), "PNG")
    errors: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(20):
                assert images.read(data).width == 32
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert Image.MAX_IMAGE_PIXELS == 10


def test_streams_are_read_without_seeking() -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *_: Any) -> int:
            raise io.UnsupportedOperation("seek")

    assert np.array_equal(pixels(Pipe(encoded(pil(smooth()), "PNG"))), smooth())


# ---------------------------------------------------------------------------- writing, all or nothing


class Full(io.FileIO):
    """A disk with room for a few bytes."""

    def write(self, data: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    def fileno(self) -> int:
        raise io.UnsupportedOperation("fileno")


@pytest.mark.parametrize("format", sorted(images.formats.WRITTEN))
@pytest.mark.parametrize("existed", [False, True])
def test_a_full_disk_leaves_everything_as_it_was(
    format: str, existed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out.bin"
    if existed:
        target.write_bytes(b"before")
    monkeypatch.setattr(atomic, "_File", Full)
    with pytest.raises(OutputError, match="no room left") as error:
        images.write(of(noise(50, 50, 3)), target, format=format, overwrite=True)
    assert one_line(error).startswith(str(target))
    assert [p.name for p in tmp_path.iterdir()] == (["out.bin"] if existed else [])
    assert not existed or target.read_bytes() == b"before"


@pytest.mark.parametrize("format", ["PNG", "GIF", "WEBP", "AVIF"])
@pytest.mark.parametrize("kind", [KeyboardInterrupt, ValueError, InputError])
def test_an_interrupt_midway_leaves_everything_as_it_was(
    format: str, kind: type[BaseException], tmp_path: Path
) -> None:
    target = tmp_path / "out.bin"
    target.write_bytes(b"before")

    def frames() -> Iterator[np.ndarray]:
        yield film(1)[0]
        raise kind("stop")

    made = replace(animated(film(3), (40,) * 3), frames=frames())
    with pytest.raises(kind, match="stop"):
        images.write(made, target, format=format, overwrite=True)
    assert [p.name for p in tmp_path.iterdir()] == ["out.bin"]
    assert target.read_bytes() == b"before"
    out = io.BytesIO()
    with pytest.raises(kind, match="stop"):
        images.write(replace(made, frames=frames()), out, format=format)
    assert out.getvalue() == b""


def test_existing_files_are_kept_unless_asked(tmp_path: Path) -> None:
    target = tmp_path / "out.png"
    made = of(noise(3, 3, 3))
    images.write(made, target)
    before = target.read_bytes()
    with pytest.raises(OutputError, match="exists already"):
        images.write(of(noise(4, 4, 3)), target)
    assert target.read_bytes() == before
    images.write(of(noise(4, 4, 3)), target, overwrite=True)
    assert images.read(target).width == 4
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_appears_while_we_work_is_not_overwritten(
    links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not links:

        def refuse(*_: Any) -> None:
            raise OSError(errno.EPERM, "no hard links here")

        monkeypatch.setattr(Path, "hardlink_to", refuse)
    target = tmp_path / "out.png"

    def frames() -> Iterator[np.ndarray]:
        target.write_bytes(b"theirs")
        yield noise(3, 3, 3)

    with pytest.raises(OutputError, match="exists already"):
        images.write(replace(of(noise(3, 3, 3)), frames=frames()), target)
    assert target.read_bytes() == b"theirs"
    assert len(list(tmp_path.iterdir())) == 1
    target.unlink()
    images.write(of(noise(3, 3, 3)), target)
    assert images.read(target).width == 3
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.skipif(os.name == "nt", reason="file modes are POSIX's")
def test_file_modes_follow_umask_or_the_file_replaced(tmp_path: Path) -> None:
    target = tmp_path / "out.png"
    before = os.umask(0o027)
    try:
        images.write(of(noise(3, 3, 3)), target)
    finally:
        os.umask(before)
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    target.chmod(0o604)
    images.write(of(noise(3, 3, 3)), target, overwrite=True)
    assert stat.S_IMODE(target.stat().st_mode) == 0o604


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_link_keeps_pointing_and_devices_are_refused(tmp_path: Path) -> None:
    real, link = tmp_path / "real.png", tmp_path / "link.png"
    images.write(of(noise(3, 3, 3)), real)
    link.symlink_to(real)
    images.write(of(noise(5, 5, 3)), link, overwrite=True)
    assert link.is_symlink()
    assert images.read(real).width == 5
    with pytest.raises(OutputError, match="plain file"):
        images.write(of(noise(3, 3, 3)), Path(os.devnull), format="PNG", overwrite=True)


def test_names_of_any_script(tmp_path: Path) -> None:
    target = tmp_path / "фото 写真 é'\" %s {}.webp"
    if sys.platform == "win32":
        target = tmp_path / "фото 写真 é.webp"
    images.write(of(noise(3, 3, 3)), target)
    assert images.read(target).format == "WEBP"


def test_check_target(tmp_path: Path) -> None:
    source, target = tmp_path / "in.png", tmp_path / "out.png"
    source.touch()
    images.check_target(target, [source], overwrite=False)
    cases: list[tuple[Path, bool, str]] = [
        (source, True, "the input itself"),
        (tmp_path / "." / "in.png", False, "the input itself"),
        (tmp_path, True, "found a folder"),
        (tmp_path / "none" / "out.png", False, "does not exist"),
        (source / "out.png", False, "not a folder|Not a directory"),
        (tmp_path / ("x" * 300 + ".png"), False, "name"),
    ]
    for path, overwrite, says in cases:
        with pytest.raises(OutputError, match=says) as error:
            images.check_target(path, [source], overwrite=overwrite)
        assert one_line(error).startswith(str(path))
    target.touch()
    with pytest.raises(OutputError, match="exists already"):
        images.check_target(target, [source], overwrite=False)
    images.check_target(target, [source], overwrite=True)
    assert target.exists()


def test_a_folder_that_may_not_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(OutputError, match="no permission to write"):
        images.check_target(tmp_path / "a.png", [], overwrite=False)


# ---------------------------------------------------------------------------- names, formats, Pillow


@pytest.mark.parametrize(
    ("path", "requested", "source", "expected"),
    [
        ("a.JPG", None, "PNG", "JPEG"),
        ("a.PNG", "png", "GIF", "PNG"),
        ("a.jpe", "jpeg", "GIF", "JPEG"),
        ("a", "png", "JPEG", "PNG"),
        ("a.tif", None, "PNG", "TIFF"),
        ("a", None, "WEBP", "WEBP"),
        ("a", None, "PSD", "PNG"),
        (None, None, "JPEG", "JPEG"),
        (None, "JPG", "PNG", "JPEG"),
        ("a.x", "avif", "PNG", "AVIF"),
    ],
)
def test_output_format(path: str | None, requested: str | None, source: str, expected: str) -> None:
    assert images.output_format(Path(path) if path else None, requested, source) == expected


def test_formats_that_cannot_be_written() -> None:
    for call in (
        lambda: images.output_format(Path("a.xyz"), None, "PNG"),
        lambda: images.output_format(Path("a.psd"), None, "PSD"),
        lambda: images.output_format(None, "heic", "PNG"),
        lambda: images.output_format(Path("a.jpg"), "png", "PNG"),
        lambda: images.output_format(Path("a.psd"), "png", "PNG"),
    ):
        with pytest.raises(UsageError, match=r"PNG|\.png"):
            call()


def test_picture_names() -> None:
    for name in ("a.png", "B.JPG", "c.jp2", "d.AVIF", "e.psd"):
        assert images.is_picture_name(Path(name))
    for name in ("Thumbs.db", ".DS_Store", "a.txt", "png", "._a.jpg", "a.pdf", "a.mp4"):
        assert not images.is_picture_name(Path(name))


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "I;16"])
def test_pillow_there_and_back(mode: str) -> None:
    channels = 1 if mode == "I;16" else len(mode)
    array = noise(7, 5, channels, np.uint16 if mode == "I;16" else np.uint8)
    image = pil(array)
    image.info |= {"icc_profile": profile(b"GRAY" if channels < 3 else b"RGB "), "dpi": (72.0, 72.0)}
    made = images.from_pil(image)
    back = images.to_pil(made)
    assert (back.mode, back.size) == (mode, (5, 7))
    assert back.tobytes() == image.tobytes()
    assert back.info["icc_profile"] == image.info["icc_profile"]
    assert back.info["dpi"] == (72.0, 72.0)


def test_deep_colour_is_rounded_for_pillow() -> None:
    assert images.to_pil(of(np.full((2, 2, 3), 65535, np.uint16))).getpixel((0, 0)) == (255, 255, 255)


def test_from_pil_and_read_agree(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    pil(smooth()).save(path, exif=exif_of(6), dpi=(300, 300), icc_profile=SRGB)
    with Image.open(path) as image:
        made = images.from_pil(image)
    read = images.read(path)
    assert np.array_equal(next(iter(made.frames)), next(iter(read.frames)))
    assert made.metadata == read.metadata


def test_importing_does_not_import_the_heavy_ones() -> None:
    import subprocess

    code = "import sys, genstudio.images; print({'torch', 'tifffile', 'imagecodecs'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_png_text_survives_pillow_written_files() -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("Title", "t", zip=True)
    info.add_itxt("Author", "ü", zip=True)
    assert images.read(encoded(pil(smooth()), "PNG", pnginfo=info)).metadata.text == {
        "Title": "t",
        "Author": "ü",
    }


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP"])
def test_the_size_is_told_without_decoding(format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turns = {"exif": exif} if format in ("PNG", "JPEG", "WEBP", "TIFF") else {}
    data = encoded(pil(smooth(24, 32)), format, **turns)
    decoded: list[tuple[int, int]] = []
    load = ImageFile.ImageFile.load

    def watched(self: Any) -> Any:
        decoded.append(self.size)
        return load(self)

    monkeypatch.setattr(ImageFile.ImageFile, "load", watched)
    assert images.size(data) == ((24, 32) if turns else (32, 24))
    assert all(max(size) == 1 for size in decoded)
    images.read(data)
    assert max(decoded[-1]) == 32  # so it would have been seen


def test_the_size_is_told_by_the_header_alone(tmp_path: Path) -> None:
    turned = Image.fromarray(smooth(24, 32))
    exif_of_turned = turned.getexif()
    exif_of_turned[0x0112] = 6
    whole = encoded(turned, "JPEG", exif=exif_of_turned)
    assert images.size(whole) == (24, 32) == images.read(whole).frames[0].shape[1::-1]  # type: ignore[index]
    assert images.size(whole[:-40]) == (24, 32)
    deep = io.BytesIO()
    tifffile.imwrite(deep, noise(10, 20, 3, np.uint16), photometric="rgb")
    assert images.size(deep.getvalue()) == (20, 10)
    with pytest.raises(InputError, match="expected at most 700 pixels"):
        images.size(whole, max_pixels=700)
    (tmp_path / "page.png").write_bytes(b"<html>")
    with pytest.raises(InputError, match=r"page\.png: expected a picture"):
        images.size(tmp_path / "page.png")


def test_text_of_any_alphabet_goes_into_a_tiff(tmp_path: Path) -> None:
    exif = Image.Exif()
    told = {270: "Zürich, 東京", 305: "Bildbearbeitung ä", 315: "Jürgen"}
    for tag, text in told.items():
        exif[tag] = text.encode("utf-8")
    picture = images.read(encoded(pil(smooth()), "JPEG", exif=exif))
    images.write(picture, tmp_path / "a.tif")
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        tags = file.pages.first.tags
        assert {tag: tags[tag].value for tag in told} == told


@pytest.mark.parametrize(("bits", "key"), [(1, 0), (1, 1), (2, 0), (2, 3), (4, 5), (4, 15)])
def test_a_transparent_grey_of_few_bits(bits: int, key: int) -> None:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 64 // bits, 1, bits, 0, 0, 0, 0))
    row = b"\0" + bytes([0, 0x55, 0xFF, 0, 0x55, 0xFF, 0x1B, 0xE4])
    body = chunk(b"tRNS", struct.pack(">H", key)) + chunk(b"IDAT", zlib.compress(row))
    data = b"\x89PNG\r\n\x1a\n" + header + body + chunk(b"IEND", b"")
    theirs = imagecodecs.png_decode(data)
    assert (theirs[..., 1] == 0).any()
    assert np.array_equal(next(iter(images.read(data).frames)), theirs)


def test_a_png_wider_than_its_library_allows_is_refused_at_once() -> None:
    wide = images.from_pil(Image.new("L", (1_000_001, 1)))
    with pytest.raises(OutputError, match=r"PNG holds at most 1000000 pixels a side.*write TIFF"):
        images.write(wide, io.BytesIO(), format="png")


@pytest.mark.parametrize(
    ("inserted", "note"),
    [
        ([(b"cICP", bytes([12, 13, 0, 1]))], "its colours are Display P3, by numbers that are not kept"),
        ([(b"cICP", bytes([9, 16, 0, 1]))], "its colours are BT.2020 PQ"),
        ([(b"gAMA", struct.pack(">I", 100_000))], "its colours are of gamma 1,"),
        ([(b"cICP", bytes([1, 13, 0, 1]))], None),
        ([(b"gAMA", struct.pack(">I", 45455))], None),
        ([(b"gAMA", struct.pack(">I", 100_000)), (b"sRGB", b"\0")], None),
        ([(b"iCCP", b"p\0\0" + zlib.compress(SRGB)), (b"cICP", bytes([12, 13, 0, 1]))], None),
    ],
)
@pytest.mark.parametrize("deep", [False, True])
def test_colours_told_by_numbers_are_not_lost_in_silence(
    inserted: list[tuple[bytes, bytes]], note: str | None, deep: bool
) -> None:
    data = imagecodecs.png_encode(noise(4, 5, 3, np.uint16 if deep else np.uint8))
    data = data[:33] + b"".join(chunk(*each) for each in inserted) + data[33:]
    notes = images.read(data).notes
    assert [note in each for each in notes] == [True] if note else not notes


def test_colours_of_avif() -> None:
    data = encoded(pil(smooth()), "AVIF")
    at = data.find(b"colrnclx")
    assert at > 0
    assert not images.read(data).notes
    wide = data[: at + 8] + struct.pack(">HH", 12, 13) + data[at + 12 :]
    assert "its colours are Display P3" in images.read(wide).notes[0]
    profiled = encoded(pil(smooth()), "AVIF", icc_profile=SRGB)
    assert not images.read(profiled).notes


def test_a_preview_is_not_taken_for_the_picture() -> None:
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        writer.write(noise(10, 12, 3), photometric="rgb", subfiletype=1, subifds=1)
        writer.write(noise(20, 24, 3), photometric="rgb")
    for ask in (images.read, images.size):
        with pytest.raises(InputError, match="found a camera raw or the like"):
            ask(file.getvalue())


def test_pictures_of_kinds_that_are_not_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "IMG_1.HEIC").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0")
    with pytest.raises(InputError, match=r"IMG_1\.HEIC: HEIC is not read; convert it to JPEG"):
        images.read(tmp_path / "IMG_1.HEIC")
