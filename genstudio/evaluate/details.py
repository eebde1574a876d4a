"""A sheet of the same details of pictures, by several models side by side: `genstudio compare`.

input (nearest) | model | model | ... | truth
"""

from collections.abc import Callable, Sequence
from functools import partial
from glob import escape
from pathlib import Path
from typing import Any

from genstudio import images
from genstudio.batch import only_read
from genstudio.data.square import on_white
from genstudio.denoise.pipeline import Denoise
from genstudio.errors import InputError, UsageError
from genstudio.evaluate.progress import Progress
from genstudio.evaluate.sheets import Pixels, busiest, sheet
from genstudio.evaluate.upscale import BICUBIC, enlarge_bicubic, shown
from genstudio.options import Crop, OptionError, SheetOptions
from genstudio.stylize.pipeline import Stylize
from genstudio.upscale.options import DEFAULT_SCALE
from genstudio.upscale.pipeline import Upscale

Restore = Callable[[Pixels], Pixels]  # (H, W, 3) -> (scale H, scale W, 3)


def write(out: Path, inputs: Sequence[str], options: SheetOptions) -> None:
    """Write a sheet of the details of pictures (files, or folders of them), a row for each, to `out`.

    Raises:
        UsageError: options that do not fit each other or the pictures; a model that is not the task's.
        InputError: a picture that cannot be read, or whose truth is missing or of another size.
        OutputError: a sheet that cannot be written there.
    """
    plan = only_read(inputs, recursive=False)
    files = [job.source for job in plan.jobs if job.source is not None]
    if len(files) < len(plan.jobs):
        raise UsageError("expected files or folders, found - (standard input); name a file")
    images.output_format(out, None, "PNG")
    images.check_target(out, files, options.overwrite)
    scale = options.scale or (DEFAULT_SCALE if options.task == "upscale" else 1)
    truths = [_truth_of(file, options.truth, len(files)) for file in files]
    crops = _crops(options, files)
    models = chosen(options, scale)
    rows = []
    with Progress("pictures", len(files)) as progress:
        for k, (file, truth, asked) in enumerate(zip(files, truths, crops, strict=True)):
            picture = _read(file)
            height, width = picture.shape[:2]
            places = _within(picture, asked, file) if asked else [_busiest(picture, options.side, file)]
            original = [] if truth is None else [_fitting(truth, width * scale, height * scale, scale)]
            results = []
            for name, restore in models.items():
                progress.show(k, f"{file.name}, {name}")
                results.append(restore(picture))
            for crop in places:
                rows.append([_cut(picture, crop, 1, scale * options.zoom)])
                rows[-1] += [_cut(each, crop, scale, options.zoom) for each in (*results, *original)]
    captions = ["input", *models, *(["truth"] if options.truth else [])]
    images.write(images.from_pil(sheet(rows, captions)), out, overwrite=options.overwrite)


def chosen(options: SheetOptions, scale: int) -> dict[str, Restore]:
    """The models asked for by the names that stand over their columns.

    Raises OptionError (a UsageError) where two have the same name; and as `from_weights` of the task does.
    """
    names = shown(options.models, "models")
    how: dict[str, Any] = options.model_dump(include={"device", "precision", "tile"})

    def ready(model: str) -> Callable[..., Any]:
        if options.task == "denoise":
            return Denoise.from_weights(model, **how)
        if options.task == "stylize":
            return partial(Stylize.from_weights(model, **how), style=options.style)
        if model == BICUBIC:
            return partial(enlarge_bicubic, scale=scale)
        return partial(Upscale.from_weights(model, **how), scale=scale)

    return {name: ready(model) for name, model in zip(names, options.models, strict=True)}


def _read(file: Path) -> Pixels:
    return on_white(next(iter(images.read(file).frames)))


def _truth_of(file: Path, truth: Path | None, count: int) -> Path | None:
    """The file of a picture's truth: the one that there is, or that of the same name, but for the suffix."""
    if truth is None:
        return None
    if not truth.is_dir():
        if count > 1:
            raise OptionError("truth", f"expected a folder for {count} pictures, found the file {truth}")
        return truth
    found = [each for each in sorted(truth.glob(f"{escape(file.stem)}.*")) if images.is_picture_name(each)]
    if len(found) != 1:
        raise InputError(
            f"{truth}: expected one picture called {file.stem}, found {len(found)}; check --truth"
        )
    return found[0]


def _fitting(file: Path, width: int, height: int, scale: int) -> Pixels:
    """A truth of the results' size, or larger by what a reduction leaves over."""
    original = _read(file)
    if not (0 <= original.shape[1] - width < scale and 0 <= original.shape[0] - height < scale):
        raise InputError(
            f"{file}: expected the truth to be of {width}x{height}, as the results are, found "
            f"{original.shape[1]}x{original.shape[0]}"
        )
    return original


def _cut(picture: Pixels, crop: Crop, scale: int, zoom: int) -> Pixels:
    """A square of a picture that is `scale` times the input's size, each pixel shown `zoom` times."""
    x, y, side = (each * scale for each in crop)
    return picture[y : y + side, x : x + side].repeat(zoom, 0).repeat(zoom, 1)


def _within(picture: Pixels, crops: Sequence[Crop], file: Path) -> Sequence[Crop]:
    height, width = picture.shape[:2]
    for x, y, side in crops:
        if x + side > width or y + side > height:
            raise OptionError(
                "crop", f"expected a square within {file}, {width}x{height}, found {x},{y},{side}"
            )
    return crops


def _crops(options: SheetOptions, files: Sequence[Path]) -> list[Sequence[Crop]]:
    """The squares of each picture that are asked for; none where it is to be the busiest."""
    if len(files) == 1 or len(options.crop) < 2:
        return [options.crop] * len(files)
    if len(options.crop) != len(files):
        raise OptionError(
            "crop",
            f"expected one for all of {len(files)} pictures or one for each, found {len(options.crop)}",
        )
    return [(crop,) for crop in options.crop]


def _busiest(picture: Pixels, side: int, file: Path) -> Crop:
    if min(picture.shape[:2]) < side:
        found = f"{picture.shape[1]}x{picture.shape[0]}"
        raise OptionError("side", f"expected at most the side of {file}, {found}, found {side}")
    rows, columns = busiest(picture, side)
    return Crop(columns.start, rows.start, side)
