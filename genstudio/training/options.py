"""The knobs of `train`, declared once; what a recipe itself says is changed by `set`."""

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from genstudio.options import Options
from genstudio.training.ranges import MOST_SEED


class TrainOptions(Options):
    """Where the pictures are, how long to train, and what to change in the recipe."""

    data: Path = Field(
        description="Folder with the pictures to train on, for classify with a folder for each class; for "
        "classify and generate also cifar10, cifar100 or fashion-mnist."
    )
    download: bool = Field(
        default=False,
        description="Fetch a set that goes by its name, where it is not there yet (classify, generate).",
    )
    styles: Path | None = Field(
        default=None, description="Folder with the pictures that styles are taken from (stylize)."
    )
    teacher: Path | None = Field(
        default=None,
        description="Model whose answers are learned from, a file that spandrel reads (upscale/photo, art).",
    )
    validate_: Path | None = Field(
        default=None,
        description="Folder with the pictures to validate on, in place of some that are held back (upscale, "
        "denoise, stylize).",
    )
    out: Path | None = Field(default=None, description="Folder of the run; runs/NAME if not given.")
    steps: int | None = Field(
        default=None, ge=1, description="Train this many steps instead of the recipe's."
    )
    minutes: float | None = Field(
        default=None,
        gt=0,
        description="End this sitting after so many minutes; --resume goes on.",
    )
    set: tuple[str, ...] = Field(
        default=(), description="Change one value of the recipe: key.path=value; repeatable."
    )
    clean: Literal["given", "none"] | None = Field(
        default=None,
        description="With none, the pictures are noisy themselves, and all there is to learn from (denoise).",
    )
    metric: str | None = Field(
        default=None,
        description="What the distance to real pictures is measured by while training: vgg16, a classifier's "
        "name (classify/...), untrained, or auto, the first of these at hand (generate).",
    )
    resume: bool = Field(default=False, description="Go on where the run in OUT stopped, exactly.")
    dry_run: bool = Field(
        default=False, description="Show the recipe and see that net and pictures are fine, without training."
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(default="auto", description="Where to train.")
    seed: int | None = Field(
        default=None,
        ge=0,
        le=MOST_SEED,
        description="Seed of weights, crops and order instead of the recipe's.",
    )

    @field_validator("set")
    @classmethod
    def _assignments(cls, pairs: tuple[str, ...]) -> tuple[str, ...]:
        for pair in pairs:
            key, equals, _ = pair.partition("=")
            if not (key and equals):
                raise ValueError(f"expected key.path=value, found {pair!r}")
        return pairs
