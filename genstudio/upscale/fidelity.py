"""Training upscalers for fidelity: L1, then MSE at the end, on bicubic reductions of good photographs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from genstudio import weights
from genstudio.data.degrade import quantize, reduce_bicubic
from genstudio.data.store import PictureStore
from genstudio.errors import UsageError, WeightsError
from genstudio.measures import fidelity
from genstudio.training.learner import OneNet, channels_last
from genstudio.training.recipe import Losses, Recipe, Update
from genstudio.upscale.compact import Compact, CompactConfig
from genstudio.upscale.rrdbnet import RRDBNet, RRDBNetConfig
from genstudio.upscale.srcnn import SRCNN, SRCNNConfig
from genstudio.upscale.srvgg import SRVGGConfig, SRVGGNet

# Low-resolution pixels cut off after the reduction: those nearer the crop's border have seen less than a
# whole kernel.
MARGIN_PX = 3
SHOWN = 4  # rows of a sheet of samples


@dataclass(frozen=True, kw_only=True)
class FidelityRecipe(Recipe):
    """Everything that decides a run. Lengths in low-resolution pixels, progress as a share of the steps."""

    net: CompactConfig | RRDBNetConfig | SRCNNConfig | SRVGGConfig
    steps: int = 40_000
    batch_size: int = 16
    clip_norm: float = 0.5
    crop_px: int = 48
    lr: float = 5e-3
    warmup: float = 0.01
    mse_after: float = 0.85
    shrunk: float = 0.0  # the share of crops that are of reduced pictures
    warm_start: str | None = None
    validation_px: int = 512

    @property
    def best_by(self) -> str | None:
        return "psnr_y"

    @property
    def best_is(self) -> Literal["least", "most"]:
        return "most"

    @property
    def min_side_px(self) -> int:
        """The shortest side a training picture may have."""
        return (self.crop_px + 2 * MARGIN_PX) * self.net.scale


class FidelityLearner(OneNet):
    """One net, one loss, one optimizer; a batch is (reduced, original) crops of the store's training part."""

    def __init__(self, recipe: FidelityRecipe, store: PictureStore | None) -> None:
        self.recipe = recipe
        super().__init__(begin(recipe), recipe.lr, recipe.warmup, store, recipe.validation_pictures)

    def batch(self, k: int, process: int) -> tuple[Tensor, Tensor]:
        """(N, 3, crop, crop) reduced and (N, 3, crop * scale, crop * scale) original, 0..1."""
        assert self.store is not None
        r, scale = self.recipe, self.recipe.net.scale
        rng = np.random.default_rng((r.seed, k, process))
        crops = self.store.crops(self.train_part, r.batch_size, r.min_side_px, rng, r.shrunk)
        original = torch.from_numpy(crops).to(self.device).permute(0, 3, 1, 2).float() / 255
        reduced = fidelity.shave(reduce_bicubic(original, scale), MARGIN_PX)
        return channels_last(reduced), channels_last(fidelity.shave(original, MARGIN_PX * scale))

    def step(self, batch: tuple[Tensor, Tensor], progress: float, update: Update) -> Losses:
        reduced, original = batch
        restored = self.wrapped(reduced)
        l1 = F.l1_loss(restored, original)
        # MSE is what PSNR counts, but a poor teacher from scratch; scaled to gradients of L1's size at this
        # stage.
        loss = l1 if progress < self.recipe.mse_after else 20 * F.mse_loss(restored, original)
        update(loss, self.optimizer, self.schedule(progress))
        return {"loss": loss, "l1": l1}

    def validate(self, net: nn.Module, samples: Path | None) -> dict[str, float]:
        """Mean Y-PSNR in dB over the held-back pictures, by the literature's protocol."""
        assert self.store is not None
        scale = self.recipe.net.scale
        scores: list[float] = []
        rows: list[np.ndarray[Any, Any]] = []
        for index in self.validation_part:
            reduced, original = validation_pair(self.store[index], scale, self.recipe.validation_px)
            restored = quantize(net(reduced.to(self.device))).cpu()
            a, b = (fidelity.shave(fidelity.luma(p), scale) for p in (restored, original))
            scores.append(fidelity.psnr(a, b).item())
            if samples is not None and len(rows) < SHOWN:
                rows.append(sample_row(reduced, restored, original))
        if samples is not None:
            Image.fromarray(np.concatenate(rows)).save(samples)
        return {"psnr_y": float(np.mean(scores))}


def begin(recipe: FidelityRecipe) -> nn.Module:
    """The recipe's net with the weights it begins with. Raises WeightsError as `warm_start` does."""
    torch.manual_seed(recipe.seed)
    net = build(recipe)
    if recipe.warm_start:
        warm_start(net, recipe.warm_start)
    return net


def build(recipe: FidelityRecipe) -> nn.Module:
    if isinstance(recipe.net, CompactConfig):
        return Compact(recipe.net)
    if isinstance(recipe.net, SRVGGConfig):
        return SRVGGNet(recipe.net)
    return SRCNN(recipe.net) if isinstance(recipe.net, SRCNNConfig) else RRDBNet(recipe.net)


def warm_start(net: nn.Module, name: str) -> None:
    """Copy into `net` every tensor of the weights `name` that fits; the tail of another scale starts
    afresh.

    Raises:
        WeightsError: there are no such weights, their file is damaged, or nothing of them fits.
    """
    try:
        _, state = weights.load(name, "upscale")
    except UsageError as error:
        raise WeightsError(
            f"expected {name}, which this recipe starts from, found none; train it first, or start from "
            "nothing with --set warm_start=null"
        ) from error
    own = net.state_dict()
    fitting = {
        key: value.float() for key, value in state.items() if key in own and value.shape == own[key].shape
    }
    if not fitting:
        raise WeightsError(f"{name}: expected weights of which some fit this net, found none; choose another")
    net.load_state_dict(own | fitting)


def validation_pair(picture: np.ndarray[Any, Any], scale: int, most_px: int) -> tuple[Tensor, Tensor]:
    """The centre of a picture and its reduction by Pillow, (1, 3, h, w) each, 0..1."""
    height, width = (min(side, most_px) // scale * scale for side in picture.shape[:2])
    top, left = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
    original = Image.fromarray(picture[top : top + height, left : left + width])
    reduced = original.resize((width // scale, height // scale), Image.Resampling.BICUBIC)
    return to_tensor(reduced), to_tensor(original)


def sample_row(
    reduced: Tensor, restored: Tensor, original: Tensor, side_px: int = 256
) -> np.ndarray[Any, Any]:
    """Bicubic | restored | original, the same centre square of each, uint8."""
    bicubic = F.interpolate(reduced, size=original.shape[-2:], mode="bicubic").clamp(0, 1)
    height, width = original.shape[-2:]
    top, left = max(0, (height - side_px) // 2), max(0, (width - side_px) // 2)
    squares = [p[0, :, top : top + side_px, left : left + side_px] for p in (bicubic, restored, original)]
    row = np.zeros((side_px, 3 * side_px, 3), np.uint8)
    pixels = (torch.cat(squares, 2) * 255).round().byte().permute(1, 2, 0).numpy()
    row[: pixels.shape[0], : pixels.shape[1]] = pixels
    return row


def to_tensor(image: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 255
