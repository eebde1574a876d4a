"""Whether a GAN is still well, in words: how it goes wrong shows long before the pictures are bad."""

import logging

log = logging.getLogger("genstudio")

# Of the root mean square distance between two real pictures, that between two generated ones.
LEAST_DIVERSITY = 0.5
# Share of pictures the discriminator puts on the right side of the middle.
MOST_RIGHT = 0.98
PATIENCE = 2  # validations in a row: early on, all pictures are alike

_ADVICE = {
    "alike": "generated pictures are {value:.0%} as far apart as real ones (collapse); see best.ckpt; "
    "try --set loss=relativistic, larger r1 and r2, --set augment=fixed, a larger batch_size",
    "right": "the discriminator is right about {value:.0%} of pictures, so it teaches nothing; try --set "
    "augment=adaptive, larger r1 and r2, a smaller discriminator_lr, or more pictures",
    "broken": "the generator's weights are no numbers any more; start anew with smaller learning rates, or "
    "--set precision=float32",
}


class Health:
    """Watches a run's validations; says what is wrong once, when it has been so `PATIENCE` times in a row."""

    def __init__(self) -> None:
        self.times = dict.fromkeys(_ADVICE, 0)

    def look(self, diversity: float, right: float, finite: bool = True) -> bool:
        """Whether something is wrong, by one validation's diversity (1: as real pictures) and rightness."""
        wrong = {
            "alike": finite and diversity < LEAST_DIVERSITY,
            "right": finite and right > MOST_RIGHT,
            "broken": not finite,
        }
        for name, value in (("alike", diversity), ("right", right), ("broken", 0.0)):
            self.times[name] = self.times[name] + 1 if wrong[name] else 0
            if self.times[name] == PATIENCE:
                log.warning(_ADVICE[name].format(value=value))
        return any(times >= PATIENCE for times in self.times.values())
