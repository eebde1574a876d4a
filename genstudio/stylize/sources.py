"""What a style is taken from: a picture in any form, or the name of one whose statistics are known."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from genstudio import images
from genstudio.errors import InputError
from genstudio.measures.style import gram
from genstudio.options import OptionError
from genstudio.restoring import alpha as transparency
from genstudio.restoring.arrays import as_array
from genstudio.restoring.lanczos import lanczos
from genstudio.stylize import styles
from genstudio.stylize.extractors import Ours
from genstudio.stylize.measure import as_tensor, measure
from genstudio.stylize.nets.fast import Fast
from genstudio.stylize.nets.transport import Statistics
from genstudio.stylize.options import LAYERS

STYLE_PX = 512  # the shorter side that style pictures are reduced to


class Source:
    """A style: `style` is a name, a path, a PIL image, an array, a tensor or a `Picture`.

    Raises:
        UsageError: no such style.
        InputError: what is no picture.
        WeightsError: the file of a named style is damaged, or of another net.
    """

    def __init__(self, style: Any, net: Fast) -> None:
        self._net = net
        self._measured: dict[float, Statistics] = {}
        self._looked: dict[tuple[nn.Module, float], dict[str, Tensor]] = {}
        self.name = str(style) if isinstance(style, str | Path) else "the style"
        self.pixels: np.ndarray | None = None
        if isinstance(style, str | Path) and not Path(style).is_file():
            name = str(style)
            if images.is_picture_name(Path(name)) or "/" in name:
                raise InputError(f"{name}: no such file; check the spelling, or see --list-styles")
            self._named = styles.load(name, styles.fingerprint(net.eyes))
        else:
            self.pixels = as_colour(style)

    def statistics(self, scale: float) -> Statistics:
        """At `scale` times the usual size. Raises OptionError for a named style at another size."""
        if self.pixels is None:
            if scale != 1:
                raise OptionError(
                    "style_scale",
                    f"expected a picture as style, found {self.name}, which is statistics of one size; "
                    "leave it out, or give a picture",
                )
            return self._named
        if scale not in self._measured:
            self._measured[scale] = measure(self._net, [(self._sized(scale), None)])
        return self._measured[scale]

    def grams(self, extractor: nn.Module, layers: Sequence[str], scale: float) -> Mapping[str, Tensor]:
        """By layer, (1, C, C). Raises OptionError for a named style where the extractor is not ours."""
        if (extractor, scale) not in self._looked:
            self._looked[extractor, scale] = self._look(extractor, scale)
        return {layer: self._looked[extractor, scale][layer] for layer in layers}

    def _look(self, extractor: nn.Module, scale: float) -> dict[str, Tensor]:
        device = self._net.device
        if self.pixels is not None:
            with torch.no_grad():
                found = extractor(as_tensor(self._sized(scale), device))
            return {layer: gram(each) for layer, each in found.items()}
        if not isinstance(extractor, Ours):
            raise OptionError(
                "extractor",
                f"expected encoder for {self.name}, which is statistics of its features; leave it out, or "
                "give a picture",
            )
        known = styles.load_grams(self.name, styles.fingerprint(extractor.encoder))
        return {layer: each.to(device) for layer, each in zip(LAYERS, known, strict=True)}

    def _sized(self, scale: float) -> np.ndarray:
        assert self.pixels is not None
        height, width = self.pixels.shape[:2]
        factor = min(1.0, STYLE_PX / min(height, width)) * scale
        return resized(self.pixels, max(1, round(height * factor)), max(1, round(width * factor)))


def as_colour(picture: Any) -> np.ndarray:
    """Any picture, or the path of one, as (H, W, 3); what is transparent takes the colours around it."""
    array = read_array(picture)
    if array.shape[2] < 3:
        array = in_colour(array)
    colour: np.ndarray = array[..., :3]
    return transparency.filled(colour, array[..., 3]) if array.shape[2] == 4 else colour


def read_array(picture: Any) -> np.ndarray:
    """Any picture, or the path of one, as (H, W, 1..4); of an animation the first frame."""
    return as_array(images.read(Path(picture)) if isinstance(picture, str | Path) else picture)


def in_colour(array: np.ndarray) -> np.ndarray:
    """Grey (H, W, 1 or 2) as three equal channels, with its alpha; colour as it is."""
    if array.shape[2] >= 3:
        return array
    return np.concatenate([array[..., :1]] * 3 + [array[..., 1:]], axis=2)


def as_mask(picture: Any) -> np.ndarray:
    """Any picture, or the path of one, as (H, W) float32: its lightness in 0..1, times its opacity."""
    array = read_array(picture)
    array = array.astype(np.float32) / np.float32(transparency.opaque(array.dtype))
    light: np.ndarray = array[..., :3].mean(2) if array.shape[2] >= 3 else array[..., 0]
    return light * array[..., -1] if array.shape[2] in (2, 4) else light


def resized(array: np.ndarray, height: int, width: int) -> np.ndarray:
    """(H, W, C) brought to a size by Lanczos."""
    if array.shape[:2] == (height, width):
        return array
    into = np.empty((height, width, array.shape[2]), array.dtype)
    lanczos([array], array.shape[0], into)
    return into
