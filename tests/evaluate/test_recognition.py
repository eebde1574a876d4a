"""Recognition of what was damaged and restored: the statistics, the damages, and what does not fit."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import made
import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from genstudio.classify.classifier import Classifier
from genstudio.classify.keras_cnn import KerasCNN, KerasCNNConfig
from genstudio.classify.options import EvaluateRecognitionOptions
from genstudio.classify.pipeline import Classify
from genstudio.cli import main
from genstudio.data.labelled import Part
from genstudio.denoise.dae import DAE, DAEConfig
from genstudio.errors import UsageError
from genstudio.evaluate.damage import damaging, restoring
from genstudio.evaluate.recognition import Recognition, as_table, came_back, mcnemar, recognise
from genstudio.options import OptionError
from genstudio.upscale.compact import Compact, CompactConfig

SIDE_PX = 32
CLASSES = ("plain", "striped")


class Stripes(Classifier):
    """Knows stripes by the steps between neighbours, and so takes noise for them."""

    def __init__(self) -> None:
        super().__init__()
        self.config = KerasCNNConfig(classes=CLASSES, side_px=SIDE_PX)
        self.unused = nn.Parameter(torch.zeros(1))

    def maps(self, x: Tensor) -> Tensor:
        return x.diff(dim=3).abs()

    def pooled(self, maps: Tensor) -> Tensor:
        return maps.mean((1, 2, 3))[:, None]

    def head(self, features: Tensor) -> Tensor:
        return torch.cat((0.1 - features, features - 0.1), 1)


def picture(striped: bool, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    base = np.full((SIDE_PX, SIDE_PX, 3), rng.integers(60, 120, 3), np.uint8)
    if striped:
        base[:, ::2] += 100
    return base


@pytest.fixture(scope="module", autouse=True)
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Weights classify/stripes (of another net, which knows nothing), denoise/tiny and upscale/tiny-x4."""
    home = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    nets: dict[str, tuple[str, int, Any]] = {
        "classify/stripes": ("keras-cnn", 1, KerasCNN(KerasCNNConfig(classes=CLASSES, side_px=SIDE_PX))),
        "denoise/tiny": ("dae", 1, DAE(DAEConfig(width=8, blocks=1))),
        "upscale/tiny-x4": ("compact", 4, Compact(CompactConfig(width=8, depth=2, scale=4))),
    }
    for name, (arch, scale, net) in nets.items():
        task = name.partition("/")[0]
        made.save(home / f"{name}.safetensors", task, arch, net, scale=scale)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENSTUDIO_WEIGHTS", str(home))
        yield home


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Class folders with train/ and val/, eight pictures a class in val."""
    for part, count in (("train", 1), ("val", 8)):
        for striped, name in enumerate(CLASSES):
            home = tmp_path / "set" / part / name
            home.mkdir(parents=True)
            for k in range(count):
                Image.fromarray(picture(bool(striped), k)).save(home / f"{k}.png")
    return tmp_path / "set"


@pytest.fixture
def part() -> Part:
    pixels = np.stack([picture(k % 2 == 1, k) for k in range(20)])
    return Part(torch.from_numpy(pixels), torch.arange(20) % 2)


def options(**values: Any) -> EvaluateRecognitionOptions:
    return EvaluateRecognitionOptions(
        **{"data": "set", "classifier": "stripes", "damage": "noise:25", **values}
    )


# --- the comparison ---------------------------------------------------------------------------------------


def test_a_classifier_that_knows_stripes(part: Part) -> None:
    stripes = Classify(Stripes().eval(), model="stripes")
    clean = {damaging("noise", 60, SIDE_PX)(p.numpy()).tobytes(): p.numpy() for p in part.pixels}
    found = recognise(stripes, part, damaging("noise", 60, SIDE_PX), lambda p: clean[p.tobytes()])
    assert found.accuracy("clean") == 1
    assert found.accuracy("damaged") == 0.5  # all are taken for stripes
    assert found.accuracy("restored") == 1
    assert found.turned("damaged", "restored") == (10, 0)
    assert came_back(found) == (1, (1, 1))
    blurred = recognise(stripes, part, damaging("blur", 2, SIDE_PX))
    assert list(blurred.guesses) == ["clean", "damaged"]
    assert blurred.accuracy("damaged") == 0.5
    assert (blurred.guesses["damaged"] == 0).all()
    assert damaging("blur", 10, SIDE_PX)(picture(True, 0)).shape == (SIDE_PX, SIDE_PX, 3)  # wider than it is


def of_rights(clean: str, damaged: str, restored: str) -> Recognition:
    """Of strings of 1 (right) and 0."""
    states = {"clean": clean, "damaged": damaged, "restored": restored}
    guesses = {state: torch.tensor([1 - int(r) for r in right]) for state, right in states.items()}
    return Recognition(("a", "b"), torch.zeros(len(clean), dtype=torch.long), guesses, {})


def test_the_share_that_came_back() -> None:
    some = of_rights("1" * 100, "1" * 50 + "0" * 50, "1" * 75 + "0" * 25)
    share, interval = came_back(some) or (0, None)
    assert share == 0.5
    assert interval is not None
    assert 0.3 < interval[0] < 0.42
    assert 0.58 < interval[1] < 0.7
    assert came_back(of_rights("110", "110", "111")) is None
    harmed = of_rights("1" * 100, "1" * 50 + "0" * 50, "1" * 40 + "0" * 60)
    assert (came_back(harmed) or (0,))[0] == -0.2
    assert came_back(of_rights("1110", "1100", "1110")) == (1, None)  # one picture says little
    facts = {"model": "m", "data": "d", "split": "s", "damage": "down:4", "restore": "r"}
    assert "-20% came back" in as_table(facts, harmed)
    assert "no accuracy was lost" in as_table(facts, of_rights("110", "110", "111"))


def test_mcnemar_by_the_definition() -> None:
    assert mcnemar(0, 0) == 1
    assert mcnemar(5, 5) == 1
    assert mcnemar(0, 5) == mcnemar(5, 0) == 2 / 32
    assert mcnemar(2, 8) == pytest.approx(2 * (1 + 10 + 45) / 1024)
    assert mcnemar(3000, 4000) < 1e-30


@pytest.mark.parametrize("kind", ["noise", "blur", "jpeg", "down"])
def test_damages(kind: str) -> None:
    amount = {"noise": 25, "blur": 1.5, "jpeg": 10, "down": 4}[kind]
    damage = damaging(kind, amount, SIDE_PX)
    first, again, other = damage(picture(True, 0)), damage(picture(True, 0)), damage(picture(True, 1))
    assert first.dtype == np.uint8
    assert first.shape == (SIDE_PX // 4, SIDE_PX // 4, 3) if kind == "down" else picture(True, 0).shape
    assert np.array_equal(first, again)
    if kind == "noise":
        noises = [a.astype(int) - picture(True, k) for k, a in enumerate((first, other))]
        assert noises[0].std() == pytest.approx(25, rel=0.1)
        assert np.abs(noises[0] - noises[1]).mean() > 10  # each picture its own


# --- the command ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("damage", "restore"),
    [("noise:25", "tiny"), ("jpeg:10", "denoise/tiny"), ("down:4", "tiny"), ("down:2", "upscale/tiny-x4")],
)
def test_a_line_of_json(folder: Path, capsys: pytest.CaptureFixture[str], damage: str, restore: str) -> None:
    command = ["evaluate", "recognition", "--data", str(folder), "--classifier", "stripes", "--json"]
    (folder / "val" / "plain" / "broken.png").write_bytes(b"nothing")
    assert main([*command, "--damage", damage, "--restore", restore, "--device", "cpu"]) == 0
    out, err = capsys.readouterr()
    assert "broken.png" in err
    row = json.loads(out)
    assert (row["model"], row["damage"], row["restore"], row["n"]) == ("stripes", damage, restore, 16)
    for state in ("clean", "damaged", "restored"):
        low, high = row[state]["accuracy_95"]
        assert low <= row[state]["accuracy"] == row[state]["right"] / 16 <= high
    flips = row["restoring"]
    assert row["restored"]["right"] - row["damaged"]["right"] == flips["turned_right"] - flips["turned_wrong"]
    assert flips["mcnemar_p"] == mcnemar(flips["turned_right"], flips["turned_wrong"])
    lost = row["clean"]["right"] - row["damaged"]["right"]
    assert (row["came_back"] is None) == (lost <= 0)


def test_a_table_and_a_sheet(folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    command = ["evaluate", "recognition", "--data", str(folder), "--classifier", "stripes"]
    saved = ["--save", str(tmp_path / "saved")]
    assert main([*command, "--damage", "down:4", "--restore", "tiny", *saved]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("stripes on set (")
    assert lines[0].endswith("), n=16; reduced 4 times by Pillow's bicubic filter")
    assert [line.split()[0] for line in lines[2:5]] == ["clean", "bicubic", "tiny"]
    assert lines[5].startswith("restoring turned ")
    assert Image.open(tmp_path / "saved" / "sheet.png").width == 6 * 200 + 8
    assert main([*command, "--damage", "jpeg:10", *saved]) == 4  # the folder is not empty now
    assert "empty folder" in capsys.readouterr().err
    assert main([*command, "--damage", "jpeg:10", "--save", str(tmp_path / "other")]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 4
    assert Image.open(tmp_path / "other" / "sheet.png").width == 4 * 200 + 8


@pytest.mark.parametrize(
    ("damage", "restore", "words"),
    [
        ("noise:25", "upscale/tiny-x4", "expected denoise weights against noise:25, found upscale"),
        ("noise:25", "tiny-x4", "expected denoise weights against noise:25, found upscale"),
        ("blur:1.5", "upscale/tiny", "found upscale"),
        ("down:4", "denoise/tiny", "expected upscale weights against down:4, found denoise"),
        ("noise:25", "nothing", "no denoise model called 'nothing'"),
    ],
)
def test_models_that_do_not_fit(damage: str, restore: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        restoring(options(damage=damage, restore=restore, device="cpu"), SIDE_PX)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("fog:3", "expected noise:STD, blur:SIGMA, jpeg:QUALITY or down:TIMES, found 'fog:3'"),
        ("noise", "a number from 1 to 100, found 'noise'"),
        ("noise:0", "a number from 1 to 100"),
        ("noise:nan", "a number from 1 to 100"),
        ("blur:much", "a number from 0.3 to 10"),
        ("jpeg:9.5", "a whole number from 1 to 95"),
        ("down:1", "a whole number from 2 to 16"),
    ],
)
def test_no_such_damage(damage: str, words: str) -> None:
    with pytest.raises(OptionError, match=words):
        options(damage=damage)


def test_squares_are_reduced_to_whole_pixels() -> None:
    with pytest.raises(OptionError, match=r"what divides 32 px \(2, 4, 8, 16\), found 3"):
        damaging("down", 3, SIDE_PX)
    assert math.isclose(options(damage="blur:1.5").damage_amount, 1.5)
