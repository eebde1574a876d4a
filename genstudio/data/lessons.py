"""What a teacher answers to damaged pictures, computed once: a file of (input, answer, original) squares.

    clean | web | photo        reductions of a picture: what it was reduced from is known, and is kept as well
    own size | own size, web   the picture itself: nothing is known of it but the answer

The file holds records of one size and only grows: a run that was interrupted goes on after the last whole
group of records, and a larger number asked for later costs only the difference. A group is decided by the
plan, the pictures, the seed and its place.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genstudio.data.degrade import GROUP, photo, quantize, reduce_bicubic, web
from genstudio.data.store import PictureStore

KINDS = ("clean", "web", "photo", "own size", "own size, web")
MARGIN_PX = 3  # pixels of an input whose damage saw the border of its original
Records = Any  # a structured memory map: kind, input, answer, original
Answer = Callable[[Tensor], Tensor]
Draw = Callable[[int, np.random.Generator], "np.ndarray[Any, np.dtype[np.uint8]]"]


@dataclass(frozen=True)
class LessonPlan:
    """How lessons are made: `count` of them, each of an input of `input_px`.

    `clean`, `web`, `photo` and `own` are the shares of damage; own size is clean half of the time. `drawn`
    is the share of made-up pictures, `grey` of those without colours, `shrunk` of those that were reduced
    before.
    """

    count: int = 8_000
    input_px: int = 72
    clean: float = 0.2
    web: float = 0.4
    photo: float = 0.25
    own: float = 0.15
    drawn: float = 0.08
    grey: float = 0.04
    shrunk: float = 0.5

    def min_side_px(self, scale: int) -> int:
        """The shortest side that a picture may have."""
        return (self.input_px + 2 * MARGIN_PX) * scale

    def record(self, scale: int) -> "np.dtype[Any]":
        """One lesson: pictures (height, width, 3), answers and originals `scale` times as large."""
        large = (self.input_px * scale, self.input_px * scale, 3)
        return np.dtype(
            [
                ("kind", np.uint8),
                ("input", np.uint8, (self.input_px, self.input_px, 3)),
                ("answer", np.uint8, large),
                ("original", np.uint8, large),
            ]
        )

    def bytes(self, scale: int) -> int:
        """Of the whole file."""
        return self.count * self.record(scale).itemsize

    def key(self, store: PictureStore, scale: int, teacher_sha256: str, seed: int) -> str:
        """Decided by all that decides a record: a name for the file."""
        decides = {k: v for k, v in asdict(self).items() if k != "count"}
        pictures = [asdict(entry) for entry in store.entries]
        text = json.dumps([decides, pictures, scale, teacher_sha256, seed])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def learn(
    path: Path,
    plan: LessonPlan,
    store: PictureStore,
    part: Sequence[int],
    draw: Draw,
    answer: Answer,
    *,
    scale: int,
    seed: int,
    progress: Callable[[int, int], None],
) -> Records:
    """The `plan.count` lessons in `path`, of which those that are missing are made first.

    Args:
        part: indices of the pictures in `store` to learn from.
        draw: makes a picture of this side.
        answer: the teacher, (N, 3, h, w) in 0..1 -> (N, 3, h * scale, w * scale).
        progress: called with (lessons there are, lessons in all) after each group.
    """
    record = plan.record(scale)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("r+b" if path.is_file() else "wb") as file:
        made = file.seek(0, 2) // record.itemsize // GROUP * GROUP
        if made < plan.count:
            file.truncate(made * record.itemsize)
            file.seek(0, 2)
        for first in range(made, plan.count, GROUP):
            file.write(_group(plan, store, part, draw, answer, scale, (seed, first)).tobytes())
            progress(min(first + GROUP, plan.count), plan.count)
    return np.memmap(path, record, mode="r", shape=(plan.count,))


def squares(records: Records, count: int, size_px: int, rng: np.random.Generator) -> list[Any]:
    """`count` random lessons, each a random square in one of its eight poses.

    Returns:
        Kinds (N,), inputs (N, size, size, 3), answers and originals (N, size * scale, size * scale, 3).
    """
    chosen = records[np.sort(rng.integers(len(records), size=count))]
    input_px = chosen["input"].shape[1]
    y, x = rng.integers(input_px - size_px + 1, size=(2, count))
    turns, mirrored = rng.integers(4, size=count), rng.integers(2, size=count)
    out = [chosen["kind"]]
    for field in ("input", "answer", "original"):
        times = chosen[field].shape[1] // input_px
        px = size_px * times
        crops = np.empty((count, px, px, 3), np.uint8)
        for k in range(count):
            top, left = int(y[k]) * times, int(x[k]) * times
            crop = np.rot90(chosen[field][k, top : top + px, left : left + px], int(turns[k]))
            crops[k] = crop[:, ::-1] if mirrored[k] else crop
        out.append(crops)
    return out


def _group(
    plan: LessonPlan,
    store: PictureStore,
    part: Sequence[int],
    draw: Draw,
    answer: Answer,
    large: int,
    seed: tuple[int, int],
) -> Records:
    """`GROUP` lessons of one kind."""
    rng = np.random.default_rng(seed)
    shares = np.array([plan.clean, plan.web, plan.photo, plan.own / 2, plan.own / 2])
    kind = KINDS[rng.choice(len(KINDS), p=shares / shares.sum())]
    scale = 1 if kind.startswith("own") else large
    px = (plan.input_px + 2 * MARGIN_PX) * scale
    crops = store.crops(list(part), GROUP, px, rng, plan.shrunk)
    for each in crops:
        if rng.random() < plan.drawn:
            each[:] = draw(px, rng)
        if rng.random() < plan.grey:
            each[:] = each.mean(2, keepdims=True).round()
    original = torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255
    if kind == "clean":
        damaged = reduce_bicubic(original, scale)
    elif kind == "own size":
        damaged = original
    else:
        damaged = (photo if kind == "photo" else web)(original, scale, (*seed, 1))
    damaged = _inner(damaged, MARGIN_PX).contiguous()
    records = np.zeros(GROUP, plan.record(large))
    records["kind"] = KINDS.index(kind)
    records["input"] = _bytes(damaged)
    records["answer"] = _bytes(answer(damaged))
    if scale == large:
        records["original"] = _bytes(_inner(original, MARGIN_PX * scale))
    return records


def _inner(picture: Tensor, border_px: int) -> Tensor:
    return picture[..., border_px:-border_px, border_px:-border_px]


def _bytes(picture: Tensor) -> Any:
    return (quantize(picture) * 255).round().byte().permute(0, 2, 3, 1).numpy()
