"""A sheet that is drawn on larger than it will be and then reduced, so that edges are smooth."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageChops, ImageDraw

from genstudio.data.artworks.palettes import BLACK, WHITE, Colour, luma
from genstudio.data.halftone import halftone

Pixels = np.ndarray[Any, np.dtype[np.uint8]]
Points = np.ndarray[Any, np.dtype[np.float64]]  # (n, 2), x and y in px of the finished picture
FINER = 3


@dataclass(frozen=True)
class Screen:
    """How greys are printed: in black "dots" or "lines" of a pitch (px) and an angle (radians)."""

    pitch_px: float
    angle: float
    kind: str


@dataclass(frozen=True)
class Placement:
    """Where a figure drawn about (0, 0) in units of its own stands on the sheet."""

    x: float
    y: float
    unit_px: float
    angle: float = 0.0
    mirrored: bool = False
    axes: tuple[float, float] = (1.0, 1.0)  # what x and y are multiplied by before all else

    def part(self, x: float, y: float, axes: tuple[float, float]) -> "Placement":
        """Where a part about (x, y) of the figure stands, in units of its own along each axis."""
        ((left, top),) = self([(x, y)])
        return Placement(left, top, self.unit_px, self.angle, self.mirrored, axes)

    def __call__(self, points: Any) -> Points:
        """`points` (n, 2) of the figure in px of the sheet."""
        across, down = (np.asarray(points, np.float64) * self.axes).T
        across = -across if self.mirrored else across
        c, s = np.cos(self.angle) * self.unit_px, np.sin(self.angle) * self.unit_px
        return np.stack([self.x + c * across - s * down, self.y + s * across + c * down], 1)


class Canvas:
    """A sheet of `width` x `height` px. With a `screen`, greys are black dots or lines on white."""

    def __init__(
        self, width: int, height: int, colour: Colour, finer: int = FINER, screen: Screen | None = None
    ) -> None:
        self.width, self.height, self.finer, self.screen = width, height, finer, screen
        mode = "RGB" if screen is None else "L"
        self.image = Image.new(mode, (width * finer, height * finer))
        self.draw = ImageDraw.Draw(self.image)
        self._screens: dict[int, Image.Image] = {}
        self._sheet = box(-1, -1, width + 2, height + 2)
        self.fill(self._sheet, colour)

    def sheet(self) -> Points:
        """The sheet's own outline."""
        return self._sheet

    def fill(self, points: Points, colour: Colour, within: Points | None = None) -> None:
        """Fill a closed outline, or only what of it lies `within` another."""
        grey = self.screen is not None and colour not in (BLACK, WHITE)
        if self._misses(points):
            return
        if within is None and not grey:
            self.draw.polygon(self._flat(points), self.tinted(colour))
            return
        mask, box = self._mask(points, within)
        if mask is None:
            return
        if grey:
            self.image.paste(255, box, mask)
            mask = ImageChops.multiply(mask, self._printed(1 - luma(colour)).crop(box))
            colour = BLACK
        self.image.paste(self.tinted(colour), box, mask)

    def gradient(
        self, points: Points, first: Colour, second: Colour, angle: float, within: Points | None = None
    ) -> None:
        """Fill a closed outline with colours that pass from `first` to `second` along `angle`."""
        mask, box = self._mask(points, within)
        if mask is None:
            return
        along = np.add.outer(np.sin(angle) * np.linspace(-1, 1, 65), np.cos(angle) * np.linspace(-1, 1, 65))
        along = (along - along.min()) / np.ptp(along)
        ends = np.array([first, second], np.float64)
        small = Image.fromarray(np.rint(ends[0] + along[..., None] * (ends[1] - ends[0])).astype(np.uint8))
        width, height = (-(-side // self.finer) for side in mask.size)
        shades = small.resize((width, height), Image.Resampling.BILINEAR)
        shades = shades.resize((width * self.finer, height * self.finer), Image.Resampling.NEAREST)
        whole = points is self._sheet and within is None
        self.image.paste(shades.crop((0, 0, *mask.size)), box, None if whole else mask)

    def tone(
        self,
        points: Points,
        colour: Colour,
        screen: Screen,
        coverage: tuple[float, float],
        within: Points | None = None,
    ) -> None:
        """Print dots or lines over a closed outline, of a coverage that passes from top to bottom."""
        mask, box = self._mask(points, within)
        if mask is None:
            return
        low, high = box[1] // self.finer, -(-box[3] // self.finer)
        rows = np.linspace(coverage[0], coverage[1], high - low, dtype=np.float32)[:, None]
        left, right = box[0] // self.finer, -(-box[2] // self.finer)
        shape = (high - low, right - left)
        ink = halftone(shape, screen.pitch_px, screen.angle, np.broadcast_to(rows, shape), screen.kind)
        offset = (box[0] - left * self.finer, box[1] - low * self.finer)
        large = _enlarged(ink, self.finer).crop((*offset, offset[0] + mask.width, offset[1] + mask.height))
        self.image.paste(self.tinted(colour), box, ImageChops.multiply(mask, large))

    def stroke(self, points: Points, colour: Colour, width_px: float, taper: float = 0.0) -> None:
        """A line of a pen: `taper` 0 keeps its width, 1 lets it run out at both ends."""
        if self._misses(points, width_px):
            return
        along = np.linspace(0, 1, len(points))
        widths = width_px * (1 - taper + taper * np.sin(np.pi * along) ** 0.7)
        side = _normals(points) * widths[:, None] / 2
        self.draw.polygon(
            self._flat(np.concatenate([points + side, (points - side)[::-1]])), self.tinted(colour)
        )
        if taper < 0.5:
            for x, y in points[[0, -1]]:
                self.disc(x, y, widths[0] / 2, colour)

    def outline(self, points: Points, colour: Colour, width_px: float, phase: float | None = None) -> None:
        """A closed line of a pen; with `phase` (radians) its width swells and thins on the way round."""
        if self._misses(points, 2 * width_px):
            return
        closed = np.concatenate([points, points[:1]])
        widths = np.full(len(closed), width_px)
        if phase is not None:
            widths *= 1 + 0.55 * np.sin(np.linspace(0, 2 * np.pi, len(closed)) + phase)
        side = _normals(closed, closed=True) * widths[:, None] / 2
        self.draw.polygon(
            self._flat(np.concatenate([closed + side, (closed - side)[::-1]])), self.tinted(colour)
        )

    def disc(self, x: float, y: float, radius_px: float, colour: Colour) -> None:
        """A filled circle."""
        box = [v * self.finer for v in (x - radius_px, y - radius_px, x + radius_px, y + radius_px)]
        self.draw.ellipse(box, self.tinted(colour))

    def paste(self, other: "Canvas", x: int, y: int) -> None:
        """Lay another sheet of the same fineness at (x, y)."""
        self.image.paste(other.image, (x * self.finer, y * self.finer))

    def finished(self) -> Pixels:
        """The picture at its own size, (height, width, 3)."""
        image = self.image.reduce(self.finer) if self.finer > 1 else self.image
        return np.array(image.convert("RGB"))

    def tinted(self, colour: Colour) -> Colour | int:
        """A colour as the sheet's image takes it: black and white ones take a grey level."""
        return colour if self.screen is None else round(255 * luma(colour))

    def _misses(self, points: Points, by_px: float = 0) -> bool:
        """Whether all of an outline, `by_px` wider, lies beyond one edge of the sheet."""
        low, high = points.min(0) - by_px, points.max(0) + by_px
        return bool((high < 0).any() or low[0] > self.width or low[1] > self.height)

    def _printed(self, coverage: float) -> Image.Image:
        level = round(coverage * 12)
        if level not in self._screens:
            assert self.screen is not None
            screen, shape = self.screen, (self.height, self.width)
            ink = halftone(shape, screen.pitch_px, screen.angle, level / 12, screen.kind)
            self._screens[level] = _enlarged(ink, self.finer)
        return self._screens[level]

    def _flat(self, points: Points) -> list[float]:
        found: list[float] = np.rint(points * self.finer).ravel().tolist()
        return found

    def _mask(
        self, points: Points, within: Points | None
    ) -> tuple[Image.Image | None, tuple[int, int, int, int]]:
        """Where a fill goes, and the box that it lies in; nothing where it misses the sheet."""
        low, high = points.min(0), points.max(0)
        if within is not None:
            low, high = np.maximum(low, within.min(0)), np.minimum(high, within.max(0))
        left, top = (int(v) for v in np.maximum(np.floor(low * self.finer), 0))
        limits = self.image.size
        right, bottom = (int(v) for v in np.minimum(np.ceil(high * self.finer) + 1, limits))
        box = (left, top, right, bottom)
        if right <= left or bottom <= top:
            return None, box
        mask: Image.Image | None = None
        for outline in (points, within):
            if outline is None:
                continue
            sheet = Image.new("L", (right - left, bottom - top))
            ImageDraw.Draw(sheet).polygon(self._flat(outline - np.array([left, top]) / self.finer), 255)
            mask = sheet if mask is None else ImageChops.multiply(mask, sheet)
        return mask, box


def smooth(points: Any, closed: bool = True, steps: int = 8) -> Points:
    """A Catmull-Rom curve through `points` (n, 2), with `steps` points from one to the next."""
    knots = np.asarray(points, np.float64)
    if closed:
        ring = np.concatenate([knots[-1:], knots, knots[:2]])
    else:
        ring = np.concatenate([2 * knots[:1] - knots[1:2], knots, 2 * knots[-1:] - knots[-2:-1]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    a, b, c, d = (ring[i : len(ring) - 3 + i, None] for i in range(4))
    curve = b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    curve = curve.reshape(-1, 2)
    return curve if closed else np.concatenate([curve, knots[-1:]])


def ellipse(x: float, y: float, wide: float, high: float, count: int = 40) -> Points:
    """An ellipse about (x, y) of half axes `wide` and `high`."""
    turn = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return np.stack([x + wide * np.cos(turn), y + high * np.sin(turn)], 1)


def blob(rng: np.random.Generator, rough: float = 0.15, count: int = 9) -> Points:
    """A closed smooth outline about (0, 0) of about radius 1."""
    turn = (np.arange(count) + rng.uniform(-0.25, 0.25, count)) * 2 * np.pi / count
    radius = 1 + rng.normal(0, rough, count).clip(-0.5, 0.5)
    return smooth(np.stack([radius * np.cos(turn), radius * np.sin(turn)], 1))


def box(x: float, y: float, wide: float, high: float, radius: float = 0.0) -> Points:
    """A rectangle from its corner at the top left, its corners rounded by `radius`."""
    if radius <= 0:
        return np.array([(x, y), (x + wide, y), (x + wide, y + high), (x, y + high)], np.float64)
    radius = min(radius, wide / 2, high / 2)
    turn = np.linspace(0, np.pi / 2, 7)
    quarter = np.stack([np.cos(turn), np.sin(turn)], 1) * radius
    corners = [(x + wide - radius, y + high - radius), (x + radius, y + high - radius)]
    corners += [(x + radius, y + radius), (x + wide - radius, y + radius)]
    parts = []
    for corner in corners:
        parts.append(quarter + corner)
        quarter = quarter @ np.array([[0, 1], [-1, 0]])
    return np.concatenate(parts)


def _enlarged(ink: Any, times: int) -> Image.Image:
    """Every pixel repeated, so that a reduction by the same factor brings it back as it was."""
    image = Image.fromarray(np.rint(255 * ink).astype(np.uint8))
    return image.resize((image.width * times, image.height * times), Image.Resampling.NEAREST)


def _normals(points: Points, closed: bool = False) -> Points:
    if closed:
        ahead = np.roll(points[:-1], -1, 0) - np.roll(points[:-1], 1, 0)
        ahead = np.concatenate([ahead, ahead[:1]])
    else:
        ahead = np.gradient(points, axis=0)
    length = np.hypot(ahead[:, 0], ahead[:, 1])[:, None] + 1e-9
    return np.stack([-ahead[:, 1], ahead[:, 0]], 1) / length
