"""Pictures and styles in, pictures out."""

import json as jsonlib
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from PIL import Image

from genstudio import images
from genstudio.cli import process
from genstudio.cli.app import FILES, JSON, TASK
from genstudio.cli.pictures import restore
from genstudio.errors import OutputError, Stopped, UsageError
from genstudio.options import FileOptions
from genstudio.stylize import styles
from genstudio.stylize.options import StylizeOptions

if TYPE_CHECKING:
    from genstudio.batch import Job
    from genstudio.stylize.optimize import Event
    from genstudio.stylize.pipeline import Stylize

_PATHS = (
    "CONTENT: a file, a folder, or - for standard input. STYLE: a picture, or a name of --list-styles; "
    "several are mixed. OUT: a file, a folder (end a new one with /), or - for standard output."
)
_DEFAULTS, _FILE_DEFAULTS = StylizeOptions(), FileOptions()
_SHOWN = ("name", "title", "artist", "year")


def stylize(
    *paths: Annotated[str, Parameter(name="CONTENT STYLE... OUT", help=_PATHS)],
    options: Annotated[StylizeOptions, TASK] = _DEFAULTS,
    files: Annotated[FileOptions, FILES] = _FILE_DEFAULTS,
    list_styles: Annotated[
        bool, Parameter(help="Name the styles on this machine, and do nothing else.")
    ] = False,
    save_style: Annotated[
        tuple[str, Path] | None,
        Parameter(help="NAME PICTURE: make a style of your own of a picture, and do nothing else."),
    ] = None,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Give pictures the style of others."""
    if list_styles:
        _list(json)
    elif save_style is not None:
        _save(*save_style, options, overwrite=files.overwrite)
    else:
        if len(paths) < 3:
            found = " and ".join(paths) or "none of them"
            raise UsageError(f"expected CONTENT, STYLE and OUT, found {found}; see genstudio stylize --help")
        content, *chosen, out = paths
        watch = _Watch([*map(Path, chosen), *options.mask], options, files)
        worn: list[Stylize] = []

        def ready(stylizer: "Stylize") -> "Stylize":
            worn.append(
                stylizer.wearing(chosen, options, on_event=watch.on_event, enough=lambda: watch.enough)
            )
            return worn[0]

        with process.first_signal(watch.signalled):
            restore(
                "stylize",
                (content, out),
                options,
                files,
                json,
                ready=ready,
                begun=watch.begun,
            )
        if worn[0].painter.ended:
            raise Stopped(worn[0].painter.ended)


class _Watch:
    """Keeps what is only looked at from being written over, writes what a picture is on its way, and lets the
    first Ctrl-C end an optimisation with the picture it has."""

    def __init__(self, read: Sequence[Path], options: StylizeOptions, files: FileOptions) -> None:
        self._read = {os.path.realpath(path) for path in read}  # Path's own raises where links go in a circle
        self._every = options.save_every
        self._files = files
        self._target: Path | None = None
        self._steps = 0
        self.enough = False

    def signalled(self) -> bool:
        """Whether a first Ctrl-C has been seen to: only what is being optimised can be kept."""
        self.enough = self._steps > 0
        return self.enough

    def begun(self, job: "Job") -> None:
        if job.target is not None and os.path.realpath(job.target) in self._read:
            raise OutputError(
                f"{job.target}: is a style or a mask, which are never written over; choose another OUT"
            )
        self._target = job.target if job.known is None else None
        self._steps = 0
        if self._every is not None and self._target is None:
            raise UsageError(
                "--save-every: expected a file as OUT, or names without {width} and {height}, found none to "
                "write beside; leave it out, or name a file"
            )

    def on_event(self, event: "Event") -> None:
        self._steps += 1  # of all frames and of all masks' passes
        if self._every is None or self._target is None or self._steps % self._every:
            return
        beside = self._target.with_name(f"{self._target.stem}-{self._steps:04d}{self._target.suffix}")
        beside.parent.mkdir(parents=True, exist_ok=True)
        picture = images.from_pil(Image.fromarray(event.picture()))
        files = self._files
        images.write(
            picture,
            beside,
            format=files.format,
            quality=files.quality,
            lossless=files.exact,
            compression=files.compression,
            overwrite=files.overwrite,
        )


def _list(json: bool) -> None:
    rows: list[dict[str, Any]] = [
        {"name": name, **asdict(styles.card(path))} for name, path in styles.installed().items()
    ]
    if json:
        for row in rows:
            print(jsonlib.dumps({key: row[key] for key in _SHOWN}, ensure_ascii=False))
        return
    table = [[row[key] for key in _SHOWN] for row in rows]
    widths = [max((len(row[i]) for row in table), default=0) for i in range(len(_SHOWN))]
    for cells in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip())


def _save(name: str, picture: Path, options: StylizeOptions, *, overwrite: bool) -> None:
    path = styles.own_path(name)
    if name in styles.installed() and not overwrite:
        raise OutputError(
            f"{name}: is a style already; choose another name, or --overwrite to have yours instead"
        )

    from genstudio.stylize.pipeline import Stylize

    Stylize.from_options(options).save_style(path, picture, overwrite=overwrite)
    print(f"{path}: genstudio stylize CONTENT {name} OUT", file=sys.stderr)
