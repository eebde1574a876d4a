"""Pictures in the style of others: in one pass, or step by step.

    content -> RGB -> its size -> statistics -> transport to the style -> net, in tiles -+-> colours kept
                                       |                                                 |   -> mask -> result
                                       +-> Gram matrices of the style -> optimiser <-----+

The statistics are the whole picture's, or those of all frames, so neither tiles nor frames drift apart.
What a stylizer wears and how pictures come and go is here; how one is painted, in `painter`.
"""

import copy
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, cast

import numpy as np
from PIL import Image

from genstudio import device as devices
from genstudio import images, weights
from genstudio.errors import UsageError, WeightsError
from genstudio.images.metadata.model import fitted
from genstudio.restoring.arrays import is_tensor
from genstudio.restoring.restorer import Again, AnyImage, Plan, Restorer, of_many
from genstudio.restoring.tiling import Progress, Stop, Tile
from genstudio.stylize import styles
from genstudio.stylize.extractors import Ours, our_encoder
from genstudio.stylize.nets.fast import Fast
from genstudio.stylize.optimize import Event
from genstudio.stylize.options import LAYERS, StylizeOptions, StylizerOptions
from genstudio.stylize.painter import Painter
from genstudio.stylize.sources import Source, as_mask, in_colour, resized

if TYPE_CHECKING:
    import torch

log = logging.getLogger("genstudio")


@dataclass(frozen=True)
class StylePlan(Plan):
    """With what the task's options ask."""

    options: StylizeOptions = field(default_factory=StylizeOptions)


class Stylize(Restorer):
    """Gives pictures the style of others.

        painted = Stylize.from_weights()(Image.open("photo.jpg"), "starry_night", strength=0.8)

    Args:
        net: the fast net, on its device.
        model: its name, for reports.
        precision: as for `from_weights`.
        tile: side in pixels of the tiles a picture is cut into, or "auto" or "off".
    """

    def __init__(
        self, net: Fast, *, model: str = "fast", precision: str = "auto", tile: Tile = "auto"
    ) -> None:
        super().__init__(tile=tile)
        self.net = net
        self.model = model
        self.painter = Painter(net, precision=precision, tile=tile)
        self.sources: tuple[Source, ...] = ()
        self.masks: tuple[np.ndarray, ...] = ()
        self.on_event: Callable[[Event], None] = lambda event: None

    @classmethod
    def from_weights(
        cls,
        model: str | Path = "fast",
        *,
        device: "str | torch.device" = "auto",
        precision: str = "auto",
        tile: Tile = "auto",
    ) -> Self:
        """A stylizer with weights.

        Args:
            model: a name ("fast"), or the path of a file.
            device: "auto", "cpu", "cuda", "cuda:1" or "mps"; or a torch.device.
            precision: "auto", "float32", "bfloat16" or "float16". With "auto", 16-bit and float pictures
                are done in float32, for their steps are finer than half precision's.
            tile: as for the class.

        Raises:
            UsageError: an unknown model, device or precision.
            WeightsError: a file that is missing, damaged, or of another net.
            DeviceError: a device this machine lacks.
        """
        on = devices.pick(device)
        _, net = weights.load_net(model, "stylize")
        if not isinstance(net, Fast):
            raise WeightsError(
                f"{model}: expected weights of a net that stylizes, found {type(net).__name__.lower()}'s; "
                "choose another of genstudio models --task stylize"
            )
        return cls(net.to(on).requires_grad_(False), model=Path(model).name, precision=precision, tile=tile)

    @classmethod
    def from_options(cls, options: StylizerOptions) -> Self:
        """A stylizer as the shell's options say. Raises as `from_weights` does."""
        return cls.from_weights(
            options.model, device=options.device, precision=options.precision, tile=options.tile
        )

    def wearing(
        self,
        chosen: Sequence[Any],
        options: StylizeOptions,
        masks: Sequence[Any] | None = None,
        on_event: Callable[[Event], None] = lambda event: None,
        enough: Stop | None = None,
    ) -> Self:
        """The same, with styles and masks for all pictures that it is given.

        Args:
            chosen: names of styles, or pictures in any form.
            options: what will be asked, so that what can be done to no picture is said now.
            masks: pictures in any form, one, or as many as styles; those of the options if not given.
            on_event: told of each step of method "optimize".
            enough: asked after each of its steps; True ends there and keeps the picture as it is. A
                picture that is begun after that raises Stopped.

        Raises:
            UsageError, InputError, WeightsError: a style or mask that cannot be meant or read.
        """
        if not chosen:
            raise UsageError("expected a style, the name of one or a picture, found none")
        worn = copy.copy(self)
        worn.painter = self.painter.anew()
        worn.sources = tuple(Source(style, self.net) for style in chosen)
        worn.masks = tuple(as_mask(mask) for mask in (options.mask if masks is None else masks))
        worn.on_event = on_event
        worn.painter.enough = enough
        self.painter.check(worn.sources, worn.masks, options)
        return worn

    def __call__(
        self,
        image: AnyImage,
        style: Any,
        *,
        strength: float = 1.0,
        style_weights: Sequence[float] = (),
        keep_color: Literal["none", "luminance", "histogram"] = "none",
        style_scale: float = 1.0,
        size_px: int | Literal["auto", "source"] = "auto",
        mask: Any = (),
        method: Literal["fast", "optimize"] = "fast",
        extractor: Literal["encoder", "vgg16", "vgg19"] = "encoder",
        steps: int = 300,
        layers: Sequence[str] = LAYERS,
        content_weight: float = 0.05,
        style_weight: float = 1.0,
        tv_weight: float = 0.4,
        init: Literal["content", "fast", "noise"] = "fast",
        seed: int = 0,
        progress: Progress | None = None,
        stop: Stop | None = None,
        on_event: Callable[[Event], None] = lambda event: None,
        enough: Stop | None = None,
    ) -> AnyImage:
        """One image in a style; the same type comes back, in colour.

        Args:
            image: PIL image, numpy array, tensor or `Picture`; see `Restorer.restore`.
            style: the name of a style, or a picture (path, PIL image, array, tensor, `Picture`); or a list.
            strength: how much of the style, 0 (the image as it is) to 1 (all).
            style_weights: the share of each of several styles, in any unit; alike if not given.
            keep_color: "luminance" takes only light and dark from the result, "histogram" gives it the mean
                colour of the image and its spread.
            style_scale: strokes so many times as large, above 0 to 8; for style pictures, not for names.
            size_px: the longer side of the result; "source" is the image's own, and so is "auto", with method
                "optimize" at most 512.
            mask: a picture that says where, white for the style; a list, one for each of several styles.
            method: "fast", one pass through the net, or "optimize", step by step; what follows is for it.
            extractor: whose features are compared; those of "vgg16" and "vgg19" are fetched if need be.
            steps: how many in all.
            layers: those whose Gram matrices are compared; content is compared at the last.
            content_weight, style_weight, tv_weight: what the distances from content and style, and steps
                between neighbouring pixels, count; at least 0.
            init: what to begin with: the content, the fast result, or noise.
            seed: of that noise.
            progress: called with (tiles done, tiles in all), or steps.
            stop: asked before each tile or step; True ends the work.
            on_event: told of each step of method "optimize".
            enough: asked after each of its steps; True ends there and keeps the picture as it is.

        Raises:
            UsageError: an option or a style that cannot be meant.
            InputError, DeviceError, Stopped: see `Restorer.restore`.
        """
        asked = StylizeOptions(
            strength=strength,
            style_weights=tuple(style_weights),
            keep_color=keep_color,
            style_scale=style_scale,
            size_px=size_px,
            method=method,
            extractor=extractor,
            steps=steps,
            layers=tuple(layers),
            content_weight=content_weight,
            style_weight=style_weight,
            tv_weight=tv_weight,
            init=init,
            seed=seed,
        )
        several = isinstance(style, list | tuple)
        masks = mask if isinstance(mask, list | tuple) else [mask]
        worn = self.wearing(style if several else [style], asked, masks, on_event, enough)
        return worn.restore(image, lambda w, h: worn.plan(w, h, asked), progress, stop)

    def save_style(
        self,
        path: Path,
        picture: Any,
        *,
        title: str = "",
        artist: str = "",
        year: str = "",
        overwrite: bool = False,
    ) -> None:
        """Write a picture's statistics as a style's file. Raises as `styles.save`, and InputError."""
        encoder = our_encoder()
        card = styles.Card(
            styles.fingerprint(self.net.eyes), styles.fingerprint(encoder), title, artist, year
        )
        source = Source(picture, self.net)
        grams = source.grams(Ours(encoder.to(self.net.device)), LAYERS, 1.0)
        styles.save(path, source.statistics(1.0), list(grams.values()), card, overwrite=overwrite)

    def plan(self, width: int, height: int, options: StylizeOptions) -> StylePlan:
        """How a picture of this size is done in the styles worn. Raises UsageError."""
        self.painter.check(self.sources, self.masks, options)
        models = (self.model, *([options.extractor] if options.method == "optimize" else []))
        return StylePlan((self.painter.plain,), models, *options.size(width, height), options=options)

    def restore(
        self,
        image: AnyImage,
        plan: Callable[[int, int], Plan],
        progress: Progress | None = None,
        stop: Stop | None = None,
    ) -> AnyImage:
        """See `Restorer.restore`; a grey image's result has three channels, for styles have colours."""
        if isinstance(image, Image.Image):
            done = self._picture(images.from_pil(image), plan, progress, stop)
            return cast(AnyImage, images.to_pil(done))
        if isinstance(image, np.ndarray) and image.ndim in (2, 3):
            image = cast(AnyImage, in_colour(image if image.ndim == 3 else image[..., None]))
        elif is_tensor(image):
            tensor = cast("torch.Tensor", image)
            if tensor.ndim in (3, 4) and tensor.shape[-3] in (1, 2):
                channels = [0, 0, 0, 1][: tensor.shape[-3] + 2]
                image = cast(AnyImage, tensor[..., channels, :, :])
        return super().restore(image, plan, progress, stop)

    def _picture(
        self,
        picture: images.Picture,
        plan: Callable[[int, int], Plan],
        progress: Progress | None,
        stop: Stop | None,
    ) -> images.Picture:
        todo = cast(StylePlan, plan(picture.width, picture.height))
        number = len(picture.animation.durations_ms) if picture.animation else 1

        def sized() -> Iterator[np.ndarray]:
            return (resized(in_colour(frame), todo.height, todo.width) for frame in picture.frames)

        brushes = self.painter.brushes(self.sources, self.masks, sized, todo.options)

        def frames() -> Iterator[np.ndarray]:
            before: np.ndarray | None = None
            for i, frame in enumerate(sized()):
                share = None if progress is None else of_many(progress, i, number)
                before = self.painter.paint(
                    frame,
                    brushes,
                    todo.options,
                    before=before,
                    progress=share,
                    stop=stop,
                    on_event=self.on_event,
                )
                if number == 1 and self.painter.ended:
                    log.warning(self.painter.ended)
                yield before

        channels = 4 if picture.channels in (2, 4) else 3
        metadata, dropped = fitted(picture.metadata, channels)
        return replace(
            picture,
            width=todo.width,
            height=todo.height,
            channels=channels,
            frames=Again(frames) if picture.animation else tuple(frames()),
            metadata=metadata,
            notes=(*picture.notes, *dropped),
        )

    def _array(
        self,
        array: np.ndarray,
        plan: Callable[[int, int], Plan],
        progress: Progress | None,
        stop: Stop | None,
    ) -> np.ndarray:
        todo = cast(StylePlan, plan(array.shape[1], array.shape[0]))
        sized = resized(in_colour(array), todo.height, todo.width)
        brushes = self.painter.brushes(self.sources, self.masks, lambda: [sized], todo.options)
        painted = self.painter.paint(
            sized, brushes, todo.options, progress=progress, stop=stop, on_event=self.on_event
        )
        if self.painter.ended:
            log.warning(self.painter.ended)
        return painted
