"""OpenVINO as an engine: our nets on a processor, without torch.

A net is compiled for one size of tile at a time. With sides left open it needs to be compiled only once, but
is slower by 10 to 40 % (compact-x4 in bfloat16 on 2 cores: 97 x 131 px in 31 ms against 23, 384 x 384 px in
228 against 184), and gave a picture of 1 x 1 pixel values that were off by 20. Compiling takes some 60 ms;
all tiles of a picture have one size.
"""

import copy
import logging
import threading
from collections.abc import Callable
from typing import Any, Self

import numpy as np
import openvino
from openvino import opset13 as ops
from openvino.preprocess import PrePostProcessor

from genstudio.engines.openvino_convert import Net
from genstudio.engines.protocol import TYPE_MAX, Tiles
from genstudio.errors import WeightsError

log = logging.getLogger("genstudio")

COMPILED = 4  # sizes of tiles kept ready
OPTIONS = {
    "PERFORMANCE_HINT": "LATENCY",
    "INFERENCE_PRECISION_HINT": "dynamic",  # as the graph says, operation by operation
}


class OpenVINOEngine:
    """Converted nets as an engine on the processor.

    Args:
        net_in: the net in a number format, "float32" or "bfloat16"; asked once for each.
        core: what it was read with.
        format: number format of the arithmetic for 8-bit pictures.
        deep_format: the same for 16-bit and float pictures.
        name: what errors call it: its file.
    """

    kind = "openvino"
    device = "cpu"
    tiles: Tiles = "freely"
    takes_alpha = False

    def __init__(
        self,
        net_in: Callable[[str], Net],
        core: openvino.Core,
        *,
        format: str,
        deep_format: str,
        name: str = "the model",
    ) -> None:
        self._net_in = net_in
        self._core = core
        self._name = name
        self._told: dict[str, float] = {}
        # What is made or found out once holds for every view, so these are never replaced.
        self._formats = {"shallow": format, "deep": deep_format}
        self._nets: dict[str, Net] = {}
        self._compiled: dict[tuple[Any, ...], openvino.InferRequest] = {}
        self._one_at_a_time = threading.RLock()
        net = self._net(format)
        self.scale = net.scale
        self.overlap_px = net.overlap_px
        self.multiple = net.multiple
        self.takes = net.takes
        self.bytes_per_px = net.bytes_per_px

    def given(self, **told: float) -> Self:
        view = copy.copy(self)
        view._told = told
        return view

    def precision(self, depth: np.dtype[Any]) -> str:
        return self._formats["shallow" if depth == np.uint8 else "deep"]

    def _net(self, format: str) -> Net:
        if format not in self._nets:
            self._nets[format] = self._net_in(format)
        return self._nets[format]

    def __call__(self, tiles: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
        depth, dtype, channels = tiles.dtype, np.dtype(dtype), tiles.shape[3]
        assert channels in (1, 3), tiles.shape
        if depth != np.uint8:
            tiles = tiles / np.float32(TYPE_MAX[depth.name])
        if channels == 1:
            tiles = tiles.repeat(3, axis=3)
        # The graph rounds to 8 bits by itself, where there is no mean to be taken first.
        graph_rounds = dtype == np.uint8 and channels == 3
        results = [self._finite(tile[None], depth, graph_rounds) for tile in tiles]
        y = np.concatenate(results) if len(results) > 1 else results[0]
        return y if graph_rounds else _rounded(y if channels == 3 else y.mean(axis=3, keepdims=True), dtype)

    def _finite(self, tile: np.ndarray, depth: np.dtype[Any], rounds: bool) -> np.ndarray:
        """(1, H, W, 3) uint8, or float32 neither clipped nor rounded. Half precision that overflows is given
        up for good."""
        format = self.precision(depth)
        y, total = self._run(tile, format, rounds)
        if np.isfinite(total):
            return y
        if format != "float32":
            log.warning("%s is too narrow for this model; going on in float32", format)
            self._formats.update(shallow="float32", deep="float32")
            return self._finite(tile, depth, rounds)
        raise WeightsError(
            f"{self._name}: expected numbers, found NaN or infinity even in float32; "
            "the weights are damaged: get the file again"
        )

    def _run(self, tile: np.ndarray, format: str, rounds: bool) -> tuple[np.ndarray, float]:
        """The result of a tile, and the sum of its values, which is no number where one of them is none."""
        levels = {name: np.full(1, self._told.get(name, 0), np.float32) for name in self.takes}
        try:
            with self._one_at_a_time:  # a request has memory for one tile
                request = self._request(format, tile.dtype.name, rounds, *tile.shape[1:3])
                y, total = request.infer({"x": np.ascontiguousarray(tile), **levels}).values()
            return y, float(total)
        except RuntimeError as error:
            if not _is_out_of_memory(error):
                raise
            message = str(error).strip().splitlines()[-1]
        with self._one_at_a_time:
            self._compiled.clear()
        raise MemoryError(message)

    def _request(
        self, format: str, dtype: str, rounds: bool, height: int, width: int
    ) -> openvino.InferRequest:
        key = format, dtype, rounds, height, width
        request = self._compiled.pop(key, None)
        if request is None:
            while len(self._compiled) >= COMPILED:
                del self._compiled[next(iter(self._compiled))]  # the one longest unused
            model = _with_ends(self._net(format).model, dtype, rounds)
            model.reshape(
                {each: [1, height, width, 3] if "x" in each.names else [1] for each in model.inputs}
            )
            request = self._core.compile_model(model, "CPU", OPTIONS).create_infer_request()
        self._compiled[key] = request
        return request


def _with_ends(net: openvino.Model, dtype: str, rounds: bool) -> openvino.Model:
    """The graph from (1, H, W, 3) as pictures have it, to the same and the sum of its values."""
    steps = PrePostProcessor(net.clone())
    x = steps.input("x")
    x.tensor().set_element_type(getattr(openvino.Type, {"uint8": "u8", "float32": "f32"}[dtype]))
    x.tensor().set_layout(openvino.Layout("NHWC"))
    x.model().set_layout(openvino.Layout("NCHW"))
    if dtype == "uint8":
        x.preprocess().convert_element_type(openvino.Type.f32).scale(TYPE_MAX["uint8"])
    model = steps.build()
    y = model.output(0).get_node().input_value(0)
    total = ops.reduce_sum(y, [0, 1, 2, 3])
    if rounds:
        y = ops.multiply(ops.clamp(y, 0.0, 1.0), np.float32(TYPE_MAX["uint8"]))
        y = ops.convert(ops.round(y, "HALF_TO_EVEN"), "u8")
    return openvino.Model([ops.transpose(y, [0, 2, 3, 1]), total], model.get_parameters())


def _rounded(y: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    """float32 -> `dtype`, clipped and rounded half to even."""
    y = y.clip(0, 1)
    peak = np.float32(TYPE_MAX[dtype.name])
    return y if peak == 1 else np.rint(y * peak).astype(dtype)


def _is_out_of_memory(error: RuntimeError) -> bool:
    """It is only said in words: C++'s own, and those of oneDNN."""
    words = ("bad_alloc", "out of memory", "out_of_memory", "not enough memory", "could not allocate")
    return any(word in str(error) for word in words)
