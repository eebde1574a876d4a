"""Write the pictures that the page shows: `python ui/pictures/make.py`.

Examples are parts of pictures in scikit-image's bundle; thumbnails of styles are the studio's own results on
one of them, so they are to be made anew when the weights of `stylize` are.
"""

from pathlib import Path
from typing import Any

import numpy as np
import skimage.data
from PIL import Image

from genstudio import Stylize
from genstudio.stylize import styles

HERE = Path(__file__).parent
THUMBNAIL_PX = 144


def main() -> None:
    cat, coffee = (Image.fromarray(each()) for each in (skimage.data.chelsea, skimage.data.coffee))
    astronaut, rocket = (Image.fromarray(each()) for each in (skimage.data.astronaut, skimage.data.rocket))
    cat.crop((100, 0, 400, 300)).save(HERE / "cat.jpg", quality=85)
    rocket.resize((320, 214), Image.Resampling.LANCZOS).save(HERE / "rocket.jpg", quality=85)
    astronaut.crop((120, 0, 376, 256)).resize((128, 128)).save(HERE / "small.jpg", quality=70)
    cup = coffee.crop((150, 60, 450, 285))
    cup.save(HERE / "clean.jpg", quality=88)
    _noisy(cup).save(HERE / "noisy.jpg", quality=88)
    _cut_out(cat).save(HERE / "cut-out.png", optimize=True)
    # Smooth and patterned, bright and dark: what a style does is seen at this size.
    content = coffee.resize((216, 144), Image.Resampling.LANCZOS).crop((36, 0, 180, 144))
    stylize = Stylize.from_weights()
    (HERE / "styles").mkdir(exist_ok=True)
    for old in (HERE / "styles").iterdir():
        old.unlink()
    for name in styles.installed():
        stylize(content, name).save(HERE / "styles" / f"{name}.webp", quality=75)


def _noisy(picture: Image.Image, std: float = 18) -> Image.Image:
    noise = np.random.default_rng(0).normal(0, std, (picture.height, picture.width, 3))
    return Image.fromarray((np.asarray(picture) + noise).clip(0, 255).astype(np.uint8))


def _cut_out(cat: Image.Image) -> Any:
    """A face in an ellipse that fades out: alpha to be enlarged."""
    face = cat.crop((140, 10, 300, 170)).resize((96, 96), Image.Resampling.LANCZOS).convert("RGBA")
    y, x = np.mgrid[-1:1:96j, -1:1:96j]
    alpha = ((1 - np.hypot(x, y)) * 8).clip(0, 1) * 255
    face.putalpha(Image.fromarray(alpha.astype(np.uint8)))
    return face


if __name__ == "__main__":
    main()
