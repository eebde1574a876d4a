"""The README's tables of options are the options' own. `python tests/test_readme.py` writes them anew."""

import re
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from genstudio.cli.ui import PageOptions
from genstudio.options import EngineOptions, FileOptions
from genstudio.tasks import TASKS

README = Path(__file__).parent.parent / "README.md"
BLOCK = re.compile(r"(<!-- options of (\w+)[^\n]*-->\n).*?(<!-- /options -->)", re.DOTALL)
SHARED = {**EngineOptions.model_fields, **FileOptions.model_fields}


def choices(field: FieldInfo) -> str:
    """What may be said, as the shell shows it: a metavar of its own, or the values there are."""
    named = [extra.metavar for extra in field.metadata if getattr(extra, "metavar", None)]
    kinds = (field.annotation, *get_args(field.annotation))
    words = [str(value) for a in kinds if get_origin(a) is Literal for value in get_args(a)]
    return (named[0] if named else "|".join(words)).replace("|", "\\|")


def flag(name: str, field: FieldInfo) -> str:
    named = [word for extra in field.metadata for word in getattr(extra, "name", None) or ()]
    return named[0] if named else f"--{name.replace('_', '-')}"


def own(task: str) -> Mapping[str, FieldInfo]:
    module, _, name = TASKS[task].options.partition(":")
    fields = getattr(import_module(module), name).model_fields
    return {k: v for k, v in fields.items() if v.description not in {s.description for s in SHARED.values()}}


def table(of: str) -> str:
    """The options of "page", of a task, or of all who turn pictures into pictures, "pictures", which a task's
    table leaves out."""
    lines = ["| option | | default | |", "|---|---|---|---|"]
    of_others = {"pictures": SHARED, "page": PageOptions.model_fields}
    for name, field in (of_others[of] if of in of_others else own(of)).items():
        default = "" if field.default in (None, "", ()) or field.default is False else f"`{field.default}`"
        lines.append(f"| `{flag(name, field)}` | {choices(field)} | {default} | {field.description} |")
    if of == "pictures":
        lines.append("| `--json` | | | One line of JSON for each picture on standard output. |")
    return "\n".join(lines) + "\n"


def written(match: re.Match[str]) -> str:
    return f"{match.group(1)}{table(match.group(2))}{match.group(3)}"


def test_options_in_the_readme_are_the_options() -> None:
    found = list(BLOCK.finditer(README.read_text("utf-8")))
    assert {block.group(2) for block in found} == {*TASKS, "pictures", "page"}
    for block in found:
        assert block.group(0) == written(block)


def test_exit_codes_in_the_readme_are_the_errors() -> None:
    from genstudio import errors

    text = README.read_text("utf-8")
    classes = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, errors.StudioError)]
    assert classes
    assert all(f"| {c.exit_code} |" in text for c in classes)


if __name__ == "__main__":
    README.write_text(BLOCK.sub(written, README.read_text("utf-8")), "utf-8")
