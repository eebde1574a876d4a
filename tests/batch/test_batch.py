"""Which file becomes which, what is refused before work starts, and batches that outlive bad pictures."""

import io
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from genstudio import batch, images
from genstudio.batch import Plan, Result
from genstudio.errors import BugError, DeviceError, InputError, OutputError, Stopped, StudioError, UsageError
from genstudio.images import Picture
from genstudio.options import FileOptions

FILES = FileOptions()


def save(path: Path, width: int = 6, height: int = 4) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (width, height), (200, 100, 50)).save(path)
    return path


def twice(picture: Picture, progress: batch.Progress) -> Picture:
    """Work that needs no net: every pixel four times."""
    frames = [np.repeat(np.repeat(frame, 2, 0), 2, 1) for frame in picture.frames]
    progress(1, 1)
    return replace(picture, width=picture.width * 2, height=picture.height * 2, frames=frames)


def pairs(plan: Plan, root: Path) -> dict[str, str]:
    return {
        job.source.relative_to(root).as_posix(): job.target.relative_to(root).as_posix()
        for job in plan.jobs
        if job.source and job.target
    }


def names(folder: str) -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir())


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


# --- which file becomes which ------------------------------------------------------------------------------


def test_a_file_to_a_file_and_a_file_to_a_folder(root: Path) -> None:
    a = str(save(root / "a.png"))
    (root / "there").mkdir()
    for out, target in (("b.jpg", "b.jpg"), ("there", "there/a.png"), ("new/", "new/a.png")):
        plan = batch.plan([a], out, FILES)
        assert [job.target for job in plan.jobs] == [Path(target)]
        assert not plan.is_batch
    assert not (root / "new").exists()  # a plan makes nothing


def test_a_folder_keeps_its_pictures_names_and_with_recursive_its_tree(root: Path) -> None:
    for name in ("b.png", "a.JPG", "sub/c.webp", "sub/deep/d.tif", ".hidden.png", ".hid/e.png"):
        save(root / "in" / name)
    (root / "in/notes.txt").write_text("no picture")
    (root / "in/Thumbs.db").write_text("no picture")
    plan = batch.plan([str(root / "in")], str(root / "out"), FILES)
    assert pairs(plan, root) == {"in/a.JPG": "out/a.JPG", "in/b.png": "out/b.png"}
    assert plan.is_batch
    assert plan.left_out == 2
    plan = batch.plan([str(root / "in")], str(root / "out"), FileOptions(recursive=True))
    assert pairs(plan, root) == {
        "in/a.JPG": "out/a.JPG",
        "in/b.png": "out/b.png",
        "in/sub/c.webp": "out/sub/c.webp",
        "in/sub/deep/d.tif": "out/sub/deep/d.tif",
    }


def test_a_picture_without_a_suffix_becomes_png(root: Path) -> None:
    save(root / "a.png").rename("noext")
    assert batch.plan(["noext"], "out/", FILES).jobs[0].target == Path("out/noext.png")


def test_several_files_need_a_folder(root: Path) -> None:
    a, b = str(save(root / "a.png")), str(save(root / "b.png"))
    assert pairs(batch.plan([a, b], str(root / "out"), FILES), root) == {
        "a.png": "out/a.png",
        "b.png": "out/b.png",
    }
    save(root / "c.png")
    with pytest.raises(OutputError, match="expected a folder for several pictures, found a file"):
        batch.plan([a, b], "c.png", FILES)
    with pytest.raises(UsageError, match="standard output"):
        batch.plan([a, b], "-", FILES)


def test_standard_streams(root: Path) -> None:
    save(root / "a.png")
    assert batch.plan(["-"], "-", FILES).jobs == (batch.Job(None, None),)
    assert batch.plan(["-"], "out/", FILES).jobs[0].target == Path("out/stdin.png")
    assert batch.plan(["-"], "out/", FileOptions(format="webp")).jobs[0].target == Path("out/stdin.webp")
    with pytest.raises(UsageError, match="at most once"):
        batch.plan(["-", "a.png", "-"], "out", FILES)


def test_a_folder_out_inside_in_is_not_read(root: Path) -> None:
    save(root / "in/a.png")
    save(root / "in/out/b.png")
    plan = batch.plan([str(root / "in")], str(root / "in/out"), FileOptions(recursive=True))
    assert pairs(plan, root) == {"in/a.png": "in/out/a.png"}


def test_results_beside_their_pictures_are_not_taken_for_pictures(root: Path) -> None:
    save(root / "a.png")
    save(root / "a-x4.png")
    plan = batch.plan(["."], ".", FileOptions(suffix="-x4", skip_existing=True))
    assert [str(job.source) for job in plan.jobs] == ["a.png"]
    assert plan.left_out == 1


def test_a_format_that_is_not_written_becomes_png_and_a_format_asked_for_wins(root: Path) -> None:
    for name in ("a.pcx", "b.jpg"):
        save(root / "in" / name)
    assert pairs(batch.plan([str(root / "in")], str(root / "out"), FILES), root) == {
        "in/a.pcx": "out/a.png",
        "in/b.jpg": "out/b.jpg",
    }
    plan = batch.plan([str(root / "in")], str(root / "out"), FileOptions(format="jpeg"))
    assert pairs(plan, root) == {"in/a.pcx": "out/a.jpg", "in/b.jpg": "out/b.jpg"}


@pytest.mark.parametrize(
    ("template", "target"),
    [
        ("{stem}-x{scale}.{ext}", "a{1} é-x4.png"),
        ("{stem}-x{scale}", "a{1} é-x4.png"),
        ("{model}_{stem}.webp", "my-net_a{1} é.webp"),
        ("{stem}_{width}x{height}.{ext}", "a{1} é_12x8.png"),
    ],
)
def test_names_from_a_template(root: Path, template: str, target: str) -> None:
    save(root / "in/a{1} é.png")
    files = FileOptions(name=template)
    plan = batch.plan(["in"], "out", files, {"scale": "4", "model": "my/net"})

    def fields(size: tuple[int, int]) -> dict[str, str]:
        return {"width": str(size[0] * 2), "height": str(size[1] * 2)}

    (result,) = batch.run(plan, twice, files, fields=fields)
    assert result.error is None
    assert result.job.target == Path("out", target)
    assert names("out") == [target]


@pytest.mark.parametrize("name", ["{sten}.png", "{stem", "{stem:>9}", "{}", "a/{stem}", "a\\{stem}", ""])
def test_a_template_is_checked_when_it_is_given(name: str) -> None:
    with pytest.raises(UsageError, match=r"expected .* found"):
        FileOptions(name=name)


@given(
    stem=st.text(
        st.characters(exclude_characters="/\\\0" + ':*?"<>|' * (os.name == "nt"), exclude_categories=["Cs"]),
        min_size=1,
        max_size=20,
    )
)
def test_any_stem_stays_itself_in_a_template(stem: str) -> None:
    job = batch.Job(None, Path("{stem}_{width}"), {"stem": stem}).named({"width": "7"})
    assert job.target == Path(f"{stem}_7")


@pytest.mark.skipif(sys.platform == "win32", reason="no such file there")
def test_a_stem_of_characters_that_windows_forbids(root: Path) -> None:
    stem = 'a:b "c"? <d>\\|*'
    target = batch.plan([str(save(root / f"{stem}.png"))], "out/", FILES).jobs[0].target
    assert target == Path("out", f"{stem}.png")


def test_names_that_wait_for_the_size_are_compared_once_it_is_known(root: Path) -> None:
    inputs = [str(save(root / f"{name}.png", width)) for name, width in (("a", 6), ("b", 8), ("c", 6))]
    for files in (FileOptions(name="{width}.{ext}", **more) for more in ({}, {"overwrite": True})):
        results = batch.run(
            batch.plan(inputs, "out", files), twice, files, fields=lambda size: {"width": str(size[0] * 2)}
        )
        done, other, clash = results
        assert (done.error, other.error) == (None, None)
        assert "a.png and" in str(clash.error)
        assert "both going there" in str(clash.error)
        assert names("out") == ["12.png", "16.png"]


# --- what is refused before work starts --------------------------------------------------------------------


def refusal(kind: type[StudioError], inputs: list[str], out: str, files: FileOptions = FILES) -> str:
    with pytest.raises(kind) as error:
        batch.plan(inputs, out, files)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_refusals(root: Path) -> None:
    save(root / "a.png")
    save(root / "b.png")
    save(root / "in/a.png")
    save(root / "in/b.png")
    save(root / "two/x.png")
    save(root / "two/x.jpg")
    (root / "empty").mkdir()
    (root / "deep/er").mkdir(parents=True)
    save(root / "full/a.png")
    save(root / "full/b.png")
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}

    assert "no such file" in refusal(InputError, ["gone.png"], "o.png")
    assert "no such file" in refusal(InputError, ["gone.png"], "o/")
    assert "--recursive" in refusal(InputError, ["empty"], "o")
    assert "found none" in refusal(InputError, ["empty"], "o", FileOptions(recursive=True))
    assert "missing" in refusal(OutputError, ["a.png"], "missing/o.png")
    assert "missing" in refusal(OutputError, ["in"], "missing/o")
    assert "exists" in refusal(OutputError, ["a.png"], "b.png")
    assert "full/a.png: exists, and so do 1 more" in refusal(OutputError, ["in"], "full").replace("\\", "/")
    for files in (FILES, FileOptions(overwrite=True), FileOptions(skip_existing=True)):
        assert "OUT is IN itself" in refusal(OutputError, ["a.png"], "a.png", files)
        assert "OUT is IN itself" in refusal(OutputError, ["a.png", "b.png"], ".", files)
        assert "--suffix" in refusal(OutputError, ["in"], "in", files)
    assert "both going there" in refusal(OutputError, ["two"], "o", FileOptions(format="png"))
    assert "both going there" in refusal(OutputError, ["a.png", "in/a.png"], "o")
    assert ".xyz" in refusal(UsageError, ["a.png"], "o.xyz")
    assert "xyz" in refusal(UsageError, ["in"], "o", FileOptions(format="xyz"))
    assert "--name" in refusal(UsageError, ["a.png"], "o.png", FileOptions(name="{stem}"))
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before


def test_one_result_may_not_be_another_ones_input(root: Path) -> None:
    a, b = str(save(root / "a.png")), str(save(root / "a-2.png"))
    message = refusal(OutputError, [a, b], str(root), FileOptions(suffix="-2", overwrite=True))
    assert "is one of the inputs" in message


@pytest.mark.skipif(sys.platform == "win32", reason="making links needs a privilege there")
def test_the_input_by_another_name_is_still_the_input(root: Path) -> None:
    save(root / "a.png")
    (root / "link.png").symlink_to("a.png")
    os.link("a.png", "hard.png")
    for out in ("link.png", "hard.png"):
        refusal(OutputError, ["a.png"], out, FileOptions(overwrite=True))


# --- doing it ----------------------------------------------------------------------------------------------


def test_a_batch_outlives_its_bad_pictures(root: Path) -> None:
    save(root / "in/a.png")
    save(root / "in/z.jpg")
    (root / "in/b.png").write_bytes(b"\x89PNG\r\n\x1a\nand no more")
    (root / "in/c.webp").write_bytes(b"")
    (root / "in/d.png").write_bytes((root / "in/z.jpg").read_bytes()[:-40])
    started: list[str] = []
    plan = batch.plan(["in"], "out", FILES)
    results = list(batch.run(plan, twice, FILES, started=lambda job: started.append(str(job.source))))
    assert [bool(result.error) for result in results] == [False, True, True, True, False]
    assert all(isinstance(result.error, InputError) for result in results if result.error)
    assert len(started) == 5
    assert names("out") == ["a.png", "z.jpg"]
    assert results[0].input_size == (6, 4)
    assert results[0].output_size == (12, 8)
    assert Image.open("out/a.png").size == (12, 8)


def test_skip_existing_leaves_what_is_there_and_overwrite_replaces_it(root: Path) -> None:
    save(root / "in/a.png")
    save(root / "in/b.png")
    (root / "out").mkdir()
    (root / "out/a.png").write_text("mine")
    skip = FileOptions(skip_existing=True)
    results = list(batch.run(batch.plan(["in"], "out", skip), twice, skip))
    assert [result.skipped for result in results] == [True, False]
    assert Path("out/a.png").read_text() == "mine"
    over = FileOptions(overwrite=True)
    results = list(batch.run(batch.plan(["in"], "out", over), twice, over))
    assert not any(result.skipped or result.error for result in results)
    assert Image.open("out/a.png").size == (12, 8)


def test_skip_existing_when_the_name_waits_for_the_size(root: Path) -> None:
    save(root / "in/a.png")
    files = FileOptions(name="{width}.{ext}", skip_existing=True)

    def go() -> Result:
        plan = batch.plan(["in"], "out", files)
        (result,) = batch.run(plan, twice, files, fields=lambda size: {"width": str(size[0] * 2)})
        return result

    assert not go().skipped
    assert go().skipped


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (DeviceError("too small"), DeviceError),
        (MemoryError(), DeviceError),
        (UsageError("17 times"), UsageError),
    ],
)
def test_work_that_fails_leaves_nothing_behind(
    root: Path, raised: Exception, kind: type[StudioError]
) -> None:
    save(root / "in/a.png")

    def fails(picture: Picture, progress: batch.Progress) -> Picture:
        raise raised

    (result,) = batch.run(batch.plan(["in"], "out", FILES), fails, FILES)
    assert isinstance(result.error, kind)
    assert names("out") == []


@pytest.mark.parametrize("where", ["work", "read", "write"])
def test_a_bug_costs_the_one_picture_and_not_the_batch(
    root: Path, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "abc":
        save(root / f"in/{name}.png", 7 if name == "b" else 6)

    def bug(picture: Any) -> None:
        if picture.width in (7, 14):
            raise ZeroDivisionError("of b")

    def works(picture: Picture, progress: batch.Progress) -> Picture:
        if where == "work":
            bug(picture)
        return twice(picture, progress)

    def reads(source: Path | bytes) -> Picture:
        picture = images.read(source)
        if where == "read":
            bug(picture)
        return picture

    write = images.write

    def writes(picture: Picture, *args: Any, **more: Any) -> Any:
        if where == "write":
            bug(picture)
        return write(picture, *args, **more)

    monkeypatch.setattr(images, "write", writes)
    results = list(batch.run(batch.plan(["in"], "out", FILES), works, FILES, read=reads))
    assert [type(result.error) for result in results] == [type(None), BugError, type(None)]
    said = str(results[1].error)
    assert said.startswith("ZeroDivisionError: of b; this is a bug")
    assert isinstance(results[1].error.__cause__, ZeroDivisionError)  # type: ignore[union-attr]
    assert names("out") == ["a.png", "c.png"]


@pytest.mark.parametrize("raised", [Stopped("stopped"), KeyboardInterrupt()])
def test_a_stop_ends_the_batch(root: Path, raised: BaseException) -> None:
    save(root / "in/a.png")
    save(root / "in/b.png")
    seen: list[int] = []

    def stops(picture: Picture, progress: batch.Progress) -> Picture:
        seen.append(1)
        raise raised

    with pytest.raises(type(raised)):
        list(batch.run(batch.plan(["in"], "out", FILES), stops, FILES))
    assert seen == [1]
    assert names("out") == []


def test_a_frame_that_fails_while_it_is_written_leaves_nothing(root: Path) -> None:
    save(root / "a.png")

    def lazily(picture: Picture, progress: batch.Progress) -> Picture:
        def frames():  # type: ignore[no-untyped-def]
            raise DeviceError("out of memory at the smallest tile")
            yield

        return replace(picture, frames=frames())

    (result,) = batch.run(batch.plan(["a.png"], "o.png", FILES), lazily, FILES)
    assert isinstance(result.error, DeviceError)
    assert names(".") == ["a.png"]


def test_from_standard_input_to_standard_output(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stream:
        def __init__(self, data: bytes = b"") -> None:
            self.buffer = io.BytesIO(data)

    out = Stream()
    monkeypatch.setattr(sys, "stdin", Stream(save(root / "a.jpg").read_bytes()))
    monkeypatch.setattr(sys, "stdout", out)
    (result,) = batch.run(batch.plan(["-"], "-", FILES), twice, FILES)
    assert result.error is None
    picture = Image.open(io.BytesIO(out.buffer.getvalue()))
    assert (picture.format, picture.size) == ("JPEG", (12, 8))


def test_a_folder_that_cannot_be_made_is_named(root: Path) -> None:
    save(root / "in/sub/a.png")
    (root / "out").mkdir()
    (root / "out/sub").write_text("in the way")
    files = FileOptions(recursive=True)
    (result,) = batch.run(batch.plan(["in"], "out", files), twice, files)
    assert isinstance(result.error, OutputError)
    assert "sub" in str(result.error)


def test_options_say_what_was_expected_and_found() -> None:
    cases: list[tuple[Callable[[], FileOptions], str]] = [
        (lambda: FileOptions(quality=0), "quality: expected a whole number from 1 to 100, found 0"),
        (lambda: FileOptions.model_validate({"qualty": 3}), "qualty: no such option; did you mean quality?"),
        (lambda: FileOptions(overwrite=True, skip_existing=True), "found both"),
        (lambda: FileOptions(name="{stem}", suffix="-2"), "found both"),
        (lambda: FileOptions(suffix="../x"), "expected a part of a file name"),
    ]
    for make, says in cases:
        with pytest.raises(UsageError) as error:
            make()
        assert says in str(error.value)


def test_a_name_too_long_is_refused_before_the_work(root: Path) -> None:
    files = FileOptions(suffix="x" * 300)

    def in_vain(picture: Picture, progress: batch.Progress) -> Picture:
        raise AssertionError

    (result,) = batch.run(batch.plan([str(save(root / "a.png"))], "new/", files), in_vain, files)
    assert isinstance(result.error, OutputError)


def test_a_result_too_large_for_memory_is_named_with_its_size(root: Path) -> None:
    def too_much(picture: Picture, progress: batch.Progress) -> Picture:
        raise MemoryError

    plan = batch.plan([str(save(root / "a.png"))], "o.png", FILES)
    (result,) = batch.run(plan, too_much, FILES, size=lambda w, h: (2 * w, 2 * h))
    assert str(result.error).endswith(
        "a.png: expected memory for 6 x 4 pixels and 12 x 8 of the result, found too little; "
        "ask for a smaller result"
    )


def test_a_result_too_large_for_its_format_is_refused_before_the_work(root: Path) -> None:
    plan = batch.plan([str(save(root / "wide.png", 100, 10))], "out.webp", FILES)

    def in_vain(picture: Picture, progress: batch.Progress) -> Picture:
        raise AssertionError

    (result,) = batch.run(plan, in_vain, FILES, size=lambda w, h: (200 * w, 200 * h))
    assert isinstance(result.error, OutputError)
    assert "16383" in str(result.error)


# --- one at work, one before and one behind -----------------------------------------------------------------


def three(root: Path) -> Plan:
    for name in "abc":
        save(root / "in" / f"{name}.png")
    return batch.plan(["in"], "out", FILES)


def test_the_next_is_read_and_the_last_written_while_one_is_at_work(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, written = [threading.Event() for _ in range(3)], threading.Event()
    order = iter(read)
    real_read, real_write = images.read, images.write

    def reading(source: Path | bytes) -> Picture:
        next(order).set()
        return real_read(source)

    def writing(*arguments: Any, **options: Any) -> tuple[str, ...]:
        assert written.wait(10)
        return real_write(*arguments, **options)

    monkeypatch.setattr(images, "write", writing)
    made = []

    def work(picture: Picture, progress: batch.Progress) -> Picture:
        made.append(picture)
        if len(made) == 2:
            assert read[2].wait(10)
            written.set()  # of the first, which is still being written
        return twice(picture, progress)

    results = list(batch.run(three(root), work, FILES, read=reading))
    assert [result.job.source.name for result in results if result.job.source] == ["a.png", "b.png", "c.png"]
    assert all(result.error is None for result in results)
    assert names("out") == ["a.png", "b.png", "c.png"]


def test_large_ones_wait_for_their_turn(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genstudio.batch.running.SMALL_PIXELS", 23)  # of 24, in files of few bytes
    main_thread, threads = threading.get_ident(), []

    def reading(source: Path | bytes) -> Picture:
        threads.append(threading.get_ident())
        return images.read(source)

    assert len(list(batch.run(three(root), twice, FILES, read=reading))) == 3
    assert threads == [main_thread] * 3


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_waited_for_where_that_can_be_stopped(root: Path) -> None:
    plan = three(root)
    (root / "in" / "b.png").unlink()
    os.mkfifo(root / "in" / "b.png")
    threads: dict[Any, int] = {}

    def reading(source: Path | bytes) -> Picture:
        threads[source] = threading.get_ident()
        return images.read(root / "in" / "a.png")

    assert len(list(batch.run(plan, twice, FILES, read=reading))) == 3
    assert threads[plan.jobs[1].source] == threading.get_ident()


def test_what_was_done_before_a_stop_is_told(root: Path) -> None:
    calls = iter(range(3))

    def first_only(picture: Picture, progress: batch.Progress) -> Picture:
        if next(calls) == 1:
            raise Stopped("stopped after 0 of 1 tiles")
        return twice(picture, progress)

    iterator = batch.run(three(root), first_only, FILES)
    assert next(iterator).error is None
    with pytest.raises(Stopped):
        next(iterator)
    assert names("out") == ["a.png"]
