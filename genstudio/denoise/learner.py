"""Training denoisers: good photographs made noisy, the net told how much, L1 to the clean picture.

Where there are no clean pictures, a recipe with clean=none learns from the noisy ones (`NeighbourLearner`).
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from genstudio import weights
from genstudio.data import noise
from genstudio.data.degrade import quantize
from genstudio.data.drawings import drawing
from genstudio.data.noise_level import estimate_std
from genstudio.data.store import PictureStore
from genstudio.denoise import neighbours
from genstudio.denoise.dae import DAE, DAEConfig
from genstudio.denoise.dae_plain import DAEPlain, DAEPlainConfig
from genstudio.errors import WeightsError
from genstudio.measures import fidelity
from genstudio.training.learner import OneNet, channels_last
from genstudio.training.recipe import Losses, Recipe, Update

VALIDATION_STD = (15, 25, 50)
PHOTO_STD = (0, 25)  # 0 stands for a camera's
SHOWN = 4  # rows of a sheet of samples


@dataclass(frozen=True, kw_only=True)
class DenoiseRecipe(Recipe):
    """Everything that decides a run. Noise levels are standard deviations on the 0..255 scale, progress a
    share of the steps, and a share `shrunk` of the crops is of reduced pictures.

    With gaussian noise every crop gets a level of its own, of 0 to `most_noise`; with photo noise a share
    `white` gets that instead, in 8 bits and half of it JPEG, for not all noise is a camera's, and a share
    `untouched` none, so that the net learns to leave clean pictures clean. A share `drawn` of the crops are
    drawings in place of photographs, with photo noise half of them untouched. A share `grey` is made grey,
    noise included: there the channels' noise is one and the same, which a net that has only seen colour takes
    for texture. With `clean` "none" the pictures are noisy as they are and nothing is done to them.
    """

    net: DAEConfig | DAEPlainConfig
    steps: int = 20_000
    batch_size: int = 16
    clip_norm: float = 0.5
    crop_px: int = 64
    lr: float = 2e-3
    warmup: float = 0.01
    noise: Literal["gaussian", "photo"] = "gaussian"
    clean: Literal["given", "none"] = "given"
    most_noise: float = 75.0
    white: float = 0.0
    untouched: float = 0.125
    grey: float = 0.125
    drawn: float = 0.0
    shrunk: float = 0.0
    mse_after: float = 1.0
    warm_start: str | None = None
    validation_px: int = 256

    @property
    def best_by(self) -> str | None:
        if self.clean == "none":
            return "psnr_neighbour"
        return "psnr_photo" if self.noise == "photo" else "psnr_25"

    @property
    def best_is(self) -> Literal["least", "most"]:
        return "most"

    @property
    def min_side_px(self) -> int:
        """The shortest side a training picture may have."""
        return self.crop_px * (2 if self.clean == "none" else 1)


class DenoiseLearner(OneNet):
    """One net, one loss, one optimizer; a batch is (noisy, noise level, clean) crops of the store."""

    def __init__(self, recipe: DenoiseRecipe, store: PictureStore | None) -> None:
        self.recipe = recipe
        torch.manual_seed(recipe.seed)
        net = build(recipe.net)
        if recipe.warm_start:
            warm_start(net, recipe.net, recipe.warm_start)
        super().__init__(net, recipe.lr, recipe.warmup, store, recipe.validation_pictures)

    def batch(self, k: int, process: int) -> tuple[Tensor, Tensor, Tensor]:
        """Noisy (N, 3, crop, crop), level of its noise (N,), clean (N, 3, crop, crop)."""
        assert self.store is not None
        r = self.recipe
        rng = np.random.default_rng((r.seed, k, process))
        crops = self.store.crops(self.train_part, r.batch_size, r.crop_px, rng, r.shrunk)
        drawn = rng.random(r.batch_size) < r.drawn
        for index in np.flatnonzero(drawn):
            crops[index] = drawing(r.crop_px, rng)
        clean = torch.from_numpy(crops).to(self.device).permute(0, 3, 1, 2).float() / 255
        generator = noise.generator(int(rng.integers(2**62)), self.device)
        std = torch.from_numpy(rng.uniform(0, r.most_noise, r.batch_size)).to(self.device, torch.float32)

        def some(share: float) -> Tensor:
            # Each crop for itself: in batches of any size, and grey with every kind of noise.
            return torch.from_numpy(rng.random(r.batch_size) < share).to(self.device)

        if r.noise == "gaussian":
            noisy = noise.gaussian(clean, std, generator)
        else:
            noisy = noise.photo(clean, generator)
            white, untouched = some(r.white), some(r.untouched)
            noisy[white] = noise.filed(noise.gaussian(clean[white], std[white], generator), generator)
            untouched |= torch.from_numpy(drawn).to(self.device) & some(0.5)
            noisy[untouched] = clean[untouched]
        grey = some(r.grey)
        noisy[grey], clean[grey] = noise.one_channel(noisy[grey]), noise.one_channel(clean[grey])
        return channels_last(noisy), std, channels_last(clean)

    def step(self, batch: tuple[Tensor, Tensor, Tensor], progress: float, update: Update) -> Losses:
        noisy, std, clean = batch
        distance = F.l1_loss if progress < self.recipe.mse_after else F.mse_loss
        loss = distance(self.wrapped(noisy, std), clean)
        update(loss, self.optimizer, self.schedule(progress))
        return {"loss": loss}

    def validate(self, net: nn.Module, samples: Path | None) -> dict[str, float]:
        """Mean RGB-PSNR in dB over the held-back pictures, at each level of `VALIDATION_STD`; of a recipe for
        photos of `PHOTO_STD`."""
        assert self.store is not None
        scores: dict[str, list[float]] = {}
        rows: list[Tensor] = []
        for index in self.validation_part:
            clean = centre(self.store[index], self.recipe.validation_px).to(self.device)
            for std in VALIDATION_STD if self.recipe.noise == "gaussian" else PHOTO_STD:
                dice = noise.generator(index, self.device)
                noisy = noise.gaussian(clean, std, dice) if std else noise.photo(clean, dice)
                restored = quantize(net(noisy, float(std)))
                name = f"psnr_{std or 'photo'}"
                scores.setdefault(name, []).append(fidelity.psnr(restored, clean, peak=1).item())
                if samples is not None and len(rows) < SHOWN and std in (0, VALIDATION_STD[1]):
                    rows.append(torch.cat((noisy, restored, clean), 3))
        if samples is not None:
            save_sheet(rows, samples)
        return {name: float(np.mean(values)) for name, values in scores.items()}


class NeighbourLearner(DenoiseLearner):
    """Learns from noisy pictures alone, from one pixel of them to its neighbour: see `neighbours`."""

    def __init__(self, recipe: DenoiseRecipe, store: PictureStore | None) -> None:
        super().__init__(recipe, store)
        self._levels: dict[int, float] = {}

    def level(self, index: int) -> float:
        """The noise of a picture of the store, as it will be estimated when the net is used."""
        assert self.store is not None
        if index not in self._levels:
            self._levels[index] = estimate_std(self.store[index])
        return self._levels[index]

    def batch(self, k: int, process: int) -> tuple[Tensor, Tensor, Tensor]:
        """Noisy (N, 3, 2 * crop, 2 * crop), its level as estimated (N,), each cell's pair (N, crop, crop)."""
        assert self.store is not None
        r = self.recipe
        rng = np.random.default_rng((r.seed, k, process))
        chosen = [int(i) for i in rng.choice(self.train_part, r.batch_size)]
        crops = np.concatenate([self.store.crops([i], 1, r.min_side_px, rng) for i in chosen])
        noisy = torch.from_numpy(crops).to(self.device).permute(0, 3, 1, 2).float() / 255
        std = torch.tensor([self.level(i) for i in chosen], device=self.device)
        pairs = neighbours.draw(rng, r.batch_size, r.crop_px, r.crop_px).to(self.device)
        return channels_last(noisy), std, pairs

    def step(self, batch: tuple[Tensor, Tensor, Tensor], progress: float, update: Update) -> Losses:
        told, alike = neighbours.losses(self.wrapped, *batch)
        update(told + progress * neighbours.GAMMA * alike, self.optimizer, self.schedule(progress))
        return {"loss": told, "alike": alike}

    def validate(self, net: nn.Module, samples: Path | None) -> dict[str, float]:
        """How well the net tells one neighbour from the other in the held-back pictures, in dB: the noise of
        both is in it, so it says which of two nets is better and not how good they are."""
        assert self.store is not None
        scores: list[float] = []
        rows: list[Tensor] = []
        for index in self.validation_part:
            noisy = centre(self.store[index], self.recipe.validation_px).to(self.device)
            height, width = (side // 2 for side in noisy.shape[2:])
            noisy = noisy[..., : 2 * height, : 2 * width]
            pairs = neighbours.draw(np.random.default_rng(index), 1, height, width).to(self.device)
            first, second = neighbours.split(noisy, pairs)
            scores.append(fidelity.psnr(net(first, self.level(index)), second, peak=1).item())
            if samples is not None and len(rows) < SHOWN:
                rows.append(torch.cat((noisy, net(noisy, self.level(index))), 3))
        if samples is not None:
            save_sheet(rows, samples)
        return {"psnr_neighbour": float(np.mean(scores))}


def build(config: DAEConfig | DAEPlainConfig) -> nn.Module:
    return DAE(config) if isinstance(config, DAEConfig) else DAEPlain(config)


def warm_start(net: nn.Module, config: DAEConfig | DAEPlainConfig, name: str) -> None:
    """Copy into `net` the weights `name`, of a net of the same sizes, whether or not it is told the level.

    Raises WeightsError where the sizes differ.
    """
    header, state = weights.load(name, "denoise")
    either = {"told": None}
    if header.config | either != asdict(config) | either:
        raise WeightsError(
            f"{name}: expected a net like {config}, found {header.config}; choose another warm_start"
        )
    own = net.state_dict()
    for key, value in state.items():
        # Only the first layer can differ, by the level's channel, which is its last.
        channels = min(own[key].shape[1], value.shape[1])
        own[key][:, :channels] = value[:, :channels]
    net.load_state_dict(own)


def centre(picture: np.ndarray[Any, Any], most_px: int) -> Tensor:
    """The centre of a picture (H, W, 3) uint8, at most `most_px` a side, as (1, 3, h, w) in 0..1."""
    height, width = (min(side, most_px) for side in picture.shape[:2])
    top, left = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
    cut = torch.from_numpy(picture[top : top + height, left : left + width].copy())
    return cut.permute(2, 0, 1)[None].float() / 255


def save_sheet(rows: list[Tensor], path: Path) -> None:
    """Rows (1, 3, h, w), one above the other, as one picture."""
    height, width = sum(row.shape[2] for row in rows), max(row.shape[3] for row in rows)
    sheet = Image.new("RGB", (width, height))
    top = 0
    for row in rows:
        pixels = (quantize(row)[0] * 255).round().byte().permute(1, 2, 0).cpu().numpy()
        sheet.paste(Image.fromarray(pixels), (0, top))
        top += row.shape[2]
    sheet.save(path)
