"""Enlarging a picture: which nets, one after the other, to exactly which size."""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from genstudio import engines, weights
from genstudio.engines.protocol import Engine, SelfEnsemble
from genstudio.errors import UsageError
from genstudio.options import OptionError
from genstudio.restoring.restorer import AnyImage, Plan, Restorer
from genstudio.restoring.tiling import Progress, Stop, Tile
from genstudio.upscale.options import UpscaleOptions, UpscalerOptions

if TYPE_CHECKING:
    import torch
    from torch import nn

MOST_NETS = 4  # x2 four times is x16


class Upscale(Restorer):
    """Enlarges pictures 1 to 16 times, to any size in between.

        big = Upscale.from_weights("compact-x4")(Image.open("small.png"), scale=4)

    Args:
        engines: by the names of their models. A size between their scales is overshot, then reduced by
            Lanczos.
        tile: side in input pixels of the tiles a picture is cut into, or "auto" or "off".
    """

    def __init__(self, engines: Mapping[str, Engine], *, tile: Tile = "auto") -> None:
        super().__init__(tile=tile)
        self.engines = engines

    @classmethod
    def from_weights(
        cls,
        model: str | Path = "photo",
        *,
        device: "str | torch.device" = "auto",
        precision: str = "auto",
        tile: Tile = "auto",
        engine: str = "auto",
        compile: bool = False,
        self_ensemble: bool = False,
        denoise_strength: float | None = None,
    ) -> Self:
        """An upscaler with weights.

        Args:
            model: a name ("compact-x4"), a family ("compact": all of its scales that are installed, the
                fitting one is taken for each picture), or the path of a file, ours or the community's.
            device: "auto", "cpu", "cuda", "cuda:1" or "mps"; or a torch.device.
            precision: "auto", "float32", "bfloat16" or "float16". With "auto", 16-bit and float pictures
                are done in float32, for their steps are finer than half precision's.
            tile: as for the class.
            engine: "auto", "torch" or "openvino"; see `engines`.
            compile: let torch compile the net.
            self_ensemble: mean over the 8 flips and turns; 8 times the work.
            denoise_strength: 0..1, for a photo model; see `Soften`.

        Raises:
            UsageError: an unknown model, device, precision or engine; a `denoise_strength` for another model.
            WeightsError: a file that is missing, damaged or refused.
            DeviceError: a device this machine lacks.
        """
        installed = [_bare(each.name) for each in weights.installed("upscale")]
        names = [name for name in installed if weights.family(name) == str(model)] or [str(model)]
        if denoise_strength is not None and engines.is_community(names[0], "upscale"):
            raise OptionError(
                "denoise_strength", f"expected a photo model of ours, found {model}; leave it out"
            )
        load = partial(
            engines.load,
            task="upscale",
            device=device,
            precision=precision,
            engine=engine,
            compile=compile,
            change=None if denoise_strength is None else Soften(denoise_strength),
        )
        made = {Path(name).name: load(name) for name in names}
        for name, each in made.items():
            if each.scale == 1:
                raise UsageError(
                    f"expected a model that enlarges, found {name}, which keeps a picture's size; "
                    "see genstudio denoise"
                )
        if self_ensemble:
            made = {name: SelfEnsemble(each) for name, each in made.items()}
        return cls(made, tile=tile)

    @classmethod
    def from_options(cls, options: UpscalerOptions) -> Self:
        """An upscaler as the shell's options say. Raises as `from_weights` does."""
        return cls.from_weights(**options.model_dump(include=set(UpscalerOptions.model_fields)))

    def __call__(
        self,
        image: AnyImage,
        *,
        scale: float | None = None,
        width: int | None = None,
        height: int | None = None,
        long_side: int | None = None,
        megapixels: float | None = None,
        progress: Progress | None = None,
        stop: Stop | None = None,
    ) -> AnyImage:
        """One image enlarged; the same type comes back.

        Args:
            image: PIL image, numpy array, tensor or `Picture`; see `Restorer.restore`.
            scale, width, height, long_side, megapixels: at most one; 4 times if none. Proportions are kept.
            progress: called with (tiles done, tiles in all).
            stop: asked before each tile; True ends the work.

        Raises:
            UsageError: more than one size, or one that is no number or not 1 to 16 times the image's.
            InputError, DeviceError, Stopped: see `Restorer.restore`.
        """
        given = {
            "scale": scale,
            "width": width,
            "height": height,
            "long_side": long_side,
            "megapixels": megapixels,
        }
        asked: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        for name, value in asked.items():
            if isinstance(value, bool | np.bool_):  # to Python a number
                raise UsageError(f"{name}: expected a number, found {value}")
        if len(asked) > 1:
            raise UsageError(f"expected one size, found {' and '.join(asked)}; leave the others out")
        size = UpscaleOptions(**asked)
        return self.restore(image, lambda w, h: self.plan(w, h, size), progress, stop)

    def plan(self, width: int, height: int, size: UpscaleOptions) -> Plan:
        """How a picture of this size is enlarged to what `size` asks. Raises UsageError."""
        end_width, end_height = size.size(width, height)
        scales = {name: engine.scale for name, engine in self.engines.items()}
        models = chain(scales, max(end_width / width, end_height / height))
        return Plan(tuple(self.engines[name] for name in models), models, end_width, end_height)


def chain(scales: Mapping[str, int], ratio: float) -> tuple[str, ...]:
    """The names of the nets to run one after the other to reach `ratio`.

    The fewest that do; of these the least overshoot; of these the small scale first, for the later nets
    have the more pixels to work on (x2 then x4 costs 5 units, x4 then x2 costs 17).

    Raises:
        UsageError: no chain reaches the ratio, for the net enlarges nothing.
    """
    for number in range(1, MOST_NETS + 1):
        chains = [
            (math.prod(scales[name] for name in names), [scales[name] for name in names], names)
            for names in itertools.product(scales, repeat=number)
        ]
        enough = [each for each in chains if each[0] >= ratio - 1e-9]
        if enough:
            return min(enough)[2]
    raise UsageError(
        f"expected a model that enlarges {ratio:g} times, found {', '.join(scales)}, which enlarges "
        f"{max(scales.values())} times; choose a smaller scale or another model"
    )


def _bare(name: str) -> str:
    return name.removeprefix("upscale/")


@dataclass(frozen=True)
class Soften:
    """Mixes what a photo model makes of a picture with what its faithful counterpart makes of it: 0 is the
    counterpart, which leaves noise and JPEG blocks as they are, 1 the model itself.

    Both methods raise OptionError (a UsageError): the model has no counterpart, or one of another scale.
    """

    strength: float

    def key(self, header: weights.Header) -> str:
        return f"{self.strength!r} of {weights.verified(_counterpart(header), header.task)[1]}"

    def apply(self, header: weights.Header, net: "nn.Module") -> "nn.Module":
        from genstudio.upscale.mixture import Mixture

        counterpart, faithful = weights.load_net(_counterpart(header), header.task)
        if counterpart.scale != header.scale:
            raise OptionError(
                "denoise_strength",
                f"expected {header.counterpart} to enlarge {header.scale} times, found "
                f"{counterpart.scale}; leave it out",
            )
        return Mixture(faithful, net, self.strength)


def _counterpart(header: weights.Header) -> str:
    if header.counterpart is None:
        raise OptionError(
            "denoise_strength",
            f"expected a photo model with a counterpart to mix with, found {header.recipe}; leave it out",
        )
    return header.counterpart
