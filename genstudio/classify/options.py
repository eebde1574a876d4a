"""The knobs of `classify`, declared once."""

from pathlib import Path

from pydantic import Field, field_validator

from genstudio.options import DeviceOptions


class ClassifierOptions(DeviceOptions):
    """Which net, and where it runs."""

    model: str = Field(default="cifar10", description="A name from `genstudio models`, or a file.")


class ClassifyOptions(ClassifierOptions):
    """What is said of each picture."""

    top: int = Field(default=3, ge=1, description="Say so many of the likeliest classes.")
    explain: Path | None = Field(
        default=None,
        description="Write a picture of where the net looked; a folder, if there are several pictures.",
    )
    recursive: bool = Field(default=False, description="Take a folder's subfolders too.")
    overwrite: bool = Field(default=False, description="Replace explanations that exist.")


class EvaluateOptions(ClassifierOptions):
    """What a classifier is measured on."""

    data: Path = Field(
        description="Folder with a folder for each class; of one with train/ and val/ in it val/ counts."
    )
    save: Path | None = Field(
        default=None,
        description="Folder for the confusion matrix, the reliability diagram and explanations, as PNG.",
    )


class EvaluateImagesOptions(DeviceOptions):
    """What two folders of pictures are compared by."""

    features: str = Field(
        default="classify/flowers",
        description="Whose features: a classifier's (classify/NAME), vgg16, inception-v3-fid or untrained; "
        "auto takes vgg16 where its weights are at hand, then a classifier, then untrained.",
    )


# How much of a damage there may be, and whether it comes in whole numbers.
DAMAGES = {"noise": (1, 100, False), "blur": (0.3, 10, False), "jpeg": (1, 95, True), "down": (2, 16, True)}


class EvaluateRecognitionOptions(DeviceOptions):
    """Whose recognition is measured, on what, and how pictures are damaged and restored."""

    data: Path = Field(
        description="Folder with a folder for each class; of one with train/ and val/ in it val/ counts."
    )
    classifier: str = Field(description="A classifier's name from `genstudio models`, or a file.")
    damage: str = Field(
        description="noise:STD (Gaussian, on the 0..255 scale), blur:SIGMA (Gaussian, px), jpeg:QUALITY or "
        "down:TIMES (reduced so many times).",
    )
    restore: str | None = Field(
        default=None,
        description="What restores them: a denoise model against noise, blur and jpeg, an upscale model "
        "against down; nothing if not given.",
    )
    save: Path | None = Field(
        default=None, description="Folder for a sheet of pictures and what the classifier said of each."
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
