"""A sheet of details by several models side by side."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from genstudio.cli.app import TASK
from genstudio.errors import UsageError
from genstudio.options import SheetOptions


def compare(
    out: Annotated[Path, Parameter(name="OUT", help="The sheet to write, a picture file such as sheet.png.")],
    /,
    *pictures: Annotated[str, Parameter(name="PICTURES", help="Files, or folders of pictures.")],
    options: Annotated[SheetOptions, TASK],
) -> None:
    """Show the same details of pictures by several models on one sheet.

    A row for each picture: the input enlarged pixel by pixel, what each model makes of it, and the truth.
    """
    if not pictures:
        raise UsageError("expected OUT and PICTURES, found no pictures; see genstudio compare --help")
    from genstudio.evaluate import details

    details.write(out, pictures, options)
