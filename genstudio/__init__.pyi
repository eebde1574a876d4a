"""What checkers and editors see of `genstudio`, whose classes are imported when first used."""

from genstudio.classify.pipeline import Classify
from genstudio.denoise.pipeline import Denoise
from genstudio.generate.pipeline import Generate
from genstudio.stylize.pipeline import Stylize
from genstudio.upscale.pipeline import Upscale

__all__ = ["Classify", "Denoise", "Generate", "Stylize", "Upscale"]

__version__: str
