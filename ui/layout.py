"""The layout of tasks that answer a picture with a picture, and what it has in common with the other tabs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio as gr

from genstudio.images.formats import WRITTEN
from genstudio.options import FileOptions, Options
from genstudio.tasks import TASKS

from . import examples, weights
from .restore import restored, sizes, wanted
from .sessions import View
from .studio import Studio, session_of, title
from .widgets import FILES_PX, Knobs, described

# On a small screen what comes of a button is far below it; Gradio's own scroll_to_output does nothing.
SHOW = """() => {
  const results = document.getElementById("%s").closest(".columns").lastElementChild
  const top = results.getBoundingClientRect().top
  if (top < 0 || top > innerHeight / 2) results.scrollIntoView({behavior: "smooth"})
}"""

# On the page a result's folder is always new.
OF_FOLDERS = {"recursive", "overwrite", "skip_existing"}


def file_knobs() -> Knobs:
    formats = gr.Dropdown(
        [("the picture's own", ""), *WRITTEN],
        value="",
        label="Format",
        info="What to write; where it holds no alpha, depth or metadata, that is said.",
        interactive=True,
        render=False,
    )
    return Knobs(FileOptions, hidden=OF_FOLDERS, widgets={"format": formats})


@dataclass
class Parts:
    """The components of one tab, drawn by `inputs` and `outputs`."""

    studio: Studio
    task: str
    knobs: Knobs
    files: Knobs = field(default_factory=file_knobs)

    def intake(self) -> None:
        self.pictures = self.studio.intakes[self.task].render()
        self.note = gr.Markdown(elem_classes="note")

    def model(self) -> None:
        place_model(self.task, self.knobs)

    def buttons(self) -> None:
        self.run, self.stop = run_and_stop(self.task)

    def options(self) -> None:
        """All that is not placed yet, folded away."""
        self.knobs.place_rest()
        with gr.Accordion("File", open=False):
            self.files.place(*self.files.fields)

    def outputs(self, alt: str) -> None:
        # Above the slider, for it says how far the work is.
        self.report = gr.Markdown(
            label="Report", min_height=64, elem_classes="report", elem_id=f"report-{self.task}"
        )
        self.slider = gr.ImageSlider(
            label=alt,
            type="filepath",
            format="png",
            interactive=False,
            max_height=720,
            elem_id=f"slider-{self.task}",
        )
        self.results = gr.File(
            label="Results: click a size to download, a name to look at it",
            file_count="multiple",
            interactive=False,
            height=FILES_PX,
            elem_id=f"results-{self.task}",
        )
        # The list of files takes clicks, but no keys.
        self.looked = gr.Dropdown(
            [], label="Look at", interactive=True, visible=False, elem_id=f"look-{self.task}"
        )
        self.studio.send_row(self.task, self.results, self.looked)

    def wire(self) -> None:
        """Everything but the run itself."""
        components = list(self.knobs.components.values())
        names = list(self.knobs.components)

        def note(paths: list[str] | None, *values: Any) -> str:
            return sizes(self.studio, self.knobs, paths, dict(zip(names, values, strict=True)))

        gr.on(
            [self.pictures.change, *(each.change for each in components)],
            note,
            [self.pictures, *components],
            self.note,
            api_visibility="private",
            show_progress="hidden",
            trigger_mode="always_last",
        )
        private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        self.results.select(self._clicked, None, [self.slider, self.looked], **private)
        self.results.change(self._to_look_at, self.results, self.looked, **private)
        self.looked.input(self._look, self.looked, self.slider, **private)
        wire_stop(self.studio, self.task, self.stop)

    def clear_on_failure(self, ran: Any) -> None:
        """Where there is no result, the one before is not to be taken for it."""
        empty = [self.results, self.slider]
        ran.failure(lambda: (None, None), None, empty, api_visibility="private", show_progress="hidden")

    @property
    def shown(self) -> list[Any]:
        """What a run gives, in the order of `Done.outputs`."""
        return [self.results, self.report, self.slider]

    def _views(self, request: gr.Request) -> list[View]:
        # Paths that a browser sends back are not to be trusted, so it sends none.
        return self.studio.sessions.views.get((session_of(request), self.task), [])

    def _clicked(self, request: gr.Request, event: gr.SelectData) -> Any:
        views = self._views(request)
        return (views[event.index], event.index) if event.index < len(views) else (gr.skip(), gr.skip())

    def _look(self, index: int, request: gr.Request) -> Any:
        views = self._views(request)
        return views[index] if 0 <= index < len(views) else gr.skip()

    def _to_look_at(self, results: list[str] | None, request: gr.Request) -> Any:
        names = [(Path(path).name, k) for k, path in enumerate(results or [])][: len(self._views(request))]
        return gr.Dropdown(names, value=0 if names else None, visible=len(names) > 1)


def place_model(task: str, knobs: Knobs) -> None:
    """The choice of a model, and under it when to take which."""
    knobs.place("model")
    model = knobs.components["model"]
    of = weights.advice(task, knobs.model)
    advice = gr.Markdown(of(model.value), elem_classes="note")
    model.change(of, model, advice, api_visibility="private", show_progress="hidden")


def run_and_stop(task: str) -> tuple[gr.Button, gr.Button]:
    with gr.Row():
        run = gr.Button(title(task), variant="primary", scale=3, min_width=120, elem_id=f"run-{task}")
        run.click(None, js=SHOW % f"run-{task}", api_visibility="private")
        return run, gr.Button("Stop", scale=1, min_width=80, elem_id=f"stop-{task}")


def wire_stop(studio: Studio, task: str, button: gr.Button) -> None:
    def stop(request: gr.Request) -> None:
        if not studio.jobs.stop(session_of(request), task):
            gr.Info("There is nothing to stop.", duration=3)

    stop.__name__ = f"stop_{task}"
    stop.__doc__ = f"Stop what this session has {task} at work or in line, between two tiles or steps."
    on_stop(button, stop)


def on_stop(button: gr.Button, stop: Callable[..., None]) -> None:
    """The page's words reach only who is in Gradio's queue, which holds nobody up; with a password language
    models reach only what is not in it."""
    gr.api(stop, api_name=stop.__name__, queue=False)
    button.click(stop, api_visibility="private", show_progress="hidden")


def draw(
    studio: Studio, task: str, options: type[Options], first: Sequence[str], tries: Sequence[str]
) -> None:
    """A whole tab of a task that needs nothing but pictures and options.

    Args:
        first: the options that are not folded away, beside the model.
        tries: examples.
    """
    knobs = Knobs(options, widgets={"model": weights.chooser(studio, task, options)})
    parts = Parts(studio, task, knobs)
    with gr.Row(elem_classes="columns"):
        with gr.Column(scale=2, min_width=300):
            parts.intake()
            examples.draw(parts.pictures, *tries)
            parts.model()
            knobs.place(*first)
            parts.buttons()
            parts.options()
        with gr.Column(scale=3, min_width=300):
            parts.outputs("Before and after")
    parts.wire()

    def run(
        pictures: list[str], request: gr.Request = None, progress: Any = gr.Progress(), **values: Any
    ) -> Any:
        with studio.turn(request, task, progress, pictures) as job:
            given, files = knobs.read(values), parts.files.read(values)
            return restored(studio, job, wanted(pictures), given, files).outputs()

    ran = parts.run.click(
        described(run, task, TASKS[task].summary, [knobs, parts.files], pictures="The pictures, as files."),
        [parts.pictures],
        parts.shown,
        inputs_kwargs={**knobs.components, **parts.files.components},
        api_name=task,
        show_progress_on=[parts.report],
        concurrency_limit=None,
    )
    parts.clear_on_failure(ran)
