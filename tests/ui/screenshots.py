"""Write the README's pictures of the page: `python tests/ui/screenshots.py`, with Debian's Chromium.

Every tab at work on an example that ships, in the light; one in the dark, and one on a phone.
"""

import io
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

from genstudio import weights
from genstudio.cli.ui import PageOptions
from genstudio.ui.examples import PICTURES
from genstudio.ui.serve import start

FIGURES = Path(__file__).parent.parent.parent / ".figures"
QUALITY = 80


def main() -> None:
    where = Path(sys.argv[1]) if len(sys.argv) > 1 else FIGURES
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        os.environ |= {"GENSTUDIO_WEIGHTS": f"{folder}/weights", "XDG_CACHE_HOME": f"{folder}/cache"}
        root = Path(folder) / "root"
        shutil.copytree(PICTURES, root / "photos", ignore=shutil.ignore_patterns("styles", "*.py"))
        page = start(PageOptions(port=7999, train_root=root), folder)
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
        shoot("train", train, height=1000)
        shoot("models", models, height=900)
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


def train(seen: Any) -> None:
    go(seen, "Train")
    for place, value in {"recipe": "upscale/compact-x2", "data": "photos"}.items():
        seen.locator(f"#{place} input").click()
        seen.get_by_role("option", name=value, exact=True).click()
    seen.locator("#run input").fill("mine")
    seen.locator("#run input").press("Tab")
    seen.get_by_label("Steps").locator("visible=true").fill("400")
    seen.get_by_role("button", name="More options").locator("visible=true").click()
    small = [
        "net.width=8",
        "net.depth=4",
        "crop_px=48",
        "batch_size=4",
        "validate_every=50",
        "warm_start=null",
    ]
    seen.locator("#set textarea").fill("\n".join(small))
    seen.get_by_role("button", name="More options").locator("visible=true").click()
    seen.locator("#run-train").click()
    seen.locator("#report-train").get_by_text("step 200 of 400").wait_for()
    seen.locator("#samples img").nth(3).wait_for()
    seen.locator("h1").first.click()


def models(seen: Any) -> None:
    go(seen, "Models")
    box = seen.locator("#card-of input")
    box.click()
    seen.get_by_role("option", name="upscale/compact-x4", exact=True).click()
    seen.locator("#card").get_by_text("Set14").first.wait_for()


if __name__ == "__main__":
    main()
