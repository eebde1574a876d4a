"""Crops a second: the memory-mapped store against decoding each time, the same folder, one run.

    python tests/benchmarks/data.py --data FOLDER [--crop 216] [--batch 16] [--seconds 10]

The peer is what most training code does: Pillow, a random crop, a DataLoader with two workers.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from genstudio import images
from genstudio.data.store import open_store


class Decoding(Dataset[torch.Tensor]):
    """A random crop of a picture, decoded for it."""

    def __init__(self, files: list[Path], crop_px: int) -> None:
        self.files = files
        self.crop_px = crop_px

    def __len__(self) -> int:
        return 1_000_000

    def __getitem__(self, k: int) -> torch.Tensor:
        rng = np.random.default_rng(k)
        with Image.open(self.files[rng.integers(len(self.files))]) as image:
            x = int(rng.integers(image.width - self.crop_px + 1))
            y = int(rng.integers(image.height - self.crop_px + 1))
            crop = image.convert("RGB").crop((x, y, x + self.crop_px, y + self.crop_px))
        return torch.from_numpy(np.array(crop))


def rate(batches: Iterator[object], batch: int, seconds: float) -> float:
    for _ in range(3):
        next(batches)
    began, count = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        next(batches)
        count += batch
    return count / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--crop", type=int, default=216)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=10)
    asked = parser.parse_args()
    files = [f for f in sorted(asked.data.rglob("*")) if images.is_picture_name(f)]
    usable = [f for f in files if min(Image.open(f).size) >= asked.crop]
    with tempfile.TemporaryDirectory() as cache:
        began = time.perf_counter()
        store = open_store(asked.data, Path(cache), asked.crop)
        decoding = time.perf_counter() - began
        rng = np.random.default_rng(0)
        everything = list(range(len(store)))
        ours = (store.crops(everything, asked.batch, asked.crop, rng) for _ in iter(int, 1))
        ours_rate = rate(ours, asked.batch, asked.seconds)
        peer = DataLoader(Decoding(usable, asked.crop), batch_size=asked.batch, num_workers=2)
        peer_rate = rate(iter(peer), asked.batch, asked.seconds)
    print(f"{len(store)} pictures, crops of {asked.crop} px, batches of {asked.batch}")
    print(f"{f'store (decoded once in {decoding:.1f} s)':44}{ours_rate:10.0f} crops/s")
    print(f"{'Pillow + random crop, DataLoader, 2 workers':44}{peer_rate:10.0f} crops/s")
    print(f"{'ratio':44}{ours_rate / peer_rate:10.1f}")


if __name__ == "__main__":
    main()
