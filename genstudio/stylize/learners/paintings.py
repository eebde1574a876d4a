"""Cut-outs of paintings and photographs for training: at many scales, hues turned."""

import math
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from genstudio.data.store import PictureStore
from genstudio.stylize.colours import FROM_YCC, TO_YCC

Pixels = np.ndarray[Any, np.dtype[np.uint8]]  # (N, H, W, 3)


def scaled_crops(
    store: PictureStore,
    indices: list[int],
    count: int,
    crop_px: int,
    rng: np.random.Generator,
    *,
    turned: bool,
) -> Pixels:
    """Random squares of `crop_px`, each picture as likely as any other, mirrored at random.

    A square shows from the whole shorter side down to 0.6 `crop_px`, enlarged; small parts are as likely as
    large ones. With `turned`, it may stand in any of four directions.
    """
    out = np.empty((count, crop_px, crop_px, 3), np.uint8)
    for k, i in enumerate(rng.choice(indices, size=count)):
        picture = store[int(i)]
        most = min(picture.shape[:2])
        least = min(most, round(crop_px * 0.6))
        px = round(math.exp(rng.uniform(math.log(least), math.log(most))))
        y = int(rng.integers(picture.shape[0] - px + 1))
        x = int(rng.integers(picture.shape[1] - px + 1))
        part = Image.fromarray(picture[y : y + px, x : x + px])
        crop = np.asarray(part.resize((crop_px, crop_px), Image.Resampling.BICUBIC))
        crop = np.rot90(crop, int(rng.integers(4))) if turned else crop
        out[k] = crop[:, ::-1] if rng.integers(2) else crop
    return out


def recoloured(paintings: Tensor, rng: np.random.Generator, share: float) -> Tensor:
    """A `share` of paintings (N, 3, H, W), 0..1, with hues turned by any angle, chroma and contrast changed:
    a few hundred paintings show few of the palettes there are."""
    to_ycc, from_ycc = (torch.from_numpy(m).to(paintings.device) for m in (TO_YCC, FROM_YCC))
    changed = []
    for painting in paintings:
        if rng.random() >= share:
            changed.append(painting)
            continue
        angle = rng.uniform(0, 2 * math.pi)
        chroma, contrast = math.exp(rng.normal(0.1, 0.3)), math.exp(rng.normal(0, 0.15))
        turn = torch.eye(3)
        turn[1:, 1:] = chroma * torch.tensor(
            ((math.cos(angle), -math.sin(angle)), (math.sin(angle), math.cos(angle)))
        )
        matrix = from_ycc @ turn.to(paintings.device) @ to_ycc
        mean = painting.mean()
        painting = torch.einsum("ij,jhw->ihw", matrix, painting)
        changed.append(((painting - mean) * contrast + mean).clamp(0, 1))
    return torch.stack(changed)
