"""What a person sees: on stderr bars (a terminal) or plain lines (elsewhere), on stdout tables of weights.

rich is imported only where there is a terminal: a script need not wait for it.
"""

import contextlib
import json as jsonlib
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from genstudio.batch import STDIO, Job, Plan, Result
from genstudio.errors import BatchError, BugError, Stopped, StudioError
from genstudio.options import in_shell

if TYPE_CHECKING:
    from rich.progress import Progress

    from genstudio.weights import Installed


def run(steps: Callable[..., Iterator[Result]], plan: Plan, json: bool) -> None:
    """Show a batch as it runs; raises the one picture's error, or BatchError after the last of several."""
    results: list[Result] = []
    begun = time.time()
    with Display(len(plan.jobs), quiet=json) as display:
        try:
            for result in steps(started=display.started, progress=display.progress):
                results.append(result)
                if json:
                    print(_as_json(result), flush=True)
                if plan.is_batch or result.error is None:
                    display.finished(result)
        except KeyboardInterrupt:
            if written := _written(plan, results, begun):
                raise Stopped(
                    f"stopped; {written} of {len(plan.jobs)} pictures written whole, nothing half-written"
                ) from None
            raise
    failed = [result for result in results if result.error]
    if not plan.is_batch:
        if failed and failed[0].error:
            raise failed[0].error
        return
    skipped = sum(result.skipped for result in results)
    counts = {
        "done": len(results) - len(failed) - skipped,
        "there already": skipped,
        "left out (no pictures, or earlier results)": plan.left_out,
        "failed": len(failed),
    }
    print(", ".join(f"{n} {what}" for what, n in counts.items() if n), file=sys.stderr)
    for result in failed:
        print(f"  {failure(result)}", file=sys.stderr)
    raise_failures([result.error for result in failed if result.error], len(results))


def raise_failures(failures: Sequence[StudioError], pictures: int) -> None:
    """Raise BatchError, or BugError if one of them is, where pictures of a batch of so many have failed."""
    bugs = [error for error in failures if isinstance(error, BugError)]
    if bugs and os.environ.get("GENSTUDIO_DEBUG"):
        for bug in bugs:
            traceback.print_exception(bug.__cause__)
    if bugs:
        raise BugError(f"{len(failures)} of {pictures} pictures failed, {len(bugs)} by a bug in genstudio")
    if failures:
        raise BatchError(f"{len(failures)} of {pictures} pictures failed")


def _written(plan: Plan, results: Sequence[Result], begun: float) -> int:
    """How many pictures are there: also the last, where a stop came between its end and the word of it."""
    told = {result.job.source for result in results}
    done = sum(result.error is None and not result.skipped for result in results)
    for job in plan.jobs:
        if job.source not in told and job.target is not None and job.known is None:
            with contextlib.suppress(OSError):
                # a file system's clock may tick seldom
                done += job.target.stat().st_mtime > begun - 2 and not job.target.is_symlink()
    return done


class Display:
    """Shows a batch as it runs: tiles of the picture at work, pictures of the batch, a line for each done.

    A context manager; the bars go when it ends. `quiet` leaves out the lines of pictures that went well.
    """

    def __init__(self, pictures: int, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._bars = _bars() if sys.stderr.isatty() else None
        if self._bars is not None:
            self._tiles = self._bars.add_task("", total=None, visible=False)
            self._pictures = self._bars.add_task("pictures", total=pictures, visible=pictures > 1)

    def __enter__(self) -> Self:
        if self._bars is not None:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    def started(self, job: Job) -> None:
        """A job begins; its number of tiles is not known yet."""
        if self._bars is not None:
            name = job.source.name if job.source else "standard input"
            self._bars.reset(self._tiles, description=name, total=None, visible=True)

    def progress(self, done: int, total: int) -> None:
        """So many tiles of the job are done."""
        if self._bars is not None:
            self._bars.update(self._tiles, completed=done, total=total)

    def finished(self, result: Result) -> None:
        """A job is done, skipped or failed."""
        if self._bars is not None:
            self._bars.advance(self._pictures)
        for line in _lines(result, self._quiet):
            # While bars are shown, rich puts what goes to sys.stderr above them.
            print(line, file=sys.stderr, flush=True)


def _bars() -> "Progress":
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,  # a dumb one
        transient=True,
    )


def _lines(result: Result, quiet: bool) -> list[str]:
    source, target = result.job.source or "standard input", result.job.target or "standard output"
    if result.error is not None:
        return [f"failed: {failure(result)}"]
    if quiet:
        return []
    if result.skipped:
        return [f"{source}: {target} exists, left alone"]
    assert result.input_size
    assert result.output_size
    sizes = " -> ".join(f"{width}x{height}" for width, height in (result.input_size, result.output_size))
    return [f"{source} -> {target}  {sizes}  {result.seconds:.1f} s", *(f"  {note}" for note in result.notes)]


def failure(result: Result) -> str:
    """Why a job failed, with the picture's name where the error does not say it."""
    assert result.error
    source, reason = str(result.job.source or "standard input"), in_shell(result.error)
    return reason if source in reason else f"{source}: {reason}"


def _as_json(result: Result) -> str:
    row: dict[str, Any] = {
        "source": str(result.job.source or STDIO),
        "target": str(result.job.target or STDIO),
    }
    if result.error is not None:
        row |= {"error": in_shell(result.error), "exit_code": result.error.exit_code}
    elif result.skipped:
        row |= {"skipped": True}
    else:
        row |= {
            "input_size": result.input_size,
            "output_size": result.output_size,
            **result.facts,
            "seconds": round(result.seconds, 3),
            "notes": result.notes,
        }
    return jsonlib.dumps(row, ensure_ascii=False)


_COLUMNS = ("name", "task", "scale", "parameters", "licence", "measured")


def models(found: Sequence["Installed"]) -> None:
    """Installed weights on stdout: a table on a terminal, aligned columns elsewhere."""
    from genstudio.weights.cards import rounded

    rows = []
    for each in found:
        header = each.header
        scale = f"x{header.scale}" if header.scale > 1 else "-"
        first = header.metrics[0] if header.metrics else None
        measured = f"{first.name} {first.value:.4g} on {first.dataset} (n={first.n})" if first else "-"
        rows.append((each.name, header.task, scale, rounded(header.params), header.license, measured))
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.table import Table

        table = Table(*_COLUMNS, box=None, header_style="bold")
        for row in rows:
            table.add_row(*row)
        Console().print(table)
        return
    widths = [max(len(row[i]) for row in [_COLUMNS, *rows]) for i in range(len(_COLUMNS))]
    for row in [_COLUMNS, *rows]:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def markdown(text: str) -> None:
    """A card on stdout: rendered on a terminal, as it is elsewhere."""
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.markdown import Markdown

        Console().print(Markdown(text))
    else:
        print(text, end="")
