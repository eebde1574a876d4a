"""Every architecture that spandrel's registry enlarges or restores with, as a small net of random weights: at
odd sizes, in both number formats, in tiles and whole."""

import logging
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from community_nets import NETS
from spandrel import MAIN_REGISTRY

from genstudio import device as devices
from genstudio.denoise.pipeline import Denoise
from genstudio.engines import community
from genstudio.engines.protocol import Engine
from genstudio.restoring import tiling
from genstudio.upscale.pipeline import Upscale

U8 = np.dtype(np.uint8)
CPU = torch.device("cpu")
# For faces alone, or with a mask: refused by their purpose. They have no small configurations.
OTHER_PURPOSES = {"GFPGAN", "LaMa", "RestoreFormer"}
# Spandrel says that these stand bfloat16.
FLOAT32_ALONE = {"ATD", "AuraSR", "DRCT", "FFTformer", "GRL", "Swin2SR", "SwinIR", "SwinIR-jpeg", "SwinIR-x1"}
# Drawn with noise of its own: no two results are alike.
RANDOM = {"AuraSR"}
# To measure how far these see takes 1.5 s of a processor and more.
SLOW = {"ATD", "CRAFT", "DCTLSA", "FBCNN", "GRL", "IPT", "KBNet-l", "OmniSR", "SCUNet"} | {
    "RealCUGAN-x3",
    "RealCUGAN-x4",
}


def texture(height: int, width: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, channels), np.uint8)


@pytest.fixture(params=sorted(NETS))
def net(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    torch.manual_seed(0)
    path = tmp_path / f"{request.param}.pth"
    torch.save(NETS[request.param]().state_dict(), path)
    return path


def task_of(path: Path) -> tuple[Callable[[np.ndarray], np.ndarray], Engine]:
    """(what the model is for, done with it; its engine)."""
    if community.describe(path).scale == 1:
        denoise = Denoise.from_weights(path, device="cpu", tile="off")
        return denoise, denoise.engine
    upscale = Upscale.from_weights(path, device="cpu", tile="off")
    (engine,) = upscale.engines.values()
    return lambda picture: upscale(picture, scale=engine.scale), engine


def test_the_whole_registry_is_here() -> None:
    registered = {str(each.architecture.id) for each in MAIN_REGISTRY}
    assert {name.partition("-")[0] for name in NETS} == registered - OTHER_PURPOSES


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("format", ["float32", "bfloat16"])
def test_each_does_pictures_of_odd_sizes(
    net: Path, format: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    formats = (torch.bfloat16,) if format == "bfloat16" else ()
    monkeypatch.setattr(devices, "_fast_formats", lambda _: formats)
    monkeypatch.setattr(community, "measure", lambda *_, **__: (8, 1))  # which is another test's
    x = texture(37, 71)
    with caplog.at_level(logging.WARNING):
        run, engine = task_of(net)
        y = run(x)
    used, scale = engine.precision(U8), engine.scale
    assert y.shape == (37 * scale, 71 * scale, 3)
    assert run(x[:1, :1]).shape == (scale, scale, 3)
    assert used == ("float32" if net.stem in FLOAT32_ALONE else format)
    if used != format and net.stem != "AuraSR":  # of which spandrel says so itself
        assert "does not run in bfloat16; going on in float32" in caplog.text
    if net.stem not in RANDOM:
        exact = run(x / np.float32(255)) * 255  # float pictures are done in float32
        assert np.abs(y - exact).mean() < (0.5 if used == "float32" else 0.05 * max(20, np.ptp(exact)))


@pytest.mark.filterwarnings("ignore")
def test_each_is_the_same_in_tiles_and_whole(net: Path) -> None:
    if net.stem in RANDOM:
        pytest.skip("no two of its results are alike")
    if net.stem in SLOW and "GENSTUDIO_SLOW_TESTS" not in os.environ:
        pytest.skip("slow: set GENSTUDIO_SLOW_TESTS to run it")
    engine = community.load(net, device=CPU, precision="float32")
    x = texture(45, 97)
    whole = engine(x[None], U8)[0].astype(int)
    assert np.abs(tiling.run(engine, x, tile=32) - whole).max() <= 1, (engine.overlap_px, engine.multiple)
