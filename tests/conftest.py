"""What holds for all tests."""

from collections.abc import Iterator
from importlib.util import find_spec

import pytest


@pytest.fixture(autouse=True, scope="session")
def own_cache_of_converted_nets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The nets that tests make push none out of the user's cache."""
    if find_spec("openvino") is None:
        yield
        return
    from genstudio.engines import openvino_convert

    folder = tmp_path_factory.mktemp("openvino")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(openvino_convert, "_folder", lambda: folder)
        yield
