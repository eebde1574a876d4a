"""CIFAR-10 by the Keras tutorial's program, the same net in our loop, and our quick net: one run, one table.

    python tests/benchmarks/classify.py --data cifar10 [--keras-python /other/venv/bin/python]

The tutorial's program runs where TensorFlow is installed; else its row says so, and `--accuracy` stands for
what it reaches. Seconds are of training alone: from the first line that prepares a net, less what testing it
takes. The test part decides nothing here but when the article's accuracy is reached.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from accelerate.state import AcceleratorState
from torch import nn

from genstudio.classify import train as recipes
from genstudio.classify.classifier import logits_of
from genstudio.classify.learner import ClassifyLearner, ClassifyRecipe
from genstudio.data.labelled import LabelledSet, open_labelled
from genstudio.training import loop
from genstudio.training.options import TrainOptions

KERAS = """
import json, sys, time
import numpy as np
from tensorflow import keras
from tensorflow.keras import layers, models

data = np.load(sys.argv[1])
began, testing, points = time.perf_counter(), 0.0, []

class Clock(keras.callbacks.Callback):
    def on_test_begin(self, logs=None):
        self.since = time.perf_counter()

    def on_test_end(self, logs=None):
        global testing
        testing += time.perf_counter() - self.since

    def on_epoch_end(self, epoch, logs=None):
        points.append((time.perf_counter() - began - testing, float(logs["val_accuracy"])))

model = models.Sequential([
    keras.Input((32, 32, 3)),
    layers.Conv2D(32, (3, 3), activation="relu"), layers.MaxPooling2D((2, 2)),
    layers.Conv2D(64, (3, 3), activation="relu"), layers.MaxPooling2D((2, 2)),
    layers.Conv2D(64, (3, 3), activation="relu"),
    layers.Flatten(), layers.Dense(64, activation="relu"), layers.Dense(10),
])
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(optimizer="adam", loss=loss, metrics=["accuracy"])
test = (data["test_pixels"] / 255.0, data["test_labels"])
model.fit(data["train_pixels"] / 255.0, data["train_labels"], epochs=int(sys.argv[2]), batch_size=64,
          validation_data=test, callbacks=[Clock()], verbose=0)
print(json.dumps({"parameters": model.count_params(), "points": points}))
"""


@dataclass(frozen=True)
class Course:
    """How a program's accuracy grew: (seconds of training, accuracy on the test part)."""

    program: str
    parameters: int
    points: Sequence[tuple[float, float]]

    def row(self, goal: float) -> str:
        seconds, accuracy = self.points[-1]
        reached = next((f"{s:.0f}" for s, a in self.points if a >= goal), "never")
        return f"{self.program:34}{self.parameters:>12,}{accuracy:>10.2%}{seconds:>10.0f}{reached:>20}"


class Tested(ClassifyLearner):
    """Notes the accuracy on the test part, off the clock, each time the net is validated."""

    def __init__(self, recipe: ClassifyRecipe, data: LabelledSet) -> None:
        self.began, self.testing = time.perf_counter(), 0.0
        self.points: list[tuple[float, float]] = []
        self.test = data.part("test")
        super().__init__(recipe, data)

    def validate(self, net: nn.Module, samples: Path | None) -> dict[str, float]:
        scores = super().validate(net, samples)
        now = time.perf_counter()
        logits = logits_of(net, self.test.pixels, getattr(torch, self.recipe.precision))
        accuracy = (logits.argmax(1) == self.test.labels).double().mean().item()
        self.points.append((now - self.began - self.testing, accuracy))
        self.testing += time.perf_counter() - now
        return scores


def ours(program: str, recipe: ClassifyRecipe, where: Path, points: int) -> Course:
    data, recipe = recipes.open_data(TrainOptions(data=where), recipe)
    data.part("train")  # read before the clock runs, as the tutorial's are
    recipe = replace(recipe, validate_every=max(1, recipe.steps // points))
    learner = Tested(recipe, data)
    AcceleratorState._reset_state()  # else a process keeps to its first precision
    with tempfile.TemporaryDirectory() as run:
        loop.train(learner, recipe, Path(run))
    return Course(program, sum(p.numel() for p in learner.net.parameters()), learner.points)


def keras(python: str, where: Path, epochs: int) -> Course | None:
    """The tutorial's program, or None where its Python has no TensorFlow."""
    if subprocess.run([python, "-c", "import tensorflow"], capture_output=True, check=False).returncode:
        return None
    data = open_labelled(where, 32)
    parts = {name: data.part(name) for name in ("train", "test")}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "set.npz"
        arrays = {f"{name}_pixels": part.pixels.numpy() for name, part in parts.items()}
        arrays |= {f"{name}_labels": part.labels.numpy() for name, part in parts.items()}
        np.savez(file, **arrays)
        command = [python, "-c", KERAS, str(file), str(epochs)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    return Course("the tutorial's program, Keras", found["parameters"], found["points"])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--keras-python", default=sys.executable, help="a Python that has TensorFlow")
    parser.add_argument("--epochs", type=int, default=10, help="of the tutorial's net")
    parser.add_argument("--accuracy", type=float, default=0.685, help="what it reaches, where it cannot run")
    parser.add_argument("--full", action="store_true", help="train classify/cifar10 as well")
    asked = parser.parse_args()
    article = keras(asked.keras_python, asked.data, asked.epochs)
    goal = article.points[-1][1] if article else asked.accuracy
    same = replace(recipes.keras_cnn, steps=recipes.keras_cnn.steps * asked.epochs // 10)
    courses = [
        ours("the same net in our loop", same, asked.data, asked.epochs),
        ours("classify/cifar10-quick", recipes.cifar10_quick, asked.data, 5),
    ]
    if asked.full:
        courses.append(ours("classify/cifar10", recipes.cifar10, asked.data, 8))
    heading = f"seconds to {goal:.1%}"
    print(f"{asked.data.resolve().name}, {torch.get_num_threads()} threads; the test part")
    print(f"{'':34}{'parameters':>12}{'accuracy':>10}{'seconds':>10}{heading:>20}")
    if article is None:
        print(f"the tutorial's program, Keras: TensorFlow is not installed in {asked.keras_python}; not run")
    for course in [*([article] if article else []), *courses]:
        print(course.row(goal))


if __name__ == "__main__":
    main()
