"""Saying what is on a picture: the net, and the squares it looks at."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from PIL import Image

from genstudio import weights
from genstudio.classify.options import ClassifierOptions, ClassifyOptions
from genstudio.data.square import square
from genstudio.errors import UsageError
from genstudio.restoring.arrays import as_array

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
        net: what is asked; its embeddings are given by `features.extractor("classify/NAME")`.
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

    def __call__(self, image: Any, *, top: int = 3) -> list[Guess]:
        """The `top` likeliest classes of one picture, the likeliest first; `len(classes)` gives them all.

        Raises InputError for what is no picture, UsageError for a `top` below 1.
        """
        top = ClassifyOptions(top=top).top
        (row,) = self.probabilities([image])
        order = row.argsort()[::-1][:top].tolist()
        return [Guess(self.classes[k], float(row[k])) for k in order]

    def probabilities(self, pictures: Iterable[Any]) -> npt.NDArray[np.float32]:
        """(N, classes), each row's sum 1: of each picture and its mirror image, at the fitted temperature."""
        from genstudio.classify.classifier import logits_of

        found: npt.NDArray[np.float32] = logits_of(self.net, self.squares(pictures)).softmax(1).numpy()
        return found

    def explain(
        self, image: Any, label: str | None = None, guesses: Sequence[Guess] | None = None
    ) -> Image.Image:
        """The picture beside where the net saw `label` (its first guess if not given) in it, with captions.

        `guesses` are all that the net says of the picture, where it has been asked already.

        Raises UsageError for a label that is none of the net's, InputError for what is no picture.
        """
        from genstudio.classify.explain import PANEL_PX, page

        guesses = self(image, top=len(self.classes)) if guesses is None else guesses
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
    array = as_array(picture)
    return array if array.dtype != np.float32 else np.rint(array * 255).astype(np.uint8)
