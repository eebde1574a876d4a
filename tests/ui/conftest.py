"""A page that is served to the tests of this folder, from this process."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browsing import CHROMIUM, go
from made import save
from PIL import Image


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with weights of a tiny generator, "made", which the page sees as well."""
    import torch

    from genstudio.generate.dcgan import DCGANConfig, Generator

    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    net = Generator(DCGANConfig(size=32, latent=8, width=4, judge_width=4))
    with torch.no_grad():
        for each in net.parameters():
            each *= 4  # an untrained net makes nearly nothing but grey
    save(folder / "generate" / "made.safetensors", "generate", "dcgan", net)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENSTUDIO_WEIGHTS", str(folder))
        yield folder


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the page's training is held to, with "photos" in it."""
    folder = tmp_path_factory.mktemp("root")
    (folder / "photos").mkdir()
    rng = np.random.default_rng(0)
    for k in range(4):
        coarse = Image.fromarray(rng.integers(0, 256, (8, 10, 3), dtype=np.uint8))
        coarse.resize((100, 80), Image.Resampling.BICUBIC).save(folder / "photos" / f"photo-{k}.png")
    return folder


@pytest.fixture(scope="session")
def page(weights: Path, root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The page as `genstudio ui --max-pixels 4000000 --train-root ROOT` serves it; `page.local_url` says
    where."""
    from genstudio.cli.ui import PageOptions
    from genstudio.ui.serve import start

    options = PageOptions(port=_free_port(), max_pixels=4_000_000, mcp=True, train_root=root)
    page = start(options, str(tmp_path_factory.mktemp("page")))
    yield page
    page.close(verbose=False)


@pytest.fixture(scope="session")
def client(page: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from gradio_client import Client

    client = Client(page.local_url, verbose=False, download_files=str(tmp_path_factory.mktemp("downloads")))
    yield client
    client.close()


@pytest.fixture(scope="module")
def context(page: Any) -> Iterator[Any]:
    """One for all: the page's own scripts are then read but once. A session is a page's, not a browser's."""
    playwright = pytest.importorskip("playwright.sync_api")
    playwright.expect.set_options(timeout=180_000)
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        context = browser.new_context()
        context.set_default_timeout(180_000)
        yield context
        browser.close()


@pytest.fixture
def visit(context: Any, page: Any) -> Iterator[Any]:
    """Opens a tab of the page: visit("Upscale"). What a browser complains of fails the test."""
    opened, complaints = [], []

    def to(tab: str, width: int = 1280, height: int = 900) -> Any:
        seen = context.new_page()
        opened.append(seen)
        seen.set_viewport_size({"width": width, "height": height})
        seen.on("pageerror", lambda error: complaints.append(str(error)))
        seen.on("request", lambda r: complaints.append(r.url) if _elsewhere(r.url) else None)
        seen.goto(page.local_url)
        go(seen, tab)
        return seen

    yield to
    for seen in opened:
        seen.close()
    assert not complaints


def _elsewhere(url: str) -> bool:
    return not url.startswith(("http://127.0.0.1", "http://localhost", "data:", "blob:"))


@pytest.fixture(scope="module")
def port() -> int:
    return _free_port()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
