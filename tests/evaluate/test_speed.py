"""The measurements behind `genstudio bench`, and the command; not how fast anything is."""

import json
import signal
from collections.abc import Iterator

import pytest

from genstudio.cli import main
from genstudio.evaluate import speed

MACHINE = speed.Machine("cpu", 2, {"float32": 100.0, "bfloat16": 200.0}, 30.0)
ROWS = [
    speed.Row("upscale/compact-x4", "openvino", "bfloat16", 50.0, 20.0, 150.0, 0.5),
    speed.Row("upscale/compact-x4", "torch", "float32", 100.0, 10.0, 75.0, 3.0),
]


@pytest.fixture(autouse=True)
def measured(monkeypatch: pytest.MonkeyPatch) -> None:
    def rows() -> Iterator[speed.Row]:
        yield from ROWS

    monkeypatch.setattr(speed, "machine", lambda: MACHINE)
    monkeypatch.setattr(speed, "rows", rows)


def test_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "100 GFLOP/s in float32, 200 GFLOP/s in bfloat16" in lines[0]
    assert "30.0 GB/s" in lines[1]
    assert lines[3].split() == [
        "upscale/compact-x4",
        "openvino",
        "bfloat16",
        "50.0",
        "20.00",
        "150",
        "75%",
        "0.50",
    ]
    assert len({len(line) for line in lines[2:]}) == 1


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--json"]) == 0
    machine, *rows = map(json.loads, capsys.readouterr().out.splitlines())
    assert machine["gflops"]["bfloat16"] == 200
    assert [row["share"] for row in rows] == [0.75, 0.75]


def test_what_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "SIDE_PX", 64)
    monkeypatch.setattr(speed, "REPEATS", 1)
    monkeypatch.setattr(speed, "PRODUCT_SIDE", 64)
    monkeypatch.setattr(speed, "COPIED_BYTES", 4000)
    # Of a processor whose bfloat16 OpenVINO uses and torch does not.
    monkeypatch.setattr("genstudio.device._fast_formats", lambda device: ())
    machine = speed._machine()
    assert machine.gbytes > 0
    assert all(rate > 0 for rate in machine.gflops.values())
    flops, able = speed._prepared("upscale", "compact-x4")
    assert flops == pytest.approx(
        2 * 354_528, rel=0.01
    )  # nearly all of a plain net's weights, at every pixel
    for engine in able:
        ready, seconds, precision = speed._timed("upscale", "compact-x4", engine)
        assert ready > 0
        assert seconds > 0
        assert precision in machine.gflops
    taken: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: taken.append(number))
    signal.raise_signal(signal.SIGTERM)  # which is taken on a stack that is still there
    signal.signal(signal.SIGTERM, before)
    assert taken == [signal.SIGTERM]
