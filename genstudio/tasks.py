"""THE table: what the studio can do. Shell, page, weights' prefixes and tests are all derived from it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Task:
    """One verb. Classes are named as "module:Class" so that reading the table imports nothing."""

    summary: str
    pipeline: str
    options: str
    recipes: str


TASKS = {
    "upscale": Task(
        summary="Enlarge pictures, 1 to 16 times.",
        pipeline="genstudio.upscale.pipeline:Upscale",
        options="genstudio.upscale.options:UpscaleOptions",
        recipes="genstudio.upscale.train:RECIPES",
    ),
    "denoise": Task(
        summary="Remove the noise from pictures.",
        pipeline="genstudio.denoise.pipeline:Denoise",
        options="genstudio.denoise.options:DenoiseOptions",
        recipes="genstudio.denoise.train:RECIPES",
    ),
    "stylize": Task(
        summary="Give pictures the style of others.",
        pipeline="genstudio.stylize.pipeline:Stylize",
        options="genstudio.stylize.options:StylizeOptions",
        recipes="genstudio.stylize.train:RECIPES",
    ),
    "classify": Task(
        summary="Name what is in pictures.",
        pipeline="genstudio.classify.pipeline:Classify",
        options="genstudio.classify.options:ClassifyOptions",
        recipes="genstudio.classify.train:RECIPES",
    ),
    "generate": Task(
        summary="Make pictures like those a model was trained on.",
        pipeline="genstudio.generate.pipeline:Generate",
        options="genstudio.generate.options:GenerateOptions",
        recipes="genstudio.generate.train:RECIPES",
    ),
}
