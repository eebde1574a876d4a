"""Write the README's pictures of the page: `python tests/ui/screenshots.py`, with Debian's Chromium.

Every tab at work on an example that ships, in the light; one in the dark, and one on a phone.
"""

import io
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

from genstudio import weights
from genstudio.cli.ui import PageOptions
from genstudio.ui.serve import start

FIGURES = Path(__file__).parent.parent.parent / ".figures"
QUALITY = 80


def main() -> None:
    where = Path(sys.argv[1]) if len(sys.argv) > 1 else FIGURES
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        page = start(PageOptions(port=7999), folder)
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])

        def shoot(name: str, work: Any, width: int = 1280, height: int = 860, theme: str = "light") -> None:
            seen = browser.new_page(viewport={"width": width, "height": height})
            seen.set_default_timeout(120_000)
            seen.goto(f"{page.local_url}?__theme={theme}")
            seen.get_by_role("tab", name="Upscale").first.wait_for()
            work(seen)
            seen.wait_for_timeout(1500)
            seen.evaluate("window.scrollTo(0, 0)")
            shot = Image.open(io.BytesIO(seen.screenshot()))
            shot.convert("RGB").save(where / f"page-{name}.webp", quality=QUALITY, method=6)
            seen.close()

        shoot("upscale", upscale)
        shoot("denoise", denoise)
        shoot("stylize", stylize, theme="dark", height=1000)
        shoot("classify", classify)
        if any(each.name == "generate/flowers-64" for each in weights.installed("generate")):
            shoot("generate", generate)
        shoot("compare", compare)
        shoot("phone", upscale, width=360, height=800)
        browser.close()
        page.close(verbose=False)


def go(seen: Any, tab: str) -> Any:
    seen.get_by_role("tab", name=tab, exact=True).first.click()
    return seen.get_by_role("tabpanel").locator("visible=true")


def upscale(seen: Any) -> None:
    seen.get_by_role("button", name="a small photo").first.click()
    seen.get_by_text("→ 512 × 512 pixels").wait_for()
    seen.locator("#run-upscale").click()
    seen.get_by_text("512 × 512 pixels in").wait_for()


def denoise(seen: Any) -> None:
    go(seen, "Denoise").get_by_role("button", name="a noisy photo").click()
    seen.get_by_text("noisy.jpg: 300").wait_for()
    seen.locator("#run-denoise").click()
    seen.get_by_text("pixels in").wait_for()


def stylize(seen: Any) -> None:
    go(seen, "Stylize").get_by_role("button", name="a cat").click()
    seen.get_by_text("cat.jpg: 300").wait_for()
    seen.locator("#styles").get_by_role("button").nth(4).click()
    seen.wait_for_timeout(500)
    seen.locator("#run-stylize").click()
    seen.get_by_text("pixels in").wait_for()


def classify(seen: Any) -> None:
    go(seen, "Classify").get_by_role("button", name="a cat").click()
    seen.locator("#pictures-classify").get_by_text("cat").first.wait_for()
    seen.locator("#run-classify").click()
    seen.locator("#explanation img").wait_for()


def generate(seen: Any) -> None:
    go(seen, "Generate")
    seen.locator("#run-generate").click()
    seen.locator("#made button img").nth(11).wait_for()


def compare(seen: Any) -> None:
    panel = go(seen, "Compare")
    panel.get_by_role("button", name="a noisy photo").click()
    panel.get_by_role("button", name="a clean one").click()
    seen.locator("#compare-with").get_by_text("clean").first.wait_for()
    seen.locator("#run-compare").click()
    seen.locator("#numbers").get_by_text("PSNR of Y").first.wait_for()


if __name__ == "__main__":
    main()
