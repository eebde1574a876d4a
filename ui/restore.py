"""The work of tasks that answer a picture with a picture.

A picture goes through the same plan, batch and files as in the shell: same pixels, name, format and metadata.
"""

import html
import itertools
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from genstudio import batch, images
from genstudio.errors import Stopped, StudioError, UsageError
from genstudio.options import FileOptions
from genstudio.restoring.tiling import Stop

from .jobs import Job
from .sessions import View, zipped
from .studio import Studio, in_words, loaded
from .widgets import Knobs

SHOWN_AS_THEY_ARE = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".avif", ".bmp", ".apng")


@dataclass
class Done:
    """What became of some pictures: the files (of several a zip last), what to show, what to say."""

    results: list[str] = field(default_factory=list)
    views: list[View] = field(default_factory=list)
    report: list[str] = field(default_factory=list)

    def outputs(self) -> tuple[Any, Any, Any]:
        first = self.views[0] if self.views else None
        return self.results or None, "\n\n".join(self.report), first


def restored(
    studio: Studio,
    job: Job,
    paths: Sequence[str],
    options: Any,
    files: FileOptions,
    *,
    load: Callable[[str, Any], Any] = loaded,
    stop: Stop | None = None,
    unit: str = "tile",
) -> Done:
    """Pictures through a task, into a new folder of the session's; one bad picture does not stop the rest.

    Args:
        load: the pipeline for a task and its options.
        stop: asked between tiles; the job's own if not given.
        unit: what progress counts.

    Raises the error of a picture that is alone; where stopped, what is done is kept.
    """
    folder = studio.sessions.folder(job.session)
    plan = batch.plan(_apart(paths, folder), f"{folder}/", files, options.name_fields())
    restorer = load(job.task, options)
    done = Done()
    written: list[Path] = []
    begun = 0

    def started(each: batch.Job) -> None:
        nonlocal begun
        begun += 1

    def progress(n: int, total: int) -> None:
        of = f"picture {begun} of {len(plan.jobs)}, " if len(plan.jobs) > 1 else ""
        job.at((begun - 1 + n / total) / len(plan.jobs), f"{of}{unit} {n} of {total}")

    def work(picture: images.Picture, tiles: batch.Progress) -> images.Picture:
        width, height = options.size(picture.width, picture.height)
        frames = len(picture.animation.durations_ms) if picture.animation else 1
        studio.check_result(width, height, frames)
        result: images.Picture = restorer.restore(
            picture, lambda w, h: restorer.plan(w, h, options), tiles, stop or job.stopped
        )
        return result

    def facts(picture: images.Picture) -> dict[str, Any]:
        of_this = restorer.facts(picture.width, picture.height, picture.dtype, options)
        return {"models": of_this.models, "device": of_this.device, "precision": of_this.precision}

    steps = batch.run(
        plan,
        work,
        files,
        fields=options.name_fields,
        size=options.size,
        facts=facts,
        started=started,
        progress=progress,
        read=studio.read,
    )
    try:
        for result in steps:
            if result.error is not None:
                if len(plan.jobs) == 1:
                    raise result.error
                done.report.append(f"**{in_words(result.error)}**")
                continue
            source, target = result.job.source, result.job.target
            assert source
            assert target
            written.append(target)
            done.views.append((viewable(studio, source, folder), viewable(studio, target, folder)))
            done.report.append(_line(result, target))
    except Stopped as error:
        done.report.append(f"**{str(error).capitalize()}.**")
    done.results = [str(path) for path in written]
    if len(written) > 1:
        done.results.append(str(zipped(written, folder, f"{job.task}d")))
    studio.sessions.views[job.session, job.task] = done.views
    return done


def _apart(paths: Sequence[str], folder: Path) -> list[str]:
    """The pictures, but a copy IMG-2 of the second IMG: their results would have one name, and who uploads
    cannot rename.
    """
    names: set[str] = set()
    apart = []
    for path in map(Path, paths):
        free = (f"{path.stem}-{k}" if k > 1 else path.stem for k in itertools.count(1))
        name = next(each for each in free if each.lower() not in names)
        names.add(name.lower())
        if name != path.stem:
            copy = folder / "sent" / f"{name}{path.suffix}"
            copy.parent.mkdir(exist_ok=True)
            path = Path(shutil.copy(path, copy))
        apart.append(str(path))
    return apart


def _line(result: batch.Result, target: Path) -> str:
    assert result.input_size
    assert result.output_size
    sizes = " → ".join(f"{width} × {height}" for width, height in (result.input_size, result.output_size))
    by = ", ".join([*result.facts["models"], result.facts["device"], result.facts["precision"]])
    notes = "".join(f"; {html.escape(note)}" for note in result.notes)
    return f"**{html.escape(target.name)}** {sizes} pixels in {result.seconds:.1f} s ({by}){notes}"


def viewable(studio: Studio, path: Path, folder: Path) -> str:
    """The file itself where browsers show its kind, so that what is seen is what there is; else as a PNG."""
    if path.suffix.lower() in SHOWN_AS_THEY_ARE:
        return str(path)
    views = folder / "views"
    views.mkdir(exist_ok=True)
    view = views / f"{len(list(views.iterdir()))}.png"
    images.write(studio.read(path), view)
    return str(view)


def sizes(studio: Studio, knobs: Knobs, paths: list[str] | None, values: dict[str, Any]) -> str:
    """Before any work: what each picture's size is, and its result's."""
    if not paths:
        return ""
    try:
        options = knobs.read(values)
    except StudioError as error:
        return f"**{in_words(error)}**"
    lines = []
    for path in paths[:5]:
        name = html.escape(Path(path).name)
        try:
            width, height = images.size(path, max_pixels=studio.max_pixels)
            end = options.size(width, height)
            studio.check_result(*end)
        except UsageError as error:
            lines.append(f"**{name}: {in_words(error)}**")
        except StudioError as error:
            lines.append(f"**{in_words(error)}**")
        else:
            becomes = f" → {end[0]} × {end[1]}" if end != (width, height) else ""
            lines.append(f"{name}: {width} × {height}{becomes} pixels")
    more = f"\n\nand {len(paths) - 5} more" if len(paths) > 5 else ""
    return "\n\n".join(lines) + more


def wanted(paths: list[str] | None) -> list[str]:
    """The pictures that were sent. Raises UsageError where there are none."""
    if not paths:
        raise UsageError("expected a picture, found none; drop one first")
    return paths
