"""Pictures in, classes out."""

import json as jsonlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from genstudio.classify.options import ClassifyOptions
from genstudio.cli import process
from genstudio.cli.app import JSON, TASK
from genstudio.cli.pictures import refuse_name_of_file
from genstudio.errors import BugError, Stopped, StudioError, UsageError
from genstudio.options import FileOptions, in_shell

if TYPE_CHECKING:
    from genstudio.batch import Job, Plan
    from genstudio.classify.pipeline import Classify, Guess

_IN = "A file, several, a folder, or - for standard input."
_DEFAULTS = ClassifyOptions()


def classify(
    *paths: Annotated[str, Parameter(name="IN...", help=_IN)],
    options: Annotated[ClassifyOptions, TASK] = _DEFAULTS,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Name what is in pictures: the likeliest classes and their probabilities."""
    plan = _plan(paths, options)

    from genstudio.classify.pipeline import Classify
    from genstudio.cli import display

    classifier = Classify.from_options(options)
    failures: list[StudioError] = []
    for job in plan.jobs:
        name = str(job.source or "-")
        try:
            row = _row(name, _guesses(classifier, job, options), job.target, json)
        except Stopped:
            raise
        except Exception as error:
            failure = error if isinstance(error, StudioError) else BugError.of(error)
            if not plan.is_batch:
                raise failure from failure.__cause__
            failures.append(failure)
            reason = in_shell(failure)
            print(f"failed: {reason if name in reason else f'{name}: {reason}'}", file=sys.stderr)
            if not json:
                continue
            row = _as_json(name, error=reason, exit_code=failure.exit_code)
        print(row, flush=True)
    if plan.left_out:
        print(f"{plan.left_out} left out (no pictures, or earlier explanations)", file=sys.stderr)
    display.raise_failures(failures, len(plan.jobs))


def _plan(paths: Sequence[str], options: ClassifyOptions) -> "Plan":
    """The pictures, and where their explanations go."""
    from genstudio import batch

    names = [batch.STDIO if path == process.STDIO else path for path in paths]
    if not names:
        raise UsageError("expected IN, found no picture; see genstudio classify --help")
    if batch.STDIO in names and sys.stdin.isatty():
        raise UsageError("expected a picture on standard input, found a terminal; add < FILE, or name a file")
    if str(options.explain) in ("-", process.STDIO):
        raise UsageError("--explain: expected a file or a folder, found -; name one")
    if options.explain is None:
        return batch.only_read(names, recursive=options.recursive)
    several = len(names) > 1 or Path(names[0]).is_dir() or options.explain.is_dir()
    files = FileOptions(
        recursive=options.recursive, overwrite=options.overwrite, format="png" if several else None
    )
    made = batch.plan(names, str(options.explain), files)
    refuse_name_of_file(made, str(options.explain))
    return made


def _guesses(classifier: "Classify", job: "Job", options: ClassifyOptions) -> "list[Guess]":
    from genstudio import images
    from genstudio.batch import content_of

    picture = images.read(content_of(job))
    guesses = classifier(picture, top=len(classifier.classes))
    if job.target is not None:
        job.target.parent.mkdir(parents=True, exist_ok=True)
        page = images.from_pil(classifier.explain(picture, guesses=guesses))
        images.write(page, job.target, overwrite=options.overwrite)
    return guesses[: options.top]


def _row(name: str, guesses: "list[Guess]", target: Path | None, json: bool) -> str:
    if json:
        classes = [guess._asdict() for guess in guesses]
        return _as_json(name, classes=classes, **({"explanation": str(target)} if target else {}))
    width = max(len(guess.label) for guess in guesses)
    lines = [f"  {guess.label:{width}}  {guess.probability:6.1%}" for guess in guesses]
    return "\n".join([name, *lines])


def _as_json(name: str, **facts: Any) -> str:
    return jsonlib.dumps({"source": name, **facts}, ensure_ascii=False)
