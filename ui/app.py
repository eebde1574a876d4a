"""The page itself: a tab per row of the table of tasks, and one to compare."""

from importlib import import_module
from typing import Any

import gradio as gr

from genstudio import __version__
from genstudio.images.formats import readable_suffixes
from genstudio.tasks import TASKS

from . import examples, weights
from .runs import Trainer
from .studio import Studio, session_of, title
from .tabs import compare, train
from .tabs import models as models_tab
from .widgets import pictures

SEVERAL = {"upscale", "denoise", "stylize"}  # take many pictures at a time
A_DAY_S = 86_400

CSS = """
.gradio-container { width: 100% !important; max-width: 1760px !important; }
.gradio-container { margin: 0 auto !important; padding: 0 !important; }
.gradio-container .main { padding: 12px 16px; }
.gradio-container .main, .gradio-container .wrap, .gradio-container .contain { min-width: 0; }
.note, .note p { font-size: var(--text-sm); color: var(--body-text-color-subdued); }
.report { overflow-wrap: anywhere; }
/* Where progress is shown, or that there is no result, what was said before is not. */
.report > .translucent ~ * { visibility: hidden; }
.report .error { font-size: 0 !important; }
.report .error::before { content: "Not done"; font-size: var(--text-sm); }
.send, .examples { align-items: center; gap: 6px !important; flex-wrap: wrap; }
.send > *, .examples > * { flex: 0 0 auto !important; min-width: 0 !important; width: auto !important; }
.examples img { width: 44px; height: 44px; object-fit: cover; border-radius: 4px; }
#styles .grid-container, #made .grid-container {
  grid-template-columns: repeat(auto-fill, minmax(84px, 1fr)) !important;
}
[id^=results-] [aria-label="Remove this file"] { display: none; }
[id^=results-] .empty { min-height: 110px !important; height: 110px; }
#styles .thumbnail-item { display: block; height: 96px; aspect-ratio: auto; } /* three rows are seen whole */
#styles .caption-label, #made .caption-label {
  left: 0; right: 0; bottom: 0; max-width: 100%; padding: 2px 3px; border-radius: 0;
  font-size: 10px; line-height: 1.3; white-space: normal; overflow-wrap: anywhere;
  display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2;
}
.plot { padding-bottom: 42px !important; } /* its legend is cut off otherwise */
#card table, #numbers table { display: block; overflow-x: auto; border: 0; }
#card thead:has(th:empty) { display: none; }
#card td, #card th, #numbers td, #numbers th {
  border: 1px solid var(--border-color-primary); padding: 4px 8px; min-width: 4em;
  overflow-wrap: normal; word-break: normal;
}
#card code { overflow-wrap: anywhere; }
.head h1 { margin: 0; font-size: var(--text-xxl); }
footer { margin-top: 24px; }
"""

# At /?view=api Gradio takes its list of actions for open before it is loaded, and shows none: so it is
# closed and opened.
JS = """() => {
  const open = () => {
    const link = document.querySelector("footer button.show-api")
    if (!link) return setTimeout(open, 100)
    link.click()
    setTimeout(() => link.click(), 100)
  }
  if (new URLSearchParams(location.search).get("view") === "api") open()
}"""


def theme() -> gr.themes.Base:
    """The system's own fonts: nothing is fetched from elsewhere."""
    sans, mono = ["system-ui", "sans-serif"], ["ui-monospace", "monospace"]
    return gr.themes.Default(primary_hue="teal", neutral_hue="slate", font=sans, font_mono=mono)


def build(max_pixels: int, *, trainer: Trainer | None = None, models: bool = False) -> gr.Blocks:
    """The page, not served yet.

    Args:
        max_pixels: the most that a picture, and a result, may have.
        trainer: what trains; without one there is no such tab.
        models: whether models can be imported and removed.
    """
    gr.set_static_paths([examples.PICTURES])  # shown from where they are, and never removed
    suffixes = sorted(readable_suffixes())
    studio = Studio(max_pixels, trainer=trainer)
    for task in (*TASKS, "compare"):
        studio.intakes[task] = pictures(
            "Pictures" if task in SEVERAL else "Picture",
            several=task in SEVERAL,
            file_types=suffixes,
            render=False,
            elem_id=f"pictures-{task}",
        )
    with gr.Blocks(title="genstudio", fill_width=True, delete_cache=(A_DAY_S // 24, A_DAY_S)) as page:
        gr.Markdown(f"# genstudio\n{_summary()}", elem_classes="head")
        with gr.Tabs() as studio.tabs:
            for task in TASKS:
                with gr.Tab(title(task), id=task):
                    gr.Markdown(TASKS[task].summary)
                    import_module(f".tabs.{task}", __package__).tab(studio)
            with gr.Tab("Compare", id="compare"):
                compare.tab(studio)
            if trainer is not None:
                with gr.Tab("Train", id="train") as its_tab:
                    train.tab(studio, trainer, its_tab)
            if models:
                with gr.Tab("Models", id="models"):
                    models_tab.tab(studio)

        def refill() -> Any:
            return weights.refill(studio)

        # For programs, which hear of no events, those who change them do the same.
        for come_or_gone in (page.load, *(event.success for event in studio.model_events)):
            come_or_gone(
                refill,
                None,
                [chosen for chosen, _ in studio.model_lists],
                api_visibility="private",
                show_progress="hidden",
            )

        def uploaded(sent: Any, request: gr.Request) -> None:
            studio.sessions.uploaded(session_of(request), sent if isinstance(sent, list) else [sent])

        for block in list(page.blocks.values()):
            if isinstance(block, gr.File):
                block.upload(uploaded, block, api_visibility="private", show_progress="hidden")

        def leave(request: gr.Request) -> None:
            session = session_of(request)
            if jobs := studio.jobs.stop(session):
                studio.sessions.leave(session, jobs)
            else:
                studio.sessions.close(session)

        page.unload(leave)
    return page


def _summary() -> str:
    return f"Version {__version__}. Pictures stay on the machine that serves this page."
