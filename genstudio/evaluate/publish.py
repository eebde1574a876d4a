"""Publishing: the weights of a run as a measured file under a name, with its index line and its card."""

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

from genstudio import evaluate as evaluation
from genstudio import weights
from genstudio.errors import OutputError
from genstudio.options import OptionError
from genstudio.tasks import TASKS
from genstudio.training import run as training
from genstudio.weights.cards import register
from genstudio.weights.file import write_atomically


def publish(
    run: Path,
    name: str,
    *,
    data_license: str,
    advice: str,
    teacher_license: str | None = None,
    evaluate: Sequence[Path] = (),
    folder: Path | None = None,
    overwrite: bool = False,
) -> Path:
    """Write the weights of a run as `folder`/`name`.safetensors, and register them there.

    The file is made and measured elsewhere and takes its place when it is complete.

    Args:
        run: folder of the run.
        name: TASK/NAME; of an upscaler that ends in -xN, N must be the net's scale.
        data_license: licence of the pictures trained on.
        advice: when to use these weights, in one line.
        teacher_license: licence of the model whose answers were learned from, if any were.
        evaluate: folders of pictures to measure on, for the header.
        folder: of weights; the user's own if not given.
        overwrite: replace weights of that name.

    Returns:
        The file.

    Raises:
        OptionError (a UsageError): a name that does not fit, or a task that is not measured so.
        OutputError: weights of that name exist.
        WeightsError, InputError: the run or the pictures cannot be read.
    """
    task = name.partition("/")[0]
    if task not in TASKS or not re.fullmatch(r"[\w-]+/\w[\w.-]*", name):
        raise OptionError("name", f"expected TASK/NAME (tasks: {', '.join(TASKS)}), found {name!r}")
    target = (folder or weights.own()) / f"{name}.safetensors"
    if target.exists() and not overwrite:
        raise OutputError(
            f"{target}: expected a new name, found weights that exist; choose another name, or overwrite them"
        )
    for pictures in evaluate:
        evaluation.check(task, pictures)
    with tempfile.TemporaryDirectory() as draft:
        path = Path(draft) / "draft.safetensors"
        training.export(run, path, data_license=data_license, advice=advice, teacher_license=teacher_license)
        if evaluate:
            evaluation.record(path, evaluate)
        header = weights.read_header(path)
        if header.task != task:
            raise OptionError("name", f"expected {header.task}/NAME for this run, found {name!r}")
        said = re.search(r"-x(\d+)$", name)
        if said and int(said[1]) != header.scale:  # a family finds the net of each scale by its name
            raise OptionError("name", f"expected one ending in -x{header.scale} for this net, found {name!r}")
        write_atomically(target, path.read_bytes())
    register(target)
    return target
