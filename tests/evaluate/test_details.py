"""The sheet of details by several models: what stands where, and what it refuses."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from genstudio import Denoise, Upscale
from genstudio.cli import main
from genstudio.evaluate.sheets import CAPTION_PX, GAP_PX
from genstudio.evaluate.upscale import enlarge_bicubic, reduce
from genstudio.options import Crop, OptionError, SheetOptions

TRUTH = np.ascontiguousarray(data.astronaut()[:258, 100:341])  # not a multiple of 4
SMALL = reduce(TRUTH, 4)  # 64 x 60


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "truths").mkdir()
    Image.fromarray(TRUTH).save(tmp_path / "truths" / "face.webp", lossless=True)
    Image.fromarray(SMALL).save(tmp_path / "face.png")
    Image.fromarray(SMALL[:, ::-1]).save(tmp_path / "flipped.png")
    return tmp_path


def cells(sheet: Path, side: int) -> list[list[np.ndarray]]:
    """Rows of the pictures on a sheet."""
    page = np.asarray(Image.open(sheet))
    step = side + GAP_PX
    return [
        [page[y : y + side, x : x + side] for x in range(0, page.shape[1], step)]
        for y in range(CAPTION_PX, page.shape[0], step)
    ]


def test_each_column_is_what_it_says(folder: Path) -> None:
    out = folder / "sheet.png"
    models = ["--models", "bicubic,compact-x4", "--truth", str(folder / "truths")]
    assert main(["compare", str(out), *models, str(folder / "face.png"), "--crop", "8,12,24"]) == 0
    ((before, bicubic, ours, truth),) = cells(out, 96)
    where = slice(48, 144), slice(32, 128)
    assert np.array_equal(before, SMALL[12:36, 8:32].repeat(4, 0).repeat(4, 1))
    assert np.array_equal(bicubic, enlarge_bicubic(SMALL, 4)[where])
    assert np.array_equal(ours, Upscale.from_weights("compact-x4")(SMALL, scale=4)[where])
    assert np.array_equal(truth, TRUTH[where])
    captions = np.asarray(Image.open(out).convert("L"))[:CAPTION_PX]
    assert all((captions[:, x : x + 96] < 128).any() for x in range(0, 400, 100))


def test_rows_are_crops_or_pictures(folder: Path) -> None:
    face, flipped, out = str(folder / "face.png"), str(folder / "flipped.png"), folder / "sheet.png"
    compare = ["compare", str(out), "--models", "bicubic", "--scale", "2", "--zoom", "3", "--overwrite"]
    two = ["--crop", "0,0,16", "--crop", "20,30,16"]
    assert main([*compare, face, *two]) == 0
    large = enlarge_bicubic(SMALL, 2).repeat(3, 0).repeat(3, 1)
    first, second = cells(out, 96)
    assert np.array_equal(first[1], large[:96, :96])
    assert np.array_equal(second[1], large[180:276, 120:216])
    assert main([*compare, face, flipped, *two]) == 0  # one for each
    assert np.array_equal(cells(out, 96)[0][1], first[1])
    assert not np.array_equal(cells(out, 96)[1][1], second[1])
    assert main([*compare, face, flipped, "--side", "16"]) == 0  # the busiest of each
    (here, _), (there, _) = cells(out, 96)
    assert here.std() > first[0].std()
    assert there.shape == here.shape


def test_other_tasks(folder: Path) -> None:
    face, out = str(folder / "face.png"), folder / "sheet.png"
    compare = ["compare", str(out), face, "--overwrite", "--crop", "0,0,40"]
    assert main([*compare, "--task", "denoise", "--models", "photo", "--models", "dae-color"]) == 0
    ((_, photo, _),) = cells(out, 40)
    assert np.array_equal(photo, Denoise.from_weights("photo")(SMALL)[:40, :40])
    assert main([*compare, "--task", "stylize", "--models", "fast", "--style", "starry_night"]) == 0
    ((before, painted),) = cells(out, 40)
    assert np.abs(before.astype(int) - painted).mean() > 10


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "--models"),
        (["--models", "bicubic,bicubic"], 2, "--models: expected models of different names"),
        (["--models", "bicubic", "--crop", "1,2"], 2, "--crop: expected X,Y,SIDE in pixels, 120,40,64"),
        (["--models", "bicubic", "--crop", "1,2,x"], 2, "--crop"),
        (["--models", "bicubic", "--crop", "50,0,16"], 2, "--crop: expected a square within"),
        (["--models", "bicubic", "--crop", "0,0,8", "--crop", "0,0,9"], 2, "expected crops of one side"),
        (["--models", "bicubic", "--side", "100"], 2, "--side: expected at most the side of face.png, 60x64"),
        (["--models", "bicubic", "--truth", "nowhere.png"], 3, "nowhere.png"),
        (["--models", "bicubic", "--truth", "face.png"], 3, "expected the truth to be of 240x256"),
        (["--models", "photo", "--task", "denoise", "--scale", "2"], 2, "expected no scale for denoise"),
        (["--models", "fast", "--task", "stylize"], 2, "expected a style for stylize alone, found none"),
    ],
)
def test_refusals(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    words: str,
) -> None:
    monkeypatch.chdir(folder)
    assert main(["compare", "sheet.png", "face.png", *arguments]) == code
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line
    assert not (folder / "sheet.png").exists()


def test_nothing_is_written_over(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    face = folder / "face.png"
    before = face.read_bytes()
    for arguments in ([], ["--overwrite"]):
        assert main(["compare", str(face), str(face), "--models", "bicubic", *arguments]) == 4
    assert main(["compare", str(folder / "sheet.png"), "--models", "bicubic"]) == 2
    assert "found no pictures" in capsys.readouterr().err
    assert face.read_bytes() == before


def test_options_in_python() -> None:
    options = SheetOptions(models=("a", "b"), crop=((1, 2, 3),))
    assert options.crop == (Crop(1, 2, 3),)
    with pytest.raises(OptionError, match="crop"):
        SheetOptions(models="a", crop=((-1, 2, 3),))
