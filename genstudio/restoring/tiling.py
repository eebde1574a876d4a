"""Runs large pictures tile by tile, with the same result as in one piece.

    |<---------------------- picture ---------------------->|
    [ window 0            ]
    [    kept        ]                         kept parts meet, none overlaps
                  [     window 1          ]
                     ^ at least overlap_px between what is kept and the window's edge

A window's edge is either further than the net's receptive field from all that is kept, or is the
picture's own edge, where the net pads as it would for the whole picture. So only rounding can differ.
All windows of a run have one size, so that kernels are prepared once.
"""

import logging
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from genstudio.device import free_bytes
from genstudio.engines.protocol import asking
from genstudio.errors import DeviceError, Stopped, UsageError

if TYPE_CHECKING:
    from genstudio.engines.protocol import Engine

log = logging.getLogger("genstudio")

Tile = Literal["auto", "off"] | int
Progress = Callable[[int, int], None]
Stop = Callable[[], bool]

MIN_TILE_PX = 32
# Larger tiles waste less on overlap: a picture of 1000 x 1000 px through compact-x4 on 2 cores took 2.18 s in
# tiles of 192 px, 2.01 of 256, 1.82 of 384 (median of 3). Far larger ones leave a processor's caches.
AUTO_TILE_PX = {"cpu": 384, "cuda": 1024, "mps": 512}
AUTO_MEMORY_SHARE = 0.5


def run(
    engine: "Engine",
    picture: np.ndarray,
    *,
    tile: Tile = "auto",
    dtype: np.dtype[Any] | None = None,
    into: np.ndarray | None = None,
    progress: Progress | None = None,
    stop: Stop | None = None,
) -> np.ndarray:
    """A picture through an engine.

    Args:
        picture: (H, W, C), C 1 or 3, in any format the engine takes; read tile by tile.
        tile: side in input pixels of what one call adds to the result (the window read for it is larger
            by the overlap on each side); "auto" from the free memory; "off" for one call.
        dtype: the result's; the picture's own by default.
        into: where to put the result, (H * scale, W * scale, C); made if not given.
        progress: called with (tiles done, tiles in all) after each tile.
        stop: asked before each tile, and within one between the turns of a self-ensemble; True ends the run.

    Raises:
        UsageError: a tile below MIN_TILE_PX.
        DeviceError: out of memory even with the smallest tile.
        Stopped: `stop` said so.
    """
    height, width, channels = picture.shape
    if into is None:
        shape = (height * engine.scale, width * engine.scale, channels)
        into = np.empty(shape, dtype or picture.dtype)
    for _ in bands(engine, picture, tile=tile, dtype=into.dtype, into=into, progress=progress, stop=stop):
        pass
    return into


def bands(
    engine: "Engine",
    picture: np.ndarray,
    *,
    tile: Tile = "auto",
    dtype: np.dtype[Any] | None = None,
    into: np.ndarray | None = None,
    progress: Progress | None = None,
    stop: Stop | None = None,
) -> Iterator[np.ndarray]:
    """Like `run`, but gives the result piece by piece from the top: arrays (rows, W * scale, C).

    Without `into`, no more than one row of tiles is held at a time.
    """
    height, width, channels = picture.shape
    s = engine.scale
    tile_px = tile_size(engine, height, width, tile)
    top = done = total = 0  # input rows and tiles finished, and tiles in all

    def go_on() -> None:
        if stop is not None and stop():
            raise Stopped(f"stopped after {done} of {total} tiles")

    engine = asking(engine, go_on)
    while top < height:
        rows = spans(height, tile_px, engine.overlap_px, engine.multiple)
        columns = spans(width, tile_px, engine.overlap_px, engine.multiple)
        together = _together(engine, rows[0], columns[0])
        # After a change of tile size the rows already given away are left out.
        rows = [row.from_(top) for row in rows if row.end > top]
        total = done + len(rows) * len(columns)
        try:
            for row in rows:
                if into is None:
                    band = np.empty(((row.end - row.start) * s, width * s, channels), dtype or picture.dtype)
                else:
                    band = into[row.start * s : row.end * s]
                for i in range(0, len(columns), together):
                    go_on()
                    group = columns[i : i + together]
                    windows = [picture[row.low : row.high, column.low : column.high] for column in group]
                    batch = np.stack(windows) if len(windows) > 1 else windows[0][None]
                    for column, y in zip(group, engine(batch, band.dtype), strict=True):
                        band[:, column.start * s : column.end * s] = y[row.kept(s), column.kept(s)]
                    done += len(group)
                    if progress is not None:
                        progress(done, total)
                top = row.end
                yield band
        except MemoryError as error:
            tile_px = _smaller(engine, min(tile_px, max(height, width)), error)


@dataclass(frozen=True)
class Span:
    """Along one axis, in input pixels: the window [low, high) is read, [start, end) of it is kept."""

    low: int
    high: int
    start: int
    end: int

    def from_(self, start: int) -> "Span":
        return Span(self.low, self.high, max(self.start, start), self.end)

    def kept(self, scale: int) -> slice:
        """What is kept, counted in output pixels from the window's own beginning."""
        return slice((self.start - self.low) * scale, (self.end - self.low) * scale)


def spans(length: int, tile_px: int, overlap_px: int, multiple: int = 1) -> list[Span]:
    """Cut an axis into the fewest windows that keep at most about `tile_px` each, all of one size.

    Windows begin on multiples of `multiple`, so an engine that pads to it does so only in the last one,
    where it would for the whole picture as well.
    """
    # In units of `multiple` from here on. Neighbours share at least `shared`.
    shared = math.ceil(2 * overlap_px / multiple)
    window = max(1, tile_px // multiple) + shared
    units = math.ceil(length / multiple)
    if units <= window:
        return [Span(0, length, 0, length)]
    count = 1 + math.ceil((units - window) / (window - shared))
    window = math.ceil((units - shared) / count) + shared  # as small as that many can be
    lows = [i * (units - window) // (count - 1) * multiple for i in range(count)]
    highs = [min(low + window * multiple, length) for low in lows]
    # What is kept changes hands in the middle of what two windows share.
    cuts = [0, *((low + high) // 2 for low, high in zip(lows[1:], highs, strict=False)), length]
    return [Span(*each) for each in zip(lows, highs, cuts, cuts[1:], strict=False)]


def check(tile: Tile) -> Tile:
    """The same. Raises UsageError for what is no tile."""
    if isinstance(tile, int):
        if tile < MIN_TILE_PX:
            raise UsageError(f"expected a tile of {MIN_TILE_PX} px or more, found {tile}; or take auto")
    elif tile not in ("auto", "off"):
        raise UsageError(f"expected a tile of auto, off or a number of pixels, found {tile!r}")
    return tile


def tile_size(engine: "Engine", height: int, width: int, tile: Tile) -> int:
    """What `tile` means in input pixels for a picture of this size on this engine."""
    check(tile)
    if tile == "off" or engine.tiles == "never":
        return math.ceil(max(height, width) / engine.multiple) * engine.multiple  # one window, whole as it is
    if tile != "auto":
        return tile
    most_px = AUTO_TILE_PX.get(engine.device.partition(":")[0], max(AUTO_TILE_PX.values()))
    if engine.tiles == "avoid":
        most_px = max(height, width)
    if max(height, width) <= MIN_TILE_PX:
        return most_px  # one call in any case
    window_px = math.sqrt(AUTO_MEMORY_SHARE * free_bytes(engine.device) / engine.bytes_per_px)
    return max(MIN_TILE_PX, min(most_px, int(window_px) - 2 * engine.overlap_px))


def _together(engine: "Engine", row: Span, column: Span) -> int:
    """How many windows of this size one call takes: small ones do not fill a GPU one by one."""
    kind = engine.device.partition(":")[0]
    if kind == "cpu":
        return 1
    memory_px = AUTO_MEMORY_SHARE * free_bytes(engine.device) / engine.bytes_per_px
    most_px = min(AUTO_TILE_PX.get(kind, max(AUTO_TILE_PX.values())) ** 2, memory_px)
    return max(1, int(most_px / ((row.high - row.low) * (column.high - column.low))))


def count(engine: "Engine", height: int, width: int, tile: Tile) -> int:
    """How many tiles a run over a picture of this size begins with."""
    tile_px = tile_size(engine, height, width, tile)
    return math.prod(len(spans(n, tile_px, engine.overlap_px, engine.multiple)) for n in (height, width))


def _smaller(engine: "Engine", tile_px: int, error: MemoryError) -> int:
    if tile_px <= MIN_TILE_PX or engine.tiles == "never":
        need = f"tiles of {tile_px} px" if engine.tiles != "never" else "this model, which knows no tiles,"
        raise DeviceError(
            f"expected memory for {need} on {engine.device}, found none left ({error}); "
            "close other programs, or take a smaller model or another device"
        ) from error
    smaller_px = max(MIN_TILE_PX, tile_px // 2)
    log.warning("out of memory on %s: tiles of %d px instead of %d", engine.device, smaller_px, tile_px)
    return smaller_px
