"""Distances between sets of pictures, against torchmetrics, closed forms and the definitions spelt out."""

import numpy as np
import pytest
import torch
from torch import nn

from genstudio.errors import InputError, UsageError
from genstudio.measures import features
from genstudio.measures.distances import (
    density_coverage,
    frechet,
    kid,
    nearest_neighbours,
    precision_recall,
    statistics,
)

D = 12


@pytest.fixture(scope="module")
def sets() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    mix = rng.normal(size=(D, D))
    return rng.normal(size=(300, D)), rng.normal(0.3, 1.2, size=(250, D)) @ mix / np.sqrt(D)


class Flat(nn.Module):
    """Lets torchmetrics take features for pictures."""

    num_features = D

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.flatten(1)[:, :D].double()


def as_pictures(rows: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(rows).view(len(rows), 3, 2, D // 6)


def test_frechet_is_that_of_torchmetrics(sets: tuple[np.ndarray, np.ndarray]) -> None:
    fid = pytest.importorskip("torchmetrics.image.fid")
    theirs = fid.FrechetInceptionDistance(feature=Flat(), input_img_size=(3, 2, 2)).set_dtype(torch.float64)
    for rows, real in zip(sets, (True, False), strict=True):
        theirs.update(as_pictures(rows), real=real)
    ours = frechet(*map(statistics, sets))
    assert ours == pytest.approx(theirs.compute().item(), rel=1e-6)


def test_frechet_of_known_gaussians() -> None:
    rng = np.random.default_rng(1)
    white = rng.normal(size=(400, 3))
    white = (white - white.mean(0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(white.T)).T)
    a, b = white * (1, 2, 3), white * (2, 2, 1) + (0, 0, 5)
    assert frechet(statistics(a), statistics(b)) == pytest.approx(1 + 4 + 25, rel=1e-9)
    assert frechet(statistics(a), statistics(a)) == pytest.approx(0, abs=1e-6)
    few = statistics(rng.normal(size=(4, 50)))  # of rank 3
    assert frechet(few, few) == pytest.approx(0, abs=1e-5)


def test_spread_is_the_distance_between_two(sets: tuple[np.ndarray, np.ndarray]) -> None:
    rows = sets[1]
    apart = np.linalg.norm(rows[:, None] - rows[None], axis=2)
    n = len(rows)
    assert statistics(rows).spread == pytest.approx(np.sqrt((apart**2).sum() / (n * (n - 1))))


def test_kid_is_that_of_torchmetrics(sets: tuple[np.ndarray, np.ndarray]) -> None:
    module = pytest.importorskip("torchmetrics.image.kid")
    real, fake = sets[0][:250], sets[1]  # one subset, of all: nothing is left to chance
    theirs = module.KernelInceptionDistance(feature=Flat(), subsets=1, subset_size=250, degree=3)
    theirs.update(as_pictures(real), real=True)
    theirs.update(as_pictures(fake), real=False)
    ours, deviation = kid(real, fake, subsets=3)
    assert ours == pytest.approx(theirs.compute()[0].item(), rel=1e-4)
    assert deviation == pytest.approx(0, abs=1e-9)
    again = kid(*sets, subset_size=100, subsets=10)
    assert again == kid(*sets, subset_size=100, subsets=10)
    assert again[1] > 0


def test_precision_recall_density_and_coverage_by_definition(sets: tuple[np.ndarray, np.ndarray]) -> None:
    real, fake = sets[0][:60], sets[1][:50]

    def apart(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.linalg.norm(a[:, None] - b[None], axis=2)

    def radii(rows: np.ndarray, k: int) -> np.ndarray:
        return np.sort(apart(rows, rows), 1)[:, k]

    precision = (apart(fake, real) <= radii(real, 3)).any(1).mean()
    recall = (apart(real, fake) <= radii(fake, 3)).any(1).mean()
    assert precision_recall(real, fake) == (precision, recall)
    inside = apart(fake, real) <= radii(real, 5)
    assert density_coverage(real, fake) == pytest.approx((inside.sum() / 5 / len(fake), inside.any(0).mean()))
    assert precision_recall(real, real) == (1, 1)
    assert precision_recall(real, real + 100) == (0, 0)


def test_nearest_neighbours(sets: tuple[np.ndarray, np.ndarray]) -> None:
    found, places = nearest_neighbours(sets[0][5:7], sets[0], 2)
    assert places[:, 0].tolist() == [5, 6]
    assert np.allclose(found[:, 0], 0, atol=1e-5)
    assert (found[:, 1] > found[:, 0]).all()


def test_what_is_no_set_is_refused() -> None:
    with pytest.raises(InputError, match="at least 2"):
        statistics(np.zeros((1, 4)))
    with pytest.raises(InputError, match="numbers"):
        statistics(np.full((3, 4), np.nan))
    with pytest.raises(InputError, match="at least 4"):
        precision_recall(np.zeros((3, 4)), np.zeros((9, 4)))


def test_features_do_not_depend_on_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (9, 32, 32, 3), dtype=np.uint8)
    look = features.extractor("untrained")
    whole = look(pixels)
    assert whole.dtype == np.float64
    assert whole.shape == (9, 262)
    monkeypatch.setattr(features, "BATCH", 4)
    assert np.allclose(look(pixels), whole, atol=1e-5)
    assert np.array_equal(features.extractor("untrained")(pixels), look(pixels))


def test_which_features(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("GENSTUDIO_WEIGHTS", str(tmp_path))
    monkeypatch.setattr(features.weights, "installed", lambda task: [])
    assert features.resolve("auto") == "untrained"
    assert features.resolve("vgg16") == "vgg16"
    with pytest.raises(UsageError, match="found 'vgg'"):
        features.extractor("vgg")
    with pytest.raises(InputError, match="16 px"):
        features.extractor("untrained")(np.zeros((2, 8, 8, 3), np.uint8))
