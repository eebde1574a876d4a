"""Denoisers from before nets, to compare with: each where the library it comes from is installed.

All are told the noise level, and none of them has other knobs here: what the libraries leave open was set
once, for the best mean PSNR on 14 photographs of the training set with Gaussian noise of 15, 25 and 50
(128 x 128 px of each).
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from genstudio.evaluate.comparison import AnyPixels, eight_bit
from genstudio.options import OptionError

Noisy = npt.NDArray[np.float32]  # (H, W, 3) in 0..1, which noise may take further
Method = Callable[[Noisy, float], AnyPixels]  # (noisy, standard deviation above 0 on the 0..255 scale)

log = logging.getLogger("genstudio")


def nlm() -> Method:
    """Non-local means (Buades, Coll and Morel 2005), of scikit-image, with the settings of its example."""
    from skimage.restoration import denoise_nl_means

    def restore(noisy: Noisy, noise_std: float) -> AnyPixels:
        sigma = noise_std / 255
        # An h of 0.4 sigma is 0.7, 0.3 and -0.2 dB worse at 15, 25 and 50, one of 0.8 0.3, 0.6 and 0.7 dB.
        how = {"patch_size": 5, "patch_distance": 6, "fast_mode": True, "channel_axis": 2}
        return _float32(denoise_nl_means(noisy, h=0.6 * sigma, sigma=sigma, **how))

    return restore


def tv() -> Method:
    """Total variation (Rudin, Osher and Fatemi 1992; Chambolle 2004), of scikit-image."""
    from skimage.restoration import denoise_tv_chambolle

    def restore(noisy: Noisy, noise_std: float) -> AnyPixels:
        # Of the multiples of sigma 0.6 was best at 15, 0.7 at 25 and 0.9 at 50: as its third root.
        weight = 1.54 * (noise_std / 255) ** (4 / 3)
        return _float32(denoise_tv_chambolle(noisy, weight=weight, channel_axis=2))

    return restore


def fastnlm() -> Method:
    """Non-local means of OpenCV, which takes 8-bit pictures only: what is out of range is lost to it."""
    import cv2

    def restore(noisy: Noisy, noise_std: float) -> AnyPixels:
        h = 0.6 * noise_std
        bgr = np.ascontiguousarray(eight_bit(noisy)[..., ::-1])
        return np.asarray(cv2.fastNlMeansDenoisingColored(bgr, None, h, h, 7, 21), np.uint8)[..., ::-1]

    return restore


def bm3d() -> Method:
    """CBM3D (Dabov, Foi, Katkovnik and Egiazarian 2007), of its authors."""
    import bm3d as library

    def restore(noisy: Noisy, noise_std: float) -> AnyPixels:
        deep, sigma = noisy.astype(np.float64), noise_std / 255
        if (noisy == noisy[..., :1]).all():  # without any colour bm3d_rgb divides by zero
            return _float32(library.bm3d(deep[..., 0], sigma))[..., None].repeat(3, axis=2)
        return _float32(library.bm3d_rgb(deep, sigma))

    return restore


def _float32(picture: Any) -> Noisy:
    return np.asarray(picture, np.float32)


@dataclass(frozen=True)
class Classic:
    """What makes a method ready, and the package it needs. Raises ImportError without it."""

    make: Callable[[], Method]
    package: str


CLASSICS = {
    "nlm": Classic(nlm, "scikit-image"),
    "tv": Classic(tv, "scikit-image"),
    "fastnlm": Classic(fastnlm, "opencv-python-headless"),
    "bm3d": Classic(bm3d, "bm3d, which is free for non-commercial use"),
}


def chosen(names: tuple[str, ...]) -> dict[str, Method]:
    """The classics of these names, ready to run; of ("none",) none, of () those that are installed.

    Raises OptionError (a UsageError): an unknown name, or one asked for that is not installed.
    """
    if names == ("none",):
        return {}
    asked = names or tuple(CLASSICS)
    unknown = [name for name in asked if name not in CLASSICS]
    if unknown:
        raise OptionError(
            "against", f"expected none or some of {', '.join(CLASSICS)}, found {', '.join(unknown)}"
        )
    methods: dict[str, Method] = {}
    for name in asked:
        try:
            methods[name] = CLASSICS[name].make()
        except ImportError as error:
            needs = f"{name} needs the package {CLASSICS[name].package} ({error})"
            if names:
                raise OptionError("against", f"{needs}; install it, or leave {name} out") from None
            log.warning("left out: %s", needs)
    return methods
