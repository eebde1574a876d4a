"""Made-up pictures for training: they repeat, every kind appears, and patterns cover what they should."""

from hashlib import sha256

import numpy as np
import pytest

from genstudio.data import artworks, patterns
from genstudio.data.artworks import lettering, words
from genstudio.data.halftone import bayer, halftone, ordered_dither
from genstudio.data.patterns import checkerboard, diffused, grid, led_wall, painted, stripes, weave


@pytest.mark.parametrize("kind", artworks.KINDS)
@pytest.mark.parametrize("side", [96, 250])
def test_each_kind_of_artwork_is_a_picture_and_repeats(kind: str, side: int) -> None:
    for seed in range(4):
        picture = artworks.artwork(side, np.random.default_rng(seed), kind)
        assert picture.shape == (side, side, 3)
        assert picture.dtype == np.uint8
        assert np.array_equal(picture, artworks.artwork(side, np.random.default_rng(seed), kind))


def test_artworks_differ_and_fill_the_range() -> None:
    found = [artworks.artwork(96, np.random.default_rng(seed)) for seed in range(60)]
    assert len({sha256(picture).hexdigest() for picture in found}) > 57
    means = np.array([picture.mean() for picture in found])
    assert means.min() < 90
    assert means.max() > 200


def test_shares_of_kinds_sum_to_one() -> None:
    assert sum(share for _, share in artworks.KINDS.values()) == pytest.approx(1)
    assert sum(lettering.SHARES.values()) == pytest.approx(1)
    assert set(lettering.SHARES) == set(words.WORDS)


def test_pictures_are_lettered_without_any_fonts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lettering, "fonts", lambda: dict.fromkeys(words.WORDS, ()))
    for kind in ("document", "manga", "logo"):
        assert artworks.artwork(96, np.random.default_rng(1), kind).std() > 0


@pytest.mark.parametrize("kind", patterns.KINDS)
def test_each_kind_of_pattern_is_a_picture_and_repeats(kind: str) -> None:
    for seed in range(8):
        picture = patterns.pattern(64, np.random.default_rng(seed), kind)
        assert picture.shape == (64, 64, 3)
        assert picture.dtype == np.uint8
        assert np.array_equal(picture, patterns.pattern(64, np.random.default_rng(seed), kind))
        field = patterns.KINDS[kind](96, np.random.default_rng(seed))
        assert 0 <= field.min() < field.max() <= 1


def test_every_kind_of_pattern_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = set()
    for kind, make in list(patterns.KINDS.items()):
        monkeypatch.setitem(
            patterns.KINDS, kind, lambda side, rng, kind=kind, make=make: drawn.add(kind) or make(side, rng)
        )
    for seed in range(80):
        patterns.pattern(32, np.random.default_rng(seed))
    assert drawn == set(patterns.KINDS)


@pytest.mark.parametrize("cell", [1, 2, 3, 4])
def test_means_of_regular_patterns(cell: int) -> None:
    assert checkerboard(96, cell).mean() == 0.5
    assert stripes(96, cell, cell).mean() == 0.5
    for slope in (1, 2, 3):
        assert stripes(240, 1, cell, slope).mean() == pytest.approx(1 / (1 + cell), abs=0.01)
    assert grid(240, 1, cell).mean() == pytest.approx(1 - (cell / (1 + cell)) ** 2)
    assert led_wall(240, cell, 1).mean() == pytest.approx((cell / (1 + cell)) ** 2)
    assert weave(240, cell, 0).mean() == 0.5


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.75])
def test_means_of_dithered_shares(share: float) -> None:
    flat = np.full((256, 256), share, np.float32)
    assert diffused(flat).mean() == pytest.approx(share, abs=0.01)
    for order in (2, 4, 8):
        assert ordered_dither(flat, order).mean() == pytest.approx(share, abs=0.5 / order**2 + 1e-6)
    sloping = np.linspace(0, share, 256, dtype=np.float32)[None].repeat(256, 0)
    assert ordered_dither(sloping, 8).mean() == pytest.approx(share / 2, abs=0.01)
    assert diffused(sloping).mean() == pytest.approx(share / 2, abs=0.01)


@pytest.mark.parametrize("kind", ["dots", "lines"])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
@pytest.mark.parametrize("pitch", [2.3, 3.7, 9.0])
def test_means_of_halftones(kind: str, share: float, pitch: float) -> None:
    screen = halftone((256, 256), pitch, 0.4, share, kind, softness_px=0)
    assert set(np.unique(screen)) == {0, 1}
    assert screen.mean() == pytest.approx(share, abs=0.02)
    assert halftone((256, 256), pitch, 0.4, share, kind).mean() == pytest.approx(share, abs=0.05)


def test_bayers_matrix() -> None:
    assert (bayer(2) * 4 - 0.5).tolist() == [[0, 2], [3, 1]]
    assert sorted((bayer(8).ravel() * 64 - 0.5).tolist()) == list(range(64))


def test_paint() -> None:
    picture = painted(checkerboard(4, 2), (10, 20, 30), (200, 100, 0))
    assert picture[0, 0].tolist() == [10, 20, 30]
    assert picture[0, 2].tolist() == [200, 100, 0]
