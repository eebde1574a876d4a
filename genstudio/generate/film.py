"""Frames to a film: an animated picture, or MP4 where PyAV is installed."""

import importlib
import itertools
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from genstudio import images
from genstudio.errors import UsageError
from genstudio.generate.sampling import Pixels
from genstudio.images import Animation, Metadata, Picture
from genstudio.images.atomic import replacing

FRAMES_PER_SECOND = 30
_SUFFIXES = (".gif", ".webp", ".png", ".apng", ".avif", ".mp4")


def is_film_name(target: Path) -> bool:
    return target.suffix.lower() in _SUFFIXES


def check(target: Path) -> None:
    """Refuses a name no film can be written to, before it is made. Raises UsageError."""
    if not is_film_name(target):
        raise UsageError(
            f"{target}: expected a film, {' '.join(_SUFFIXES)}, found {target.suffix!r}; see OUT"
        )
    if target.suffix.lower() == ".mp4":
        _av()


def write(
    frames: Iterable[Pixels], count: int, size: int, target: Path, text: dict[str, str], *, overwrite: bool
) -> None:
    """Write `count` frames (size, size, 3) to `target`, in the format of its suffix; whole or not at all.

    Raises UsageError as `check` does, OutputError where it cannot be written.
    """
    if target.suffix.lower() == ".mp4":
        _write_mp4(frames, size, target, text, overwrite)
        return
    ends = [round(1000 * k / FRAMES_PER_SECOND) for k in range(count + 1)]
    film = Animation(tuple(b - a for a, b in itertools.pairwise(ends)), loop=0)
    metadata = Metadata(text=text if target.suffix.lower() in (".png", ".apng") else {})
    picture = Picture(size, size, 3, np.dtype(np.uint8), frames, metadata=metadata, animation=film)
    images.write(picture, target, overwrite=overwrite)


def _write_mp4(
    frames: Iterable[Pixels], size: int, target: Path, text: dict[str, str], overwrite: bool
) -> None:
    av = _av()
    with replacing(target, overwrite) as file, av.open(file, "w", format="mp4") as container:
        container.metadata["comment"] = " ".join(f"{key}={value}" for key, value in text.items())
        stream = container.add_stream("h264", rate=FRAMES_PER_SECOND, options={"crf": "14"})
        stream.width = stream.height = size
        stream.pix_fmt = "yuv420p"  # what every player knows
        stream.codec_context.time_base = Fraction(1, FRAMES_PER_SECOND)
        for pixels in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())


def _av() -> Any:
    try:
        return importlib.import_module("av")
    except ImportError:
        raise UsageError(
            "expected PyAV for MP4, found none; pip install 'genstudio[video]', or end OUT in .webp or .gif"
        ) from None
