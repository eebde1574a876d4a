"""Measuring: a command for each task."""

from typing import Annotated

from cyclopts import App, Parameter

from genstudio.cli.app import TASK, app
from genstudio.upscale.options import EvaluateOptions

_evaluate = App(
    name="evaluate", help="Measure a model by a protocol that anyone can repeat.", help_format="plaintext"
)
app.command(_evaluate)


@_evaluate.command(name="upscale", usage="Usage: genstudio evaluate upscale --data DIR [OPTIONS]")
def evaluate_upscale(
    *,
    options: Annotated[EvaluateOptions, TASK],
    json: Annotated[bool, Parameter(help="One line of JSON instead of a table.")] = False,
) -> None:
    """Score an upscaler against bicubic on pictures reduced by Pillow's bicubic filter (whole scales).

    PSNR (dB) and SSIM on the Y channel without the border, as in the literature, PSNR in RGB, and LPIPS.
    """
    from genstudio import evaluate as measure

    measure.show(options, json=json)
