"""Many pictures through one piece of work, one by one, so that one bad picture does not stop the rest.

`plan` says which file becomes which and refuses what cannot end well; `run` does it.
"""

import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from genstudio import images
from genstudio.batch.planning import STDIO, Job, Plan, check, keys, plan, refuse_shared
from genstudio.errors import BugError, DeviceError, InputError, OutputError, Stopped, StudioError
from genstudio.images import Picture
from genstudio.options import FileOptions

__all__ = ["STDIO", "Job", "Plan", "Progress", "Result", "plan", "run"]

Progress = Callable[[int, int], None]  # (tiles done, tiles in all)

SMALL_PIXELS = 16_000_000  # up to here a picture is read, and a result written, beside other work


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
    read: Callable[[Path | bytes], Picture] = images.read,
) -> Iterator[Result]:
    """Do the jobs in order; yields a Result when each is done, skipped or failed.

    Args:
        work: makes the result; calls its second argument with (tiles done, tiles in all).
        fields: from a picture's (width, height), the fields its target's name waits for.
        size: the result's (width, height) from the picture's, so that a format too small is refused early.
        facts: what to keep of how a picture is done.
        started: called as each job begins; `progress` as its tiles are done.
        read: a picture from its path, or from the bytes of standard input.

    An error of one picture is its Result's, one that nobody foresaw (a BugError) too; Stopped ends the run.

    While a picture is at work, one thread reads the next and another writes the one before; but large ones
    wait for their turn, so that no two of them are held.
    """
    if plan.folder is not None:
        _make_folder(plan.folder)
    input_keys = keys(plan.jobs)
    owners: dict[str, Job] = {}

    def made(job: Job, picture: Callable[[], Picture]) -> "Result | _Made":
        begun = time.perf_counter()
        started(job)
        needs = "the picture"
        try:
            if _is_left_alone(job, files):
                return Result(job, skipped=True)
            before = picture()
            if job.known is not None:
                job = job.named(fields((before.width, before.height)) if fields else {})
                refuse_shared(job, owners)
                if _is_left_alone(job, files):
                    return Result(job, skipped=True)
            check(job, files, input_keys)
            format = images.output_format(job.target, files.format, before.format)
            end_size = size(before.width, before.height)
            images.check_fits(
                format,
                *end_size,
                before.animation is not None,
                str(job.target or "output"),
                lossless=files.lossless,
            )
            needs = f"{before.width} x {before.height} pixels and {end_size[0]} x {end_size[1]} of the result"
            known = facts(before)
            size_before = before.width, before.height
            return _Made(job, begun, size_before, work(before, progress), format, files, known, needs)
        except (Stopped, BrokenPipeError):
            raise
        except Exception as error:
            return _failed(job, error, needs)

    behind: Future[Result] | None = None
    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
        try:
            for job, picture in _pictures(plan.jobs, files, read, reader):
                outcome = made(job, picture)
                if behind is not None:
                    yield behind.result()
                    behind = None
                if isinstance(outcome, Result):
                    yield outcome
                elif outcome.is_small:
                    behind = writer.submit(outcome.written)
                else:
                    yield outcome.written()
        except Stopped:
            if behind is not None:
                yield behind.result()
            raise
        if behind is not None:
            yield behind.result()


def _pictures(
    jobs: Sequence[Job],
    files: FileOptions,
    read: Callable[[Path | bytes], Picture],
    reader: ThreadPoolExecutor,
) -> Iterator[tuple[Job, Callable[[], Picture]]]:
    """Each job with what gives its picture, which is being read already if it is small."""

    def picture(job: Job) -> Picture:
        return read(content_of(job))

    ahead: Future[Picture] | None = None
    for job, following in zip(jobs, [*jobs[1:], None], strict=True):
        mine, ahead = ahead, None
        if following is not None and _is_small(following.source) and not _is_left_alone(following, files):
            ahead = reader.submit(picture, following)
        yield job, partial(picture, job) if mine is None else mine.result


def content_of(job: Job) -> Path | bytes:
    """What a job's picture is read from: its path, or the bytes of standard input.

    Raises InputError where standard input is closed.
    """
    if job.source is not None:
        return job.source
    try:
        return sys.stdin.buffer.read()
    except OSError as error:
        raise InputError(f"standard input: cannot be read ({error.strerror}); add < FILE") from error


def _is_small(path: Path | None) -> bool:
    """Whether it may be read ahead. Not a pipe: a thread that waits for one could not be stopped."""
    try:
        return path is not None and path.is_file() and math.prod(images.size(path)) <= SMALL_PIXELS
    except (OSError, InputError):
        return False  # which is said when it is read


def _is_left_alone(job: Job, files: FileOptions) -> bool:
    return files.skip_existing and job.known is None and job.is_there


@dataclass(frozen=True)
class _Made:
    """A result that waits to be written. `needs` says what it took memory for."""

    job: Job
    begun: float
    size_before: tuple[int, int]
    result: Picture
    format: str
    files: FileOptions
    facts: Mapping[str, Any]
    needs: str

    @property
    def is_small(self) -> bool:
        """Whether it may wait while the next is at work. The frames of an animation are only made now."""
        is_still = self.result.animation is None and self.job.target is not None
        return is_still and self.result.width * self.result.height <= SMALL_PIXELS

    def written(self) -> Result:
        try:
            notes = _write(self.result, self.job.target, self.format, self.files)
        except (Stopped, BrokenPipeError):
            raise
        except Exception as error:
            return _failed(self.job, error, self.needs)
        return Result(
            self.job,
            seconds=time.perf_counter() - self.begun,
            input_size=self.size_before,
            output_size=(self.result.width, self.result.height),
            facts=self.facts,
            notes=(*self.result.notes, *notes),
        )


def _failed(job: Job, error: Exception, needs: str) -> Result:
    if isinstance(error, MemoryError):
        reason = f"expected memory for {needs}, found too little; ask for a smaller result"
        error = DeviceError(f"{job.source or 'standard input'}: {reason}")
    return Result(job, error=error if isinstance(error, StudioError) else BugError.of(error))


def _write(result: Picture, target: Path | None, format: str, files: FileOptions) -> tuple[str, ...]:
    if target is not None:
        _make_folder(target.parent)
    return images.write(
        result,
        sys.stdout.buffer if target is None else target,
        format=format,
        quality=files.quality,
        lossless=files.exact,
        compression=files.compression,
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
