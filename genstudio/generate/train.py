"""The recipes of generators, each with what it cost and what it gave.

    python -m genstudio.generate.train dcgan-64 --data PICTURES --out runs/dcgan-64

is the same as `genstudio train generate/dcgan-64 ...`. PICTURES is any folder; one with a folder for each
class gives a generator that can be asked for a class.
"""

from dataclasses import replace

from genstudio.data.store import store_cache
from genstudio.errors import InputError
from genstudio.generate.dcgan import DCGANConfig
from genstudio.generate.learner import GANLearner, GANRecipe
from genstudio.generate.pictures import PictureSet, open_pictures
from genstudio.measures.features import extractor
from genstudio.options import OptionError
from genstudio.training.options import TrainOptions


def open_data(options: TrainOptions, recipe: GANRecipe) -> tuple[PictureSet, GANRecipe]:
    """The pictures that `options` name, and the recipe with their classes and the name of its metric.

    Raises InputError where they cannot be read, are less than two, or have other classes than the run, and
    what `extractor` does for a metric that is not to be had: now, before anything is made. OptionError for
    pictures to validate on.
    """
    if options.validate_ is not None:
        raise OptionError("validate", f"{recipe.name} holds back some of its own pictures; leave it out")
    metric = extractor(recipe.metric).name
    pictures = open_pictures(options.data, store_cache(), recipe.net.size, download=options.download)
    if len(pictures) < 2:
        raise InputError(f"{options.data}: expected at least two pictures, found one; add some")
    classes = pictures.classes if recipe.conditional else ()
    if recipe.net.classes not in ((), classes):
        raise InputError(
            f"{options.data}: expected the classes {', '.join(recipe.net.classes)}, of the run's "
            f"beginning, found {', '.join(classes) or 'none'}; see --out"
        )
    return pictures, replace(recipe, net=replace(recipe.net, classes=classes), metric=metric)


def make_learner(recipe: GANRecipe, pictures: PictureSet | None) -> GANLearner:
    """The learner of a recipe; without pictures it can only load and export."""
    return GANLearner(recipe, pictures)


dcgan_64 = GANRecipe(name="generate/dcgan-64", net=DCGANConfig())
"""Any folder of pictures.

    genstudio train generate/dcgan-64 --data PICTURES
"""

flowers_64 = replace(
    dcgan_64,
    name="generate/flowers-64",
    steps=12_000,
    batch_size=32,
    metric_pictures=1_024,
    validate_every=1_000,
)
"""
    genstudio train generate/flowers-64 --data FLOWERS

131 minutes on one core of a busy 2-core CPU; each of 2,934 pictures 131 times. The first 4,000 steps had a
schedule of their own, penalties at every step and 100 numbers for a class. Frechet distance by
classify/flowers 11.7 after these, 14.3, 12.5, 10.0, 8.6, 7.5, 6.5 and 6.0 every 1,000 from 6,000 on (1,024
samples).
"""

cifar_32 = replace(
    dcgan_64,
    name="generate/cifar-32",
    net=DCGANConfig(size=32, width=48),
    steps=12_000,
    batch_size=32,
    r1=0.2,
    r2=0.2,
    augment="none",
    metric_pictures=1_024,
    validate_every=3_000,
)
"""
    genstudio train generate/cifar-32 --data cifar10 --download

23 minutes on one core of a busy 2-core CPU, a beginning: each picture was seen eight times, the first 6,000
steps on a schedule of their own. Frechet distance by classify/cifar10 107, 80, 67 and 62, every 3,000 steps.
"""

plain_64 = replace(
    dcgan_64,
    name="generate/plain-64",
    net=DCGANConfig(judge_norm="batch"),
    precision="float32",
    loss="nonsaturating",
    r1=0.0,
    r2=0.0,
    generator_lr=2e-4,
    discriminator_lr=2e-4,
    final_lr=1.0,
    betas=(0.5, 0.999),
    augment="none",
    mirror=False,
    conditional=False,
    ema_decay=0.0,
)
"""What everyone begins with, the recipe of pytorch/examples: the yardstick of the others.

    genstudio train generate/plain-64 --data PICTURES
"""

plain_32 = replace(plain_64, name="generate/plain-32", net=replace(plain_64.net, size=32))
"""The same at cifar-32's size; pytorch/examples has none of 32 px."""

RECIPES = {r.name: r for r in (dcgan_64, flowers_64, cifar_32, plain_64, plain_32)}


if __name__ == "__main__":
    from genstudio.training.script import main

    raise SystemExit(main("generate"))
