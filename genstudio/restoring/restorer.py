"""Pictures of every type through engines, and back in the type they came in.

    PIL image, numpy array, tensor, Picture
        -> (H, W, C) arrays -> colour  -> engine -> engine -> Lanczos to the exact size -> the same type
                            -> alpha  --^

Between two engines, and before the last resizing, a picture keeps its own depth. An 8-bit step in between
is what nets are trained on, costs half the memory of 16 bits, and the rounding has no mean.
"""

import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
from PIL import Image

from genstudio import images
from genstudio.restoring import alpha as transparency
from genstudio.restoring import tiling
from genstudio.restoring.arrays import as_array, is_tensor, no_picture, of_tensor
from genstudio.restoring.lanczos import lanczos
from genstudio.restoring.tiling import Progress, Stop, Tile

if TYPE_CHECKING:
    import torch

    from genstudio.engines.protocol import Engine

# PIL.Image.Image, numpy.ndarray, torch.Tensor or images.Picture; the answer is of the same type.
AnyImage = TypeVar("AnyImage")

STRIP_ROWS = 64


@dataclass(frozen=True)
class Plan:
    """How a picture of a given size is processed: engines one after the other, then a resize.

    Attributes:
        keeps_alpha: alpha and the colours under transparent pixels stay as they are; only for engines that
            keep the size.
        resolve: (colours (H, W, 1 or 3), alpha (H, W) or None) -> the final plan, where it depends on the
            pixels (for an animation, on those of the first frame); None where this plan is final. Until then
            this plan has engines of the same kind, for reports.
        notes: messages for the user about this picture; added to those of the result.
    """

    engines: tuple["Engine", ...]
    models: tuple[str, ...]
    width: int
    height: int
    keeps_alpha: bool = False
    resolve: Callable[[np.ndarray, np.ndarray | None], "Plan"] | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Facts:
    """How a picture is processed, for reports: size and tile side in pixels, models in their order."""

    width: int
    height: int
    models: tuple[str, ...]
    tile_px: int
    device: str
    engine: str
    precision: str


class Restorer(ABC):
    """Base class of the tasks that turn a picture into a picture."""

    def __init__(self, *, tile: Tile = "auto") -> None:
        self.tile = tiling.check(tile)

    @abstractmethod
    def plan(self, width: int, height: int, options: Any) -> Plan:
        """How a picture of this size is done as the task's `options` ask. Raises UsageError."""

    def facts(self, width: int, height: int, depth: np.dtype[Any], options: Any) -> Facts:
        """How a picture of this size and number type is done, known before it is. Raises UsageError."""
        plan = self.plan(width, height, options)
        first = plan.engines[0]
        tile_px = tiling.tile_size(first, height, width, self.tile)
        how = first.device, first.kind, first.precision(depth)
        return Facts(plan.width, plan.height, plan.models, tile_px, *how)

    def restore(
        self,
        image: AnyImage,
        plan: Callable[[int, int], Plan],
        progress: Progress | None = None,
        stop: Stop | None = None,
    ) -> AnyImage:
        """One image, whatever its type.

        A picture (or frame) whose colour channels are equal everywhere is done as the grey one it is, and
        its result has equal channels too: a net may tint greys, a grey picture must not show it.

        Args:
            image: a PIL image; a numpy array (H, W) or (H, W, C), C 1..4 (grey, grey and alpha, RGB, RGBA),
                of uint8, uint16, or float16, float32 or float64 in 0..1, of either byte order; a tensor
                (C, H, W) or (N, C, H, W) of uint8, uint16, or any float in 0..1; or a `Picture`. The frames
                of an animated `Picture` are made as they are asked for.
            plan: (width, height) -> what to do with a picture of this size.
            progress: called with (tiles done, tiles in all).
            stop: asked before each tile; True ends the work.

        Returns:
            The same type, layout, number format and device.

        Raises:
            InputError: an array that is no picture.
            DeviceError: out of memory even with the smallest tile.
            Stopped: `stop` said so.
        """
        if isinstance(image, images.Picture):
            return cast(AnyImage, self._picture(image, plan, progress, stop))
        if isinstance(image, Image.Image):
            picture = self._picture(images.from_pil(image), plan, progress, stop)
            return cast(AnyImage, images.to_pil(picture))
        if isinstance(image, np.ndarray):
            result = self._array(as_array(image), plan, progress, stop)
            return cast(AnyImage, result.reshape(result.shape[: image.ndim]).astype(image.dtype, copy=False))
        if is_tensor(image):
            return cast(AnyImage, self._tensor(cast("torch.Tensor", image), plan, progress, stop))
        raise no_picture(image)

    def _picture(
        self,
        picture: images.Picture,
        plan: Callable[[int, int], Plan],
        progress: Progress | None,
        stop: Stop | None,
    ) -> images.Picture:
        todo = plan(picture.width, picture.height)
        if todo.resolve is not None:
            todo = todo.resolve(*_parts(next(iter(picture.frames))))
        number = len(picture.animation.durations_ms) if picture.animation else 1

        def frames() -> Iterator[np.ndarray]:
            for i, frame in enumerate(picture.frames):
                share = None if progress is None else of_many(progress, i, number)
                yield self._array(frame, lambda width, height: todo, share, stop)

        # A still picture is done at once, and can be looked at twice.
        done = Again(frames) if picture.animation else tuple(frames())
        notes = (*picture.notes, *todo.notes)
        return dataclasses.replace(picture, width=todo.width, height=todo.height, frames=done, notes=notes)

    def _tensor(
        self,
        tensor: "torch.Tensor",
        plan: Callable[[int, int], Plan],
        progress: Progress | None,
        stop: Stop | None,
    ) -> "torch.Tensor":
        import torch

        batch = of_tensor(tensor)
        results = []
        for i, each in enumerate(batch):
            share = None if progress is None else of_many(progress, i, len(batch))
            results.append(self._array(each, plan, share, stop))
        done = torch.from_numpy(np.stack(results)).movedim(3, 1).contiguous()
        return done.reshape(*tensor.shape[:-2], *done.shape[-2:]).to(tensor.device, tensor.dtype)

    def _array(
        self,
        array: np.ndarray,
        plan: Callable[[int, int], Plan],
        progress: Progress | None,
        stop: Stop | None,
    ) -> np.ndarray:
        """(H, W, C) of uint8, uint16 or float32 -> (H', W', C) of the same."""
        height, width, channels = array.shape
        colour, alpha = _parts(array)
        todo = plan(width, height)
        if todo.resolve is not None:
            todo = todo.resolve(colour, alpha)
        result = np.empty((todo.height, todo.width, channels), array.dtype)
        colours = channels if alpha is None else channels - 1
        done = colour.shape[2]
        into = result[..., :done]
        if alpha is None or alpha.min() == alpha.max():
            (report,) = self._reports(progress, todo, width, height, 1)
            self._chain(todo.engines, colour, into, report, stop)
            if alpha is not None:
                result[..., -1] = alpha[0, 0]
        elif todo.keeps_alpha:
            (report,) = self._reports(progress, todo, width, height, 1)
            self._chain(todo.engines, transparency.filled(colour, alpha), into, report, stop)
            hidden = alpha < transparency.TRUSTED_ALPHA * transparency.opaque(alpha.dtype)
            into[hidden] = colour[hidden]
            result[..., -1] = alpha
        elif all(engine.takes_alpha for engine in todo.engines):
            (report,) = self._reports(progress, todo, width, height, 1)
            both = np.concatenate([transparency.filled(colour, alpha), alpha[..., None]], axis=2)
            answer = result if both.shape[2] == channels else np.empty((*into.shape[:2], 2), array.dtype)
            self._chain(todo.engines, both, answer, report, stop)
            into[...], result[..., -1] = answer[..., :done], answer[..., -1]
            transparency.restore_opaque_and_clear(result[..., -1], alpha)
        else:
            report, second = self._reports(progress, todo, width, height, 2)
            self._chain(todo.engines, transparency.filled(colour, alpha), into, report, stop)
            engines = tuple(transparency.FlatShortcut(engine) for engine in todo.engines)
            self._chain(engines, array[..., -1:], result[..., -1:], second, stop)
            transparency.restore_opaque_and_clear(result[..., -1], alpha)
        result[..., done:colours] = result[..., :1]
        return result

    def _chain(
        self,
        engines: tuple["Engine", ...],
        array: np.ndarray,
        into: np.ndarray,
        reports: list[Progress | None],
        stop: Stop | None,
    ) -> None:
        """(H, W, C), C 1 or 3, through one engine after the other, ending in exactly the size of `into`."""
        for engine, report in zip(engines[:-1], reports, strict=False):
            array = tiling.run(engine, array, tile=self.tile, progress=report, stop=stop)
        last, report = engines[-1], reports[-1]
        height, width = array.shape[0] * last.scale, array.shape[1] * last.scale
        if into.shape[:2] == (height, width):
            tiling.run(last, array, tile=self.tile, into=into, progress=report, stop=stop)
            return
        pieces = tiling.bands(last, array, tile=self.tile, progress=report, stop=stop)
        lanczos(pieces, height, into)

    def _reports(
        self, progress: Progress | None, plan: Plan, width: int, height: int, runs: int
    ) -> list[list[Progress | None]]:
        """One report for each engine of each of `runs` chains; together they count through all tiles."""
        if progress is None:
            return [[None] * len(plan.engines)] * runs
        scales = [math.prod(engine.scale for engine in plan.engines[:i]) for i in range(len(plan.engines))]
        totals = runs * [
            tiling.count(engine, height * scale, width * scale, self.tile)
            for engine, scale in zip(plan.engines, scales, strict=True)
        ]

        def report(stage: int) -> Progress:
            def of_stage(done: int, total: int) -> None:
                totals[stage] = total  # it grows when memory runs out and tiles get smaller
                progress(sum(totals[:stage]) + done, sum(totals))

            return of_stage

        n = len(plan.engines)
        return [[report(run * n + i) for i in range(n)] for run in range(runs)]


class Again:
    """An iterable that calls `make` for a new iterator each time it is iterated over."""

    def __init__(self, make: Callable[[], Iterator[np.ndarray]]) -> None:
        self._make = make

    def __iter__(self) -> Iterator[np.ndarray]:
        return self._make()


def of_many(progress: Progress, index: int, number: int) -> Progress:
    """Progress over `number` pictures of one size, of which this is the one at `index`."""
    return lambda done, total: progress(index * total + done, number * total)


def _parts(array: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """(H, W, 1..4) as its colours, one channel of them where all are equal, and its alpha (H, W) if any."""
    channels = array.shape[2]
    colours = channels if channels in (1, 3) else channels - 1
    colour, alpha = array[..., :colours], array[..., -1] if colours < channels else None
    return (colour[..., :1] if _is_grey(colour) else colour), alpha


def _is_grey(colour: np.ndarray) -> bool:
    """Whether the channels of (H, W, C) are equal everywhere; by strips, for most pictures fail the first."""
    strips = (colour[top : top + STRIP_ROWS] for top in range(0, len(colour), STRIP_ROWS))
    return all((strip[..., 1:] == strip[..., :1]).all() for strip in strips)
