"""What a picture is, and the way from and to Pillow's."""

import contextlib
import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngImageFile

from genstudio.errors import InputError
from genstudio.images.metadata import exif
from genstudio.images.metadata.model import Metadata, as_text, colour_model, fitted, orientation, upright
from genstudio.images.turning import Array, turned


@dataclass(frozen=True)
class Animation:
    durations_ms: tuple[int, ...]  # one a frame
    loop: int  # how many times it plays; 0: for ever


@dataclass(frozen=True)
class Picture:
    """A decoded picture, or an animation of frames that are decoded one at a time.

    Every frame is a (height, width, channels) array of `dtype`, uint8 (0..255) or uint16 (0..65535), upright
    and fully composited; channels 1: grey, 2: grey and alpha, 3: RGB, 4: RGB and alpha (not premultiplied).
    `frames` from `read` can be gone through more than once; for an animation each pass decodes anew, and
    raises InputError if the file has changed or gone. `lossless`: its file holds the pixels exactly, in a
    format that could have done otherwise. `notes` say what reading had to change.
    """

    width: int
    height: int
    channels: int
    dtype: np.dtype[Any]
    frames: Iterable[Array]
    format: str = "PNG"
    metadata: Metadata = field(default_factory=Metadata)
    animation: Animation | None = None
    notes: tuple[str, ...] = ()
    lossless: bool = False


def still(
    array: Array,
    format: str,
    metadata: Metadata,
    notes: Iterable[str] = (),
    turn: int | None = None,
    lossless: bool = False,
) -> Picture:
    """A picture of one stored (H, W, C) array, turned upright as its metadata say, or by `turn`."""
    turn = orientation(metadata) if turn is None else turn
    metadata, said = upright(metadata, turn, (array.shape[1], array.shape[0]))
    array = turned(array, turn)
    height, width, channels = array.shape
    metadata, dropped = fitted(metadata, channels)
    notes = (*notes, *said, *dropped)
    return Picture(width, height, channels, array.dtype, (array,), format, metadata, None, notes, lossless)


def from_pil(image: Image.Image) -> Picture:
    """A Pillow image (its current frame) by the rules that files are read by, EXIF orientation included.

    Raises InputError for 32-bit integers and floats, which hold no agreed range of values.
    """
    array, notes = pixels(image)
    metadata = described(image)
    if image.mode in ("CMYK", "LAB"):
        metadata = replace(metadata, icc_profile=None)
    turn = None
    if image.format == "TIFF":  # which Pillow has turned already; the tags are of the file's own layout
        turn, metadata = 1, replace(metadata, exif=None)
        if exif.X_RESOLUTION not in getattr(image, "tag_v2", ()):  # for which it makes one up
            metadata = replace(metadata, dpi=None)
    return still(array, own_format(image), metadata, notes, turn)


def to_pil(picture: Picture) -> Image.Image:
    """The (first) frame as a Pillow image: L, LA, RGB, RGBA, or I;16 for 16-bit grey.

    Pillow has no other 16-bit mode: those are rounded to 8 bits. Metadata go to `image.info`.
    """
    array = next(iter(picture.frames))
    deep_grey = picture.dtype == np.uint16 and picture.channels == 1
    image = to_image(array if deep_grey else to_8bit(array))
    metadata = picture.metadata
    facts = {"icc_profile": metadata.icc_profile, "exif": metadata.exif, "dpi": metadata.dpi}
    image.info |= {key: value for key, value in facts.items() if value}
    if metadata.xmp:
        image.info["xmp"] = metadata.xmp
    return image


def to_image(array: Array) -> Image.Image:
    """(H, W, C) uint8, or (H, W, 1) uint16, as a Pillow image. RGB is held at 4 bytes a pixel there."""
    height, width, channels = array.shape
    mode = "I;16" if array.dtype == np.uint16 else ("L", "LA", "RGB", "RGBA")[channels - 1]
    data = np.ascontiguousarray(array, dtype="<u2" if mode == "I;16" else np.uint8)
    return Image.frombuffer(mode, (width, height), data, "raw", mode, 0, 1)


# ---------------------------------------------------------------------------- pixels


def pixels(image: Image.Image) -> tuple[Array, list[str]]:
    """The pixels of a Pillow image as (H, W, C), and notes on what had to be converted.

    Peak memory: Pillow's image (4 bytes a pixel for RGB) and the array (3).
    """
    notes: list[str] = []
    mode = image.mode
    _mend_grey_key(image)
    image.load()  # before `info` is looked at: some formats say more after the pixels
    if mode.startswith("I;16") or (mode == "I" and image.format == "PPM"):
        # Pillow reads a 16-bit PGM into 32-bit integers, scaled to 0..65535
        grey = np.asarray(image).astype(np.uint16)[:, :, None]
        key = image.info.get("transparency")
        if isinstance(key, int):
            alpha = np.where(grey == key, 0, 65535).astype(np.uint16)
            grey = np.concatenate([grey, alpha], axis=2)
        return grey, notes
    if mode in ("I", "F"):
        kind = "32-bit integer" if mode == "I" else "floating-point"
        raise InputError(f"expected 8 or 16 bits a channel, found {kind} pixels; convert it to 16 bits")
    if mode in ("P", "PA"):
        image = _without_palette(image)
    elif mode == "CMYK":
        image, how = _to_srgb(image)
        notes.append(f"CMYK converted to sRGB ({how})")
    elif mode == "LAB":
        image = _from_lab(image)
        notes.append("Lab converted to sRGB")
    elif mode in ("1", "L", "RGB") and "transparency" in image.info:
        image = image.convert("RGBA" if mode == "RGB" else "LA")
    elif mode not in ("L", "LA", "RGB", "RGBA"):
        image = image.convert({"1": "L", "La": "LA", "RGBa": "RGBA"}.get(mode, "RGB"))
    return _array(image), notes


def _mend_grey_key(image: Image.Image) -> None:
    """A PNG's transparent grey, of 2 or 4 bits, as one of the 256 that Pillow makes of them."""
    tiles = image.tile if isinstance(image, PngImageFile) else []
    most = {"L;2": 3, "L;4": 15}.get(str(tiles[0].args)) if tiles else None
    key = image.info.get("transparency")
    if most and isinstance(key, int) and key <= most:  # not an animation's, mended at the frame before
        image.info["transparency"] = key * (255 // most)


def _array(image: Image.Image) -> Array:
    # By bands: numpy's own way through `tobytes` holds two more copies of the whole. Cut out by `resize`,
    # which copies as `crop` does but does not mind Pillow's own bound on pixels.
    out = np.empty((image.height, image.width, len(image.getbands())), np.uint8)
    rows = max(1, 4_000_000 // image.width)
    for top in range(0, image.height, rows):
        bottom = min(top + rows, image.height)
        box = (0, top, image.width, bottom)
        band = image.resize((image.width, bottom - top), Image.Resampling.NEAREST, box=box)
        out[top : top + rows] = np.asarray(band).reshape(-1, image.width, out.shape[2])
    return out


def _without_palette(image: Image.Image) -> Image.Image:
    """Grey if every colour that is seen is grey, else RGB; with alpha if any pixel is not opaque."""
    image = image.convert("RGBA")
    alpha = image.getchannel("A")
    opaque = alpha.getextrema() == (255, 255)
    colours = image.getcolors(maxcolors=1 << 16) or []
    if all(c[0] == c[1] == c[2] for _, c in colours if isinstance(c, tuple) and c[3]):
        # the red channel, not Pillow's luma: it is the grey value itself
        grey = image.getchannel("R")
        return grey if opaque else Image.merge("LA", (grey, alpha))
    return image.convert("RGB") if opaque else image


def _to_srgb(image: Image.Image) -> tuple[Image.Image, str]:
    profile = image.info.get("icc_profile")
    if profile and colour_model(profile) == b"CMYK":
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(
                image, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
            )
        except (ImageCms.PyCMSError, OSError):
            return image.convert("RGB"), "its profile is damaged: colours are approximate"
        assert converted is not None  # only in-place conversion returns None
        return converted, "by its own profile"
    return image.convert("RGB"), "no profile in the file: colours are approximate"


def _from_lab(image: Image.Image) -> Image.Image:
    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
    assert converted is not None
    return converted


def by_rows(array: Array, channels: int, work: Callable[[Array], Array]) -> Array:
    """`work` on bands of rows into one uint8 array, so that its wide intermediates stay small."""
    height, width, _ = array.shape
    out = np.empty((height, width, channels), np.uint8)
    rows = max(1, 1_000_000 // width)
    for top in range(0, height, rows):
        out[top : top + rows] = work(array[top : top + rows].astype(np.uint32))
    return out


def to_8bit(array: Array) -> Array:
    """uint16 rounded to the nearest of 256 levels (65535 is 255 x 257); uint8 as it is."""
    if array.dtype == np.uint8:
        return array
    return by_rows(array, array.shape[2], lambda band: (band + 128) // 257)


# ---------------------------------------------------------------------------- metadata


def own_format(image: Image.Image) -> str:
    """Pillow's name of the format; a phone's MPO is a JPEG with further JPEGs behind it."""
    return {"MPO": "JPEG", "DIB": "BMP", None: "PNG"}.get(image.format, image.format or "PNG")


def described(image: Image.Image) -> Metadata:
    """Metadata of a loaded Pillow image, as they stand in its file."""
    info = image.info
    block = info.get("exif")
    if not block:
        with contextlib.suppress(Exception):  # Pillow's parser raises anything; the pixels are still good
            tags = image.getexif()  # also knows PNG's raw profiles
            block = tags.tobytes() if len(tags) else None
    xmp = info.get("xmp") or info.get("XML:com.adobe.xmp")
    text: dict[str, str] = {}
    if image.format == "PNG":  # elsewhere `info` holds strings of Pillow's own
        own = ("XML:", "Raw profile type")
        text = {str(k): str(v) for k, v in info.items() if isinstance(v, str) and not str(k).startswith(own)}
    elif isinstance(comment := info.get("comment"), bytes) and comment.strip(b"\0"):
        text = {"Comment": as_text(comment)}
    resources = info.get("photoshop")
    return Metadata(
        icc_profile=info.get("icc_profile") or None,
        exif=block if isinstance(block, bytes) else None,
        xmp=xmp.encode() if isinstance(xmp, str) else xmp or None,
        dpi=info.get("dpi"),
        text=text,
        iptc=resources.get(0x0404) or None if isinstance(resources, dict) else None,
    )
