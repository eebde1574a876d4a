"""Picture files, in and out: the only part of the studio that touches them.

    picture = images.read("in.jpg")                     # upright, decoded, (H, W, C) uint8 or uint16
    result = replace(picture, width=..., height=..., frames=(array,))
    notes = images.write(result, Path("out.png"))       # same depth, profile and EXIF; all or nothing

The pixels are the picture's own encoded values. Its ICC profile is passed through and never applied: so a
round trip is exact, nothing is clipped to a smaller gamut, and 16 bits stay 16 bits. The exceptions are
the models the nets cannot work in: CMYK and Lab become sRGB, with a note.

    picture.py   what a picture is, and the way from and to Pillow's
    read.py      files to pictures
    opening.py   files opened within bounds, and what goes wrong; kinds.py: what is refused by name
    write.py     pictures to files, fitted to what the format can hold; film.py: animations
    atomic.py    whole or not at all
    formats.py   what each written format can hold, names of files, refusals before any work
    turning.py   the EXIF orientation, of pixels and of points
    colours.py   colours told by numbers
    metadata/    what is said beside the pixels, kept true of them
    codecs/      formats by their parts
"""

from genstudio.images.formats import (
    check_fits,
    check_target,
    is_picture_name,
    output_format,
    readable_suffixes,
)
from genstudio.images.kinds import kind_by_name as unread_kind
from genstudio.images.metadata.model import Metadata
from genstudio.images.picture import Animation, Picture, from_pil, to_pil
from genstudio.images.read import read, size
from genstudio.images.write import write

__all__ = [
    "Animation",
    "Metadata",
    "Picture",
    "check_fits",
    "check_target",
    "from_pil",
    "is_picture_name",
    "output_format",
    "read",
    "readable_suffixes",
    "size",
    "to_pil",
    "unread_kind",
    "write",
]
