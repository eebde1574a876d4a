"""The READMEs say what the code does: tables of options and exit codes are generated, links lead somewhere.

`python tests/test_readme.py` writes the generated tables anew.
"""

import re
import subprocess
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Literal, get_args, get_origin

import pytest
from pydantic.fields import FieldInfo

from genstudio import errors
from genstudio.cli import process
from genstudio.cli.ui import PageOptions
from genstudio.options import EngineOptions, FileOptions
from genstudio.tasks import TASKS
from genstudio.training.options import TrainOptions

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(
    r"(<!-- (?:options of (?P<options>\w+)|(?P<codes>exit codes))[^\n]*-->\n)"
    r".*?(<!-- /(?:options|exit codes) -->)",
    re.DOTALL,
)
LINK = re.compile(r"\]\(([^)\s]+)\)|<img src=\"([^\"]+)\"")
SHARED = {**EngineOptions.model_fields, **FileOptions.model_fields}
MOST_BYTES = 6_000  # of the first README: a page


def readmes() -> list[Path]:
    """Every Markdown file of the project; folders that git ignores are left out."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    return [ROOT / name for name in names if (ROOT / name).exists()]


def choices(field: FieldInfo) -> str:
    """The values of an option, as the shell shows them: its metavar, or the literals of its type."""
    metavars = [extra.metavar for extra in field.metadata if getattr(extra, "metavar", None)]
    types = (field.annotation, *get_args(field.annotation))
    words = [str(value) for a in types if get_origin(a) is Literal for value in get_args(a)]
    return (metavars[0] if metavars else "|".join(words)).replace("|", "\\|")


def flag(name: str, field: FieldInfo) -> str:
    names = [word for extra in field.metadata for word in getattr(extra, "name", None) or ()]
    return names[0] if names else f"--{name.strip('_').replace('_', '-')}"


def own_fields(task: str) -> Mapping[str, FieldInfo]:
    """The options of a task without those that all commands on pictures share."""
    module, _, name = TASKS[task].options.partition(":")
    fields = getattr(import_module(module), name).model_fields
    shared = {field.description for field in SHARED.values()}
    return {key: field for key, field in fields.items() if field.description not in shared}


def fields_of(table: str) -> Mapping[str, FieldInfo]:
    others = {"pictures": SHARED, "page": PageOptions.model_fields, "train": TrainOptions.model_fields}
    return others[table] if table in others else own_fields(table)


def option_table(name: str) -> str:
    lines = ["| option | values | default | |", "|---|---|---|---|"]
    for key, field in fields_of(name).items():
        says_nothing = field.is_required() or field.default in (None, "", ()) or field.default is False
        value = ",".join(map(str, field.default)) if isinstance(field.default, tuple) else field.default
        default = "" if says_nothing else f"`{value}`"
        lines.append(f"| `{flag(key, field)}` | {choices(field)} | {default} | {field.description} |")
    if name == "pictures":
        lines.append("| `--json` | | | One line of JSON for each picture on standard output. |")
    return "\n".join(lines) + "\n"


def exit_code_table() -> str:
    rows = [line.split(maxsplit=1) for line in process.exit_codes()]
    return "\n".join(["| exit code | meaning |", "|---|---|", *(f"| {a} | {b} |" for a, b in rows)]) + "\n"


def generated(match: re.Match[str]) -> str:
    table = exit_code_table() if match["codes"] else option_table(match["options"])
    return f"{match[1]}{table}{match[4]}"


def anchors(path: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a Markdown file."""
    headings = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_table_of_options_stands_in_one_readme() -> None:
    found = [match["options"] for path in readmes() for match in BLOCK.finditer(path.read_text("utf-8"))]
    assert sorted(name or "exit codes" for name in found) == sorted(
        [*TASKS, "pictures", "page", "train", "exit codes"]
    )


@pytest.mark.parametrize("path", readmes(), ids=lambda path: str(path.relative_to(ROOT)))
def test_generated_tables_are_up_to_date(path: Path) -> None:
    for match in BLOCK.finditer(path.read_text("utf-8")):
        assert match[0] == generated(match), "run python tests/test_readme.py"


@pytest.mark.parametrize("path", readmes(), ids=lambda path: str(path.relative_to(ROOT)))
def test_links_and_figures_lead_somewhere(path: Path) -> None:
    for found in LINK.finditer(path.read_text("utf-8")):
        link = found[1] or found[2]
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        name, _, anchor = link.partition("#")
        target = path.parent / name if name else path
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_figure_is_shown() -> None:
    shown = {
        (path.parent / (found[1] or found[2])).resolve()
        for path in readmes()
        for found in LINK.finditer(path.read_text("utf-8"))
    }
    assert {path.resolve() for path in (ROOT / ".figures").iterdir()} <= shown


def test_exit_codes_are_those_of_the_error_classes() -> None:
    """`errors.__doc__` is the table that --help and the README show."""
    table = re.findall(r"^\| (\d+) ", errors.__doc__ or "", re.MULTILINE)
    classes = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, errors.StudioError)]
    assert {int(code) for code in table} == {0, *(c.exit_code for c in classes)}


def test_the_first_readme_is_one_page() -> None:
    assert len((ROOT / "README.md").read_bytes()) <= MOST_BYTES


if __name__ == "__main__":
    for readme in readmes():
        readme.write_text(BLOCK.sub(generated, readme.read_text("utf-8")), "utf-8")
