"""The tab that makes pictures out of nothing, and from one of them others like it, or a film to another."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
from PIL import Image

from genstudio import images
from genstudio.errors import Stopped, UsageError
from genstudio.generate.options import GenerateOptions, GeneratorOptions
from genstudio.tasks import TASKS
from genstudio.upscale.options import UpscaleOptions

from .. import weights
from ..jobs import Job
from ..layout import place_model, run_and_stop, wire_stop
from ..sessions import zipped
from ..studio import Studio, loaded
from ..widgets import FILES_PX, Knobs, described

if TYPE_CHECKING:
    from torch import Tensor

COUNT = 12  # that a page begins with
WALK_FRAMES = 60
OF_A_PICTURE = {"model", "device", "truncation", "class_name"}


def tab(studio: Studio) -> None:
    knobs = Knobs(
        GenerateOptions,
        hidden={"overwrite"},
        widgets={
            "model": weights.chooser(studio, "generate", GenerateOptions),
            "like": studio.intakes["generate"],
        },
    )
    with gr.Row(elem_classes="columns"):
        with gr.Column(scale=2, min_width=300):
            place_model("generate", knobs)
            knobs.place("seed", "count", "truncation", "class_name")
            knobs.components["count"].value = COUNT
            button, stop = run_and_stop("generate")
            with gr.Accordion("A film, one sheet, or the likeness of a photo", open=False):
                knobs.place("interpolate", "walk", "frames", "grid")
                gr.Markdown(GenerateOptions.model_fields["like"].description or "", elem_classes="note")
                knobs.place("like")
            knobs.place_rest()
        with gr.Column(scale=3, min_width=300):
            gr.Markdown("Pictures, by seed and number: click one to go on from it")
            gallery = gr.Gallery(
                label="Pictures",
                show_label=False,
                format="png",
                columns=6,
                object_fit="contain",
                interactive=False,
                buttons=["download", "fullscreen"],
                elem_id="made",
            )
            report = gr.Markdown(label="Report", min_height=64, elem_classes="report")
            results = gr.File(
                label="Results: click a size to download",
                file_count="multiple",
                interactive=False,
                height=FILES_PX,
                elem_id="results-generate",
            )
            with gr.Row():
                start = gr.Textbox("0:0", label="Go on from", max_lines=1, elem_id="start")
                end = gr.Textbox("0:1", label="Walk to", max_lines=1, elem_id="end")
                spread = gr.Slider(0, 1, value=0.3, step=0.05, label="How far variations go")
            with gr.Row():
                vary = gr.Button("Variations of it", elem_id="vary")
                walk = gr.Button("Walk to the other", elem_id="walk")
            studio.send_row("generate", results)
    shown = [gallery, results, report]
    wire_stop(studio, "generate", stop)

    def first(event: gr.SelectData) -> Any:
        return event.value["caption"] if event.value.get("caption") else gr.skip()

    gallery.select(first, None, start, api_visibility="private", show_progress="hidden")

    def generate(request: gr.Request, progress: Any = gr.Progress(), **values: Any) -> Any:
        with studio.turn(request, "generate", progress, values.get("like")) as job:
            if str(values["count"]) == str(COUNT) and any(
                values[kind] for kind in ("grid", "interpolate", "like")
            ):
                values["count"] = None  # the page's own, which is for pictures one by one
            return _generated(studio, job, knobs.read(values))

    def variations(
        picture: str,
        spread: float,
        request: gr.Request,
        progress: Any = gr.Progress(),
        **values: Any,
    ) -> Any:
        with studio.turn(request, "generate", progress) as job:
            return _varied(studio, job, same.read(values), picture, spread)

    def walk_between(
        picture: str,
        other: str,
        request: gr.Request,
        progress: Any = gr.Progress(),
        **values: Any,
    ) -> Any:
        with studio.turn(request, "generate", progress) as job:
            return _walked(studio, job, same.read(values), picture, other)

    # What one picture depends on beside its address.
    same = Knobs(GenerateOptions, hidden=GenerateOptions.model_fields.keys() - OF_A_PICTURE)
    same.components = {name: knobs.components[name] for name in same.fields}
    address = "As 7:2 is picture 2 of seed 7, 7:2/0.3:5 variation 5 of it at a distance of 0.3."
    for button_, work, summary, name, inputs, others in (
        (button, generate, TASKS["generate"].summary, "generate", [], {}),
        (
            vary,
            variations,
            "Make pictures around one.",
            "variations",
            [start, spread],
            {"picture": address, "spread": "How far to go from it, 0 (the same) to 1 (anywhere)."},
        ),
        (
            walk,
            walk_between,
            "Make a film from one picture to another.",
            "walk",
            [start, end],
            {"picture": address, "other": "The last one's address."},
        ),
    ):
        of_these = knobs if work is generate else same
        button_.click(
            described(work, name, summary, [of_these], **others),
            inputs,
            shown,
            inputs_kwargs=of_these.components,
            api_name=name,
            show_progress_on=[report],
            concurrency_limit=None,
        )


def _generator(options: GenerateOptions) -> Any:
    return loaded("generate", GeneratorOptions(model=options.model, device=options.device))


def _counting(job: Job, unit: str) -> Any:
    def progress(done: int, total: int) -> None:
        if job.stopped():
            raise Stopped(f"stopped after {done} of {total}")
        job.at(done / total, f"{unit} {done} of {total}")

    return progress


def _generated(studio: Studio, job: Job, options: GenerateOptions) -> tuple[Any, ...]:
    from genstudio.generate import files

    generator = _generator(options)
    upscaler = loaded("upscale", UpscaleOptions()) if options.upscale else None
    studio.check([options.like] if options.like else [])
    side = generator.size * (4 if options.upscale else 1)
    columns, rows = options.cells
    if (
        side * side * max(columns * rows, options.frames if options.is_film else options.number)
        > studio.max_pixels
    ):
        raise UsageError(
            f"expected at most {studio.max_pixels:,} pixels in all, found more; ask for fewer or smaller ones"
        )
    folder = studio.sessions.folder(job.session)
    name = (
        "film.webp" if options.is_film else "grid.png" if options.grid else "like.png" if options.like else ""
    )
    paths: list[Path] = []
    said = ""
    progress = _counting(job, "frame" if options.is_film else "step" if options.like else "picture")
    try:
        for written in files.write(generator, options, folder / name, enlarge=upscaler, progress=progress):
            paths.append(written.path)
    except Stopped as error:
        said = f"**{str(error).capitalize()}.** "
    said += f"{generator.model}, seed {options.seeds}, {side} × {side} pixels each"
    captions = ["" if name else f"{options.seed}:{k}" for k in range(len(paths))]
    return _shown(paths, captions, said, folder)


def _shown(paths: Sequence[Path], captions: Sequence[str], said: str, folder: Path) -> tuple[Any, ...]:
    results = [str(path) for path in paths]
    if len(paths) > 1:
        results.append(str(zipped(paths, folder, "generated")))
    pictures = [(str(path), caption) for path, caption in zip(paths, captions, strict=True)]
    return pictures, results or None, said


def _codes(generator: Any, options: GenerateOptions, pictures: Sequence[str]) -> "list[Tensor]":
    """The codes of the pictures at these addresses. Raises UsageError for what is no address."""
    from genstudio.generate.addresses import code_of

    how: dict[str, Any] = {"truncation": options.truncation, "class_name": options.class_name}
    return [code_of(generator, address, **how) for address in pictures]


def _varied(
    studio: Studio, job: Job, options: GenerateOptions, address: str, spread: float
) -> tuple[Any, ...]:
    from genstudio.generate.addresses import variations

    generator = _generator(options)
    # The picture itself comes first.
    addresses = variations(address, spread, COUNT)
    codes = _codes(generator, options, addresses)
    folder = studio.sessions.folder(job.session)
    progress = _counting(job, "picture")
    paths = []
    for k, pixels in enumerate(generator.render(iter(codes))):
        progress(k, COUNT)
        paths.append(folder / f"variation-{k:05d}.png")
        images.write(images.from_pil(Image.fromarray(pixels)), paths[-1])
    return _shown(paths, addresses, f"Variations of {address}, which comes first", folder)


def _walked(studio: Studio, job: Job, options: GenerateOptions, start: str, end: str) -> tuple[Any, ...]:
    from genstudio.generate import film

    generator = _generator(options)
    codes = _codes(generator, options, (start, end))
    progress = _counting(job, "frame")

    def frames() -> Iterator[Any]:
        for k, pixels in enumerate(generator.between(codes, WALK_FRAMES)):
            progress(k, WALK_FRAMES)
            yield pixels

    folder = studio.sessions.folder(job.session)
    path = folder / "walk.webp"
    film.write(frames(), WALK_FRAMES, generator.size, path, {}, overwrite=False)
    return _shown([path], [""], f"From {start} to {end}", folder)
