"""Pictures with labels, each part of a set as one uint8 tensor.

    data = open_labelled(Path("flowers"), side_px=96)
    data.classes                  # ("daisy", "dandelion", ...)
    data.part("train").pixels     # (N, 96, 96, 3)

A set is a folder with a folder for each class, or with such folders for training and for testing; a folder of
mosaics (`labels.csv`); or a name that torchvision has a loader for.
"""

import contextlib
import csv
import hashlib
import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Literal

import numpy as np
import platformdirs
import torch
import torch.nn.functional as F
from torch import Tensor

from genstudio import images
from genstudio.data.square import on_white, read_squares
from genstudio.errors import InputError

log = logging.getLogger("genstudio")

PartName = Literal["train", "test"]
# Folders that hold a part; of several the first one counts.
FOLDERS: dict[PartName, tuple[str, ...]] = {
    "train": ("train", "training"),
    "test": ("test", "testing", "val", "valid", "validation"),
}
TEST_SHARE = 0.2  # of a folder that says nothing of parts
HELD_BACK = 0.05  # of a training part, for what must not be told from the pictures that were learned
BY_NAME = {"cifar10": "CIFAR10", "cifar100": "CIFAR100", "fashion-mnist": "FashionMNIST"}
MOSAIC_COLUMNS = 100


@dataclass(frozen=True)
class Part:
    """Pictures (N, side, side, 3) uint8 and their labels (N,) int64, places in the set's classes."""

    pixels: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, chosen: Tensor) -> "Part":
        return Part(self.pixels[chosen], self.labels[chosen])

    def to(self, device: torch.device) -> "Part":
        return Part(self.pixels.to(device), self.labels.to(device))

    def held_back(self) -> tuple["Part", "Part"]:
        """(the rest, `HELD_BACK` of every class): the same ones every time.

        Raises InputError where no class has two pictures.
        """
        kept: list[int] = []
        rng = np.random.default_rng(0)
        for label in set(self.labels.tolist()):
            of_class = torch.nonzero(self.labels == label)[:, 0].numpy()
            kept += rng.permutation(of_class)[: _share(HELD_BACK, len(of_class))].tolist()
        if not kept:
            raise InputError(
                "expected a class of two pictures or more to hold one back of, found none; add some"
            )
        is_kept = torch.zeros(len(self), dtype=torch.bool)
        is_kept[kept] = True
        return self.take(torch.nonzero(~is_kept)[:, 0]), self.take(torch.nonzero(is_kept)[:, 0])


def _share(share: float, count: int) -> int:
    """A share of so many pictures: at least one, but never all."""
    return min(max(1, round(share * count)), count - 1)


@dataclass(frozen=True)
class LabelledSet:
    """`split` says in words how its parts are told apart; `part` reads one (once), or raises InputError."""

    name: str
    classes: tuple[str, ...]
    split: str
    part: Callable[[PartName], Part]

    def __len__(self) -> int:
        """The number of pictures to train on."""
        return len(self.part("train"))


def open_labelled(where: Path, side_px: int, *, download: bool = False) -> LabelledSet:
    """The set in a folder, or called `where`, its pictures cut to squares of `side_px`.

    Args:
        where: a folder as above, or one of `BY_NAME` where no such folder exists.
        side_px: a picture's centre square is resized to this side.
        download: fetch a set that is known by its name, if it is not there yet.

    Raises:
        InputError: no such folder or set, less than two classes, nothing to read.
    """
    if where.is_dir():
        return (_mosaics if (where / "labels.csv").is_file() else _class_folders)(where, side_px)
    if str(where) in BY_NAME:
        return _torchvision(str(where), side_px, download)
    raise InputError(
        f"{where}: expected a folder of class folders, or {', '.join(BY_NAME)}, found no such folder; "
        "check --data"
    )


# --- class folders ----------------------------------------------------------------------------------------


def _class_folders(where: Path, side_px: int) -> LabelledSet:
    where = where.resolve()
    homes = _homes(where)
    classes = sorted({folder.name for home in homes.values() for folder in _folders(home)})
    if not classes:
        raise InputError(f"{where}: expected a folder for each class, found no folders in it; see --data")
    if len(classes) == 1:
        raise InputError(f"{where}: expected at least two classes, found one ({classes[0]}); add another")
    listing = {part: _listing(home, classes) for part, home in homes.items()}
    split = ", ".join(f"{part} part: {home.name}/" for part, home in homes.items())
    if not homes.keys() & FOLDERS.keys():
        listing = _divided(listing.pop("all"))
        split = f"no train/ and val/ there: the test part is {TEST_SHARE:.0%} of every class"

    @cache
    def part(name: PartName) -> Part:
        if name not in listing:
            raise InputError(
                f"{where}: expected a part to {name} on, found none; "
                f"name a folder with {FOLDERS[name][0]}/ in it"
            )
        return _read(where, listing[name], classes, side_px, every_class=name == "train")

    return LabelledSet(where.name, tuple(classes), split, part)


def _homes(where: Path) -> dict[str, Path]:
    """The folders that hold class folders, by the part they are; "all" where no folder's name says."""
    homes: dict[str, Path] = {}
    for name, known in FOLDERS.items():
        # A class may be called "train": what holds a part has folders in it.
        found = [where / each for each in known if (where / each).is_dir() and _folders(where / each)]
        if found:
            homes[name] = found[0]
    own: list[str] = [name for name, known in FOLDERS.items() if where.name in known]
    return homes or {own[0] if own else "all": where}


def _folders(where: Path) -> list[Path]:
    return sorted(f for f in where.iterdir() if f.is_dir() and not f.name.startswith("."))


def _listing(home: Path, classes: Sequence[str]) -> list[tuple[Path, int]]:
    """(file, label) of every picture, by class and name."""
    files = [(f, label) for label, name in enumerate(classes) for f in sorted((home / name).rglob("*"))]
    files = [(f, label) for f, label in files if f.is_file() and not f.name.startswith(".")]
    listing = [(f, label) for f, label in files if images.is_picture_name(f)]
    if len(listing) < len(files):
        log.warning("%s: %d of %d files left out, no pictures", home, len(files) - len(listing), len(files))
    return listing


def _divided(listing: list[tuple[Path, int]]) -> dict[str, list[tuple[Path, int]]]:
    """A share of every class for the test, those whose names have the least digests: few change sides when
    pictures are added."""
    digests = {f: hashlib.sha256(f.name.encode()).hexdigest() for f, _ in listing}
    test: set[Path] = set()
    for label in {label for _, label in listing}:
        of_class = sorted((f for f, each in listing if each == label), key=digests.__getitem__)
        test.update(of_class[: _share(TEST_SHARE, len(of_class))])
    return {
        "train": [row for row in listing if row[0] not in test],
        "test": [row for row in listing if row[0] in test],
    }


def _read(
    where: Path, listing: list[tuple[Path, int]], classes: Sequence[str], side_px: int, *, every_class: bool
) -> Part:
    found = list(zip(listing, read_squares([file for file, _ in listing], side_px), strict=True))
    bad = [result for _, result in found if isinstance(result, InputError)]
    for error in bad:
        log.warning("left out: %s", error)
    if bad:
        log.warning("%s: %d of %d pictures left out", where, len(bad), len(found))
    good = [(label, result) for (_, label), result in found if not isinstance(result, InputError)]
    missing = [name for k, name in enumerate(classes) if k not in {label for label, _ in good}]
    if not good or (missing and every_class):
        raise InputError(
            f"{where}: expected pictures of every class, found none of {', '.join(missing)}; "
            "add some, or take the folder out"
        )
    return Part(
        torch.from_numpy(np.stack([pixels for _, pixels in good])), torch.tensor([label for label, _ in good])
    )


# --- mosaics and torchvision's sets -----------------------------------------------------------------------


def _mosaics(where: Path, side_px: int) -> LabelledSet:
    """Pictures in rows of 100 in a few large files. labels.csv: file, index, label; classes.txt: a name
    a line.

    A file whose name begins with "test" is for testing. Raises InputError for labels without a class, and
    pictures that the files do not hold.
    """
    where = where.resolve()
    try:
        with (where / "labels.csv").open(encoding="utf-8", newline="") as file:
            rows = [(row["file"], int(row["index"]), int(row["label"])) for row in csv.DictReader(file)]
        lines = (where / "classes.txt").read_text("utf-8").splitlines()
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"{where}: expected labels.csv (file,index,label) and classes.txt, found {error!r}; check --data"
        ) from None
    classes = tuple(line.strip() for line in lines if line.strip())
    if strays := sorted({label for _, _, label in rows if not 0 <= label < len(classes)}):
        raise InputError(
            f"{where}: expected labels from 0 to {len(classes) - 1} for the {len(classes)} lines of "
            f"classes.txt, found {strays[0]} in labels.csv; mend one of them"
        )

    @cache
    def part(name: PartName) -> Part:
        pixels, labels = [], []
        for file in sorted({f for f, _, _ in rows if f.startswith("test") == (name == "test")}):
            mosaic = on_white(next(iter(images.read(where / file).frames)))
            height, width, _ = mosaic.shape
            side = width // MOSAIC_COLUMNS
            if not side or width % MOSAIC_COLUMNS or height % side:
                raise InputError(
                    f"{where / file}: expected {MOSAIC_COLUMNS} squares side by side, found "
                    f"{width} x {height} pixels; check --data"
                )
            cut = mosaic.reshape(-1, side, MOSAIC_COLUMNS, side, 3).swapaxes(1, 2).reshape(-1, side, side, 3)
            of_file = [(index, label) for f, index, label in rows if f == file]
            if strays := [index for index, _ in of_file if not 0 <= index < len(cut)]:
                raise InputError(
                    f"{where}: expected indices below {len(cut)}, as many as {file} holds, found "
                    f"{strays[0]} in labels.csv; check --data"
                )
            pixels.append(cut[[index for index, _ in of_file]])
            labels += [label for _, label in of_file]
        if not pixels:
            raise InputError(f"{where}: expected files to {name} on in labels.csv, found none; check --data")
        return Part(_resized(torch.from_numpy(np.concatenate(pixels)), side_px), torch.tensor(labels))

    return LabelledSet(where.name, classes, "parts by the names of files", part)


def _torchvision(name: str, side_px: int, download: bool) -> LabelledSet:
    from torchvision import datasets

    root = platformdirs.user_cache_path("genstudio") / "datasets"
    make = partial(getattr(datasets, BY_NAME[name]), root)
    try:
        with contextlib.redirect_stdout(sys.stderr):  # where torchvision says that it is there already
            both = {"train": make(train=True, download=download), "test": make(train=False)}
    except RuntimeError as error:
        advice = "try again" if download else "add --download"
        raise InputError(f"{name}: expected the set in {root}, found none whole; {advice}") from error
    except OSError as error:
        raise InputError(f"{name}: cannot be fetched ({error}); connect to the network") from error

    @cache
    def part(which: PartName) -> Part:
        pixels = torch.as_tensor(both[which].data)
        pixels = pixels if pixels.ndim == 4 else pixels[..., None].expand(-1, -1, -1, 3)
        return Part(_resized(pixels, side_px), torch.as_tensor(both[which].targets))

    return LabelledSet(name, tuple(both["train"].classes), "the set's own parts", part)


def _resized(pixels: Tensor, side_px: int) -> Tensor:
    """(N, s, s, 3) uint8 at another side."""
    if pixels.shape[1] == side_px:
        return pixels.contiguous()
    out = torch.empty(len(pixels), side_px, side_px, 3, dtype=torch.uint8)
    for some, into in zip(torch.split(pixels, 1000), torch.split(out, 1000), strict=True):
        x = some.permute(0, 3, 1, 2).float()
        x = F.interpolate(x, (side_px, side_px), mode="bicubic", antialias=True)
        into.copy_(x.round().clamp(0, 255).permute(0, 2, 3, 1))
    return out
