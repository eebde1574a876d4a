"""`genstudio ui`: from the shell to a page, and the end of it."""

import os
import signal
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from serving import served

from genstudio.cli import main


def test_with_a_password_on_a_public_address_until_ctrl_c(tmp_path: Path, port: int) -> None:
    with served(tmp_path, port, "--host", "0.0.0.0", "--auth", "me:secret") as (address, process):
        for path in ("config", "gradio_api/info", "gradio_api/file=/etc/passwd"):
            with pytest.raises(urllib.error.HTTPError) as error:
                urllib.request.urlopen(f"{address}{path}", timeout=20)
            assert error.value.code in (401, 403)
        assert list(tmp_path.iterdir())
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=30)[1] == ""
    assert process.returncode == 0
    assert not list(tmp_path.glob("genstudio-*"))


@pytest.mark.parametrize(("flags", "open_to"), [(["--host", "0.0.0.0"], "whoever"), ([], "")])
def test_a_public_address_without_a_password_is_warned_of(
    flags: list[str], open_to: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from genstudio.ui import serve

    def nothing(options: Any, folder: str) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(serve, "start", nothing)
    assert main(["ui", *flags]) == 0
    assert (f"open to {open_to}" in capsys.readouterr().err) == bool(open_to)


def test_what_cannot_be_meant(
    page: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", os.environ["GRADIO_TEMP_DIR"])  # to be as it was, afterwards
    assert main(["ui", "--auth", "me"]) == 2
    assert "expected USER:PASSWORD, found 'me'" in capsys.readouterr().err
    assert main(["ui", "--port", str(page.server_port)]) == 2
    assert "expected one that is free" in capsys.readouterr().err
    assert main(["ui", "--host", "no.host.invalid"]) == 2
    assert "--host: expected an address of this machine, found no.host.invalid" in capsys.readouterr().err
