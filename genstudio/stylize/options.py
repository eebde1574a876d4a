"""The knobs of `stylize`, declared once."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Group, Parameter
from pydantic import Field, field_validator, model_validator

from genstudio.options import EngineOptions, Names, Shares

OPTIMIZE_PX = 512
LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
_OPTIMIZE = Parameter(group=Group("Of --method optimize", sort_key=1.5))
_FOR_OPTIMIZE = (
    "extractor",
    "steps",
    "layers",
    "content_weight",
    "style_weight",
    "tv_weight",
    "init",
    "seed",
    "save_every",
)


class StylizerOptions(EngineOptions):
    """Which net, and how it is run."""

    model: str = Field(default="fast", description="A name from `genstudio models`, or a file.")
    method: Literal["fast", "optimize"] = Field(
        default="fast",
        description="fast: one pass through a net; optimize: change the picture step by step until its "
        "features are the style's, which takes half a minute or more.",
    )
    extractor: Annotated[Literal["encoder", "vgg16", "vgg19"], _OPTIMIZE] = Field(
        default="encoder",
        description="Whose features: our encoder's, or those of torchvision's VGG-16 or VGG-19, which are "
        "fetched if they are not at hand.",
    )
    steps: Annotated[int, _OPTIMIZE] = Field(
        default=300, ge=1, description="How many steps in all, the same number at each size."
    )

    @model_validator(mode="after")
    def _fast_takes_no_steps(self) -> "StylizerOptions":
        if self.method == "fast":
            for name in _FOR_OPTIMIZE:
                field = type(self).model_fields.get(name)
                if field is not None and getattr(self, name) != field.default:
                    raise ValueError(
                        f"expected {name.replace('_', '-')} with method optimize, found method fast; "
                        "leave it out, or add --method optimize"
                    )
        return self


class StylizeOptions(StylizerOptions):
    """How pictures take styles on."""

    strength: float = Field(
        default=1.0, ge=0, le=1, description="How much of the style, 0 (the picture as it is) to 1 (all)."
    )
    style_weights: Shares = Field(
        default=(),
        description="The share of each of several styles, with commas, 0.7,0.3 for example; alike if not "
        "given.",
    )
    keep_color: Literal["none", "luminance", "histogram"] = Field(
        default="none",
        description="Keep the picture's colours: luminance takes only light and dark from the result, "
        "histogram gives the result the picture's mean colour and its spread.",
    )
    style_scale: float = Field(
        default=1.0,
        gt=0,
        le=8,
        description="Strokes so many times as large; for style pictures, not for named styles.",
    )
    size_px: Annotated[
        Literal["auto", "source"] | Annotated[int, Field(ge=1, le=65_535)],
        Parameter(name="--size", metavar="auto|source|PX", show_choices=False),
    ] = Field(
        default="auto",
        description="The longer side of the result: a number of pixels, or the picture's own (source); auto "
        f"is source, with method optimize at most {OPTIMIZE_PX}.",
    )
    mask: tuple[Path, ...] = Field(
        default=(),
        description="A grey picture that says where, white for the style, black for none; repeat it for "
        "each of several styles.",
    )
    layers: Annotated[Names, _OPTIMIZE] = Field(
        default=LAYERS,
        description="Layers whose Gram matrices are compared, with commas; content at the last.",
    )
    content_weight: Annotated[float, _OPTIMIZE] = Field(
        default=0.05, ge=0, description="What the distance from the content counts."
    )
    style_weight: Annotated[float, _OPTIMIZE] = Field(
        default=1.0, ge=0, description="What the distance from the style counts."
    )
    tv_weight: Annotated[float, _OPTIMIZE] = Field(
        default=0.4, ge=0, description="What steps between neighbouring pixels count."
    )
    init: Annotated[Literal["content", "fast", "noise"], _OPTIMIZE] = Field(
        default="fast", description="What to begin with: the content, the fast result, or noise."
    )
    seed: Annotated[int, _OPTIMIZE] = Field(default=0, ge=0, description="Of the noise to begin with.")
    save_every: Annotated[int | None, _OPTIMIZE] = Field(
        default=None,
        ge=1,
        description="Write the picture after every so many steps too, beside OUT; early ones are small.",
    )

    @field_validator("style_weights")
    @classmethod
    def _not_all_zero(cls, weights: tuple[float, ...]) -> tuple[float, ...]:
        if weights and not sum(weights):
            found = ",".join(f"{each:g}" for each in weights)
            raise ValueError(f"expected a number above 0 among them, 0.7,0.3 for example, found {found}")
        return weights

    def shares(self, count: int) -> list[float]:
        """The share of each of `count` styles, 1 in all."""
        given = self.style_weights or (1.0,) * count
        return [each / sum(given) for each in given]

    def size(self, width: int, height: int) -> tuple[int, int]:
        """(width, height) of the result of a picture of `width` x `height` pixels."""
        longer = max(width, height)
        side: int = longer if self.size_px in ("auto", "source") else int(self.size_px)
        if self.size_px == "auto" and self.method == "optimize":
            side = min(side, OPTIMIZE_PX)
        return max(1, round(width * side / longer)), max(1, round(height * side / longer))

    def name_fields(self, size: tuple[int, int] | None = None) -> dict[str, str]:
        """What a name template may say of the result of a picture of `size` (width, height).

        Without a size: what holds for every picture.
        """
        fields = {"model": Path(self.model).stem, "scale": "1"}
        if size is None:
            return fields
        width, height = self.size(*size)
        return {**fields, "width": str(width), "height": str(height)}


class EvaluateOptions(StylizerOptions):
    """What a stylizer is measured on."""

    data: Path = Field(description="Folder of pictures to stylize.")
    styles: Path = Field(description="Folder of style pictures.")
    size_px: Annotated[int, Parameter(name="--size")] = Field(
        default=512,
        ge=16,
        description="Pictures are brought to this longer side, styles to this shorter one.",
    )
    save: Path | None = Field(default=None, description="Folder for the results and a contact sheet, as PNG.")
    results: Path | None = Field(
        default=None,
        description="Folder with results named CONTENT-STYLE.png, made by any program, to measure instead.",
    )
