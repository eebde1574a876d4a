"""One picture painted: pass by pass, each where its mask says, colours kept if that is asked for."""

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from genstudio import device as devices
from genstudio.engines.protocol import TYPE_MAX
from genstudio.engines.torch_engine import TorchEngine
from genstudio.errors import DeviceError, Stopped
from genstudio.options import OptionError
from genstudio.restoring import alpha as transparency
from genstudio.restoring import tiling
from genstudio.restoring.restorer import of_many
from genstudio.restoring.tiling import Progress, Stop, Tile
from genstudio.stylize import colours
from genstudio.stylize.extractors import extractor
from genstudio.stylize.measure import as_tensor, measure
from genstudio.stylize.nets.fast import Fast, Styled
from genstudio.stylize.nets.transport import Transport
from genstudio.stylize.optimize import Aim, Event, optimize
from genstudio.stylize.options import StylizeOptions
from genstudio.stylize.sources import Source, resized

Mask = npt.NDArray[np.float32]  # (H, W), 0..1
BAND_ROWS = 256


@dataclass(frozen=True)
class Brush:
    """One pass over a picture.

    Attributes:
        styles: with their shares, 1 in all.
        transport: from the picture to them, at the strength asked for.
        mask: where it counts; None: everywhere.
    """

    styles: Sequence[tuple[Source, float]]
    transport: Transport
    mask: Mask | None


class Painter:
    """What `Stylize` paints with; pictures are (H, W, 3 or 4) arrays of the result's size.

    Args:
        net, precision, tile: as for `Stylize`.
    """

    def __init__(self, net: Fast, *, precision: str, tile: Tile) -> None:
        self._net = net
        self._tile = tile
        self._dtype = devices.precision(precision, net.device)
        self._extractors: dict[tuple[str, tuple[str, ...]], nn.Module] = {}
        self.ended: str | None = None  # early, while optimising: what then is to be said
        self.enough: Stop | None = None  # asked after each step of optimising: end early, keep the picture
        self._engine = TorchEngine(
            Styled(net),
            scale=1,
            overlap_px=net.overlap_px,
            align=net.multiple,
            name="the fast net",
            device=net.device,
            dtype=self._dtype,
            deep_dtype=torch.float32 if precision == "auto" else self._dtype,
        )

    def anew(self) -> Self:
        """The same, its nets shared, at the beginning of its work."""
        other = copy.copy(self)
        other.ended = None
        return other

    @cached_property
    def plain(self) -> TorchEngine:
        """An engine like those that pictures are done with."""
        like = self._net.statistics(torch.zeros(1, 3, 8, 8, device=self._net.device))
        return self._engine.given(transport=Transport.between(like, like), strength=1.0)

    def check(self, styles: Sequence[Source], masks: Sequence[Mask], options: StylizeOptions) -> None:
        """Raise UsageError (or WeightsError) for what can be done to no picture."""
        count = len(styles)
        if options.style_weights and len(options.style_weights) != count:
            found = ",".join(f"{each:g}" for each in options.style_weights)
            raise OptionError("style_weights", f"expected one for each of {count} styles, found {found}")
        if len(masks) not in (0, 1, count):
            raise OptionError("mask", f"expected one, or one for each of {count} styles, found {len(masks)}")
        if len(masks) > 1 and options.style_weights:
            raise OptionError(
                "style_weights", "expected none where each style has its mask; leave it out, or give one mask"
            )
        for style in styles:
            style.statistics(options.style_scale)
        if options.method == "optimize":
            for style in styles:
                self._grams(style, options)

    def brushes(
        self,
        styles: Sequence[Source],
        masks: Sequence[Mask],
        pictures: Callable[[], Iterable[np.ndarray]],
        options: StylizeOptions,
    ) -> tuple[Brush, ...]:
        """A pass for each mask, or one in all; its statistics are of what all the pictures show there."""
        height, width = next(iter(pictures())).shape[:2]
        fitted: list[Mask] = [resized(mask[..., None], height, width)[..., 0] for mask in masks]
        if len(fitted) < 2:
            each = [list(zip(styles, options.shares(len(styles)), strict=True))]
        else:
            each = [[(style, 1.0)] for style in styles]
            # Where masks meet, styles share the place.
            together = np.maximum(1, np.sum(fitted, axis=0))
            fitted = [mask / together for mask in fitted]
        places: list[Mask | None] = [*fitted] or [None]
        return tuple(
            Brush(pairs, self._transport(pairs, pictures, mask, options), mask)
            for pairs, mask in zip(each, places, strict=True)
        )

    def _transport(
        self,
        pairs: Sequence[tuple[Source, float]],
        pictures: Callable[[], Iterable[np.ndarray]],
        mask: Mask | None,
        options: StylizeOptions,
    ) -> Transport:
        parts = map(_parts, pictures())
        content = measure(self._net, ((seen, _counting(alpha, mask)) for seen, alpha in parts))
        transports = [Transport.between(content, style.statistics(options.style_scale)) for style, _ in pairs]
        weights = [options.strength * share for _, share in pairs]
        return Transport.mixed(transports, weights).to(self._net.device)

    def paint(
        self,
        picture: np.ndarray,
        brushes: Sequence[Brush],
        options: StylizeOptions,
        *,
        before: np.ndarray | None = None,
        progress: Progress | None = None,
        stop: Stop | None = None,
        on_event: Callable[[Event], None] = lambda event: None,
    ) -> np.ndarray:
        """The picture painted; its alpha, and what is hidden by it, stay.

        Args:
            before: the result of the frame before, which optimising then begins with.
        """
        if self.ended:  # what was at work then has been kept; nothing more is begun
            raise Stopped(self.ended)
        seen, alpha = _parts(picture)
        result = seen.copy()
        for i, brush in enumerate(brushes):
            share = None if progress is None else of_many(progress, i, len(brushes))
            if options.method == "fast":
                engine = self._styled(brush, options)
                painted = tiling.run(engine, seen, tile=self._tile, progress=share, stop=stop)
            elif options.strength == 0:  # the optimiser would make whole steps of mere rounding
                painted = seen.copy()
            else:
                # Of several passes none knows which part of the frame before was its own.
                last = before[..., :3] if before is not None and len(brushes) == 1 else None
                painted = self._optimized(seen, brush, options, last, share, stop, on_event)
            if options.keep_color != "none":
                colours.keep(painted, seen, options.keep_color, _counting(alpha, brush.mask))
            _lay_over(result, painted, seen, brush.mask)
        if alpha is None:
            return result
        hidden = alpha < transparency.TRUSTED_ALPHA * transparency.opaque(alpha.dtype)
        result[hidden] = picture[hidden][:, :3]
        return np.concatenate([result, alpha[..., None]], axis=2)

    def _optimized(
        self,
        seen: np.ndarray,
        brush: Brush,
        options: StylizeOptions,
        before: np.ndarray | None,
        progress: Progress | None,
        stop: Stop | None,
        on_event: Callable[[Event], None],
    ) -> np.ndarray:
        device = self._net.device
        content = as_tensor(seen, device)
        if before is not None:
            start = as_tensor(before, device)
        elif options.init == "fast":
            engine = self._styled(brush, options)
            floats = np.dtype(np.float32)
            start = as_tensor(tiling.run(engine, seen, tile=self._tile, dtype=floats, stop=stop), device)
        elif options.init == "noise":
            dice = torch.Generator().manual_seed(options.seed)
            start = torch.rand(content.shape, generator=dice).to(device)
        else:
            start = content

        def told(event: Event) -> None:
            if progress is not None:
                progress(event.step, event.steps)
            on_event(event)

        aim = Aim(
            extractor=self._extractor(options),
            grams=self._mixed_grams(brush, options),
            strength=options.strength,
            content_weight=options.content_weight,
            style_weight=options.style_weight,
            tv_weight=options.tv_weight * options.strength,  # at strength 0 nothing is to change
            dtype=self._dtype,
        )
        try:
            made = optimize(
                content, start, aim, steps=options.steps, on_event=told, stop=stop, enough=self.enough
            )
        except (MemoryError, torch.OutOfMemoryError) as error:
            raise DeviceError(
                f"expected memory to optimise {seen.shape[1]} x {seen.shape[0]} pixels on {device}, found "
                "too little; ask for a smaller --size"
            ) from error
        if made.steps_done < options.steps:
            self.ended = (
                f"stopped after {made.steps_done} of {options.steps} steps; the picture is kept as it is"
            )
        most = np.float32(TYPE_MAX[seen.dtype.name])
        pixels = made.picture[0].permute(1, 2, 0).cpu().numpy() * most
        return (pixels if most == 1 else np.rint(pixels)).astype(seen.dtype)

    def _mixed_grams(self, brush: Brush, options: StylizeOptions) -> Mapping[str, Tensor]:
        found = [(self._grams(style, options), share) for style, share in brush.styles]
        first = found[0][0]
        return {layer: torch.stack([g[layer] * share for g, share in found]).sum(0) for layer in first}

    def _grams(self, style: Source, options: StylizeOptions) -> Mapping[str, Tensor]:
        net = self._extractor(options)
        return style.grams(net, options.layers, options.style_scale)

    def _extractor(self, options: StylizeOptions) -> nn.Module:
        key = options.extractor, options.layers
        if key not in self._extractors:
            net = extractor(options.extractor, options.layers)
            self._extractors[key] = net.to(self._net.device).requires_grad_(False)
        return self._extractors[key]

    def _styled(self, brush: Brush, options: StylizeOptions) -> TorchEngine:
        return self._engine.given(transport=brush.transport, strength=options.strength)


def _parts(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """(H, W, 3 or 4) as colours, those nobody sees taken from around them, and alpha (H, W) if any."""
    colour: np.ndarray = picture[..., :3]
    if picture.shape[2] == 3:
        return colour, None
    return transparency.filled(colour, picture[..., 3]), picture[..., 3]


def _counting(alpha: np.ndarray | None, mask: Mask | None) -> Mask | None:
    """How much each pixel counts: as far as the mask says, and not where nobody sees it."""
    if alpha is None:
        return mask
    trusted = (alpha >= transparency.TRUSTED_ALPHA * transparency.opaque(alpha.dtype)).astype(np.float32)
    return trusted if mask is None else trusted * mask


def _lay_over(result: np.ndarray, painted: np.ndarray, seen: np.ndarray, mask: Mask | None) -> None:
    """Add what was painted, where the mask says, to the result in place; all (H, W, 3) of one type."""
    if mask is None:
        result[:] = painted
        return
    most = transparency.opaque(result.dtype)
    for top in range(0, len(result), BAND_ROWS):
        rows = slice(top, top + BAND_ROWS)
        change = mask[rows, :, None] * (painted[rows].astype(np.float32) - seen[rows])
        mixed = (result[rows] + change).clip(0, most)
        result[rows] = mixed if most == 1 else np.rint(mixed)
