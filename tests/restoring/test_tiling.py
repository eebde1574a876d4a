"""Tiled equals whole, memory stays bounded, and what happens when there is none."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from genstudio.engines.protocol import Around, SelfEnsemble, Tiles
from genstudio.engines.torch_engine import TorchEngine
from genstudio.errors import DeviceError, Stopped, UsageError
from genstudio.restoring import tiling

U8 = np.dtype(np.uint8)


class RandomNet(nn.Module):
    """`depth` 3x3 convolutions with zero padding and random weights: sees `depth` pixels far."""

    def __init__(self, scale: int = 2, depth: int = 3, channels: int = 3) -> None:
        super().__init__()
        torch.manual_seed(depth)
        self.layers = nn.Sequential(*(nn.Conv2d(channels, channels, 3, padding=1) for _ in range(depth - 1)))
        self.last = nn.Conv2d(channels, channels * scale**2, 3, padding=1)
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        h = torch.sin(3 * self.layers(x.to(self.last.weight.dtype)))
        up = nn.functional.interpolate(x, scale_factor=self.scale)
        return up + nn.functional.pixel_shuffle(self.last(h), self.scale).float()


class BlockNet(RandomNet):
    """Also mixes each aligned block of 4x4 pixels, as window attention does: needs multiples of 4."""

    def forward(self, x: Tensor) -> Tensor:
        assert x.shape[2] % 4 == 0
        assert x.shape[3] % 4 == 0
        mean = nn.functional.avg_pool2d(x, 4)
        return super().forward(x + nn.functional.interpolate(mean, scale_factor=4))


def engine(**options: Any) -> TorchEngine:
    return TorchEngine(RandomNet(), scale=2, overlap_px=3, **options)


class Double:
    """The simplest engine: every pixel four times. Notes the sides of its tiles; full above `most_px`."""

    scale = 2
    multiple = 1
    tiles: Tiles = "freely"
    device = "cpu"
    bytes_per_px = 24.0

    def __init__(self, overlap_px: int = 4, most_px: float = float("inf")) -> None:
        self.overlap_px = overlap_px
        self.most_px = most_px
        self.sides: list[tuple[int, int]] = []

    def precision(self, depth: np.dtype[Any]) -> str:
        return "float32"

    def __call__(self, tiles: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
        h, w = tiles.shape[1:3]
        if h * w > self.most_px:
            raise MemoryError("full")
        self.sides.append((h, w))
        return tiles.repeat(2, axis=1).repeat(2, axis=2).astype(dtype)


def picture(height: int, width: int, channels: int = 3, dtype: Any = np.uint8, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed).random((height, width, channels), dtype=np.float32)
    return random if dtype == np.float32 else (random * np.iinfo(dtype).max).round().astype(dtype)


side = st.integers(1, 200) | st.sampled_from([1, 2, 31, 33, 97, 127])


@settings(deadline=None, max_examples=40)
@given(
    height=side,
    width=side,
    channels=st.sampled_from([1, 3]),
    dtype=st.sampled_from([np.uint8, np.uint16, np.float32]),
    tile=st.integers(32, 150),
    make=st.sampled_from(
        [
            engine,
            lambda: SelfEnsemble(engine()),
            lambda: TorchEngine(BlockNet(), scale=2, overlap_px=7, multiple=4),
            lambda: SelfEnsemble(TorchEngine(BlockNet(), scale=2, overlap_px=7, multiple=4)),
        ]
    ),
)
def test_tiled_equals_whole(
    height: int, width: int, channels: int, dtype: Any, tile: int, make: Callable[[], TorchEngine]
) -> None:
    x = picture(height, width, channels, dtype)
    tiled = tiling.run(make(), x, tile=tile)
    whole = make()(x[None], np.dtype(dtype))[0]
    assert tiled.dtype == whole.dtype == dtype
    assert tiled.shape == whole.shape == (2 * height, 2 * width, channels)
    # Only the order of float32 sums may differ: half-way cases of rounding, at most one step.
    step = 1e-5 if dtype == np.float32 else 1
    difference = np.abs(tiled.astype(np.float64) - whole)
    assert difference.max() <= step
    if dtype == np.uint8:
        assert (difference > 0).mean() < 1e-3


def test_tiled_equals_whole_in_bfloat16() -> None:
    x = picture(150, 130)
    make = lambda: engine(dtype=torch.bfloat16)  # noqa: E731
    difference = tiling.run(make(), x, tile=40).astype(int) - make()(x[None], U8)[0]
    assert np.abs(difference).max() <= 1


def test_an_overlap_too_small_is_noticed() -> None:
    """The property above has teeth."""
    x = picture(100, 100)
    short = TorchEngine(RandomNet(), scale=2, overlap_px=1)
    assert (tiling.run(short, x, tile=32) != short(x[None], U8)[0]).any()


@given(
    length=st.integers(1, 3000),
    tile=st.integers(32, 600),
    overlap=st.integers(0, 90),
    multiple=st.sampled_from([1, 2, 8, 16, 64]),
)
def test_spans_cover_an_axis_once_with_room_around(
    length: int, tile: int, overlap: int, multiple: int
) -> None:
    spans = tiling.spans(length, tile, overlap, multiple)
    assert [s.start for s in spans] == [0, *(s.end for s in spans[:-1])]
    assert spans[-1].end == length
    for s in spans:
        assert s.start < s.end
        assert s.low == 0 or (s.low % multiple == 0 and s.start - s.low >= overlap)
        assert s.high == length or (s.high % multiple == 0 and s.high - s.end >= overlap)
        assert s.high - s.low <= max(tile, multiple) + 2 * overlap + multiple
    assert len({-(-(s.high - s.low) // multiple) for s in spans}) == 1


def test_tiles_of_one_size_and_no_more_than_needed() -> None:
    double = Double(overlap_px=4)
    tiling.run(double, picture(100, 200), tile=64)
    assert len(double.sides) == 2 * 3
    assert len(set(double.sides)) == 1
    double.sides.clear()
    tiling.run(double, picture(60, 60), tile=64)
    assert double.sides == [(60, 60)]
    double.sides.clear()
    tiling.run(double, picture(100, 200), tile="off")
    assert double.sides == [(100, 200)]


def test_bands_hold_one_row_of_tiles_at_a_time() -> None:
    x = picture(300, 50)
    bands = list(tiling.bands(Double(), x, tile=32))
    assert max(len(band) for band in bands) <= 2 * (32 + 4)
    assert (np.concatenate(bands) == Double()(x[None], U8)[0]).all()


def test_a_view_is_filled_in_place() -> None:
    x = picture(50, 60)
    result = np.zeros((100, 120, 4), np.uint8)
    tiling.run(Double(), x, tile=32, into=result[..., :3])
    assert (result[..., :3] == Double()(x[None], U8)[0]).all()
    assert not result[..., 3].any()


def test_out_of_memory_halves_the_tile_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    x = picture(210, 170)
    double = Double(overlap_px=4, most_px=75**2)
    seen: list[tuple[int, int]] = []
    y = tiling.run(double, x, tile=256, progress=lambda *now: seen.append(now))
    assert (y == Double()(x[None], U8)[0]).all()
    assert "tiles of 52 px instead of 105" in caplog.text
    assert seen[-1][0] == seen[-1][1] == len(double.sides)


def test_out_of_memory_halfway_keeps_what_is_done() -> None:
    class Later(Double):
        def __call__(self, tiles: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
            self.most_px = float("inf") if len(self.sides) < 7 else 50**2
            return super().__call__(tiles, dtype)

    x = picture(300, 150)
    seen: list[tuple[int, int]] = []
    y = np.concatenate(list(tiling.bands(Later(), x, tile=64, progress=lambda *now: seen.append(now))))
    assert (y == Double()(x[None], U8)[0]).all()
    assert seen[-1][0] == seen[-1][1]


def test_out_of_memory_at_the_smallest_tile() -> None:
    with pytest.raises(DeviceError, match="tiles of 32 px on cpu"):
        tiling.run(Double(most_px=100), picture(100, 100))


def test_a_net_that_needs_the_whole_gets_it_or_fails() -> None:
    whole = Double()
    whole.tiles = "never"
    tiling.run(whole, picture(100, 90), tile=32)
    assert whole.sides == [(100, 90)]
    whole.most_px = 100
    with pytest.raises(DeviceError, match="which knows no tiles"):
        tiling.run(whole, picture(100, 90))


def test_automatic_tiles_follow_the_free_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    double = Double(overlap_px=4)  # 24 bytes for each pixel

    def side_with(free: int) -> int:
        monkeypatch.setattr(tiling, "free_bytes", lambda device: free)
        return tiling.tile_size(double, 5000, 5000, "auto")

    assert side_with(10**12) == tiling.AUTO_TILE_PX["cpu"]
    assert side_with(2 * 24 * 100**2) == 100 - 2 * 4
    assert side_with(0) == tiling.MIN_TILE_PX


def test_a_net_that_avoids_tiles_gets_the_largest_there_is_memory_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    double = Double(overlap_px=4)
    double.tiles = "avoid"
    for free, side in ((10**12, 5000), (2 * 24 * 1000**2, 1000 - 2 * 4)):
        monkeypatch.setattr(tiling, "free_bytes", lambda device, free=free: free)
        assert tiling.tile_size(double, 5000, 5000, "auto") == side


def test_progress_counts_every_tile_once() -> None:
    seen: list[tuple[int, int]] = []
    tiling.run(Double(), picture(100, 200), tile=64, progress=lambda *now: seen.append(now))
    assert seen == [(i, 6) for i in range(1, 7)]
    assert tiling.count(Double(), 100, 200, 64) == 6


def test_stop_within_a_tile_of_a_self_ensemble() -> None:
    asked = itertools.count()
    with pytest.raises(Stopped, match="after 0 of 1 tiles"):
        tiling.run(SelfEnsemble(engine()), picture(20, 20), stop=lambda: next(asked) == 4)


def test_stop_between_tiles() -> None:
    double = Double()
    with pytest.raises(Stopped, match="after 2 of 6 tiles"):
        tiling.run(double, picture(100, 200), tile=64, stop=lambda: len(double.sides) == 2)


@pytest.mark.parametrize("tile", [31, 0, -5, "large"])
def test_a_tile_that_cannot_be_meant(tile: Any) -> None:
    with pytest.raises(UsageError, match="expected a tile"):
        tiling.run(Double(), picture(10, 10), tile=tile)


def test_small_windows_go_to_a_gpu_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a stand-in for the GPU: the answer is the same, and full memory gives way as ever."""
    batches: list[int] = []
    full = [True]

    class Far(Around):
        def __call__(self, tiles: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
            batches.append(len(tiles))
            if full.pop() if full else False:
                raise MemoryError("full")
            return self._engine(tiles, dtype)

    far, x = Far(engine()), picture(150, 200, 3, np.uint8)
    far.device = "mps"
    monkeypatch.setattr(tiling, "free_bytes", lambda device: 1e9)
    monkeypatch.setitem(tiling.AUTO_TILE_PX, "mps", 120)
    steps: list[tuple[int, int]] = []
    y = tiling.run(far, x, tile=64, progress=lambda *at: steps.append(at))
    assert np.abs(y.astype(int) - tiling.run(engine(), x, tile="off")).max() <= 1
    assert max(batches) > 1
    assert steps[-1][0] == steps[-1][1]
