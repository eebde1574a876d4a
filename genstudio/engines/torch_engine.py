"""A torch module as an engine: any net, on a processor or a GPU."""

import copy
import logging
import math
from collections.abc import Callable
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from genstudio.engines.peak_memory import PeakBytes
from genstudio.engines.protocol import TYPE_MAX, Tiles, pad
from genstudio.errors import DeviceError, WeightsError

log = logging.getLogger("genstudio")


class TorchEngine:
    """A torch module as an engine.

    A 3-channel net does a grey picture as three equal channels and answers their mean, a 1-channel net
    does a colour picture channel by channel, a 4-channel net (RGBA) takes a picture without alpha as opaque:
    either way the picture keeps its channels.

    Args:
        net: (N, channels, H, W) float 0..1, and what it is told (`given`) by name -> (N, channels, H * scale,
            W * scale), not necessarily clipped. It takes float32 whatever format its weights have. Not
            modified.
        channels: what the net takes, 1, 3 or 4 (RGBA, straight alpha).
        dtype: number format of the arithmetic for 8-bit pictures.
        deep_dtype: the same for 16-bit and float pictures, whose steps are finer than half precision's.
        multiple, minimum, square: sides the net needs; smaller pictures are mirrored at the right and
            bottom.
        align: the engine's `multiple`, where that is more than the sides need (attention in windows).
        tiles, takes: as for `Engine`.
        memory_format: of the net and of what it is given.
        compiled: whether torch compiles the net, which takes its time once for each size of tiles.
        name: what errors call it: its file.
    """

    kind = "torch"

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
        takes: tuple[str, ...] = (),
        memory_format: torch.memory_format = torch.channels_last,
        compiled: bool = False,
        name: str = "the model",
    ) -> None:
        self.scale = scale
        self.channels = channels
        self.overlap_px = overlap_px
        self.multiple = math.lcm(multiple, align)
        self.tiles = tiles
        self.takes = takes
        self.takes_alpha = channels == 4
        self.device = str(device)
        self._name = name
        self._side_multiple = multiple
        self._minimum = minimum
        self._square = square
        self._memory_format = memory_format
        self._net = net
        self._compiles = compiled
        self._told: dict[str, Any] = {}
        # What is found out about the net holds for every view of it, so these are never replaced.
        self._nets: dict[torch.dtype, nn.Module] = {}
        self._compiled: dict[torch.dtype, Callable[..., Tensor]] = {}
        self._dtypes = {"shallow": dtype, "deep": deep_dtype}
        self._measured: list[float] = []

    def given(self, **told: Any) -> Self:
        view = copy.copy(self)
        view._told = told
        return view

    def precision(self, depth: np.dtype[Any]) -> str:
        return str(self._dtype_for(depth)).removeprefix("torch.")

    def _dtype_for(self, depth: np.dtype[Any]) -> torch.dtype:
        return self._dtypes["shallow" if depth == np.uint8 else "deep"]

    def _net_in(self, dtype: torch.dtype) -> nn.Module:
        if dtype not in self._nets:
            net = copy.deepcopy(self._net).eval().requires_grad_(False)
            self._nets[dtype] = net.to(self.device, dtype).to(memory_format=self._memory_format)
        return self._nets[dtype]

    def _ready_in(self, dtype: torch.dtype) -> Callable[..., Tensor]:
        """What answers for the net: itself, or what torch has compiled of it."""
        net = self._net_in(dtype)
        if not self._compiles:
            return net
        if dtype not in self._compiled:
            self._compiled[dtype] = torch.compile(net)
        return self._compiled[dtype]

    @property
    def bytes_per_px(self) -> float:
        """Measured once: the most bytes of tensors alive at a time while the net runs on a small tile,
        plus half of that again for the scratch memory of the kernels, which cannot be seen from here."""
        if not self._measured:
            side = max(32, self._minimum, self._side_multiple)
            tiles = np.zeros((1, side, side, 3), np.uint8)
            net = self._net_in(self._dtypes["deep"])
            with PeakBytes() as peak:
                # A float picture is the dearest kind, so the figure holds for all.
                self._forward(tiles.astype(np.float32), net)
            self._measured.append(1.5 * peak.peak / side**2)
        return self._measured[0]

    def __call__(self, tiles: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
        h, w, c = tiles.shape[1:]
        assert c in ((1, 2, 3, 4) if self.takes_alpha else (1, 3)), tiles.shape
        try:
            y = self._finite(self._padded(tiles), np.dtype(dtype))
            return y[:, : h * self.scale, : w * self.scale]
        except RuntimeError as error:
            if type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
                reason = str(error).splitlines()[0]
                raise DeviceError(
                    f"compile: expected torch to be able to compile here, found {reason}; leave it out"
                ) from error
            if not is_out_of_memory(error):
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

    def _finite(self, tiles: np.ndarray, into: np.dtype[Any]) -> np.ndarray:
        """(N, H, W, C) of type `into`. Half precision that overflows is given up for good."""
        dtype = self._dtype_for(tiles.dtype)
        y = self._forward(tiles, self._ready_in(dtype))
        # Asked after the result is fetched, so that the device is waited for once.
        finite = torch.isfinite(y).all()
        result = _to_array(y, into)
        if bool(finite):
            return result
        if dtype != torch.float32:
            log.warning("%s is too narrow for this model; going on in float32", self.precision(tiles.dtype))
            self._nets.pop(dtype, None)
            self._compiled.pop(dtype, None)
            self._dtypes.update(shallow=torch.float32, deep=torch.float32)
            return self._finite(tiles, into)
        raise WeightsError(
            f"{self._name}: expected numbers, found NaN or infinity even in float32; "
            "the weights are damaged: get the file again"
        )

    @torch.inference_mode()
    def _forward(self, tiles: np.ndarray, net: Callable[..., Tensor]) -> Tensor:
        """(N, C, H, W) float32, neither clipped nor rounded."""
        n, h, w, c = tiles.shape
        x = _to_tensor(tiles, self.device)  # (N, H, W, C) in memory is (N, C, H, W) channels_last
        x = _in_channels(x, self.channels)
        y: Tensor = net(x.contiguous(memory_format=self._memory_format), **self._told).float()
        expected = (x.shape[0], self.channels, h * self.scale, w * self.scale)
        assert y.shape == expected, (y.shape, expected)
        if self.channels == 1:
            return y.reshape(n, c, *y.shape[2:])
        colour = y[:, :3].mean(dim=1, keepdim=True) if c < 3 else y[:, :3]
        return torch.cat([colour, y[:, 3:]], dim=1) if c in (2, 4) else colour


def _in_channels(x: Tensor, channels: int) -> Tensor:
    """(N, C, H, W), C 1 or 3, or 2 or 4 with alpha -> as many channels as a net takes; to one of 1 channel a
    picture's channels are pictures of a batch."""
    n, c, h, w = x.shape
    if channels == 1:
        return x.reshape(n * c, 1, h, w)
    colour, alpha = (x[:, :-1], x[:, -1:]) if c in (2, 4) else (x, torch.ones_like(x[:, :1]))
    colour = colour.expand(n, 3, h, w)
    return torch.cat([colour, alpha], dim=1) if channels == 4 else colour


def _to_tensor(tiles: np.ndarray, device: str) -> Tensor:
    """(N, H, W, C) of any format -> (N, C, H, W) float32 0..1 on the device."""
    peak = TYPE_MAX[tiles.dtype.name]
    if tiles.dtype == np.uint16:
        tiles = tiles.astype(np.float32)  # exact, and not every device knows uint16
    # A copy: a net may work in place, and torch takes neither negative strides nor read-only arrays.
    x = torch.from_numpy(tiles.copy())
    on_cuda = device.startswith("cuda")
    if on_cuda:
        x = x.pin_memory()  # from where it goes over while the processor goes on
    return x.to(device, non_blocking=on_cuda).permute(0, 3, 1, 2).float() / peak


def _to_array(y: Tensor, dtype: np.dtype[Any]) -> np.ndarray:
    """(N, C, H, W) float32 -> (N, H, W, C), clipped and rounded half to even; 1.0 is exactly the maximum."""
    y = y.clamp(0, 1)
    if dtype != np.float32:
        y = y.mul_(TYPE_MAX[dtype.name]).round_()
        if dtype == np.uint8:
            y = y.to(torch.uint8)
    return np.ascontiguousarray(y.permute(0, 2, 3, 1).cpu().numpy().astype(dtype, copy=False))


def is_out_of_memory(error: Exception) -> bool:
    """CUDA has a type for it; the processor's and Apple's allocators only say it in words."""
    words = ("out of memory", "not enough memory", "can't allocate memory")
    return isinstance(error, torch.OutOfMemoryError) or any(w in str(error) for w in words)
