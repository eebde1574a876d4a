"""Contact sheets: the same detail of a picture by several methods, side by side, so that people can judge."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont

from genstudio.errors import OutputError
from genstudio.images.atomic import as_output_error

Pixels = npt.NDArray[np.uint8]
Font = ImageFont.ImageFont | ImageFont.FreeTypeFont
CAPTION_PX = 20
GAP_PX = 4
STRIDE_PX = 4
SIDE_PX = 192  # a detail large enough to judge, small enough for four in a row


class Album:
    """Restored pictures in a folder: each as NAME.png when it comes, at the end their sheet as sheet.png.

    Args:
        folder: made if missing; what lies in it may be somebody's originals, so it must be empty.

    Raises:
        OutputError: the folder cannot be made or holds something, or a file cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        new_folder(folder)
        self.folder = folder
        self._captions: Sequence[str] = ()
        self._rows: list[list[Pixels]] = []  # details alone, so that no picture is held

    def add(self, name: str, damaged: Pixels, restored: Mapping[str, Pixels], original: Pixels) -> None:
        """One picture by each method, of which the first one's is saved; `damaged` may be smaller.

        `name` is its file's; the suffix is kept where another picture has the same stem.
        """
        method, *others = restored
        taken = Path(name).stem == "sheet" or (self.folder / f"{Path(name).stem}.png").exists()
        self._save(Image.fromarray(restored[method]), name if taken else Path(name).stem)
        if min(original.shape[:2]) < SIDE_PX:  # too small for a detail
            return
        detail = busiest(original, SIDE_PX)
        factor = original.shape[0] // damaged.shape[0]
        y, x = (np.arange(side.start, side.stop) // factor for side in detail)
        pictures = [*(restored[other] for other in others), restored[method], original]
        self._rows.append([damaged[y[:, None], x], *(picture[detail].copy() for picture in pictures)])
        self._captions = ("input", *others, method, "original")

    def finish(self) -> None:
        """Write the sheet, if any picture was large enough for a detail."""
        if self._rows:
            self._save(sheet(self._rows, self._captions), "sheet")

    def _save(self, image: Image.Image, name: str) -> None:
        path = self.folder / f"{name}.png"
        with as_output_error(str(path)):
            image.save(path)


def new_folder(folder: Path) -> None:
    """Make a folder for results. Raises OutputError where that fails, or something lies in it already."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        occupied = any(folder.iterdir())
    except OSError as error:
        raise OutputError(f"--save: cannot make the folder {folder} ({error.strerror})") from error
    if occupied:
        raise OutputError(
            f"--save: expected a new or an empty folder, found files in {folder}; choose another"
        )


def sheet(rows: Sequence[Sequence[Pixels]], captions: Sequence[str]) -> Image.Image:
    """Rows of equally large (H, W, 3) pictures under one line of captions, on white."""
    height, width = rows[0][0].shape[:2]
    size = (len(captions) * (width + GAP_PX) - GAP_PX, CAPTION_PX + len(rows) * (height + GAP_PX) - GAP_PX)
    page = Image.new("RGB", size, "white")
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(13)
    for column, caption in enumerate(captions):
        draw.text((column * (width + GAP_PX) + 2, 2), _fitting(caption, width - 2, font), "black", font)
        for row, pictures in enumerate(rows):
            place = (column * (width + GAP_PX), CAPTION_PX + row * (height + GAP_PX))
            page.paste(Image.fromarray(pictures[column]), place)
    return page


def _fitting(caption: str, width_px: int, font: Font) -> str:
    """A caption cut at its end to what its column holds."""
    if font.getlength(caption) <= width_px:
        return caption
    while caption and font.getlength(caption + "…") > width_px:
        caption = caption[:-1]
    return caption + "…"


def busiest(picture: Pixels, side_px: int) -> tuple[slice, slice]:
    """Where in a picture the square of this side with the most detail (steps between neighbours) lies.

    The sides are cut to the picture's own where that is smaller.
    """
    grey = torch.from_numpy(picture.mean(2))
    detail = grey.diff(dim=0).abs()[:, :-1] + grey.diff(dim=1).abs()[:-1]
    height, width = (min(side_px, n) for n in grey.shape)
    window = (min(height, detail.shape[0]), min(width, detail.shape[1]))
    means = F.avg_pool2d(detail[None, None], window, stride=STRIDE_PX)[0, 0]
    row, column = divmod(int(means.argmax()), means.shape[1])
    top, left = min(row * STRIDE_PX, grey.shape[0] - height), min(column * STRIDE_PX, grey.shape[1] - width)
    return slice(top, top + height), slice(left, left + width)
