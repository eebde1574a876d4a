"""What all tabs share: the limits, who works and who waits, whose files are whose, where results can go."""

import functools
import html
import importlib
import logging
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio as gr

from genstudio import images
from genstudio.errors import Stopped, StudioError, UsageError
from genstudio.images import Picture
from genstudio.options import Options
from genstudio.tasks import TASKS

from .jobs import Job, Jobs
from .runs import Trainer
from .sessions import Sessions, without_folders

log = logging.getLogger("genstudio")

NOBODY = "nobody"  # the session of calls that have none
PIPELINES_KEPT = 4


@dataclass
class Studio:
    """One page, whoever has it open.

    Attributes:
        max_pixels: the most that a picture may have, and its result, all frames of an animation together.
        intakes: where each tab takes pictures; made before the tabs, so that each can send to all.
        model_lists: lists of models to choose from, and what is to be in each.
        model_events: after which models have come or gone.
        trainer: the run at work, where training is offered.
    """

    max_pixels: int
    jobs: Jobs = field(default_factory=Jobs)
    sessions: Sessions = field(default_factory=Sessions)
    intakes: dict[str, gr.File] = field(default_factory=dict)
    tabs: Any = None
    model_lists: list[tuple[gr.Dropdown, Callable[[], list[str]]]] = field(default_factory=list)
    model_events: list[Any] = field(default_factory=list)
    trainer: Trainer | None = None

    @contextmanager
    def turn(self, request: gr.Request | None, task: str, progress: Any, *uploads: Any) -> Iterator[Job]:
        """Hold the device, one job at a time; what goes wrong is said in plain words.

        Args:
            uploads: paths of the pictures sent, and lists of them.
        """
        session = session_of(request)
        flat = [path for each in uploads if each for path in (each if isinstance(each, list) else [each])]
        self.sessions.uploaded(session, flat)

        def say(share: float | None, words: str) -> None:
            progress(share or 0, words)  # of None, Gradio's page would draw no words either

        try:
            with plainly(), self.jobs.turn(session, task, say) as job:
                yield job
        finally:
            self.sessions.job_ended(session)

    def read(self, source: Path | bytes) -> Picture:
        """A picture within the limits. Raises InputError."""
        return images.read(source, max_pixels=self.max_pixels)

    def check(self, paths: Iterable[str | Path]) -> None:
        """Refuse pictures beyond the limit by their headers, for those who read them elsewhere."""
        for path in paths:
            images.size(path, max_pixels=self.max_pixels)

    def check_result(self, width: int, height: int, frames: int = 1) -> None:
        """Refuse a result beyond the limit, before it is made. Raises UsageError."""
        if width * height * frames > self.max_pixels:
            times = f"{frames} times " if frames > 1 else ""
            raise UsageError(
                f"expected a result of at most {self.max_pixels:,} pixels, found {times}{width} x {height}; "
                "ask for a smaller one"
            )

    def send_row(self, task: str, results: Any, looked: gr.Dropdown | None = None) -> None:
        """Buttons that hand this tab's results to another one.

        Args:
            looked: the place of the one that is looked at; it goes where only one can.
        """
        with gr.Row(elem_classes="send"):
            gr.Markdown("Send to", elem_classes="send-label")
            for target, intake in self.intakes.items():
                if target != task:
                    button = gr.Button(target.capitalize(), size="sm", min_width=90)
                    button.click(
                        functools.partial(_sent, target, intake.file_count == "multiple"),
                        [results, looked] if looked else results,
                        [intake, self.tabs],
                        api_visibility="private",
                        show_progress="hidden",
                    )


def _sent(target: str, several: bool, results: Any, looked: int | None = None) -> tuple[Any, Any]:
    paths = results if isinstance(results, list) else [results] if results else []
    pictures = [path for path in paths if not path.endswith(".zip")]
    if not pictures:
        gr.Warning("There is no result to send yet.")
        return gr.skip(), gr.skip()
    return pictures if several else pictures[looked or 0], gr.Tabs(selected=target)


def session_of(request: gr.Request | None) -> str:
    return getattr(request, "session_hash", None) or NOBODY


def title(task: str) -> str:
    return task.capitalize()


@contextmanager
def plainly() -> Iterator[None]:
    """The library's own words where something goes wrong, and never a stack trace."""
    try:
        yield
    except Stopped as error:
        gr.Info(in_words(error), duration=5)  # for people it is no error, for programs it is
        raise gr.Error(in_words(error), visible=False, print_exception=False) from None
    except StudioError as error:
        raise gr.Error(in_words(error), duration=None, print_exception=False) from None
    except MemoryError:
        words = "expected memory for the picture and its result, found too little; ask for a smaller result"
        raise gr.Error(words, duration=None, print_exception=False) from None
    except gr.Error:
        raise
    except Exception as error:
        log.error(
            "a bug: %s: %s", type(error).__name__, error, exc_info=bool(os.environ.get("GENSTUDIO_DEBUG"))
        )
        words = f"{type(error).__name__}; this is a bug, and the one who runs this page can see more of it"
        raise gr.Error(words, duration=None, print_exception=False) from None


def in_words(error: Exception) -> str:
    """An error as the page says it; what a file is called must not be taken for HTML."""
    return html.escape(without_folders(str(error)), quote=False)


@functools.lru_cache(maxsize=PIPELINES_KEPT)
def loaded(task: str, options: Options) -> Any:
    """A task's pipeline with its weights. To be called with the device held."""
    module, _, name = TASKS[task].pipeline.partition(":")
    return getattr(importlib.import_module(module), name).from_options(options)
