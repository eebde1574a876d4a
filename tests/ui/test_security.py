"""What must not be possible for those who can reach the page, and for files that they send."""

import base64
import json
import os
import pickle
import struct
import urllib.error
import urllib.request
import uuid
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from genstudio.cli.ui import PageOptions
from genstudio.errors import UsageError
from genstudio.training.options import TrainOptions
from genstudio.ui import serve
from genstudio.ui.app import build
from genstudio.ui.recipes import words
from genstudio.ui.runs import Root

JSON = {"Content_Type": "application/json"}
MAX_BYTES = 4_000_000 * serve.BYTES_A_PIXEL  # of the tests' page


def request(url: str, data: bytes | None = None, **headers: str) -> Any:
    names = {key.replace("_", "-"): value for key, value in headers.items()}
    return urllib.request.urlopen(urllib.request.Request(url, data, names), timeout=20)


def refused(url: str, data: bytes | None = None, **headers: str) -> int:
    """The status of an answer that must not be a good one."""
    with pytest.raises(urllib.error.HTTPError) as error:
        request(url, data, **headers)
    return error.value.code


def upload(page: Any, name: str, content: bytes) -> str:
    """What the page calls a file that was sent under this name, written into the request as it is."""
    edge = uuid.uuid4().hex
    head = f'--{edge}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
    body = head.encode() + content + f"\r\n--{edge}--\r\n".encode()
    sent = request(
        f"{page.local_url}gradio_api/upload", body, Content_Type=f"multipart/form-data; boundary={edge}"
    )
    (path,) = json.loads(sent.read())
    return str(path)


def picture(tmp_path: Path, name: str = "in.png") -> Path:
    rng = np.random.default_rng(len(name))
    Image.fromarray(rng.integers(0, 256, (20, 20, 3), np.uint8)).save(tmp_path / name)
    return tmp_path / name


# --- files ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["../../../evil.png", "..\\\\..\\\\evil.png", "/etc/evil.png", "a\\0b.png", "..."]
)
def test_names_of_files_are_no_paths(name: str, page: Any, client: Any, tmp_path: Path) -> None:
    home = Path(os.environ["GRADIO_TEMP_DIR"]).resolve()
    path = Path(upload(page, name, picture(tmp_path).read_bytes()))
    assert home in path.resolve().parents
    assert not list(home.parent.glob("evil*"))
    if path.suffix == ".png":
        sent = {"path": str(path), "orig_name": name, "meta": {"_type": "gradio.FileData"}}
        (result,), *_ = client.predict([sent], scale=1, api_name="/upscale")
        assert Path(result).name == path.name


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "../../../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd", "."],
)
@pytest.mark.parametrize("route", ["file=", "gradio_api/file=", "gradio_api/file/", "static/", "assets/"])
def test_no_other_file_is_served(route: str, path: str, page: Any) -> None:
    assert refused(f"{page.local_url}{route}{path}") in (400, 403, 404, 405)


def test_nothing_of_this_program_or_of_training_is_served(page: Any, root: Path, weights: Path) -> None:
    for place in (
        Path(serve.__file__),
        root / "photos" / "photo-0.png",
        weights / "generate" / "made.safetensors",
    ):
        assert place.exists()
        assert refused(f"{page.local_url}gradio_api/file={place}") == 403


@pytest.mark.parametrize("path", ["photos/photo-0.png", "photos/../photos/photo-0.png", "photos"])
def test_only_what_was_sent_is_opened(path: str, page: Any, root: Path) -> None:
    sent = json.dumps({"pictures": [{"path": str(root / path), "meta": {"_type": "gradio.FileData"}}]})
    event = json.loads(request(f"{page.local_url}gradio_api/call/v2/upscale", sent.encode(), **JSON).read())
    answer = request(f"{page.local_url}gradio_api/call/upscale/{event['event_id']}").read().decode()
    assert "event: error" in answer
    assert "not uploaded by a user" in answer


def test_another_sessions_files_are_not_to_be_found(page: Any, client: Any, tmp_path: Path) -> None:
    client.predict([handle_file(picture(tmp_path, "own.png"))], api_name="/upscale")
    home = Path(os.environ["GRADIO_TEMP_DIR"]).resolve()
    (mine,) = (home / "results").rglob("own.png")
    assert request(f"{page.local_url}gradio_api/file={mine}").status == 200  # for who knows all of the path
    assert len(mine.parent.parent.name) >= 20  # which has so many letters that are drawn at random
    for place in (home, home / "results", mine.parent.parent, mine.parent):
        assert refused(f"{page.local_url}gradio_api/file={place}") in (403, 404)
    other = Client(page.local_url, verbose=False, download_files=str(tmp_path))
    try:
        other.predict([handle_file(picture(tmp_path, "own.png"))], api_name="/upscale")
        found = {path.parent.parent for path in (home / "results").rglob("own.png")}
        assert len(found) == 2  # of equal pictures, too, each has his own
    finally:
        other.close()


# --- what is sent -----------------------------------------------------------------------------------------


def test_an_upload_has_an_end(page: Any) -> None:
    try:
        status = refused(
            f"{page.local_url}gradio_api/upload",
            b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
            + bytes(MAX_BYTES + 1_000_000)
            + b"\r\n--x--\r\n",
            Content_Type="multipart/form-data; boundary=x",
        )
        assert status == 413
    except (urllib.error.URLError, ConnectionError):  # hung up while it was being sent
        pass


def bomb(side: int) -> bytes:
    """A PNG of a few kB that would be `side` x `side` pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(10_000_000)))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("action", ["upscale", "denoise", "classify", "stylize", "compare"])
def test_a_bomb_is_refused_by_its_header(action: str, client: Any, tmp_path: Path) -> None:
    (tmp_path / "bomb.png").write_bytes(bomb(100_000))
    sent = handle_file(tmp_path / "bomb.png")
    given: dict[str, Any] = {
        "upscale": {"pictures": [sent]},
        "denoise": {"pictures": [sent]},
        "classify": {"picture": sent},
        "stylize": {"pictures": [sent], "styles": ["starry_night"]},
        "compare": {"picture": sent, "other": sent},
    }
    with pytest.raises(AppError, match="at most 4,000,000 pixels"):
        client.predict(api_name=f"/{action}", **given[action])


def test_a_film_is_counted_by_all_its_frames(client: Any, tmp_path: Path) -> None:
    frames = [Image.new("L", (500, 500), k) for k in range(40)]
    frames[0].save(tmp_path / "film.gif", save_all=True, append_images=frames[1:])
    with pytest.raises(AppError, match="at most 4,000,000 pixels"):
        client.predict([handle_file(tmp_path / "film.gif")], scale=1, api_name="/upscale")


@pytest.mark.parametrize("name", ["a.svg", "a.html", "a.xhtml", "a.js", "a.png"])
def test_what_could_run_in_a_browser_does_not(name: str, page: Any, client: Any) -> None:
    script = b"<html xmlns='http://www.w3.org/1999/xhtml'><script>alert(1)</script></html>"
    path = upload(page, name, script)
    answer = request(f"{page.local_url}gradio_api/file={path}")
    shown = answer.headers["Content-Type"].startswith("image/png")
    assert shown or answer.headers["Content-Disposition"].startswith("attachment")
    sent = {"path": path, "orig_name": name, "meta": {"_type": "gradio.FileData"}}
    with pytest.raises(AppError, match=r"Invalid file type|expected a picture, found a web page"):
        client.predict([sent], api_name="/upscale")


class Evil:
    def __reduce__(self) -> Any:
        return os.system, ("touch /tmp/genstudio-was-here",)


@pytest.mark.parametrize("name", ["model.safetensors", "model.pth", "model.pt"])
def test_a_model_file_runs_nothing(name: str, client: Any, weights: Path, tmp_path: Path) -> None:
    import torch

    ran = Path("/tmp/genstudio-was-here")
    for write in (pickle.dumps, None):
        if write:
            (tmp_path / name).write_bytes(write({"params": Evil()}))
        else:
            torch.save({"params": Evil()}, tmp_path / name)
        with pytest.raises(
            AppError, match=r"pickle, which could run code|run code from the file|to run code"
        ):
            client.predict(handle_file(tmp_path / name), api_name="/import_model")
    assert not ran.exists()
    assert not list(weights.rglob("model*"))


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/b", "a" * 65, "x\0", ".."])
def test_a_models_name_is_no_path(name: str, client: Any, tmp_path: Path) -> None:
    (tmp_path / "model.pth").write_bytes(b"x")
    with pytest.raises(AppError, match="expected a name of at most 64"):
        client.predict(handle_file(tmp_path / "model.pth"), name, api_name="/import_model")


# --- training ---------------------------------------------------------------------------------------------


@pytest.fixture
def held(tmp_path: Path) -> Root:
    """A root with a way out of it."""
    (tmp_path / "root" / "photos").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "root" / "link").symlink_to(tmp_path / "outside")
    return Root((tmp_path / "root").resolve())


@pytest.mark.parametrize(
    "place", ["..", "../outside", "/", "/etc", "link", "link/..", "photos/../../outside", "x\0y"]
)
def test_folders_outside_the_root_are_refused(place: str, held: Root) -> None:
    def asked(**given: Any) -> list[str]:
        return words(held, "stylize/fast", "mine", TrainOptions(**{"data": "photos", **given}), resume=False)

    with pytest.raises(UsageError, match="below the root"):
        asked(data=place)
    with pytest.raises(UsageError, match="below the root"):
        asked(styles=place)
    with pytest.raises(UsageError, match="below the root"):
        asked(set=(f"warm_start={place}",))
    with pytest.raises(UsageError, match="below the root"):
        asked(metric=place)
    with pytest.raises(UsageError, match="below the root"):
        held.pictures(place)


@pytest.mark.parametrize("name", ["../x", "/x", "a/b", "..", "-x", "x" * 65, ""])
def test_a_runs_name_is_no_path(name: str, held: Root) -> None:
    with pytest.raises(UsageError, match="expected a run's name"):
        held.run(name)


def test_runs_that_lead_out_of_the_root_are_refused(held: Root, tmp_path: Path) -> None:
    (held.folder / "runs").symlink_to(tmp_path / "outside")
    with pytest.raises(UsageError, match="below the root"):
        held.run("mine")


def test_the_page_says_so(client: Any) -> None:
    for given in ({"data": "/etc"}, {"data": "photos", "set": "warm_start=/etc/passwd"}):
        with pytest.raises(AppError, match="below the root of training"):
            client.predict("upscale/compact-x2", "outside", **given, api_name="/train")
    with pytest.raises(AppError, match="expected a run's name"):
        client.predict("../..", api_name="/watch")


# --- who may --------------------------------------------------------------------------------------------


def actions(**options: Any) -> set[str]:
    """The names of what a page with these options offers."""
    page = PageOptions(**options)
    blocks = build(1_000_000, trainer=serve._trainer(page), models=page.allow_models or not page.is_public)
    return {str(each["api_name"]) for each in blocks.config["dependencies"] if each["api_name"]}


def test_what_changes_the_machine_is_not_for_others_unless_it_is_said(tmp_path: Path) -> None:
    training, models = {"train", "resume", "export", "watch"}, {"import_model", "remove_model", "card"}
    assert actions() >= training | models
    for public in ({"host": "0.0.0.0"}, {"share": True}):
        assert not actions(**public) & (training | models)
    said = actions(host="0.0.0.0", allow_train=True, train_root=tmp_path)
    assert said >= training
    assert not said & models
    assert actions(host="0.0.0.0", allow_models=True) >= models
    with pytest.raises(UsageError, match="expected --train-root"):
        actions(host="0.0.0.0", allow_train=True)
    with pytest.raises(UsageError, match="expected a folder, found none"):
        actions(train_root=tmp_path / "missing")


def test_a_page_for_this_machine_has_no_other_name(page: Any) -> None:
    assert refused(page.local_url, Host="evil.example") == 400
    join = f"{page.local_url}gradio_api/queue/join"
    # A form of another site can send text alone, which is not taken for a request.
    event = b'{"data": [], "fn_index": 0, "session_hash": "x"}'
    assert refused(join, event, Content_Type="text/plain", Origin="http://evil.example") == 422


@pytest.fixture(scope="module")
def locked(page: Any, port: int) -> Iterator[Any]:
    """A page with a password, among the first one's files."""
    options = PageOptions(port=port, auth="me:secret", mcp=True)
    page = serve.start(options, os.environ["GRADIO_TEMP_DIR"])
    yield page
    page.close(verbose=False)


def test_without_the_password_there_is_nothing(locked: Any, page: Any, tmp_path: Path) -> None:
    known = upload(page, "known.png", picture(tmp_path).read_bytes())
    paths = ["config", "gradio_api/info", "gradio_api/mcp/", "gradio_api/mcp/schema", "gradio_api/mcp/sse"]
    paths += [
        "gradio_api/file=/etc/passwd",
        f"gradio_api/file={known}",
        "gradio_api/queue/data?session_hash=x",
    ]
    for path in paths:
        assert refused(f"{locked.local_url}{path}") == 401, path
    for path in ("queue/join", "call/upscale", "upload", "run/upscale", "mcp/", "mcp/messages/"):
        assert refused(f"{locked.local_url}gradio_api/{path}", b'{"data": []}', **JSON) == 401, path
    assert refused(f"{locked.local_url}login", b"username=me&password=wrong") == 400


def test_language_models_have_the_password_too(locked: Any, tmp_path: Path) -> None:
    def answer(user: str, **call: Any) -> str:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, **call}).encode()
        basic = "Basic " + base64.b64encode(user.encode()).decode()
        accept = "application/json, text/event-stream"
        url = f"{locked.local_url}gradio_api/mcp/"
        return str(request(url, body, Authorization=basic, Accept=accept, **JSON).read().decode())

    assert '"upscale"' in answer("me:secret", method="tools/list")
    said = answer("me:secret", method="tools/call", params={"name": "stop_upscale", "arguments": {}})
    assert '"isError":false' in said
    sent = f"data:image/png;base64,{base64.b64encode(picture(tmp_path).read_bytes()).decode()}"
    asked = {"pictures": [sent], "scale": 2}
    said = answer("me:secret", method="tools/call", params={"name": "upscale", "arguments": asked})
    assert "40 × 40 pixels" in said
    with pytest.raises(urllib.error.HTTPError):
        answer("me:wrong", method="tools/list")
