"""Class folders as people have them, mosaics, and torchvision's sets: read, or refused in one clear line."""

import csv
import hashlib
import io
import pickle
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import datasets

from genstudio.data import labelled
from genstudio.data.labelled import Part, open_labelled
from genstudio.data.square import read_square, square
from genstudio.errors import InputError


def flat(color: tuple[int, int, int], size: tuple[int, int] = (20, 20)) -> Image.Image:
    return Image.new("RGB", size, color)


RED, GREEN = (220, 30, 30), (30, 200, 40)


def class_folders(home: Path, count: int = 10) -> Path:
    for name, color in (("reds", RED), ("greens", GREEN)):
        (home / name).mkdir(parents=True)
        for k in range(count):
            flat(color).save(home / name / f"{k:02}.png")
    return home


def test_pictures_as_people_have_them(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    home = class_folders(tmp_path / "set")
    reds = home / "reds"
    flat(RED, (70, 31)).save(reds / "wide.jpg", quality=95)
    Image.new("L", (9, 40), 90).save(reds / "grey.png")
    Image.new("RGBA", (20, 20), (0, 0, 0, 0)).save(reds / "clear.webp", lossless=True)
    Image.fromarray(np.full((8, 8), 40_000, np.uint16)).save(reds / "deep.png")
    whole = (reds / "00.png").read_bytes()
    (reds / "cut.png").write_bytes(whole[: len(whole) // 2])
    (reds / "notes.txt").write_text("red things")
    (reds / ".hidden.png").write_bytes(b"")
    data = open_labelled(home, 16)
    with caplog.at_level("WARNING", logger="genstudio"):
        parts = [data.part(name) for name in ("train", "test")]
    assert data.classes == ("greens", "reds")
    assert sum(map(len, parts)) == 10 + 10 + 4
    assert all(part.pixels.shape[1:] == (16, 16, 3) for part in parts)
    assert "cut.png" in caplog.text
    assert "1 of " in caplog.text
    everything = torch.cat([part.pixels for part in parts])
    assert (everything == 255).all(3).all((1, 2)).any(), "what is transparent is white"
    assert len(data) == len(parts[0])


def test_other_files_are_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    home = class_folders(tmp_path / "set")
    (home / "reds" / "a.txt").write_text("")
    (home / "greens" / "b.csv").write_text("")
    with caplog.at_level("WARNING", logger="genstudio"):
        open_labelled(home, 8)
    assert "2 of 22 files left out, no pictures" in caplog.text


def test_the_split_is_of_every_class_and_stays(tmp_path: Path) -> None:
    home = class_folders(tmp_path / "set", 30)
    data = open_labelled(home, 8)
    assert data.part("test").labels.bincount().tolist() == [6, 6]
    assert data.part("train").labels.bincount().tolist() == [24, 24]
    assert "20%" in data.split
    again = open_labelled(home, 8).part("test")
    assert torch.equal(again.pixels, data.part("test").pixels)
    rest, kept = data.part("train").held_back()
    assert kept.labels.bincount().tolist() == [1, 1]
    assert len(rest) == 46


@pytest.mark.parametrize("names", [("train", "val"), ("training", "test")])
def test_folders_for_parts_are_taken_as_such(names: tuple[str, str], tmp_path: Path) -> None:
    for name, count in zip(names, (5, 2), strict=True):
        class_folders(tmp_path / name, count)
    data = open_labelled(tmp_path, 8)
    assert [len(data.part(part)) for part in ("train", "test")] == [10, 4]
    alone = open_labelled(tmp_path / names[1], 8)
    assert len(alone.part("test")) == 4
    with pytest.raises(InputError, match="part to train on"):
        alone.part("train")


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    home = class_folders(tmp_path / "set", 3)
    (home / "reds").rename(home / "train")
    assert open_labelled(home, 8).classes == ("greens", "train")


@pytest.mark.parametrize(
    ("made", "message"),
    [
        ([], "a folder for each class, found no folders"),
        (["one/a.png"], r"at least two classes, found one \(one\)"),
        (["one/a.png", "two/b.txt"], "found none of two"),
    ],
)
def test_what_is_no_set_is_said_plainly(made: list[str], message: str, tmp_path: Path) -> None:
    for name in made:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        flat(RED).save(tmp_path / name, "PNG")
    with pytest.raises(InputError, match=message):
        open_labelled(tmp_path, 8).part("train")
    with pytest.raises(InputError, match="no such folder"):
        open_labelled(tmp_path / "nowhere", 8)


def test_mosaics(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    small = rng.integers(256, size=(200, 4, 4, 3), dtype=np.uint8)
    with (tmp_path / "labels.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "index", "label"])
        for name, count in (("train-1.png", 200), ("test-1.png", 100)):
            rows = [np.concatenate(small[k : k + 100], axis=1) for k in range(0, count, 100)]
            Image.fromarray(np.concatenate(rows)).save(tmp_path / name)
            writer.writerows((name, k, k % 2) for k in range(count))
    (tmp_path / "classes.txt").write_text("even one\nodd\n")
    data = open_labelled(tmp_path, 4)
    assert data.classes == ("even one", "odd")
    assert np.array_equal(data.part("train").pixels.numpy(), small)
    assert data.part("train").labels[:4].tolist() == [0, 1, 0, 1]
    assert len(data.part("test")) == 100
    assert open_labelled(tmp_path, 6).part("test").pixels.shape == (100, 6, 6, 3)


def test_squares() -> None:
    wide = np.zeros((10, 30, 3), np.uint8)
    wide[:, 10:20] = 200
    assert (square(wide, 5) == 200).all()
    assert (square(np.full((4, 4, 1), 65535, np.uint16), 8) == 255).all()
    half = np.array([[[0, 128]]], np.uint8)
    assert (square(half, 1) == 127).all()
    with pytest.raises(InputError):
        read_square(Path("nowhere.png"), 8)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    folder = tmp_path / "web"
    folder.mkdir()
    handler = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    http = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=folder))
    threading.Thread(target=http.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{http.server_port}", folder
    http.shutdown()
    http.server_close()


def test_cifar10_by_name(
    server: tuple[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The real download, of a set of four pictures that is laid out as the real one."""
    address, folder = server
    pixels = np.arange(2 * 3072, dtype=np.uint16).astype(np.uint8).reshape(2, 3072)
    batch = pickle.dumps({"data": pixels, "labels": [1, 0]})
    meta = pickle.dumps({"label_names": ["airplane", "automobile"]})
    archive = folder / "small.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for name, content in (("train", batch), ("test", batch), ("meta", meta)):
            entry = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    digests = {name: hashlib.md5(content).hexdigest() for name, content in (("batch", batch), ("meta", meta))}
    known = {
        "url": f"{address}/small.tar.gz",
        "filename": "small.tar.gz",
        "tgz_md5": hashlib.md5(archive.read_bytes()).hexdigest(),
        "train_list": [["train", digests["batch"]]],
        "test_list": [["test", digests["batch"]]],
        "meta": {"filename": "meta", "key": "label_names", "md5": digests["meta"]},
    }
    for name, value in known.items():
        monkeypatch.setattr(datasets.CIFAR10, name, value)
    monkeypatch.setattr(labelled.platformdirs, "user_cache_path", lambda name: tmp_path / "cache")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="add --download"):
        open_labelled(Path("cifar10"), 32)
    for download in (True, True, False):
        data = open_labelled(Path("cifar10"), 32, download=download)
    assert data.classes == ("airplane", "automobile")
    assert data.part("test").labels.tolist() == [1, 0]
    assert np.array_equal(
        data.part("train").pixels[1].numpy(), pixels[1].reshape(3, 32, 32).transpose(1, 2, 0)
    )
    assert capsys.readouterr().out == ""
    archive.unlink()
    monkeypatch.setattr(labelled.platformdirs, "user_cache_path", lambda name: tmp_path / "other")
    with pytest.raises(InputError, match="cannot be fetched"):
        open_labelled(Path("cifar10"), 32, download=True)


def test_grey_sets_become_colour_at_another_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Fake:
        classes = ("boot", "bag")
        data = torch.full((3, 28, 28), 77, dtype=torch.uint8)
        targets = torch.tensor([0, 1, 1])

        def __init__(self, root: Path, train: bool, download: bool = False) -> None: ...

    monkeypatch.setattr(datasets, "FashionMNIST", Fake)
    monkeypatch.chdir(tmp_path)
    part = open_labelled(Path("fashion-mnist"), 32).part("train")
    assert part.pixels.shape == (3, 32, 32, 3)
    assert (part.pixels == 77).all()


@pytest.mark.parametrize(
    ("row", "width", "message"),
    [
        ("train.png,0,2", 400, "labels from 0 to 1 for the 2 lines of classes.txt, found 2"),
        ("train.png,0,-1", 400, "labels from 0 to 1 .* found -1"),
        ("train.png,100,0", 400, "indices below 100, as many as train.png holds, found 100"),
        ("train.png,-1,0", 400, "indices below 100, .* found -1"),
        ("train.png,0,0", 402, "100 squares side by side, found 402 x 4"),
        ("train.png,0,0", 40, "100 squares side by side, found 40 x 4"),
    ],
)
def test_mosaics_that_do_not_fit_their_labels(row: str, width: int, message: str, tmp_path: Path) -> None:
    Image.new("RGB", (width, 4)).save(tmp_path / "train.png")
    (tmp_path / "classes.txt").write_text("a\nb\n")
    (tmp_path / "labels.csv").write_text(f"file,index,label\n{row}\n")
    with pytest.raises(InputError, match=message):
        open_labelled(tmp_path, 4).part("train")


def test_a_set_without_two_of_a_kind_holds_nothing_back() -> None:
    part = Part(torch.zeros(2, 4, 4, 3, dtype=torch.uint8), torch.arange(2))
    with pytest.raises(InputError, match="a class of two pictures or more"):
        part.held_back()
