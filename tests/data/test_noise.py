"""Noise of the strength that was asked for, the same for the same seed, and told from the picture again."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from genstudio.data import noise
from genstudio.data.degrade import quantize
from genstudio.data.noise_level import estimate_std

FLAT = torch.full((4, 3, 64, 64), 0.5)


def dice(seed: int = 0) -> torch.Generator:
    return noise.generator(seed, "cpu")


def std(x: torch.Tensor) -> float:
    return 255 * x.std().item()


# --- noise ------------------------------------------------------------------------------------------------


def test_gaussian_has_its_level_for_each_picture_and_is_not_clipped() -> None:
    levels = torch.tensor([0.0, 5.0, 25.0, 200.0])
    noisy = noise.gaussian(FLAT, levels, dice())
    assert [std(each) for each in noisy] == pytest.approx(levels.tolist(), rel=0.05)
    assert noisy.min() < 0
    assert noisy.max() > 1
    assert torch.corrcoef((noisy - FLAT)[3].flatten(1)).triu(1).abs().max() < 0.05  # channels know no others


def test_poisson_grows_with_the_light() -> None:
    light = torch.tensor([0.0, 0.25, 1.0]).view(3, 1, 1, 1).expand(3, 3, 64, 64)
    noisy = noise.poisson(light, 20, dice())
    assert [std(each) for each in noisy] == pytest.approx([0, 10, 20], rel=0.05)
    assert noisy.mean((1, 2, 3)).tolist() == pytest.approx([0, 0.25, 1], abs=0.005)
    assert torch.equal(noise.poisson(light, 0.0, dice()).round(decimals=3), light)


def test_salt_and_pepper_strikes_a_share_of_the_pixels() -> None:
    noisy = noise.salt_pepper(FLAT, torch.tensor([0.0, 0.1, 0.5, 1.0]), dice())
    struck = (noisy != 0.5).float()
    assert struck.mean((1, 2, 3)).tolist() == pytest.approx([0, 0.1, 0.5, 1], abs=0.02)
    assert (struck == struck[:, :1]).all()
    assert set(noisy.unique().tolist()) == {0, 0.5, 1}
    assert noisy[3].mean().item() == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("kind", ["gaussian", "poisson", "salt_pepper", "photo"])
def test_the_seed_decides(kind: str) -> None:
    level = {"gaussian": (20,), "poisson": (20,), "salt_pepper": (0.2,), "photo": ()}[kind]
    make = getattr(noise, kind)
    first, again, other = (make(FLAT, *level, dice(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_the_way_to_the_sensor_and_back() -> None:
    x = torch.linspace(0, 1, 256)
    assert torch.allclose(noise.srgb(noise.linear(x)), x, atol=1e-6)
    flat = torch.tensor([0.2, 0.5, 0.9]).view(1, 3, 1, 1).expand(2, 3, 9, 8)
    sensor = noise.mosaic(flat)
    assert sensor[0, 0, :2, :2].flatten().tolist() == pytest.approx([0.2, 0.5, 0.5, 0.9])
    back = noise.demosaic(sensor, torch.tensor([0.0, 1.0]).view(2, 1, 1, 1))
    assert torch.allclose(back, flat, atol=1e-6)


def test_malvars_filter_is_better_than_the_mean_of_neighbours() -> None:
    picture = torch.from_numpy(data.astronaut()[:128, 150:278].copy()).permute(2, 0, 1)[None].float() / 255
    sensor = noise.mosaic(picture)
    plain, malvar = (
        (noise.demosaic(sensor, torch.full((1, 1, 1, 1), c)) - picture).square().mean().log10().item() * 10
        for c in (0.0, 1.0)
    )
    assert malvar < plain - 2  # dB


@pytest.mark.parametrize("shot", [1e-4, 1e-2])
def test_camera_noise_has_grain_and_grows_with_the_shot_noise(shot: float) -> None:
    added = noise.camera(FLAT, torch.full((4,), shot), dice()) - FLAT
    assert std(added) == pytest.approx({1e-4: 1.5, 1e-2: 18}[shot], rel=0.3)
    assert abs(added.mean().item()) < 0.01
    red = added[:, 0]
    assert torch.corrcoef(torch.stack((red[:, :, 1:].flatten(), red[:, :, :-1].flatten())))[0, 1] > 0.2


def test_photos_are_eight_bit_and_of_many_strengths() -> None:
    noisy = noise.photo(FLAT[:, :, :33, :47], dice())
    assert noisy.shape == (4, 3, 33, 47)
    assert torch.equal((noisy * 255).round() / 255, noisy)
    assert noise.shot_noise(1000, dice()).log10().std() > 0.5


def test_half_of_what_is_filed_is_jpeg() -> None:
    edges = torch.rand(40, 3, 8, 8, generator=dice())
    kept = [torch.equal(a, b) for a, b in zip(noise.filed(edges, dice()), quantize(edges), strict=True)]
    assert 0.25 < np.mean(kept) < 0.75


# --- its level, from the picture --------------------------------------------------------------------------


PICTURES = ("astronaut", "chelsea", "coffee", "camera", "rocket", "moon")


def picture(name: str) -> np.ndarray:
    found = getattr(data, name)()
    return np.atleast_3d(found)[:400, :400]


def noisy(clean: np.ndarray, level: float) -> np.ndarray:
    return clean / 255 + np.random.default_rng(0).normal(0, level / 255, clean.shape)


@pytest.mark.parametrize("name", PICTURES)
def test_a_clean_picture_has_next_to_no_noise(name: str) -> None:
    assert estimate_std(picture(name)) < 2


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("level", [5, 15, 25, 50, 75])
def test_the_level_is_told_from_the_picture(name: str, level: int) -> None:
    assert estimate_std(noisy(picture(name), level)) == pytest.approx(level, rel=0.12)


@pytest.mark.parametrize("subsampling", [0, 2])
@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee"])
def test_the_level_under_jpeg(name: str, subsampling: int) -> None:
    file = io.BytesIO()
    pixels = (noisy(picture(name), 20).clip(0, 1) * 255).round().astype(np.uint8)
    Image.fromarray(pixels).save(file, "JPEG", quality=90, subsampling=subsampling)
    assert estimate_std(np.asarray(Image.open(file))) == pytest.approx(20, rel=0.15)


def test_grey_in_three_channels_is_grey() -> None:
    grey = noisy(picture("camera"), 20)
    assert estimate_std(grey.repeat(3, 2)) == estimate_std(grey)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_number_formats_agree(dtype: type) -> None:
    values = noisy(picture("chelsea"), 20).clip(0, 1)
    peak = 1 if dtype == np.float32 else np.iinfo(dtype).max
    assert estimate_std((values * peak).astype(dtype)) == pytest.approx(20, rel=0.05)


def test_what_is_clipped_says_nothing() -> None:
    half_white = noisy(picture("chelsea"), 20)
    half_white[:, :200] = 2
    assert estimate_std((half_white.clip(0, 1) * 255).round().astype(np.uint8)) == pytest.approx(20, rel=0.1)
    assert estimate_std(np.full((80, 80, 3), 255, np.uint8)) == 0


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 9, 1), (2, 2, 3), (7, 5, 1), (8, 40, 3), (33, 31, 3)])
def test_small_pictures(shape: tuple[int, int, int]) -> None:
    level = estimate_std(np.random.default_rng(0).integers(0, 256, shape, np.uint8))
    assert np.isfinite(level)
    assert level >= 0
    assert estimate_std(np.full(shape, 77, np.uint8)) == 0
