"""What each written format can hold, what files are called, and refusals before any work is done."""

import functools
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from genstudio.errors import OutputError, UsageError


@dataclass(frozen=True)
class Format:
    """A format that is written; its name is Pillow's."""

    suffixes: tuple[str, ...]
    max_side_px: int = 2**31 - 1
    grey: bool = True
    alpha: bool = True
    deep: bool = False  # 16 bits a channel
    animated: bool = False
    lossless: str = "always"  # or "on request", or "never"
    keeps: frozenset[str] = frozenset()  # of Metadata's fields; "comment": of its text, only that


_ALL = frozenset({"icc_profile", "exif", "xmp", "dpi"})

# not JPEG 2000: Pillow never returns from writing it to a full disk
WRITTEN = {
    # libpng's own limit
    "PNG": Format((".png", ".apng"), 1_000_000, deep=True, animated=True, keeps=_ALL | {"text"}),
    "JPEG": Format(
        (".jpg", ".jpeg", ".jpe", ".jfif"),
        65535,
        alpha=False,
        lossless="never",
        keeps=_ALL | {"comment", "iptc"},
    ),
    "WEBP": Format((".webp",), 16383, grey=False, animated=True, lossless="on request", keeps=_ALL - {"dpi"}),
    "TIFF": Format((".tif", ".tiff"), deep=True, keeps=_ALL | {"iptc", "geo"}),
    # AV1 goes to 65536, but its common decoders refuse more than 32768 a side
    "AVIF": Format((".avif",), 32768, grey=False, animated=True, lossless="on request", keeps=_ALL - {"dpi"}),
    "GIF": Format((".gif",), 65535, animated=True, lossless="never", keeps=frozenset({"comment"})),
    "BMP": Format((".bmp", ".dib"), alpha=False, keeps=frozenset({"dpi"})),
    "TGA": Format((".tga",), 65535),
    "PPM": Format((".ppm", ".pgm", ".pnm"), alpha=False),
}

TIFF_COMPRESSIONS = ("deflate", "lzw", "zstd", "none")
_NAMES = {"JPG": "JPEG", "TIF": "TIFF", "APNG": "PNG"} | {name: name for name in WRITTEN}
_SUFFIXES = {suffix: name for name, row in WRITTEN.items() for suffix in row.suffixes}
# Pillow registers these, but only to say that it cannot decode them; and EPS is a program, which Pillow has
# Ghostscript run.
NOT_READ = frozenset({"BUFR", "GRIB", "HDF5", "MPEG", "WMF", "PDF", "EPS"})


@functools.cache
def readable_suffixes() -> frozenset[str]:
    """Lower-case suffixes, with the dot, of the formats that can be read."""
    known = Image.registered_extensions()
    return frozenset(s for s, name in known.items() if name in Image.OPEN and name not in NOT_READ)


def is_picture_name(path: Path) -> bool:
    """Whether a file found in a folder is to be taken for a picture (Thumbs.db, .DS_Store, ._x.jpg are not).

    A file that is named outright is read by its content, whatever it is called.
    """
    return path.suffix.lower() in readable_suffixes() and not path.name.startswith("._")


def output_format(path: Path | None, requested: str | None, source_format: str) -> str:
    """The format to write: the one requested, else by the file's suffix, else the input's, else PNG.

    Raises UsageError for a format or suffix that cannot be written, and for a suffix of another format than
    the one requested.
    """
    if requested is not None:
        name = _NAMES.get(requested.upper().lstrip("."))
        if name is None:
            raise UsageError(f"cannot write the format {requested!r}; choose one of {', '.join(WRITTEN)}")
        own = WRITTEN[name].suffixes
        if path is not None and path.suffix.lower() in readable_suffixes().difference(own):
            raise UsageError(
                f"{path}: expected a name ending in {' or '.join(own)} for --format {requested}, found "
                f"{path.suffix}; change one of them"
            )
        return name
    if path is not None and path.suffix:
        name = _SUFFIXES.get(path.suffix.lower())
        if name is None:
            raise UsageError(
                f"{path}: cannot write {path.suffix!r} files; end its name in one of {' '.join(_SUFFIXES)}"
            )
        return name
    return source_format if source_format in WRITTEN else "PNG"


def check_fits(
    name: str, width: int, height: int, animated: bool, where: str, *, lossless: bool = False
) -> None:
    """Refuses a picture that the format `name` cannot hold, which is known before it is made.

    Raises UsageError for an animation in a format without, and for `lossless` in a format that never is;
    OutputError for too many pixels a side.
    """
    row = WRITTEN[name]
    if lossless and (row.lossless == "never" or (animated and name == "AVIF")):
        able = "PNG or WEBP" if animated else "PNG, WEBP, AVIF or TIFF"
        found = "an animation as AVIF" if animated and name == "AVIF" else name
        raise UsageError(f"{where}: expected a format without loss, found {found}; write {able}")
    if animated and not row.animated:
        able = ", ".join(name for name, row in WRITTEN.items() if row.animated)
        raise UsageError(f"{where}: {name} holds no animation; write one of {able}")
    if max(width, height) > row.max_side_px:
        raise OutputError(
            f"{where}: {name} holds at most {row.max_side_px} pixels a side, found {width} x {height}; "
            "write TIFF"
        )


def check_target(target: Path, sources: Iterable[Path], overwrite: bool) -> None:
    """Refuses what cannot be written in the end, before hours of work. Changes nothing.

    Raises OutputError if the target is one of the sources (even if overwriting: a source is never harmed),
    exists and is not to be overwritten, is no file, or its folder is missing or cannot be written.
    """
    folder = target.parent
    try:
        if target.is_dir():
            raise OutputError(f"{target}: expected a file to write, found a folder; name a file in it")
        if target.exists():
            for source in sources:
                if source.exists() and target.samefile(source):
                    raise OutputError(f"{target}: the output is the input itself; choose another name")
            if not target.is_file():
                raise OutputError(f"{target}: not a plain file; use - for standard output")
            if not overwrite:
                raise OutputError(
                    f"{target}: exists already; choose another name, or overwrite it (--overwrite)"
                )
        if not folder.exists():
            raise OutputError(f"{target}: the folder {folder} does not exist; create it first")
        if not folder.is_dir():
            raise OutputError(f"{target}: {folder} is not a folder; choose another place")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise OutputError(f"{target}: no permission to write in {folder}; choose another folder")
    except OSError as error:  # a name too long, a folder on the way that may not be entered
        raise OutputError(f"{target}: {error.strerror or error}; choose another name or folder") from error
