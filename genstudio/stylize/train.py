"""The recipes of style transfer, each with what it cost and what it gave.

    python -m genstudio.stylize.train fast --data PHOTOS --styles PAINTINGS --out runs/fast

is the same as `genstudio train stylize/fast ...`.
"""

from genstudio.data.store import open_store, store_cache
from genstudio.options import OptionError
from genstudio.stylize.learners.base import Stores
from genstudio.stylize.learners.conditional import ConditionalLearner, ConditionalRecipe
from genstudio.stylize.learners.encoder import EncoderLearner, EncoderRecipe
from genstudio.stylize.learners.eyes import EyesLearner, EyesRecipe
from genstudio.stylize.learners.fast import FastLearner, FastRecipe
from genstudio.training.options import TrainOptions
from genstudio.training.run import open_pictures

AnyRecipe = EncoderRecipe | EyesRecipe | FastRecipe | ConditionalRecipe
AnyLearner = EncoderLearner | EyesLearner | FastLearner | ConditionalLearner


def open_data(options: TrainOptions, recipe: AnyRecipe) -> tuple[Stores, AnyRecipe]:
    """The photographs of `options.data` and the paintings of `options.styles`.

    Raises OptionError where the latter are missing, InputError where a folder has no usable picture.
    """
    if options.styles is None:
        raise OptionError("styles", f"expected a folder of paintings for {recipe.name}, found none; give one")
    photos, _ = open_pictures(options, recipe)
    return Stores(photos, open_store(options.styles, store_cache(), recipe.style_side_px)), recipe


def make_learner(recipe: AnyRecipe, stores: Stores | None) -> AnyLearner:
    """The learner of a recipe; without stores it can only load and export."""
    if isinstance(recipe, EncoderRecipe):
        return EncoderLearner(recipe, stores)
    if isinstance(recipe, EyesRecipe):
        return EyesLearner(recipe, stores)
    if isinstance(recipe, ConditionalRecipe):
        return ConditionalLearner(recipe, stores)
    return FastLearner(recipe, stores)


encoder = EncoderRecipe(
    name="stylize/encoder",
    steps=1_500,
    batch_size=16,
    crop_px=128,
    lr=2e-3,
    ema_decay=0.99,
    validate_every=250,
)
"""
    genstudio train stylize/encoder --data PHOTOS --styles PAINTINGS

61 minutes on a busy core of a 2-core CPU. On held-back pictures its features differ from VGG-16's by 0.0,
13.4, 15.4 and 28.1 % of their energy at levels 1 to 4 (the eyes', lifted, by 7.2, 30.9, 45.0 and 75.5 %), and
its Gram losses rank pairs of them as VGG-16's do by .9997, .998, .997 and .993 (Spearman).
"""

eyes = EyesRecipe(
    name="stylize/eyes",
    steps=450,
    batch_size=16,
    crop_px=128,
    lr=5e-3,
    validate_every=500,
)
"""
    genstudio train stylize/eyes --data PHOTOS --styles PAINTINGS

9 minutes on a busy 2-core CPU, the first 244 steps on the schedule of 1,000. Its Gram losses rank held-back
pairs as VGG-16's do by .998, .990, .963 and .912 (Spearman, levels 1 to 4).
"""

fast = FastRecipe(
    name="stylize/fast",
    steps=2_200,
    batch_size=4,
    crop_px=160,
    late_after=0.92,
    vgg_after=0.8,
    lr=2e-3,
    validate_every=400,
)
"""
    genstudio train stylize/fast --data PHOTOS --styles PAINTINGS

The shipped file is this run (43 minutes on one core of a busy 2-core CPU) and 2,274 steps more, judged by
VGG-16 throughout (126 minutes), each part from the one before by --set warm_start=FILE vgg_after=0 and:

    220 steps    crop_px=224 late_after=0.5 lr=1.2e-3
    1,814 of 2,000    crop_px=192 late_after=0.85 lr=1.4e-3, content_weight=0.07 and from step 850 on 0.13
    240 steps    crop_px=224 late_after=1 lr=7e-4 content_weight=0.3

PAINTINGS were 267, and ten times each the eight works of the named styles. By VGG-16, held-back photographs
in those eight at 512 px (n=64): style loss 0.355, 0.263 and 0.306 after these three parts, content distance
1.04, 1.00 and 0.85. Without what `normalised` does in the net, 1,300 steps brought no strokes: activations
had grown to 1e8.
"""

conditional = ConditionalRecipe(
    name="stylize/conditional",
    steps=30_000,
    batch_size=4,
    crop_px=192,
    validate_every=500,
)
"""
    genstudio train stylize/conditional --data PHOTOS --styles PAINTINGS

No run has been finished yet. A step takes 1.8 s of processor time at crop_px=160 (one thread of a Sapphire
Rapids, bfloat16 with AMX, n=2). VGG-16 costs there what the slim encoder does: four 256 px
pictures forwards and back 1.3 s against 1.1 s.
"""

RECIPES: dict[str, AnyRecipe] = {r.name: r for r in (encoder, eyes, fast, conditional)}


if __name__ == "__main__":
    from genstudio.training.script import main

    raise SystemExit(main("stylize"))
