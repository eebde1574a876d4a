"""Stylizing, measured: every picture of a folder in every style of another, at several strengths.

The judge is VGG-16, whichever features were used to make the results. Style loss: the mean over relu1_2, 2_2,
3_3 and 4_3 of |G(out) - G(style)|^2 / |G(content) - G(style)|^2; content distance: |F(out) - F(content)|^2 /
|F(content)|^2 at relu4_3 (`style.judged`). Pictures are brought to a longer side of --size, styles to a
shorter one.

Beside them, of results at full strength, `style_match`: the share whose own style is the nearest by
texture, how far results in different styles are apart, and how far colours are from the style's. With
--results a folder of pictures CONTENT-STYLE.png, made by any program, is measured by these.
"""

import json as jsonlib
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from rich.console import Console
from rich.progress import track
from torch import Tensor

from genstudio.data.square import square
from genstudio.errors import BatchError, InputError
from genstudio.evaluate.comparison import files
from genstudio.evaluate.sheets import Pixels, new_folder, sheet
from genstudio.images.atomic import as_output_error
from genstudio.images.picture import to_8bit
from genstudio.measures import fidelity, style_match
from genstudio.measures.style import Look, StyleJudge, alike, gram, judged
from genstudio.stylize.extractors import our_encoder
from genstudio.stylize.learners.eyes import spearman
from genstudio.stylize.measure import as_tensor
from genstudio.stylize.nets.encoder import Encoder
from genstudio.stylize.options import EvaluateOptions, StylizeOptions, StylizerOptions
from genstudio.stylize.pipeline import Stylize
from genstudio.stylize.sources import STYLE_PX, as_colour, resized

log = logging.getLogger("genstudio")

STRENGTHS = (0.25, 0.5, 0.75, 1.0)
THUMBNAIL_PX = 160


@dataclass(frozen=True)
class Row:
    """The means over all pairs that count at one strength; seconds a picture: the median."""

    strength: float
    style_loss: float
    content_distance: float
    seconds: float


@dataclass(frozen=True)
class Report:
    """What was found.

    Attributes:
        psnr_at_0: of results at strength 0 against their pictures, dB, mean; inf where all are exact.
        rank: how alike our features and VGG-16's order all results by their style loss (Spearman, -1..1).
    """

    rows: Sequence[Row]
    psnr_at_0: float
    rank: float
    contents: int
    styles: int
    pairs: int  # that count: not those of a picture and a style that are alike already
    match: style_match.Match


def show(options: EvaluateOptions, *, json: bool = False) -> None:
    """Print a model's report on stdout, as a table or as one line of JSON.

    With `options.save`, write each result at full strength, and a contact sheet of them, as PNG.
    """
    stylizer = Stylize.from_options(options)
    contents, without = _read(options.data, brought_to_longer, options.size_px)
    named, without_styles = _read(options.styles, brought_to_shorter, options.size_px)
    styles = {name: named[key] for key, name in _short(named).items()}
    left_out = without + without_styles
    if options.results is not None:
        _show_results(options.results, contents, styles, json=json)
        return
    if options.save is not None:
        new_folder(options.save)
    asked = options.model_dump(include=set(StylizerOptions.model_fields))
    report, results = measure(stylizer, contents, styles, StylizeOptions(**asked, size_px="source"))
    if options.save is not None:
        _save(options.save, contents, styles, results)
    title = f"{stylizer.model} ({options.method}) on {options.data.name} in {options.styles.name}"
    facts: dict[str, object] = {"model": stylizer.model, "method": options.method, "data": options.data.name}
    facts |= {"left_out": left_out} if left_out else {}
    print(jsonlib.dumps(facts | _finite(report)) if json else as_table(title, report))
    if left_out:
        raise BatchError(f"{len(left_out)} of {len(left_out) + len(contents) + len(styles)} pictures failed")


def _read(
    folder: Path, brought: Callable[[Pixels, int], Pixels], side_px: int
) -> tuple[dict[str, Pixels], list[str]]:
    """The pictures of a folder by name, at their size; and which cannot be read. Raises InputError if none
    can."""
    found, left_out = {}, []
    for file in files(folder):
        try:
            found[file.name] = brought(as_colour(file), side_px)
        except InputError as error:
            log.warning("left out: %s", error)
            left_out.append(file.name)
    if not found:
        raise InputError(f"expected pictures that can be read, found none in {folder}; check the folder")
    return found, left_out


def _short(names: Iterable[str]) -> dict[str, str]:
    """Files' names without what they end in, where that still tells them apart."""
    stems = Counter(Path(name).stem for name in names)
    return {name: Path(name).stem if stems[Path(name).stem] == 1 else name for name in names}


def measure(
    stylizer: Stylize, contents: Mapping[str, Pixels], styles: Mapping[str, Pixels], options: StylizeOptions
) -> tuple[Report, dict[tuple[str, str], Pixels]]:
    """The report, and by (content, style) the results at full strength.

    Raises WeightsError where VGG-16's features are missing, InputError where all are alike.
    """
    judge, encoder = StyleJudge(), our_encoder().to(stylizer.net.device)
    strengths = STRENGTHS if options.method == "fast" else (1.0,)
    results: dict[tuple[str, str], Pixels] = {}
    found: dict[float, list[tuple[float, float, float]]] = {strength: [] for strength in strengths}
    ours, theirs, psnr = [], [], []
    worn = {name: stylizer.wearing([style], options) for name, style in styles.items()}
    style_looks = {name: _looks(encoder, judge, style) for name, style in styles.items()}
    pairs = 0
    for content_name, style_name in _pairs(contents, styles):
        content = contents[content_name]
        if style_name == next(iter(styles)):
            content_looks = _looks(encoder, judge, content)
            plain = _asked(worn[style_name], content, options, 0.0)
            back, picture = (torch.from_numpy(each.astype(np.float64))[None] for each in (plain, content))
            psnr.append(fidelity.psnr(back, picture).item())
        counts = not alike(content_looks[0], style_looks[style_name][0])
        pairs += counts
        if not counts:
            log.warning("not counted: %s in the style of %s: it has it already", content_name, style_name)
        for strength in strengths:
            began = time.perf_counter()
            result = _asked(worn[style_name], content, options, strength)
            seconds = time.perf_counter() - began
            if not counts:
                continue
            looks = _looks(encoder, judge, result)
            (loss, distance), (own_loss, _) = (
                judged(*each) for each in zip(looks, content_looks, style_looks[style_name], strict=True)
            )
            found[strength].append((loss.item(), distance.item(), seconds))
            theirs.append(loss.item())
            ours.append(own_loss.item())
        results[content_name, style_name] = result
    if not pairs:
        raise InputError("expected styles that pictures do not have yet, found none; check --styles")
    rows = []
    for strength, each in found.items():
        losses, distances, times = (np.array(column) for column in zip(*each, strict=True))
        rows.append(Row(strength, float(losses.mean()), float(distances.mean()), float(np.median(times))))
    rank = spearman(np.array(ours), np.array(theirs))
    matched = style_match.match(style_match.Textures(), results, styles)
    return Report(rows, float(np.mean(psnr)), rank, len(contents), len(styles), pairs, matched), results


def _asked(stylizer: Stylize, content: Pixels, options: StylizeOptions, strength: float) -> Pixels:
    at = options.model_copy(update={"strength": strength})
    return stylizer.restore(content, lambda width, height: stylizer.plan(width, height, at))


def _pairs(contents: Mapping[str, Pixels], styles: Mapping[str, Pixels]) -> Iterator[tuple[str, str]]:
    console = Console(stderr=True)
    bar = partial(track, description="pictures", console=console, disable=not console.is_terminal)
    return ((content, style) for content in bar(list(contents)) for style in styles)


@torch.no_grad()
def _looks(encoder: Encoder, judge: StyleJudge, pixels: Pixels) -> tuple[Look, Look]:
    """What VGG-16 sees, and what our encoder does."""
    levels: list[Tensor] = encoder(as_tensor(pixels, encoder.mean.device))
    return judge(as_tensor(pixels, "cpu")), Look(tuple(gram(f) for f in levels), levels[-1])


def as_table(title: str, report: Report) -> str:
    """A row for each strength, the rest below."""
    lines = [
        f"{title}: {report.contents} pictures x {report.styles} styles",
        f"{'strength':>10}{'style loss':>12}{'content':>12}{'seconds':>12}",
        *(
            f"{row.strength:10.2f}{row.style_loss:12.4f}{row.content_distance:12.4f}{row.seconds:12.2f}"
            for row in report.rows
        ),
        f"strength 0: PSNR {report.psnr_at_0:.1f} dB",
        f"style losses by our features and by VGG-16's: rank correlation {report.rank:.3f} "
        f"(n={report.pairs * len(report.rows)})",
        as_line(report.match),
    ]
    return "\n".join(lines)


def as_line(found: style_match.Match) -> str:
    """What the three measures say."""
    return (
        f"own style found in {found.found:.1%} (by chance {found.by_chance:.1%}), results of different "
        f"styles {found.apart:.3f} apart, palette {found.palette:.1f} from the style's (CIELAB, n={found.n})"
    )


def _show_results(
    folder: Path, contents: Mapping[str, Pixels], styles: Mapping[str, Pixels], *, json: bool
) -> None:
    """Print how results made by any program match their styles. Raises InputError where one is missing."""
    shown = _short(contents)
    results = {}
    for content in contents:
        for style in styles:
            path = folder / f"{shown[content]}-{style}.png"
            if not path.is_file():
                raise InputError(f"{path}: expected the result of {content} in the style {style}, found none")
            results[content, style] = to_8bit(as_colour(path))
    found = style_match.match(style_match.Textures(), results, styles)
    print(jsonlib.dumps({"results": str(folder), **asdict(found)}) if json else as_line(found))


def _finite(report: Report) -> dict[str, object]:
    """For JSON, which has neither infinity nor nan: None stands for them."""
    numbers = {key: getattr(report, key) for key in ("psnr_at_0", "rank")}
    return asdict(report) | {key: value if np.isfinite(value) else None for key, value in numbers.items()}


def brought_to_longer(pixels: Pixels, side_px: int) -> Pixels:
    factor = side_px / max(pixels.shape[:2])
    return _scaled(pixels, factor)


def brought_to_shorter(pixels: Pixels, side_px: int) -> Pixels:
    return _scaled(pixels, min(1.0, min(side_px, STYLE_PX) / min(pixels.shape[:2])))


def _scaled(pixels: Pixels, factor: float) -> Pixels:
    height, width = (max(1, round(side * factor)) for side in pixels.shape[:2])
    return resized(to_8bit(pixels), height, width)


def _save(
    folder: Path,
    contents: Mapping[str, Pixels],
    styles: Mapping[str, Pixels],
    results: Mapping[tuple[str, str], Pixels],
) -> None:
    shown = _short(contents)
    for (content, style), result in results.items():
        path = folder / f"{shown[content]}-{style}.png"
        with as_output_error(str(path)):
            Image.fromarray(result).save(path)
    thumbnail = partial(square, side_px=THUMBNAIL_PX)
    first = [np.full((THUMBNAIL_PX, THUMBNAIL_PX, 3), 255, np.uint8), *map(thumbnail, styles.values())]
    rows = [
        [thumbnail(pixels), *(thumbnail(results[name, style]) for style in styles)]
        for name, pixels in contents.items()
    ]
    with as_output_error(str(folder / "sheet.png")):
        sheet([first, *rows], ["", *styles]).save(folder / "sheet.png")
