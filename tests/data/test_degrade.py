"""The photo degradation: decided by its seed, different for every picture, true in place and colour; and JPEG
against a real codec."""

from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from genstudio.data.degrade import photo, reduce_bicubic
from genstudio.data.jpeg import jpeg


@pytest.fixture(scope="module")
def picture() -> Tensor:
    """(1, 3, 96, 120): soft shapes with some texture."""
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(30, 226, (4, 5, 3), dtype=np.uint8))
    pixels = np.asarray(coarse.resize((120, 96), Image.Resampling.BICUBIC)) + rng.normal(0, 4, (96, 120, 3))
    return torch.from_numpy(pixels.round().clip(0, 255) / 255).permute(2, 0, 1)[None].float()


@pytest.mark.parametrize("halve", [True, False])
@pytest.mark.parametrize("quality", [30, 60, 90])
def test_jpeg_is_a_real_codecs(picture: Tensor, quality: int, halve: bool) -> None:
    cut = picture[..., :93, :118]  # no whole blocks
    file = BytesIO()
    pixels = (cut[0] * 255).round().byte().permute(1, 2, 0).numpy()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality, subsampling=2 if halve else 0)
    real = torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1)[None] / 255
    ours = jpeg(cut, torch.tensor([float(quality)]), halve_chroma=halve)
    error = (ours - real).abs().mean() * 255
    assert error < 1
    assert error < (cut - real).abs().mean() * 255 / 2


def test_each_picture_is_coded_as_if_alone(picture: Tensor) -> None:
    quality = torch.tensor([40.0, 80.0])
    both = jpeg(picture.repeat(2, 1, 1, 1), quality)
    assert torch.equal(both[1:], jpeg(picture, quality[1:]))


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
def test_size_range_and_levels(picture: Tensor, scale: int) -> None:
    small = photo(picture.repeat(5, 1, 1, 1), scale, (scale, 7))
    assert small.shape == (5, 3, 96 // scale, 120 // scale)
    assert small.min() >= 0
    assert small.max() <= 1
    assert torch.equal(small, (small * 255).round() / 255)


def test_a_seed_decides_everything_and_every_picture_draws_its_own(picture: Tensor) -> None:
    many = picture.repeat(6, 1, 1, 1)
    first, again, other = (photo(many, 4, seed) for seed in ((0, 1), (0, 1), (0, 2)))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    torch.manual_seed(5)  # nothing is drawn from the global generator
    state = torch.get_rng_state()
    photo(many, 4, 3)
    assert torch.equal(state, torch.get_rng_state())
    differences = [(a - b).abs().max() for k, a in enumerate(other) for b in other[:k]]
    assert sum(bool(d > 0) for d in differences) >= len(differences) - 1  # two may both be clean


def test_from_clean_to_worse_than_a_web_picture(picture: Tensor) -> None:
    many = picture.repeat(4, 1, 1, 1)
    change = torch.cat([photo(many, 4, seed) - reduce_bicubic(many, 4) for seed in range(50)])
    rms = change.square().mean((1, 2, 3)).sqrt() * 255
    assert 0.05 < (rms < 0.5).float().mean() < 0.2
    assert rms.quantile(0.3) < 8
    assert rms.quantile(0.95) > 12
    # No colour cast, and nothing is moved: a shift would show as a mean change along the slopes.
    assert (change.mean((0, 2, 3)) * 255).abs().max() < 0.5
    inside = change.mean(0)[..., 3:-3, 3:-3]
    slope = reduce_bicubic(picture, 4)[0, :, 3:-3, 3:-3]
    for dim in (-1, -2):
        gradient = torch.gradient(slope, dim=dim)[0]
        shift_px = (inside * gradient).sum() / gradient.square().sum()
        assert abs(shift_px) < 0.05
