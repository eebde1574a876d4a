"""What the numbers of a recipe can be: a name means the same in all of them, so it is said once, here."""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

from genstudio.errors import UsageError

MOST_SEED = 2**63 - 1

# By the end of key.path, the first that fits: how it is said, and whether a finite number is so.
RANGES: dict[str, tuple[str, Callable[[float], bool]]] = {
    r"metric_pictures": ("of at least 2", lambda x: x >= 2),
    r"seed": ("from 0 to 2^63 - 1", lambda x: 0 <= x <= MOST_SEED),
    r"betas": ("from 0 to below 1", lambda x: 0 <= x < 1),
    r"ema_decay|warmup|final_lr|\w+_after|label_smoothing|right_target|shrunk|white|untouched|grey|drawn"
    r"|least_area|jitter": ("from 0 to 1", lambda x: 0 <= x <= 1),
    r"\w*lr|clip_norm": ("above 0", lambda x: x > 0),
    r"augmentation\.\w+_px": ("of at least 0", lambda x: x >= 0),
    r"steps|batch_size|validation_pictures|accumulate|validate_every|penalty_every|adapt_pictures|worked_on|most_steps|reduction"
    r"|\w+_px|\w*widths?|latent|depth|levels|growth|code|scale|channels|kernels|ranks|net\.eyes": (
        "of at least 1",
        lambda x: x >= 1,
    ),
    r"\w+": ("of at least 0", lambda x: x >= 0),
}


def check(recipe: Any) -> None:
    """Raises UsageError for the first number of a recipe (a dataclass) that cannot be meant."""
    for path, value in _numbers(asdict(recipe)):
        words, fits = next(each for end, each in RANGES.items() if re.search(rf"\b({end})$", path))
        if not (math.isfinite(value) and fits(value)):
            raise UsageError(f"{path}: expected a finite number {words}, found {value}; choose another")


def _numbers(value: Any, path: str = "") -> Iterator[tuple[str, float]]:
    """Every number with its key.path; those in a list have the path of the list."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _numbers(each, f"{path}.{key}".lstrip("."))
    elif isinstance(value, tuple | list):
        for each in value:
            yield from _numbers(each, path)
    elif isinstance(value, int | float):
        yield path, value
