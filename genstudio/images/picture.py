"""What a picture is, and the way from and to Pillow's."""

import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngImageFile

from genstudio.errors import InputError
from genstudio.images import exif as exif_block

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Metadata:
    """What a file says beside its pixels. None of it is ever applied to them but the orientation."""

    icc_profile: bytes | None = None  # fits the pixels: a GRAY profile on grey, an RGB profile on RGB
    exif: bytes | None = None  # with its `Exif\0\0`; orientation, thumbnail and stored size taken out
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None  # dots per inch, across and down
    text: dict[str, str] = field(default_factory=dict)  # PNG text; a JPEG or GIF comment as "Comment"


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
    raises InputError if the file has changed or gone. `notes` say what reading had to change.
    """

    width: int
    height: int
    channels: int
    dtype: np.dtype[Any]
    frames: Iterable[Array]
    format: str = "PNG"
    metadata: Metadata = Metadata()
    animation: Animation | None = None
    notes: tuple[str, ...] = ()


def still(
    array: Array, format: str, metadata: Metadata, notes: Iterable[str] = (), orientation: int = 1
) -> Picture:
    """A picture of one stored (H, W, C) array, turned upright."""
    array = turned(array, orientation)
    height, width, channels = array.shape
    metadata, dropped = fitted(metadata, channels)
    return Picture(width, height, channels, array.dtype, (array,), format, metadata, None, (*notes, *dropped))


def from_pil(image: Image.Image) -> Picture:
    """A Pillow image (its current frame) by the rules that files are read by, EXIF orientation included.

    Raises InputError for 32-bit integers and floats, which hold no agreed range of values.
    """
    array, notes = pixels(image)
    orientation, metadata = described(image)
    if image.mode in ("CMYK", "LAB"):
        metadata = without_profile(metadata)
    return still(array, own_format(image), metadata, notes, orientation)


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


def turned(array: Array, orientation: int) -> Array:
    """A stored (H, W, C) array as it is to be looked at, by the EXIF orientation 1..8 (others: as it is)."""
    if orientation in (5, 6, 7, 8):
        array = array.swapaxes(0, 1)
    down, across = {2: (1, -1), 3: (-1, -1), 4: (-1, 1), 6: (1, -1), 7: (-1, -1), 8: (-1, 1)}.get(
        orientation, (1, 1)
    )
    return np.ascontiguousarray(array[::down, ::across])


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


def described(image: Image.Image) -> tuple[int, Metadata]:
    """Orientation (1..8) and metadata of a loaded Pillow image."""
    info = image.info
    try:
        tags = image.getexif()  # also knows PNG's raw profiles and XMP's orientation
        orientation = tags.get(exif_block.ORIENTATION, 1)
        exif = info.get("exif") or (tags.tobytes() if len(tags) else None)
    except Exception:  # Pillow's parser raises anything on a damaged block; the pixels are still good
        orientation, exif = 1, None
    if image.format == "TIFF":
        exif = None  # Pillow's holds the file's own layout: see exif.from_tiff
    xmp = info.get("xmp") or info.get("XML:com.adobe.xmp")
    text: dict[str, str] = {}
    if image.format == "PNG":  # elsewhere `info` holds strings of Pillow's own
        own = ("XML:", "Raw profile type")
        text = {str(k): str(v) for k, v in info.items() if isinstance(v, str) and not str(k).startswith(own)}
    elif isinstance(comment := info.get("comment"), bytes) and comment:
        text = {"Comment": comment.decode("utf-8", "replace").rstrip("\0")}
    return orientation, metadata_of(info, exif, xmp.encode() if isinstance(xmp, str) else xmp, text)


def metadata_of(
    info: dict[Any, Any], exif: bytes | None, xmp: bytes | None, text: dict[str, str]
) -> Metadata:
    return Metadata(
        icc_profile=info.get("icc_profile") or None,
        exif=exif_block.upright(exif) if exif else None,
        xmp=exif_block.upright_xmp(xmp) if xmp else None,
        dpi=_dpi(info.get("dpi")),
        text=text,
    )


def _dpi(value: Any) -> tuple[float, float] | None:
    try:
        across, down = (float(v) for v in value)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (across, down) if 0 < across < 1e6 and 0 < down < 1e6 else None


def colour_model(profile: bytes) -> bytes:
    """The colour space an ICC profile is for, from its header: b"RGB ", b"GRAY", b"CMYK", ..."""
    return profile[16:20]


def without_profile(metadata: Metadata) -> Metadata:
    return Metadata(None, metadata.exif, metadata.xmp, metadata.dpi, metadata.text)


def fitted(metadata: Metadata, channels: int) -> tuple[Metadata, list[str]]:
    """Metadata whose profile is for this many channels, and a note if one had to go."""
    if metadata.icc_profile is None:
        return metadata, []
    model = colour_model(metadata.icc_profile)
    if model == (b"GRAY" if channels < 3 else b"RGB "):
        return metadata, []
    kind = "grey" if channels < 3 else "RGB"
    name = model.decode("ascii", "replace").strip()
    return without_profile(metadata), [f"its colour profile is for {name}, not for {kind} pixels: dropped"]
