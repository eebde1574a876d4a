"""Addresses of generated pictures: SEED:K, and /SPREAD:K for each variation of a variation.

7:2 is picture 2 of seed 7; 7:2/0.3:5 is variation 5 of it, at a distance of 0.3.
"""

import re
import zlib
from typing import TYPE_CHECKING

import torch

from genstudio.errors import UsageError
from genstudio.generate.sampling import latent, slerp

if TYPE_CHECKING:
    from torch import Tensor

    from genstudio.generate.pipeline import Generate

_ADDRESS = re.compile(r"\d{1,18}:\d{1,6}(/(0(\.\d+)?|1(\.0+)?):\d{1,6}){0,50}")


def variations(address: str, spread: float, count: int) -> list[str]:
    """The addresses of a picture and `count - 1` variations of it at a distance of `spread`, 0..1."""
    return [address, *(f"{address}/{spread:g}:{k}" for k in range(1, count))]


def code_of(
    generate: "Generate", address: str, *, truncation: float | None = None, class_name: str | None = None
) -> "Tensor":
    """The code (D,) of the picture at an address, which `Generate.render` and `Generate.between` take.

    Each step goes on from the picture before it, so a picture found by varying variations is the same for
    everyone who has its address.

    Args:
        truncation, class_name: as for `Generate`.

    Raises:
        UsageError: a text that is no address, or a class the model does not have.
    """
    if not _ADDRESS.fullmatch(address):
        raise UsageError(
            "expected a picture such as 7:2 (picture 2 of seed 7) or 7:2/0.3:5 (variation 5 of it), "
            f"found {address!r}"
        )
    first, *steps = address.split("/")
    seed, index = map(int, first.split(":"))
    code = generate.code(seed, index, truncation, generate.class_at(seed, index, class_name))
    size = generate.net.config.latent
    so_far = first
    for step in steps:
        spread, _, k = step.partition(":")
        z = latent(zlib.crc32(so_far.encode()), int(k), size, truncation)
        code = torch.cat((slerp(code[:size], z, float(spread)), code[size:]))
        so_far += f"/{step}"
    return code
