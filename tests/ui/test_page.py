"""What the page answers: to programs, to bad pictures, to those who would read what is not theirs."""

import asyncio
import base64
import json
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gradio_client import handle_file
from gradio_client.exceptions import AppError
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client
from PIL import Image

from genstudio.ui.examples import PICTURES

JOBS = {"upscale", "denoise", "stylize", "classify", "generate", "compare"}
ACTIONS = {*JOBS, "variations", "walk", "train", "resume", "watch", "export"}
ACTIONS |= {"card", "import_model", "remove_model"}


def get(page: Any, path: str) -> bytes:
    with urllib.request.urlopen(f"{page.local_url}{path}", timeout=20) as answer:
        return bytes(answer.read())


def test_every_action_has_a_name_for_programs_and_for_language_models(page: Any, client: Any) -> None:
    named = {name.removeprefix("/") for name in client.view_api(return_format="dict")["named_endpoints"]}
    assert named >= ACTIONS
    assert named - ACTIONS == {f"stop_{task}" for task in {*JOBS, "train"}}
    tools = {tool["name"]: tool for tool in json.loads(get(page, "gradio_api/mcp/schema"))}
    assert tools.keys() == named
    upscale = tools["upscale"]
    assert upscale["description"].startswith("Enlarge pictures")
    assert "Enlarge this many times" in json.dumps(upscale["inputSchema"]["properties"]["scale"])


def test_a_language_model_enlarges_a_picture(page: Any, tmp_path: Path) -> None:
    small = base64.b64encode((PICTURES / "cut-out.png").read_bytes()).decode()

    async def ask() -> Any:
        async with (
            streamablehttp_client(f"{page.local_url}gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            sent = {"pictures": [f"data:image/png;base64,{small}"], "scale": 2, "tile": 64}
            return await session.call_tool("upscale", sent)

    answer = asyncio.run(ask())
    assert not answer.isError, answer.content
    assert "192 × 192 pixels" in " ".join(getattr(each, "text", "") for each in answer.content)


def test_alpha_depth_and_metadata_come_through(client: Any, tmp_path: Path) -> None:
    path = tmp_path / "deep grey.png"
    Image.fromarray(np.arange(900, dtype=np.uint16).reshape(30, 30) * 70).save(path)
    (result,), _, (before, after) = client.predict([handle_file(path)], api_name="/upscale")
    big = Image.open(result)
    assert (Path(result).name, big.mode, big.size) == ("deep grey.png", "I;16", (120, 120))
    assert Path(after).read_bytes() == Path(result).read_bytes()
    assert Path(before).read_bytes() == path.read_bytes()

    scan = Image.fromarray(np.zeros((30, 30, 3), np.uint8))
    exif = scan.getexif()
    exif[0x010F] = "a camera"
    scan.save(tmp_path / "scan.tif", exif=exif, dpi=(300, 300))
    (result,), _, (_, after) = client.predict([handle_file(tmp_path / "scan.tif")], api_name="/denoise")
    assert Path(result).name == "scan.tif"
    assert Image.open(result).getexif()[0x010F] == "a camera"
    assert after.endswith(".png")  # browsers do not show TIFF


def test_pictures_of_one_name_are_kept_apart(client: Any, tmp_path: Path) -> None:
    files = []
    for folder, name, side in (
        ("a", "IMG.png", 8),
        ("b", "IMG.png", 9),
        ("b", "img.jpg", 10),
        ("b", "IMG-2.png", 11),
    ):
        (tmp_path / folder).mkdir(exist_ok=True)
        Image.new("RGB", (side, side), "red").save(tmp_path / folder / name)
        files.append(handle_file(tmp_path / folder / name))
    results, _, _ = client.predict(files, scale=2, format="PNG", api_name="/upscale")
    names = ["IMG.png", "IMG-2.png", "img-3.png", "IMG-2-2.png"]
    assert [Path(path).name for path in results] == [*names, "upscaled.zip"]
    assert [Image.open(path).width for path in results[:-1]] == [16, 18, 20, 22]


def test_one_bad_picture_does_not_stop_the_rest(client: Any, tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"no picture")
    files = [
        handle_file(path) for path in (tmp_path / "bad.png", PICTURES / "cut-out.png", PICTURES / "small.jpg")
    ]
    results, report, _ = client.predict(files, scale=1.5, api_name="/upscale")
    assert [Path(path).name for path in results] == ["cut-out.png", "small.jpg", "upscaled.zip"]
    assert "bad.png: expected a picture" in report


@pytest.mark.parametrize(
    ("file", "options", "words"),
    [
        (b"", {}, "empty file"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", {}, "SVG is not read"),
        ((3000, 2000), {}, "at most 4,000,000 pixels"),
        ((600, 600), {"scale": 16}, "at most 4,000,000 pixels"),
        ((30, 30), {"scale": 17}, "scale: expected a number from 1 to 16"),
        ((30, 30), {"width": 10}, "width: expected 30 to 480"),
        ((30, 30), {"scale": 2, "width": 40}, "found scale and width"),
        ((30, 30), {"model": "/etc/passwd"}, "not in the list of choices"),
        ((30, 30), {"name": "../{stem}.png"}, "expected a file name"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_errors_are_the_librarys_own(
    file: Any, options: dict[str, Any], words: str, client: Any, tmp_path: Path
) -> None:
    path = tmp_path / "in.png"
    if isinstance(file, bytes):
        path.write_bytes(file)
    else:
        Image.new("RGB", file).save(path)
    with pytest.raises(AppError, match=words) as error:
        client.predict([handle_file(path)], api_name="/upscale", **options)
    assert "/tmp" not in str(error.value)
