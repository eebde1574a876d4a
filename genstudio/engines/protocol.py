"""The boundary between pictures and arithmetic: a batch of tiles in, a batch of enlarged tiles out.

Everything above this line holds numpy arrays in the picture's own format; normalisation, padding, precision
and device live below it. So one engine can stand in another's place: `torch_engine` runs any module on any
device, `openvino_engine` those of our nets that are converted on a processor, without torch.
"""

import copy
from collections.abc import Callable
from typing import Any, Literal, Protocol, Self

import numpy as np

TYPE_MAX = {"uint8": 255.0, "uint16": 65535.0, "float32": 1.0}

Tiles = Literal["freely", "avoid", "never"]


class Engine(Protocol):
    """What `tiling` and the pipelines need of a net.

    Attributes:
        kind: what does the arithmetic, "torch" or "openvino".
        scale: side of the result over side of the input, a whole number.
        overlap_px: how far, in input pixels, a pixel of the input reaches into the result.
        multiple: a tile's origin must lie on multiples of this for tiles to agree with the whole.
        tiles: "avoid" if the net looks at the picture as a whole and tiles only do where memory is short;
            "never" if it is no use without the whole.
        bytes_per_px: peak working memory for each input pixel of a tile.
        device: where it computes, "cpu" or "cuda:0".
        takes: what else its net can be told, by name; see `given`.
        takes_alpha: whether tiles may have alpha as their last channel, which the net answers as well.
    """

    kind: str
    scale: int
    overlap_px: int
    multiple: int
    tiles: Tiles
    device: str
    takes: tuple[str, ...]
    takes_alpha: bool

    @property
    def bytes_per_px(self) -> float: ...

    def precision(self, depth: np.dtype[Any]) -> str:
        """The number format pictures of this dtype are computed in, "bfloat16" for example."""
        ...

    def given(self, **told: Any) -> "Engine":
        """This engine with what else its net is told, `noise_std=25.0` for example: a light view that shares
        the net, and all that is prepared for it, with this one."""
        ...

    def __call__(self, tiles: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
        """Restore a batch of tiles.

        Args:
            tiles: (N, H, W, C) of any strides, C 1 or 3, or 2 or 4 where it takes alpha; uint8 (0..255),
                uint16 (0..65535), float32 (0..1).
            dtype: the result's, one of the same three.

        Returns:
            (N, H * scale, W * scale, C), rounded to the nearest value of `dtype` and clipped.

        Raises:
            MemoryError: the device is full; fewer pixels may do.
            WeightsError: the net's answer is not a number.
        """
        ...


class Around:
    """Base of what takes an engine's place and asks it: like it in all but the answer."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.kind = engine.kind
        self.scale = engine.scale
        self.overlap_px = engine.overlap_px
        self.multiple = engine.multiple
        self.tiles = engine.tiles
        self.device = engine.device
        self.takes = engine.takes
        self.takes_alpha = engine.takes_alpha

    @property
    def bytes_per_px(self) -> float:
        return self._engine.bytes_per_px

    def precision(self, depth: np.dtype[Any]) -> str:
        return self._engine.precision(depth)

    def given(self, **told: Any) -> Self:
        view = copy.copy(self)
        view._engine = self._engine.given(**told)
        return view

    def asking(self, go_on: Callable[[], None]) -> Self:
        """This engine, which calls `go_on` between the parts of its work; that raises where it is to stop."""
        view = copy.copy(self)
        view._engine = asking(self._engine, go_on)
        return view


def asking(engine: Engine, go_on: Callable[[], None]) -> Engine:
    """See `Around.asking`; a net by itself has no parts."""
    return engine.asking(go_on) if isinstance(engine, Around) else engine


class SelfEnsemble(Around):
    """The mean over the 8 flips and quarter turns of a tile, in float32 (Timofte et al. 2016, sec. 3.4).

    8 times the work for a little quality.
    """

    _go_on: Callable[[], None] = staticmethod(lambda: None)

    def asking(self, go_on: Callable[[], None]) -> Self:
        view = super().asking(go_on)
        view._go_on = go_on
        return view

    @property
    def bytes_per_px(self) -> float:
        # The sum and the turned answer, at most 4 channels of float32 each.
        channels = 4 if self.takes_alpha else 3
        return self._engine.bytes_per_px + 2 * channels * 4 * self.scale**2

    def __call__(self, tiles: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
        h, w = tiles.shape[1:3]
        # Padded here, before turning, so that what is padded never depends on the turn.
        tiles = pad(tiles, *(-(-n // self.multiple) * self.multiple for n in (h, w)))
        total: np.ndarray | None = None
        for turns in range(4):
            for flip in (False, True):
                self._go_on()
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
