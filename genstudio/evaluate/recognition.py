"""Does restoring a damaged picture bring recognition back? `genstudio evaluate recognition`.

The squares that a classifier takes of a set's test part are damaged and restored (see `damage`). It is asked
of them as they were, damaged, and restored, and the answers are compared picture by picture. What was reduced
is enlarged for the classifier by Pillow's bicubic filter: damaged and bicubic are one row.
"""

import json as jsonlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from rich.console import Console
from rich.progress import track
from torch import Tensor

from genstudio.classify.classifier import logits_of
from genstudio.classify.options import EvaluateRecognitionOptions
from genstudio.classify.pipeline import Classify
from genstudio.classify.sheet import contact_sheet, spread
from genstudio.data.labelled import Part, open_labelled
from genstudio.evaluate.classify import in_classes_of
from genstudio.evaluate.damage import HOW, Change, damaging, restoring
from genstudio.evaluate.intervals import wilson
from genstudio.evaluate.sheets import new_folder
from genstudio.images.atomic import as_output_error

RESAMPLES = 4_000
SHOWN = 12


@dataclass(frozen=True)
class Recognition:
    """What a classifier says of the same n pictures in several states, "clean" and "damaged" among them.

    Attributes:
        guesses: by state, (n,) places in `classes`.
        shown: by state, the squares the classifier saw, (n, side, side, 3) uint8.
    """

    classes: tuple[str, ...]
    labels: Tensor
    guesses: Mapping[str, Tensor]
    shown: Mapping[str, Tensor]

    def right(self, state: str) -> npt.NDArray[np.bool_]:
        return np.asarray(self.guesses[state] == self.labels)

    def accuracy(self, state: str) -> float:
        return float(self.right(state).mean())

    def turned(self, before: str, after: str) -> tuple[int, int]:
        """(wrong answers that turned right, right ones that turned wrong) from one state to another."""
        a, b = self.right(before), self.right(after)
        return int((~a & b).sum()), int((a & ~b).sum())


def show(options: EvaluateRecognitionOptions, *, json: bool = False) -> None:
    """Print accuracies and what restoring did to them, as a table or as a line of JSON; save the sheet."""
    classifier = Classify.from_weights(options.classifier, device=options.device)
    damage = damaging(options.damage_kind, options.damage_amount, classifier.side_px)
    restore = restoring(options, classifier.side_px) if options.restore else None
    if options.save is not None:
        new_folder(options.save)
    data = open_labelled(options.data, classifier.side_px)
    found = recognise(classifier, in_classes_of(classifier, data, data.part("test")), damage, restore)
    if options.save is not None:
        path = options.save / "sheet.png"
        with as_output_error(str(path)):
            sheet(found).save(path)
    facts = {
        "model": classifier.model,
        "data": data.name,
        "split": data.split,
        "damage": options.damage,
        "restore": options.restore,
    }
    print((as_json if json else as_table)(facts, found))


def recognise(classifier: Classify, part: Part, damage: Change, restore: Change | None = None) -> Recognition:
    """What a classifier says of the pictures of a part, of them damaged, and, with `restore`, restored."""
    console = Console(stderr=True)
    pictures = track(part.pixels.numpy(), "restoring", console=console, disable=not console.is_terminal)
    damaged, restored = [], []
    for picture in pictures:
        worse = damage(picture)
        # As squares at once: the classifier's own way to enlarge what was reduced.
        damaged.append(classifier.squares([worse])[0])
        if restore is not None:
            restored.append(classifier.squares([restore(worse)])[0])
    shown = {"clean": part.pixels, "damaged": torch.stack(damaged)}
    if restored:
        shown["restored"] = torch.stack(restored)
    guesses = {state: logits_of(classifier.net, pixels).argmax(1) for state, pixels in shown.items()}
    return Recognition(classifier.classes, part.labels, guesses, shown)


# --- what is said of it -----------------------------------------------------------------------------------


def mcnemar(gained: int, lost: int) -> float:
    """How likely flips as unequal as these are, or more, if either way is as likely (exact, two-sided)."""
    n = gained + lost
    ways = total = 1  # of n flips, to have k one way: whole numbers, so nothing is rounded
    for k in range(1, min(gained, lost) + 1):
        ways = ways * (n - k + 1) // k
        total += ways
    return min(1.0, float(2 * total / 2**n))


def came_back(found: Recognition) -> tuple[float, tuple[float, float] | None] | None:
    """The share of the lost accuracy that restoring brought back, and its 95 % interval by bootstrap.

    None where none was lost; no interval where some resamples lose none, and a share says little. Negative
    where restoring took away more.
    """
    clean, damaged, restored = (found.right(state) for state in ("clean", "damaged", "restored"))
    if clean.sum() <= damaged.sum():
        return None
    share = (int(restored.sum()) - int(damaged.sum())) / (int(clean.sum()) - int(damaged.sum()))
    # A picture is one of 8 kinds: pictures drawn anew are counts of these.
    counts = np.bincount(4 * clean + 2 * damaged + restored, minlength=8)
    drawn = np.random.default_rng(0).multinomial(len(clean), counts / len(clean), RESAMPLES)
    of_clean, of_damaged, of_restored = (drawn[:, np.arange(8) & bit > 0].sum(1) for bit in (4, 2, 1))
    lost = of_clean - of_damaged
    if (lost <= 0).any():
        return share, None
    low, high = np.quantile((of_restored - of_damaged) / lost, (0.025, 0.975))
    return share, (float(low), float(high))


def as_json(facts: Mapping[str, Any], found: Recognition) -> str:
    """One line."""
    n = len(found.labels)
    row: dict[str, Any] = {**facts, "n": n}
    for state in found.guesses:
        accuracy = found.accuracy(state)
        row[state] = {
            "right": int(found.right(state).sum()),
            "accuracy": accuracy,
            "accuracy_95": wilson(accuracy, n),
        }
    row["damaging"] = _flips(found, "clean", "damaged")
    if "restored" in found.guesses:
        share = came_back(found)
        row["restoring"] = _flips(found, "damaged", "restored")
        row["came_back"], row["came_back_95"] = (None, None) if share is None else share
    return jsonlib.dumps(row, ensure_ascii=False)


def _flips(found: Recognition, before: str, after: str) -> dict[str, float]:
    right, wrong = found.turned(before, after)
    return {"turned_right": right, "turned_wrong": wrong, "mcnemar_p": mcnemar(right, wrong)}


def as_table(facts: Mapping[str, Any], found: Recognition) -> str:
    """A line for each state of the pictures, then what restoring did."""
    n = len(found.labels)
    kind, _, amount = facts["damage"].partition(":")
    names = {
        "clean": "clean",
        "damaged": "bicubic" if kind == "down" else "damaged",
        "restored": str(facts["restore"]),
    }
    width = max(map(len, names.values()))
    lines = [
        f"{facts['model']} on {facts['data']} ({facts['split']}), n={n}; {HOW[kind].format(float(amount))}",
        f"{'':{width}}  {'right':>6}  {'accuracy':>8}  95 % interval",
    ]
    for state in found.guesses:
        accuracy = found.accuracy(state)
        low, high = wilson(accuracy, n)
        right = found.right(state).sum()
        lines.append(f"{names[state]:{width}}  {right:>6}  {accuracy:>8.1%}  {low:.1%} to {high:.1%}")
    if "restored" in found.guesses:
        flips = _flips(found, "damaged", "restored")
        lines += [
            f"restoring turned {flips['turned_right']} wrong answers right and {flips['turned_wrong']} right "
            f"ones wrong; by chance alone p = {flips['mcnemar_p']:.2g} (exact McNemar)",
            _in_words(found),
        ]
    return "\n".join(lines)


def _in_words(found: Recognition) -> str:
    share = came_back(found)
    if share is None:
        return "no accuracy was lost by the damage"
    lost = found.accuracy("clean") - found.accuracy("damaged")
    low_high = (
        "too few to say within what" if share[1] is None else "95 %: {:.0%} to {:.0%}".format(*share[1])
    )
    return f"of {100 * lost:.1f} points of accuracy lost {share[0]:.0%} came back ({low_high})"


def sheet(found: Recognition) -> Image.Image:
    """Pictures in every state, two to a row, with what the classifier said of each: first those that
    restoring turned right, and wrong, then others from all over the set."""
    states = list(found.guesses)
    before, after = (found.right(state) for state in states[-2:])
    gained, lost = (spread(np.flatnonzero(each), SHOWN // 3) for each in (~before & after, before & ~after))
    flipped = np.concatenate((gained, lost))
    others = spread(np.setdiff1d(np.arange(len(before)), flipped), SHOWN - len(flipped))
    pictures, captions = [], []
    for i in (*flipped, *others):
        for state in states:
            guess = int(found.guesses[state][i])
            verdict = "right" if guess == found.labels[i] else "wrong"
            pictures.append(found.shown[state][i].numpy())
            captions.append(f"{state}: {found.classes[guess]}, {verdict}")
    return contact_sheet(pictures, captions, columns=2 * len(states), cell_px=192)
