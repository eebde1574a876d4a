"""What every task's options share: one frozen pydantic model a task, one line when a value cannot be meant.

Such a model is the only declaration of a task's knobs. The shell command, the page's widgets, the Python
keyword arguments and a run's JSON are all derived from it, so a range or a help text stands in one place.
"""

import difflib
import string
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from cyclopts import Group, Parameter
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo

from genstudio.errors import StudioError, UsageError

NAME_FIELDS = ("stem", "scale", "model", "width", "height", "ext")

_ENGINE = Group("Engine", sort_key=2)
_MAY_BEGIN_WITH_A_HYPHEN = Parameter(allow_leading_hyphen=True)


def _names(given: Any) -> Any:
    """Texts with commas as a tuple of the texts between them; anything else as it is."""
    if isinstance(given, str):
        given = (given,)
    if isinstance(given, list | tuple) and all(isinstance(each, str) for each in given):
        return tuple(name for each in given for name in each.split(",") if name)
    return given


def _crops(given: Any) -> Any:
    """Each text X,Y,SIDE as three numbers; anything else as it is."""
    if isinstance(given, str):
        given = (given,)
    if not isinstance(given, list | tuple):
        return given
    found = [tuple(each.split(",")) if isinstance(each, str) else each for each in given]
    for each, numbers in zip(given, found, strict=True):
        if not isinstance(numbers, list | tuple) or len(numbers) != 3:
            raise ValueError(f"expected X,Y,SIDE in pixels, 120,40,64 for example, found {each!r}")
    return found


class Crop(NamedTuple):
    """A square of a picture, in its pixels."""

    x: Annotated[int, Field(ge=0)]
    y: Annotated[int, Field(ge=0)]
    side: Annotated[int, Field(ge=1)]


# Several values: in the shell with commas, or the option repeated.
Names = Annotated[tuple[str, ...], BeforeValidator(_names), Parameter(n_tokens=1, metavar="NAME,...")]
Shares = Annotated[
    tuple[Annotated[float, Field(ge=0, allow_inf_nan=False)], ...],
    BeforeValidator(_names),
    Parameter(n_tokens=1, metavar="SHARE,..."),
]
Seeds = Annotated[
    tuple[Annotated[int, Field(ge=0, lt=10**18)], ...],
    BeforeValidator(_names),
    Parameter(n_tokens=1, metavar="SEED,..."),
]


class OptionError(UsageError):
    """A value that does not fit its option. `option` is the field's name, or "" where several clash."""

    def __init__(self, option: str, reason: str, flag: str | None = None) -> None:
        super().__init__(f"{option}: {reason}" if option else reason)
        self.option = option
        self.reason = reason
        self.flag = flag or f"--{option.replace('_', '-')}"  # as the shell has it


def in_shell(error: StudioError) -> str:
    """An error as the shell says it: the option with its dashes."""
    if isinstance(error, OptionError) and error.option:
        return f"{error.flag}: {error.reason}"
    return str(error)


class Options(BaseModel):
    """Base of all options. Raises OptionError (a UsageError) where pydantic would raise ValidationError."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise _one_line(type(self), error) from None


def _one_line(options: type[Options], error: ValidationError) -> OptionError:
    first = error.errors(include_url=False)[0]
    if first["type"] == "value_error":
        # Raised by a validator of ours, in words already.
        return OptionError(str(first["loc"][0]) if first["loc"] else "", str(first["ctx"]["error"]))
    name = str(first["loc"][0])
    if name not in options.model_fields:
        near = difflib.get_close_matches(name, options.model_fields, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(options.model_fields)}"
        return OptionError(name, f"no such option; {hint}")
    field = options.model_fields[name]
    named = [each.name for each in field.metadata if isinstance(each, Parameter) and each.name]
    expected = _expected(field.annotation, field.metadata)
    return OptionError(name, f"expected {expected}, found {first['input']!r}", *[flag for (flag,) in named])


def _expected(annotation: Any, constraints: list[Any]) -> str:
    """A type and its range in words: "auto, off or a whole number of at least 32"."""
    origin = get_origin(annotation)
    if origin is tuple:  # what is wrong is one of its values
        return _expected(get_args(annotation)[0], constraints)
    if origin is Annotated:
        base, *extra = get_args(annotation)
        inner = [c for e in extra for c in (e.metadata if isinstance(e, FieldInfo) else [e])]
        return _expected(base, [*constraints, *inner])
    if origin in (Union, UnionType):
        kinds = [a for a in get_args(annotation) if a is not NoneType]
        return " or ".join(_expected(kind, constraints) for kind in kinds)
    if origin is Literal:
        return ", ".join(str(value) for value in get_args(annotation))
    if annotation not in (int, float):
        return {bool: "true or false", str: "a text"}.get(
            annotation, getattr(annotation, "__name__", "a value")
        )
    words = "a whole number" if annotation is int else "a number"
    low = next((c.ge if isinstance(c, Ge) else c.gt for c in constraints if isinstance(c, Ge | Gt)), None)
    high = next((c.le if isinstance(c, Le) else c.lt for c in constraints if isinstance(c, Le | Lt)), None)
    above = any(isinstance(c, Gt) for c in constraints)
    if low is not None and high is not None:
        return f"{words} {'above' if above else 'from'} {low} {'and up ' if above else ''}to {high}"
    if low is not None:
        return f"{words} {'above' if above else 'of at least'} {low}"
    return words


class DeviceOptions(Options):
    """Where a net runs; shared by the tasks that need to know no more of it."""

    device: Annotated[Literal["auto", "cpu", "cuda", "mps"], Parameter(group=_ENGINE)] = Field(
        default="auto", description="Where the net runs; auto takes a GPU where there is one."
    )


class ComparisonOptions(Options):
    """What restored pictures are compared with, and how; shared by the tasks that can be measured so."""

    data: Path = Field(description="Folder of pictures to make worse, restore and compare.")
    metrics: Names = Field(
        default=("psnr", "ssim"),
        description="Some of psnr, ssim, lpips (on AlexNet) and lpips-vgg (on VGG-16), with commas.",
    )
    save: Path | None = Field(
        default=None, description="Folder for the restored pictures and a contact sheet, as PNG."
    )


class EngineOptions(DeviceOptions):
    """How a net is run; shared by every task that runs one over a picture."""

    tile: Annotated[
        Literal["auto", "off"] | Annotated[int, Field(ge=32)],
        Parameter(group=_ENGINE, metavar="auto|off|PX", show_choices=False),
    ] = Field(
        default="auto",
        description="Edge in pixels, at least 32, of the tiles a picture is cut into: auto takes it from "
        "free memory, off runs the picture whole.",
    )
    precision: Annotated[Literal["auto", "float32", "bfloat16", "float16"], Parameter(group=_ENGINE)] = Field(
        default="auto",
        description="What the net computes in; auto takes half precision where the device is fast at it.",
    )


class SheetOptions(EngineOptions):
    """What stands side by side on a sheet of details."""

    models: Names = Field(
        description="The models, with commas: names from `genstudio models`, or files, also of the "
        "community; for upscale bicubic too."
    )
    task: Literal["upscale", "denoise", "stylize"] = Field(
        default="upscale", description="What the models do with the pictures."
    )
    scale: int | None = Field(
        default=None, ge=2, le=16, description="Of upscale: enlarge so many times (default 4)."
    )
    style: str | None = Field(
        default=None, description="Of stylize, which needs it: the name of a style, or a picture."
    )
    truth: Path | None = Field(
        default=None,
        description="The picture as it should come out, shown last; for several pictures the folder of those "
        "with their names.",
    )
    crop: Annotated[tuple[Crop, ...], BeforeValidator(_crops), Parameter(n_tokens=1, metavar="X,Y,SIDE")] = (
        Field(
            default=(),
            description="Which square is shown, in pixels of the input; repeat it for several of one "
            "picture, or for each of several pictures. Where the detail is busiest if not given.",
        )
    )
    side: int = Field(default=48, ge=8, description="Edge in pixels of the input of the busiest square.")
    zoom: int = Field(default=1, ge=1, le=16, description="Show each pixel of the results so many times.")
    overwrite: bool = Field(default=False, description="Replace a sheet that exists.")

    @model_validator(mode="after")
    def _of_its_task(self) -> "SheetOptions":
        if not self.models:
            raise ValueError("expected a model at least, found none; name some with models")
        if self.scale is not None and self.task != "upscale":
            raise ValueError(f"expected no scale for {self.task}, found {self.scale}; leave it out")
        if (self.style is not None) != (self.task == "stylize"):
            found = "one" if self.style else "none"
            raise ValueError(f"expected a style for stylize alone, found {found} for {self.task}")
        if len({crop.side for crop in self.crop}) > 1:
            raise ValueError("expected crops of one side, found several; choose one")
        return self


class AnyEngineOptions(EngineOptions):
    """The same for nets that several engines can run."""

    engine: Annotated[Literal["auto", "torch", "openvino"], Parameter(group=_ENGINE)] = Field(
        default="auto",
        description="What runs the net; auto takes openvino on the processor, where it starts much sooner, "
        "and torch on a GPU.",
    )
    compile: Annotated[bool, Parameter(group=_ENGINE)] = Field(
        default=False,
        description="Let torch compile the net: faster over many pictures, slower to begin.",
    )


class FileOptions(Options):
    """Where pictures come from and how results are written; shared by every task on files."""

    recursive: bool = Field(
        default=False, description="Take a folder's subfolders too, and keep the tree in OUT."
    )
    format: str | None = Field(
        default=None,
        description="Write this format (png, jpeg, webp, tiff, avif, ...) instead of what OUT or IN says.",
    )
    quality: int = Field(default=95, ge=1, le=100, description="Quality of lossy formats, 1 to 100.")
    lossless: bool = Field(
        default=False,
        description="Keep every pixel of the result exactly in WebP and AVIF; a lossless WebP or AVIF stays "
        "one unless --quality is given.",
    )
    compression: Literal["deflate", "lzw", "zstd", "none"] = Field(
        default="deflate", description="Compression of TIFF; all are exact."
    )
    strip: bool = Field(default=False, description="Drop EXIF, XMP and comments; the colour profile stays.")
    overwrite: bool = Field(default=False, description="Replace files that exist.")
    skip_existing: bool = Field(default=False, description="Leave pictures alone whose result exists.")
    suffix: Annotated[str, _MAY_BEGIN_WITH_A_HYPHEN] = Field(
        default="", description="Added to each file's name, -x4 gives cat-x4.png; OUT must be a folder."
    )
    name: Annotated[str | None, _MAY_BEGIN_WITH_A_HYPHEN] = Field(
        default=None,
        description="Each file's name, from {stem} {scale} {model} {width} {height} {ext}; "
        "OUT must be a folder.",
    )

    @property
    def exact(self) -> bool | None:
        """Whether every pixel is kept: asked for, declined by naming a quality, or (None) as the input."""
        return True if self.lossless else False if "quality" in self.model_fields_set else None

    @field_validator("name")
    @classmethod
    def _known_fields(cls, name: str | None) -> str | None:
        if name is None:
            return None
        example = "such as '{stem}-{width}x{height}.{ext}'"
        try:
            parts = list(string.Formatter().parse(name))
        except ValueError:
            raise ValueError(f"expected a template {example}, found unbalanced braces in {name!r}") from None
        for _, field, spec, conversion in parts:
            if field is not None and (field not in NAME_FIELDS or spec or conversion):
                known = " ".join(f"{{{known}}}" for known in NAME_FIELDS)
                raise ValueError(f"expected the fields {known}, found {{{field}}} in {name!r}")
        if not _is_part_of_a_file_name(name) or not name:
            raise ValueError(f"expected a file name {example}, found {name!r}")
        return name

    @field_validator("suffix")
    @classmethod
    def _no_folders(cls, suffix: str) -> str:
        if not _is_part_of_a_file_name(suffix):
            raise ValueError(f"expected a part of a file name such as -x4, found {suffix!r}")
        return suffix

    @model_validator(mode="after")
    def _one_of_each(self) -> "FileOptions":
        if self.name is not None and self.suffix:
            raise ValueError("expected a suffix or a name, found both; put the suffix into the name")
        if self.lossless and "quality" in self.model_fields_set:
            raise ValueError("expected one of lossless and quality, found both")
        if self.overwrite and self.skip_existing:
            raise ValueError("expected one of overwrite and skip-existing, found both")
        return self


def _is_part_of_a_file_name(text: str) -> bool:
    """Whether it stays within a folder; "--" is the next option, taken for a text that was left out."""
    return not (text.startswith("--") or any(char in text for char in "/\\\0"))
