"""The tab that says what is on a picture, and where it looked."""

from pathlib import Path
from typing import Any

import gradio as gr

from genstudio import images
from genstudio.classify.options import ClassifierOptions, ClassifyOptions
from genstudio.tasks import TASKS

from .. import examples, weights
from ..layout import place_model, run_and_stop, wire_stop
from ..restore import wanted
from ..studio import Studio, loaded
from ..widgets import Knobs, described

# Where the shell writes; the page always explains, into its own folder.
OF_FILES = {"explain", "recursive", "overwrite"}


def tab(studio: Studio) -> None:
    knobs = Knobs(
        ClassifyOptions,
        hidden=OF_FILES,
        widgets={"model": weights.chooser(studio, "classify", ClassifyOptions)},
    )
    with gr.Row(elem_classes="columns"):
        with gr.Column(scale=2, min_width=300):
            intake = studio.intakes["classify"].render()
            examples.draw(intake, "cat.jpg")
            place_model("classify", knobs)
            knobs.place("top")
            button, stop = run_and_stop("classify")
            knobs.place_rest()
        with gr.Column(scale=3, min_width=300):
            label = gr.Label(label="The likeliest classes", elem_id="classes")
            gr.Markdown("What of the picture's centre spoke for the first class, and what else it might be")
            explanation = gr.Image(
                label="Explanation",
                show_label=False,
                type="filepath",
                format="png",
                interactive=False,
                buttons=["download", "fullscreen"],
                elem_id="explanation",
            )
            # A picture that comes back would be decoded by Gradio, without our limits; a file is not.
            file = gr.File(visible=False, label="File")
            studio.send_row("classify", file)
    wire_stop(studio, "classify", stop)

    def run(picture: str, request: gr.Request, progress: Any = gr.Progress(), **values: Any) -> Any:
        with studio.turn(request, "classify", progress, picture) as job:
            options = knobs.read(values)
            (path,) = wanted([picture] if picture else None)
            classifier = loaded("classify", ClassifierOptions(model=options.model, device=options.device))
            read = studio.read(Path(path))
            guesses = classifier(read, top=options.top)
            target = studio.sessions.folder(job.session) / f"{Path(path).stem}-explained.png"
            images.write(images.from_pil(classifier.explain(read)), target)
            return {guess.label: guess.probability for guess in guesses}, str(target), str(target)

    button.click(
        described(run, "classify", TASKS["classify"].summary, [knobs], picture="The picture, as a file."),
        [intake],
        [label, explanation, file],
        inputs_kwargs=knobs.components,
        api_name="classify",
        show_progress_on=[label],
        concurrency_limit=None,
    )
