"""Any folder of pictures, prepared once: centre squares of one size, in one memory-mapped file.

A folder with a folder for each class, or with mosaics, or the name of one of torchvision's sets is read by
`data.labelled`; of a set that says so itself the training part counts. Any other folder is searched
recursively and has no classes. What cannot be read is named, counted and left out.
"""

import contextlib
import hashlib
import json
import logging
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from genstudio import images
from genstudio.data.labelled import BY_NAME, FOLDERS, PartName, open_labelled
from genstudio.data.square import Pixels, read_squares
from genstudio.errors import InputError
from genstudio.images.atomic import as_output_error

log = logging.getLogger("genstudio")


@dataclass(frozen=True)
class PictureSet:
    """Pictures (N, side, side, 3) uint8; labels (N,) int64, places in `classes`, or 0 where there are
    none."""

    pixels: Pixels
    labels: npt.NDArray[np.int64]
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.pixels)


def open_pictures(where: Path, cache: Path, side_px: int, *, download: bool = False) -> PictureSet:
    """The pictures in a folder (or of a set called `where`) as squares of `side_px`, prepared on first use.

    Args:
        cache: where prepared sets are kept; each is a folder named by its content's key.
        download: fetch a set that is known by its name.

    Raises:
        InputError: no such folder or set, or no picture in it that can be read.
    """
    if not where.is_dir():
        if str(where) not in BY_NAME:
            raise InputError(
                f"expected a folder of pictures or {', '.join(BY_NAME)}, found neither at {where}; see --data"
            )
        part = open_labelled(where, side_px, download=download)
        return PictureSet(part.part("train").pixels.numpy(), part.part("train").labels.numpy(), part.classes)
    files = sorted(f for f in where.rglob("*") if f.is_file() and not f.name.startswith("."))
    listing = [(f.relative_to(where).as_posix(), f.stat().st_size, f.stat().st_mtime_ns) for f in files]
    about = ["squares", str(where.resolve()), side_px, listing]
    home = cache / hashlib.sha256(json.dumps(about).encode()).hexdigest()[:16]
    if not home.exists():
        # Prepared beside its place and renamed into it: never half there, and two processes may both do it.
        partial = cache / f"{home.name}.{os.getpid()}.part"
        partial.mkdir(parents=True)
        try:
            with as_output_error(f"{cache} (the pictures prepared for training)"):
                if _has_classes(where):
                    _prepare_labelled(where, side_px, partial)
                else:
                    _prepare_flat(where, files, side_px, partial)
            with contextlib.suppress(OSError):  # another process was first: its set is as good
                partial.rename(home)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    labels = np.load(home / "labels.npy")
    pixels = np.memmap(home / "pixels.u8", np.uint8, mode="r", shape=(len(labels), side_px, side_px, 3))
    return PictureSet(pixels, labels, tuple(json.loads((home / "classes.json").read_text("utf-8"))))


def _has_classes(where: Path) -> bool:
    """Whether there are mosaics, or at least two folders with pictures and none beside them."""
    if (where / "labels.csv").is_file():
        return True
    part = next((where / name for name in FOLDERS["train"] if (where / name).is_dir()), where)
    folders = [f for f in part.iterdir() if f.is_dir() and not f.name.startswith(".")]
    return not any(map(images.is_picture_name, part.iterdir())) and (
        sum(any(map(images.is_picture_name, folder.rglob("*"))) for folder in folders) > 1
    )


def _prepare_labelled(where: Path, side_px: int, home: Path) -> None:
    found = open_labelled(where, side_px)
    parts = [found.part(name) for name in _parts(where)]
    np.concatenate([part.pixels.numpy() for part in parts]).tofile(home / "pixels.u8")
    np.save(home / "labels.npy", np.concatenate([part.labels.numpy() for part in parts]))
    (home / "classes.json").write_text(json.dumps(found.classes), "utf-8")


def _parts(where: Path) -> tuple[PartName, ...]:
    """What is taken of a set with classes: all of one that says nothing of parts, for nothing is tested."""
    if where.resolve().name in FOLDERS["test"]:
        return ("test",)
    known = {name for names in FOLDERS.values() for name in names}
    divided = known & {where.resolve().name, *(f.name for f in where.iterdir())}
    return ("train",) if divided or (where / "labels.csv").is_file() else ("train", "test")


def _prepare_flat(where: Path, files: list[Path], side_px: int, home: Path) -> None:
    candidates = [f for f in files if images.is_picture_name(f)]
    count = 0
    with (home / "pixels.u8").open("wb") as store:
        for pixels in read_squares(candidates, side_px):
            if isinstance(pixels, InputError):
                log.warning("left out: %s", pixels)
            else:
                store.write(pixels.tobytes())
                count += 1
    if not count:
        raise InputError(
            f"expected pictures in {where}, found none to be read among {len(files)} files; check --data"
        )
    if count < len(candidates):
        log.warning("%s: %d of %d pictures left out", where, len(candidates) - count, len(candidates))
    np.save(home / "labels.npy", np.zeros(count, np.int64))
    (home / "classes.json").write_text("[]", "utf-8")
