"""One weights file: safetensors that describe themselves and prove themselves whole.

The metadata holds two entries: "genstudio", the `Header` as JSON, and "sha256", the digest of that JSON and
of the tensors' bytes. So any copy of the file can be verified, wherever it lies. Nothing is ever unpickled.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from genstudio.errors import WeightsError

if TYPE_CHECKING:
    from torch import Tensor

SUFFIX = ".safetensors"
COMMUNITY = "community"  # the arch of a model that others have made; its config says what they call it
_LARGEST_HEADER_BYTES = 100_000_000  # the limit the safetensors format sets itself


class Metric(BaseModel):
    """One measured number: `value` of `name` over the `n` pictures of `dataset`, by `protocol`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    dataset: str
    value: float = Field(allow_inf_nan=False)
    n: int
    protocol: str


class Header(BaseModel):
    """All that is known about a weights file; it travels inside the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: str
    arch: str
    config: dict[str, Any]
    scale: int = Field(ge=1)
    params: int = Field(ge=1)
    advice: str  # one line: when to use it
    recipe: str
    data: str
    license: str
    steps: int
    minutes: float
    hardware: str
    seed: int
    metrics: list[Metric]
    code_version: str
    counterpart: str | None = None  # the name of faithful weights that results can be mixed with
    teacher: str | None = None  # the model whose answers were learned from, and its licence
    warm_start: str | None = None  # the name of the weights that training began with: its steps come on top


def read_header(path: Path) -> Header:
    """The header of a weights file, without its tensors and without torch. Raises WeightsError."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            length = _header_length(path, file.read(8), size)
            return _parse(path, file.read(length), size - 8 - length)[0]
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror or error})") from None


def is_ours(path: Path) -> bool:
    """Whether a safetensors file holds a net of ours, by its header. Raises WeightsError for other files."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            described = b'"genstudio":' in file.read(_header_length(path, file.read(8), size))
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror or error})") from None
    return described and read_header(path).arch != COMMUNITY


def _header_length(path: Path, first: bytes, size: int) -> int:
    length = int.from_bytes(first, "little")
    if len(first) == 8 and 2 <= length <= min(_LARGEST_HEADER_BYTES, size - 8):
        return length
    # Only now, for a length may begin with the same bytes as a pickle or a zip.
    if first[:2] == b"PK" or first[:1] == b"\x80":
        raise WeightsError(
            f"{path}: expected safetensors weights, found a pickle, which could run code (nothing of it was "
            f"run); convert it to .safetensors where it was made"
        )
    if len(first) < 8 or not 2 <= length <= _LARGEST_HEADER_BYTES:
        raise WeightsError(
            f"{path}: expected safetensors weights, found something else; fetch or export it again"
        )
    raise WeightsError(f"{path}: truncated within its header, found {size} bytes; fetch or copy it again")


def _parse(path: Path, raw: bytes, data_bytes: int) -> tuple[Header, str, str]:
    """(header, its JSON, the digest it states) from the raw header; checks the size of the data after it."""
    try:
        table = json.loads(raw)
        metadata = table.pop("__metadata__", {})
        expected_bytes = max((tensor["data_offsets"][1] for tensor in table.values()), default=0)
    except (ValueError, AttributeError, TypeError, KeyError, IndexError):
        raise WeightsError(f"{path}: the header is damaged; fetch or copy the file again") from None
    if data_bytes != expected_bytes:
        what = "truncated" if data_bytes < expected_bytes else "too long"
        raise WeightsError(
            f"{path}: {what}, expected {expected_bytes} bytes of weights, found {data_bytes}; "
            f"fetch or copy it again"
        )
    if "genstudio" not in metadata:
        raise WeightsError(
            f"{path}: expected weights made by genstudio, found safetensors without its header; "
            f"`genstudio export` writes one"
        )
    try:
        return (
            Header.model_validate_json(metadata["genstudio"]),
            metadata["genstudio"],
            metadata.get("sha256", ""),
        )
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "JSON"
        raise WeightsError(
            f"{path}: the header does not fit ({where}: {first['msg'].lower()}); "
            f"it was made by another version of genstudio, or changed by hand"
        ) from None


def read(path: Path, sha256: str | None = None) -> "tuple[Header, dict[str, Tensor]]":
    """(header, tensors as stored) of a weights file, verified against its own digest and, if given, `sha256`.

    Raises WeightsError for a file that is missing, truncated, tampered with, or not one of ours.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load as parse_tensors

    header, blob = verified(path, sha256)
    try:
        return header, parse_tensors(blob)
    except SafetensorError as error:
        raise WeightsError(f"{path}: damaged ({error}); fetch or copy it again") from None


def verified(path: Path, sha256: str | None = None) -> tuple[Header, bytes]:
    """(header, the whole file), as `read` verifies it, without torch. Raises WeightsError as `read` does."""
    try:
        blob = path.read_bytes()  # read once: what is verified is what is loaded
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror or error})") from None
    length = _header_length(path, blob[:8], len(blob))
    header, text, digest = _parse(path, blob[8 : 8 + length], len(blob) - 8 - length)
    if (sha256 and hashlib.sha256(blob).hexdigest() != sha256) or _digest(text, blob[8 + length :]) != digest:
        raise WeightsError(
            f"{path}: tampered with or damaged, its sha256 is not the one on record; fetch or copy it again"
        )
    return header, blob


def _digest(header: str, data: bytes) -> str:
    return hashlib.sha256(header.encode() + data).hexdigest()


def save(path: Path, state: "Mapping[str, Tensor]", header: Header, *, half: bool = True) -> None:
    """Write tensors and header as one self-describing file, whole or not at all.

    Args:
        half: floats in half precision; else as they are.

    Raises WeightsError where a value does not fit half precision, or the file cannot be written.
    """
    import torch
    from safetensors.torch import save as serialize

    stored = {
        key: (value.half() if half and value.is_floating_point() else value)
        .detach()
        .cpu()
        .contiguous()
        .clone()
        for key, value in state.items()
    }
    for key, value in stored.items():
        if half and not torch.isfinite(value).all():
            raise WeightsError(f"{key}: expected finite values within half precision (65504), found others")
    text = header.model_dump_json()
    plain = serialize(stored)
    length = int.from_bytes(plain[:8], "little")
    table, data = json.loads(plain[8 : 8 + length]), plain[8 + length :]
    # Put in here and not by safetensors, which writes metadata in an order that differs from run to run: the
    # same weights are to give the same file.
    metadata = {"genstudio": text, "sha256": _digest(text, data)}
    raw = json.dumps({"__metadata__": metadata, **table}, separators=(",", ":")).encode()
    raw += b" " * (-len(raw) % 8)  # the format asks for tensors at multiples of 8 bytes
    write_atomically(path, len(raw).to_bytes(8, "little") + raw + data)


def write_atomically(path: Path, blob: bytes) -> None:
    """Write a file beside its place, then rename: it is the old one or the new one. Raises WeightsError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(blob)
            Path(temporary).chmod(0o644)  # mkstemp gives 0o600, which would keep others out of shared weights
            Path(temporary).replace(path)
        except BaseException:
            with suppress(OSError):
                Path(temporary).unlink()
            raise
    except OSError as error:
        raise WeightsError(f"{path}: cannot be written ({error.strerror or error})") from None
