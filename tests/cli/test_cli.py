"""The shell: light help, one-line errors with documented exit codes, data on stdout and talk on stderr."""

import io
import json
import os
import signal
import subprocess
import sys
import time
import types
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import made
import numpy as np
import pytest
from PIL import Image

from genstudio import errors
from genstudio.cli import main
from genstudio.errors import WeightsError
from genstudio.images import Picture
from genstudio.upscale.options import UpscaleOptions

Run = Callable[..., tuple[int, str, str]]
PATHS = [str(folder) for folder in Path(__file__).parents[:2]]  # of this file, and of `made`


class FakeUpscale:
    """Stands for the real one where a net would only cost time: enlarges by repeating pixels."""

    seen: dict[str, Any]

    @classmethod
    def from_options(cls, options: UpscaleOptions) -> "FakeUpscale":
        cls.seen = options.model_dump()
        if options.model == "broken":
            raise WeightsError("broken.safetensors: tampered with")
        if options.model == "buggy":
            raise ZeroDivisionError("division\nby zero")
        return cls()

    def plan(self, width: int, height: int, options: UpscaleOptions) -> tuple[int, int]:
        return options.size(width, height)

    def facts(
        self, width: int, height: int, depth: np.dtype[Any], options: UpscaleOptions
    ) -> types.SimpleNamespace:
        return types.SimpleNamespace(
            models=("fake-x4",), device="cpu", engine="torch", precision="float32", tile_px=64
        )

    def restore(self, picture: Picture, plan: Callable[..., tuple[int, int]], progress: Any) -> Picture:
        width, height = plan(picture.width, picture.height)
        rows = np.arange(height) * picture.height // height
        columns = np.arange(width) * picture.width // width
        frames = [frame[rows][:, columns] for frame in picture.frames]
        progress(1, 1)
        return replace(picture, width=width, height=height, frames=frames)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in an empty folder, without torch: (exit code, stdout, stderr)."""
    fake = types.ModuleType("genstudio.upscale.pipeline")
    fake.Upscale = FakeUpscale  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "genstudio.upscale.pipeline", fake)
    monkeypatch.chdir(tmp_path)

    def go(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        out, err = capsys.readouterr()
        return code, out, err

    return go


def save(name: str, width: int = 6, height: int = 4) -> str:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (width, height), (200, 100, 50)).save(name)
    return name


def one_line(text: str) -> str:
    assert text.count("\n") == 1, text
    assert text.endswith("\n")
    assert text.startswith("genstudio: ")
    assert "Traceback" not in text
    return text


def python(*arguments: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, timeout=60, **options)


# --- help --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [[], ["--help"], ["upscale", "--help"], ["models"]])
def test_help_imports_nothing_heavy(command: list[str]) -> None:
    code = (
        "import sys; from genstudio.cli import main; code = main(sys.argv[1:]);"
        "heavy = {'torch', 'gradio', 'spandrel', 'accelerate', 'torchvision'} & sys.modules.keys();"
        "sys.exit(f'imported {heavy}' if heavy else code)"
    )
    done = python("-c", code, *command)
    assert done.returncode == 0, done.stderr


def test_help_says_every_option_its_range_and_every_exit_code(run: Run) -> None:
    code, out, _ = run("upscale", "--help")
    assert code == 0
    for name in UpscaleOptions.model_fields:
        assert f"--{name.replace('_', '-')}" in out
    for word in ("--json", "--skip-existing", "IN... OUT", "1 to 16", "compact", "130"):
        assert word in out
    for kind in (errors.InputError, errors.OutputError, errors.WeightsError, errors.DeviceError):
        assert f"\n    {kind.exit_code}  " in out
    assert run()[1] == run("--help")[1]


def test_the_module_runs_as_the_command_does() -> None:
    done = python("-m", "genstudio", "--version")
    assert done.returncode == 0
    assert done.stdout.strip()


# --- what is wrong, in one line ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "code", "says"),
    [
        ("upscael", 2, 'Did you mean "upscale"?'),
        ("upscale a.png o.png --scael 2", 2, "Did you mean --scale?"),
        ("train upscale/x --data d --set a=1 b=2", 2, "expected no more words, found b=2; see"),
        ("upscale a.png o.png --scale 99", 2, "--scale: expected a number from 1 to 16, found '99'"),
        ("upscale a.png o.png --scale nan", 2, "--scale: expected a number from 1 to 16"),
        ("upscale a.png o.png --scale", 2, "requires an argument"),
        ("upscale a.png o.png --tile 5", 2, "--tile: expected auto, off or a whole number of at least 32"),
        ("upscale a.png o.png --device tpu", 2, "--device: expected auto, cpu, cuda, mps, found 'tpu'"),
        ("upscale a.png o.png --long-side 0", 2, "--long-side: expected a whole number of at least 1"),
        ("upscale a.png o.png --width 9 --height 9", 2, "found width and height"),
        ("upscale a.png o.png --width 9 --scale 2", 2, "found scale and width"),
        ("upscale a.png o.png --width 9 --scale 4", 2, "found scale and width"),
        ("upscale a.png o.png --width 5", 2, "genstudio: --width: expected 6 to 96 for a picture of 6x4"),
        ("upscale a.png o.png --long-side 5", 2, "genstudio: --long-side: expected 6 to 96"),
        ("upscale a.png o.png --quality 101", 2, "--quality: expected a whole number from 1 to 100"),
        ("upscale a.png o.png --name {stem}", 2, "expected a folder as OUT"),
        ("upscale a.png o/ --name {stm}", 2, "--name: expected the fields {stem}"),
        ("upscale a.png o/ --suffix --overwrite", 2, "--suffix: expected a part of a file name"),
        ("upscale a.png o.jpg --format png", 2, "o.jpg: expected a name ending in .png or .apng"),
        ("upscale a.png o/ --name {stem}.jpg --format png", 2, "for --format png, found .jpg"),
        ("upscale a.png", 2, "expected IN and OUT, found a.png"),
        ("upscale", 2, "expected IN and OUT"),
        ("upscale a.png - --json", 2, "found both"),
        ("upscale a.png o.xyz", 2, "'.xyz'"),
        ("upscale - - o", 2, "at most once"),
        ("upscale gone.png o.png", 3, "gone.png: no such file"),
        ("upscale text.png o.png", 3, "text.png: expected a picture"),
        ("upscale text.png o/", 3, "text.png: expected a picture"),
        ("upscale a.png there.png", 4, "there.png: exists"),
        ("upscale a.png a.png --overwrite", 4, "a.png: OUT is IN itself"),
        (f"upscale a.png {'x' * 300}.png", 4, "x.png: "),
        (f"upscale a.png {'x' * 300}/", 4, "x: "),
        (f"upscale {'x' * 300}.png o.png", 3, "no such file"),
        ("upscale a.png no/where.png", 4, "found no no"),
        ("upscale a.png o.png --model broken", 5, "tampered"),
        ("upscale a.png o.png --model buggy", 70, "ZeroDivisionError: division by zero; this is a bug"),
        ("models compact-x5", 2, "no model called 'compact-x5'"),
        ("models --task dance", 2, "expected a task (upscale, denoise, "),
        ("train dance/tango --data .", 2, "expected a recipe TASK/NAME"),
        ("train upscale/x --data . --set lr", 2, "--set: expected key.path=value, found 'lr'"),
        ("train upscale/x", 2, "--data"),
    ],
)
def test_errors_are_one_line_with_their_exit_code(run: Run, command: str, code: int, says: str) -> None:
    save("a.png")
    save("there.png")
    Path("text.png").write_text("words")
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    found, out, err = run(*command.split())
    assert found == code, err
    assert says in one_line(err)
    assert out == ""
    assert {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("task", ["upscale", "denoise", "stylize"])
def test_a_files_name_is_no_new_folder(run: Run, task: str) -> None:
    pictures = [save("in/a.png"), save("in/b.png")]
    inputs = ["in", "starry_night"] if task == "stylize" else pictures
    code, _, err = run(task, *inputs, "c.png")
    assert code == 4
    assert "c.png: expected a folder for several pictures, found a file's name" in one_line(err)
    assert not Path("c.png").exists()


@pytest.mark.parametrize("paths", [("", "o.png"), ("a.png", ""), ("a.png", "", "o")])
def test_an_empty_argument_is_not_the_current_folder(run: Run, paths: tuple[str, ...]) -> None:
    save("a.png")
    code, _, err = run("upscale", *paths)
    assert code == 2
    assert "found an empty one" in one_line(err)


def test_debug_shows_the_traceback(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENSTUDIO_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        run("upscale", save("a.png"), "o.png", "--model", "buggy")


# --- upscale -----------------------------------------------------------------------------------------------


def test_a_picture_and_one_line_about_it(run: Run) -> None:
    code, out, err = run("upscale", save("grüße 图.png"), "o.jpg", "--scale", "2.5", "--tile", "64")
    assert (code, out) == (0, "")
    assert err.startswith("grüße 图.png -> o.jpg  6x4 -> 15x10  ")
    assert Image.open("o.jpg").size == (15, 10)
    assert FakeUpscale.seen["tile"] == 64


@pytest.mark.parametrize(
    ("option", "size"),
    [
        (["--width", "13"], (13, 9)),
        (["--height", "13"], (20, 13)),
        (["--long-side", "17"], (17, 11)),
        (["--megapixels", "0.0024"], (60, 40)),
        ([], (24, 16)),
        (["--scale", "1"], (6, 4)),
        (["--scale", "16"], (96, 64)),
    ],
)
def test_the_size_that_was_asked_for(run: Run, option: list[str], size: tuple[int, int]) -> None:
    assert run("upscale", save("a.png"), "o.png", *option)[0] == 0
    assert Image.open("o.png").size == size


def test_json_has_one_line_a_picture_on_stdout(run: Run) -> None:
    save("in/a.png")
    Path("in/b.png").write_text("no picture")
    save("in/ü.png")
    save("out/ü.png")
    code, out, err = run("upscale", "in", "out", "--json", "--skip-existing")
    assert code == 1
    done, failed, skipped = (json.loads(line) for line in out.splitlines())
    assert done["source"].endswith("a.png")
    assert done["input_size"] == [6, 4]
    assert done["output_size"] == [24, 16]
    assert done["models"] == ["fake-x4"]
    assert done["device"] == "cpu"
    assert done["precision"] == "float32"
    assert done["seconds"] >= 0
    assert done["notes"] == []
    assert failed["exit_code"] == 3
    assert "expected a picture" in failed["error"]
    assert skipped == {"source": str(Path("in/ü.png")), "target": str(Path("out/ü.png")), "skipped": True}
    assert "1 done, 1 there already, 1 failed" in err


def test_a_folder_with_bad_pictures_finishes_lists_them_and_exits_1(run: Run) -> None:
    for name in ("a", "c", "sub/d"):
        save(f"in/{name}.png")
    Path("in/b.png").write_text("no picture")
    Path("in/notes.txt").write_text("no picture")
    code, out, err = run("upscale", "in", "out", "--recursive", "--name", "{stem}-{model}-x{scale}.{ext}")
    assert (code, out) == (1, "")
    lines = err.splitlines()
    assert lines[1].startswith("failed: ")
    assert lines[-3] == "3 done, 1 left out (no pictures, or earlier results), 1 failed"
    assert "b.png" in lines[-2]
    assert lines[-1] == "genstudio: 1 of 4 pictures failed"
    written = sorted(path.relative_to("out").as_posix() for path in Path("out").rglob("*.png"))
    assert written == [f"{name}-photo-x4.png" for name in ("a", "c", "sub/d")]


def test_a_name_with_the_size_of_the_result(run: Run) -> None:
    assert (
        run("upscale", save("a.png"), "o/", "--long-side", "9", "--name", "{stem}_{width}x{height}_x{scale}")[
            0
        ]
        == 0
    )
    assert [path.name for path in Path("o").iterdir()] == ["a_9x6_x1.5.png"]


@pytest.mark.parametrize(
    ("option", "name"), [(["--suffix", "-x4"], "a-x4.png"), (["--name", "-{stem}.{ext}"], "-a.png")]
)
def test_a_name_or_suffix_may_begin_with_a_hyphen(run: Run, option: list[str], name: str) -> None:
    assert run("upscale", save("a.png"), "o/", *option)[0] == 0
    assert [path.name for path in Path("o").iterdir()] == [name]


def test_a_missing_file_does_not_stop_the_others(run: Run) -> None:
    code, out, err = run("upscale", "gone.png", save("a.png"), "o", "--width", "5", "--json")
    assert code == 1
    gone, small = (json.loads(line) for line in out.splitlines())
    assert gone["exit_code"] == 3
    assert "gone.png: no such file" in gone["error"]
    assert small["error"].startswith("--width: expected 6 to 96")
    assert "failed: a.png: --width: expected" in err


def test_pictures_through_pipes(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    data = Path(save("a.jpg")).read_bytes()
    code = (
        "import sys; sys.path[:0] = sys.argv[1:]; import test_cli as t; "
        + _FAKE
        + "sys.exit(t.main(['upscale', '-', '-']))"
    )
    done = python("-c", code, *PATHS, input=data)
    assert done.returncode == 0, done.stderr
    picture = Image.open(io.BytesIO(done.stdout))
    assert (picture.format, picture.size) == ("JPEG", (24, 16))
    assert b"standard input -> standard output" in done.stderr


_FAKE = (
    "import types; m = types.ModuleType('genstudio.upscale.pipeline'); m.Upscale = t.FakeUpscale; "
    "sys.modules[m.__name__] = m; "
)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent differently there")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.chdir(tmp_path)
    save("a.png")
    code = (
        "import signal, sys, time; sys.path[:0] = sys.argv[1:]; import test_cli as t\n"
        # Tests that a script runs in the background have been told to ignore it, and their children too.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        + _FAKE
        # Short naps: a signal that comes just before one is seen after it.
        + "\ndef frames():\n"
        "    print('at work', flush=True)\n"
        "    for _ in range(600): time.sleep(0.05)\n"
        "    yield\n"
        "t.FakeUpscale.restore = lambda self, picture, plan, progress: t.replace(picture, frames=frames())\n"
        "sys.exit(t.main(['upscale', 'a.png', 'o.png']))"
    )
    command = [sys.executable, "-c", code, *PATHS]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline() == b"at work\n"
        process.send_signal(number)
        err = process.stderr.read()
        assert process.wait(20) == 130
    assert err == b"genstudio: stopped; nothing half-written\n"
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


@pytest.fixture
def interruptible() -> Iterator[None]:
    """SIGINT as a program in the foreground has it, whatever these tests run in."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("error", [KeyboardInterrupt, ImportError, SystemError, WeightsError])
def test_a_stop_is_a_stop_whatever_becomes_of_it(
    run: Run, monkeypatch: pytest.MonkeyPatch, number: int, error: type[BaseException]
) -> None:
    def interrupted(options: UpscaleOptions) -> None:
        try:
            signal.raise_signal(number)
        except KeyboardInterrupt:
            raise error("numpy: something is missing") from None

    monkeypatch.setattr(FakeUpscale, "from_options", interrupted)
    before = signal.getsignal(number)
    code, out, err = run("upscale", save("a.png"), "o.png")
    assert (code, out, err) == (130, "", "genstudio: stopped; nothing half-written\n")
    assert signal.getsignal(number) == before


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("ending", ["whole = True", "raise ImportError('a part is missing')"])
def test_no_import_is_cut_in_half(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    (tmp_path / "library_of_a_test.py").write_text(
        f"import signal, time\nsignal.raise_signal(signal.SIGINT)\ntime.sleep(0.2)\n{ending}"
    )
    monkeypatch.syspath_prepend(tmp_path)
    seen = []

    def imports(options: UpscaleOptions) -> None:
        import library_of_a_test  # type: ignore[import-not-found]

        seen.append(library_of_a_test.whole)
        for _ in range(100):
            time.sleep(0.05)

    monkeypatch.setattr(FakeUpscale, "from_options", imports)
    code, _, err = run("upscale", save("a.png"), "o.png")
    assert (code, err) == (130, "genstudio: stopped; nothing half-written\n")
    assert seen == ([True] if "whole" in ending else [])
    sys.modules.pop("library_of_a_test", None)


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_that_is_to_be_ignored_is(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    made = FakeUpscale()
    monkeypatch.setattr(
        FakeUpscale, "from_options", lambda options: signal.raise_signal(signal.SIGINT) or made
    )
    assert run("upscale", save("a.png"), "o.png")[0] == 0


@pytest.mark.skipif(sys.platform == "win32", reason="a closed pipe shows differently there")
def test_a_reader_that_has_gone_is_no_drama() -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([sys.executable, "-m", "genstudio", "--help"], stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    assert done.returncode == 4
    assert done.stderr == b""


# --- weights -----------------------------------------------------------------------------------------------


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two small sound weights files in a folder of the user's own, and nothing else."""

    from genstudio import weights
    from genstudio.upscale.compact import Compact

    for scale in (2, 4):
        config = {"width": 4, "depth": 1, "scale": scale}
        net = Compact(Compact.Config(**config))
        psnr = weights.Metric(name="psnr_y", dataset="Set5", value=28.43, n=5, protocol="Y")
        path = tmp_path / f"own/upscale/compact-x{scale}.safetensors"
        made.save(
            path, "upscale", "compact", net, scale=scale, metrics=[psnr], license="CC0", advice="For tests."
        )
    (tmp_path / "none").mkdir()
    monkeypatch.setenv("GENSTUDIO_WEIGHTS", str(tmp_path / "own"))
    monkeypatch.setattr("genstudio.weights.names.packaged", lambda: tmp_path / "none")
    monkeypatch.setattr("genstudio.weights.names.cache", lambda: tmp_path / "none")


@pytest.mark.usefixtures("installed")
def test_models_are_listed_with_what_their_files_say(run: Run) -> None:
    code, out, err = run("models")
    assert (code, err) == (0, "")
    head, first, second = out.splitlines()
    assert head.split() == ["name", "task", "scale", "parameters", "licence", "measured"]
    assert first.split()[:3] == ["upscale/compact-x2", "upscale", "x2"]
    assert second.endswith("CC0      psnr_y 28.43 on Set5 (n=5)")
    rows = [json.loads(line) for line in run("models", "--json", "--task", "upscale")[1].splitlines()]
    assert [row["name"] for row in rows] == ["upscale/compact-x2", "upscale/compact-x4"]
    assert rows[0]["metrics"][0]["value"] == 28.43


@pytest.mark.usefixtures("installed")
def test_a_models_card_by_whole_or_short_name(run: Run) -> None:
    code, out, _ = run("models", "compact-x4")
    assert code == 0
    assert out.startswith("## upscale/compact-x4\n\nFor tests.\n")
    assert run("models", "upscale/compact-x4")[1] == out
    assert json.loads(run("models", "compact-x4", "--json")[1])["scale"] == 4
    assert "did you mean compact-x4?" in one_line(run("models", "compat-x4")[2])


@pytest.mark.usefixtures("installed")
def test_the_real_net_end_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["upscale", save("a.png", 33, 21), "o.png", "--model", "compact", "--json"]) == 0
    line = json.loads(capsys.readouterr().out)
    assert line["models"] == ["compact-x4"]
    assert line["output_size"] == [132, 84]
    assert Image.open("o.png").size == (132, 84)
    assert main(["upscale", "a.png", "p.png", "--model", "compct-x4"]) == 2
    assert "did you mean compact-x4 or" in one_line(capsys.readouterr().err)


@pytest.mark.usefixtures("installed")
def test_damaged_weights_are_named_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "own/upscale/compact-x4.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    assert main(["upscale", save("a.png"), "o.png", "--model", "compact-x4"]) == 5
    assert "compact-x4.safetensors: truncated" in one_line(capsys.readouterr().err)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device to write to")
def test_a_full_disk_behind_standard_output_is_one_line() -> None:
    command = "import sys; from genstudio.cli import main; sys.exit(main(['models']))"
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = subprocess.run([sys.executable, "-c", command], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 4
    assert one_line(done.stderr) == "genstudio: standard output: No space left on device\n"
