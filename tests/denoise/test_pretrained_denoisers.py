"""What ships to denoise is what it says; `test_pretrained` asks the same of upscalers."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from skimage import data

from genstudio import Denoise, evaluate, weights
from genstudio.evaluate import classics
from genstudio.evaluate.comparison import Informed, Judge, Pixels, Restore
from genstudio.evaluate.denoise import Noise, classical, restoring, with_noise
from genstudio.weights import Installed

SHIPPED = [w for w in weights.installed("denoise") if w.path.is_relative_to(weights.packaged())]
TOLD = [w for w in SHIPPED if w.header.config.get("told", True)]
# Least gain over non-local means in dB, mean over astronaut, coffee and chelsea.
LEAST = {"denoise/dae-color": 1.0, "denoise/dae-fast": 0.5, "denoise/dae-plain": -3.0}
SET5 = Path(__file__).parents[3] / "shared" / "data" / "eval" / "Set5"


@pytest.fixture(params=SHIPPED, ids=lambda w: w.name)
def denoiser(request: pytest.FixtureRequest) -> Installed:
    return request.param


def originals() -> dict[str, Pixels]:
    """Pictures that no net was trained on, 192 px squares."""
    pictures = {"astronaut": data.astronaut(), "coffee": data.coffee(), "chelsea": data.chelsea()}
    return {name: np.ascontiguousarray(p[40:232, 140:332]) for name, p in pictures.items()}


def psnr(restore: Restore | Informed, noise: Noise, noise_std: float = 25) -> float:
    """Mean over `originals` in dB, RGB."""
    judge, found = Judge(["psnr"]), []
    for k, (name, original) in enumerate(originals().items()):
        noisy = with_noise(original, noise, noise_std, seed=k)
        informed = isinstance(restore, Informed)
        restored = restore.restore(noisy, original) if informed else restore(noisy)
        found.append(judge(name, restored, original, 0).values["psnr_rgb"])
    return float(np.mean(found))


def test_some_ship() -> None:
    assert "denoise/dae-color" in {w.name for w in SHIPPED}


@pytest.mark.parametrize("noise_std", [15, 25, 50])
def test_told_the_noise_it_beats_non_local_means(denoiser: Installed, noise_std: int) -> None:
    if denoiser not in TOLD:
        pytest.skip("finds the noise by itself")
    ours = psnr(restoring(Denoise.from_weights(denoiser.name), noise_std), "gaussian", noise_std)
    assert ours > psnr(classical(classics.nlm(), noise_std), "gaussian", noise_std) + LEAST[denoiser.name]


def test_blind_it_is_nearly_as_good() -> None:
    denoise = Denoise.from_weights("dae-color")
    assert psnr(restoring(denoise), "gaussian") > psnr(restoring(denoise, 25), "gaussian") - 0.3


def test_noise_of_cameras_is_taken_away_blind() -> None:
    ours = psnr(restoring(Denoise.from_weights("photo")), "photo")
    assert ours > psnr(classical(classics.nlm(), None), "photo") + 1


@pytest.mark.parametrize("model", ["photo", "dae-color"])
def test_what_has_no_noise_is_left_alone(model: str) -> None:
    """White exactly; pictures within 40 dB of themselves."""
    denoise = Denoise.from_weights(model)
    assert denoise(Image.new("RGB", (37, 23), "white")).getcolors() == [(37 * 23, (255, 255, 255))]
    for name, original in originals().items():
        score = Judge(["psnr"])(name, denoise(original), original, 0)
        assert score.values["psnr_rgb"] > 40


def line_art() -> dict[str, Image.Image]:
    sheets = {name: Image.new("RGB", (240, 180), "white") for name in ("graph paper", "hatching", "rays")}
    paper, hatching, rays = (ImageDraw.Draw(sheet) for sheet in sheets.values())
    for k in range(0, 240, 8):
        paper.line([(k, 0), (k, 180)], (180, 180, 180))
        paper.line([(0, k), (240, k)], (180, 180, 180))
        hatching.line([(k - 180, 0), (k, 180)], "black")
        hatching.line([(k, 0), (k + 180, 180)], "black")
        rays.line([(120, 180), (120 + 300 * np.cos(k / 76), 180 - 300 * np.sin(k / 76))], "black")
        rays.ellipse([120 - k, 180 - k, 120 + k, 180 + k], outline="black")
    return sheets


def test_fine_lines_are_no_noise() -> None:
    denoise = Denoise.from_weights("photo")
    for name, drawing in line_art().items():
        original = np.asarray(drawing)
        assert Judge(["psnr"])(name, np.asarray(denoise(drawing)), original, 0).values["psnr_rgb"] > 45, name


@pytest.mark.parametrize("level", [255, 128])
def test_flat_areas_stay_flat_even_if_said_to_be_noisy(denoiser: Installed, level: int) -> None:
    strength = 25.0 if denoiser in TOLD else "auto"
    flat = np.full((64, 48, 3), level, np.uint8)
    change = Denoise.from_weights(denoiser.name)(flat, strength=strength).astype(int) - level
    assert np.abs(change).mean() < 1
    assert np.abs(change).max() <= 4


def test_grey_stays_grey(denoiser: Installed) -> None:
    grey = np.repeat(data.camera()[:128, :128, None], 3, axis=2)
    result = Denoise.from_weights(denoiser.name)(grey).astype(int)
    assert (result.max(-1) - result.min(-1)).max() == 0


def test_brightness_does_not_shift(denoiser: Installed) -> None:
    denoise = Denoise.from_weights(denoiser.name)
    for original in originals().values():
        noisy = with_noise(original, "gaussian", 25, seed=0)
        assert np.abs(restoring(denoise)(noisy).mean((0, 1)) - original.mean((0, 1))).max() < 1


def test_tiled_equals_whole(denoiser: Installed) -> None:
    picture = np.ascontiguousarray(data.astronaut()[:161, 100:297])
    results = [
        Denoise.from_weights(denoiser.name, tile=tile, precision="float32")(picture).astype(int)
        for tile in ("off", 64)
    ]
    assert np.abs(results[0] - results[1]).max() <= 1


@pytest.mark.skipif(not SET5.is_dir(), reason="the benchmark pictures are not part of the project")
def test_header_numbers_are_the_evaluations_own(denoiser: Installed) -> None:
    measured = {m.name: m.value for m in evaluate.measured(denoiser.path, SET5, Judge())}
    # LPIPS is stated too where the net below it was at hand.
    stated = {
        m.name: m.value for m in denoiser.header.metrics if m.dataset == "Set5" and "lpips" not in m.name
    }
    assert stated == pytest.approx(measured, abs=0.02)
