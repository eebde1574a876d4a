"""What each format does to pixels and films, and reasons that name what was found."""

import contextlib
import io
import struct
import subprocess
import sys
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from blocks import encoded, of, ramp, written
from PIL import Image

from genstudio import images
from genstudio.errors import InputError, UsageError

RNG = np.random.default_rng(3)


def noise(height: int, width: int, channels: int, dtype: Any = np.uint8) -> np.ndarray:
    return RNG.integers(0, np.iinfo(dtype).max, (height, width, channels), dtype, endpoint=True)


def only(source: Any) -> np.ndarray:
    (frame,) = images.read(source).frames
    return np.asarray(frame)


def film(frames: list[np.ndarray], durations: tuple[int, ...], loop: int = 0, **more: Any) -> images.Picture:
    return replace(of(frames[0], animation=images.Animation(durations, loop), **more), frames=iter(frames))


# ---------------------------------------------------------------------------- sizes


@pytest.mark.parametrize("format", ["TIFF", "GIF", "PNG", "WEBP"])
def test_our_limit_on_pixels_counts_and_not_pillows(format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = [Image.fromarray(ramp()), Image.fromarray(ramp()[::-1])]
    many = {"save_all": True, "append_images": frames[1:], "duration": 50} if format != "TIFF" else {}
    file = io.BytesIO()
    frames[0].save(file, format, **many)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)  # which is less than a sixth of these
    picture = images.read(file.getvalue(), max_pixels=10_000)
    assert sum(1 for _ in picture.frames) == (2 if many else 1)
    written(picture, format)
    assert Image.MAX_IMAGE_PIXELS == 100
    with pytest.raises(InputError, match="expected at most 1,000 pixels"):
        images.read(file.getvalue(), max_pixels=1_000)


def test_large_profiles_and_texts_of_a_png_are_read() -> None:
    big = RNG.integers(0, 256, 1_500_000, np.uint8).tobytes()
    profile = big[:16] + b"RGB " + big[20:]
    text = b"a text " * 300_000
    png = encoded("PNG")
    data = png[:33]
    for kind, body in (
        (b"iCCP", b"p\0\0" + zlib.compress(profile)),
        (b"zTXt", b"Title\0\0" + zlib.compress(text)),
    ):
        data += struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    picture = images.read(data + png[33:])
    assert picture.metadata.icc_profile == profile
    assert picture.metadata.text == {"Title": text.decode()}
    assert picture.notes == ()


# ---------------------------------------------------------------------------- reasons


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "PostScript is not read"),
        ("a.png", b"\xc5\xd0\xd3\xc6" + b"\0" * 40, "PostScript is not read"),
        ("photo.jpg", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC is not read"),
        ("photo.jpg", b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "HEIF is not read"),
        ("a.png", b"\xff\x0a\xfa\x7f\x01", "JPEG XL is not read"),
        ("a.jpg", b"%PDF-1.7\n", "PDF is not read"),
        ("a.png", b'<?xml version="1.0"?>\n<svg xmlns="x">', "SVG is not read"),
        ("a.jpg", b"<!DOCTYPE html><html>", "expected a picture, found a web page"),
        ("a.jpg", b"PK\x03\x04" + b"\0" * 30, "expected a picture, found a ZIP archive"),
        ("a.gif", b"\0\0\0\x18ftypmp42\0\0\0\0", "expected a picture, found a film"),
    ],
)
def test_what_is_not_read_is_named_by_its_content(
    name: str, data: bytes, reason: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(data)
    for ask in (images.read, images.size):
        with pytest.raises(InputError, match=reason) as error:
            ask(tmp_path / name)
        assert "damaged" not in str(error.value)


def test_postscript_never_reaches_ghostscript(monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import EpsImagePlugin

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("Ghostscript was run")

    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", refuse)
    eps = encoded("EPS")
    for data in (eps, b"\n" + eps, b"\xc5\xd0\xd3\xc6" + struct.pack("<II", 30, len(eps)) + b"\0" * 18 + eps):
        with pytest.raises(InputError):
            images.read(data)
    for suffix in (".eps", ".ps"):
        assert not images.is_picture_name(Path("a" + suffix))


def test_words_of_a_decoders_own_trouble_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> Any:
        raise TypeError("unsupported operand type(s) for +: 'int' and 'NoneType'")

    monkeypatch.setattr(sys.modules["genstudio.images.read"], "pixels", fails)
    with pytest.raises(InputError, match=r"^input: damaged or truncated; get a whole copy of the file$"):
        images.read(encoded("PNG"))


# ---------------------------------------------------------------------------- TIFF of other kinds


@pytest.mark.parametrize("compression", ["webp", "jpegxl", "lerc", "zstd", "lzma", "packbits", "jpeg2000"])
def test_tiffs_of_many_compressions_are_read(compression: str) -> None:
    array = ramp(64, 80)
    file = io.BytesIO()
    lossless = {"webp": {"lossless": True}, "jpegxl": {"lossless": True}, "jpeg2000": {"level": 0}}
    tifffile.imwrite(
        file, array, photometric="rgb", compression=compression, compressionargs=lossless.get(compression)
    )
    picture = images.read(file.getvalue())
    assert np.array_equal(next(iter(picture.frames)), array)
    assert images.size(file.getvalue()) == (80, 64)


@pytest.mark.parametrize("bits", [2, 4])
@pytest.mark.parametrize("channels", [1, 3])
def test_tiffs_of_few_bits_fill_all_8(bits: int, channels: int) -> None:
    array = noise(9, 11, channels) >> (8 - bits)
    model = "minisblack" if channels == 1 else "rgb"
    file = io.BytesIO()
    tifffile.imwrite(file, array.squeeze(), photometric=model, bitspersample=bits)
    assert np.array_equal(only(file.getvalue()), array * np.uint8(255 // (2**bits - 1)))


def test_one_bit_is_read_as_grey_alone() -> None:
    array = noise(9, 11, 3) > 127
    file = io.BytesIO()
    tifffile.imwrite(file, array[..., 0], photometric="minisblack")
    assert np.array_equal(only(file.getvalue())[..., 0], array[..., 0] * np.uint8(255))
    file = io.BytesIO()
    tifffile.imwrite(file, array, photometric="rgb")
    with pytest.raises(InputError, match="expected 8 bits a channel, found 1-bit pixels of several"):
        images.read(file.getvalue())


def test_colours_that_cannot_be_told_are_named_and_not_guessed() -> None:
    file = io.BytesIO()
    tifffile.imwrite(file, ramp(), photometric="cielab", compression="lerc")
    with pytest.raises(InputError, match="expected grey or RGB in such a TIFF, found CIELAB"):
        images.read(file.getvalue())


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 5, 1), (5, 1, 1), (5, 4, 1), (1, 5, 3), (5, 1, 2)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_arrays_of_any_strides_are_written(shape: tuple[int, int, int], dtype: Any) -> None:
    array = np.lib.stride_tricks.as_strided(noise(*shape, dtype), shape, strides_of(shape, dtype))
    for format in ("PNG", "TIFF"):
        assert np.array_equal(only(written(of(array), format)[0]), array)
    deep = b"P5 4 3 65535\n" + noise(3, 4, 1, np.uint16).astype(">u2").tobytes()
    assert np.array_equal(only(written(images.read(deep), "PNG")[0]), only(deep))


def strides_of(shape: tuple[int, int, int], dtype: Any) -> tuple[int, ...]:
    """Those of an array in C order, but 0 along axes of length 1, where it makes no difference."""
    usual = np.zeros(shape, dtype).strides
    return tuple(stride if length > 1 else 0 for stride, length in zip(usual, shape, strict=True))


def test_an_unknown_compression_is_named() -> None:
    file = io.BytesIO()
    tifffile.imwrite(file, ramp(), photometric="rgb")
    data = bytearray(file.getvalue())
    at = data.find(struct.pack("<HHI", 259, 3, 1))
    data[at + 8 : at + 10] = struct.pack("<H", 34666)
    with pytest.raises(InputError, match=r"TIFF compressed by \S*34666\S* is not read") as error:
        images.read(bytes(data))
    assert "damaged" not in str(error.value)


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_tiffs_between_8_and_16_bits_fill_all_16(bits: int) -> None:
    array = np.array([[0, 1, 2**bits - 1, 2 ** (bits - 1)]] * 3, np.uint16)
    file = io.BytesIO()
    tifffile.imwrite(file, array, photometric="minisblack", bitspersample=bits)
    found = only(file.getvalue())
    assert found.dtype == np.uint16
    assert np.array_equal(found[:, :, 0], np.rint(array / (2**bits - 1) * 65535).astype(np.uint16))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_further_channels_are_left_out_with_a_note(dtype: Any, planar: Any) -> None:
    array = noise(9, 11, 5, dtype)
    stored = array if planar == "contig" else np.moveaxis(array, 2, 0)
    file = io.BytesIO()
    tifffile.imwrite(file, stored, photometric="rgb", planarconfig=planar, extrasamples=[0, 0], metadata=None)
    picture = images.read(file.getvalue())
    assert picture.notes == ("2 channel(s) beyond colour and alpha, of no told meaning: left out",)
    assert np.array_equal(next(iter(picture.frames)), array[:, :, :3])
    file = io.BytesIO()
    tifffile.imwrite(file, array[:, :, :4], photometric="rgb", extrasamples=[0], metadata=None)
    assert images.read(file.getvalue()).notes[0].startswith("1 channel(s)")
    file = io.BytesIO()
    tifffile.imwrite(
        file, np.moveaxis(array, 2, 0), photometric="minisblack", planarconfig="separate", metadata=None
    )
    assert images.read(file.getvalue()).notes[0].startswith("4 channel(s)") or "5 pages" in str(
        images.read(file.getvalue()).notes
    )


@pytest.mark.parametrize("compression", ["deflate", "lzw", "zstd", "none"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_compressions_of_tiff_are_exact(compression: str, dtype: Any) -> None:
    array = noise(30, 40, 3, dtype)
    data, _ = written(of(array), "TIFF", compression=compression)
    assert np.array_equal(only(data), array)
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        found = file.pages.first.compression
        assert found == {"deflate": 8, "lzw": 5, "zstd": 50000, "none": 1}[compression]


def test_an_unknown_compression_for_tiff_is_refused() -> None:
    with pytest.raises(UsageError, match="expected one of deflate, lzw, zstd, none for TIFF, found 'jpeg'"):
        written(of(ramp()), "TIFF", compression="jpeg")


def test_libtiff_says_nothing_of_its_own(capfd: pytest.CaptureFixture[str]) -> None:
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "group4"):
        file = io.BytesIO()
        image = Image.fromarray(noise(40, 50, 3))
        (image.convert("1") if compression == "group4" else image).save(file, "TIFF", compression=compression)
        data = bytearray(file.getvalue())
        data[60:-200:7] = b"\xff" * len(data[60:-200:7])
        with contextlib.suppress(InputError):  # a fax is read, with holes
            images.read(bytes(data))
    assert capfd.readouterr().err == ""


# ---------------------------------------------------------------------------- without loss


@pytest.mark.parametrize("format", ["WEBP", "AVIF"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_lossless_is_exact_and_stays_so(format: str, channels: int) -> None:
    array = noise(33, 21, channels)
    told = images.Metadata(xmp=b"<a/>", text={})
    data, notes = written(of(array, metadata=told), format, lossless=True)
    assert notes == ()
    picture = images.read(data)
    assert picture.lossless
    assert picture.metadata.xmp == b"<a/>"
    colour = array if channels > 2 else np.concatenate([array[:, :, :1]] * 3 + [array[:, :, 1:]], 2)
    assert np.array_equal(next(iter(picture.frames)), colour)
    again = images.read(written(picture, format)[0])  # as in: --amount 0
    assert again.lossless
    assert np.array_equal(next(iter(again.frames)), colour)
    assert not images.read(written(picture, format, lossless=False)[0]).lossless
    assert not images.read(written(replace(picture, lossless=False), format)[0]).lossless


def test_lossless_films() -> None:
    frames = [noise(20, 24, 4) for _ in range(3)]
    data, _ = written(film(frames, (40, 50, 60), 2), "WEBP", lossless=True)
    picture = images.read(data)
    assert picture.lossless
    again = images.read(written(picture, "WEBP")[0])
    assert again.lossless
    for frame, original in zip(again.frames, frames, strict=True):
        seen = original[:, :, 3] > 0
        assert np.array_equal(frame[seen], original[seen])


@pytest.mark.parametrize("format", ["JPEG", "GIF"])
def test_formats_that_are_never_lossless_say_so(format: str) -> None:
    with pytest.raises(UsageError, match=f"expected a format without loss, found {format}; write PNG, WEBP"):
        written(of(ramp()), format, lossless=True)
    for format in ("PNG", "TIFF", "BMP", "TGA", "PPM"):
        assert np.array_equal(only(written(of(ramp()), format, lossless=True)[0]), ramp())


def test_an_avif_film_is_never_lossless() -> None:
    with pytest.raises(UsageError, match="found an animation as AVIF; write PNG or WEBP"):
        written(film([ramp(), ramp()[::-1]], (40, 40)), "AVIF", lossless=True)


# ---------------------------------------------------------------------------- films


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "AVIF"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_films_of_equal_frames_stay_films(format: str, channels: int) -> None:
    frame = (ramp(20, 24, channels) // 64 * 64).astype(np.uint8)
    if channels == 4:
        frame[:, :12, 3], frame[:, 12:, 3] = 255, 0
    told = images.Metadata(text={"Comment": "c"}) if format == "GIF" else images.Metadata(xmp=b"<a/>")
    data, _ = written(film([frame] * 4, (50, 60, 70, 20), 3, metadata=told), format)
    back = images.read(data)
    assert back.animation is not None
    assert sum(back.animation.durations_ms) == 200
    assert back.animation.loop == 3
    assert (back.metadata.text, back.metadata.xmp) == (told.text, told.xmp)
    for found in back.frames:
        if channels == 4:
            assert (found[:, 12:, 3] == 0).all()
            assert (found[:, :12, 3] == 255).all()
        elif format in ("GIF", "PNG"):
            assert np.array_equal(found, frame)


def test_a_long_stillness_in_a_gif() -> None:
    frames = [ramp(8, 8)] * 3 + [ramp(8, 8)[::-1]]
    back = images.read(written(film(frames, (400_000, 400_000, 400_000, 100)), "GIF")[0])
    assert back.animation is not None
    assert len(back.animation.durations_ms) >= 2


@pytest.mark.parametrize("loop", [0, 1, 2, 7])
def test_an_avif_tells_how_often_it_plays(loop: int) -> None:
    frames = [ramp(16, 16), ramp(16, 16)[::-1], ramp(16, 16)[:, ::-1]]
    back = images.read(written(film(frames, (50, 60, 70), loop), "AVIF")[0])
    assert back.animation is not None
    assert back.animation.loop == loop
    assert back.animation.durations_ms == (50, 60, 70)


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG"])
def test_more_plays_than_a_format_counts(format: str) -> None:
    back = images.read(written(film([ramp(), ramp()[::-1]], (40, 40), 100_000), format)[0])
    assert back.animation is not None
    assert back.animation.loop >= 65_535


def test_reading_starts_without_the_heavy_ones() -> None:
    code = "import sys, genstudio.images; print({'torch', 'tifffile', 'imagecodecs'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
