"""Which style results have, how far apart they are, and whose colours they show."""

import numpy as np
import pytest
import torch
import torchvision

from genstudio.measures.style_match import Textures, lab, match, palette_distance, texture_distance
from genstudio.measures.style_match import _tensor as tensor


@pytest.fixture
def textures(monkeypatch: pytest.MonkeyPatch) -> Textures:
    torch.manual_seed(0)
    net = torchvision.models.vgg.make_layers(torchvision.models.vgg.cfgs["D"], batch_norm=False)
    state = {f"features.{key}": value for key, value in net.state_dict().items()}
    monkeypatch.setattr("genstudio.measures.vgg.backbone", lambda name: state)
    return Textures()


def stripes(period_px: int, colour: tuple[int, int, int], *, flat: bool = False) -> np.ndarray:
    """Lying or standing stripes of one colour on black, (64, 64, 3)."""
    wave = (np.arange(64) // period_px % 2)[:, None].repeat(64, 1)
    wave = wave if flat else wave.T
    return (wave[..., None] * np.array(colour)).astype(np.uint8)


def test_textures_know_neither_colours_nor_contrast(textures: Textures) -> None:
    red, dim = stripes(4, (250, 20, 20)), stripes(4, (20, 60, 20))
    a, b, other = (textures(tensor(each)) for each in (red, dim, stripes(4, (250, 20, 20), flat=True)))
    assert texture_distance(a, a) == 0
    assert texture_distance(a, b) < 0.01
    assert texture_distance(a, other) > 10 * texture_distance(a, b)
    assert texture_distance(a, other) == pytest.approx(texture_distance(other, a))
    flat = textures(tensor(np.full((5, 7, 3), 90, np.uint8)))  # flat and tiny: no error, no nan
    assert 0 <= texture_distance(a, flat) <= 2


def test_results_are_matched_to_their_styles(textures: Textures) -> None:
    styles = {"lying": stripes(4, (255, 0, 0), flat=True), "standing": stripes(4, (0, 0, 255))}
    results = {("a", name): pixels[::-1].copy() for name, pixels in styles.items()}
    good = match(textures, results, styles)
    assert (good.found, good.by_chance, good.n) == (1.0, 0.5, 2)
    wrong = match(textures, {("a", "lying"): styles["standing"], ("a", "standing"): styles["lying"]}, styles)
    assert wrong.found == 0
    assert wrong.palette > good.palette
    same = match(textures, {("a", name): styles["lying"] for name in styles}, styles)
    assert same.found == 0.5
    assert same.apart == 0 < good.apart


def test_colours_are_as_far_as_they_must_go() -> None:
    black, white = np.zeros((30, 40, 3), np.uint8), np.full((50, 60, 3), 255, np.uint8)
    assert palette_distance(black, black) == 0
    assert palette_distance(black, white) == pytest.approx(100, abs=0.1)
    half = black.copy()
    half[:15] = 255
    assert palette_distance(black, half) == pytest.approx(50, abs=0.1)
    assert palette_distance(half, half[::-1]) == pytest.approx(0, abs=1e-6)  # where they are does not matter


def test_lab_is_the_standards() -> None:
    found = lab(np.array([[255, 255, 255], [255, 0, 0], [0, 0, 255], [119, 119, 119]], np.uint8))
    expected = [[100, 0, 0], [53.24, 80.09, 67.20], [32.30, 79.19, -107.86], [50.03, 0, 0]]
    assert np.allclose(found, expected, atol=0.1)
