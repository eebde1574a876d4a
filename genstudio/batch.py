"""Many pictures through one piece of work, one by one, so that one bad picture does not stop the rest.

`plan` (from `genstudio.plan`) says which file becomes which and refuses what cannot end well; `run` does it.
"""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from genstudio import images
from genstudio.errors import DeviceError, OutputError, Stopped, StudioError
from genstudio.images import Picture
from genstudio.options import FileOptions
from genstudio.plan import STDIO, Job, Plan, check, keys, plan, refuse_shared

__all__ = ["STDIO", "Job", "Plan", "Progress", "Result", "plan", "run"]

Progress = Callable[[int, int], None]  # (tiles done, tiles in all)


@dataclass(frozen=True)
class Result:
    """What became of one job: done, `skipped`, or failed by an `error`. Sizes are (width, height)."""

    job: Job
    seconds: float = 0.0
    input_size: tuple[int, int] | None = None
    output_size: tuple[int, int] | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)  # how it was done: models, device, ...
    notes: tuple[str, ...] = ()
    skipped: bool = False
    error: StudioError | None = None


def run(
    plan: Plan,
    work: Callable[[Picture, Progress], Picture],
    files: FileOptions,
    *,
    fields: Callable[[tuple[int, int]], Mapping[str, str]] | None = None,
    size: Callable[[int, int], tuple[int, int]] = lambda width, height: (width, height),
    facts: Callable[[Picture], Mapping[str, Any]] = lambda picture: {},
    started: Callable[[Job], None] = lambda job: None,
    progress: Progress = lambda done, total: None,
) -> Iterator[Result]:
    """Do the jobs in order; yields a Result when each is done, skipped or failed.

    Args:
        work: makes the result; calls its second argument with (tiles done, tiles in all).
        fields: from a picture's (width, height), the fields its target's name waits for.
        size: the result's (width, height) from the picture's, so that a format too small is refused early.
        facts: what to keep of how a picture is done.
        started: called as each job begins; `progress` as its tiles are done.

    A StudioError of one picture is its Result's; Stopped and errors that are none of ours end the run.
    """
    if plan.folder is not None:
        _make_folder(plan.folder)
    input_keys = keys(plan.jobs)
    owners: dict[str, Job] = {}
    for job in plan.jobs:
        begun = time.perf_counter()
        started(job)
        needs = "the picture"
        try:
            if files.skip_existing and job.known is None and job.is_there:
                yield Result(job, skipped=True)
                continue
            picture = images.read(sys.stdin.buffer.read() if job.source is None else job.source)
            if job.known is not None:
                job = job.named(fields((picture.width, picture.height)) if fields else {})
                refuse_shared(job, owners)
                if files.skip_existing and job.is_there:
                    yield Result(job, skipped=True)
                    continue
            check(job, files, input_keys)
            written = images.output_format(job.target, files.format, picture.format)
            end_size = size(picture.width, picture.height)
            images.check_fits(written, *end_size, picture.animation is not None, str(job.target or "output"))
            needs = (
                f"{picture.width} x {picture.height} pixels and {end_size[0]} x {end_size[1]} of the result"
            )
            known = facts(picture)
            result = work(picture, progress)
            notes = _write(result, job.target, written, files)
        except Stopped:
            raise
        except MemoryError:
            reason = f"expected memory for {needs}, found too little; ask for a smaller result"
            yield Result(job, error=DeviceError(f"{job.source or 'standard input'}: {reason}"))
        except StudioError as error:
            yield Result(job, error=error)
        else:
            yield Result(
                job,
                seconds=time.perf_counter() - begun,
                input_size=(picture.width, picture.height),
                output_size=(result.width, result.height),
                facts=known,
                notes=(*result.notes, *notes),
            )


def _write(result: Picture, target: Path | None, format: str, files: FileOptions) -> tuple[str, ...]:
    if target is not None:
        _make_folder(target.parent)
    return images.write(
        result,
        sys.stdout.buffer if target is None else target,
        format=format,
        quality=files.quality,
        strip=files.strip,
        overwrite=files.overwrite,
    )


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{folder}: the folder cannot be made ({error.strerror}); choose another OUT"
        ) from None
