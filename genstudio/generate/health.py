"""Detects when the training of a GAN fails, long before its pictures are bad, and says what to try."""

import logging
from collections.abc import Mapping

log = logging.getLogger("genstudio")

# Of the root mean square distance between two real pictures, that between two generated ones.
MIN_DIVERSITY = 0.5
RISING = 1.2  # of the diversity last seen: a run that begins has none, and gains it
# Share of pictures the discriminator puts on the right side of the middle.
MAX_ACCURACY = 0.98
PATIENCE = 2  # validations in a row: early on, all pictures are alike

_ADVICE = {
    "alike": "generated pictures are {value:.0%} as far apart as real ones (collapse); see best.ckpt; try ",
    "right": "the discriminator is right about {value:.0%} of pictures, so it teaches nothing; try ",
    "broken": "the generator's weights are no numbers any more; start anew with ",
}
# What to try, and the setting with which it is tried already.
_TRY = {
    "alike": (
        ("--set loss=relativistic", "loss", "relativistic"),
        ("--set augment=fixed", "augment", "fixed"),
        ("larger r1 and r2", "", ""),
        ("a larger batch_size", "", ""),
        ("more pictures", "", ""),
    ),
    "right": (
        ("--set augment=fixed", "augment", "fixed"),
        ("larger r1 and r2", "", ""),
        ("a smaller discriminator_lr", "", ""),
        ("more pictures", "", ""),
    ),
    "broken": (
        ("smaller learning rates", "", ""),
        ("--set precision=float32", "precision", "float32"),
    ),
}


class Health:
    """Watches a run's validations; says what is wrong once, when it has been so `PATIENCE` times in a row.

    Args:
        settings: the recipe's, so that nothing is advised that is done already.
    """

    def __init__(self, settings: Mapping[str, object]) -> None:
        self.settings = settings
        self.times = dict.fromkeys(_ADVICE, 0)
        self.diversity = 1.0  # last seen

    def update(self, diversity: float, right: float, finite: bool = True) -> bool:
        """Add a validation: its diversity (1: as real pictures) and the discriminator's accuracy.

        Returns whether something has been wrong `PATIENCE` times in a row.
        """
        wrong = {
            "alike": finite and diversity < MIN_DIVERSITY and diversity <= RISING * self.diversity,
            "right": finite and right > MAX_ACCURACY,
            "broken": not finite,
        }
        self.diversity = diversity
        for name, value in (("alike", diversity), ("right", right), ("broken", 0.0)):
            self.times[name] = self.times[name] + 1 if wrong[name] else 0
            if self.times[name] == PATIENCE:
                tries = [
                    text for text, key, tried in _TRY[name] if not key or self.settings.get(key) != tried
                ]
                log.warning(_ADVICE[name].format(value=value) + ", ".join(tries[:-1]) + f" or {tries[-1]}")
        return any(times >= PATIENCE for times in self.times.values())
