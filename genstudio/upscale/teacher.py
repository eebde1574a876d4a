"""A published upscaler that others learn from: the largest net that answers well, whatever it costs."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genstudio.data.artworks import artwork
from genstudio.data.lessons import Records, learn
from genstudio.data.store import PictureStore, store_cache
from genstudio.engines import community
from genstudio.errors import UsageError
from genstudio.training.progress import Progress
from genstudio.upscale.taught import TaughtRecipe


class Teacher:
    """(N, 3, h, w) in 0..1 -> (N, 3, h * scale, w * scale) on the CPU, by any upscaler that spandrel reads.

    It runs in bfloat16; on a processor by OpenVINO, which takes half of torch's time. A teacher of twice the
    `scale` serves as well: what it answers is reduced.

    Raises:
        UsageError: the file holds a model that enlarges otherwise, or not RGB.
        WeightsError: it is missing, damaged or refused.
    """

    def __init__(self, path: Path, scale: int) -> None:
        model = community.describe(path)
        self.reduction = model.scale // scale
        if model.scale not in (scale, 2 * scale) or model.input_channels != 3:
            raise UsageError(
                f"expected a teacher that enlarges RGB pictures {scale} or {2 * scale} times, found {path} "
                f"({model.architecture.name}, x{model.scale}); choose another"
            )
        self.sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        self.net = model.model.eval()
        self.compiled: Any = None

    @torch.inference_mode()
    def __call__(self, pictures: Tensor) -> Tensor:
        answer = self._on_gpu(pictures) if torch.cuda.is_available() else self._on_cpu(pictures)
        if self.reduction == 1:
            return answer
        factor = 1 / self.reduction
        return torch.nn.functional.interpolate(answer, scale_factor=factor, mode="bicubic", antialias=True)

    def _on_gpu(self, pictures: Tensor) -> Tensor:
        answer: Tensor = self.net.to("cuda", torch.bfloat16)(pictures.to("cuda", torch.bfloat16))
        return answer.float().cpu()

    def _on_cpu(self, pictures: Tensor) -> Tensor:
        if self.compiled is None:
            from genstudio.engines import choosing, openvino_convert

            net = openvino_convert.graph(self.net.float(), pictures)  # lessons are all of one size
            hint = {"INFERENCE_PRECISION_HINT": "bf16"}
            self.compiled = choosing.core().compile_model(net, "CPU", hint)
        return torch.from_numpy(np.array(self.compiled(pictures.numpy())[0]))


@dataclass(frozen=True)
class Schooling:
    """The pictures a net is validated on, and the lessons on the others."""

    store: PictureStore
    records: Records

    def __len__(self) -> int:
        return len(self.store)


def school(recipe: TaughtRecipe, store: PictureStore, teacher: Path) -> Schooling:
    """A teacher's answers to the training part of `store`, kept in the user's cache.

    Raises UsageError and WeightsError as `Teacher` does.
    """
    plan, scale = recipe.lessons, recipe.net.scale
    answer = Teacher(teacher, scale)
    path = store_cache() / f"lessons-{plan.key(store, scale, answer.sha256, recipe.seed)}.bin"
    title = f"{plan.count} answers of {teacher.stem}, {plan.bytes(scale) / 1e9:.1f} GB"
    with Progress(title, plan.count, 0, enabled=True) as progress:

        def show(done: int, _: int) -> None:
            progress.step(done)

        records = learn(
            path,
            plan,
            store,
            store.split()[0],
            artwork,
            answer,
            scale=scale,
            seed=recipe.seed,
            progress=show,
        )
    return Schooling(store, records)
