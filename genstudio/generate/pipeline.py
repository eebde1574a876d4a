"""From seeds to pictures: weights, latents, and a net that is always asked in the same way.

Convolutions may round differently in batches of different sizes, so every batch is `BATCH` pictures, the last
one filled up: what a latent gives depends on it alone.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self, cast

import numpy as np
import torch
from PIL import Image

from genstudio import device as devices
from genstudio import weights
from genstudio.generate.dcgan import Generator
from genstudio.generate.options import GenerateOptions, GeneratorOptions
from genstudio.generate.sampling import Pixels, as_pixels, class_of, latent, slerp
from genstudio.options import OptionError

if TYPE_CHECKING:
    from torch import Tensor

BATCH = 16


@dataclass(frozen=True)
class Made:
    """Picture `index` of a seed: pixels (H, W, 3) uint8, and its class where the model has any."""

    index: int
    class_name: str | None
    pixels: Pixels


class Generate:
    """Makes pictures like those a net was trained on.

        first, second = Generate.from_weights("flowers-64")(count=2, seed=7)

    Args:
        net: as `weights.load_net` gives it.
        model: its name, for reports.
        device: where it computes, in float32.
    """

    def __init__(self, net: Generator, *, model: str, device: "str | torch.device" = "cpu") -> None:
        self.net = net.to(device).eval().requires_grad_(False)
        self.model = model
        self.device = torch.device(device)
        self.classes = net.config.classes
        self.size = net.config.size

    @classmethod
    def from_weights(cls, model: str | Path = "flowers-64", *, device: "str | torch.device" = "auto") -> Self:
        """A generator with weights, by name or path.

        Raises:
            UsageError: an unknown model or device.
            WeightsError: a file that is missing, damaged or refused.
            DeviceError: a device this machine lacks.
        """
        on = devices.pick(device)
        _, net = weights.load_net(model, "generate")
        return cls(cast(Generator, net), model=Path(model).stem, device=on)

    @classmethod
    def from_options(cls, options: GeneratorOptions) -> Self:
        """A generator as the shell's options say. Raises as `from_weights` does."""
        return cls.from_weights(options.model, device=options.device)

    def __call__(
        self,
        count: int | None = None,
        *,
        seed: int = 0,
        truncation: float | None = None,
        class_name: str | None = None,
    ) -> list[Image.Image]:
        """`count` pictures, one if not given; picture k is decided by `seed`, k, `truncation` and
        `class_name` alone.

        Args:
            truncation: latents stay within so many standard deviations; below 1 pictures are more usual.
            class_name: one of `classes`; each picture's own, as likely as any other, if not given.

        Raises:
            OptionError (a UsageError): a class the model does not have, or a number that cannot be meant.
        """
        number = GenerateOptions(count=count).number
        made = self.pictures(number, seed=seed, truncation=truncation, class_name=class_name)
        return [Image.fromarray(each.pixels) for each in made]

    def pictures(
        self, count: int, *, seed: int = 0, truncation: float | None = None, class_name: str | None = None
    ) -> Iterator[Made]:
        """The same, one by one, each with what it is of. Raises as `__call__` does, before the first."""
        GenerateOptions(count=count, seed=seed, truncation=truncation)  # refuses what cannot be meant
        self.class_at(seed, 0, class_name)

        def code(k: int) -> "Tensor":
            return self.code(seed, k, truncation, self.class_at(seed, k, class_name))

        def name(k: int) -> str | None:
            label = self.class_at(seed, k, class_name)
            return None if label is None else self.classes[label]

        rendered = self.render(code(k) for k in range(count))
        return (Made(k, name(k), pixels) for k, pixels in enumerate(rendered))

    def between(self, stops: "Sequence[Tensor]", frames: int) -> Iterator[Pixels]:
        """`frames` pictures (H, W, 3) from the first of `stops` (codes) to the last; the others are among
        them."""
        latents = self.net.config.latent
        reached = np.rint(np.linspace(0, frames - 1, len(stops)))
        places = np.interp(np.arange(frames), reached, np.arange(len(stops)))

        def at(place: float) -> "Tensor":
            k = min(int(place), len(stops) - 2)
            a, b, share = stops[k], stops[k + 1], place - k
            arc = slerp(a[:latents], b[:latents], share)
            return torch.cat((arc, torch.lerp(a[latents:], b[latents:], share)))

        return self.render(at(float(place)) for place in places)

    def code(self, seed: int, index: int, truncation: float | None, label: int | None) -> "Tensor":
        """What the net makes picture `index` of `seed` from (D,), on the CPU."""
        z = latent(seed, index, self.net.config.latent, truncation)
        if self.net.embed is None or label is None:
            return z
        return torch.cat((z, self.net.embed.weight[label].cpu()))

    def class_at(self, seed: int, index: int, class_name: str | None) -> int | None:
        """The class of picture `index` of `seed`, a place in `classes`; None where the model has none.

        Raises OptionError for a name that is none of them.
        """
        if class_name is None:
            return class_of(seed, index, len(self.classes)) if self.classes else None
        if class_name not in self.classes:
            known = ", ".join(self.classes) or f"none, as {self.model} knows no classes"
            raise OptionError("class", f"expected {known}, found {class_name!r}")
        return self.classes.index(class_name)

    @torch.no_grad()
    def render(self, codes: "Iterator[Tensor]") -> Iterator[Pixels]:
        """The picture (H, W, 3) of each code (D,), on one device bitwise the same whatever the others are."""
        waiting: list[Tensor] = []
        for code in codes:
            waiting.append(code)
            if len(waiting) == BATCH:
                yield from self._batch(waiting)
                waiting = []
        if waiting:
            yield from self._batch(waiting)

    def _batch(self, codes: "list[Tensor]") -> Pixels:
        full = torch.stack([*codes, *[codes[-1]] * (BATCH - len(codes))])
        with _repeatable():
            return as_pixels(self.net.decode(full.to(self.device)))[: len(codes)]


def _repeatable() -> contextlib.AbstractContextManager[None]:
    """cuDNN may otherwise take another way each time, and round to ten bits on it."""
    flags: Callable[..., contextlib.AbstractContextManager[None]] = torch.backends.cudnn.flags
    return flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)
