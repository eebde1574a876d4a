"""Type: the fonts that this machine has, and lines of words set in them."""

from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from genstudio.data.artworks.canvas import Canvas
from genstudio.data.artworks.palettes import Colour
from genstudio.data.artworks.words import UNSPACED, WORDS, phrase

FOLDERS = (
    Path("/usr/share/fonts"),
    Path("/usr/local/share/fonts"),
    Path.home() / ".fonts",
    Path.home() / ".local/share/fonts",
)
# How often each is set.
SHARES = {
    "latin": 0.5, "sound": 0.0, "greek": 0.05, "cyrillic": 0.08, "japanese": 0.15, "chinese": 0.07,
    "korean": 0.04, "arabic": 0.05, "hebrew": 0.03, "devanagari": 0.03,
}  # fmt: skip
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@cache
def fonts() -> dict[str, tuple[tuple[Path, int], ...]]:
    """The font files of this machine that have every letter of a script's words, by script; with the face's
    number in its file. Looked for once, in the system's folders and the user's; none may be found."""
    found: dict[str, list[tuple[Path, int]]] = {script: [] for script in WORDS}
    kinds = (".ttf", ".otf", ".ttc")
    paths = {
        p for folder in FOLDERS if folder.is_dir() for p in folder.rglob("*") if p.suffix.lower() in kinds
    }
    for path in sorted(paths):
        try:
            font = ImageFont.truetype(path, 8)
        except OSError:
            continue
        missing = bytes(font.getmask("\U0010fffe"))
        for script, listed in WORDS.items():
            letters = sorted(set("".join(listed)) | set("0123456789.!?"), reverse=True)
            if all(bytes(font.getmask(letter)) not in (missing, b"") for letter in letters):
                found[script].append((path, 0))
    return {script: tuple(files) for script, files in found.items()}


@lru_cache(64)
def _font(path: Path, face: int, size_px: int) -> Font:
    return ImageFont.truetype(path, size_px, face)


class Type:
    """A script and a font for it. Where the machine has no fonts, Pillow's own sets Latin letters."""

    def __init__(self, rng: np.random.Generator, script: str | None = None) -> None:
        """A font for `script`, or for one drawn by chance among those that this machine can set."""
        here = fonts()
        if script is None:
            can = [s for s in SHARES if here[s] or s == "latin"]
            shares = np.array([SHARES[s] for s in can])
            script = str(rng.choice(can, p=shares / shares.sum()))
        elif script != "sound" and not here[script]:
            script = "latin"
        self.script = script
        files = here[script]
        self.file = files[rng.integers(len(files))] if files else None

    def font(self, size_px: float) -> Font:
        """The font at a size."""
        size = max(5, round(size_px))
        return _font(*self.file, size) if self.file else ImageFont.load_default(size)

    def phrase(self, count: int, rng: np.random.Generator) -> str:
        """`count` words of the script."""
        return phrase(self.script, count, rng)


def write(
    canvas: Canvas, x: float, y: float, said: str, kind: Type, size_px: float, colour: Colour, *,
    anchor: str = "la", edge: tuple[Colour, float] | None = None,
) -> None:  # fmt: skip
    """Set a line at (x, y) px, `anchor` as in Pillow; `edge` is the colour and width in px of an outline."""
    finer = canvas.finer
    ink, width = canvas.tinted(edge[0] if edge else colour), max(1, round(edge[1] * finer)) if edge else 0
    canvas.draw.text(
        (x * finer, y * finer), said, canvas.tinted(colour), kind.font(size_px * finer), anchor,
        stroke_fill=ink, stroke_width=width,
    )  # fmt: skip


def write_turned(
    canvas: Canvas, x: float, y: float, said: str, kind: Type, size_px: float, colour: Colour, angle: float,
    edge: tuple[Colour, float] | None = None,
) -> None:  # fmt: skip
    """Set a line turned by `angle` (degrees) about its centre at (x, y)."""
    finer = canvas.finer
    font = kind.font(size_px * finer)
    width = round(edge[1] * finer) if edge else 0
    left, top, right, bottom = (round(v) for v in font.getbbox(said, stroke_width=width))
    size = (min(right - left + 4, 4096), min(bottom - top + 4, 4096))
    for stroke, ink in ([(width, edge[0])] if edge else []) + [(0, colour)]:
        mask = Image.new("L", size)
        ImageDraw.Draw(mask).text((2 - left, 2 - top), said, 255, font, stroke_width=stroke)
        turned = mask.rotate(angle, Image.Resampling.BILINEAR, expand=True)
        corner = (round(x * finer) - turned.width // 2, round(y * finer) - turned.height // 2)
        canvas.image.paste(canvas.tinted(ink), corner, turned)


def write_block(
    canvas: Canvas, x: float, y: float, wide: float, high: float, kind: Type, size_px: float, colour: Colour,
    rng: np.random.Generator, *, centred: bool = False, leading: float = 1.25,
) -> None:  # fmt: skip
    """Fill a block with lines of words; Japanese and Chinese at times in columns from right to left."""
    if kind.script in UNSPACED and centred and rng.random() < 0.7:
        count = max(1, int(high / size_px / 1.05))
        for column in range(max(1, int(wide / size_px / leading))):
            said = kind.phrase(6, rng)[: rng.integers(max(1, count // 2), count + 1)]
            for row, letter in enumerate(said):
                across = x + wide - (column + 0.5) * size_px * leading
                write(
                    canvas,
                    across,
                    y + (row + 0.5) * size_px * 1.05,
                    letter,
                    kind,
                    size_px,
                    colour,
                    anchor="mm",
                )
        return
    font = kind.font(size_px * canvas.finer)
    room = wide * canvas.finer
    count = max(1, int(high / size_px / leading))
    lines = []
    for _ in range(count):
        said = kind.phrase(max(1, int(wide / size_px / 2)), rng)
        if kind.script in UNSPACED:
            said = said[: max(1, int(wide / size_px))]
        while " " in said and font.getlength(said) > room:
            said = said.rsplit(" ", 1)[0]
        lines.append(said)
    longest = max(font.getlength(said) for said in lines)
    size_px *= min(1, room / max(longest, 1))
    for row, said in enumerate(lines):
        top = y + (row + 0.5) * high / count if centred else y + (row + 0.5) * size_px * leading
        across, anchor = (x + wide / 2, "mm") if centred else (x, "lm")
        if kind.script in ("arabic", "hebrew") and not centred:
            across, anchor = x + wide, "rm"
        write(canvas, across, top, said, kind, size_px, colour, anchor=anchor)
