"""Measuring: a command for each task."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from genstudio.classify.options import EvaluateImagesOptions, EvaluateRecognitionOptions
from genstudio.classify.options import EvaluateOptions as EvaluateClassify
from genstudio.cli.app import TASK
from genstudio.denoise.options import EvaluateOptions as EvaluateDenoise
from genstudio.generate.options import NoveltyOptions
from genstudio.stylize.options import EvaluateOptions as EvaluateStylize
from genstudio.upscale.options import EvaluateOptions as EvaluateUpscale

_JSON = Parameter(help="One line of JSON instead of a table.")
_COMPARED_BY = EvaluateImagesOptions()

evaluate = App(
    name="evaluate", help="Measure a model by a protocol that anyone can repeat.", help_format="plaintext"
)


@evaluate.command(name="upscale", usage="Usage: genstudio evaluate upscale --data DIR [OPTIONS]")
def evaluate_upscale(
    *,
    options: Annotated[EvaluateUpscale, TASK],
    json: Annotated[bool, _JSON] = False,
) -> None:
    """Score upscalers and bicubic on pictures reduced by Pillow's bicubic filter (whole scales).

    PSNR (dB) and SSIM on the Y channel without the border, as in the literature, PSNR in RGB, and LPIPS.
    """
    from genstudio.evaluate import upscale

    upscale.show(options, json=json)


@evaluate.command(name="denoise", usage="Usage: genstudio evaluate denoise --data DIR [OPTIONS]")
def evaluate_denoise(
    *,
    options: Annotated[EvaluateDenoise, TASK],
    json: Annotated[bool, _JSON] = False,
) -> None:
    """Score a denoiser against classical ones on pictures with noise: dB and seconds for each megapixel.

    Gaussian noise is added as in the literature: in float, neither clipped nor rounded, the same every time.
    A net that takes a noise level is measured told the true one, and blind, told what is estimated.
    """
    from genstudio.evaluate import denoise

    denoise.show(options, json=json)


@evaluate.command(
    name="stylize", usage="Usage: genstudio evaluate stylize --data CONTENTS --styles DIR [OPTIONS]"
)
def evaluate_stylize(
    *,
    options: Annotated[EvaluateStylize, TASK],
    json: Annotated[bool, _JSON] = False,
) -> None:
    """Score a stylizer: how much of a style pictures take on, how far from their content that leads them.

    VGG-16 is the judge: 1 is the style loss of the content itself, 0 its content distance.
    """
    from genstudio.evaluate import stylize

    stylize.show(options, json=json)


@evaluate.command(name="novelty", usage="Usage: genstudio evaluate novelty --data DIR [OPTIONS]")
def evaluate_novelty(
    *,
    options: Annotated[NoveltyOptions, TASK],
    json: Annotated[bool, _JSON] = False,
) -> None:
    """See whether a generator copies: its pictures beside the nearest ones it was trained on."""
    from genstudio.evaluate import novelty

    novelty.show(options, json=json)


@evaluate.command(name="classify", usage="Usage: genstudio evaluate classify --data DIR [OPTIONS]")
def evaluate_classify(
    *,
    options: Annotated[EvaluateClassify, TASK],
    json: Annotated[bool, _JSON] = False,
) -> None:
    """Score a classifier on a set's test part: accuracy, calibration, and whether explanations explain."""
    from genstudio.evaluate import classify

    classify.show(options, json=json)


@evaluate.command(name="images", usage="Usage: genstudio evaluate images REAL_DIR FAKE_DIR [OPTIONS]")
def evaluate_images(
    real: Annotated[Path, Parameter(name="REAL_DIR", help="Folder of pictures to come close to.")],
    fake: Annotated[Path, Parameter(name="FAKE_DIR", help="Folder of pictures to judge.")],
    /,
    *,
    options: Annotated[EvaluateImagesOptions, TASK] = _COMPARED_BY,
    json: Annotated[bool, _JSON] = False,
) -> None:
    """Say how far made pictures are from real ones, as a set: by the features of a net that is named.

    Frechet and kernel distance; precision and recall, density and coverage: quality and variety apart.
    """
    from genstudio.evaluate import images

    images.show(real, fake, options, json=json)


@evaluate.command(
    name="recognition",
    usage="Usage: genstudio evaluate recognition --data DIR --classifier NAME --damage KIND:AMOUNT [OPTIONS]",
)
def evaluate_recognition(
    *,
    options: Annotated[EvaluateRecognitionOptions, TASK],
    json: Annotated[bool, _JSON] = False,
) -> None:
    """See whether restoring damaged pictures lets a classifier recognise them again."""
    from genstudio.evaluate import recognition

    recognition.show(options, json=json)
