"""Plans which file becomes which, and checks for everything that can go wrong, before any work starts."""

import logging
import os
import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

from genstudio import images
from genstudio.errors import InputError, OutputError, UsageError
from genstudio.options import FileOptions

STDIO = "-"
log = logging.getLogger("genstudio")

_EMPTY = 'expected names for IN and OUT, found an empty one (""); is a variable not set?'
_FORBIDDEN = r'[<>:"/\\|?*]' if os.name == "nt" else "/"  # within a file's name


@dataclass(frozen=True)
class Job:
    """One picture to make. A path of None is standard input or output.

    `known` is None once the target's name is complete; before, the name is still a template that waits for
    the picture's size, and `known` holds the other fields.
    """

    source: Path | None
    target: Path | None
    known: Mapping[str, str] | None = None

    def named(self, fields: Mapping[str, str]) -> "Job":
        """The same job with its target's name complete."""
        if self.target is None or self.known is None:
            return self
        return Job(self.source, self.target.with_name(_fill(self.target.name, {**self.known, **fields})))

    @property
    def is_there(self) -> bool:
        """Whether something has the target's name already."""
        return self.target is not None and _exists(self.target)


@dataclass(frozen=True)
class Plan:
    """The jobs, the folder they are written to (None where OUT is a file), and the number of files left out.

    In a batch (a folder, or several files) failures are gathered; else the one failure is the whole result.
    """

    jobs: tuple[Job, ...]
    folder: Path | None
    is_batch: bool
    left_out: int = 0


def plan(
    inputs: Sequence[str], output: str, files: FileOptions, fields: Mapping[str, str] | None = None
) -> Plan:
    """Jobs for `inputs` (files, folders, "-") into `output` (a file, a folder, "-").

    `fields` are those fields of a name template that are known by now; the others wait for the picture.

    Raises UsageError, InputError or OutputError for what is known to go wrong by now: a folder without
    pictures, a target that exists, that is an input, that two pictures share, or that cannot be written in
    the format asked for; and a missing input, which among several is left to fail when its turn comes.
    """
    _check_names(inputs)
    if not output:
        raise UsageError(_EMPTY)
    is_batch = _are_several(inputs)
    if not (is_batch or _is_dir(Path(output)) or output.endswith(("/", os.sep))):
        return _single(inputs[0], output, files)
    if output == STDIO:
        raise UsageError("expected a folder as OUT for several pictures, found - (standard output)")
    folder = Path(output)
    if _exists(folder) and not _is_dir(folder):
        raise OutputError(
            f"{folder}: expected a folder for several pictures, found a file; name a folder as OUT"
        )
    parent = folder.absolute().parent
    if not _is_dir(parent):
        raise OutputError(
            f"{folder}: expected OUT in a folder that exists, found no {parent}; create it first"
        )
    sources, left_out = _sources(inputs, folder, files.recursive)
    jobs = [_job(source, folder / below, files, fields or {}) for source, below in sources]
    owners: dict[str, Job] = {}
    for job in jobs:
        _refuse_itself(job, ", or add --suffix -new to write beside it")
        if job.known is None:
            refuse_shared(job, owners)
    kept = _without_earlier_results(jobs, inputs)
    _refuse_existing(kept, files)
    input_keys = keys(kept)
    for job in kept:
        check(job, files, input_keys)
    return Plan(tuple(kept), folder, is_batch, left_out + len(jobs) - len(kept))


def only_read(inputs: Sequence[str], *, recursive: bool) -> Plan:
    """Jobs for `inputs` (files, folders, "-") of which nothing is made: all targets are None.

    Raises UsageError, or InputError for a folder without pictures and for one missing input.
    """
    _check_names(inputs)
    sources, left_out = _sources(inputs, None, recursive)
    return Plan(tuple(Job(source, None) for source, _ in sources), None, _are_several(inputs), left_out)


def _check_names(inputs: Sequence[str]) -> None:
    if "" in inputs:
        raise UsageError(_EMPTY)
    if sum(name == STDIO for name in inputs) > 1:
        raise UsageError("expected - (standard input) at most once, found it twice")


def _are_several(inputs: Sequence[str]) -> bool:
    return len(inputs) > 1 or _is_dir(Path(inputs[0]))


def _single(name: str, output: str, files: FileOptions) -> Plan:
    if files.name is not None or files.suffix:
        raise UsageError("expected a folder as OUT for --name and --suffix, found a file; or drop them")
    source, target = (None if path == STDIO else Path(path) for path in (name, output))
    if source is not None and not _exists(source):
        raise InputError(f"{source}: no such file or folder; check the spelling")
    if target is not None and not _is_dir(target.absolute().parent):
        raise OutputError(
            f"{target}: expected OUT in a folder that exists, found no {target.parent}; create it first"
        )
    job = Job(source, target)
    _refuse_itself(job)
    check(job, files, keys([job]))
    return Plan((job,), None, is_batch=False)


def _sources(
    inputs: Sequence[str], out: Path | None, recursive: bool
) -> tuple[list[tuple[Path | None, Path]], int]:
    """(picture, its folder below OUT) for each picture, and the number of files that are none."""
    found: list[tuple[Path | None, Path]] = []
    not_pictures = 0
    for name in inputs:
        path = Path(name)
        if name == STDIO:
            found.append((None, Path()))
        elif _is_dir(path):
            pictures, others = _walk(path, out, recursive)
            if not pictures:
                more = "" if recursive else ", or look into its folders with --recursive"
                raise InputError(f"{path}: expected pictures in this folder, found none; name another{more}")
            found += [(picture, picture.parent.relative_to(path)) for picture in pictures]
            not_pictures += others
        elif len(inputs) > 1 or _exists(path):
            found.append((path, Path()))
        else:
            raise InputError(f"{path}: no such file or folder; check the spelling")
    return found, not_pictures


def _walk(folder: Path, out: Path | None, recursive: bool) -> tuple[list[Path], int]:
    """The pictures of a folder, by name, and the number of other files; hidden ones are not seen."""
    pictures: list[Path] = []
    others = 0

    def unreadable(error: OSError) -> None:
        raise InputError(f"{error.filename}: the folder cannot be read ({error.strerror})")

    for here, folders, names in os.walk(folder, onerror=unreadable):
        below = sorted(name for name in folders if not name.startswith("."))
        # A folder OUT inside IN holds earlier results, not pictures to work on.
        folders[:] = [name for name in below if recursive and not _same(Path(here, name), out)]
        for name in sorted(names):
            if name.startswith("."):
                continue
            if images.is_picture_name(Path(name)):
                pictures.append(Path(here, name))
            else:
                if kind := images.unread_kind(Path(name)):
                    log.warning("left out: %s: %s is not read; convert it first", Path(here, name), kind)
                others += 1
    return pictures, others


def _same(path: Path, other: Path | None) -> bool:
    return other is not None and _exists(other) and path.samefile(other)


def _exists(path: Path) -> bool:
    """False as well where the system does not say: a name too long, a folder that may not be entered."""
    return os.path.exists(path)  # noqa: PTH110 - Path's raises there, before Python 3.14


def _is_dir(path: Path) -> bool:
    return os.path.isdir(path)  # noqa: PTH112 - as above


def _job(source: Path | None, folder: Path, files: FileOptions, fields: Mapping[str, str]) -> Job:
    stem = source.stem if source else "stdin"
    ext = _extension(source, files.format)
    template = files.name if files.name is not None else "{stem}{suffix}.{ext}"
    if "{ext}" not in template and not images.is_picture_name(Path(template)):
        template += ".{ext}"
    known = {**fields, "stem": stem, "suffix": files.suffix, "ext": ext}
    if all(field in known for field in re.findall(r"\{(\w+)\}", template)):
        return Job(source, folder / _fill(template, known))
    return Job(source, folder / template, known)


def _extension(source: Path | None, requested: str | None) -> str:
    """A result's extension: the format asked for, else the picture's own if it can be written, else png."""
    if requested is None and source is not None:
        try:
            images.output_format(source, None, "PNG")
            return source.suffix.removeprefix(".") or "png"
        except UsageError:
            return "png"
    written = images.output_format(None, requested, "PNG").lower()
    return {"jpeg": "jpg", "tiff": "tif"}.get(written, written)


def _fill(template: str, fields: Mapping[str, str]) -> str:
    """A file's name; what stands for a field never opens a folder."""
    return re.sub(
        r"\{(\w+)\}", lambda match: re.sub(_FORBIDDEN, "-", fields.get(match[1], match[0])), template
    )


def _refuse_itself(job: Job, advice: str = "") -> None:
    if job.source and job.target and job.known is None and _key(job.source) == _key(job.target):
        raise OutputError(
            f"{job.target}: OUT is IN itself, which is never written over; choose another OUT{advice}"
        )


def refuse_shared(job: Job, owners: dict[str, Job]) -> None:
    """Refuse a job whose target is that of an earlier one, an entry of `owners`; else enter it there."""
    if job.target is None:
        return
    other = owners.setdefault(_key(job.target), job)
    if other is not job:
        raise OutputError(
            f"{job.target}: expected a file for each picture, found {other.source or STDIO} and "
            f"{job.source or STDIO} both going there; rename one, or do them apart"
        )


def _place(job: Job) -> Path:
    """The target, with what is not known yet still in braces."""
    assert job.target is not None
    return job.target.with_name(_fill(job.target.name, job.known)) if job.known else job.target


def _without_earlier_results(jobs: list[Job], inputs: Sequence[str]) -> list[Job]:
    """Leave out a folder's pictures that are another one's target: an earlier run into the same folder's."""
    targets = {_key(_place(job)) for job in jobs}
    named = {_key(Path(name)) for name in inputs}
    return [job for job in jobs if job.source is None or _key(job.source) not in targets - named]


def _refuse_existing(jobs: Sequence[Job], files: FileOptions) -> None:
    if files.overwrite or files.skip_existing:
        return
    taken = [job.target for job in jobs if job.known is None and job.is_there]
    if len(taken) > 1:
        raise OutputError(
            f"{taken[0]}: exists, and so do {len(taken) - 1} more; choose another OUT, or --overwrite "
            f"to replace them, or --skip-existing to leave them"
        )


def keys(jobs: Sequence[Job]) -> set[str]:
    """What `check` needs to know of all the inputs."""
    return {_key(job.source) for job in jobs if job.source is not None}


def _key(path: Path) -> str:
    """Equal for two spellings of one path."""
    return os.path.normcase(os.path.realpath(path))  # Path's own raises where links go in a circle


def check(job: Job, files: FileOptions, input_keys: AbstractSet[str]) -> None:
    """Refuse a job that cannot end well, as far as that is known by now. Raises UsageError or OutputError."""
    images.output_format(_place(job) if job.target else None, files.format, "PNG")
    if job.target is None or job.known is not None or (files.skip_existing and job.is_there):
        return
    if _key(job.target) in input_keys:
        raise OutputError(
            f"{job.target}: is one of the inputs, which are never written over; choose another OUT"
        )
    if _is_dir(job.target.parent):
        images.check_target(job.target, [job.source] if job.source else [], overwrite=files.overwrite)
