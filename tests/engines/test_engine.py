"""The engine's conversions are exact at the ends, and half precision that fails is noticed."""

import logging
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from genstudio import device
from genstudio.engines.protocol import SelfEnsemble
from genstudio.engines.receptive_field import measure
from genstudio.engines.torch_engine import TorchEngine
from genstudio.errors import DeviceError, UsageError, WeightsError
from genstudio.restoring import tiling

U8, U16, F32 = np.dtype(np.uint8), np.dtype(np.uint16), np.dtype(np.float32)


class Nearest(nn.Module):
    """Enlarges by repeating pixels, times a weight of 1; notes the numbers it is given."""

    def __init__(self, scale: int = 2) -> None:
        super().__init__()
        self.scale = scale
        self.one = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.interpolate(x, scale_factor=self.scale) * self.one.float()


class Narrow(Nearest):
    """Overflows in float16, as deep nets do."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * (self.one * 70000).float() / 70000


def nearest(**options: Any) -> TorchEngine:
    return TorchEngine(Nearest(), scale=2, overlap_px=0, **options)


@pytest.mark.parametrize("depth", [U8, U16, F32])
def test_every_value_passes_unchanged(depth: np.dtype[Any]) -> None:
    if depth == F32:
        x = np.linspace(0, 1, 4096, dtype=np.float32).reshape(1, 64, 64, 1)
    else:
        x = np.arange(256**depth.itemsize).astype(depth).reshape(1, 16, -1, 1)
    for engine in (nearest(), SelfEnsemble(nearest())):
        y = engine(x, depth)
        assert y.dtype == depth
        rounding = 2e-7 if depth == F32 else 0  # of the mean over three channels
        np.testing.assert_allclose(y, x.repeat(2, axis=1).repeat(2, axis=2), rtol=0, atol=rounding)


def test_the_ends_of_every_depth_meet() -> None:
    white = np.full((1, 3, 5, 3), 255, np.uint8)
    assert (nearest()(white, U16) == 65535).all()
    assert (nearest()(white, F32) == 1.0).all()
    assert (nearest()(nearest()(white, U16), U8) == 255).all()


def test_results_are_clipped_and_rounded_to_nearest() -> None:
    class Spread(Nearest):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) * 3 - 1

    spread = TorchEngine(Spread(), scale=2, overlap_px=0)
    x = np.array([0, 84, 85, 86, 170, 255], np.uint8).reshape(1, 1, 6, 1)
    assert spread(x, U8)[0, 0, ::2, 0].tolist() == [0, 0, 0, 3, 255, 255]
    assert spread(x, F32).min() == 0
    assert spread(x, F32).max() == 1
    halves = (np.array([0.4, 0.6, 1.4, 1.6], np.float32) / 255).reshape(1, 1, 4, 1)
    assert nearest()(halves, U8)[0, 0, ::2, 0].tolist() == [0, 1, 1, 2]


def test_grey_through_colour_and_colour_through_grey() -> None:
    class Tint(Nearest):
        def forward(self, x: Tensor) -> Tensor:
            assert x.shape[1] == 3
            return super().forward(x) + torch.tensor([0.1, 0, -0.1]).reshape(1, 3, 1, 1)

    grey = np.full((2, 4, 5, 1), 100, np.uint8)
    assert (TorchEngine(Tint(), scale=2, overlap_px=0)(grey, U8) == 100).all()

    class OneChannel(Nearest):
        def forward(self, x: Tensor) -> Tensor:
            assert x.shape[1] == 1
            return super().forward(x)

    colour = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3), np.uint8)
    y = TorchEngine(OneChannel(), scale=2, overlap_px=0, channels=1)(colour, U8)
    assert (y == colour.repeat(2, axis=1).repeat(2, axis=2)).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 1), (13, 9), (40, 17)])
def test_pictures_are_mirrored_to_the_sizes_a_net_needs(size: tuple[int, int]) -> None:
    class Particular(Nearest):
        def forward(self, x: Tensor) -> Tensor:
            assert x.shape[2] == x.shape[3] >= 16
            assert x.shape[2] % 8 == 0
            return super().forward(x)

    engine = TorchEngine(Particular(), scale=2, overlap_px=0, multiple=8, minimum=16, square=True)
    x = np.random.default_rng(0).integers(0, 256, (1, *size, 3), np.uint8)
    assert (engine(x, U8) == x.repeat(2, axis=1).repeat(2, axis=2)).all()


def test_half_precision_that_overflows_gives_way_to_float32(caplog: pytest.LogCaptureFixture) -> None:
    engine = TorchEngine(Narrow(), scale=2, overlap_px=0, dtype=torch.float16)
    assert engine.precision(U8) == "float16"
    x = np.full((1, 4, 4, 3), 200, np.uint8)
    for _ in range(2):
        assert (engine(x, U8) == 200).all()
    assert engine.precision(U8) == "float32"
    warnings = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert warnings == ["float16 is too narrow for this model; going on in float32"]


def test_numbers_that_are_none_are_refused() -> None:
    net = Nearest()
    net.one.data.fill_(float("nan"))
    with pytest.raises(WeightsError, match=r"net\.pth: expected numbers, found NaN .*damaged"):
        TorchEngine(net, scale=2, overlap_px=0, name="net.pth")(np.zeros((1, 4, 4, 3), np.uint8), U8)


def test_deep_pictures_are_done_in_the_deep_format() -> None:
    used: list[torch.dtype] = []

    class Watch(Nearest):
        def forward(self, x: Tensor) -> Tensor:
            used.append(self.one.dtype)
            return super().forward(x)

    engine = TorchEngine(Watch(), scale=2, overlap_px=0, dtype=torch.bfloat16)
    for depth in (U8, U16, F32):
        engine(np.zeros((1, 4, 4, 3), depth), U8)
    assert used == [torch.bfloat16, torch.float32, torch.float32]
    assert [engine.precision(depth) for depth in (U8, U16)] == ["bfloat16", "float32"]


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
    ],
)
def test_a_full_device_is_a_memory_error(error: RuntimeError) -> None:
    class Full(Nearest):
        def forward(self, x: Tensor) -> Tensor:
            raise error

    with pytest.raises(MemoryError):
        TorchEngine(Full(), scale=2, overlap_px=0)(np.zeros((1, 4, 4, 3), np.uint8), U8)


def test_self_ensemble_is_the_mean_of_eight() -> None:
    class Lean(Nearest):
        """Darker to the right: the mean over all flips and turns is even."""

        def forward(self, x: Tensor) -> Tensor:
            ramp = torch.linspace(0.5, -0.5, 2 * x.shape[3])
            return super().forward(x) + 0.2 * ramp

    engine = TorchEngine(Lean(), scale=2, overlap_px=0)
    x = np.full((1, 6, 6, 3), 128, np.uint8)
    assert np.ptp(engine(x, U8)) > 40
    assert np.ptp(SelfEnsemble(engine)(x, U8)) <= 1
    assert abs(int(SelfEnsemble(engine)(x, U8).mean()) - 128) <= 1


def test_working_memory_is_measured() -> None:
    class Wide(Nearest):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) + x.repeat(1, 100, 1, 1).mean()

    narrow = nearest().bytes_per_px
    wide = TorchEngine(Wide(), scale=2, overlap_px=0).bytes_per_px
    assert 1.5 * 3 * 4 * (1 + 4) <= narrow <= 1.5 * 3 * 4 * (2 + 3 * 4)
    assert wide >= 1.5 * 300 * 4


def test_measured_overlap_is_the_radius() -> None:
    class Box(nn.Module):
        """Answers the mean over a square of 2 * radius + 1 pixels."""

        def __init__(self, radius: tuple[int, int]) -> None:
            super().__init__()
            self.radius = radius

        def forward(self, x: Tensor) -> Tensor:
            sides = tuple(2 * r + 1 for r in self.radius)
            y = nn.functional.avg_pool2d(x, sides, stride=1, padding=self.radius)
            return nn.functional.interpolate(y, scale_factor=3)

    for radius in ((0, 0), (1, 1), (4, 9), (9, 4), (2, 50)):
        assert measure(Box(radius), scale=3) == (max(radius), 1)
    assert measure(Box((3, 3)), scale=3, multiple=8, minimum=48) == (3, 8)


def test_measured_overlap_holds_where_a_picture_is_cut() -> None:
    """A border of zeros in front of a bias is seen further than any change of what is inside."""

    class Bordered(nn.Module):
        def __init__(self, left: int, right: int) -> None:
            super().__init__()
            self.borders = (left, right)

        def forward(self, x: Tensor) -> Tensor:
            y = x.clone()
            left, right = self.borders
            y[..., :left] = 0.5
            y[..., y.shape[3] - right :] = 0.5
            return y

    for left, right in ((0, 0), (5, 0), (0, 5), (7, 9), (11, 3)):
        assert measure(Bordered(left, right), scale=1) == (max(left, right), 1)


def test_a_net_that_sees_everything_is_capped_and_said(caplog: pytest.LogCaptureFixture) -> None:
    class Global(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x - x[..., :1, :1] + x[..., -1:, -1:]

    assert measure(Global(), scale=1)[0] == 128
    assert "sees 128 px or further" in caplog.text


def test_the_grid_a_net_works_on_is_found() -> None:
    class Blocks(nn.Module):
        """Adds the mean of each aligned block; pads to whole blocks by itself."""

        def forward(self, x: Tensor) -> Tensor:
            h, w = x.shape[2:]
            padded = nn.functional.pad(x, (0, -w % 16, 0, -h % 16), "reflect")
            mean = nn.functional.interpolate(nn.functional.avg_pool2d(padded, 16), scale_factor=16)
            return 0.5 * x + 0.5 * mean[:, :, :h, :w]

    overlap_px, multiple = measure(Blocks(), scale=1)
    assert multiple == 16
    assert overlap_px <= 16
    engine = TorchEngine(Blocks(), scale=1, overlap_px=overlap_px, align=multiple)
    x = np.random.default_rng(0).integers(0, 256, (101, 83, 3), np.uint8)
    assert (tiling.run(engine, x, tile=32) == engine(x[None], U8)[0]).all()


def test_devices_and_precisions() -> None:
    cpu = device.pick("cpu")
    assert device.pick("auto").type in device.DEVICES
    assert device.precision("float32", cpu) == torch.float32
    assert device.precision("auto", cpu) in (torch.float32, torch.bfloat16)
    assert device.precision("auto", cpu, supports_bfloat16=False) == torch.float32
    assert 0 < device.free_bytes(cpu) == pytest.approx(device.free_bytes("cpu"), rel=0.5)
    with pytest.raises(UsageError, match="this model stands"):
        device.precision("float16", cpu, supports_half=False)
    with pytest.raises(UsageError, match="expected a device"):
        device.pick("gpu")
    with pytest.raises(UsageError, match="expected a precision"):
        device.precision("fp16", cpu)


def test_devices_are_named_or_given() -> None:
    assert device.pick(torch.device("cpu")) == device.pick("cpu")
    with pytest.raises(UsageError, match="found 'meta'"):
        device.pick(torch.device("meta"))
    with pytest.raises(DeviceError, match="found 'cuda:99'"):
        device.pick(torch.device("cuda", 99))


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_a_device_that_is_absent() -> None:
    with pytest.raises(DeviceError, match=r"this machine has \(.*cpu\), found 'cuda'"):
        device.pick("cuda")


def test_a_compiled_net_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[nn.Module] = []

    def compile(net: nn.Module) -> nn.Module:
        asked.append(net)
        return net

    monkeypatch.setattr(torch, "compile", compile)
    engine = nearest(compiled=True)
    x = np.random.default_rng(0).integers(0, 256, (1, 8, 9, 3), np.uint8)
    for _ in range(2):
        assert (engine(x, U8) == nearest()(x, U8)).all()
    assert len(asked) == 1


def test_a_machine_that_cannot_compile_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    class InductorError(RuntimeError):
        __module__ = "torch._inductor.exc"

    def broken(x: Tensor) -> Tensor:
        raise InductorError("no C++ compiler\nand a long story")

    monkeypatch.setattr(torch, "compile", lambda net: broken)
    with pytest.raises(DeviceError, match=r"found no C\+\+ compiler; leave it out"):
        nearest(compiled=True)(np.zeros((1, 4, 4, 3), np.uint8), U8)


def test_views_share_the_net_and_what_is_known_of_it(caplog: pytest.LogCaptureFixture) -> None:
    class Scaled(Narrow):
        def forward(self, x: Tensor, by: float = 1.0) -> Tensor:
            return super().forward(x) * by

    engine = TorchEngine(Scaled(), scale=2, overlap_px=0, dtype=torch.float16, takes=("by",))
    x = np.full((1, 4, 4, 3), 200, np.uint8)
    half, whole = engine.given(by=0.5), SelfEnsemble(engine).given(by=1.0)
    assert (half(x, U8) == 100).all()
    assert (whole(x, U8) == 200).all()
    assert half.precision(U8) == engine.precision(U8) == whole.precision(U8) == "float32"
    assert len(caplog.records) == 1
    assert len(engine._nets) == 1
    assert half.bytes_per_px == engine.bytes_per_px


def test_a_gpu_is_looked_for_without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    picked: list[str] = []
    monkeypatch.setattr(device, "pick", lambda name: picked.append(name) or torch.device("cpu"))
    monkeypatch.setattr(device, "_has_gpu_driver", lambda: False)
    assert device.is_cpu("cpu")
    assert device.is_cpu("auto")
    assert picked == []
    monkeypatch.setattr(device, "_has_gpu_driver", lambda: True)
    assert device.is_cpu("auto")  # a driver, but no GPU that torch can use
    assert picked == ["auto"]
