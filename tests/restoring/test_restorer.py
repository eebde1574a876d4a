"""Images of every type through engines and back: sizes, depths, alpha, memory, and what is refused."""

import dataclasses
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import made
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor, nn

from genstudio import images, weights
from genstudio.engines.protocol import Around, Engine
from genstudio.engines.torch_engine import TorchEngine
from genstudio.errors import InputError, Stopped, UsageError, WeightsError
from genstudio.restoring import alpha
from genstudio.restoring.lanczos import lanczos
from genstudio.upscale.compact import Compact, CompactConfig
from genstudio.upscale.options import UpscaleOptions
from genstudio.upscale.pipeline import Upscale, chain


class Bicubic(nn.Module):
    """The simplest net that mixes neighbours, overshoots at edges, and keeps flat areas."""

    def __init__(self, scale: int = 2) -> None:
        super().__init__()
        self.scale = scale
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return nn.functional.interpolate(x, scale_factor=self.scale, mode="bicubic")


def bicubic(scale: int = 2) -> Engine:
    return TorchEngine(Bicubic(scale), scale=scale, overlap_px=3)


def upscale(*scales: int, tile: Any = "auto") -> Upscale:
    return Upscale({f"bicubic-x{s}": bicubic(s) for s in scales or (2,)}, tile=tile)


def noise(*shape: int, dtype: Any = np.uint8, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed).random(shape)
    most = np.iinfo(dtype).max if np.dtype(dtype).kind == "u" else 1
    return (random * most).round().astype(dtype) if most > 1 else random.astype(dtype)


# ---------------------------------------------------------------------------- types

arrays = [
    (shape, dtype)
    for shape in [(9, 7), (9, 7, 1), (9, 7, 2), (9, 7, 3), (9, 7, 4), (1, 1, 3), (1, 8), (8, 1, 4)]
    for dtype in ("uint8", "uint16", "float32", "float64")
]


@pytest.mark.parametrize(("shape", "dtype"), arrays)
def test_arrays_come_back_as_they_went(shape: tuple[int, ...], dtype: str) -> None:
    x = noise(*shape, dtype=dtype)
    before = x.copy()
    y = upscale()(x, scale=2)
    assert (type(y), y.dtype) == (np.ndarray, np.dtype(dtype))
    assert y.shape == (2 * shape[0], 2 * shape[1], *shape[2:])
    assert (x == before).all()


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(3, 5, 6), (2, 3, 5, 6), (1, 5, 6), (2, 4, 5, 6)])
def test_tensors_come_back_as_they_went(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    x = torch.from_numpy(noise(*shape))
    x = x if dtype == torch.uint8 else (x / 255).to(dtype)
    y = upscale()(x, scale=2)
    assert (y.dtype, y.device) == (dtype, x.device)
    assert y.shape == (*shape[:-2], 2 * shape[-2], 2 * shape[-1])
    if len(shape) == 4:
        assert torch.equal(y[1], upscale()(x[1], scale=2))


@pytest.mark.parametrize("dtype", [">u2", ">f4", ">f8", "<f2", ">f2"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_any_byte_order_and_half_precision(dtype: str, channels: int) -> None:
    x = noise(9, 7, channels, dtype=np.dtype(dtype).newbyteorder("="))
    y = upscale()(x.astype(dtype), scale=2)
    assert y.dtype == np.dtype(dtype)
    assert (y == upscale()(x, scale=2)).all()


def test_tensors_of_sixteen_bits() -> None:
    x = noise(9, 7, 3, dtype=np.uint16)
    y = upscale()(torch.from_numpy(x).permute(2, 0, 1), scale=2)
    assert y.dtype == torch.uint16
    assert (y.permute(1, 2, 0).numpy() == upscale()(x, scale=2)).all()


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "I;16"])
def test_pillow_images_come_back_as_they_went(mode: str) -> None:
    x = noise(6, 9, dtype=np.uint16) if mode == "I;16" else noise(6, 9, len(mode))
    image = Image.fromarray(x if len(mode) > 1 else x[..., 0])
    assert image.mode == mode
    image.info["dpi"] = (300, 300)
    y = upscale()(image, scale=2)
    assert (y.mode, y.size, y.info["dpi"]) == (mode, (18, 12), (300, 300))
    assert (np.asarray(y) == upscale()(np.asarray(image), scale=2)).all()


def film(number: int = 3) -> images.Picture:
    frames = [noise(6, 8, 3, seed=i) for i in range(number)]
    animation = images.Animation((40,) * number, 0)
    return images.Picture(8, 6, 3, np.dtype(np.uint8), frames, "GIF", animation=animation)


def test_a_still_picture_is_done_and_keeps_all_else() -> None:
    still = dataclasses.replace(film(1), animation=None, format="TIFF", notes=("a note",))
    done = upscale()(still, scale=2)
    (frame,) = done.frames
    assert frame.shape == (12, 16, 3)
    assert done == dataclasses.replace(still, width=16, height=12, frames=done.frames)


def test_frames_are_made_when_asked_for() -> None:
    asked: list[int] = []

    def frames() -> Iterator[np.ndarray]:
        for i, frame in enumerate(film().frames):
            asked.append(i)
            yield frame

    seen: list[tuple[int, int]] = []
    picture = dataclasses.replace(film(), frames=frames())
    done = upscale()(picture, scale=2, progress=lambda *now: seen.append(now))
    assert asked == []
    made = iter(done.frames)
    assert next(made).shape == (12, 16, 3)
    assert asked == [0]
    assert len(list(made)) == 2
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_frames_can_be_gone_through_twice() -> None:
    done = upscale()(film(), scale=2)
    assert all((a == b).all() for a, b in zip(done.frames, list(done.frames), strict=True))


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("cat.png", r"PIL image.*found str; open files"),
        (np.zeros((3, 20, 30), np.uint8), r"found shape \(3, 20, 30\); channels come last"),
        (np.zeros((0, 5, 3), np.uint8), "found shape"),
        (np.zeros(5, np.uint8), "found shape"),
        (np.zeros((1, 5, 5, 3), np.uint8), "found shape"),
        (np.zeros((5, 5), np.int64), "found int64"),
        (np.zeros((5, 5), bool), "found bool"),
        (np.full((5, 5), np.nan, np.float32), "found nan"),
        (np.full((5, 5), 255.0), r"found 255\.\.255; scale"),
        (torch.zeros(20, 30, 3), r"found shape \(20, 30, 3\); channels come first"),
        (torch.zeros(3, 5, 5, dtype=torch.int32), "found torch.int32"),
        (torch.full((3, 5, 5), 2.0), r"found 2\.\.2"),
        (torch.zeros(0, 3, 5, 5), "found shape"),
    ],
)
def test_what_is_no_picture_is_refused(bad: Any, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        upscale()(bad)
    assert "\n" not in str(caught.value)


def test_sixteen_bits_keep_every_step() -> None:
    ramp = np.arange(65536, dtype=np.uint16).reshape(256, 256)

    class Repeat(Bicubic):
        def forward(self, x: Tensor) -> Tensor:
            return nn.functional.interpolate(x, scale_factor=self.scale)

    engine = TorchEngine(Repeat(), scale=2, overlap_px=0, dtype=torch.bfloat16)
    y = Upscale({"repeat": engine}, tile=100)(ramp, scale=4)
    assert (y == ramp.repeat(4, axis=0).repeat(4, axis=1)).all()


# ---------------------------------------------------------------------------- grey


def tinting(*scales: int, tile: Any = "auto") -> Upscale:
    """Nets that colour whatever is put in."""

    class Tint(Bicubic):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) * torch.tensor([1.0, 0.9, 0.8]).reshape(1, 3, 1, 1)

    return Upscale({f"x{s}": TorchEngine(Tint(s), scale=s, overlap_px=3) for s in scales or (2,)}, tile=tile)


@pytest.mark.parametrize("scale", [2, 3.3, 8])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("transparent", [False, True])
def test_grey_stored_as_colour_stays_grey(scale: float, dtype: str, transparent: bool) -> None:
    grey = np.concatenate([noise(70, 40, 1, dtype=dtype), noise(70, 40, 1, dtype=dtype, seed=1)], axis=2)
    grey = grey if transparent else grey[..., :1]
    x = grey[..., [0, 0, 0, 1]] if transparent else grey[..., [0, 0, 0]]
    y = tinting(2, 4, tile=32)(x, scale=scale)
    assert (y[..., 1:3] == y[..., :1]).all()
    alone = tinting(2, 4, tile=32)(grey, scale=scale)
    assert (y[..., 0] == alone[..., 0]).all()
    assert (y[..., -1] == alone[..., -1]).all()


def test_grey_stays_grey_in_every_type() -> None:
    x = noise(9, 7, 1)
    colour = x.repeat(3, axis=2)
    expected = tinting()(x, scale=2).repeat(3, axis=2)
    assert (np.asarray(tinting()(Image.fromarray(colour), scale=2)) == expected).all()
    tensor = torch.from_numpy(colour).permute(2, 0, 1)
    assert (tinting()(tensor, scale=2).permute(1, 2, 0).numpy() == expected).all()
    still = images.Picture(7, 9, 3, np.dtype(np.uint8), (colour,), "PNG")
    (frame,) = tinting()(still, scale=2).frames
    assert (frame == expected).all()


def test_one_pixel_of_colour_makes_a_picture_colour() -> None:
    x = noise(150, 9, 1).repeat(3, axis=2)
    x[-1, -1, 2] ^= 1
    y = tinting()(x, scale=2)
    assert (y[..., 0] != y[..., 2]).any()


# ---------------------------------------------------------------------------- sizes


@settings(deadline=None, max_examples=30)
@given(
    height=st.integers(1, 60),
    width=st.integers(1, 60),
    scale=st.floats(1, 16),
    channels=st.integers(1, 4),
    dtype=st.sampled_from(["uint8", "uint16", "float32"]),
)
def test_any_scale_gives_its_exact_size(
    height: int, width: int, scale: float, channels: int, dtype: str
) -> None:
    scale = max(1.0, min(scale, 200 / max(height, width)))
    y = upscale(2, 4)(noise(height, width, channels, dtype=dtype), scale=scale)
    assert y.shape[:2] == UpscaleOptions(scale=scale).size(width, height)[::-1]


def test_sizes_by_other_names() -> None:
    x = noise(20, 30, 3)
    assert upscale()(x).shape == (80, 120, 3)
    assert upscale()(x, width=45).shape == (30, 45, 3)
    assert upscale()(x, height=45).shape == (45, 68, 3)
    assert upscale()(x, long_side=60).shape == (40, 60, 3)
    assert upscale()(x, megapixels=0.0024).shape == (40, 60, 3)


@pytest.mark.parametrize(
    "size",
    [
        {"scale": 0.5},
        {"scale": 17},
        {"scale": True},
        {"width": 29},
        {"width": True},
        {"height": 321},
        {"scale": 4.0, "width": 60},
    ],
)
def test_sizes_that_cannot_be_meant(size: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="expected"):
        upscale()(noise(20, 30), **size)


@pytest.mark.parametrize(
    ("have", "ratio", "expected"),
    [
        ("2 4", 1, "2"),
        ("2 4", 2, "2"),
        ("2 4", 2.1, "4"),
        ("2 3 4", 3, "3"),
        ("2 4", 3, "4"),
        ("2 4", 5, "2 4"),
        ("2 3 4", 6, "2 3"),
        ("2 4", 16, "4 4"),
        ("2", 16, "2 2 2 2"),
        ("4", 2, "4"),
        ("1", 1, "1"),
    ],
)
def test_the_chain_of_nets(have: str, ratio: float, expected: str) -> None:
    assert " ".join(chain({s: int(s) for s in have.split()}, ratio)) == expected


def test_a_net_that_does_not_enlarge_says_so() -> None:
    with pytest.raises(UsageError, match="model that enlarges 4 times, found denoise"):
        chain({"denoise": 1}, 4)


# ---------------------------------------------------------------------------- resizing


@settings(deadline=None, max_examples=40)
@given(
    height=st.integers(1, 90),
    width=st.integers(1, 40),
    end_height=st.integers(1, 90),
    end_width=st.integers(1, 40),
    channels=st.sampled_from([1, 3]),
    dtype=st.sampled_from(["uint8", "uint16", "float32"]),
    piece=st.integers(1, 40),
)
def test_lanczos_in_pieces_is_lanczos(
    height: int, width: int, end_height: int, end_width: int, channels: int, dtype: str, piece: int
) -> None:
    x = noise(height, width, channels, dtype=dtype)
    into = np.full((end_height, end_width, channels), 77, dtype)
    lanczos((x[i : i + piece] for i in range(0, height, piece)), height, into)
    most = 1 if dtype == "float32" else np.iinfo(dtype).max
    # Pillow holds a box in float32: where a piece begins is off by some millionths of a pixel.
    allowed = {"float32": 1e-5, "uint8": 0.6, "uint16": 1}[dtype]
    for c in range(channels):
        band = Image.fromarray(x[..., c].astype(np.float32))
        whole = np.asarray(band.resize((end_width, end_height), Image.Resampling.LANCZOS)).clip(0, most)
        assert np.abs(into[..., c] - whole.astype(np.float64)).max() <= allowed


# ---------------------------------------------------------------------------- alpha


def disk(size: int = 64, radius: float = 20.0, most: int = 255) -> np.ndarray:
    """An orange disk with a soft edge on transparent black."""
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    cover = (radius - np.hypot(x, y) + 0.5).clip(0, 1)
    a = (cover * most).round()
    colour = np.where(a[..., None] > 0, np.array([1.0, 0.5, 0.25]) * most, 0).round()
    return np.concatenate([colour, a[..., None]], axis=2).astype(np.uint16 if most > 255 else np.uint8)


@pytest.mark.parametrize("scale", [2, 3.3, 4])
@pytest.mark.parametrize("most", [255, 65535])
def test_edges_of_alpha_are_neither_dark_nor_jagged(scale: float, most: int) -> None:
    x = disk(most=most)
    y = upscale()(x, scale=scale)
    visible = y[..., 3] > 0
    orange = np.array([1.0, 0.5, 0.25]) * most
    assert np.abs(y[..., :3][visible].astype(float) - orange).max() <= most / 255
    # Alpha is what a grey picture of it becomes, apart from ringing in what was flat.
    grey = upscale()(x[..., 3], scale=scale).astype(float)
    assert np.abs(y[..., 3] - grey).max() <= 0.1 * most
    n = y.shape[0]
    middle = slice(n // 2 - n // 8, n // 2 + n // 8)
    assert (y[middle, middle, 3] == most).all()
    assert (y[: n // 10, :, 3] == 0).all()


def test_flat_alpha_never_rings() -> None:
    x = disk()
    y = upscale()(x, scale=2)
    for value in (0, 255):
        inside = alpha._inner(x[..., 3] == value).repeat(2, axis=0).repeat(2, axis=1)
        assert (y[..., 3][inside] == value).all()


@pytest.mark.parametrize("tile", [0, 5, "x", None, 64.5])
def test_what_is_no_tile_is_refused_at_once(tile: Any) -> None:
    with pytest.raises(UsageError, match="expected a tile of"):
        upscale(tile=tile)


def test_alpha_in_tiles_is_alpha_whole() -> None:
    x = disk(150, 40)
    whole, tiled = upscale(tile="off")(x, scale=2), upscale(tile=32)(x, scale=2)
    assert np.abs(whole.astype(int) - tiled).max() <= 1


@pytest.mark.parametrize("value", [0, 100, 255])
def test_one_alpha_everywhere_costs_nothing(value: int) -> None:
    net = Bicubic()
    engine = TorchEngine(net, scale=2, overlap_px=3)
    engine._nets[torch.float32] = net  # the one that counts, not a copy
    x = noise(20, 20, 4)
    x[..., 3] = value
    y = Upscale({"x2": engine}, tile="off")(x, scale=2)
    assert net.calls == 1
    assert (y[..., 3] == value).all()
    assert (y[..., :3] == upscale()(x[..., :3].copy(), scale=2)).all()


@settings(deadline=None, max_examples=30)
@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    seed=st.integers(0, 99),
    dtype=st.sampled_from(["uint8", "uint16", "float32"]),
)
def test_filled_touches_nothing_that_is_seen(height: int, width: int, seed: int, dtype: str) -> None:
    colour = noise(height, width, 3, dtype=dtype, seed=seed)
    most = alpha.opaque(np.dtype(dtype))
    a = (noise(height, width, dtype=dtype, seed=seed + 1) > 0.7 * most).astype(dtype) * np.dtype(dtype).type(
        most
    )
    a[height // 2, width // 2] = most
    y = alpha.filled(colour, a)
    seen = colour[a > 0]
    assert (y[a > 0] == seen).all()
    assert (y >= seen.min(axis=0) - 1e-5).all()
    assert (y <= seen.max(axis=0) + 1e-5).all()


def test_filling_in_strips_is_filling_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    x = disk(101)
    whole = alpha.filled(x[..., :3], x[..., 3])
    monkeypatch.setattr(alpha, "BAND_ROWS", 8)
    assert (alpha.filled(x[..., :3], x[..., 3]) == whole).all()


# ---------------------------------------------------------------------------- progress, memory


@pytest.mark.parametrize("scale", [2, 7.5])
def test_progress_counts_through_all_nets(scale: float) -> None:
    seen: list[tuple[int, int]] = []
    upscale(2, 4, tile=32)(disk(100), scale=scale, progress=lambda *now: seen.append(now))
    totals = {total for _, total in seen}
    assert len(totals) == 1
    assert [done for done, _ in seen] == list(range(1, totals.pop() + 1))


def test_stop_ends_the_work() -> None:
    seen: list[int] = []
    with pytest.raises(Stopped):
        upscale(tile=32)(
            noise(200, 200, 3), progress=lambda done, _: seen.append(done), stop=lambda: len(seen) == 3
        )
    assert seen == [1, 2, 3]


@pytest.mark.parametrize(("channels", "scale"), [(3, 1), (4, 1), (4, 1.5)])
def test_memory_stays_near_the_pictures_own(channels: int, scale: float) -> None:
    """Under 3 times the bytes of input and output together; numpy's share, for torch holds only a tile."""

    class Repeat(Around):
        def __call__(self, tiles: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
            return tiles.repeat(4, axis=1).repeat(4, axis=2).astype(dtype)

    x = disk(1200, 500)[..., :channels].copy()
    tracemalloc.start()
    y = Upscale({"x4": Repeat(bicubic(4))}, tile=64)(x, scale=scale)
    peak = tracemalloc.get_traced_memory()[1] + x.nbytes
    tracemalloc.stop()
    assert peak < 3 * (x.nbytes + y.nbytes)


# ---------------------------------------------------------------------------- weights


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with untrained weights tiny-x2 and tiny-x4."""
    for scale in (2, 4):
        config = CompactConfig(width=4, depth=1, scale=scale)
        path = tmp_path / "upscale" / f"tiny-x{scale}.safetensors"
        made.save(path, "upscale", "compact", Compact(config), scale=scale)
    monkeypatch.setenv("GENSTUDIO_WEIGHTS", str(tmp_path))
    return tmp_path


def test_a_family_gives_each_scale_its_net(installed: Path) -> None:
    upscaler = Upscale.from_weights("tiny", device="cpu")
    x = np.full((12, 10, 3), 255, np.uint8)
    for scale, models in ((2, ("tiny-x2",)), (4, ("tiny-x4",)), (6, ("tiny-x2", "tiny-x4"))):
        facts = upscaler.facts(10, 12, x.dtype, UpscaleOptions(scale=scale))
        assert (facts.models, facts.device) == (models, "cpu")
        y = upscaler(x, scale=scale)
        assert y.shape == (12 * scale, 10 * scale, 3)
        assert (y == 255).all()


def test_names_paths_and_ensembles(installed: Path) -> None:
    x = noise(12, 10, 3)
    by_name = Upscale.from_weights("tiny-x4", device="cpu", precision="float32")(x)
    path = installed / "upscale" / "tiny-x4.safetensors"
    by_path = Upscale.from_weights(path, device=torch.device("cpu"), precision="float32")
    assert (by_path(x) == by_name).all()
    assert by_path.facts(10, 12, x.dtype, UpscaleOptions()).models == ("tiny-x4.safetensors",)
    ensemble = Upscale.from_weights("tiny-x4", device="cpu", precision="float32", self_ensemble=True)
    assert ensemble(x).shape == by_name.shape
    assert (ensemble(np.rot90(x)) == np.rot90(ensemble(x))).mean() > 0.99


def test_sixteen_bits_are_done_in_float32(installed: Path) -> None:
    upscaler = Upscale.from_weights("tiny-x2", device="cpu")
    assert upscaler.facts(9, 9, np.dtype(np.uint16), UpscaleOptions(scale=2)).precision == "float32"
    asked = Upscale.from_weights("tiny-x2", device="cpu", precision="bfloat16")
    assert asked.facts(9, 9, np.dtype(np.uint16), UpscaleOptions(scale=2)).precision == "bfloat16"


def test_models_that_are_not_there(installed: Path) -> None:
    with pytest.raises(UsageError, match=r"did you mean tiny-x\d"):
        Upscale.from_weights("tinny-x4")
    with pytest.raises(WeightsError, match=r"nowhere\.pth"):
        Upscale.from_weights("nowhere.pth")


def test_denoise_strength_goes_from_the_counterpart_to_the_model(installed: Path) -> None:
    path = installed / "upscale" / "tiny-x4.safetensors"
    header, state = weights.load("tiny-x4", "upscale")
    photo = {key: value + 0.01 for key, value in state.items()}
    weights.save(
        path.with_name("tiny-photo-x4.safetensors"),
        photo,
        header.model_copy(update={"counterpart": "upscale/tiny-x4"}),
    )

    def enlarged(model: str, strength: float | None) -> np.ndarray:
        upscale = Upscale.from_weights(
            model, device="cpu", precision="float32", denoise_strength=strength, tile="off"
        )
        return upscale(noise(12, 10, 3), scale=4).astype(int)

    assert (enlarged("tiny-photo-x4", 0) == enlarged("tiny-x4", None)).all()
    assert (enlarged("tiny-photo-x4", 1) == enlarged("tiny-photo-x4", None)).all()
    between = enlarged("tiny-photo-x4", 0.5)
    assert (between != enlarged("tiny-x4", None)).any()
    assert (between != enlarged("tiny-photo-x4", None)).any()
    with pytest.raises(UsageError, match="denoise_strength: expected a photo model"):
        enlarged("tiny-x4", 0.5)


def test_denoise_strength_refuses_a_counterpart_of_another_scale(installed: Path) -> None:
    header, state = weights.load("tiny-x4", "upscale")
    path = installed / "upscale" / "tiny-photo-x4.safetensors"
    weights.save(path, state, header.model_copy(update={"counterpart": "upscale/tiny-x2"}))
    with pytest.raises(UsageError, match="denoise_strength: expected upscale/tiny-x2 to enlarge 4 times"):
        Upscale.from_weights("tiny-photo-x4", device="cpu", denoise_strength=0.5)
