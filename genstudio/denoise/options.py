"""The knobs of `denoise`, declared once."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from pydantic import Field, model_validator

from genstudio.options import AnyEngineOptions, ComparisonOptions

DEFAULT_NOISE_STD = 25.0
# Photographs' noise is seen best by a net that knows cameras; only another can be told how much there is.
PHOTO, TOLD = "photo", "dae-color"


class DenoiserOptions(AnyEngineOptions):
    """Which net, and how it is run."""

    model: str = Field(
        default="auto",
        description="A name from `genstudio models`, or a file, also of the community (SCUNet and the like); "
        "auto takes photo, and dae-color where a strength is given.",
    )
    self_ensemble: bool = Field(
        default=False,
        description="Average over the picture's 8 flips and turns: a little better, 8 times slower.",
    )


class DenoiseOptions(DenoiserOptions):
    """Which net takes away how much noise."""

    strength: Annotated[
        Literal["auto"] | Annotated[float, Field(ge=0, le=100)],
        Parameter(metavar="auto|STD", show_choices=False),
    ] = Field(
        default="auto",
        description="How much noise there is: its standard deviation, 0 to 100 on the 0..255 scale; "
        "auto finds it in each picture. More smooths more.",
    )
    amount: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="How much of it to take away, 0 (the picture as it is) to 1 (all).",
    )

    @property
    def weights(self) -> str:
        """What `model` stands for."""
        if self.model != "auto":
            return self.model
        return PHOTO if self.strength == "auto" else TOLD

    def name_fields(self, size: tuple[int, int] | None = None) -> dict[str, str]:
        """What a name template may say of the result of a picture of `size` (width, height).

        Without a size: what holds for every picture.
        """
        fields = {"model": Path(self.weights).stem, "scale": "1"}
        return fields if size is None else {**fields, "width": str(size[0]), "height": str(size[1])}

    def size(self, width: int, height: int) -> tuple[int, int]:
        """(width, height) of the result: the picture's own."""
        return width, height


class EvaluateOptions(ComparisonOptions, DenoiserOptions):
    """What a denoiser is measured on, beside which others, and by which metrics."""

    model: str = Field(default=TOLD, description="A name from `genstudio models`, or a file.")
    noise: Literal["gaussian", "poisson", "photo", "salt-pepper"] = Field(
        default="gaussian",
        description="What is added: Gaussian noise as in the literature, Poisson, that of a camera and its "
        "JPEG files, or white and black pixels.",
    )
    noise_std: float | None = Field(
        default=None,
        ge=0,
        le=100,
        description=f"Its standard deviation on the 0..255 scale (default {DEFAULT_NOISE_STD:g}): of poisson "
        "in white, of salt-pepper in mid-grey; photo has levels of its own.",
    )
    against: str | None = Field(
        default=None,
        description="Some of nlm, tv, fastnlm and bm3d, with commas, or none; those installed if not given.",
    )

    @model_validator(mode="after")
    def _levels_of_its_own(self) -> "EvaluateOptions":
        if self.noise == "photo" and self.noise_std is not None:
            raise ValueError(
                f"expected no noise-std with photo noise, found {self.noise_std:g}; leave it out"
            )
        return self
