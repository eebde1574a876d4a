"""Two charts of a classifier, drawn with Pillow: who is taken for whom, and whether probabilities hold."""

from collections.abc import Sequence

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from genstudio.classify.calibration import BINS, Reliability

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
BLUE, PALE, GREY, LINE = (38, 96, 164), (190, 208, 230), (120, 120, 120), (200, 200, 200)
MATRIX_PX, LEAST_TEXT_PX = 640, 34
FEW = 10  # of pictures in a bin, whose share says little
CHART_PX, HISTOGRAM_PX, MARGIN_PX = 420, 110, 70


def confusion_matrix(guesses: Tensor, labels: Tensor, classes: Sequence[str]) -> Image.Image:
    """A row for each class, a column for each guess; cells say the per cent of the row, and shade it."""
    n = len(classes)
    counts = torch.bincount(labels * n + guesses, minlength=n * n).view(n, n).double()
    shares = counts / counts.sum(1, keepdim=True).clamp(min=1)
    cell = max(4, min(72, MATRIX_PX // n))
    font = ImageFont.load_default(max(9, min(16, cell - 2)))
    room = round(max(font.getlength(name) for name in classes)) + 24
    page = Image.new("RGB", (room + n * cell + 60, room + n * cell + 44), "white")
    draw = ImageDraw.Draw(page)
    draw.text((12, 10), "is \\ said", GREY, font)
    for k, name in enumerate(classes):
        middle = room + k * cell + cell // 2
        draw.text((room - 8, middle), name, "black", font, anchor="rm")
        _upright(page, (middle, room - 8), name, font)
        for j in range(n):
            x, y, share = room + j * cell, room + k * cell, shares[k, j].item()
            colour = tuple(round(255 + (c - 255) * share**0.6) for c in BLUE)
            draw.rectangle((x, y, x + cell - 1, y + cell - 1), colour)
            if cell >= LEAST_TEXT_PX and counts[k, j]:
                text = f"{100 * share:.0f}" if share >= 0.095 else f"{100 * share:.1f}"
                ink = "white" if share > 0.5 else "black"
                draw.text((x + cell // 2, y + cell // 2), text, ink, font, anchor="mm")
    accuracy = (guesses == labels).double().mean().item()
    foot = f"per cent of each row; n = {len(labels)}, {accuracy:.1%} right"
    draw.text((12, page.height - 30), foot, GREY, ImageFont.load_default(15))
    return page


def _upright(page: Image.Image, foot: tuple[int, int], text: str, font: Font) -> None:
    """Text that reads upwards, its beginning at `foot`."""
    _, _, right, bottom = font.getbbox(text)
    width, height = round(right) + 4, round(1.3 * bottom)
    strip = Image.new("RGB", (width, height), "white")
    ImageDraw.Draw(strip).text((2, height // 2), text, "black", font, anchor="lm")
    page.paste(strip.rotate(90, expand=True), (foot[0] - height // 2, foot[1] - width))


def reliability_diagram(found: Reliability) -> Image.Image:
    """For each bin of confidence the share that is right, against the diagonal; below, how many there are."""
    height = MARGIN_PX + CHART_PX + HISTOGRAM_PX + 2 * 50
    page = Image.new("RGB", (CHART_PX + 2 * MARGIN_PX, height), "white")
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(15)
    left, top, bottom = MARGIN_PX, MARGIN_PX, MARGIN_PX + CHART_PX
    title = f"right against sure: expected calibration error {found.error:.3f} (n = {found.counts.sum():.0f})"
    draw.text((left - 30, 14), title, "black", font)
    draw.text((left - 30, 38), f"share that is right (pale: of fewer than {FEW})", GREY, font)
    for k in range(6):
        at = CHART_PX * k // 5
        draw.line((left, bottom - at, left + CHART_PX, bottom - at), LINE)
        draw.text((left - 8, bottom - at), f"{k / 5:.1f}", GREY, font, anchor="rm")
        draw.text((left + at, height - 36), f"{k / 5:.1f}", GREY, font, anchor="mm")
    floor = bottom + 30 + HISTOGRAM_PX
    most = found.counts.max().clamp(min=1).item()
    for k in range(BINS):
        x0, x1 = left + CHART_PX * k // BINS, left + CHART_PX * (k + 1) // BINS - 2
        count, accuracy = found.counts[k].item(), found.accuracy[k].item()
        if count:
            draw.rectangle((x0, bottom - CHART_PX * accuracy, x1, bottom), BLUE if count >= FEW else PALE)
            draw.rectangle((x0, floor - HISTOGRAM_PX * count / most, x1, floor), GREY)
    draw.line((left, bottom, left + CHART_PX, top), "black", 2)
    draw.line((left, bottom, left + CHART_PX, bottom), "black")
    draw.line((left, floor, left + CHART_PX, floor), "black")
    draw.text((left, bottom + 6), "how many", GREY, font)
    foot = (left + CHART_PX // 2, height - 14)
    draw.text(foot, "probability of the first guess", "black", font, anchor="mm")
    return page
