"""What upscalers cost in torch: all that ship and an RRDB net of Real-ESRGAN's size, in one run.

    python tests/benchmarks/upscale.py [--side 256] [--repeats 5] [--precision float32]

Seconds are medians over whole calls, picture in memory to picture in memory. GFLOP/s count two operations
for each multiplication and addition in convolutions; beside them stands their share of the machine's rate
for a matrix product in the same precision, which convolutions exceed where their kernels are the better ones.
Run it on an otherwise idle machine.
"""

import argparse
import multiprocessing
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import psutil
import torch
from PIL import Image
from spandrel.architectures.ESRGAN import ESRGAN

from genstudio import Upscale, weights
from genstudio import device as devices
from genstudio.engines import community
from genstudio.evaluate.speed import flops_per_px, median_seconds

PICTURE = Path(__file__).parent.parent / "data" / "chelsea.png"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--side", type=int, default=256, help="side of the picture in pixels")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--precision", nargs="+", default=["float32", "bfloat16"])
    asked = parser.parse_args()
    picture = np.asarray(Image.open(PICTURE).convert("RGB").resize((asked.side, asked.side)))
    print(f"{asked.side} x {asked.side} px, median of {asked.repeats}, {torch.get_num_threads()} threads")
    head = ("params", "precision", "s", "MP/s", "MB", "GFLOP/s", "of product")
    print(f"{'model':28}" + "".join(f"{title:>11}" for title in head))
    with tempfile.TemporaryDirectory() as folder:
        peer = Path(folder) / "rrdb-23.pth"
        torch.manual_seed(0)
        torch.save(ESRGAN(num_blocks=23).state_dict(), peer)
        ours = [each.path for each in weights.installed("upscale") if weights.packaged() in each.path.parents]
        models = {
            **{path.stem: Model(str(path)) for path in ours},
            "compact-x4 --self-ensemble": Model("compact-x4", self_ensemble=True),
            "RRDB 23 blocks (spandrel)": Model(str(peer)),
        }
        for precision in asked.precision:
            product = matrix_rate(precision)
            for name, model in models.items():
                # A process of its own for each, or one would be given the memory that another let go.
                with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
                    row = pool.submit(measure, picture, model, precision, asked.repeats).result()
                megapixels = asked.side**2 * row.scale**2 / row.seconds / 1e6
                rate = row.flops_per_px * asked.side**2 / row.seconds / 1e9
                numbers = f"{row.params / 1e6:10.2f}M{precision:>11}{row.seconds:11.3f}{megapixels:11.2f}"
                print(
                    f"{name:28}{numbers}{row.bytes / 1e6:11.0f}{rate:11.0f}{rate / product:11.0%}", flush=True
                )


@dataclass(frozen=True)
class Model:
    """A name or a file, and whether the mean over eight poses is asked for."""

    name: str
    self_ensemble: bool = False


@dataclass(frozen=True)
class Row:
    """What one model cost: median seconds a call, and the most bytes above those of the loaded model."""

    scale: int
    params: int
    seconds: float
    bytes: float
    flops_per_px: float


def measure(picture: np.ndarray, model: Model, precision: str, repeats: int) -> Row:
    scale, net = net_of(model.name)
    upscale = Upscale.from_weights(
        model.name, precision=precision, engine="torch", self_ensemble=model.self_ensemble
    )
    with peak_memory() as memory:
        seconds = median_seconds(partial(upscale, picture, scale=scale), repeats)
    flops = flops_per_px(net) * (8 if model.self_ensemble else 1)
    return Row(scale, sum(p.numel() for p in net.parameters()), seconds, memory[0], flops)


def net_of(model: str) -> tuple[int, torch.nn.Module]:
    if model.endswith(".pth"):
        described = community.describe(Path(model))
        return described.scale, described.model
    header, net = weights.load_net(model, "upscale")
    return header.scale, net


def matrix_rate(precision: str, size: int = 2048) -> float:
    """The machine's GFLOP/s for a square matrix product."""
    device = devices.pick("auto")
    a = torch.rand(size, size, device=device).to(getattr(torch, precision))
    return 2 * size**3 / median_seconds(lambda: (a @ a)[0, 0].item(), 9) / 1e9


@contextmanager
def peak_memory() -> Iterator[list[float]]:
    """The most bytes this process held above what it held at first, sampled every 2 ms."""
    process, found, done = psutil.Process(), [0.0], threading.Event()
    before = process.memory_info().rss

    def watch() -> None:
        while not done.wait(0.002):
            found[0] = max(found[0], process.memory_info().rss - before)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield found
    finally:
        done.set()
        watcher.join()


if __name__ == "__main__":
    main()
