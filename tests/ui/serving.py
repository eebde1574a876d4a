"""A page in a process of its own, as `genstudio ui` starts it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Ctrl-C as a program in the foreground has it, whatever these tests run in.
START = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from genstudio.cli import main
raise SystemExit(main())
"""


@contextmanager
def served(tmp_path: Path, port: int, *flags: str) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """The address and the process of a page that is ready; its temporary files lie in tmp_path."""
    process = subprocess.Popen(
        [sys.executable, "-c", START, "ui", "--port", str(port), *flags],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stderr
        said = process.stderr.readline()
        assert "(Ctrl-C ends it)" in said, said
        yield f"http://127.0.0.1:{port}/", process
    finally:
        process.kill()
        process.wait()
