"""Animations to files, a frame at a time."""

from collections.abc import Iterator
from typing import IO, Any

from PIL import Image

from genstudio.images.codecs import avif, gif, png, webp
from genstudio.images.metadata.model import Metadata
from genstudio.images.opening import bound
from genstudio.images.picture import Picture, to_image
from genstudio.images.turning import Array

_MOST_PLAYS = 65_535  # that GIF and WebP can count


def encode(
    frames: Iterator[Array],
    picture: Picture,
    metadata: Metadata,
    name: str,
    options: dict[str, Any],
    file: IO[bytes],
) -> None:
    """Writes the frames of an animation in the format `name`; `options` are Pillow's."""
    assert picture.animation is not None
    durations, loop = list(picture.animation.durations_ms), picture.animation.loop
    if name == "PNG":
        png.encode_animation(frames, picture.animation, metadata, file)
    elif name == "GIF":
        _encode_gif(frames, picture, options, file)
    else:
        film = _Film(frames, picture.width, picture.height, picture.channels, len(durations))
        if name == "WEBP":
            options = {**options, "loop": min(loop, _MOST_PLAYS)}
        film.save(file, name, save_all=True, duration=durations, **options)
        alpha = picture.channels in (2, 4)
        if name == "AVIF":
            avif.set_plays(file, loop)
        elif not webp.is_film(file):
            plays = min(loop, _MOST_PLAYS)
            webp.make_film(file, picture.width, picture.height, durations, plays, alpha=alpha)
        elif alpha:
            webp.say_alpha(file)


def _encode_gif(frames: Iterator[Array], picture: Picture, options: dict[str, Any], file: IO[bytes]) -> None:
    assert picture.animation is not None
    durations, loop = gif.to_10_ms(list(picture.animation.durations_ms)), picture.animation.loop
    options = {**options, "disposal": 2 if picture.channels in (2, 4) else 1}
    if loop != 1:  # a GIF counts repeats, and says nothing for once
        options["loop"] = min(max(loop - 1, 0), _MOST_PLAYS)
    shown_ms: list[int] = []
    images = (gif.frame(array) for array in gif.distinct(frames, durations, shown_ms))
    first = next(images)
    with bound.at(picture.width * picture.height):  # Pillow cuts out what has changed
        first.save(file, "GIF", save_all=True, append_images=images, duration=shown_ms, **options)
        file.seek(0)
        with Image.open(file, formats=["GIF"]) as made:
            is_film = getattr(made, "n_frames", 1) > 1
    if not is_film:
        gif.make_film(file, durations)
    file.seek(0, 2)


class _Film(Image.Image):
    """A Pillow image of many frames that makes each when its pixels are asked for, in order.

    Pillow would list the images that it is given to append, all of them decoded.
    """

    def __init__(self, frames: Iterator[Array], width: int, height: int, channels: int, count: int) -> None:
        super().__init__()
        self._mode = "RGBA" if channels in (2, 4) else "RGB"
        self._size = (width, height)
        self.n_frames, self.is_animated = count, True
        self._frames, self._at, self._made = frames, 0, -1

    def seek(self, frame: int) -> None:
        if frame >= self.n_frames:
            raise EOFError("no more frames")
        self._at = frame

    def tell(self) -> int:
        return self._at

    def load(self) -> Any:
        while self._made < self._at:
            image = to_image(next(self._frames))
            self.im = (image if image.mode == self._mode else image.convert(self._mode)).im
            self._made += 1
        return super().load()
