"""Models by others: every file kind that spandrel reads runs, and none of them can run code."""

import collections
import os
import pickle
import resource
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from spandrel.architectures.Compact import Compact
from spandrel.architectures.DAT import DAT
from spandrel.architectures.ESRGAN import ESRGAN
from spandrel.architectures.FBCNN import FBCNN
from spandrel.architectures.SwinIR import SwinIR
from torch import nn

from genstudio import weights
from genstudio.denoise.pipeline import Denoise
from genstudio.engines import adoption, community
from genstudio.engines.torch_engine import TorchEngine
from genstudio.errors import UsageError, WeightsError
from genstudio.restoring import tiling
from genstudio.upscale.pipeline import Upscale

CPU = torch.device("cpu")
U8 = np.dtype(np.uint8)


def esrgan(**options: Any) -> nn.Module:
    return ESRGAN(num_filters=8, num_blocks=1, **options)


def compact(**options: Any) -> nn.Module:
    return Compact(num_feat=8, num_conv=2, upscale=4, **options)


def swinir() -> nn.Module:
    size: dict[str, Any] = {"depths": [2, 2], "embed_dim": 12, "num_heads": [2, 2], "mlp_ratio": 2}
    return SwinIR(upscale=2, img_size=16, window_size=8, upsampler="pixelshuffledirect", **size)


def dat() -> nn.Module:
    size: dict[str, Any] = {"depth": [2], "embed_dim": 32, "num_heads": [2], "split_size": [4, 8]}
    return DAT(upscale=2, img_size=16, upsampler="pixelshuffledirect", **size)


def saved(net: nn.Module, path: Path) -> Path:
    state = net.state_dict()
    if path.suffix == ".safetensors":
        safetensors.torch.save_file(state, path)
    else:
        torch.save(state, path)
    return path


@pytest.mark.parametrize(
    ("make", "suffix", "scale", "channels", "tiles"),
    [
        (esrgan, ".pth", 4, 3, "freely"),
        (lambda: esrgan(scale=2, in_nc=1, out_nc=1), ".safetensors", 2, 1, "freely"),
        (compact, ".safetensors", 4, 3, "freely"),
        (swinir, ".ckpt", 2, 3, "avoid"),
        (dat, ".pt", 2, 3, "freely"),
    ],
    ids=["esrgan", "esrgan-grey", "compact", "swinir", "dat"],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_models_run_in_tiles_as_in_one_piece(
    make: Callable[[], nn.Module], suffix: str, scale: int, channels: int, tiles: str, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    path = saved(make(), tmp_path / f"model{suffix}")
    engine = community.load(path, device=CPU, precision="float32")
    assert (engine.scale, engine.channels, engine.tiles) == (scale, channels, tiles)
    x = np.random.default_rng(0).integers(0, 256, (75, 90, 3), np.uint8)
    whole = engine(x[None], U8)[0]
    assert whole.shape == (75 * scale, 90 * scale, 3)
    assert np.ptp(whole) > 10
    assert np.abs(tiling.run(engine, x, tile=32).astype(int) - whole).max() <= 1
    assert engine(x[None, :1, :1], U8).shape == (1, scale, scale, 3)


@pytest.mark.parametrize("scale", [2, 4])
def test_tiles_of_nets_with_zero_borders_and_biases_leave_no_seams(scale: int, tmp_path: Path) -> None:
    torch.manual_seed(0)
    path = saved(Compact(upscale=scale), tmp_path / "a.pth")
    engine = community.load(path, device=CPU, precision="float32")
    assert engine.multiple == 1
    for height, width in ((75, 91), (33, 130)):
        x = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
        whole = engine(x[None], U8)[0].astype(int)
        assert np.abs(tiling.run(engine, x, tile=32) - whole).max() <= 1


def test_the_windows_of_attention_are_found(tmp_path: Path) -> None:
    torch.manual_seed(0)
    assert community.load(saved(swinir(), tmp_path / "a.pth"), device=CPU).multiple == 8
    assert community.load(saved(esrgan(), tmp_path / "b.pth"), device=CPU).multiple == 1


def test_size_requirements_reach_the_engine(tmp_path: Path) -> None:
    """ESRGAN at scale 2 by shuffling pixels together first: sides must be even."""
    path = saved(esrgan(scale=4, in_nc=12, out_nc=3, shuffle_factor=2), tmp_path / "a.pth")
    engine = community.load(path, device=CPU, precision="float32")
    assert (engine.scale, engine.channels) == (2, 3)
    assert engine.multiple % 2 == 0
    x = np.random.default_rng(0).integers(0, 256, (67, 71, 3), np.uint8)
    assert np.abs(tiling.run(engine, x, tile=32).astype(int) - engine(x[None], U8)[0]).max() <= 1


def test_a_path_is_a_model_for_upscale(tmp_path: Path) -> None:
    x = np.random.default_rng(0).integers(0, 256, (10, 12, 3), np.uint8)
    for name in ("größe.pth", "net.safetensors"):
        path = saved(compact(), tmp_path / name)
        upscale = Upscale.from_weights(path, device="cpu")
        assert list(upscale.engines) == [name]
        assert upscale(x, scale=3).shape == (30, 36, 3)


def test_precision_is_what_the_model_stands(tmp_path: Path) -> None:
    path = saved(dat(), tmp_path / "dat.pth")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(UsageError, match="this model stands"):
            community.load(path, device=CPU, precision="float16")
    engine: TorchEngine = community.load(
        saved(compact(), tmp_path / "a.pth"), device=CPU, precision="bfloat16"
    )
    assert engine.precision(U8) == "bfloat16"
    assert engine(np.zeros((1, 9, 9, 3), np.uint8), U8).shape == (1, 36, 36, 3)


@pytest.mark.parametrize("channels", [2, 4])
def test_a_model_of_four_channels_takes_the_alpha(channels: int, tmp_path: Path) -> None:
    torch.manual_seed(0)
    path = saved(esrgan(scale=2, in_nc=4, out_nc=4), tmp_path / "a.pth")
    upscale = Upscale.from_weights(path, device="cpu", precision="float32", tile="off")
    (engine,) = upscale.engines.values()
    x = np.random.default_rng(0).integers(20, 230, (21, 30, channels), np.uint8)  # nothing opaque or hidden
    y = upscale(x, scale=2)
    assert (y == engine(x[None], U8)[0]).all()
    as_colour = x[..., :1].repeat(3, 2) if channels == 2 else x[..., :3]
    rgba = np.dstack([as_colour, x[..., -1]])
    answer = community.describe(path)(torch.from_numpy(rgba).permute(2, 0, 1)[None] / 255)[0].permute(1, 2, 0)
    assert np.abs(y[..., -1] - answer[..., 3].numpy() * 255).max() <= 1
    if channels == 4:
        assert np.abs(y - answer.numpy() * 255).max() <= 1
    # Without alpha it is opaque to the net, and the result has none.
    opaque = np.dstack([x[..., :-1], np.full(x.shape[:2], 255, np.uint8)])
    assert (upscale(x[..., :-1], scale=2) == engine(opaque[None], U8)[0, ..., :-1]).all()


def test_what_was_clear_or_opaque_is_so_again(tmp_path: Path) -> None:
    torch.manual_seed(0)
    path = saved(esrgan(scale=2, in_nc=4, out_nc=4), tmp_path / "a.pth")
    x = np.full((30, 40, 4), 100, np.uint8)
    x[:, :20, 3], x[:, 20:, 3] = 0, 255
    y = Upscale.from_weights(path, device="cpu")(x, scale=2)
    assert (y[:, :36, 3] == 0).all()
    assert (y[:, 44:, 3] == 255).all()


def test_a_model_that_keeps_the_size_is_for_denoise(tmp_path: Path) -> None:
    path = saved(Compact(num_feat=8, num_conv=2, upscale=1), tmp_path / "clean.pth")
    with pytest.raises(UsageError, match=r"enlarges, found clean\.pth, which keeps .* denoise"):
        Upscale.from_weights(path, device="cpu")
    assert Denoise.from_weights(path, device="cpu")(np.zeros((9, 9, 3), np.uint8)).shape == (9, 9, 3)


# ---------------------------------------------------------------------------- refusals


def test_a_model_is_imported_in_a_process_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENSTUDIO_WEIGHTS", str(tmp_path))
    path = saved(compact(), tmp_path / "größe.pth")
    target = adoption.adopt(path, tmp_path, "mine", "CC0")
    assert target == tmp_path / "upscale" / "mine.safetensors"
    assert weights.read_header(target).license == "CC0"
    with pytest.raises(UsageError, match="expected a new name, found mine"):
        adoption.adopt(path, tmp_path, "mine")
    with pytest.raises(WeightsError, match="found nothing there"):
        adoption.adopt(tmp_path / "none.pth", tmp_path, "other")
    monkeypatch.setattr(adoption, "MOST_SECONDS", 0.01)
    with pytest.raises(WeightsError, match="read and tried within"):
        adoption.adopt(path, tmp_path, "other")
    assert not (tmp_path / "upscale" / "other.safetensors").exists()


def test_memory_of_an_import_is_limited(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from genstudio.engines import adoption; import numpy as np\n"
        "adoption._limit(pathlib.Path(sys.executable)); np.ones(2**29, np.float64)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "MemoryError" in done.stderr


@pytest.mark.filterwarnings("ignore")
def test_code_of_others_that_fails_is_no_bug_of_ours(tmp_path: Path) -> None:
    """FBCNN reads the quality of a JPEG by a layer that fits one width alone."""
    path = saved(FBCNN(nc=[8, 16, 24, 32], nb=2), tmp_path / "narrow.pth")
    with pytest.raises(WeightsError, match=r"narrow\.pth: .*the code of FBCNN fails") as caught:
        Denoise.from_weights(path, device="cpu")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "shape", "words"),
    [
        ("body.99999999.x", (1,), "layers numbered up to"),
        ("body.0.weight", (3_000_000, 3, 3, 3), "tensors of the file's size"),
        ("body.0.weight", (30_000, 3, 3, 3), "parts that do not fit"),
    ],
    ids=["layers", "shapes", "net"],
)
def test_small_files_make_no_large_nets(key: str, shape: tuple[int, ...], words: str, tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    torch.save({**compact().state_dict(), key: torch.zeros(1).expand(shape)}, path)
    assert path.stat().st_size < 50_000
    before = peak_mb()
    with pytest.raises(WeightsError, match=words):
        community.describe(path)
    assert peak_mb() < before + 400


def peak_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def test_a_run_is_no_model(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    torch.save({"step": 3, "average": compact().state_dict(), "minutes": 1.0}, path)
    with pytest.raises(WeightsError, match=f"checkpoint of a training run; .*genstudio export {tmp_path}"):
        Upscale.from_weights(path, device="cpu")


def test_weights_that_give_no_numbers_are_named(tmp_path: Path) -> None:
    net = compact()
    next(net.parameters()).data.fill_(float("nan"))
    path = saved(net, tmp_path / "net.pth")
    with pytest.raises(WeightsError, match=r"net\.pth: expected numbers, found NaN"):
        Upscale.from_weights(path, device="cpu")(np.zeros((5, 5, 3), np.uint8))


class Evil:
    """Unpickled by the ordinary reader, it would make a folder called "ran"."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("ran",)


def with_code(path: Path) -> None:
    torch.save({"params": Evil(), **compact().state_dict()}, path)


def with_code_in_the_old_format(path: Path) -> None:
    torch.save({"params": Evil()}, path, _use_new_zipfile_serialization=False)


def with_a_module(path: Path) -> None:
    torch.save(nn.Linear(2, 2), path)


def torchscript(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(nn.Linear(2, 2)), path)


@pytest.mark.parametrize("make", [with_code, with_code_in_the_old_format, with_a_module, torchscript])
@pytest.mark.parametrize("suffix", [".pth", ".pt", ".ckpt"])
def test_files_that_would_run_code_are_refused(
    make: Callable[[Path], None], suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / f"model{suffix}"
    make(path)
    with pytest.raises(WeightsError, match="would need to run code from the file") as caught:
        Upscale.from_weights(path, device="cpu")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "ran").exists()


def test_a_bare_pickle_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "model.pth"
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        path.write_bytes(pickle.dumps({"params": Evil()}, protocol))
        with pytest.raises(WeightsError, match="would need to run code"):
            community.describe(path)
    assert not (tmp_path / "ran").exists()


def broken(name: str, path: Path) -> None:
    whole = saved(compact(), path).read_bytes()
    contents = {
        "truncated": whole[: len(whole) // 2],
        "empty": b"",
        "text": b"<html>not found</html>",
        "noise": np.random.default_rng(0).bytes(3000),
    }
    path.write_bytes(contents[name])


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".safetensors"])
@pytest.mark.parametrize("name", ["truncated", "empty", "text", "noise"])
def test_damaged_files_are_named_as_such(name: str, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"model{suffix}"
    broken(name, path)
    with pytest.raises(WeightsError, match="damaged or truncated") as caught:
        community.describe(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_holds_no_model_to_enlarge_with(tmp_path: Path) -> None:
    path = tmp_path / "model.pth"

    def refused(content: Any, words: str) -> None:
        torch.save(content, path)
        with pytest.raises(WeightsError, match=words) as caught:
            community.describe(path)
        assert "\n" not in str(caught.value)

    refused([torch.zeros(3)], "expected named tensors, found list")
    refused(nn.Linear(2, 2).state_dict(), "an architecture spandrel knows")
    parts = collections.OrderedDict(list(compact().state_dict().items())[:-1])
    refused(parts, "expected")
    refused(compact(num_in_ch=2, num_out_ch=2).state_dict(), "1 to 1, 3 to 3 or 4 to 4")


def test_paths_that_lead_to_no_file(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="found nothing there"):
        community.describe(tmp_path / "none.pth")
    (tmp_path / "folder.pth").mkdir()
    with pytest.raises(WeightsError, match="expected a readable file"):
        community.describe(tmp_path / "folder.pth")
    (tmp_path / "model.onnx").touch()
    with pytest.raises(WeightsError, match=r"expected a model file .*found \.onnx"):
        community.describe(tmp_path / "model.onnx")
