"""The tabs that change things on the machine, as people use them, and what keys alone can do."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from browsing import CHROMIUM, drop, png

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no browser at {CHROMIUM}"),
]

TINY = ["net.width=8", "net.depth=2", "crop_px=12", "batch_size=2", "precision=float32", "warm_start=null"]


def choose(seen: Any, label: str, value: str) -> None:
    box = seen.get_by_role("combobox", name=label, exact=True).locator("visible=true")
    box.fill(value)
    box.press("Enter")
    box.press("Tab")


def test_train(visit: Any, client: Any, root: Path, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(root / ".cache"))
    seen = visit("Train")
    report = seen.locator("#report-train")
    seen.locator("#recipe input:enabled").wait_for()
    seen.locator("#run-train").click()
    seen.get_by_test_id("toast-body").get_by_text("expected a folder of pictures, found none").wait_for()
    choose(seen, "Recipe", "upscale/compact-x2")
    choose(seen, "Pictures", "photos")
    choose(seen, "Run", "mine")
    seen.get_by_label("Steps").locator("visible=true").fill("100000")
    seen.get_by_role("button", name="More options").locator("visible=true").click()
    settings = [*TINY, "validate_every=50", "validation_px=64"]
    seen.locator("#set textarea").fill("\n".join(settings))
    seen.get_by_label("Device").locator("visible=true").click()
    seen.get_by_role("option", name="cpu").locator("visible=true").click()
    seen.locator("#run-train").click()
    report.get_by_text("at work").wait_for()
    # While it goes on: its samples and curves are seen, a second one is refused, other work is done.
    seen.locator("#samples img").first.wait_for(timeout=60_000)
    report.get_by_text(re.compile(r"step [\d,]+ of 100,000 after \d+ minutes, .* left")).wait_for()
    assert client.predict("mine", api_name="/watch")["losses"]
    seen.locator("#run-train").click()
    seen.get_by_test_id("toast-body").get_by_text("mine is a run already").wait_for()
    seen.locator("#stop-train").click()
    report.get_by_text("Resume goes on").wait_for()
    assert (root / "runs" / "mine" / "last.ckpt").exists()
    seen.locator("#resume-train").click()
    report.get_by_text("at work").wait_for()
    seen.locator("#stop-train").click()
    report.get_by_text("Resume goes on").or_(report.get_by_text("stopped before its first step")).wait_for()

    seen.get_by_role("button", name="Export").first.locator("visible=true").click()
    seen.get_by_label("called afterwards").locator("visible=true").fill("mine-x2")
    seen.get_by_label("Licence").locator("visible=true").fill("CC0")
    seen.get_by_label("Advice").locator("visible=true").fill("for tests")
    seen.locator("#run-export").click()
    seen.locator("#report-export").get_by_text("upscale/mine-x2 is among the models").wait_for(timeout=60_000)
    try:
        seen.get_by_role("tab", name="Upscale", exact=True).first.click()
        model = seen.get_by_role("combobox", name="Model").locator("visible=true")
        model.click()
        seen.get_by_role("option", name="mine-x2").locator("visible=true").click()
        seen.get_by_text("for tests Trained on photos (4 pictures)").wait_for()
    finally:
        (weights / "upscale" / "mine-x2.safetensors").unlink()
        (weights / "index.toml").unlink()


def test_models(visit: Any, weights: Path, tmp_path: Path) -> None:
    from spandrel.architectures.ESRGAN import ESRGAN

    torch.save({"params_ema": ESRGAN(num_filters=8, num_blocks=1).state_dict()}, tmp_path / "tiny.pth")
    seen = visit("Models")
    seen.locator("#card").get_by_text("trained on").first.wait_for()
    drop(seen, "model-file", {**png("a.png", (8, 8)), "name": "evil.safetensors"})
    seen.locator("#model-file").get_by_text("evil").first.wait_for()
    seen.locator("#run-import").click()
    seen.get_by_test_id("toast-body").get_by_text("evil.safetensors: expected").wait_for()
    seen.locator("#model-file").get_by_label("Clear").click()
    drop(seen, "model-file", tmp_path / "tiny.pth")
    seen.locator("#model-file").get_by_text("tiny").first.wait_for()
    seen.locator("#run-import").click()
    seen.locator("#card").get_by_text("ESRGAN of the community").wait_for()
    assert (weights / "upscale" / "tiny.safetensors").exists()
    seen.get_by_role("button", name="Remove").first.locator("visible=true").click()
    seen.locator("#unwanted input").click()
    seen.get_by_role("option", name="upscale/tiny").locator("visible=true").click()
    seen.locator("#run-remove").click()
    seen.locator("#card").get_by_text("ESRGAN of the community").wait_for(state="detached")
    assert not (weights / "upscale" / "tiny.safetensors").exists()


def test_another_result_is_looked_at_by_keyboard_alone(visit: Any) -> None:
    seen = visit("Denoise")
    drop(seen, "pictures-denoise", png("a.png", (20, 20)), png("b.png", (20, 30)))
    seen.locator("#run-denoise").click()
    seen.locator("#slider-denoise img[src$='a.png']").first.wait_for(state="attached")
    chosen = seen.locator("#look-denoise input")
    chosen.focus()
    chosen.press("ArrowDown")
    chosen.press("Enter")
    seen.locator("#slider-denoise img[src$='b.png']").first.wait_for(state="attached")
