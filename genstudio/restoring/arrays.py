"""Pictures of every type as arrays (H, W, 1..4) of uint8, uint16 or float32 in 0..1."""

from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from genstudio import images
from genstudio.errors import InputError

if TYPE_CHECKING:
    import torch

# Values this far out of 0..1 are rounding; more is a picture of another range.
RANGE_SLACK = 1e-3


def as_array(picture: Any) -> np.ndarray:
    """One picture: a PIL image, an array (H, W) or (H, W, C), a tensor (H, W) or (C, H, W), or a `Picture`,
    of which the first frame counts. Raises InputError for what is none."""
    if isinstance(picture, Image.Image):
        picture = images.from_pil(picture)
    if isinstance(picture, images.Picture):
        return next(iter(picture.frames))
    if isinstance(picture, np.ndarray):
        return checked(picture if picture.ndim == 3 else picture[..., None], picture)
    if is_tensor(picture):
        if picture.ndim > 3:
            raise InputError(f"expected a tensor (C, H, W), found shape {tuple(picture.shape)}; choose one")
        return of_tensor(picture[None] if picture.ndim == 2 else picture)[0]
    raise no_picture(picture)


def is_tensor(picture: Any) -> bool:
    """Told without importing torch."""
    return hasattr(picture, "detach")


def no_picture(found: Any) -> InputError:
    return InputError(
        f"expected a PIL image, a numpy array, a torch tensor or a Picture, found {type(found).__name__}; "
        "open files with PIL.Image.open or genstudio.images.read"
    )


def of_tensor(tensor: "torch.Tensor") -> list[np.ndarray]:
    """The pictures of a tensor (C, H, W) or (N, C, H, W), C 1..4, of uint8, uint16 or any float in 0..1.

    Raises InputError for another.
    """
    import torch

    expected = "a tensor (C, H, W) or (N, C, H, W), C 1..4, of uint8, uint16, or floats in 0..1"
    if tensor.ndim not in (3, 4) or not 1 <= tensor.shape[-3] <= 4 or not tensor.numel():
        raise InputError(f"expected {expected}, found shape {tuple(tensor.shape)}; channels come first")
    whole = tensor.dtype in (torch.uint8, torch.uint16)
    if not whole and not tensor.dtype.is_floating_point:
        raise InputError(f"expected {expected}, found {tensor.dtype}; convert it to one of these")
    host = tensor.detach().cpu()
    host = host if whole else host.float()  # numpy knows no bfloat16
    return [checked(each, each) for each in host.reshape(-1, *host.shape[-3:]).movedim(1, 3).numpy()]


def checked(array: np.ndarray, given: np.ndarray) -> np.ndarray:
    """(H, W, C) fit for the engines, in machine byte order; any float becomes float32, clipped to 0..1.

    Raises InputError, which speaks of it as it was `given`.
    """
    if array.ndim != 3 or not 1 <= array.shape[-1] <= 4 or not array.size:
        raise InputError(
            "expected an array (height, width) or (height, width, channels), channels 1..4, "
            f"found shape {given.shape}; channels come last"
        )
    if array.dtype.name in ("uint8", "uint16"):
        return array.astype(array.dtype.newbyteorder("="), copy=False)
    if array.dtype.name not in ("float16", "float32", "float64"):
        raise InputError(
            f"expected an array of uint8, uint16, float16, float32 or float64, found {array.dtype}; "
            "convert it to one of these"
        )
    low, high = float(array.min()), float(array.max())
    if not (low >= -RANGE_SLACK and high <= 1 + RANGE_SLACK):  # so that NaN is caught as well
        raise InputError(
            f"expected float values in 0..1, found {low:g}..{high:g}; scale, clip or repair them first"
        )
    return array.astype(np.float32, copy=False).clip(0, 1)
