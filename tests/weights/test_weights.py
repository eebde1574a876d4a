"""Weights files describe themselves, prove themselves whole, and are found, fetched and filled strictly."""

import hashlib
import http.server
import json
import os
import pickle
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from genstudio import weights
from genstudio.errors import UsageError, WeightsError
from genstudio.upscale.compact import Compact
from genstudio.weights import Header, IndexEntry, Metric, cards
from genstudio.weights.file import write_atomically

CONFIG = {"width": 4, "depth": 1, "scale": 2}


def header(**changes: object) -> Header:
    values = {
        "task": "upscale",
        "arch": "compact",
        "config": CONFIG,
        "scale": 2,
        "params": 1000,
        "advice": "For tests.",
        "recipe": "upscale/tiny",
        "data": "noise",
        "license": "CC0",
        "steps": 10,
        "minutes": 1.5,
        "hardware": "a table",
        "seed": 3,
        "metrics": [Metric(name="psnr_y", dataset="Set5", value=30.125, n=5, protocol="Y | border 2")],
        "code_version": "0.1",
    }
    return Header.model_validate(values | changes)


def state() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return Compact(Compact.Config(**CONFIG)).state_dict()


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """The three places weights are looked for, empty."""
    places = {name: tmp_path / name for name in ("own", "packaged", "cache")}
    for place in places.values():
        place.mkdir()
    monkeypatch.setenv("GENSTUDIO_WEIGHTS", str(places["own"]))
    monkeypatch.setattr("genstudio.weights.names.packaged", lambda: places["packaged"])
    monkeypatch.setattr("genstudio.weights.names.cache", lambda: places["cache"])
    return places


def make(folder: Path, name: str = "tiny-x2", register: bool = True, **changes: object) -> Path:
    path = folder / "upscale" / f"{name}.safetensors"
    weights.save(path, state(), header(**changes))
    if register:
        cards.register(path)
    return path


# --- one file ----------------------------------------------------------------------------------------------


def test_saved_weights_come_back_in_half_precision_with_their_header(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "tiny.safetensors"
    weights.save(path, state(), header())
    assert weights.read_header(path) == header()
    found, tensors = weights.load(path, "upscale")
    assert found == header()
    for key, value in state().items():
        assert tensors[key].dtype == torch.float16
        assert torch.equal(tensors[key], value.half())
    assert [file.name for file in path.parent.iterdir()] == ["tiny.safetensors"]


def test_a_net_is_built_from_its_header_in_eval_mode_and_float32(tmp_path: Path) -> None:
    path = tmp_path / "tiny.safetensors"
    weights.save(path, state(), header())
    _, net = weights.load_net(path, "upscale")
    assert isinstance(net, Compact)
    assert not net.training
    assert {p.dtype for p in net.parameters()} == {torch.float32}
    assert torch.equal(net.state_dict()["head.weight"], state()["head.weight"].half().float())


def test_a_file_whose_values_do_not_fit_half_precision_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="finite"):
        weights.save(tmp_path / "x.safetensors", {"a": torch.tensor([1e6])}, header())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("at", ["header", "first tensor byte", "last byte"])
def test_one_changed_byte_anywhere_is_tampering(tmp_path: Path, at: str) -> None:
    path = tmp_path / "tiny.safetensors"
    weights.save(path, state(), header())
    blob = bytearray(path.read_bytes())
    data = 8 + struct.unpack("<Q", blob[:8])[0]
    place = {"header": blob.index(b"noise"), "first tensor byte": data, "last byte": len(blob) - 1}[at]
    blob[place] ^= 1
    path.write_bytes(blob)
    with pytest.raises(WeightsError, match="tampered"):
        weights.load(path, "upscale")


@pytest.mark.parametrize("keep", [0, 3, 8, 200, -1])
def test_a_truncated_file_is_refused_and_named(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "tiny.safetensors"
    weights.save(path, state(), header())
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(WeightsError, match=r"truncated|found something else") as error:
        weights.load(path, "upscale")
    assert str(path) in str(error.value)
    with pytest.raises(WeightsError):
        weights.read_header(path)


def test_bytes_after_the_end_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "tiny.safetensors"
    weights.save(path, state(), header())
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(WeightsError, match="too long"):
        weights.load(path, "upscale")


def repack(path: Path, text: str) -> None:
    """Put another header text into a file, with a digest that fits it."""
    blob = path.read_bytes()
    length = struct.unpack("<Q", blob[:8])[0]
    table, data = json.loads(blob[8 : 8 + length]), blob[8 + length :]
    digest = hashlib.sha256(text.encode() + data).hexdigest()
    table["__metadata__"] = {"genstudio": text, "sha256": digest}
    raw = json.dumps(table).encode()
    path.write_bytes(struct.pack("<Q", len(raw)) + raw + data)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "JSON"),
        ("{}", "task"),
        (json.dumps(header().model_dump() | {"scale": "two"}), "scale"),
        (json.dumps(header().model_dump() | {"surprise": 1}), "surprise"),
    ],
)
def test_a_header_that_does_not_fit_is_named(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "tiny.safetensors"
    weights.save(path, state(), header())
    repack(path, text)
    with pytest.raises(WeightsError, match=says) as error:
        weights.load(path, "upscale")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"task": "denoise"}, "found weights for denoise"),
        ({"arch": "warp"}, "expected one of the nets"),
        ({"config": {"width": 4, "depth": 1, "scale": 2, "wings": 2}}, "cannot be built"),
        ({"config": {"width": 4, "depth": 2, "scale": 2}}, "found none"),
        ({"config": {"width": 4, "depth": 0, "scale": 2}}, "expected no such tensor"),
        ({"config": {"width": 5, "depth": 1, "scale": 2}}, r"expected \(5,"),
    ],
)
def test_weights_must_be_exactly_the_nets(tmp_path: Path, changes: dict[str, object], says: str) -> None:
    path = tmp_path / "tiny.safetensors"
    weights.save(path, state(), header(**changes))
    with pytest.raises(WeightsError, match=says):
        weights.load_net(path, "upscale")


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("echo boom > boom",)


def test_a_pickle_is_never_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("plain.safetensors").write_bytes(pickle.dumps(Bomb()))
    torch.save({"a": Bomb()}, "zip.safetensors")
    for name in ("plain.safetensors", "zip.safetensors"):
        with pytest.raises(WeightsError, match="pickle"):
            weights.load(name, "upscale")
        with pytest.raises(WeightsError, match="nothing of it was run"):
            weights.is_ours(Path(name))
    assert not Path("boom").exists()


def test_other_peoples_safetensors_are_told_from_ours(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    theirs, ours = tmp_path / "theirs.safetensors", tmp_path / "ours.safetensors"
    save_file({"a": torch.zeros(3)}, theirs)
    weights.save(ours, state(), header())
    assert weights.is_ours(ours)
    assert not weights.is_ours(theirs)
    with pytest.raises(WeightsError, match="without its header"):
        weights.load(theirs, "upscale")


def test_headers_refuse_what_they_do_not_know() -> None:
    with pytest.raises(ValidationError):
        header(params=0)


# --- by name -----------------------------------------------------------------------------------------------


def test_search_order_is_path_own_folder_package_cache(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cached = make(folders["cache"], register=False)
    digest = hashlib.sha256(cached.read_bytes()).hexdigest()
    index = f'["upscale/tiny-x2"]\nsha256 = "{digest}"\nbytes = 1\nurl = "http://127.0.0.1:1/x"\n'
    (folders["packaged"] / "index.toml").write_text(index)
    assert weights.find("tiny-x2", "upscale")[0] == cached
    shipped = make(folders["packaged"])
    assert weights.find("upscale/tiny-x2", "upscale")[0] == shipped
    own = make(folders["own"], register=False)
    assert weights.find("tiny-x2", "upscale") == (own, None)
    outright = tmp_path / "tiny-x2"
    outright.write_bytes(own.read_bytes())
    assert weights.find("tiny-x2", "upscale")[0] == Path("tiny-x2")
    assert [each.path for each in weights.installed()] == [own]


def test_the_index_is_held_against_a_file_that_is_sound_in_itself(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = make(folders["packaged"])
    weights.save(path, state(), header(seed=4))  # whole and honest, but not the file that was released
    relative = path.relative_to(tmp_path)
    for name in ("tiny-x2", path, relative, Path("own", "..", relative)):
        with pytest.raises(WeightsError, match="tampered"):
            weights.load(name, "upscale")


def test_an_unknown_name_is_answered_with_the_nearest_and_the_list(folders: dict[str, Path]) -> None:
    make(folders["packaged"], "compact-x4")
    make(folders["packaged"], "srcnn-x4")
    with pytest.raises(UsageError, match=r"did you mean compact-x4\? there are compact-x4, srcnn-x4"):
        weights.find("comapct-x4", "upscale")
    with pytest.raises(WeightsError, match="no such weights file"):
        weights.find("nowhere/compact.pth", "upscale")


def test_a_damaged_file_is_left_out_of_the_list_with_a_word(
    folders: dict[str, Path], caplog: pytest.LogCaptureFixture
) -> None:
    make(folders["packaged"], "good-x2")
    make(folders["packaged"], "bad-x2").write_bytes(b"oops")
    assert [each.name for each in weights.installed("upscale")] == ["upscale/good-x2"]
    assert "bad-x2" in caplog.text


def test_a_damaged_file_does_not_uncover_another_of_its_name(folders: dict[str, Path]) -> None:
    make(folders["packaged"])
    make(folders["own"]).write_bytes(b"oops")
    assert weights.installed() == []


def test_a_missing_folder_of_ones_own_is_said_once(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    make(folders["packaged"])
    monkeypatch.setenv("GENSTUDIO_WEIGHTS", str(folders["own"] / "gone"))
    weights.installed()
    weights.find("tiny-x2", "upscale")
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == ["GENSTUDIO_WEIGHTS"]


def test_a_damaged_index_is_named(folders: dict[str, Path]) -> None:
    (folders["packaged"] / "index.toml").write_text("[[[")
    with pytest.raises(WeightsError, match=r"index\.toml"):
        weights.find("tiny-x2", "upscale")


def test_reading_headers_imports_no_torch(folders: dict[str, Path]) -> None:
    make(folders["own"])
    code = (
        "import sys; from genstudio import weights;"
        "assert weights.installed();"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# --- fetching ----------------------------------------------------------------------------------------------


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """(folder served, its address)."""
    root = tmp_path / "served"
    root.mkdir()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(root))) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, daemon=True)
        thread.start()
        yield root, f"http://127.0.0.1:{httpd.server_address[1]}"
        httpd.shutdown()


def publish(folders: dict[str, Path], root: Path, url: str) -> None:
    path = root / "tiny.safetensors"
    weights.save(path, state(), header())
    entry = IndexEntry(hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_size, url)
    (folders["packaged"] / "index.toml").write_text(
        f'["upscale/tiny-x2"]\nsha256 = "{entry.sha256}"\nbytes = {entry.bytes}\nurl = "{entry.url}"\n'
    )


def test_a_file_of_the_index_is_fetched_once_and_verified(
    folders: dict[str, Path], server: tuple[Path, str], capfd: pytest.CaptureFixture[str]
) -> None:
    root, address = server
    publish(folders, root, f"{address}/tiny.safetensors")
    assert weights.load("tiny-x2", "upscale")[0] == header()
    (root / "tiny.safetensors").unlink()
    assert weights.load("tiny-x2", "upscale")[0] == header()
    assert [each.name for each in weights.installed()] == ["upscale/tiny-x2"]
    assert capfd.readouterr() == ("", "")


def test_a_fetched_file_with_another_sha256_is_refused_and_not_kept(
    folders: dict[str, Path], server: tuple[Path, str]
) -> None:
    root, address = server
    publish(folders, root, f"{address}/tiny.safetensors")
    (root / "tiny.safetensors").write_bytes(b"something else")
    with pytest.raises(WeightsError, match="has not the sha256 of the index"):
        weights.load("tiny-x2", "upscale")
    assert not [file for file in folders["cache"].rglob("*") if file.is_file()]


@pytest.mark.parametrize("path", ["/gone.safetensors", None])
def test_what_cannot_be_fetched_is_one_line_that_says_where_to_put_it(
    folders: dict[str, Path], server: tuple[Path, str], path: str | None
) -> None:
    root, address = server
    publish(folders, root, f"{address}{path}" if path else "http://127.0.0.1:9/tiny.safetensors")
    with pytest.raises(WeightsError, match="connect to the network, or put the file at") as error:
        weights.load("tiny-x2", "upscale")
    assert "\n" not in str(error.value)
    assert not [file for file in folders["cache"].rglob("*") if file.is_file()]


# --- cards -------------------------------------------------------------------------------------------------


def test_registering_writes_index_and_cards_the_same_in_any_order(tmp_path: Path) -> None:
    for folder, names in (("one", ("a-x2", "b-x2")), ("two", ("b-x2", "a-x2"))):
        for name in names:
            make(tmp_path / folder, name)
    for file in ("index.toml", "README.md"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    index = weights.read_index(tmp_path / "one")
    path = tmp_path / "one/upscale/a-x2.safetensors"
    assert index["upscale/a-x2"] == IndexEntry(
        hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_size
    )


def test_a_card_says_all_the_header_knows(tmp_path: Path) -> None:
    path = make(tmp_path)
    text = cards.card("upscale/tiny-x2", header(), path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    facts = (
        "For tests.",
        "compact (width=4, depth=1, scale=2)",
        "1 k parameters",
        "x2",
        "noise",
        "CC0",
        "upscale/tiny, 10 steps, seed 3",
        "2 minutes on a table",
        "| psnr_y | Set5 | 30.12 | 5 |",
        digest,
        "genstudio 0.1",
    )
    for fact in facts:
        assert fact in text
    assert r"Y \| border 2" in text  # a bar inside a cell would break the table


def test_weights_of_one_task_are_not_registered_under_another(tmp_path: Path) -> None:
    path = tmp_path / "denoise" / "tiny.safetensors"
    weights.save(path, state(), header())
    with pytest.raises(WeightsError, match="upscale"):
        cards.register(path)


def test_writing_into_a_place_that_is_none_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WeightsError, match="cannot be written"):
        write_atomically(tmp_path / "file" / "x", b"")


@pytest.mark.parametrize("padding", range(0, 264, 8))
def test_any_length_of_header_is_read(tmp_path: Path, padding: int) -> None:
    """A header of 0x..80 bytes begins as a pickle does, and is none."""
    path = tmp_path / "upscale" / "padded.safetensors"
    path.parent.mkdir()
    weights.save(path, {"w": torch.zeros(2)}, header(advice="x" * padding))
    assert weights.read_header(path).advice == "x" * padding
    assert weights.is_ours(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"config": {"width": -48, "depth": 2, "scale": 2}}, "cannot be built from its config"),
        ({"scale": 3}, "expected a header of scale 2, as its net has, found 3"),
    ],
)
def test_a_header_that_no_net_can_have(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    path = tmp_path / "tiny.safetensors"
    weights.save(path, state(), header(**changes))
    with pytest.raises(WeightsError, match=message):
        weights.load_net(path, "upscale")
