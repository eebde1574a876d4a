"""The line before the device, and a session's files."""

import threading
import time
import zipfile
from pathlib import Path

import pytest

from genstudio.errors import DeviceError, Stopped
from genstudio.ui import jobs
from genstudio.ui.jobs import Jobs
from genstudio.ui.sessions import Sessions, without_folders, zipped


def quiet(share: float | None, words: str) -> None:
    pass


def test_one_at_a_time_in_the_order_of_coming() -> None:
    line, order, at_work = Jobs(), [], threading.Lock()

    def work(name: int) -> None:
        with line.turn(f"s{name}", "upscale", quiet):
            assert at_work.acquire(blocking=False)
            order.append(name)
            time.sleep(0.01)
            at_work.release()

    threads = []
    with line.turn("first", "upscale", quiet):
        for k in range(5):
            threads.append(threading.Thread(target=work, args=(k,)))
            threads[-1].start()
            while len(line._line) < k + 2:
                time.sleep(0.001)
    for thread in threads:
        thread.join()
    assert order == [0, 1, 2, 3, 4]


def test_who_waits_is_told_his_place_and_can_give_up() -> None:
    line, said, ended = Jobs(), [], []

    def wait() -> None:
        try:
            with line.turn("waiting", "denoise", lambda share, words: said.append(words)):
                ended.append("begun")
        except Stopped:
            ended.append("stopped")

    with line.turn("busy", "upscale", quiet) as busy:
        thread = threading.Thread(target=wait)
        thread.start()
        while not said:
            time.sleep(0.001)
        assert said[0] == "in line, 1 before this one"
        assert line.stop("waiting", "upscale") == 0
        assert line.stop("waiting", "denoise") == 1
        thread.join(timeout=2)
        assert not busy.stopped()
    assert ended == ["stopped"]


def test_the_line_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "MOST_IN_LINE", 1)
    line = Jobs()
    with (
        line.turn("a", "upscale", quiet),
        pytest.raises(DeviceError, match="try again"),
        line.turn("b", "upscale", quiet),
    ):
        pass
    with line.turn("b", "upscale", quiet):  # whoever was refused holds no place
        pass


def test_time_left_is_said() -> None:
    said: list[tuple[float | None, str]] = []
    with Jobs().turn("a", "upscale", lambda share, words: said.append((share, words))) as job:
        job._began -= 30
        job.at(0.25, "tile 1 of 4")
    assert said[-1] == (0.25, "tile 1 of 4, 90 s left".replace("90 s", "2 min"))


def test_a_session_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    sessions = Sessions()
    uploads = [tmp_path / name for name in ("own.png", "shared.png", "again.png")]
    outside = tmp_path.parent / "outside.png"
    for path in (*uploads, outside):
        path.write_bytes(b"x")
    results = sessions.folder("a")
    (results / "result.png").write_bytes(b"x")
    sessions.uploaded("a", [*uploads, outside])
    sessions.uploaded("b", uploads[1:2])
    uploads[2].touch()  # has come anew, from somebody else
    sessions.close("a")
    assert [path.exists() for path in (*uploads, outside)] == [False, True, True, True]
    assert not results.exists()
    assert sessions.folder("a") != results
    sessions.close("b")
    assert not uploads[1].exists()


def test_what_a_job_writes_after_its_page_was_closed_goes_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    sessions = Sessions()
    sessions.leave("a", jobs=2)
    sessions.job_ended("b")
    sessions.job_ended("a")  # that one waited in line
    late = sessions.folder("a")
    assert late.exists()
    sessions.job_ended("a")
    assert not late.exists()


def test_a_zip_holds_the_files_and_an_error_no_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    (tmp_path / "a.png").write_bytes(b"abc")
    archive = zipped([tmp_path / "a.png"], tmp_path, "upscaled")
    assert zipfile.ZipFile(archive).read("a.png") == b"abc"
    assert without_folders(f"{tmp_path}/results/x/a b.png: no") == "a b.png: no"
