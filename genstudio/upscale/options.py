"""The knobs of `upscale`, declared once."""

from math import sqrt
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from genstudio.options import AnyEngineOptions, ComparisonOptions, Names, OptionError

DEFAULT_SCALE = 4
MIN_SCALE, MAX_SCALE = 1, 16
_SIZES = ("scale", "width", "height", "long_side", "megapixels")


class UpscalerOptions(AnyEngineOptions):
    """Which net, and how it is run."""

    model: str = Field(
        default="photo",
        description="A name from `genstudio models`, a family (compact takes the scale that fits), "
        "or a file, also of the community (Real-ESRGAN and the like).",
    )
    self_ensemble: bool = Field(
        default=False,
        description="Average over the picture's 8 flips and turns: a little better, 8 times slower.",
    )
    denoise_strength: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Of a photo model: 1 (its default) takes away noise and JPEG blocks, 0 keeps them as a "
        "fidelity model does; between them all degrees.",
    )


class UpscaleOptions(UpscalerOptions):
    """Which net enlarges a picture, and to what size.

    The size is `scale` times the picture's, or, where one is given, a width, a height, a long side (pixels)
    or a number of megapixels; proportions are always kept.
    """

    scale: float | None = Field(
        default=None,
        ge=MIN_SCALE,
        le=MAX_SCALE,
        description=f"Enlarge this many times, {MIN_SCALE} to {MAX_SCALE}; need not be whole "
        f"(default {DEFAULT_SCALE}).",
    )
    width: int | None = Field(
        default=None, ge=1, description="Enlarge to this width in pixels, instead of by a scale."
    )
    height: int | None = Field(default=None, ge=1, description="Enlarge to this height in pixels.")
    long_side: int | None = Field(
        default=None, ge=1, description="Enlarge so that the longer side has this many pixels."
    )
    megapixels: float | None = Field(default=None, gt=0, description="Enlarge to this many million pixels.")

    @model_validator(mode="after")
    def _one_size(self) -> "UpscaleOptions":
        given = [name for name in _SIZES if getattr(self, name) is not None]
        if len(given) > 1:
            found = " and ".join(name.replace("_", "-") for name in given)
            raise ValueError(f"expected one of scale, width, height, long-side and megapixels, found {found}")
        return self

    def factor(self, width: int, height: int) -> float:
        """How many times a picture of `width` x `height` pixels is enlarged.

        Raises OptionError (a UsageError) where the size asked for is not 1 to 16 times the picture's.
        """
        asked: tuple[tuple[str, float | None, float], ...] = (
            ("width", self.width, width),
            ("height", self.height, height),
            ("long_side", self.long_side, max(width, height)),
        )
        for name, want, have in asked:
            if want is not None:
                _check(name, want, have, MAX_SCALE, f"{width}x{height}")
                return want / have
        if self.megapixels is not None:
            have = width * height / 1e6
            _check("megapixels", self.megapixels, have, MAX_SCALE**2, f"{width}x{height}")
            return sqrt(self.megapixels / have)
        return self.scale or DEFAULT_SCALE

    def size(self, width: int, height: int) -> tuple[int, int]:
        """(width, height) in pixels of the enlarged picture. Raises OptionError as `factor` does."""
        factor = self.factor(width, height)
        return max(1, round(width * factor)), max(1, round(height * factor))

    def name_fields(self, size: tuple[int, int] | None = None) -> dict[str, str]:
        """What a name template may say of the result of a picture of `size` (width, height).

        Without a size: what holds for every picture.
        """
        fields = {"model": Path(self.model).stem}
        if size is not None:
            width, height = self.size(*size)
            return {
                **fields,
                "scale": f"{self.factor(*size):.4g}",
                "width": str(width),
                "height": str(height),
            }
        if self.width or self.height or self.long_side or self.megapixels:
            return fields
        return {**fields, "scale": f"{self.scale or DEFAULT_SCALE:.4g}"}


def _check(name: str, want: float, have: float, most: int, size: str) -> None:
    if not have <= want <= most * have:
        raise OptionError(
            name,
            f"expected {have:g} to {most * have:g} for a picture of {size} "
            f"(1 to {MAX_SCALE} times its size), found {want:g}",
        )


class EvaluateOptions(ComparisonOptions, UpscalerOptions):
    """What an upscaler is measured on, beside which others, and by which metrics."""

    against: Names = Field(
        default=(),
        description="Other models to measure in the same run, with commas: names or files, also of the "
        "community. self-ensemble and denoise-strength are for --model alone.",
    )
    scale: int = Field(
        default=DEFAULT_SCALE, ge=2, le=MAX_SCALE, description="Reduce and restore so many times."
    )
    degradation: Literal["bicubic", "web", "photo"] = Field(
        default="bicubic",
        description="How pictures are reduced: bicubic; web, and saved as JPEG of quality 82; photo, and "
        "blurred, noisy and saved as JPEG of quality 60.",
    )
