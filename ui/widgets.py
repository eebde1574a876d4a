"""An option's widget, from its one declaration: kind, range, default, choices and help are the model's."""

import inspect
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import gradio as gr
from annotated_types import Ge, Gt, Le, Lt
from pydantic.fields import FieldInfo

from genstudio.options import Options

MORE = "More options"
FILES_PX = 150  # less, and Gradio's label lies on its text
_FEW = 3  # choices that are shown side by side


# Gradio's own leaves an empty file behind each time that a file is asked for.
gr.File._process_single_file = lambda self, file: file.path


def pictures(label: str, *, several: bool = True, **more: Any) -> gr.File:
    """A place to drop pictures, or one."""
    place = gr.File(label=label, file_count="multiple" if several else "single", height=FILES_PX, **more)
    if several:
        # Its own schema refers to definitions that are not where MCP looks for them.
        schema = place.data_model.model_json_schema()
        place._api_info_cache = _resolved(schema, schema["$defs"])
    return place


def _resolved(schema: Any, definitions: Mapping[str, Any]) -> Any:
    """A JSON schema with what it refers to in the place of each reference."""
    if isinstance(schema, list):
        return [_resolved(each, definitions) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _resolved(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    return {key: _resolved(value, definitions) for key, value in schema.items() if key != "$defs"}


class Knobs:
    """The widgets of one options model, drawn where `place` is called, and the way back to the model.

    Args:
        hidden: options that the page decides itself.
        widgets: components for options that need their own, by the option's name.
    """

    def __init__(
        self, model: type[Options], *, hidden: Collection[str] = (), widgets: Mapping[str, Any] | None = None
    ) -> None:
        self.model = model
        self.fields = {name: field for name, field in model.model_fields.items() if name not in hidden}
        self.components: dict[str, Any] = {}
        self._own = widgets or {}

    def place(self, *names: str) -> None:
        """Draw these options here."""
        for name in names:
            own = self._own.get(name)
            self.components[name] = own.render() if own is not None else widget(name, self.fields[name])

    def place_rest(self) -> None:
        """Draw the others, folded away, by the groups that the shell's help has."""
        groups: dict[str, list[str]] = {}
        for name in self.fields.keys() - self.components.keys():
            groups.setdefault(_group(self.fields[name]), []).append(name)
        for title in sorted(groups, key=lambda title: (title != MORE, title == "Engine", title)):
            with gr.Accordion(title, open=False):
                self.place(*[name for name in self.fields if name in groups[title]])

    def read(self, values: Mapping[str, Any]) -> Any:
        """The options that the widgets' values mean. Raises OptionError as the model does."""
        given = {name: values[name] for name in self.fields if name in values}
        return self.model(
            **{name: value for name, value in given.items() if not _blank(value, self.fields[name])}
        )


def _blank(value: Any, field: FieldInfo) -> bool:
    """Whether a widget was left empty, and the option means its default then."""
    return value is None or value == [] or (value == "" and field.default != "")


def widget(name: str, field: FieldInfo) -> Any:
    """The component that suits an option's type and range."""
    common = {"label": label(name, field), "info": help_text(field), "interactive": True}
    literals, kinds, constraints = _parts(field.annotation, list(field.metadata))
    default = field.default
    if Path in kinds:
        title = f"{common['label']}: {common['info']}"
        return pictures(title, several=get_origin(field.annotation) is tuple)
    if get_origin(field.annotation) is tuple:
        default, kinds = ",".join(map(str, default)), set()  # one text with commas
    if literals and kinds:
        choice = gr.Dropdown(literals, value=str(default), allow_custom_value=True, **common)
        choice.api_info = lambda: {"anyOf": [{"type": "string", "enum": literals}, {"type": "number"}]}
        return choice
    if literals:
        kind = gr.Radio if len(literals) <= _FEW else gr.Dropdown
        return kind(literals, value=default, **common)
    if bool in kinds:
        return gr.Checkbox(value=default, **common)
    if int in kinds or float in kinds:
        whole = int in kinds
        low: Any = next(
            (c.ge if isinstance(c, Ge) else c.gt for c in constraints if isinstance(c, Ge | Gt)), None
        )
        high: Any = next(
            (c.le if isinstance(c, Le) else c.lt for c in constraints if isinstance(c, Le | Lt)), None
        )
        if low is not None and high is not None and default is not None and high <= 100:
            step = 1 if whole else 0.05
            above = any(isinstance(c, Gt) for c in constraints)
            return gr.Slider(low + step if above else low, high, value=default, step=step, **common)
        if default is not None:
            return gr.Number(default, precision=0 if whole else None, step=1 if whole else 0.1, **common)
    box = gr.Textbox(
        value=default or "", placeholder="not given" if not default else None, max_lines=1, **common
    )
    if kinds & {int, float}:
        # Gradio's own number would show one that is not given as 0; programs still give numbers.
        box.api_info = lambda: {"type": "integer" if int in kinds else "number"}
    return box


def label(name: str, field: FieldInfo) -> str:
    """As the shell's flag, in words: size_px is "Size" where its flag is --size."""
    named = [flag for extra in field.metadata for flag in getattr(extra, "name", None) or ()]
    return (named[0].removeprefix("--") if named else name).replace("_", " ").replace("-", " ").capitalize()


def help_text(field: FieldInfo) -> str:
    """The option's help, less what is about the shell's own IN and OUT."""
    clauses = re.split(r"(?<=[.;])\s+", field.description or "")
    kept = " ".join(clause for clause in clauses if not re.search(r"\b(IN|OUT)\b|`genstudio", clause))
    return re.sub(r"--(\w)", r"\1", kept).rstrip(";")


def _group(field: FieldInfo) -> str:
    for extra in field.metadata:
        for group in getattr(extra, "group", None) or ():
            return str(group._name).replace("--", "")
    return MORE


def _parts(annotation: Any, constraints: list[Any]) -> tuple[list[Any], set[type], list[Any]]:
    """Of an annotation: its literal values, its types but None, and what bounds them."""
    origin = get_origin(annotation)
    if origin is Literal:
        return list(get_args(annotation)), set(), constraints
    if origin is Annotated:
        base, *extra = get_args(annotation)
        inner = [c for e in extra for c in (e.metadata if isinstance(e, FieldInfo) else [e])]
        return _parts(base, [*constraints, *inner])
    if origin in (Union, UnionType, tuple):
        literals: list[Any] = []
        kinds: set[type] = set()
        for each in get_args(annotation):
            if each is not type(None) and each is not Ellipsis:
                more, types, constraints = _parts(each, constraints)
                literals += more
                kinds |= types
        return literals, kinds, constraints
    return [], {annotation}, constraints


def described(
    work: Callable[..., Any], name: str, summary: str, knobs: Sequence[Knobs], **others: str
) -> Callable[..., Any]:
    """`work(**options, **others)` with the names, defaults and help of its parameters, for API and MCP.

    Args:
        others: help of its parameters that are no options.
    """
    fields = {name: field for each in knobs for name, field in each.fields.items()}
    own = [
        p for p in inspect.signature(work).parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    options = [inspect.Parameter(each, inspect.Parameter.KEYWORD_ONLY, default=None) for each in fields]
    work.__signature__ = inspect.Signature([*own, *options])  # type: ignore[attr-defined]
    lines = [*others.items(), *((each, help_text(field)) for each, field in fields.items())]
    work.__name__ = name
    work.__doc__ = "\n".join([summary, "", "Args:", *(f"    {each}: {text}" for each, text in lines)])
    return work
