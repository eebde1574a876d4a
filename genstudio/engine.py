"""The boundary between pictures and arithmetic: a batch of tiles in, a batch of enlarged tiles out.

Everything above this line holds numpy arrays in the picture's own format; normalisation, padding,
precision and device live below it, so that an engine without torch can take `TorchEngine`'s place.
"""

import copy
import functools
import logging
import math
from typing import Any, Literal, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from genstudio.errors import WeightsError
from genstudio.peakbytes import PeakBytes

log = logging.getLogger("genstudio")

TYPE_MAX = {"uint8": 255.0, "uint16": 65535.0, "float32": 1.0}

Tiles = Literal["freely", "avoid", "never"]


class Engine(Protocol):
    """What `tiling` and the pipelines need of a net.

    Attributes:
        scale: side of the result over side of the input, a whole number.
        overlap_px: how far, in input pixels, a pixel of the input reaches into the result.
        multiple: a tile's origin must lie on multiples of this for tiles to agree with the whole.
        tiles: "avoid" if the net looks at the picture as a whole and tiles only do where memory is short;
            "never" if it is no use without the whole.
        bytes_per_px: peak working memory for each input pixel of a tile.
        device: where it computes, "cpu" or "cuda:0".
    """

    scale: int
    overlap_px: int
    multiple: int
    tiles: Tiles
    device: str

    @property
    def bytes_per_px(self) -> float: ...

    def precision(self, depth: np.dtype[Any]) -> str:
        """The number format pictures of this dtype are computed in, "bfloat16" for example."""
        ...

    def __call__(self, tiles: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
        """Restore a batch of tiles.

        Args:
            tiles: (N, H, W, C) of any strides, C 1 or 3; uint8 (0..255), uint16 (0..65535), float32 (0..1).
            dtype: the result's, one of the same three.

        Returns:
            (N, H * scale, W * scale, C), rounded to the nearest value of `dtype` and clipped.

        Raises:
            MemoryError: the device is full; fewer pixels may do.
            WeightsError: the net's answer is not a number.
        """
        ...


class TorchEngine:
    """A torch module as an engine.

    A 3-channel net does a grey picture as three equal channels and answers their mean, a 1-channel net
    does a colour picture channel by channel: either way the picture keeps its channels.

    Args:
        net: (N, channels, H, W) float 0..1 -> (N, channels, H * scale, W * scale), not necessarily
            clipped. It takes float32 whatever format its weights have. Not modified.
        channels: what the net takes, 1 or 3.
        dtype: number format of the arithmetic for 8-bit pictures.
        deep_dtype: the same for 16-bit and float pictures, whose steps are finer than half precision's.
        multiple, minimum, square: sides the net needs; smaller pictures are mirrored at the right and
            bottom.
        align: the engine's `multiple`, where that is more than the sides need (attention in windows).
        tiles: as for `Engine`.
        name: what errors call it: its file.
    """

    def __init__(
        self,
        net: nn.Module,
        *,
        scale: int,
        overlap_px: int,
        device: torch.device | str = "cpu",
        channels: int = 3,
        dtype: torch.dtype = torch.float32,
        deep_dtype: torch.dtype = torch.float32,
        multiple: int = 1,
        minimum: int = 1,
        square: bool = False,
        align: int = 1,
        tiles: Tiles = "freely",
        name: str = "the model",
    ) -> None:
        self.scale = scale
        self.channels = channels
        self.overlap_px = overlap_px
        self.multiple = math.lcm(multiple, align)
        self.tiles = tiles
        self.device = str(device)
        self._name = name
        self._side_multiple = multiple
        self._minimum = minimum
        self._square = square
        self._dtype = dtype
        self._deep_dtype = deep_dtype
        self._net = net
        self._nets: dict[torch.dtype, nn.Module] = {}

    def precision(self, depth: np.dtype[Any]) -> str:
        return str(self._dtype_for(depth)).removeprefix("torch.")

    def _dtype_for(self, depth: np.dtype[Any]) -> torch.dtype:
        return self._dtype if depth == np.uint8 else self._deep_dtype

    def _net_in(self, dtype: torch.dtype) -> nn.Module:
        if dtype not in self._nets:
            net = copy.deepcopy(self._net).eval().requires_grad_(False)
            self._nets[dtype] = net.to(self.device, dtype).to(memory_format=torch.channels_last)
        return self._nets[dtype]

    @functools.cached_property
    def bytes_per_px(self) -> float:
        """Measured once: the most bytes of tensors alive at a time while the net runs on a small tile,
        plus half of that again for the scratch memory of the kernels, which cannot be seen from here."""
        side = max(32, self._minimum, self._side_multiple)
        tiles = np.zeros((1, side, side, 3), np.uint8)
        self._net_in(self._deep_dtype)
        with PeakBytes() as peak:
            # A float picture is the dearest kind, so the figure holds for all.
            self._forward(tiles.astype(np.float32), self._deep_dtype)
        return float(1.5 * peak.peak / side**2)

    def __call__(self, tiles: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
        h, w, c = tiles.shape[1:]
        assert c in (1, 3), tiles.shape
        try:
            y = self._finite(self._padded(tiles), tiles.dtype)[:, :, : h * self.scale, : w * self.scale]
            return _to_array(y, np.dtype(dtype))
        except RuntimeError as error:
            if not _is_out_of_memory(error):
                raise
            # The traceback holds the tensors; the message is enough.
            message = str(error).splitlines()[0]
        if self.device.startswith("cuda"):
            torch.cuda.empty_cache()
        raise MemoryError(message)

    def _padded(self, tiles: np.ndarray) -> np.ndarray:
        h, w = (
            max(self._minimum, -(-n // self._side_multiple) * self._side_multiple) for n in tiles.shape[1:3]
        )
        if self._square:
            h = w = max(h, w)
        return pad(tiles, h, w)

    def _finite(self, tiles: np.ndarray, depth: np.dtype[Any]) -> Tensor:
        """(N, C, H, W) float32. Half precision that overflows is given up for good."""
        dtype = self._dtype_for(depth)
        y = self._forward(tiles, dtype)
        if bool(torch.isfinite(y).all()):
            return y
        if dtype != torch.float32:
            log.warning("%s is too narrow for this model; going on in float32", self.precision(depth))
            del self._nets[dtype]
            self._dtype = self._deep_dtype = torch.float32
            return self._finite(tiles, depth)
        raise WeightsError(
            f"{self._name}: expected numbers, found NaN or infinity even in float32; "
            "the weights are damaged: get the file again"
        )

    @torch.inference_mode()
    def _forward(self, tiles: np.ndarray, dtype: torch.dtype) -> Tensor:
        n, h, w, c = tiles.shape
        net = self._net_in(dtype)
        x = _to_tensor(tiles, self.device)  # (N, H, W, C) in memory is (N, C, H, W) channels_last
        if c == 1 and self.channels == 3:
            x = x.expand(n, 3, h, w)
        elif c == 3 and self.channels == 1:
            x = x.reshape(n * 3, 1, h, w)
        y: Tensor = net(x.contiguous(memory_format=torch.channels_last)).float()
        expected = (x.shape[0], self.channels, h * self.scale, w * self.scale)
        assert y.shape == expected, (y.shape, expected)
        if c == 1 and self.channels == 3:
            return y.mean(dim=1, keepdim=True)
        return y.reshape(n, c, *y.shape[2:])


class SelfEnsemble:
    """The mean over the 8 flips and quarter turns of a tile, in float32 (Timofte et al. 2016, sec. 3.4).

    8 times the work for a little quality. Takes the place of the engine it wraps.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.scale = engine.scale
        self.overlap_px = engine.overlap_px
        self.multiple = engine.multiple
        self.tiles = engine.tiles
        self.device = engine.device

    @property
    def bytes_per_px(self) -> float:
        # The sum and the turned answer, 3 channels of float32 each.
        return self._engine.bytes_per_px + 2 * 3 * 4 * self.scale**2

    def precision(self, depth: np.dtype[Any]) -> str:
        return self._engine.precision(depth)

    def __call__(self, tiles: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
        h, w = tiles.shape[1:3]
        # Padded here, before turning, so that what is padded never depends on the turn.
        tiles = pad(tiles, *(-(-n // self.multiple) * self.multiple for n in (h, w)))
        total: np.ndarray | None = None
        for turns in range(4):
            for flip in (False, True):
                turned = np.rot90(tiles[:, :, ::-1] if flip else tiles, turns, axes=(1, 2))
                y = self._engine(turned, np.dtype(np.float32))
                y = np.rot90(y, -turns, axes=(1, 2))
                y = y[:, :, ::-1] if flip else y
                if total is None:
                    total = np.ascontiguousarray(y)
                else:
                    total += y
        assert total is not None
        total = total[:, : h * self.scale, : w * self.scale]
        peak = TYPE_MAX[np.dtype(dtype).name]
        return np.rint(total * np.float32(peak / 8)).astype(dtype) if peak > 1 else total / np.float32(8)


def pad(tiles: np.ndarray, height: int, width: int) -> np.ndarray:
    """(N, H, W, C) grown at the bottom and right by mirroring, over and over where it is small."""
    h, w = tiles.shape[1:3]
    if (h, w) == (height, width):
        return tiles
    return np.pad(tiles, ((0, 0), (0, height - h), (0, width - w), (0, 0)), mode="reflect")


def _to_tensor(tiles: np.ndarray, device: str) -> Tensor:
    """(N, H, W, C) of any format -> (N, C, H, W) float32 0..1 on the device."""
    peak = TYPE_MAX[tiles.dtype.name]
    if tiles.dtype == np.uint16:
        tiles = tiles.astype(np.float32)  # exact, and not every device knows uint16
    # A copy: a net may work in place, and torch takes neither negative strides nor read-only arrays.
    x = torch.from_numpy(tiles.copy()).to(device).permute(0, 3, 1, 2).float()
    return x / peak


def _to_array(y: Tensor, dtype: np.dtype[Any]) -> np.ndarray:
    """(N, C, H, W) float32 -> (N, H, W, C), clipped and rounded half to even; 1.0 is exactly the maximum."""
    y = y.clamp(0, 1)
    if dtype != np.float32:
        y = y.mul_(TYPE_MAX[dtype.name]).round_()
        if dtype == np.uint8:
            y = y.to(torch.uint8)
    return np.ascontiguousarray(y.permute(0, 2, 3, 1).cpu().numpy().astype(dtype, copy=False))


def _is_out_of_memory(error: RuntimeError) -> bool:
    """CUDA has a type for it; the processor's and Apple's allocators only say it in words."""
    words = ("out of memory", "not enough memory", "can't allocate memory")
    return isinstance(error, torch.OutOfMemoryError) or any(w in str(error) for w in words)
