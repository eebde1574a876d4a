"""Classifying, measured on a set's test part: accuracy, calibration, and whether explanations explain.

report = measure(Classify.from_weights("flowers"), open_labelled(Path("flowers"), 96))
print(as_table(report))
"""

import json as jsonlib
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from genstudio import weights
from genstudio.classify.calibration import Reliability, fit_temperature, reliability
from genstudio.classify.classifier import logits_of
from genstudio.classify.explain import overlay
from genstudio.classify.options import EvaluateOptions
from genstudio.classify.pipeline import Classify
from genstudio.classify.sheet import contact_sheet, spread
from genstudio.data.labelled import LabelledSet, Part, open_labelled
from genstudio.errors import InputError
from genstudio.evaluate.charts import confusion_matrix, reliability_diagram
from genstudio.evaluate.deletion import Deletion, deletion
from genstudio.evaluate.intervals import wilson
from genstudio.evaluate.sheets import new_folder
from genstudio.weights import Metric

log = logging.getLogger("genstudio")

LEAST_FITTED = 50  # pictures that one number, the temperature, is fitted on
PROTOCOL = "mean over the picture and its mirror image"


@dataclass(frozen=True)
class Report:
    """What a classifier says of pictures: logits (N, classes), and what is right, (N,)."""

    classes: tuple[str, ...]
    logits: Tensor
    labels: Tensor

    @property
    def accuracy(self) -> float:
        return self.among(1)

    def among(self, top: int) -> float:
        """The share of pictures whose class is among the `top` likeliest."""
        found = self.logits.topk(min(top, len(self.classes))).indices == self.labels[:, None]
        return found.any(1).double().mean().item()

    def of_class(self, k: int) -> tuple[int, float, float]:
        """(pictures of the class, the share of them that is found, the share of those so called that are)."""
        is_it, said = self.labels == k, self.logits.argmax(1) == k
        both = (is_it & said).sum().item()
        return int(is_it.sum()), both / max(1, int(is_it.sum())), both / max(1, int(said.sum()))

    def reliability(self, temperature: float = 1.0) -> Reliability:
        return reliability((self.logits / temperature).softmax(1), self.labels)


def show(options: EvaluateOptions, *, json: bool = False) -> None:
    """Print a model's report on stdout, as a table or as one line of JSON; draw it into `options.save`."""
    if options.save is not None:
        new_folder(options.save)
    classifier = Classify.from_options(options)
    data = open_labelled(options.data, classifier.side_px)
    part = in_classes_of(classifier, data, data.part("test"))
    report = measure(classifier, part)
    deleted = deletion(classifier, part, report.logits)
    if options.save is not None:
        guesses = report.logits.argmax(1)
        confusion_matrix(guesses, report.labels, report.classes).save(options.save / "confusion.png")
        reliability_diagram(report.reliability()).save(options.save / "reliability.png")
        explanations(classifier, part, report).save(options.save / "explanations.png")
    title = f"{classifier.model} on {data.name} ({data.split}), n={len(part)}"
    facts = {"model": classifier.model, "data": data.name, "split": data.split}
    print(as_json(facts, report, deleted) if json else as_table(title, report, deleted))


def measure(classifier: Classify, part: Part) -> Report:
    """What a classifier says of a part of a set, in float32; labels as places in the classifier's classes."""
    return Report(classifier.classes, logits_of(classifier.net, part.pixels), part.labels)


def in_classes_of(classifier: Classify, data: LabelledSet, part: Part) -> Part:
    """A part of a set with its labels as places in the classifier's classes, which may be more.

    Raises InputError where the set has a class that the classifier has not.
    """
    unknown = [name for name in data.classes if name not in classifier.classes]
    if unknown:
        raise InputError(
            f"{data.name}: expected classes of {classifier.model} ({', '.join(classifier.classes)}), "
            f"found {', '.join(unknown)}; see --model"
        )
    places = torch.tensor([classifier.classes.index(name) for name in data.classes])
    return Part(part.pixels, places[part.labels])


def record(path: Path, folders: Sequence[Path]) -> None:
    """Fit the temperature of a weights file of ours and measure it, and write both into its header.

    The temperature is fitted on what was held back of the first set's training part, if that is enough.
    """
    header, state = weights.load(path, "classify")
    classifier = Classify.from_weights(path, device="cpu")
    sets = [open_labelled(folder, classifier.side_px) for folder in folders]
    kept = in_classes_of(classifier, sets[0], sets[0].part("train").held_back()[1])
    held = measure(classifier, kept)
    # What is there already has divided the logits.
    fits = len(kept) >= LEAST_FITTED
    temperature = fit_temperature(held.logits, held.labels) if fits else 1.0
    fitted = f"temperature fitted on {len(kept)} held-back training pictures of {sets[0].name}; 15 bins"
    if not fits:
        log.warning(
            "the temperature stays as it is: expected %d held-back training pictures to fit it on, found %d",
            LEAST_FITTED,
            len(kept),
        )
        fitted = "temperature not fitted; 15 bins"
    metrics = []
    for data in sets:
        part = in_classes_of(classifier, data, data.part("test"))
        report = measure(classifier, part)
        for name, value, protocol in (
            ("accuracy", report.accuracy, f"{data.split}; {PROTOCOL}"),
            ("expected calibration error", report.reliability(temperature).error, fitted),
            ("expected calibration error, uncalibrated", report.reliability().error, "15 bins"),
        ):
            metrics.append(
                Metric(name=name, dataset=data.name, value=round(value, 4), n=len(part), protocol=protocol)
            )
    config = header.config | {"temperature": round(header.config["temperature"] * temperature, 4)}
    weights.save(path, state, header.model_copy(update={"config": config, "metrics": metrics}))


def explanations(classifier: Classify, part: Part, report: Report, count: int = 16) -> Image.Image:
    """Pictures beside where the net looked: one half from all over the part, the other the worst mistakes."""
    confidence, guesses = report.logits.softmax(1).max(1)
    wrong = torch.nonzero(guesses != report.labels)[:, 0]
    wrong = wrong[confidence[wrong].argsort(descending=True)][: count // 2]
    others = np.setdiff1d(np.arange(len(part)), wrong.numpy())
    chosen = [*spread(others, count - len(wrong)).tolist(), *wrong.tolist()]
    squares = [part.pixels[i].numpy() for i in chosen]
    heats = classifier.attention(squares, [report.classes[guesses[i]] for i in chosen])
    cells, captions = [], []
    for i, square, heat in zip(chosen, squares, heats, strict=True):
        large = Image.fromarray(square).resize((144, 144), Image.Resampling.BICUBIC)
        cells.append(np.concatenate((np.asarray(large), np.asarray(overlay(large, heat))), axis=1))
        truth, guess = report.classes[report.labels[i]], report.classes[guesses[i]]
        right = "" if truth == guess else f" (is {truth})"
        captions.append(f"{guess} {confidence[i]:.0%}{right}")
    return contact_sheet(cells, captions, columns=4, cell_px=288)


def as_json(facts: dict[str, str], report: Report, deleted: Deletion) -> str:
    """One line."""
    n = len(report.labels)
    per_class = {
        name: dict(zip(("n", "recall", "precision"), report.of_class(k), strict=True))
        for k, name in enumerate(report.classes)
    }
    measured = {
        "n": n,
        "accuracy": report.accuracy,
        "accuracy_95": wilson(report.accuracy, n),
        "top3": report.among(3),
        "calibration_error": report.reliability().error,
        "deletion": asdict(deleted),
        "classes": per_class,
    }
    return jsonlib.dumps(facts | measured, ensure_ascii=False)


def as_table(title: str, report: Report, deleted: Deletion) -> str:
    """A few lines, and one for each class."""
    low, high = wilson(report.accuracy, len(report.labels))
    width = max(len("class"), *(len(name) for name in report.classes))
    rows = [(name, *report.of_class(k)) for k, name in enumerate(report.classes)]
    return "\n".join(
        [
            title,
            f"accuracy {report.accuracy:.2%} (95 %: {low:.2%} to {high:.2%}), top 3 {report.among(3):.2%}",
            f"expected calibration error {report.reliability().error:.4f} (15 bins)",
            f"{deleted}",
            "",
            f"{'class':{width}}  {'n':>6}  {'found':>7}  {'so called and right':>19}",
            *(f"{name:{width}}  {n:>6}  {found:>7.1%}  {right:>19.1%}" for name, n, found, right in rows),
        ]
    )
