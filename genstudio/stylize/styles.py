"""Named styles: not pictures but what a net knows of them, their statistics, in a file of 45 kB each.

A file holds for each level the mean of the features and the upper triangle of their covariance in half
precision; its metadata say title, artist and year, and which encoder's features they are. Means and
covariances make the Gram matrices that optimising needs, as well as the transport of the fast net.

A name is looked for among the user's own styles, then among those that ship.
"""

import difflib
import hashlib
import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import platformdirs

from genstudio import weights
from genstudio.errors import OutputError, UsageError, WeightsError
from genstudio.weightsfile import SUFFIX, write_atomically

if TYPE_CHECKING:
    from torch import nn

    from genstudio.stylize.transport import Statistics


@dataclass(frozen=True)
class Card:
    """What a style's file says of itself.

    Attributes:
        encoder: of whose features its numbers are; see `fingerprint`.
    """

    encoder: str
    title: str = ""
    artist: str = ""
    year: str = ""


def own_folder() -> Path:
    """Where the user's own styles lie. Touches nothing."""
    return platformdirs.user_data_path("genstudio") / "styles"


def installed() -> dict[str, Path]:
    """The named styles on this machine: name -> file, in order of their names."""
    found = {
        path.stem: path
        for folder in (weights.packaged() / "stylize" / "styles", own_folder())
        for path in folder.glob(f"*{SUFFIX}")
    }
    return dict(sorted(found.items()))


def find(name: str) -> Path:
    """The file of a named style. Raises UsageError, with the nearest names, where there is none."""
    known = installed()
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=3)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    raise UsageError(
        f"expected a picture or a style by its name, found {name!r}, which is neither; {hint}"
        "see genstudio stylize --list-styles"
    )


def card(path: Path) -> Card:
    """What a file says of itself, without torch. Raises WeightsError if it is no style's."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return Card(**json.loads((file.metadata() or {})["style"]))
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        raise WeightsError(
            f"{path}: expected a style's statistics, found {error or 'something else'}; save the style again"
        ) from None


def load(name: str, encoder: str) -> "Statistics":
    """The statistics of a named style, of one picture.

    Args:
        encoder: the fingerprint of the encoder they are wanted of.

    Raises:
        UsageError: there is no such style.
        WeightsError: its file is damaged, or holds another encoder's features.
    """
    import torch
    from safetensors.numpy import load_file

    from genstudio.stylize.transport import Statistics

    path = find(name)
    if card(path).encoder != encoder:
        raise WeightsError(
            f"{path}: expected the statistics of this model's encoder, found another's; save the style again "
            f"from its picture: genstudio stylize --save-style {name} PICTURE"
        )
    tensors = {key: torch.from_numpy(value).float() for key, value in load_file(path).items()}
    means, covariances = [], []
    for level in range(len(tensors) // 2):
        mean = tensors[f"mean_{level}"]
        covariance = torch.zeros(len(mean), len(mean))
        above = torch.triu_indices(len(mean), len(mean))
        covariance[above[0], above[1]] = tensors[f"covariance_{level}"]
        covariance = covariance + covariance.triu(1).mT
        means.append(mean[None])
        covariances.append(covariance[None])
    return Statistics(tuple(means), tuple(covariances))


def save(path: Path, statistics: "Statistics", card: Card, *, overwrite: bool = False) -> None:
    """Write the statistics of one picture as `path`.

    Raises:
        OutputError: a file of this name exists.
        WeightsError: it cannot be written.
    """
    from safetensors.numpy import save as serialize

    if path.exists() and not overwrite:
        raise OutputError(f"{path}: exists; choose another name, or --overwrite to replace it")
    tensors = {}
    for level, (mean, covariance) in enumerate(zip(statistics.means, statistics.covariances, strict=True)):
        above = np.triu_indices(mean.shape[1])
        tensors[f"mean_{level}"] = mean[0].numpy().astype(np.float16)
        tensors[f"covariance_{level}"] = covariance[0].numpy()[above].astype(np.float16)
    write_atomically(path, serialize(tensors, {"style": json.dumps(asdict(card))}))


def own_path(name: str) -> Path:
    """The file of a style of the user's own. Raises UsageError for what cannot be a name."""
    if not re.fullmatch(r"\w[\w-]*", name):
        raise UsageError(
            f"--save-style: expected a name of letters, digits, - and _, found {name!r}; choose another"
        )
    return own_folder() / f"{name}{SUFFIX}"


def fingerprint(encoder: "nn.Module") -> str:
    """Which encoder this is: a digest of its weights in half precision, as files hold them."""
    digest = hashlib.sha256()
    for name, value in encoder.state_dict().items():
        digest.update(name.encode() + value.half().cpu().numpy().tobytes())
    return digest.hexdigest()[:16]
