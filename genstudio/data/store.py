"""A folder of pictures, decoded once into one memory-mapped file; crops are then plain memory reads.

The store lies in the user's cache, keyed by the folder's file names, sizes and dates, so that a second run
starts at once and a changed folder is decoded anew. Pictures that cannot be read are named, skipped and
never fatal.
"""

import contextlib
import hashlib
import json
import logging
import os
import shutil
from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import platformdirs
from PIL import Image

from genstudio import images
from genstudio.data.square import Pixels, on_white, said
from genstudio.errors import InputError
from genstudio.images.atomic import as_output_error

log = logging.getLogger("genstudio")

MOST_SHRUNK = 3


@dataclass(frozen=True)
class Entry:
    """One picture of the store: (height, width, 3) values from `offset` on."""

    name: str
    height: int
    width: int
    offset: int


class PictureStore:
    """RGB pictures, uint8 (height, width, 3), as views into a memory map, transparency laid on white; in the
    order of their file names.

    Args:
        folder: of the store.
        validation: another store, whose pictures are those to validate on; their indices come after the
            others. None: some of the pictures are held back.
    """

    def __init__(self, folder: Path, validation: Path | None = None) -> None:
        self.entries: list[Entry] = []
        self._maps: list[Pixels] = []
        self._firsts: list[int] = []
        for each in filter(None, (folder, validation)):
            self._firsts.append(len(self.entries))
            self.entries += [Entry(**entry) for entry in json.loads((each / "index.json").read_text("utf-8"))]
            self._maps.append(np.memmap(each / "pixels.u8", np.uint8, mode="r"))

    def __len__(self) -> int:
        """The number of pictures, those of another store to validate on left out."""
        return [*self._firsts, len(self.entries)][1]

    def __getitem__(self, index: int) -> Pixels:
        e = self.entries[index]
        pixels = self._maps[bisect(self._firsts, index) - 1]
        return pixels[e.offset : e.offset + e.height * e.width * 3].reshape(e.height, e.width, 3)

    def split(self, held_back: float = 0.08) -> tuple[list[int], list[int]]:
        """Indices for training and validation; a picture's part depends on its name alone, so it never
        changes sides.

        With fewer than two pictures on a side, the same pictures serve both (a single picture can be
        overfitted on purpose).
        """
        if len(self._maps) > 1:
            return list(range(len(self))), list(range(len(self), len(self.entries)))
        fraction = [int(hashlib.sha256(e.name.encode()).hexdigest()[:8], 16) / 2**32 for e in self.entries]
        train = [i for i, f in enumerate(fraction) if f >= held_back]
        validate = [i for i, f in enumerate(fraction) if f < held_back]
        everything = list(range(len(self)))
        return train or everything, validate or everything[:1]

    def crops(
        self, indices: list[int], count: int, size_px: int, rng: np.random.Generator, shrunk: float = 0.0
    ) -> Pixels:
        """`count` random squares, (count, size_px, size_px, 3), a pixel of a larger picture as likely as of
        a small one.

        Every crop is turned and mirrored to one of its eight poses at random. A share `shrunk` of them is of
        the picture at 1 to 1/`MOST_SHRUNK` of its size, down to what still holds a crop.
        """
        areas = np.array([self.entries[i].height * self.entries[i].width for i in indices], np.float64)
        out = np.empty((count, size_px, size_px, 3), np.uint8)
        for k, i in enumerate(rng.choice(indices, size=count, p=areas / areas.sum())):
            picture = self[int(i)]
            px = size_px
            if shrunk and rng.random() < shrunk:
                px = min(*picture.shape[:2], round(size_px * rng.uniform(1, MOST_SHRUNK)))
            y = rng.integers(picture.shape[0] - px + 1)
            x = rng.integers(picture.shape[1] - px + 1)
            crop = picture[y : y + px, x : x + px]
            if px > size_px:
                crop = np.asarray(Image.fromarray(crop).resize((size_px, size_px), Image.Resampling.BICUBIC))
            crop = np.rot90(crop, int(rng.integers(4)))
            out[k] = crop[:, ::-1] if rng.integers(2) else crop
        return out


def store_cache() -> Path:
    """Where prepared pictures are kept, stores and the like."""
    return platformdirs.user_cache_path("genstudio") / "stores"


def digest(folder: Path) -> str:
    """A short digest of the names, sizes and dates of all files below a folder; of no folder, its name's."""
    listing = [
        (f.relative_to(folder).as_posix(), f.stat().st_size, f.stat().st_mtime_ns)
        for f in sorted(folder.rglob("*"))
        if f.is_file()
    ]
    return hashlib.sha256(json.dumps(listing or str(folder)).encode()).hexdigest()[:16]


def open_store(folder: Path, cache: Path, min_side_px: int, validation: Path | None = None) -> PictureStore:
    """The store of every picture below `folder`, decoded into `cache` on first use.

    Args:
        folder: searched recursively.
        cache: where stores are kept; each is a folder named by the content's key.
        min_side_px: pictures with a shorter side are left out, and named.
        validation: folder of the pictures to validate on; some of `folder`'s if None.

    Raises:
        InputError: a folder is missing or holds no usable picture.
        OutputError: no room for the store.
    """
    homes = [_prepared(each, cache, min_side_px) for each in (folder, validation) if each]
    return PictureStore(*homes)


def _prepared(folder: Path, cache: Path, min_side_px: int) -> Path:
    if not folder.is_dir():
        raise InputError(f"expected a folder of pictures, found no folder at {folder}; check --data")
    files = sorted(f for f in folder.rglob("*") if f.is_file() and images.is_picture_name(f))
    listing = [(f.relative_to(folder).as_posix(), f.stat().st_size, f.stat().st_mtime_ns) for f in files]
    key = hashlib.sha256(json.dumps([str(folder.resolve()), min_side_px, listing]).encode()).hexdigest()[:16]
    home = cache / key
    if not home.exists():
        # Decoded beside its place and renamed into it: never half there, and two processes may both do it.
        partial = cache / f"{key}.{os.getpid()}.part"
        try:
            with as_output_error(f"{cache} (the pictures prepared for training)"):
                _decode(folder, files, partial, min_side_px)
            with contextlib.suppress(OSError):  # another process was first: its store is as good
                partial.rename(home)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return home


def _decode(folder: Path, files: list[Path], home: Path, min_side_px: int) -> None:
    entries: list[dict[str, str | int]] = []
    offset = 0
    home.mkdir(parents=True)
    with (home / "pixels.u8").open("wb") as store:
        for file, pixels in _readable(files):
            if min(pixels.shape[:2]) < min_side_px:
                log.warning("left out: %s: shorter than %d px", file, min_side_px)
                continue
            height, width, _ = pixels.shape
            name = file.relative_to(folder).as_posix()
            entries.append({"name": name, "height": height, "width": width, "offset": offset})
            store.write(pixels.tobytes())
            offset += pixels.size
    if not entries:
        raise InputError(
            f"expected pictures of at least {min_side_px} px a side in {folder}, "
            f"found none among {len(files)} files; check --data"
        )
    (home / "index.json").write_text(json.dumps(entries), "utf-8")


def _readable(files: list[Path]) -> Iterator[tuple[Path, Pixels]]:
    for file in said(files, len(files)):
        try:
            yield file, on_white(next(iter(images.read(file).frames)))
        except InputError as error:
            log.warning("left out: %s", error)
