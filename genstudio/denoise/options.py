"""The options of `denoise`."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from pydantic import Field, model_validator

from genstudio.options import AnyEngineOptions, ComparisonOptions, Names

DEFAULT_NOISE_STD = 25.0
# The net trained on camera noise is blind; the other one takes the noise level as an input.
PHOTO, NON_BLIND = "photo", "dae-color"


class DenoiserOptions(AnyEngineOptions):
    """Which net, and how it is run."""

    model: str = Field(
        default="auto",
        description="A name from `genstudio models`, or a file, also other people's (SCUNet and others); "
        "auto takes photo, or dae-color if a strength is given.",
    )
    self_ensemble: bool = Field(
        default=False,
        description="Average over the picture's 8 flips and rotations: a little better, 8 times slower.",
    )


class DenoiseOptions(DenoiserOptions):
    """Which net removes how much noise."""

    strength: Annotated[
        Literal["auto"] | Annotated[float, Field(ge=0, le=100)],
        Parameter(metavar="auto|STD", show_choices=False),
    ] = Field(
        default="auto",
        description="Standard deviation of the noise, 0 to 100 on the 0..255 scale; auto estimates it "
        "from each picture. Higher values smooth more.",
    )
    amount: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="How much of the noise to remove, 0 (none) to 1 (all).",
    )

    @property
    def weights(self) -> str:
        """The model's name, with auto resolved."""
        if self.model != "auto":
            return self.model
        return PHOTO if self.strength == "auto" else NON_BLIND

    def name_fields(self, size: tuple[int, int] | None = None) -> dict[str, str]:
        """Fields of a name template for the result of a picture of `size` (width, height).

        Without a size: the fields that are the same for every picture.
        """
        fields = {"model": Path(self.weights).stem, "scale": "1"}
        return fields if size is None else {**fields, "width": str(size[0]), "height": str(size[1])}

    def size(self, width: int, height: int) -> tuple[int, int]:
        """(width, height) of the result: the picture's own."""
        return width, height


class EvaluateOptions(ComparisonOptions, DenoiserOptions):
    """The data, noise, metrics and classical methods of a denoiser's evaluation."""

    model: str = Field(default=NON_BLIND, description="A name from `genstudio models`, or a file.")
    noise: Literal["gaussian", "poisson", "photo", "salt-pepper"] = Field(
        default="gaussian",
        description="Kind of noise that is added: Gaussian as in the literature, Poisson, that of a camera "
        "and its JPEG files, or white and black pixels.",
    )
    noise_std: float | None = Field(
        default=None,
        ge=0,
        le=100,
        description=f"Its standard deviation on the 0..255 scale (default {DEFAULT_NOISE_STD:g}): of poisson "
        "in white, of salt-pepper in mid-grey; photo has levels of its own.",
    )
    against: Names = Field(
        default=(),
        description="Classical denoisers to compare with: some of nlm, tv, fastnlm and bm3d, with commas, or "
        "none; by default those that are installed.",
    )

    @model_validator(mode="after")
    def _levels_of_its_own(self) -> "EvaluateOptions":
        if self.noise == "photo" and self.noise_std is not None:
            raise ValueError(
                f"expected no noise-std with photo noise, found {self.noise_std:g}; leave it out"
            )
        return self
