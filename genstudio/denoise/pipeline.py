"""Denoising: chooses the net, gives it the noise level, and blends its result with the picture."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from genstudio import engines
from genstudio.data.noise_level import estimate_std
from genstudio.denoise.options import NON_BLIND, DenoiseOptions, DenoiserOptions
from genstudio.engines.protocol import Around, Engine, SelfEnsemble
from genstudio.errors import UsageError
from genstudio.options import OptionError
from genstudio.restoring import alpha as transparency
from genstudio.restoring.restorer import AnyImage, Plan, Restorer
from genstudio.restoring.tiling import Progress, Stop, Tile

if TYPE_CHECKING:
    import torch


class Denoise(Restorer):
    """Removes noise from pictures.

        denoise = Denoise.from_weights()
        clean = denoise(Image.open("noisy.png"))
        smoother = denoise(Image.open("noisy.png"), strength=40)

    Args:
        engine: takes the noise level as the input `noise_std`, on the 0..255 scale, or is blind.
        model: name of the net, for reports.
        tile: side in pixels of the tiles a picture is cut into, or "auto" or "off".
        for_strength: loads the denoiser for pictures with a given strength, where `engine` is blind. Called
            once, when first needed; without it a strength is refused.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        model: str,
        tile: Tile = "auto",
        for_strength: "Callable[[], Denoise] | None" = None,
    ) -> None:
        super().__init__(tile=tile)
        self.engine = engine
        self.model = model
        self.takes_level = "noise_std" in engine.takes
        self._for_strength = for_strength
        self._of_strength: Denoise | None = None

    @classmethod
    def from_weights(
        cls,
        model: str | Path = "auto",
        *,
        device: "str | torch.device" = "auto",
        precision: str = "auto",
        tile: Tile = "auto",
        engine: str = "auto",
        compile: bool = False,
        self_ensemble: bool = False,
    ) -> Self:
        """Load a denoiser.

        Args:
            model: a name ("photo"), or the path of a file, ours or the community's; "auto" is photo, and
                dae-color for pictures with a given strength, loaded with the first of them.
            device: "auto", "cpu", "cuda", "cuda:1" or "mps"; or a torch.device.
            precision: "auto", "float32", "bfloat16" or "float16". With "auto", 16-bit and float pictures
                are computed in float32, because their steps are finer than half precision's.
            tile: as for the class.
            engine: "auto", "torch" or "openvino"; see `engines`.
            compile: let torch compile the net.
            self_ensemble: mean over the 8 flips and turns; 8 times the work.

        Raises:
            UsageError: an unknown model, device, precision or engine; a model that enlarges.
            WeightsError: a file that is missing, damaged or refused.
            DeviceError: a device this machine lacks.
        """
        name = DenoiseOptions(model=str(model)).weights
        runs = engines.load(
            name, "denoise", device=device, precision=precision, engine=engine, compile=compile
        )
        if runs.scale != 1:
            raise UsageError(
                f"expected a model that keeps a picture's size, found {model}, which enlarges {runs.scale} "
                "times; see genstudio upscale"
            )
        with_level = partial(
            cls.from_weights,
            NON_BLIND,
            device=device,
            precision=precision,
            tile=tile,
            engine=engine,
            compile=compile,
            self_ensemble=self_ensemble,
        )
        return cls(
            SelfEnsemble(runs) if self_ensemble else runs,
            model=Path(name).name,
            tile=tile,
            for_strength=with_level if model == "auto" else None,
        )

    @classmethod
    def from_options(cls, options: DenoiserOptions) -> Self:
        """Load the denoiser that `options` describe. Raises as `from_weights` and `plan` do."""
        knobs = options.model_dump(include=set(DenoiserOptions.model_fields))
        if not isinstance(options, DenoiseOptions):
            return cls.from_weights(**knobs)
        denoiser = cls.from_weights(**knobs | {"model": options.weights})
        denoiser.plan(1, 1, options)  # refuse before the first picture what can be done to none
        return denoiser

    def __call__(
        self,
        image: AnyImage,
        *,
        strength: float | Literal["auto"] = "auto",
        amount: float = 1.0,
        progress: Progress | None = None,
        stop: Stop | None = None,
    ) -> AnyImage:
        """Remove the noise from one image; the result has the image's type.

        Args:
            image: PIL image, numpy array, tensor or `Picture`; see `Restorer.restore`.
            strength: standard deviation of the noise, 0 to 100 on the 0..255 scale whatever the image's own
                range; "auto" estimates it from the image (of an animation from its first frame). A `Picture`
                says the estimate in its `notes`.
            amount: how much of the noise to take away, 0 to 1; at 0 the image comes back as it was.
            progress: called with (tiles done, tiles in all).
            stop: asked before each tile; True ends the work.

        Raises:
            UsageError: strength or amount out of range, or a strength for a blind model.
            InputError, DeviceError, Stopped: see `Restorer.restore`.
        """
        for name, value in {"strength": strength, "amount": amount}.items():
            if isinstance(value, bool | np.bool_):  # to Python a number
                raise OptionError(name, f"expected a number, found {value}")
        options = DenoiseOptions(strength=strength, amount=amount)
        return self.restore(image, lambda w, h: self.plan(w, h, options), progress, stop)

    def plan(self, width: int, height: int, options: DenoiseOptions) -> Plan:
        """The plan for a picture of this size; with strength auto it is resolved from the picture's pixels.

        Raises OptionError (a UsageError): a strength for a blind model.
        """

        def at(noise_std: float, *notes: str) -> Plan:
            engine = self.engine.given(noise_std=noise_std) if self.takes_level else self.engine
            if self.takes_level and noise_std == 0:
                engine = Partly(engine, 0)  # nothing to remove
            elif options.amount < 1:
                engine = Partly(engine, options.amount)
            return Plan((engine,), (self.model,), width, height, keeps_alpha=True, notes=notes)

        def resolve(colour: np.ndarray, alpha: np.ndarray | None) -> Plan:
            # Rounded as printed, so that passing the printed value gives the same result.
            noise_std = round(estimate_std(colour if alpha is None else _seen(colour, alpha)), 1)
            how = "estimated" if self.takes_level else f"estimated; {self.model} finds it by itself"
            return at(noise_std, f"noise std {noise_std} ({how})")

        if not self.takes_level and options.strength != "auto":
            if self._of_strength is None and self._for_strength is not None:
                self._of_strength = self._for_strength()
            if self._of_strength is not None:
                return self._of_strength.plan(width, height, options)
            raise OptionError(
                "strength",
                f"expected auto for {self.model}, which finds the noise by itself, found "
                f"{options.strength:g}; use amount, or another model",
            )
        return replace(at(0), resolve=resolve) if options.strength == "auto" else at(options.strength)


class Partly(Around):
    """Blends an engine's result, weight `amount` in 0..1, with the tile itself; exact at both ends."""

    def __init__(self, engine: Engine, amount: float) -> None:
        super().__init__(engine)
        self._amount = np.float32(amount)

    @property
    def bytes_per_px(self) -> float:
        # The tile and the result, 3 channels of float32 each.
        return self._engine.bytes_per_px + 2 * 3 * 4

    def __call__(self, tiles: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
        before, after = (np.float32(transparency.opaque(np.dtype(t))) for t in (tiles.dtype, dtype))
        y = (tiles / before).clip(0, 1)
        if self._amount:
            y += self._amount * (self._engine(tiles, np.dtype(np.float32)) - y)
        y *= after
        return (y if after == 1 else np.rint(y)).astype(dtype)


def _seen(colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """The colours with transparent pixels made black, so that they do not count as noise."""
    trusted = alpha >= transparency.TRUSTED_ALPHA * transparency.opaque(alpha.dtype)
    return np.where(trusted[..., None], colour, colour.dtype.type(0))
