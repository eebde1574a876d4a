"""What `generate` is asked for, to files: numbered pictures in a folder, or one grid, film or likeness."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from genstudio import __version__, images
from genstudio.data.square import read_square
from genstudio.errors import OutputError, UsageError
from genstudio.generate import film
from genstudio.generate.like import FEATURES, closest
from genstudio.generate.options import GenerateOptions
from genstudio.generate.pipeline import Generate
from genstudio.generate.sampling import Pixels
from genstudio.images import Metadata
from genstudio.images.atomic import as_output_error
from genstudio.images.picture import still

Enlarge = Callable[[Pixels], Pixels]
Progress = Callable[[int, int], None]
T = TypeVar("T")


@dataclass(frozen=True)
class Written:
    """A file that is complete, and what of it is known."""

    path: Path
    facts: dict[str, Any]


def check(options: GenerateOptions, out: Path) -> list[Path]:
    """The files that will be written; what cannot end well is refused before any work.

    Raises OutputError (something stands in the way) and UsageError (a name of no such format).
    """
    if options.is_film or options.grid or options.like:
        if options.is_film:
            film.check(out)
        else:
            images.output_format(out, None, "PNG")
        images.check_target(out, (options.like,) if options.like else (), options.overwrite)
        return [out]
    with as_output_error(str(out)):  # a name too long, a folder on the way that may not be entered
        exists, is_folder = out.exists(), out.is_dir()
    if images.is_picture_name(out) and not is_folder:
        if options.number > 1:
            raise UsageError(
                f"{out}: expected a folder for {options.number} pictures, found a picture's name; name "
                "another, or add --grid COLSxROWS to have them in one"
            )
        images.output_format(out, None, "PNG")
        images.check_target(out, (), options.overwrite)
        return [out]
    if film.is_film_name(out) and not is_folder:
        raise UsageError(f"{out}: expected --walk or --interpolate for a film, found neither; add one")
    if exists and not is_folder:
        raise OutputError(f"{out}: expected a folder to write pictures into, found a file; name another")
    targets = [out / f"{k:05d}.png" for k in range(options.number)]
    if exists:
        for target in targets:
            images.check_target(target, (), options.overwrite)
    return targets


def write(
    generate: Generate,
    options: GenerateOptions,
    out: Path,
    *,
    enlarge: Enlarge | None = None,
    progress: Progress = lambda done, total: None,
) -> Iterator[Written]:
    """Make what the options ask for; yields each file when it is complete.

    Args:
        enlarge: (H, W, 3) -> the same picture, larger; what `options.upscale` asks for.
        progress: called with (pictures done, pictures in all).

    Raises:
        OptionError (a UsageError): a class the model does not have.
        InputError: the photo cannot be read.
        OutputError, UsageError: see `check`.
    """
    targets = check(options, out)
    enlarge = enlarge or (lambda pixels: pixels)
    facts: dict[str, Any] = {
        "model": generate.model,
        "seed": options.seed,
        "truncation": options.truncation,
    }
    if options.is_film:
        yield _film(generate, options, out, facts, enlarge, progress)
    elif options.like is not None:
        photo = read_square(options.like, generate.size)
        found = closest(generate, photo, seed=options.seed, class_name=options.class_name, progress=progress)
        facts |= {"like": options.like.name, "distance": round(found.distance, 4), "by": FEATURES}
        yield _still(enlarge(found.pixels), out, facts, options.overwrite)
    else:
        made = generate.pictures(
            options.number,
            seed=options.seed,
            truncation=options.truncation,
            class_name=options.class_name,
        )
        counted = _counted(made, options.number, progress)
        if options.grid:
            pixels = tiled([enlarge(each.pixels) for each in counted], *options.cells)
            facts |= {"grid": options.grid, "class": options.class_name}
            yield _still(pixels, out, facts, options.overwrite)
            return
        try:
            (out.parent if targets == [out] else out).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{out}: the folder cannot be made ({error.strerror}); see OUT") from None
        for target, each in zip(targets, counted, strict=True):
            of_this = facts | {"index": each.index, "class": each.class_name}
            yield _still(enlarge(each.pixels), target, of_this, options.overwrite)


def _film(
    generate: Generate,
    options: GenerateOptions,
    out: Path,
    facts: dict[str, Any],
    enlarge: Enlarge,
    progress: Progress,
) -> Written:
    if options.interpolate:
        stops = [(seed, 0) for seed in options.interpolate]
        facts |= {"seed": options.seeds}
    else:
        stops = [(options.seed, k) for k in (*range(options.number), 0)]
    labels = [generate.class_at(*stop, options.class_name) for stop in stops]
    codes = [
        generate.code(*stop, options.truncation, label) for stop, label in zip(stops, labels, strict=True)
    ]
    # A walk ends where it began: the last frame would be the first one twice.
    frames = generate.between(codes, options.frames + options.walk)
    counted = _counted(itertools.islice(frames, options.frames), options.frames, progress)
    shown = map(enlarge, counted)
    first = next(shown)
    facts |= {"frames": options.frames, "class": options.class_name}
    film.write(
        itertools.chain([first], shown),
        options.frames,
        first.shape[0],
        out,
        _text(facts),
        overwrite=options.overwrite,
    )
    return Written(out, facts)


def _still(pixels: Pixels, target: Path, facts: dict[str, Any], overwrite: bool) -> Written:
    holds_text = images.output_format(target, None, "PNG") == "PNG"
    picture = still(pixels, "PNG", Metadata(text=_text(facts) if holds_text else {}))
    images.write(picture, target, overwrite=overwrite)
    return Written(target, facts)


def _text(facts: dict[str, Any]) -> dict[str, str]:
    known = {key: str(value) for key, value in facts.items() if value is not None}
    return {"Software": f"genstudio {__version__}", **known}


def _counted(made: Iterator[T], total: int, progress: Progress) -> Iterator[T]:
    for k, each in enumerate(made, 1):
        yield each
        progress(k, total)


def tiled(pictures: list[Pixels], columns: int, rows: int) -> Pixels:
    """Equally large (S, S, 3) pictures in rows, a thin white line between them; white where there is none."""
    side = pictures[0].shape[0]
    gap = max(1, side // 32)
    height, width = (n * (side + gap) - gap for n in (rows, columns))
    page = np.full((height, width, 3), 255, np.uint8)
    for k, pixels in enumerate(pictures):
        top, left = k // columns * (side + gap), k % columns * (side + gap)
        page[top : top + side, left : left + side] = pixels
    return page
