"""Saying what is on a picture: the net, and the squares it looks at."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from PIL import Image

from genstudio import images, weights
from genstudio.classify.options import ClassifierOptions
from genstudio.data.square import square
from genstudio.errors import InputError, UsageError
from genstudio.pipeline import checked

if TYPE_CHECKING:
    import torch

    from genstudio.classify.classifier import Classifier


class Guess(NamedTuple):
    """A class and how likely it is, 0..1."""

    label: str
    probability: float


class Classify:
    """Says what is on pictures.

        Classify.from_weights("flowers")(Image.open("rose.jpg"))[0]      # Guess("roses", 0.93)

    Pictures are PIL images, numpy arrays (H, W) or (H, W, C) and tensors (C, H, W), C 1..4, of uint8, uint16
    or floats in 0..1, or `Picture`s; of an animation the first frame counts. The net looks at the centre
    square.

    Attributes:
        net: what is asked; `net.features(x)` gives embeddings of (N, 3, side, side) in 0..1.
        classes: their names, in the order of the net's logits.
        side_px: the side of the squares.
        model: its name, for reports.
    """

    def __init__(self, net: "Classifier", *, model: str) -> None:
        self.net = net
        self.classes: tuple[str, ...] = tuple(net.config.classes)
        self.side_px: int = net.config.side_px
        self.model = model

    @classmethod
    def from_weights(cls, model: str | Path = "cifar10", *, device: "str | torch.device" = "auto") -> Self:
        """A classifier with weights, which computes in float32.

        Args:
            model: a name ("cifar10", "flowers"), or the path of a file.
            device: "auto", "cpu", "cuda", "cuda:1" or "mps"; or a torch.device.

        Raises:
            UsageError: an unknown model or device.
            WeightsError: a file that is missing or damaged.
            DeviceError: a device this machine lacks.
        """
        from genstudio import device as devices

        chosen = devices.pick(device)
        _, net = weights.load_net(model, "classify")
        facts: Any = net.to(chosen).requires_grad_(False)
        return cls(facts, model=Path(model).stem)

    @classmethod
    def from_options(cls, options: ClassifierOptions) -> Self:
        """A classifier as the shell's options say. Raises as `from_weights` does."""
        return cls.from_weights(options.model, device=options.device)

    def __call__(self, image: Any, *, top: int | None = None) -> list[Guess]:
        """The classes of one picture, the likeliest first: all of them, or `top`.

        Raises InputError for what is no picture.
        """
        (row,) = self.probabilities([image])
        order = row.argsort()[::-1][:top].tolist()
        return [Guess(self.classes[k], float(row[k])) for k in order]

    def probabilities(self, pictures: Iterable[Any]) -> npt.NDArray[np.float32]:
        """(N, classes), each row's sum 1: of each picture and its mirror image, at the fitted temperature."""
        from genstudio.classify.classifier import logits_of

        found: npt.NDArray[np.float32] = logits_of(self.net, self.squares(pictures)).softmax(1).numpy()
        return found

    def features(self, pictures: Iterable[Any]) -> npt.NDArray[np.float32]:
        """The embeddings (N, D) of pictures, which do not depend on how many are asked for at a time."""
        import torch

        from genstudio.classify.classifier import as_input, batches

        device = next(self.net.parameters()).device
        with torch.no_grad():
            some = [self.net.features(as_input(b.to(device))).cpu() for b in batches(self.squares(pictures))]
        return torch.cat(some).numpy()

    def explain(self, image: Any, label: str | None = None) -> Image.Image:
        """The picture beside where the net saw `label` (its first guess if not given) in it, with captions.

        Raises UsageError for a label that is none of the net's, InputError for what is no picture.
        """
        from genstudio.classify.explain import PANEL_PX, page

        guesses = self(image)
        label = guesses[0].label if label is None else label
        heat = self.attention([image], [label])[0]
        others = ", ".join(f"{g.label} {g.probability:.1%}" for g in guesses[:3] if g.label != label)
        return page(square(_array(image), PANEL_PX), heat, f"{label} {dict(guesses)[label]:.1%}", others)

    def attention(self, pictures: Sequence[Any], labels: Sequence[str]) -> npt.NDArray[np.float32]:
        """Where the net saw its label in each picture's square: (N, side, side). Raises as `explain`."""
        import torch

        from genstudio.classify.classifier import as_input, batches
        from genstudio.classify.explain import attention

        unknown = sorted(set(labels) - set(self.classes))
        if unknown:
            known = ", ".join(self.classes)
            raise UsageError(f"expected a class of {self.model} ({known}), found {unknown[0]!r}")
        places = torch.tensor([self.classes.index(label) for label in labels])
        device = next(self.net.parameters()).device
        some = batches(self.squares(pictures))
        parts = zip(some, torch.split(places, len(some[0])), strict=True)
        found = [attention(self.net, as_input(b.to(device)), at.to(device)).cpu() for b, at in parts]
        return torch.cat(found).numpy()

    def squares(self, pictures: Iterable[Any]) -> "torch.Tensor":
        """What the net looks at of pictures: (N, side, side, 3) uint8."""
        import torch

        return torch.from_numpy(np.stack([square(_array(picture), self.side_px) for picture in pictures]))


def _array(picture: Any) -> np.ndarray:
    """Any picture as (H, W, 1..4) uint8 or uint16. Raises InputError for what is none."""
    if isinstance(picture, Image.Image):
        picture = images.from_pil(picture)
    if isinstance(picture, images.Picture):
        return next(iter(picture.frames))
    if hasattr(picture, "detach"):  # a tensor, told without importing torch
        picture = picture.detach().cpu().numpy()
        picture = np.moveaxis(picture, 0, -1) if picture.ndim == 3 else picture
    if not isinstance(picture, np.ndarray):
        raise InputError(
            "expected a PIL image, a numpy array, a torch tensor or a Picture, found "
            f"{type(picture).__name__}; open files with PIL.Image.open or genstudio.images.read"
        )
    array = checked(picture if picture.ndim == 3 else picture[..., None], picture)
    return array if array.dtype != np.float32 else np.rint(array * 255).astype(np.uint8)
