"""Picture files of any size, depth and channels: exact where the format is, and never half-read."""

import io
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from genstudio import images
from genstudio.errors import InputError

quick = settings(max_examples=40, deadline=None)
sizes = st.integers(1, 40)


@st.composite
def arrays(draw: st.DrawFn) -> np.ndarray:
    dtype: Any = draw(st.sampled_from([np.uint8, np.uint16]))
    return draw(hnp.arrays(dtype, (draw(sizes), draw(sizes), draw(st.integers(1, 4)))))


def of(array: np.ndarray) -> images.Picture:
    height, width, channels = array.shape
    return images.Picture(width, height, channels, array.dtype, (array,))


def encoded(array: np.ndarray, format: str) -> bytes:
    file = io.BytesIO()
    images.write(of(array), file, format=format)
    return file.getvalue()


@quick
@given(arrays(), st.sampled_from(["PNG", "TIFF"]))
def test_lossless_formats_are_exact(array: np.ndarray, format: str) -> None:
    back = images.read(encoded(array, format))
    assert back.dtype == array.dtype
    assert np.array_equal(next(iter(back.frames)), array)


@quick
@given(arrays())
def test_pillow_there_and_back(array: np.ndarray) -> None:
    back = next(iter(images.from_pil(images.to_pil(of(array))).frames))
    if array.dtype == np.uint8 or array.shape[2] == 1:
        assert np.array_equal(back, array)
    else:
        assert np.array_equal(back, np.rint(array / 257).astype(np.uint8))


@quick
@given(arrays(), st.sampled_from(sorted(images.formats.WRITTEN)))
def test_every_picture_fits_every_format(array: np.ndarray, format: str) -> None:
    back = images.read(encoded(array, format))
    assert (back.height, back.width) == array.shape[:2]
    assert next(iter(back.frames)).shape == (back.height, back.width, back.channels)


@quick
@given(arrays(), st.sampled_from(["PNG", "TIFF", "JPEG", "WEBP", "GIF"]), st.data())
def test_damaged_files_raise_one_line_or_read(array: np.ndarray, format: str, data: st.DataObject) -> None:
    whole = bytearray(encoded(array, format))
    for _ in range(3):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    said = ""
    try:
        list(images.read(bytes(whole), max_pixels=1_000_000).frames)
    except InputError as error:
        said = str(error)
    assert "\n" not in said
