"""Links in circles, closed streams, killed processes, late stops: each said in one line, none a bug.

In processes of their own, with the shell's own ways, and with a stand-in for the net that repeats pixels.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from blocks import of, ramp
from PIL import Image

from genstudio import images
from genstudio.images import atomic

needs_posix = pytest.mark.skipif(os.name == "nt", reason="POSIX")

FAKE = """
import sys, types, time, os
import numpy as np
from dataclasses import replace
class FakeUpscale:
    @classmethod
    def from_options(cls, options): return cls()
    def plan(self, w, h, options): return options.size(w, h)
    def facts(self, w, h, d, options):
        known = dict(models=("f",), device="cpu", engine="torch", precision="float32", tile_px=64)
        return types.SimpleNamespace(**known)
    def restore(self, picture, plan, progress):
        if picture.width == 7: raise ZeroDivisionError("seven")
        w, h = plan(picture.width, picture.height)
        rows, columns = np.arange(h) * picture.height // h, np.arange(w) * picture.width // w
        return replace(picture, width=w, height=h, frames=[f[rows][:, columns] for f in picture.frames])
module = types.ModuleType("genstudio.upscale.pipeline"); module.Upscale = FakeUpscale
sys.modules["genstudio.upscale.pipeline"] = module
"""
END = "\nfrom genstudio.__main__ import main\nsys.exit(main())"


def shell(arguments: str, cwd: Path, before: str = "", **more: Any) -> subprocess.CompletedProcess[str]:
    """`genstudio` with these arguments and redirections, by sh."""
    (cwd / "genstudio.py.txt").write_text(FAKE + before + END)
    code = "exec(open('genstudio.py.txt').read())"
    return subprocess.run(
        ["sh", "-c", f'exec "$0" -c "{code}" {arguments}', sys.executable],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
        **more,
    )


def save(path: Path, width: int = 6) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (width, 4), (200, 100, 50)).save(path)
    return path


@needs_posix
def test_links_in_a_circle_are_files_that_cannot_be_read(tmp_path: Path) -> None:
    save(tmp_path / "lf/1.png")
    (tmp_path / "lf/2.png").symlink_to("2.png")
    done = shell("upscale lf out", tmp_path)
    assert done.returncode == 1
    assert "lf/2.png: cannot be read (Too many levels of symbolic links)" in done.stderr
    assert "bug" not in done.stderr
    assert (tmp_path / "out/1.png").exists()
    (tmp_path / "o.png").symlink_to("o.png")
    for arguments, code in (
        ("upscale lf/1.png o.png", 4),
        ("upscale lf/2.png p.png", 3),
        ("denoise lf/1.png o.png", 4),
        ("stylize lf/1.png lf/2.png q.png", 3),
    ):
        done = shell(arguments, tmp_path)
        assert (done.returncode, done.stderr.count("\n")) == (code, 1), done.stderr
    shell("upscale lf/1.png o.png --overwrite", tmp_path)
    assert images.read(tmp_path / "o.png").width


@needs_posix
@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ("upscale a.png o.png 2>&-", 0, ""),
        ("upscale a.png o.png <&-", 0, None),
        ("upscale a.png o.png >&-", 0, None),
        ("upscale a.png o.png <&- >&- 2>&-", 0, ""),
        ("upscale none.png o.png 2>&-", 3, ""),
        ("upscale a.png - >&-", 4, "output: cannot be written (Bad file descriptor)"),
        ("upscale - o.png <&-", 3, "standard input: cannot be read"),
        ("upscale a.png o.png --json >&-", 4, "standard output: Bad file descriptor"),
        ("--version >&-", 4, "standard output: Bad file descriptor"),
    ],
)
def test_closed_streams(arguments: str, code: int, said: str | None, tmp_path: Path) -> None:
    save(tmp_path / "a.png")
    done = shell(arguments, tmp_path)
    assert done.returncode == code, done.stderr
    assert "bug" not in done.stderr
    assert said is None or said in done.stderr
    if code == 0:
        assert images.read(tmp_path / "o.png").width == 24


@needs_posix
def test_classify_goes_on_after_a_bug_too(tmp_path: Path) -> None:
    save(tmp_path / "in/a.png"), save(tmp_path / "in/b.png", 7), save(tmp_path / "in/c.png")
    before = """
from genstudio.classify import pipeline
def from_options(options):
    def classifier(picture, top):
        if picture.width == 7: raise ZeroDivisionError("seven")
        return [types.SimpleNamespace(label="cat", probability=0.9)]
    classifier.classes = ("cat",)
    return classifier
pipeline.Classify = types.SimpleNamespace(from_options=from_options)
"""
    done = shell("classify in", tmp_path, before)
    assert done.returncode == 70
    assert done.stdout.count("cat") == 2
    assert done.stderr.splitlines()[-1].endswith("1 of 3 pictures failed, 1 by a bug in genstudio")
    assert shell("classify - <&-", tmp_path, before).stderr.startswith(
        "genstudio: standard input: cannot be read"
    )


@needs_posix
def test_one_picture_that_meets_a_bug_does_not_end_the_batch(tmp_path: Path) -> None:
    save(tmp_path / "in/a.png"), save(tmp_path / "in/b.png", 7), save(tmp_path / "in/c.png")
    done = shell("upscale in out", tmp_path)
    assert done.returncode == 70
    assert "1 of 3 pictures failed, 1 by a bug in genstudio" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.png", "c.png"]
    done = shell("upscale in out --overwrite", tmp_path, env=os.environ | {"GENSTUDIO_DEBUG": "1"})
    assert "in restore" in done.stderr
    alone = shell("upscale in/b.png o.png", tmp_path)
    assert alone.returncode == 70
    assert alone.stderr.count("\n") == 1


@needs_posix
def test_what_a_killed_process_leaves_is_removed_by_the_next(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    killed = subprocess.run(
        [
            sys.executable,
            "-c",
            "import os, signal, sys; from pathlib import Path\n"
            "from genstudio.images.atomic import replacing\n"
            "with replacing(Path(sys.argv[1]), False) as file:\n"
            "    file.write(b'x'); file.flush(); os.kill(os.getpid(), signal.SIGKILL)",
            str(folder / "a.png"),
        ],
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    (left,) = folder.iterdir()
    assert left.name.startswith(".genstudio-")

    def write(name: str) -> set[str]:
        atomic._clean.cache_clear()
        images.write(of(ramp()), folder / name)
        return {path.name for path in folder.iterdir()}

    assert write("1.png") == {left.name, "1.png"}  # young: its maker may be about to hold it
    old = time.time() - 600
    os.utime(left, (old, old))
    with left.open("rb") as held:
        atomic._hold(held.fileno())
        assert left.name in write("2.png")
    assert write("3.png") == {"1.png", "2.png", "3.png"}


@needs_posix
def test_a_file_being_written_is_never_taken_for_one_left_behind(tmp_path: Path) -> None:
    with atomic.replacing(tmp_path / "slow.png", overwrite=False) as file:
        file.write(b"whole")
        file.flush()
        (left,) = tmp_path.iterdir()
        os.utime(left, (1, 1))
        atomic._clean.cache_clear()
        images.write(of(ramp()), tmp_path / "quick.png")
        assert left.exists()
    assert (tmp_path / "slow.png").read_bytes() == b"whole"


LATE = """
import signal
from genstudio.images import atomic
def late(path, *rest, before=os.replace):
    before(path, *rest)
    os.kill(os.getpid(), signal.SIGTERM)
atomic.os = types.SimpleNamespace(**{**vars(os), "replace": late})
"""


@needs_posix
def test_a_stop_that_comes_too_late_says_that_the_file_is_there(tmp_path: Path) -> None:
    save(tmp_path / "a.png"), save(tmp_path / "b.png")
    done = shell("upscale a.png o.png --overwrite", tmp_path, LATE)
    assert done.returncode == 130
    assert done.stderr == "genstudio: stopped; 1 of 1 pictures written whole, nothing half-written\n"
    assert images.read(tmp_path / "o.png").width == 24


@needs_posix
@pytest.mark.parametrize(
    ("options", "exact", "code"),
    [
        ("", True, 0),  # lossless stays lossless
        ("--lossless", True, 0),
        ("--quality 90", False, 0),
        ("--lossless --quality 90", None, 2),
        ("--lossless --format jpeg", None, 2),
    ],
)
def test_lossless_in_the_shell(options: str, exact: bool | None, code: int, tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 256, (8, 9, 3), np.uint8)
    Image.fromarray(array).save(tmp_path / "a.webp", lossless=True)
    done = shell(f"upscale a.webp out/ --scale 1 {options}", tmp_path)
    assert done.returncode == code, done.stderr
    if exact is not None:
        found = next(iter(images.read(tmp_path / "out/a.webp").frames))
        assert np.array_equal(found, array) == exact


@needs_posix
def test_compression_in_the_shell(tmp_path: Path) -> None:
    import tifffile

    save(tmp_path / "a.png")
    for name, number in (("lzw", 5), ("none", 1), ("zstd", 50000)):
        assert shell(f"upscale a.png {name}.tif --compression {name}", tmp_path).returncode == 0
        with tifffile.TiffFile(tmp_path / f"{name}.tif") as file:
            assert file.pages.first.compression == number
    assert shell("upscale a.png a.tif --compression jpeg", tmp_path).returncode == 2
