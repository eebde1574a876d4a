"""Shell and Python give the same pixels for the same options."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from genstudio import Upscale
from genstudio.cli import main

PICTURE = Path(__file__).parents[1] / "data" / "chelsea.png"


@pytest.mark.parametrize(
    ("shell", "python"),
    [
        ([], {}),
        (["--scale", "2.5"], {"scale": 2.5}),
        (["--width", "150"], {"width": 150}),
        (["--long-side", "99"], {"long_side": 99}),
        (["--megapixels", "0.02"], {"megapixels": 0.02}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_upscale(shell: list[str], python: dict[str, float], tmp_path: Path) -> None:
    small = Image.open(PICTURE).crop((150, 90, 203, 131))
    small.save(tmp_path / "in.png")
    assert main(["upscale", str(tmp_path / "in.png"), str(tmp_path / "out.png"), *shell]) == 0
    ours = Upscale.from_weights()(small, **python)
    theirs = Image.open(tmp_path / "out.png")
    assert ours.size == theirs.size
    assert np.array_equal(np.asarray(ours), np.asarray(theirs))


def test_readme_is_right_about_the_picture_that_ships(tmp_path: Path) -> None:
    assert main(["upscale", str(PICTURE), str(tmp_path / "out.png")]) == 0
    assert Image.open(tmp_path / "out.png").size == (1804, 1200)
