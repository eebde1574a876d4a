"""Twenty at once, with good pictures and bad ones. All of it stays on this machine, and ends by itself."""

import io
import json
import random
import urllib.error
import urllib.request
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
from PIL import Image
from serving import served

CLIENTS, REQUESTS = 20, 50
MAX_PIXELS = 250_000
GROWS_AT_MOST = 1.1


def encoded(side: int, format: str = "PNG") -> bytes:
    file = io.BytesIO()
    rng = np.random.default_rng(side)
    Image.fromarray(rng.integers(0, 256, (side, side, 3), np.uint8)).save(file, format)
    return file.getvalue()


GOOD = encoded(24)
# What is sent, under which name, and what is to be answered (None: a result).
KINDS: list[tuple[str, bytes, str | None]] = [
    ("good.png", GOOD, None),
    ("good.jpg", encoded(32, "JPEG"), None),
    ("huge.png", encoded(600), "expected at most 250,000 pixels"),
    ("corrupt.png", GOOD[: len(GOOD) // 2], "corrupt.png"),
    ("wrong.png", b"%PDF-1.7 no picture", "PDF is not read"),
    ("empty.png", b"", "empty"),
    ("wrong.txt", b"no picture", "no known picture format"),
    ("too-large.png", bytes(MAX_PIXELS * 8 + 1_000_000), "413"),
]


def ask(page: str, name: str, content: bytes) -> str:
    """What the page answers to one picture, in the words of its last event, or the status of a refusal."""
    edge = uuid.uuid4().hex
    head = f'--{edge}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
    body = head.encode() + content + f"\r\n--{edge}--\r\n".encode()

    def post(path: str, data: bytes, kind: str) -> bytes:
        request = urllib.request.Request(f"{page}gradio_api/{path}", data, {"Content-Type": kind})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return bytes(answer.read())

    try:
        (path,) = json.loads(post("upload", body, f"multipart/form-data; boundary={edge}"))
    except urllib.error.HTTPError as error:
        return str(error.code)
    except (urllib.error.URLError, ConnectionError):  # hung up on, as more came than is taken
        return "413"
    sent = {"path": path, "orig_name": name, "meta": {"_type": "gradio.FileData"}}
    asked = json.dumps({"pictures": [sent], "model": "compact-x2", "scale": 2})
    event = json.loads(post("call/v2/upscale", asked.encode(), "application/json"))["event_id"]
    with urllib.request.urlopen(f"{page}gradio_api/call/upscale/{event}", timeout=60) as answer:
        return str(answer.read().decode().strip().rpartition("event: ")[2])


def round_of(page: str, order: random.Random) -> None:
    """All requests by all clients; each gets the answer that it should."""
    asked = [KINDS[k % len(KINDS)] for k in range(REQUESTS)]
    order.shuffle(asked)
    with ThreadPoolExecutor(CLIENTS) as clients:
        answers = list(clients.map(lambda each: ask(page, each[0], each[1]), asked))
    for (name, _, expected), answer in zip(asked, answers, strict=True):
        if expected is None:
            assert answer.startswith("complete"), f"{name}: {answer}"
        else:
            assert expected in answer, f"{name}: {answer}"
            assert "Traceback" not in answer


def test_load(tmp_path: Path, port: int) -> None:
    with served(tmp_path, port, "--max-pixels", str(MAX_PIXELS)) as (page, process):
        memory = psutil.Process(process.pid).memory_info
        order = random.Random(0)
        round_of(page, order)  # warms up
        before = memory().rss
        round_of(page, order)
        after = memory().rss
        assert process.poll() is None
        assert after <= before * GROWS_AT_MOST, f"{before / 1e6:.0f} MB before, {after / 1e6:.0f} MB after"
        print(f"{before / 1e6:.0f} MB before, {after / 1e6:.0f} MB after")
