"""A model of others is imported in a process of its own, with limits on memory and time.

What a file claims may ask for any amount of both before anything fails. As a program this is that process:

    python -m genstudio.engines.adoption FILE FOLDER NAME LICENSE
"""

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil

from genstudio.errors import StudioError, UsageError, WeightsError

MOST_SECONDS = 300
# Beyond what the process has taken once its libraries are there; the file is read, built and written.
MOST_BYTES = 2**30
MOST_BYTES_A_BYTE = 10


def adopt(path: Path, folder: Path, name: str, license: str = "") -> Path:
    """Import a model: `community.adopt`, within limits.

    Args:
        folder: of weights; what enlarges goes to its upscale/, what does not to its denoise/.
        license: of the weights, as their makers state it.

    Returns:
        The file of the weights.

    Raises:
        WeightsError: as `community.load` does, and for a file that takes more memory or time than models do.
        UsageError: the task has weights of this name, or a family, or means something else by it.
    """
    # One thread, for each takes address space, which is what can be limited; and no GPU, for the same reason.
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "OMP_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
    }
    command = [sys.executable, "-m", __name__, str(path), str(folder), name, license]
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=MOST_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise WeightsError(
            f"{path}: expected a model that is read and tried within {MOST_SECONDS} s, found none; "
            "get the file again, or choose another model"
        ) from None
    lines = done.stdout.strip().splitlines()
    if done.returncode != 0 or not lines:
        raise WeightsError(
            f"{path}: expected a model that is read within {MOST_BYTES_A_BYTE} times its own memory, found "
            f"that this failed ({(done.stderr.strip().splitlines() or ['no word'])[-1][:200]}); "
            "get the file again, or choose another model"
        )
    answer: dict[str, str] = json.loads(lines[-1])
    if "path" in answer:
        return Path(answer["path"])
    raise (
        UsageError(answer["message"]) if answer["error"] == "UsageError" else WeightsError(answer["message"])
    )


def _limit(path: Path) -> None:
    """Limit what this process may take from here on, where the system can."""
    with suppress(
        ImportError, OSError, ValueError
    ):  # Windows; a file that is not there; limits set from outside
        import resource

        most = MOST_BYTES + MOST_BYTES_A_BYTE * path.stat().st_size
        limit = psutil.Process().memory_info().vms + most
        resource.setrlimit(resource.RLIMIT_AS, (limit, resource.getrlimit(resource.RLIMIT_AS)[1]))


def _main(path: str, folder: str, name: str, license: str) -> None:
    from genstudio.engines import community

    _limit(Path(path))
    try:
        answer = {"path": str(community.adopt(Path(path), Path(folder), name, license))}
    except StudioError as error:
        answer = {"error": type(error).__name__, "message": str(error)}
    except MemoryError as error:
        answer = {"error": "WeightsError", "message": f"{path}: it asks for too much memory ({error})"}
    print(json.dumps(answer))


if __name__ == "__main__":
    _main(*sys.argv[1:])
