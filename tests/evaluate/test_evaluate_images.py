"""Sets of pictures against each other: what is computed, whatever the batches, and what is remembered."""

import hashlib
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import made
import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from genstudio.classify.keras_cnn import KerasCNN, KerasCNNConfig
from genstudio.cli import main
from genstudio.data import square
from genstudio.errors import InputError, UsageError, WeightsError
from genstudio.evaluate import images
from genstudio.measures import features
from genstudio.measures.features import Extractor, extractor

NAMES = ("classify/tiny", "untrained")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Weights classify/tiny, a cache of its own, and no others' weights in reach."""
    folder = tmp_path / "weights"
    torch.manual_seed(0)
    net = KerasCNN(KerasCNNConfig(classes=("a", "b"), side_px=32))
    made.save(folder / "classify" / "tiny.safetensors", "classify", "keras-cnn", net)
    monkeypatch.setenv("GENSTUDIO_WEIGHTS", str(folder))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(images.platformdirs, "user_cache_path", lambda name: tmp_path / "cache" / name)
    return tmp_path


def pictures(folder: Path, count: int, seed: int, grain: float = 0.0) -> Path:
    """Smooth colours of many sizes and shapes, some grey, some with grain; in a subfolder every third."""
    rng = np.random.default_rng(seed)
    (folder / "more").mkdir(parents=True)
    for k in range(count):
        height, width = rng.integers(20, 60, 2)
        image = Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8))
        pixels = np.asarray(image.resize((int(width), int(height)), Image.Resampling.BICUBIC)).astype(float)
        pixels = (pixels + rng.normal(0, 255 * grain, pixels.shape)).clip(0, 255).astype(np.uint8)
        mode = "L" if k % 5 == 4 else "RGB"
        Image.fromarray(pixels).convert(mode).save(folder / ("more" if k % 3 == 0 else ".") / f"{k:03}.png")
    return folder


@pytest.fixture
def real(home: Path) -> Path:
    return pictures(home / "real", 24, seed=0)


def compared(capsys: pytest.CaptureFixture[str], real: Path, fake: Path, name: str) -> dict[str, Any]:
    assert main(["evaluate", "images", str(real), str(fake), "--features", name, "--json"]) == 0
    row: dict[str, Any] = json.loads(capsys.readouterr().out)
    return row


# --- what is computed -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_against_itself(name: str, real: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = compared(capsys, real, real, name)
    assert row["features"] == name
    assert row["side_px"] == {"classify/tiny": 32, "untrained": 96}[name]
    assert row["real"] == row["fake"] == {"folder": str(real), "n": 24, "left_out": []}
    found = row[name]
    assert found["frechet"] == pytest.approx(0, abs=1e-4)
    assert abs(found["kid"]) < 3 * found["kid_std"] + 1e-6
    assert found["kid_subset_size"] == 12
    assert (found["precision"], found["recall"], found["coverage"]) == (1, 1, 1)


@pytest.mark.parametrize("name", NAMES)
def test_the_worse_the_farther(name: str, home: Path, real: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = [pictures(home / f"fake{grain}", 18, 1, grain) for grain in (0.0, 0.1, 0.3)]
    good, bad, worse = (compared(capsys, real, folder, name)[name] for folder in folders)
    assert good["frechet"] < bad["frechet"] < worse["frechet"]
    assert good["kid"] < bad["kid"] < worse["kid"]
    assert good["precision"] > worse["precision"]
    assert worse["coverage"] < 0.5


def test_a_table_for_people(home: Path, real: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fake = pictures(home / "fake", 10, 1)
    assert main(["evaluate", "images", str(real), str(fake), "--features", "untrained"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{fake}, n=10 against {real}, n=24"
    assert "96 px" in lines[1]
    assert "100 subsets of 5" in lines[1]
    assert len(lines) == 2 + 6 + 1
    assert all("by untrained" in line for line in lines[2:-1])  # every number says by what
    assert lines[-1].startswith("10 pictures are few for 262 features")


@pytest.mark.parametrize("name", NAMES)
def test_batches_do_not_matter(
    name: str, home: Path, real: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = pictures(home / "fake", 15, 1, 0.2)
    whole = compared(capsys, real, fake, name)[name]
    for batch, at_once in ((1, 256), (4, 7), (7, 3)):
        monkeypatch.setattr(features, "BATCH", batch)
        monkeypatch.setattr(images, "AT_ONCE", at_once)
        monkeypatch.setattr(images.platformdirs, "user_cache_path", lambda _, at=batch: home / f"cache{at}")
        assert compared(capsys, real, fake, name)[name] == pytest.approx(whole, rel=1e-4, abs=1e-6)


# --- what is remembered -----------------------------------------------------------------------------------


def test_the_second_time_no_real_picture_is_looked_at(
    home: Path, real: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = pictures(home / "fake", 12, 1)
    (real / "broken.png").write_bytes(b"nothing")
    read: list[Path] = []
    through: list[int] = []
    read_square, call = square.read_square, Extractor.__call__

    def reading(file: Path, side_px: int) -> Any:
        read.append(file)
        return read_square(file, side_px)

    def looking(self: Extractor, pixels: Any) -> Any:
        through.append(len(pixels))
        return call(self, pixels)

    monkeypatch.setattr(square, "read_square", reading)
    monkeypatch.setattr(Extractor, "__call__", looking)

    def run(name: str = "untrained") -> tuple[dict[str, Any], int, int]:
        read.clear()
        through.clear()
        assert main(["evaluate", "images", str(real), str(fake), "--features", name, "--json"]) == 0
        out, err = capsys.readouterr()
        assert err.count("broken.png") == 1  # named every time
        assert "1 of 25 pictures left out" in err
        return json.loads(out), sum(real in file.parents for file in read), sum(through)

    first = run()
    again = run()
    assert first[1:] == (25, 24 + 12)
    assert again == (first[0], 0, 12)
    assert run("classify/tiny")[1] == 25  # another extractor
    entry = next((home / "cache" / "genstudio" / "features").iterdir())
    for damage in (b"", b"nonsense", entry.read_bytes()[:-100]):
        for file in entry.parent.iterdir():
            file.write_bytes(damage)
        assert run() == first  # looked at again, not believed
    Image.new("RGB", (40, 40), (200, 30, 30)).save(real / "001.png")
    changed = run()
    assert changed[1] == 25
    assert changed[0]["untrained"] != first[0]["untrained"]


def test_other_weights_of_the_same_name_are_another_entry() -> None:
    digests = set()
    for seed in (0, 1):
        torch.manual_seed(seed)
        net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten())
        digests.add(Extractor("classify/same", net, torch.device("cpu"), 32).digest)
    assert len(digests) == 2


def test_a_cache_that_cannot_be_written_is_no_error(
    home: Path, real: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "cache").write_text("no folder")
    assert main(["evaluate", "images", str(real), str(real), "--features", "untrained"]) == 0
    assert "are not kept for the next time" in capsys.readouterr().err


# --- what is refused --------------------------------------------------------------------------------------


def test_corrupt_pictures_are_named_and_counted(
    home: Path, real: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fake = pictures(home / "fake", 12, 1)
    (fake / "more" / "broken.jpg").write_bytes((fake / "001.png").read_bytes()[:60])
    (fake / "notes.txt").write_text("no picture")
    (fake / ".hidden.png").write_bytes(b"")
    assert main(["evaluate", "images", str(real), str(fake), "--features", "untrained", "--json"]) == 0
    out, err = capsys.readouterr()
    row = json.loads(out)
    assert (row["fake"]["n"], row["fake"]["left_out"]) == (12, ["more/broken.jpg"])
    assert [line for line in err.splitlines() if "left out: " in line and "broken.jpg" in line]
    assert f"{fake}: 1 of 13 pictures left out" in err


@pytest.mark.parametrize(
    ("count", "broken", "words"),
    [
        (5, 0, "expected at least 6 pictures, found 5"),
        (0, 7, "expected at least 6 pictures that can be read, found 0 of 7"),
        (4, 3, "expected at least 6 pictures that can be read, found 4 of 7"),
    ],
)
def test_too_few(home: Path, count: int, broken: int, words: str) -> None:
    folder = pictures(home / "few", count, 0)
    for k in range(broken):
        (folder / f"broken{k}.png").write_bytes(b"nothing")
    with pytest.raises(InputError, match=words):
        images.see(folder, images.listing(folder), extractor("untrained"))


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nowhere"], 3, "found none at nowhere"),
        (["--features", "vgg"], 2, "expected features of auto, classify/"),
        (["--features", "classify/none"], 2, "no classify model called 'none'"),
    ],
)
def test_refusals(
    real: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, words: str
) -> None:
    fake = [] if arguments[0] == "nowhere" else [str(real)]
    assert main(["evaluate", "images", str(real), *fake, *arguments]) == code
    assert words in capsys.readouterr().err


# --- Inception --------------------------------------------------------------------------------------------


@pytest.fixture
def inception(monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where its weights are looked for; the package's net is a small one, and no network is there."""

    class Net(nn.Module):
        def __init__(self, name: str, wanted: list[str], path: str) -> None:
            super().__init__()
            assert (name, wanted) == ("inception-v3-fid", ["2048"])
            assert Path(path).read_bytes() == b"weights"

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor]:
            assert x.dtype == torch.uint8
            return (x.float().mean((2, 3)),)

    module: Any = ModuleType("torch_fidelity.feature_extractor_inceptionv3")
    module.FeatureExtractorInceptionV3 = Net
    monkeypatch.setitem(sys.modules, "torch_fidelity", ModuleType("torch_fidelity"))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(features, "INCEPTION_URL", "http://127.0.0.1:9/weights-inception.pth")
    monkeypatch.setattr(features, "INCEPTION_SHA256", hashlib.sha256(b"weights").hexdigest())
    return Path(torch.hub.get_dir()) / "checkpoints" / "weights-inception.pth"


def test_inception_is_verified_before_it_is_read(inception: Path) -> None:
    with pytest.raises(
        WeightsError, match=r"expected the weights of inception-v3-fid at .*cannot be fetched"
    ):
        extractor("inception-v3-fid")
    assert [file.name for file in inception.parent.iterdir()] == []
    inception.write_bytes(b"tampered with")
    with pytest.raises(WeightsError, match="expected the sha256"):
        extractor("inception-v3-fid")
    inception.write_bytes(b"weights")
    look = extractor("inception-v3-fid")
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    assert look.side_px == 299
    assert np.allclose(look(pixels), pixels.mean((1, 2)))


def test_inception_without_its_package(inception: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch_fidelity", None)
    monkeypatch.delitem(sys.modules, "torch_fidelity.feature_extractor_inceptionv3")
    with pytest.raises(UsageError, match=r"needs the package torch-fidelity .*genstudio\[fid\]"):
        extractor("inception-v3-fid")
