"""The recipes of upscalers, each with what it cost and what it gave.

    python -m genstudio.upscale.train compact-x4 --data PHOTOS --out runs/compact-x4

is the same as `genstudio train upscale/compact-x4 ...`.
"""

from dataclasses import replace

from genstudio.data.lessons import LessonPlan
from genstudio.data.store import PictureStore
from genstudio.options import OptionError
from genstudio.training.options import TrainOptions
from genstudio.training.run import open_pictures
from genstudio.upscale.compact import CompactConfig
from genstudio.upscale.fidelity import FidelityLearner, FidelityRecipe
from genstudio.upscale.rrdbnet import RRDBNetConfig
from genstudio.upscale.srcnn import SRCNNConfig
from genstudio.upscale.srvgg import SRVGGConfig
from genstudio.upscale.taught import TaughtLearner, TaughtRecipe
from genstudio.upscale.teacher import Schooling, school


def open_data(
    options: TrainOptions, recipe: FidelityRecipe
) -> tuple[PictureStore | Schooling, FidelityRecipe]:
    """The pictures in `options.data`, with the answers of `options.teacher` for a recipe that has lessons.

    Raises:
        UsageError: a teacher that is missing, not wanted, or does not fit.
        InputError, WeightsError: as `open_pictures` and `teacher.Teacher` do.
    """
    taught = isinstance(recipe, TaughtRecipe)
    if taught != (options.teacher is not None):
        expected = "a model to learn from" if taught else "a recipe that is taught"
        raise OptionError("teacher", f"expected {expected}, found {recipe.name} and {options.teacher}")
    store, _ = open_pictures(options, recipe)
    if not isinstance(recipe, TaughtRecipe) or options.teacher is None:
        return store, recipe
    few = replace(recipe, lessons=replace(recipe.lessons, count=8))
    return school(few if options.dry_run else recipe, store, options.teacher), recipe


def make_learner(
    recipe: FidelityRecipe, data: PictureStore | Schooling | None
) -> FidelityLearner | TaughtLearner:
    """The learner of a recipe; without data it can only load and export."""
    if isinstance(recipe, TaughtRecipe):
        return TaughtLearner(
            recipe, *((data.store, data.records) if isinstance(data, Schooling) else (None,))
        )
    assert not isinstance(data, Schooling)
    return FidelityLearner(recipe, data)


compact_x4 = FidelityRecipe(name="upscale/compact-x4", net=CompactConfig(scale=4), lr=2.5e-3, steps=20_000)
"""20,000 steps, 76 minutes on a busy 2-core CPU: Set5 31.49, Set14 28.19, CBSD68 27.49 dB (Y, n=5, 14, 68).

    genstudio train upscale/compact-x4 --data PHOTOS

The shipped file is that and 24,000 steps more, half of their crops reduced. First 12,000 (78 minutes, one
core): --resume --steps 36000 --set shrunk=0.5 for 3,260 of them, then --steps 32000: Set5 31.55, Set14 28.19,
CBSD68 27.51 dB, and 29.97 on the held-back photographs, where it stood from step 28,000 on. Then 12,000 on
larger crops (103 minutes of one slower core): a run of its own with --set warm_start=compact-x4
--set crop_px=64 --set batch_size=8 --set lr=2e-3 --set shrunk=0.5: Set5 31.58, Set14 28.17, CBSD68 27.52 dB,
and 30.02 on the held-back photographs.

The first 3,200 steps had twice the learning rate, which was too much: halving it gained 0.4 dB by step 4,000
on the held-back photographs (n=12). There, after 800 steps from scratch: Adam and a tail that sees the last
layer alone 28.86 dB, Muon 29.09, Muon and the tail as it is 29.30. After 20,000: 29.93.
"""

compact_x3 = replace(
    compact_x4,
    name="upscale/compact-x3",
    net=CompactConfig(scale=3),
    warm_start="compact-x4",
    steps=2_200,
    lr=1e-3,
    mse_after=0.7,
    validate_every=1_000,
)
"""2,200 steps from compact-x4's body, 8 minutes on a 2-core CPU: Set5 33.70 dB (Y, n=5).

    genstudio train upscale/compact-x3 --data PHOTOS

The shipped file is that and 4,400 steps more (20 minutes of one core), some 400 of them towards 8,000:
--resume --steps 6600 --set lr=2e-3 --set shrunk=0.5: 33.73 dB.
"""

compact_x2 = replace(compact_x3, name="upscale/compact-x2", net=CompactConfig(scale=2))
"""As compact-x3, 7 minutes: Set5 37.42 dB (Y, n=5); the shipped file, 6,600 steps as well, 37.47."""

srcnn_x4 = FidelityRecipe(
    name="upscale/srcnn-x4",
    net=SRCNNConfig(scale=4),
    steps=14_000,
    batch_size=8,
    crop_px=24,
    validate_every=1_000,
)
"""14,000 steps (10,000, then resumed), 18 minutes on a busy 2-core CPU: Set5 30.31 dB (Y, n=5).

    genstudio train upscale/srcnn-x4 --data PHOTOS
"""

rrdb_x4 = replace(compact_x4, name="upscale/rrdb-x4", net=RRDBNetConfig(scale=4), steps=60_000)
"""Meant for a GPU; no weights of it ship yet. On 2 CPU cores forward, backward and optimizer take 1.0 s for
8 crops, compact-x4's 0.15 s for 16.
"""

photo_x4 = TaughtRecipe(
    name="upscale/photo-x4",
    net=SRVGGConfig(scale=4),
    steps=5_000,
    clip_norm=0.5,
    validate_every=1_000,
)
"""
    genstudio train upscale/photo-x4 --data PHOTOS --teacher RealESRGAN_x4plus.pth
"""

photo_x2 = replace(
    photo_x4, name="upscale/photo-x2", net=SRVGGConfig(scale=2), warm_start="photo-x4", steps=2_000, lr=4e-4
)
"""As photo-x4, whose body it begins with; the teacher's x4 is reduced by two."""

art_x4 = replace(
    photo_x4,
    name="upscale/art-x4",
    warm_start="photo-x4",
    steps=2_000,
    lr=4e-4,
    lessons=LessonPlan(drawn=0.85),
)
"""
    genstudio train upscale/art-x4 --data PAINTINGS --teacher RealESRGAN_x4plus_anime_6B.pth
"""

RECIPES: dict[str, FidelityRecipe] = {
    r.name: r for r in (compact_x4, compact_x3, compact_x2, srcnn_x4, rrdb_x4, photo_x4, photo_x2, art_x4)
}


if __name__ == "__main__":
    from genstudio.training.script import main

    raise SystemExit(main("upscale"))
