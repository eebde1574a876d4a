"""What a person does with the page, for the tests that do it in a browser."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

CHROMIUM = Path("/usr/bin/chromium")


def go(seen: Any, tab: str) -> None:
    """To a tab, which on a small screen may be in the menu."""
    seen.get_by_role("tab", name="Upscale").first.wait_for()
    button = seen.get_by_role("tab", name=tab, exact=True).first
    if button.is_visible():
        button.click()
    else:
        seen.locator(".overflow-menu > button").click()
        seen.locator(".overflow-dropdown button", has_text=tab).click()


def drop(seen: Any, where: str, *files: Any) -> None:
    """Pictures into the place called so."""
    seen.locator(f"#{where} input[type=file]").set_input_files(list(files))


def png(name: str, size: tuple[int, int], mode: str = "RGB") -> dict[str, Any]:
    """A picture of noise, as an upload."""
    channels = len(mode)
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], channels), np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise if channels > 1 else noise[..., 0], mode).save(file, "PNG")
    return {"name": name, "mimeType": "image/png", "buffer": file.getvalue()}


def downloaded(seen: Any, task: str, place: int = 0) -> tuple[str, Image.Image]:
    """The name and picture of one of the results."""
    link = seen.locator(f"#results-{task} a[download]").nth(place)
    with seen.expect_download() as waiting:
        link.click()
    path = Path(waiting.value.path())
    return waiting.value.suggested_filename, Image.open(io.BytesIO(path.read_bytes()))
