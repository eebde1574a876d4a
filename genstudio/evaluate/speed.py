"""How fast this machine is, and how near the nets come to it on each engine.

The limit is the machine's own rate for a large matrix product in the same number format, the faster of what
the engines reach. A net may go beyond it where its convolutions have the better kernels.
"""

import multiprocessing
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from genstudio import engines, weights

if TYPE_CHECKING:
    import torch

Answer = TypeVar("Answer")

SIDE_PX, REPEATS = 512, 5
PRODUCT_SIDE, PRODUCT_REPEATS = 4096, 5
COPIED_BYTES = 256_000_000
TASKS = ("upscale", "denoise")


@dataclass(frozen=True)
class Machine:
    """What a machine can do: GFLOP/s of a matrix product by number format, and GB/s of a copy, where reading
    and writing both count."""

    device: str
    threads: int
    gflops: dict[str, float]
    gbytes: float


@dataclass(frozen=True)
class Row:
    """A net on an engine: of a picture of SIDE_PX square in memory, and of a process from its very start to
    the first small tile."""

    model: str
    engine: str
    precision: str
    ms: float
    megapixels: float  # of the result, a second
    gflops: float
    start_seconds: float

    def share(self, machine: Machine) -> float:
        """Of the machine's limit, 0..1 and beyond."""
        return self.gflops / machine.gflops[self.precision]


def machine() -> Machine:
    """Measured, in a process of its own."""
    return _alone(_machine)


def rows() -> Iterator[Row]:
    """Every net that enlarges or denoises, on every engine that can run it, each in a process of its own."""
    for task in TASKS:
        for each in weights.installed(task):
            name = each.name.partition("/")[2]
            # Which makes ready what is to be made once for all.
            flops, able = _alone(partial(_prepared, task, name))
            for engine in able:
                began = time.time()
                ready, seconds, precision = _alone(partial(_timed, task, name, engine))
                result_px = (SIDE_PX * each.header.scale) ** 2
                yield Row(
                    each.name,
                    engine,
                    precision,
                    ms=1e3 * seconds,
                    megapixels=result_px / seconds / 1e6,
                    gflops=flops * SIDE_PX**2 / seconds / 1e9,
                    start_seconds=ready - began,
                )


def median_seconds(work: Callable[[], object], repeats: int = REPEATS) -> float:
    """Of several runs after a first that does not count."""
    work()
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def _alone(work: Callable[[], Answer]) -> Answer:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work).result()


def _machine() -> Machine:
    import torch

    from genstudio import device as devices

    device = devices.pick("auto")
    size = COPIED_BYTES // 4
    source, target = torch.ones(size, device=device), torch.zeros(size, device=device)
    seconds = median_seconds(lambda: _waited_for(target.copy_(source)))
    return Machine(
        device=str(device),
        threads=torch.get_num_threads(),
        gflops=_product_gflops(device),
        gbytes=2 * COPIED_BYTES / seconds / 1e9,
    )


def _waited_for(tensor: "torch.Tensor") -> object:
    """A value of it, which no device has before it is done."""
    return tensor.flatten()[0].item()


def _product_gflops(device: "torch.device") -> dict[str, float]:
    """By number format; in each only by the engines that choose it, for others may take minutes."""
    from genstudio import device as devices

    own = str(devices.precision("auto", device)).removeprefix("torch.")
    products = [(format, _torch_product(format, device)) for format in dict.fromkeys(["float32", own])]
    if device.type == "cpu" and engines.has_openvino():
        products += [(format, _openvino_product(format)) for format in engines.openvino_formats()]
    rates: dict[str, float] = {}
    for format, product in products:
        rate = 2 * PRODUCT_SIDE**3 / median_seconds(product, PRODUCT_REPEATS) / 1e9
        rates[format] = max(rate, rates.get(format, 0))
    return rates


def _torch_product(format: str, device: "torch.device") -> Callable[[], object]:
    import torch

    a = torch.rand(PRODUCT_SIDE, PRODUCT_SIDE, device=device).to(getattr(torch, format))
    return lambda: _waited_for(a @ a)


def _openvino_product(format: str) -> Callable[[], object]:
    import openvino
    from openvino import opset13 as ops

    x = ops.parameter([PRODUCT_SIDE, PRODUCT_SIDE], np.float32)
    values = np.random.default_rng(0).random((PRODUCT_SIDE, PRODUCT_SIDE), np.float32)
    model = openvino.Model([ops.matmul(x, ops.constant(values), False, False)], [x])
    options = {"INFERENCE_PRECISION_HINT": {"float32": "f32", "bfloat16": "bf16"}[format]}
    request = engines.core().compile_model(model, "CPU", options).create_infer_request()

    def product() -> None:
        request.infer([values], share_inputs=True)  # which the graph's constant is as well

    return product


def _prepared(task: str, name: str) -> tuple[float, list[str]]:
    """(operations for each pixel of the input, the engines that can run the net here)."""
    flops = flops_per_px(weights.load_net(name, task)[1])
    return flops, list(dict.fromkeys([engines.load(name, task).kind, "torch"]))


def flops_per_px(net: "torch.nn.Module") -> float:
    """Operations for each pixel of the input, two for a multiplication with its addition."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    side = 64
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        net(torch.zeros(1, 3, side, side))
    return float(counter.get_total_flops() / side**2)


def _timed(task: str, name: str, engine: str) -> tuple[float, float, str]:
    """(when the first small tile was done, seconds a picture, number format)."""
    net = engines.load(name, task, engine=engine)
    depth = np.dtype(np.uint8)
    net(np.zeros((1, 64, 64, 3), depth), depth)
    ready = time.time()
    picture = np.random.default_rng(0).integers(0, 256, (1, SIDE_PX, SIDE_PX, 3), depth)
    return ready, median_seconds(lambda: net(picture, depth)), net.precision(depth)
