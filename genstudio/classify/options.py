"""The options of `classify` and of the evaluations that use a classifier."""

from pathlib import Path

from pydantic import Field, field_validator

from genstudio.options import DeviceOptions


class ClassifierOptions(DeviceOptions):
    """Which net, and where it runs."""

    model: str = Field(default="cifar10", description="A name from `genstudio models`, or a file.")


class ClassifyOptions(ClassifierOptions):
    """What to report for each picture."""

    top: int = Field(default=3, ge=1, description="Number of classes to print, the likeliest first.")
    explain: Path | None = Field(
        default=None,
        description="Write a picture that marks the regions that decided; for several pictures, a folder.",
    )
    recursive: bool = Field(default=False, description="Take a folder's subfolders too.")
    overwrite: bool = Field(default=False, description="Replace explanations that exist.")


class EvaluateOptions(ClassifierOptions):
    """The data of a classifier's evaluation."""

    data: Path = Field(
        description="Folder with a subfolder for each class; where it has train/ and val/, val/ is used."
    )
    save: Path | None = Field(
        default=None,
        description="Folder for the confusion matrix, the reliability diagram and explanations, as PNG.",
    )


class EvaluateImagesOptions(DeviceOptions):
    """How two folders of pictures are compared."""

    features: str = Field(
        default="classify/flowers",
        description="The net whose features are compared: a classifier (classify/NAME), vgg16, "
        "inception-v3-fid or untrained; auto takes vgg16 if its weights are installed, then a "
        "classifier, then untrained.",
    )


# Kind of damage -> smallest and largest amount, and whether it must be a whole number.
DAMAGES = {"noise": (1, 100, False), "blur": (0.3, 10, False), "jpeg": (1, 95, True), "down": (2, 16, True)}


class EvaluateRecognitionOptions(DeviceOptions):
    """The classifier, the pictures, and how they are damaged and restored."""

    data: Path = Field(
        description="Folder with a subfolder for each class; where it has train/ and val/, val/ is used."
    )
    classifier: str = Field(description="A classifier's name from `genstudio models`, or a file.")
    damage: str = Field(
        description="noise:STD (Gaussian, on the 0..255 scale), blur:SIGMA (Gaussian, px), jpeg:QUALITY or "
        "down:TIMES (a reduction by this factor).",
    )
    restore: str | None = Field(
        default=None,
        description="Model that restores the pictures: a denoise model for noise, blur and jpeg, an upscale "
        "model for down; by default they are not restored.",
    )
    save: Path | None = Field(
        default=None, description="Folder for a sheet of the pictures with their predicted classes."
    )

    @field_validator("damage")
    @classmethod
    def _known_damage(cls, damage: str) -> str:
        kind, _, amount = damage.partition(":")
        if kind not in DAMAGES:
            raise ValueError(f"expected noise:STD, blur:SIGMA, jpeg:QUALITY or down:TIMES, found {damage!r}")
        low, high, whole = DAMAGES[kind]
        try:
            within = low <= float(amount) <= high and (not whole or float(amount).is_integer())
        except ValueError:
            within = False
        if not within:
            words = "a whole number" if whole else "a number"
            raise ValueError(f"expected {kind}: and {words} from {low:g} to {high:g}, found {damage!r}")
        return damage

    @property
    def damage_kind(self) -> str:
        return self.damage.partition(":")[0]

    @property
    def damage_amount(self) -> float:
        return float(self.damage.partition(":")[2])
