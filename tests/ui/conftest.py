"""A page that is served to the tests of this folder, from this process."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from made import save


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
def page(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The page as `genstudio ui --max-pixels 4000000` serves it; `page.local_url` says where."""
    from genstudio.cli.ui import PageOptions
    from genstudio.ui.serve import start

    page = start(
        PageOptions(port=_free_port(), max_pixels=4_000_000, mcp=True), str(tmp_path_factory.mktemp("page"))
    )
    yield page
    page.close(verbose=False)


@pytest.fixture
def client(page: Any, tmp_path: Path) -> Iterator[Any]:
    from gradio_client import Client

    client = Client(page.local_url, verbose=False, download_files=str(tmp_path / "downloads"))
    yield client
    client.close()


@pytest.fixture
def port() -> int:
    return _free_port()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
