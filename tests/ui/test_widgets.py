"""Every option of every task is on the page, with the shell's range, default, choices and help."""

from importlib import import_module
from typing import Any

import gradio as gr
import pytest

from genstudio.options import FileOptions, OptionError, Options
from genstudio.tasks import TASKS
from genstudio.ui.layout import OF_FOLDERS
from genstudio.ui.tabs.classify import OF_FILES
from genstudio.ui.widgets import Knobs, help_text, label

# What the page does not ask for, and what it does instead stands where they are named.
LEFT_OUT = {
    "classify": OF_FILES,
    "stylize": {"save_every"},
    "generate": {"overwrite"},
}


def options_of(task: str) -> type[Options]:
    module, _, name = TASKS[task].options.partition(":")
    return getattr(import_module(module), name)  # type: ignore[no-any-return]


@pytest.mark.parametrize("task", TASKS)
def test_every_option_is_a_parameter_of_the_page(task: str, client: Any) -> None:
    parameters = client.view_api(return_format="dict")["named_endpoints"][f"/{task}"]["parameters"]
    expected = options_of(task).model_fields.keys() - LEFT_OUT.get(task, set())
    if task in ("upscale", "denoise", "stylize"):
        expected |= FileOptions.model_fields.keys() - OF_FOLDERS
    found = {each["parameter_name"] for each in parameters}
    assert found - expected <= {"pictures", "picture", "styles", "own_styles"}
    assert expected <= found
    assert all(each["parameter_has_default"] for each in parameters if each["parameter_name"] in expected)


@pytest.mark.parametrize("task", TASKS)
def test_widgets_left_alone_mean_the_defaults(task: str) -> None:
    knobs = Knobs(options_of(task))
    with gr.Blocks():
        knobs.place(*knobs.fields)
    values = {name: each.value for name, each in knobs.components.items()}
    assert knobs.read(values) == options_of(task)()


def test_a_widget_has_the_range_of_its_option_and_says_what_is_wrong_as_the_shell_does() -> None:
    knobs = Knobs(options_of("denoise"))
    with gr.Blocks():
        knobs.place(*knobs.fields)
    amount, strength, tile = (knobs.components[name] for name in ("amount", "strength", "tile"))
    assert (amount.minimum, amount.maximum, amount.value) == (0, 1, 1)
    assert [value for _, value in tile.choices] == ["auto", "off"]
    assert strength.allow_custom_value
    assert knobs.read({"strength": "12.5", "tile": "64"}).strength == 12.5
    with pytest.raises(OptionError, match="tile: expected auto, off or a whole number of at least 32"):
        knobs.read({"tile": "20"})


def test_words_are_the_options_own_less_what_only_the_shell_has() -> None:
    fields = options_of("generate").model_fields
    assert label("class_name", fields["class_name"]) == "Class"
    assert "--" not in help_text(fields["count"])
    assert "OUT" not in help_text(fields["interpolate"])
    assert help_text(fields["truncation"]) == fields["truncation"].description
