"""The knobs of `generate`, declared once."""

import re
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from pydantic import Field, field_validator, model_validator

from genstudio.options import DeviceOptions, Seeds

WALK_STOPS = 8
MOST = 100_000  # pictures at once: the numbers that five digits have
_KINDS = ("grid", "interpolate", "walk", "like")


class GeneratorOptions(DeviceOptions):
    """Which net, and where it runs."""

    model: str = Field(default="flowers-64", description="A name from `genstudio models`, or a file.")
    seed: int = Field(
        default=0, ge=0, description="Picture k depends on the seed and k alone, however many are made."
    )


class GenerateOptions(GeneratorOptions):
    """What to make: pictures, a grid of them, a film between them, or the likeness of a photo."""

    count: int | None = Field(
        default=None,
        ge=1,
        le=MOST,
        description="Number of pictures (default 1; with --grid as many as it holds); with --walk the number "
        f"of pictures it passes through (default {WALK_STOPS}).",
    )
    truncation: float | None = Field(
        default=None,
        gt=0,
        description="Keep latents within this many standard deviations: below 1 pictures are more typical "
        "and more alike. Unlimited by default.",
    )
    class_name: Annotated[str | None, Parameter(name="--class")] = Field(
        default=None, description="Only pictures of this class, for a model with classes."
    )
    grid: Annotated[str | None, Parameter(show_default=False)] = Field(
        default=None,
        description="COLSxROWS, for example 4x3: write all pictures as one grid to the file OUT.",
    )
    interpolate: Seeds = Field(
        default=(),
        description="Seeds, for example 1,5,9: make a film that passes through the first picture of each; "
        "OUT is a GIF, WebP, APNG or MP4 file.",
    )
    walk: bool = Field(
        default=False, description="Make a film through pictures of the seed and back to the first."
    )
    frames: int = Field(default=120, ge=2, le=10_000, description="Frames of a film, at 30 a second.")
    like: Path | None = Field(
        default=None, description="A photo; the model makes the picture that is closest to it."
    )
    upscale: bool = Field(
        default=False, description="Enlarge the pictures 4 times with the default upscaler."
    )
    overwrite: bool = Field(default=False, description="Replace files that exist.")

    @field_validator("grid")
    @classmethod
    def _two_numbers(cls, grid: str | None) -> str | None:
        if grid is not None and not re.fullmatch(r"[1-9]\d{0,2}x[1-9]\d{0,2}", grid):
            raise ValueError(f"expected COLSxROWS of 1 to 999 each, 8x4 for example, found {grid!r}")
        return grid

    @field_validator("interpolate")
    @classmethod
    def _two_seeds(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if len(seeds) == 1:
            raise ValueError(f"expected at least two seeds, 1,5,9 for example, found {seeds[0]}")
        return seeds

    @model_validator(mode="after")
    def _one_kind(self) -> "GenerateOptions":
        asked = [name for name in _KINDS if getattr(self, name) not in (None, False, ())]
        if len(asked) > 1:
            raise ValueError(f"expected one of {', '.join(_KINDS)}, found {' and '.join(asked)}")
        counted = asked in ([], ["grid"], ["walk"])
        if self.count is not None and not counted:
            raise ValueError(f"expected no count with {asked[0]}, found {self.count}; leave it out")
        if self.like is not None and self.truncation is not None:
            raise ValueError(f"expected no truncation with like, found {self.truncation:g}; leave it out")
        if self.walk and self.count == 1:
            raise ValueError("expected at least two pictures to walk between, found count 1; raise it")
        if self.grid and self.count is not None and self.count > self.cells[0] * self.cells[1]:
            raise ValueError(
                f"expected a count of at most {self.cells[0] * self.cells[1]} for a grid {self.grid}, found "
                f"{self.count}; lower it, or ask for a larger grid"
            )
        stops = self.number if self.walk else len(self.interpolate)
        if self.is_film and self.frames < stops:
            raise ValueError(
                f"expected {stops} frames or more, one for each picture passed, found {self.frames}; raise "
                "frames"
            )
        if self.interpolate and self.seed != type(self).model_fields["seed"].default:
            raise ValueError(
                f"expected no seed with interpolate, which names its own, found {self.seed}; leave it out"
            )
        return self

    @property
    def cells(self) -> tuple[int, int]:
        """(columns, rows) of the grid."""
        columns, _, rows = (self.grid or "1x1").partition("x")
        return int(columns), int(rows)

    @property
    def is_film(self) -> bool:
        return self.walk or bool(self.interpolate)

    @property
    def seeds(self) -> str:
        """What is made of which seeds, as it is said: the one, or those of a film with commas."""
        return ",".join(map(str, self.interpolate or (self.seed,)))

    @property
    def number(self) -> int:
        """Number of pictures to make, or for a walk to pass through."""
        if self.grid:
            return self.count or self.cells[0] * self.cells[1]
        return self.count or (WALK_STOPS if self.walk else 1)


class NoveltyOptions(GeneratorOptions):
    """Which model is compared with which training pictures."""

    data: Path = Field(description="The pictures that the model was trained on.")
    download: bool = Field(
        default=False, description="Download the set if `data` is the name of a known one."
    )
    count: int = Field(default=256, ge=1, le=MOST, description="How many pictures to make.")
    metric: str = Field(
        default="auto",
        description="Features to compare by: vgg16, a classifier's name (classify/...), or untrained; "
        "auto takes the first of these that is installed.",
    )
    save: Path | None = Field(
        default=None,
        description="Write a sheet of the pictures closest to a training picture, each beside its nearest.",
    )
    overwrite: bool = Field(default=False, description="Replace a sheet that exists.")
