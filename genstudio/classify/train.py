"""The recipes of classifiers, each with what it cost and what it gave.

    python -m genstudio.classify.train cifar10 --data cifar10 --download

is the same as `genstudio train classify/cifar10 ...`. Accuracies are of the test part, which no run sees:
what is shown while training, and what the temperature is fitted on, is kept back from the training part.
"""

from dataclasses import replace

from genstudio.classify.airbench import AirbenchConfig
from genstudio.classify.augment import Augmentation
from genstudio.classify.keras_cnn import KerasCNNConfig
from genstudio.classify.learner import ClassifyLearner, ClassifyRecipe
from genstudio.data.labelled import LabelledSet, open_labelled
from genstudio.errors import InputError
from genstudio.options import OptionError
from genstudio.training.options import TrainOptions


def open_data(options: TrainOptions, recipe: ClassifyRecipe) -> tuple[LabelledSet, ClassifyRecipe]:
    """The set that `options` name, and the recipe with its classes and colours.

    Raises InputError where it cannot be read, or has other classes than the run began with, OptionError for
    pictures to validate on.
    """
    if options.validate_ is not None:
        raise OptionError("validate", f"{recipe.name} holds back some of its own pictures; leave it out")
    data = open_labelled(options.data, recipe.net.side_px, download=options.download)
    if recipe.net.classes not in ((), data.classes):
        raise InputError(
            f"{options.data}: expected the run's classes ({', '.join(recipe.net.classes)}), "
            f"found {', '.join(data.classes)}; see --out"
        )
    net = replace(recipe.net, classes=data.classes)
    if isinstance(net, AirbenchConfig):
        x = data.part("train").pixels.view(-1, 3)[:: max(1, len(data) // 1000)].double() / 255
        mean, std = ((round(v, 4) for v in values.tolist()) for values in (x.mean(0), x.std(0)))
        net = replace(net, mean=tuple(mean), std=tuple(std))
    return data, replace(recipe, net=net)


def make_learner(recipe: ClassifyRecipe, data: LabelledSet | None) -> ClassifyLearner:
    """The learner of a recipe; without data it can only load and export."""
    return ClassifyLearner(recipe, data)


keras_cnn = ClassifyRecipe(
    name="classify/keras-cnn",
    net=KerasCNNConfig(),
    steps=7_420,
    batch_size=64,
    optimizer="adam",
    lr=1e-3,
    precision="float32",
    clip_norm=1e9,
    ema_decay=0.0,
    validate_every=742,
)
"""The tutorial's program: 10 epochs of 47,500 pictures, Adam, nothing else.

    genstudio train classify/keras-cnn --data cifar10 --download
"""

cifar10 = ClassifyRecipe(
    name="classify/cifar10",
    net=AirbenchConfig(),
    augmentation=Augmentation(flip=True, shift_px=2, cutout_px=8),
    steps=570,
    batch_size=500,
    label_smoothing=0.1,
    lr=1.5e-2,
    ema_decay=0.98,
    validate_every=95,
)
"""6 epochs of 47,500 pictures, 10 minutes on a busy 2-core CPU: 87.2 % of a copy damaged by JPEG (n=10,000).

    genstudio train classify/cifar10 --data cifar10 --download
"""

cifar10_quick = replace(
    cifar10,
    name="classify/cifar10-quick",
    net=AirbenchConfig(widths=(32, 64, 128)),
    augmentation=Augmentation(flip=True),
    steps=200,
    batch_size=200,
    ema_decay=0.95,
    validate_every=200,
)
"""A narrow net that sees 40,000 pictures once: 74.8 % of a copy damaged by JPEG (n=10,000), 28 seconds of one
core's time.

    genstudio train classify/cifar10-quick --data cifar10 --download
"""

flowers = ClassifyRecipe(
    name="classify/flowers",
    net=AirbenchConfig(side_px=96, widths=(64, 128, 256), stride=2, pool="mean"),
    augmentation=Augmentation(
        flip=True, least_area=0.3, turn_degrees=15, side_px=80, jitter=0.25, cutout_px=24
    ),
    steps=2_000,
    batch_size=64,
    label_smoothing=0.1,
    lr=1e-2,
    ema_decay=0.998,
    validate_every=500,
)
"""46 epochs of 2,787 pictures of 96 px, 6 minutes on a busy 2-core CPU: 88.0 % of `val` (n=736).

    genstudio train classify/flowers --data FLOWERS
"""

RECIPES = {r.name: r for r in (keras_cnn, cifar10, cifar10_quick, flowers)}


if __name__ == "__main__":
    from genstudio.training.script import main

    raise SystemExit(main("classify"))
