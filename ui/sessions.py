"""A session's files: a folder of its own that nobody can guess, and what is known of its uploads.

Gradio serves what lies in its upload folder to whoever knows the path, so results go into folders with random
names there, and all that a session had is removed when its page is closed.
"""

import contextlib
import re
import secrets
import shutil
import threading
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from gradio.utils import get_upload_folder

View = tuple[str, str]  # a picture before and after, as paths


class Sessions:
    """What those have who have the page open, by Gradio's session hash.

    Attributes:
        views: of the results last made, by session and task.
    """

    def __init__(self) -> None:
        self.views: dict[tuple[str, str], list[View]] = {}
        self._folders: dict[str, Path] = {}
        self._uploads: dict[str, dict[Path, int]] = {}  # and when each file last came
        self._changing = threading.Lock()
        self._left: dict[str, int] = {}  # pages closed, and how many jobs of theirs have not ended

    def folder(self, session: str, name: str | None = None) -> Path:
        """A new empty folder, for one job's results; or the one of this name, made where it is missing."""
        with self._changing:
            home = self._folders.get(session)
            if home is None:
                home = Path(get_upload_folder()).resolve() / "results" / secrets.token_urlsafe(16)
                self._folders[session] = home
            place = home / (name or secrets.token_hex(4))
            place.mkdir(parents=True, exist_ok=name is not None)
        return place

    def uploaded(self, session: str, paths: Iterable[str | Path]) -> None:
        """Remember what a session has sent, to remove it when it ends."""
        with self._changing:
            known = self._uploads.setdefault(session, {})
            known |= {path: _changed(path) for path in map(Path, paths)}

    def leave(self, session: str, jobs: int) -> None:
        """Its page was closed while so many jobs of it have not ended, which may still write something."""
        self._left[session] = jobs

    def job_ended(self, session: str) -> None:
        if session in self._left:
            self._left[session] -= 1
            if self._left[session] == 0:
                del self._left[session]
                self.close(session)

    def close(self, session: str) -> None:
        """Remove a session's results, and its uploads unless another session sent the same: Gradio names
        uploads by what is in them, and one that came again since is another session's.
        """
        root = Path(get_upload_folder()).resolve()
        with self._changing:
            home = self._folders.pop(session, None)
            uploads = self._uploads.pop(session, {})
            self.views = {key: views for key, views in self.views.items() if key[0] != session}
            others = {path for each in self._uploads.values() for path in each}
            for path, changed in uploads.items():
                if path not in others and root in path.resolve().parents and _changed(path) == changed:
                    path.unlink(missing_ok=True)
                    with contextlib.suppress(OSError):  # Gradio's folder for it, unless there is more in it
                        path.parent.rmdir()
        if home is not None:
            shutil.rmtree(home, ignore_errors=True)


def _changed(path: Path) -> int:
    try:
        return path.stat().st_ctime_ns
    except OSError:
        return 0


def zipped(files: Sequence[Path], folder: Path, name: str) -> Path:
    """The files in one, stored as they are: pictures are compressed already."""
    target = folder / f"{name}.zip"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for file in files:
            archive.write(file, file.name)
    return target


def without_folders(text: str) -> str:
    """What is said of a file, without where on this machine it lies."""
    root = re.escape(str(Path(get_upload_folder()).resolve()))
    return re.sub(rf"{root}/(?:[^/\s]+/)*", "", text)
