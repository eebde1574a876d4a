"""The tab that enlarges."""

from genstudio.upscale.options import UpscaleOptions

from .. import layout
from ..studio import Studio


def tab(studio: Studio) -> None:
    layout.draw(studio, "upscale", UpscaleOptions, ["scale"], ["small.jpg", "cut-out.png"])
