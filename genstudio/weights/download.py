"""Files from an address: verified before they take their name, with progress on a terminal."""

from pathlib import Path
from typing import Any

import pooch
import requests

from genstudio.errors import WeightsError


def fetch(name: str, url: str, sha256: str, target: Path) -> None:
    """Fetch `target` if it is not there as it should be.

    Raises:
        WeightsError: `url` cannot be reached, sent something else, or `target` cannot be stored.
    """
    pooch.get_logger().setLevel("WARNING")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        pooch.retrieve(
            url,
            known_hash=f"sha256:{sha256}",
            fname=target.name,
            path=target.parent,
            downloader=pooch.HTTPDownloader(progressbar=_Bar(name)),
        )
    except requests.RequestException as error:
        raise WeightsError(
            f"{name}: cannot be fetched from {url} ({type(error).__name__}); connect to the network, "
            f"or put the file at {target}"
        ) from error
    except ValueError as error:
        # pooch compares before it moves the file to its place, so nothing unverified is left behind.
        raise WeightsError(
            f"{name}: what {url} sent has not the sha256 of the index ({sha256[:12]}...); "
            f"try again later, or put the right file at {target}"
        ) from error
    except OSError as error:
        raise WeightsError(
            f"{name}: cannot be stored in {target.parent} ({error.strerror or error})"
        ) from error


class _Bar:
    """A download's progress on stderr, in the shape pooch asks for; silent where stderr is no terminal."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.total = 0.0
        self._progress: Any = None

    def update(self, count: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

        if self._progress is None:
            console = Console(stderr=True)
            columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn()
            self._progress = Progress(*columns, console=console, disable=not console.is_terminal)
            self._task = self._progress.add_task(f"fetching {self.name}", total=self.total)
            self._progress.start()
        self._progress.update(self._task, advance=count, total=self.total)

    def reset(self) -> None:
        """pooch rewinds to zero before it claims the whole, to end exactly at 100 %: nothing to show."""

    def close(self) -> None:
        if self._progress is not None:
            self._progress.stop()
