"""The tab that lays two pictures over each other and says how far apart they are."""

import math
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
import numpy as np

from genstudio import images
from genstudio.errors import Stopped, UsageError
from genstudio.restoring.tiling import Stop

from .. import examples
from ..layout import run_and_stop, wire_stop
from ..restore import viewable, wanted
from ..studio import Studio
from ..widgets import pictures

LEAST_PX = 31  # of LPIPS; SSIM's windows have 11
LPIPS_MEGAPIXELS = 16  # at most, for its net takes 260 bytes a pixel


def tab(studio: Studio) -> None:
    gr.Markdown("Lay two pictures over each other, a restored one and the true one for example.")
    with gr.Row(elem_classes="columns"):
        with gr.Column(scale=2, min_width=300):
            first = studio.intakes["compare"].render()
            examples.draw(first, "noisy.jpg")
            second = pictures(
                "The picture it is compared with",
                several=False,
                file_types=first.file_types,
                elem_id="compare-with",
            )
            examples.draw(second, "clean.jpg")
            button, stop = run_and_stop("compare")
        with gr.Column(scale=3, min_width=300):
            slider = gr.ImageSlider(
                label="One and the other", type="filepath", format="png", interactive=False, max_height=720
            )
            numbers = gr.Markdown(label="Table", min_height=64, elem_id="numbers")
            values = gr.JSON(visible=False, label="Numbers")
            studio.send_row("compare", first)
    wire_stop(studio, "compare", stop)

    def compare(
        picture: str,
        other: str,
        request: gr.Request,
        progress: Any = gr.Progress(),
    ) -> Any:
        """Say how far two pictures of one size are apart: PSNR, SSIM and LPIPS.

        Args:
            picture: A picture, as a file.
            other: The picture it is compared with, as a file.
        """
        with studio.turn(request, "compare", progress, picture, other) as job:
            paths = [Path(path) for path in wanted([each for each in (picture, other) if each])]
            if len(paths) < 2:
                raise UsageError("expected two pictures, found one; drop another")
            one, two = (studio.read(path) for path in paths)
            measured = apart(one, two, job.stopped)
            folder = studio.sessions.folder(job.session)
            views = tuple(viewable(studio, path, folder) for path in paths)
            return views, _table(measured), {each.name: each.value for each in measured}

    button.click(
        compare,
        [first, second],
        [slider, numbers, values],
        api_name="compare",
        show_progress_on=[numbers],
        concurrency_limit=None,
    )


class Measure(NamedTuple):
    """One measure of how far two pictures are apart; its value is None where it is infinite or not known."""

    name: str
    value: float | None
    shown: str
    remark: str


def _table(measured: list[Measure]) -> str:
    rows = [f"| {each.name} | {each.shown} | {each.remark} |" for each in measured]
    return "\n".join(["| measure | value | |", "|---|---|---|", *rows])


def apart(a: images.Picture, b: images.Picture, stop: Stop) -> list[Measure]:
    """How far two pictures' colours are apart; `stop` is asked between measures.

    Raises UsageError for pictures of two sizes, Stopped where `stop` said so.
    """
    import torch

    from genstudio.measures import fidelity
    from genstudio.measures.features import at_hand
    from genstudio.measures.lpips import LPIPS

    if (a.width, a.height) != (b.width, b.height):
        raise UsageError(
            f"expected two pictures of one size, found {a.width} x {a.height} and {b.width} x {b.height}; "
            "enlarge or cut one of them first"
        )
    x, y = (torch.from_numpy(_rgb(each)).permute(2, 0, 1)[None] for each in (a, b))
    x_luma, y_luma = fidelity.luma(x), fidelity.luma(y)
    found = [
        _decibel("PSNR", float(fidelity.psnr(x, y, 1.0)), "dB over RGB; more is closer"),
        _decibel("PSNR of Y", float(fidelity.psnr(x_luma, y_luma)), "dB of the brightness; more is closer"),
    ]
    if min(a.width, a.height) < LEAST_PX:
        remark = f"needs pictures of at least {LEAST_PX} pixels a side"
        return [*found, Measure("SSIM", None, "", remark), Measure("LPIPS", None, "", remark)]
    _unless(stop)
    ssim = float(fidelity.ssim(x_luma, y_luma))
    found.append(Measure("SSIM", ssim, f"{ssim:.4f}", "structure of the brightness; 1 for equal pictures"))
    if a.width * a.height > LPIPS_MEGAPIXELS * 10**6:
        remark = f"only of pictures of up to {LPIPS_MEGAPIXELS} megapixels"
        return [*found, Measure("LPIPS", None, "", remark)]
    if not at_hand("alexnet"):
        remark = "needs AlexNet's features; `genstudio evaluate upscale --metrics lpips` fetches them"
        return [*found, Measure("LPIPS", None, "", remark)]
    _unless(stop)
    lpips = float(LPIPS()(x, y))
    return [*found, Measure("LPIPS", lpips, f"{lpips:.4f}", "as people see it; 0 for equal pictures")]


def _unless(stop: Stop) -> None:
    if stop():
        raise Stopped("stopped; nothing is measured")


def _decibel(name: str, value: float, remark: str) -> Measure:
    if math.isinf(value):
        return Measure(name, None, "∞", "the pictures are equal")
    return Measure(name, value, f"{value:.2f}", remark)


def _rgb(picture: images.Picture) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The first frame as (H, W, 3) float32 in 0..1, without its alpha."""
    frame = next(iter(picture.frames))
    colours = frame[..., : 1 if picture.channels < 3 else 3].astype(np.float32)
    return np.repeat(colours, 3 // colours.shape[2], axis=2) / np.float32(np.iinfo(frame.dtype).max)
