"""The page as people use it: a browser, from a picture dropped to a file downloaded."""

import os
import re
import time
from pathlib import Path
from typing import Any

import pytest
from browsing import CHROMIUM, downloaded, drop, go, png

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no browser at {CHROMIUM}"),
]


def test_upscale(visit: Any) -> None:
    seen = visit("Upscale")
    drop(seen, "pictures-upscale", png("cut out.png", (40, 30), "RGBA"))
    seen.get_by_text("40 × 30 → 160 × 120 pixels").wait_for()
    seen.locator("#run-upscale").click()
    seen.get_by_text("160 × 120 pixels in").wait_for()
    name, picture = downloaded(seen, "upscale")
    assert (name, picture.size, picture.mode) == ("cut out.png", (160, 120), "RGBA")
    # What is looked at is the file itself: nothing was encoded anew.
    shown = seen.locator("#slider-upscale img").evaluate_all("all => all.map(each => each.src)")
    assert any(src.endswith("cut%20out.png") for src in shown)


def test_denoise_many(visit: Any) -> None:
    seen = visit("Denoise")
    drop(seen, "pictures-denoise", png("a.png", (40, 30)), png("b.png", (30, 40)), {**BAD, "name": "c.png"})
    seen.locator("#run-denoise").click()
    seen.get_by_text("c.png: SVG is not read").last.wait_for()
    seen.get_by_text("b.png 30 × 40").or_(
        seen.locator("#report-denoise", has_text="30 × 40")
    ).first.wait_for()
    links = seen.locator("#results-denoise a[download]")
    assert links.count() == 3  # two pictures, and the zip of both
    name, picture = downloaded(seen, "denoise", 1)
    assert (name, picture.size) == ("b.png", (30, 40))


BAD = {"name": "page.png", "mimeType": "image/png", "buffer": b"<svg onload=alert(1)></svg>"}


def test_an_error_is_said_in_plain_words(visit: Any) -> None:
    seen = visit("Upscale")
    drop(seen, "pictures-upscale", png("good.png", (20, 10)))
    seen.locator("#run-upscale").click()
    seen.get_by_text("20 × 10 → 80 × 40 pixels").wait_for()
    seen.locator("#pictures-upscale [aria-label='Clear']").click()
    drop(seen, "pictures-upscale", BAD)
    seen.locator("#run-upscale").click()
    toast = seen.get_by_test_id("toast-body")
    toast.get_by_text("page.png: SVG is not read").wait_for()
    assert "/tmp" not in toast.inner_text()
    assert "Traceback" not in seen.content()
    # The result before is not to be taken for this one's.
    seen.locator("#results-upscale a[download]").wait_for(state="detached")
    seen.locator("#report-upscale .error").wait_for()


def test_stylize(visit: Any) -> None:
    seen = visit("Stylize")
    drop(seen, "pictures-stylize", png("a.png", (48, 40)))
    seen.locator("#styles button").first.click()
    seen.locator("#chosen-styles").get_by_text("Arlésiennes").wait_for()
    seen.locator("#run-stylize").click()
    seen.get_by_text("48 × 40 pixels in").wait_for()
    assert downloaded(seen, "stylize")[1].size == (48, 40)


def test_optimize_is_seen_to_grow_and_keeps_what_it_has_when_stopped(visit: Any) -> None:
    seen = visit("Stylize")
    drop(seen, "pictures-stylize", png("a.png", (96, 80)), png("b.png", (96, 80)))
    seen.locator("#styles button").first.click()
    seen.locator("#chosen-styles").get_by_text("Arlésiennes").wait_for()
    seen.get_by_label("optimize", exact=True).check()
    seen.get_by_role("button", name="Of method optimize").click()
    seen.get_by_label("Steps").fill("5000")
    seen.locator("#run-stylize").click()
    seen.locator("#report-stylize", has_text=re.compile("step [0-9]+ of 5000")).wait_for()
    views = seen.locator("#slider-stylize img")
    views.nth(1).wait_for(state="attached")
    assert views.nth(0).get_attribute("src") != views.nth(1).get_attribute("src")
    seen.locator("#stop-stylize").click()
    began = time.monotonic()
    seen.get_by_text(re.compile("a.png.* stopped after [0-9]+ of 5000 steps; the picture is kept")).wait_for()
    assert time.monotonic() - began < 5
    name, picture = downloaded(seen, "stylize")
    assert (name, picture.size) == ("a.png", (96, 80))
    assert "b.png" not in seen.locator("#report-stylize").inner_text()  # which was not begun


def take_long(seen: Any) -> None:
    """Upscale's tab, at work for a minute."""
    drop(seen, "pictures-upscale", png("a.png", (480, 480)))
    seen.get_by_text("480 × 480 → 1920 × 1920 pixels").wait_for()
    seen.get_by_role("button", name="Engine").first.click()
    tile = seen.get_by_label("Tile").first
    tile.fill("32")
    tile.press("Enter")
    seen.get_by_role("button", name="More options").first.click()
    seen.get_by_label("Self ensemble").first.check()
    seen.locator("#run-upscale").click()
    seen.get_by_text(re.compile(r"tile \d+ of \d+, \d+ (s|min) left")).first.wait_for()


def test_who_waits_sees_the_line_and_stop_never_waits(visit: Any, client: Any) -> None:
    first, second = visit("Upscale"), visit("Upscale")
    take_long(first)
    programs = [client.submit(model="made", count=1, api_name="/generate") for _ in range(2)]
    drop(second, "pictures-upscale", png("b.png", (20, 20)))
    second.get_by_text("80 × 80 pixels").wait_for()
    second.locator("#run-upscale").click()
    second.get_by_text(re.compile("in line, [1-3] before this one")).wait_for()
    second.locator("#stop-upscale").click()
    second.get_by_text("stopped before it began").wait_for()
    first.locator("#stop-upscale").click()
    first.get_by_text(re.compile("Stopped after [0-9]+ of [0-9]+ tiles")).wait_for()
    first.locator("#stop-upscale").click()
    first.get_by_text("There is nothing to stop.").wait_for()
    for each in programs:
        each.result(timeout=30)


def test_stop(visit: Any) -> None:
    seen = visit("Upscale")
    take_long(seen)
    seen.locator("#stop-upscale").click()
    began = time.monotonic()
    seen.locator("#report-upscale", has_text=re.compile("Stopped after [0-9]+ of [0-9]+ tiles")).wait_for()
    assert time.monotonic() - began < 3
    # What is said of the last run is not taken for what is said of the next.
    seen.locator("#pictures-upscale").get_by_label("Clear").click()
    seen.locator("#pictures-upscale input[type=file]").wait_for(state="attached")
    seen.locator("#run-upscale").click()
    seen.get_by_test_id("toast-body").get_by_text("expected a picture, found none").wait_for()
    seen.get_by_text("Stopped after").wait_for(state="hidden")


def test_on_a_small_screen_what_is_at_work_is_seen(visit: Any) -> None:
    seen = visit("Upscale", width=360, height=800)
    drop(seen, "pictures-upscale", png("a.png", (20, 20)))
    seen.get_by_text("80 × 80 pixels").wait_for()
    seen.locator("#run-upscale").click()
    seen.get_by_text("80 × 80 pixels in").wait_for()
    seen.wait_for_function(
        "document.getElementById('report-upscale').getBoundingClientRect().bottom < innerHeight"
    )


def test_classify_and_send_to(visit: Any) -> None:
    seen = visit("Classify")
    seen.locator("#run-classify").locator("xpath=ancestor::*[@role='tabpanel']").get_by_role(
        "button", name="a cat"
    ).click()
    seen.locator("#pictures-classify").get_by_text("cat").first.wait_for()
    seen.locator("#run-classify").click()
    seen.locator("#classes").get_by_text("cat").first.wait_for()
    seen.locator("#explanation img").wait_for()
    seen.get_by_role("tabpanel").get_by_role("button", name="Upscale", exact=True).locator(
        "visible=true"
    ).click()
    seen.locator("#pictures-upscale").get_by_text("cat-explained").first.wait_for()
    seen.get_by_text(re.compile("cat-explained.png: .* pixels")).wait_for()


def test_generate_and_go_on(visit: Any) -> None:
    seen = visit("Generate")
    panel = seen.get_by_role("tabpanel").locator("visible=true")
    seen.get_by_role("combobox", name="Model").locator("visible=true").click()
    seen.get_by_role("option", name="made").click()
    seen.get_by_label("Count").locator("visible=true").fill("3")
    seen.locator("#run-generate").click()
    seen.locator("#made button img").nth(2).wait_for()
    assert downloaded(seen, "generate")[1].size == (32, 32)
    seen.locator("#made button:has(img)").nth(1).click()
    start = seen.locator("#start").locator("input, textarea")
    for _ in range(50):
        if start.input_value() == "0:1":
            break
        seen.wait_for_timeout(100)
    assert start.input_value() == "0:1"
    seen.locator("#vary").click()
    seen.get_by_text("Variations of 0:1").wait_for()
    panel.get_by_role("button", name="Compare", exact=True).click()
    seen.locator("#pictures-compare").get_by_text("variation-00000").first.wait_for()


def test_compare(visit: Any) -> None:
    seen = visit("Compare")
    drop(seen, "pictures-compare", png("a.png", (64, 64)))
    drop(seen, "compare-with", png("b.png", (64, 64)))
    seen.locator("#run-compare").click()
    seen.locator("#numbers").get_by_text("the pictures are equal").first.wait_for()


@pytest.mark.parametrize("width", [360, 2560])
def test_every_tab_fits_the_window(width: int, visit: Any) -> None:
    seen = visit("Upscale", width=width, height=800)
    for tab in ("Upscale", "Denoise", "Stylize", "Classify", "Generate", "Compare", "Train", "Models"):
        go(seen, tab)
        seen.wait_for_timeout(150)
        assert seen.evaluate("document.documentElement.scrollWidth") <= width
    nameless = seen.evaluate(
        """() => [...document.querySelectorAll('input:not([type=file]), select, textarea, button')]
            .filter(e => e.getBoundingClientRect().width > 1)
            .filter(e => !(e.getAttribute('aria-label') || (e.labels && e.labels.length) || e.innerText.trim()
                           || e.title))
            .map(e => e.outerHTML.slice(0, 200))"""
    )
    assert nameless == []


def test_by_keyboard_alone(visit: Any) -> None:
    seen = visit("Upscale")
    seen.get_by_role("button", name="a small photo").focus()
    seen.keyboard.press("Enter")
    seen.get_by_text("128 × 128 → 512 × 512 pixels").wait_for()
    for _ in range(12):
        seen.keyboard.press("Tab")
        if seen.evaluate("document.activeElement.id") == "run-upscale":
            break
    assert seen.evaluate("document.activeElement.id") == "run-upscale"
    seen.keyboard.press("Enter")
    seen.get_by_text("512 × 512 pixels in").wait_for()


def test_two_at_once(visit: Any) -> None:
    first, second = visit("Upscale"), visit("Upscale")
    drop(first, "pictures-upscale", png("first.png", (300, 300)))
    drop(second, "pictures-upscale", png("second.png", (20, 20)))
    for seen, size in ((first, "1200 × 1200"), (second, "80 × 80")):
        seen.get_by_text(f"→ {size} pixels").wait_for()
    first.locator("#run-upscale").click()
    second.locator("#run-upscale").click()
    for seen, name, size in ((first, "first.png", (1200, 1200)), (second, "second.png", (80, 80))):
        seen.get_by_text(f"{size[0]} × {size[1]} pixels in").wait_for()
        found, picture = downloaded(seen, "upscale")
        assert (found, picture.size) == (name, size)


def test_a_closed_page_leaves_no_files(visit: Any) -> None:
    seen = visit("Classify")
    drop(seen, "pictures-classify", png("unique-name.png", (22, 19)))  # which is never used
    seen.get_by_role("tab", name="Upscale").click()
    drop(seen, "pictures-upscale", png("unique-name.png", (21, 19)))
    seen.locator("#run-upscale").click()
    seen.get_by_text("84 × 76 pixels in").wait_for()
    root = Path(os.environ["GRADIO_TEMP_DIR"])
    assert len(list(root.rglob("unique-name.png"))) == 3  # the uploads and the result
    assert not list(root.glob("tmp*"))
    seen.close()
    until = time.monotonic() + 20
    while list(root.rglob("unique-name.png")) and time.monotonic() < until:
        time.sleep(0.1)
    assert not list(root.rglob("unique-name.png"))


def test_one_of_many_results_is_looked_at(visit: Any) -> None:
    seen = visit("Upscale")
    drop(seen, "pictures-upscale", png("a.png", (20, 20)), png("b.png", (20, 30)))
    seen.locator("#run-upscale").click()
    seen.locator("#results-upscale").get_by_text("upscaled").first.wait_for()
    seen.locator("#slider-upscale img[src$='a.png']").first.wait_for(state="attached")
    seen.locator("#results-upscale").get_by_text("b", exact=True).first.click()
    seen.locator("#slider-upscale img[src$='b.png']").first.wait_for(state="attached")
    seen.get_by_role("tabpanel").get_by_role("button", name="Classify").locator("visible=true").click()
    seen.locator("#pictures-classify").get_by_text("b", exact=True).first.wait_for()


def test_the_list_of_actions_has_an_address(visit: Any, page: Any) -> None:
    seen = visit("Upscale")
    seen.goto(f"{page.local_url}?view=api")
    seen.locator(".api-docs").get_by_text("upscale", exact=True).first.wait_for()
