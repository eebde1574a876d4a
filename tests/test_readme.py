"""The README's table of options is the options' own. `python tests/test_readme.py` writes it anew."""

import re
from pathlib import Path
from typing import Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from genstudio.options import EngineOptions, FileOptions
from genstudio.upscale.options import UpscaleOptions

README = Path(__file__).parent.parent / "README.md"
BLOCK = re.compile(r"(<!-- options: [^\n]*-->\n).*?(<!-- /options -->)", re.DOTALL)


def choices(field: FieldInfo) -> str:
    kinds = (field.annotation, *get_args(field.annotation))
    words = [str(value) for a in kinds if get_origin(a) is Literal for value in get_args(a)]
    return "\\|".join([*words, "PX"] if "off" in words else words)


def table() -> str:
    lines = ["| option | | default | |", "|---|---|---|---|"]
    own = {k: v for k, v in UpscaleOptions.model_fields.items() if k not in EngineOptions.model_fields}
    for fields in (own, EngineOptions.model_fields, FileOptions.model_fields):
        for name, field in fields.items():
            default = "" if field.default in (None, False, "") else f"`{field.default}`"
            flag = f"`--{name.replace('_', '-')}`"
            lines.append(f"| {flag} | {choices(field)} | {default} | {field.description} |")
    lines.append("| `--json` | | | One line of JSON for each picture on standard output. |")
    return "\n".join(lines) + "\n"


def test_options_in_the_readme_are_the_options() -> None:
    found = BLOCK.search(README.read_text("utf-8"))
    assert found
    assert found.group(0) == f"{found.group(1)}{table()}{found.group(2)}"


def test_exit_codes_in_the_readme_are_the_errors() -> None:
    from genstudio import errors

    text = README.read_text("utf-8")
    classes = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, errors.StudioError)]
    assert classes
    assert all(f"| {c.exit_code} |" in text for c in classes)


if __name__ == "__main__":
    text = README.read_text("utf-8")
    README.write_text(BLOCK.sub(lambda m: f"{m.group(1)}{table()}{m.group(2)}", text), "utf-8")
