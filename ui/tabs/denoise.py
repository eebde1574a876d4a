"""The tab that takes noise away."""

from genstudio.denoise.options import DenoiseOptions

from .. import layout
from ..studio import Studio


def tab(studio: Studio) -> None:
    layout.draw(studio, "denoise", DenoiseOptions, ["strength", "amount"], ["noisy.jpg"])
