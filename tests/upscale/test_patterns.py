"""Patterns of 1 to 4 px keep their mean, in every upscaler that ships and in both engines."""

from importlib.util import find_spec

import pytest
from pattern_means import mean_shifts

from genstudio import Upscale, weights
from genstudio.weights import Installed

UPSCALERS = [w for w in weights.installed("upscale") if w.path.is_relative_to(weights.packaged())]
LARGEST_SHIFT = 3.0  # levels of 255


@pytest.mark.parametrize("engine", ["torch", "openvino"])
@pytest.mark.parametrize("model", UPSCALERS, ids=lambda w: w.name)
def test_patterns_keep_their_mean(model: Installed, engine: str) -> None:
    if engine == "openvino" and find_spec("openvino") is None:
        pytest.skip("openvino is not installed")
    scale = model.header.scale
    upscale = Upscale.from_weights(model.name, engine=engine)
    shifts = mean_shifts(lambda picture: upscale(picture, scale=scale), scale)
    moved = {name: round(shift, 1) for name, shift in shifts.items() if shift > LARGEST_SHIFT}
    assert not moved


def test_repeated_pixels_keep_them() -> None:
    """The measure itself finds nothing where nothing moves."""
    for scale in (2, 3, 4):
        shifts = mean_shifts(lambda picture, n=scale: picture.repeat(n, 0).repeat(n, 1), scale)
        assert max(shifts.values()) < 0.2
