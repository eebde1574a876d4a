"""Named styles: not pictures but what nets know of them, in a file of 40 kB each.

A file holds what the fast net takes a style from, the mean and the covariance of its eyes' features at each
level, and what is optimised for, the Gram matrices of the encoder's. A large matrix M is kept as its largest
directions F, in bytes, and what then lacks on its diagonal: M = F F^T + D. The metadata say title, artist and
year, and whose features they are.

A name is looked for among the user's own styles, then among those that ship.
"""

import difflib
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import platformdirs

from genstudio import weights
from genstudio.errors import OutputError, UsageError, WeightsError
from genstudio.weights.file import SUFFIX, write_atomically

if TYPE_CHECKING:
    from torch import Tensor, nn

    from genstudio.stylize.nets.transport import Statistics

# Directions kept. Of covariances 60, of 192 channels at most: with 64, results of six styles differ by 48 to
# 58 dB from those with all, with 48 by 41 to 52. Of Gram matrices 14, of 512: with 12, the error is at most
# 3.7 % of the squared distance from a photograph's, with 16 at most 2.9 %.
COVARIANCE_RANK = 60
GRAM_RANK = 14

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Card:
    """What a style's file says of itself.

    Attributes:
        eyes, encoder: of whose features its numbers are, in the fast net and for optimising; see
            `fingerprint`.
    """

    eyes: str
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


def load(name: str, eyes: str) -> "Statistics":
    """The statistics of a named style, of one picture.

    Args:
        eyes: the fingerprint of the net they are wanted of.

    Raises:
        UsageError: there is no such style.
        WeightsError: its file is damaged, or holds another net's features.
    """
    import torch
    from safetensors.numpy import load_file

    from genstudio.stylize.nets.transport import Statistics

    path = find(name)
    _check(path, name, card(path).eyes, eyes)
    arrays = load_file(path)
    means, covariances = [], []
    for level in range(_levels(arrays, "covariance")):
        means.append(torch.from_numpy(arrays[f"mean_{level}"].astype(np.float32))[None])
        covariances.append(torch.from_numpy(_unpacked(arrays, f"covariance_{level}"))[None])
    return Statistics(tuple(means), tuple(covariances))


def load_grams(name: str, encoder: str) -> "list[Tensor]":
    """The Gram matrices of a named style at the encoder's levels, (1, C, C) each.

    Args and errors are those of `load`.
    """
    import torch
    from safetensors.numpy import load_file

    path = find(name)
    _check(path, name, card(path).encoder, encoder)
    arrays = load_file(path)
    levels = range(_levels(arrays, "gram"))
    return [torch.from_numpy(_unpacked(arrays, f"gram_{level}"))[None] for level in levels]


def save(
    path: Path,
    statistics: "Statistics",
    grams: "Sequence[Tensor]",
    card: Card,
    *,
    overwrite: bool = False,
) -> None:
    """Write what is known of one picture as `path`.

    Args:
        grams: at the encoder's levels, (1, C, C) each.

    Raises:
        OutputError: a file of this name exists.
        WeightsError: it cannot be written.
    """
    from safetensors.numpy import save as serialize

    if path.exists() and not overwrite:
        raise OutputError(f"{path}: exists; choose another name, or --overwrite to replace it")
    arrays: dict[str, Array] = {}
    for level, (mean, covariance) in enumerate(zip(statistics.means, statistics.covariances, strict=True)):
        arrays[f"mean_{level}"] = mean[0].numpy().astype(np.float16)
        arrays |= _packed(f"covariance_{level}", covariance[0].numpy(), COVARIANCE_RANK)
    for level, gram in enumerate(grams):
        arrays |= _packed(f"gram_{level}", gram[0].cpu().numpy(), GRAM_RANK)
    write_atomically(path, serialize(arrays, {"style": json.dumps(asdict(card))}))


def _check(path: Path, name: str, found: str, wanted: str) -> None:
    if found != wanted:
        raise WeightsError(
            f"{path}: expected the statistics of this model's features, found another's; save the style "
            f"again from its picture: genstudio stylize --save-style {name} PICTURE"
        )


def _levels(arrays: Mapping[str, Array], kind: str) -> int:
    return sum(re.fullmatch(rf"{kind}_\d+_(whole|factor)", key) is not None for key in arrays)


def _packed(name: str, matrix: Array, rank: int) -> dict[str, Array]:
    """A matrix (C, C), symmetric and positive: whole, or the factor (C, rank), a scale for each of its
    columns, and the rest of the diagonal (C,)."""
    if len(matrix) <= rank:
        return {f"{name}_whole": matrix.astype(np.float16)}
    values, vectors = np.linalg.eigh(matrix.astype(np.float64))
    factor = vectors[:, -rank:] * np.sqrt(values[-rank:].clip(0))
    scales = (np.abs(factor).max(0) / 127).clip(1e-7).astype(np.float16)
    bytes_ = np.rint(factor / scales).clip(-127, 127).astype(np.int8)
    rest = np.diagonal(matrix) - np.square(bytes_ * scales.astype(np.float64)).sum(1)
    return {f"{name}_factor": bytes_, f"{name}_scales": scales, f"{name}_rest": rest.astype(np.float16)}


def _unpacked(arrays: Mapping[str, Array], name: str) -> Array:
    """(C, C), float32."""
    if f"{name}_whole" in arrays:
        return arrays[f"{name}_whole"].astype(np.float32)
    factor = arrays[f"{name}_factor"] * arrays[f"{name}_scales"].astype(np.float32)
    matrix: Array = factor @ factor.T + np.diag(arrays[f"{name}_rest"].astype(np.float32))
    return matrix


def own_path(name: str) -> Path:
    """The file of a style of the user's own. Raises UsageError for what cannot be a name."""
    if not re.fullmatch(r"\w[\w-]*", name):
        raise UsageError(
            f"--save-style: expected a name of letters, digits, - and _, found {name!r}; choose another"
        )
    return own_folder() / f"{name}{SUFFIX}"


def fingerprint(net: "nn.Module") -> str:
    """Which net this is: a digest of its weights in half precision, as files hold them."""
    digest = hashlib.sha256()
    for name, value in net.state_dict().items():
        digest.update(name.encode() + value.half().cpu().numpy().tobytes())
    return digest.hexdigest()[:16]
