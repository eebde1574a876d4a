"""A weights file's card, and a folder's README and index, written from the files' own headers."""

import hashlib
from pathlib import Path

from genstudio.errors import WeightsError
from genstudio.weights.file import COMMUNITY, SUFFIX, Header, read_header, write_atomically
from genstudio.weights.names import IndexEntry, read_index

_INTRODUCTION = """\
# Weights

Every file describes itself: this page is written from the files' headers by `genstudio export`. The files are
safetensors in half precision; `index.toml` holds their sha256, which is checked each time one is loaded.
"""


def card(name: str, header: Header, path: Path) -> str:
    """The card of one weights file, in Markdown."""
    config = ", ".join(f"{key}={value}" for key, value in header.config.items())
    rows = {
        "net": f"{header.arch} ({config}), {rounded(header.params)} parameters",
        **({"scale": f"x{header.scale}"} if header.scale > 1 else {}),
        "trained on": header.data,
        "licence": header.license,
        **(_of_ours(header) if header.arch != COMMUNITY else {}),
        "file": f"{path.stat().st_size / 1e6:.2f} MB, sha256 `{_sha256(path)}`",
        "made by" if header.arch != COMMUNITY else "imported by": f"genstudio {header.code_version}",
    }
    lines = [f"## {name}", "", header.advice, "", "| | |", "|---|---|"]
    lines += [f"| {key} | {_cell(value)} |" for key, value in rows.items()]
    if header.metrics:
        lines += ["", "| measured | on | value | n | protocol |", "|---|---|---|---|---|"]
        lines += [
            f"| {_cell(m.name)} | {_cell(m.dataset)} | {m.value:.4g} | {m.n} | {_cell(m.protocol)} |"
            for m in header.metrics
        ]
    return "\n".join(lines) + "\n"


def _of_ours(header: Header) -> dict[str, str]:
    begun = f" on top of {header.warm_start}" if header.warm_start else ""
    return {
        **({"teacher": header.teacher} if header.teacher else {}),
        "recipe": f"{header.recipe}, {header.steps} steps{begun}, seed {header.seed}",
        "cost": f"{header.minutes:.0f} minutes on {header.hardware}",
    }


def rounded(params: int) -> str:
    """57184 -> "57.2 k", 16697987 -> "16.7 M"."""
    return f"{params / 1e6:.3g} M" if params >= 1e6 else f"{params / 1e3:.3g} k"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def register(path: Path) -> None:
    """Enter `folder/task/name.safetensors` into the folder's index.toml and write its README.md anew.

    Raises WeightsError where the file is not sound, or lies in a folder of another task.
    """
    header = read_header(path)
    if header.task != path.parent.name or path.suffix != SUFFIX:
        raise WeightsError(
            f"{path}: expected a path .../{header.task}/NAME{SUFFIX} for weights of {header.task}"
        )
    folder = path.parent.parent
    index = read_index(folder)
    name = f"{header.task}/{path.stem}"
    known = index.get(name)
    index[name] = IndexEntry(_sha256(path), path.stat().st_size, known.url if known else None)
    lines = ["# Written by `genstudio export`.\n"]
    for key, entry in sorted(index.items()):
        lines.append(f'\n["{key}"]\nsha256 = "{entry.sha256}"\nbytes = {entry.bytes}\n')
        if entry.url:
            lines.append(f'url = "{entry.url}"\n')
    write_atomically(folder / "index.toml", "".join(lines).encode())
    present = [(key, folder / f"{key}{SUFFIX}") for key in sorted(index)]
    cards = [card(key, read_header(file), file) for key, file in present if file.is_file()]
    write_atomically(folder / "README.md", "\n".join([_INTRODUCTION, *cards]).encode())
