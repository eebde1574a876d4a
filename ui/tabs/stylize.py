"""The tab that gives pictures the style of others; with method optimize the picture is seen to grow."""

import contextvars
import functools
import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Self

import gradio as gr
from PIL import Image

from genstudio import images
from genstudio.errors import Stopped, UsageError
from genstudio.stylize import styles
from genstudio.stylize.options import StylizeOptions
from genstudio.tasks import TASKS

from .. import examples, weights
from ..jobs import Job
from ..layout import Parts
from ..restore import restored, wanted
from ..studio import Studio, loaded, plainly
from ..widgets import Knobs, described, pictures

LOOK_EVERY_S = 1.5


def tab(studio: Studio) -> None:
    knobs = Knobs(
        StylizeOptions,
        hidden={"save_every"},  # the page shows the picture on its way
        widgets={
            "model": weights.chooser(studio, "stylize", StylizeOptions, lambda header: header.arch == "fast")
        },
    )
    parts = Parts(studio, "stylize", knobs)
    with gr.Row(elem_classes="columns"):
        with gr.Column(scale=2, min_width=300):
            parts.intake()
            examples.draw(parts.pictures, "rocket.jpg", "cat.jpg")
            chosen = _gallery()
            own = pictures("Styles of your own: any pictures")
            knobs.place("strength", "keep_color", "method")
            parts.buttons()
            parts.model()
            parts.options()
        with gr.Column(scale=3, min_width=300):
            parts.outputs("Before and after")
    parts.wire()

    def run(
        pictures: list[str],
        styles: list[str] | None = None,
        own_styles: list[str] | None = None,
        request: gr.Request = None,
        progress: Any = gr.Progress(),
        **values: Any,
    ) -> Iterator[Any]:
        def work(show: Callable[[Any], None]) -> None:
            with studio.turn(request, "stylize", progress, pictures, own_styles) as job:
                options, files = knobs.read(values), parts.files.read(values)
                studio.check([*(own_styles or []), *options.mask])
                worn = [*(styles or []), *(own_styles or [])]
                if not worn:
                    raise UsageError(
                        "expected a style, found none; choose one of the gallery, or drop a picture"
                    )
                painting = _Painting(studio, job, worn, options, show)
                done = restored(
                    studio,
                    job,
                    wanted(pictures),
                    options,
                    files,
                    load=painting.load,
                    stop=painting.stop,
                    unit="tile" if options.method == "fast" else "step",
                )
                show(done.outputs())

        yield from _shown(work)

    ran = parts.run.click(
        described(
            run,
            "stylize",
            TASKS["stylize"].summary,
            [knobs, parts.files],
            pictures="The pictures, as files.",
            styles="Names of styles.",
            own_styles="Pictures that are styles, as files.",
        ),
        [parts.pictures, chosen, own],
        parts.shown,
        inputs_kwargs={**knobs.components, **parts.files.components},
        api_name="stylize",
        show_progress_on=[parts.report],
        concurrency_limit=None,
    )
    parts.clear_on_failure(ran)


def _gallery() -> gr.Dropdown:
    """Thumbnails of the named styles; a click adds one to the list of the chosen, another takes it away."""
    known = styles.installed()
    cards = {name: styles.card(path) for name, path in known.items()}
    pictured = [name for name in known if (examples.PICTURES / "styles" / f"{name}.webp").is_file()]
    gr.Markdown("Styles: click one, or several to mix them")
    gallery = gr.Gallery(
        [
            (str(examples.PICTURES / "styles" / f"{name}.webp"), cards[name].title or name)
            for name in pictured
        ],
        label="Styles",
        show_label=False,
        columns=4,
        height=320,
        object_fit="cover",
        allow_preview=False,
        interactive=False,
        buttons=[],
        elem_id="styles",
    )
    choices = [(_said(name, cards[name]), name) for name in known]
    chosen = gr.Dropdown(choices, multiselect=True, value=[], label="Chosen styles", elem_id="chosen-styles")

    def toggle(names: list[str], event: gr.SelectData) -> list[str]:
        name = pictured[event.index]
        return [each for each in names if each != name] if name in names else [*names, name]

    gallery.select(toggle, chosen, chosen, api_visibility="private", show_progress="hidden")
    return chosen


def _said(name: str, card: styles.Card) -> str:
    return f"{card.title}, {card.artist} ({card.year})" if card.title else name


class _Painting:
    """A stylizer whose pictures are, with method optimize, shown on their way and kept when stopped."""

    def __init__(
        self, studio: Studio, job: Job, worn: list[str], options: StylizeOptions, show: Callable[[Any], None]
    ) -> None:
        self._job, self._worn, self._options, self._show = job, worn, options, show
        self._folder = studio.sessions.folder(job.session)
        self._begun = False
        self._shown = 0.0

    def load(self, task: str, options: StylizeOptions) -> Self:
        self._stylizer = loaded(task, options).wearing(
            self._worn, options, on_event=self._on_event, enough=self._enough
        )
        self.plan, self.facts = self._stylizer.plan, self._stylizer.facts
        return self

    def restore(self, picture: images.Picture, *how: Any) -> images.Picture:
        self._given, self._before = picture, ""
        done: images.Picture = self._stylizer.restore(picture, *how)
        kept = self._stylizer.painter.ended
        return replace(done, notes=(*done.notes, kept)) if kept else done

    def _enough(self) -> bool:
        """Stopping keeps a picture that is being optimised, as the first Ctrl-C does in the shell."""
        return self._job.stopped() and not self._given.animation

    def stop(self) -> bool:
        return self._job.stopped() and not self._begun

    def _on_event(self, event: Any) -> None:
        self._begun = True
        if self._job.stopped():
            if self._given.animation:
                raise Stopped(f"stopped after {event.step} of {event.steps} steps")
            return
        if time.monotonic() - self._shown >= LOOK_EVERY_S:
            self._shown = time.monotonic()
            self._before = self._before or self._viewed(images.to_pil(self._given))
            view = self._viewed(Image.fromarray(event.picture()))
            self._show((None, gr.skip(), (self._before, view)))  # how far it is, progress says

    def _viewed(self, image: Image.Image) -> str:
        view = self._folder / f"{len(list(self._folder.iterdir())):05d}.png"
        images.write(images.from_pil(image), view)
        return str(view)


def _shown(work: Callable[[Callable[[Any], None]], None]) -> Iterator[Any]:
    """What work in a thread of its own has to show, as it comes.

    The device is held by that thread, which ends by itself; nobody knows whether a generator is gone through.
    """
    outputs: queue.Queue[Any] = queue.Queue()

    def all_of_it() -> None:
        try:
            with plainly():
                work(outputs.put)
        except Exception as error:
            outputs.put(error)
        outputs.put(None)

    in_context = functools.partial(contextvars.copy_context().run, all_of_it)  # where progress is told
    threading.Thread(target=in_context, daemon=True).start()
    while (output := outputs.get()) is not None:
        if isinstance(output, Exception):
            raise output
        yield output
