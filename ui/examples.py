"""Pictures to try a tab with, which ship."""

import functools
from pathlib import Path
from typing import Any

import gradio as gr

PICTURES = Path(__file__).parent / "pictures"
_NAMES = {
    "small.jpg": "a small photo",
    "cut-out.png": "a cut-out",
    "noisy.jpg": "a noisy photo",
    "clean.jpg": "a clean one",
    "rocket.jpg": "a rocket",
    "cat.jpg": "a cat",
}


def draw(intake: gr.File, *names: str) -> None:
    """Buttons that put one of these pictures where pictures are dropped."""
    with gr.Row(elem_classes="examples"):
        gr.Markdown("Or try", elem_classes="note")
        for name in names:
            button = gr.Button(_NAMES[name], icon=PICTURES / name, size="sm", min_width=90)
            button.click(
                functools.partial(_taken, str(PICTURES / name), intake.file_count == "multiple"),
                None,
                intake,
                api_visibility="private",
                show_progress="hidden",
            )


def _taken(path: str, several: bool) -> Any:
    return [path] if several else path
