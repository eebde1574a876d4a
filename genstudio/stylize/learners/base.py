"""What both learners share: two stores of pictures, photographs and paintings, cut out at one scale."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from accelerate import Accelerator
from PIL import Image
from torch import Tensor, nn

from genstudio.data.store import PictureStore
from genstudio.training.learner import OneNet, channels_last, spread
from genstudio.training.optimizer import muon
from genstudio.training.recipe import Recipe

Channels = np.ndarray[Any, np.dtype[np.uint8]]  # (..., H, W, 3)


@dataclass(frozen=True, kw_only=True)
class StyleRecipe(Recipe):
    """Cut-outs are `crop_px` a side. Photographs, a megapixel or more, are reduced `reduction` times before,
    so that what is cut out shows something; paintings are taken as they are."""

    crop_px: int
    reduction: int = 2
    lr: float
    warmup: float = 0.02
    warm_start: str | None = None
    validation_px: int = 256

    @property
    def largest_px(self) -> int:
        """The side of the largest cut-out."""
        return max(self.crop_px, self.validation_px)

    @property
    def min_side_px(self) -> int:
        """The shortest side a photograph may have."""
        return self.largest_px * self.reduction

    @property
    def style_side_px(self) -> int:
        """The shortest side a painting may have."""
        return self.largest_px


@dataclass(frozen=True)
class Stores:
    """What a learner draws from."""

    photos: PictureStore
    paintings: PictureStore

    def __len__(self) -> int:
        return len(self.photos) + len(self.paintings)


class StyleLearner(OneNet):
    """One net, of which `learns` is what learns; without stores it can only load and export."""

    def __init__(self, net: nn.Module, learns: nn.Module, recipe: StyleRecipe, stores: Stores | None) -> None:
        most = recipe.validation_pictures
        super().__init__(net, recipe.lr, recipe.warmup, stores.photos if stores else None, most)
        self.optimizer = muon(learns, recipe.lr)
        self.reduction = recipe.reduction
        self.validation_px = recipe.validation_px
        self.autocast: Callable[[], AbstractContextManager[Any]] = nullcontext
        self.judge: nn.Module | None = None  # stands still; made by those that learn
        self.paintings = stores.paintings if stores else None
        if self.paintings is not None:
            self.paintings_train, held_back = self.paintings.split()
            self.paintings_validation = spread(held_back, most)

    def prepare(self, accelerator: Accelerator) -> list[nn.Module]:
        nets = super().prepare(accelerator)
        if self.judge is not None:
            self.judge.to(self.device)
        self.autocast = accelerator.autocast
        return nets

    def photos(self, count: int, crop_px: int, rng: np.random.Generator) -> Tensor:
        """Random cut-outs of the training photographs, (count, 3, crop_px, crop_px), 0..1."""
        assert self.store is not None
        crops = self.store.crops(self.train_part, count, crop_px * self.reduction, rng)
        return reduced(self.tensor(crops), self.reduction)

    def styles(self, count: int, crop_px: int, rng: np.random.Generator) -> Tensor:
        """Random cut-outs of the training paintings, half of them with their channels exchanged: a few
        hundred paintings show few of the colours there are."""
        assert self.paintings is not None
        crops = self.paintings.crops(self.paintings_train, count, crop_px, rng)
        for crop in crops[: count // 2]:
            crop[:] = crop[..., rng.permutation(3)]
        return self.tensor(crops)

    def held_back(self) -> tuple[Tensor, Tensor]:
        """The centres of the held-back photographs and paintings, as many of one as of the other."""
        assert self.store is not None
        assert self.paintings is not None
        side, reduction = self.validation_px, self.reduction
        photos = np.stack([centre(self.store[i], side * reduction) for i in self.validation_part])
        paintings = np.stack([centre(self.paintings[i], side) for i in self.paintings_validation])
        count = min(len(photos), len(paintings))
        return reduced(self.tensor(photos[:count]), reduction), self.tensor(paintings[:count])

    def tensor(self, pixels: Channels) -> Tensor:
        return channels_last(torch.from_numpy(pixels).to(self.device).permute(0, 3, 1, 2).float() / 255)


def reduced(pictures: Tensor, times: int) -> Tensor:
    if times == 1:
        return pictures
    small = F.interpolate(pictures, scale_factor=1 / times, mode="bicubic", antialias=True)
    return channels_last(small.clamp(0, 1))


def centre(picture: Channels, side_px: int) -> Channels:
    top, left = ((side - side_px) // 2 for side in picture.shape[:2])
    return picture[top : top + side_px, left : left + side_px].copy()


def save_sheet(rows: Sequence[Sequence[Tensor]], path: Path) -> None:
    """Pictures (3, H, W) of one size in rows, as one picture."""
    sheet = torch.cat([torch.cat([p.float().cpu() for p in row], 2) for row in rows], 1)
    pixels = (sheet.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    Image.fromarray(pixels).save(path)
