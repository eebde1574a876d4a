"""GeoTIFF (OGC 19-008r4): where on Earth pixels lie. TIFF fields, which TIFF files alone hold."""

from collections.abc import Mapping

from genstudio.images.metadata.ifd import DOUBLE, Field, field

PIXEL_SCALE, TIEPOINTS, TRANSFORMATION, KEYS = 33550, 33922, 34264, 34735
# And the keys' numbers and texts; GDAL's own metadata and its value for "no data".
TAGS = (PIXEL_SCALE, TIEPOINTS, TRANSFORMATION, KEYS, 34736, 34737, 42112, 42113)
_RASTER_TYPE, _PIXEL_IS_POINT = 1025, 2


def resized(fields: Mapping[int, Field], across: float, down: float) -> Mapping[int, Field] | None:
    """The fields of a picture made so many times as wide and high; None if they cannot be read."""
    if (across, down) == (1, 1):
        return fields
    # Coordinates count from a pixel's corner, or from its centre, which then moves.
    origin = 0.5 if _is_point(fields) else 0.0

    def moved(place: float, factor: float) -> float:
        return (place + origin) * factor - origin

    out = dict(fields)
    for tag in (PIXEL_SCALE, TIEPOINTS, TRANSFORMATION):
        if tag not in fields:
            continue
        values = list(fields[tag].numbers())
        if fields[tag].type != DOUBLE:
            return None
        if tag == PIXEL_SCALE and len(values) >= 2:
            values[:2] = [values[0] / across, values[1] / down]
        elif tag == TIEPOINTS and len(values) % 6 == 0:
            for i in range(0, len(values), 6):
                values[i : i + 2] = [moved(values[i], across), moved(values[i + 1], down)]
        elif tag == TRANSFORMATION and len(values) == 16:
            for row in range(0, 16, 4):
                a, b = values[row] / across, values[row + 1] / down
                # a place p in the new grid is (p + origin) / factor - origin in the old one
                shift = values[row] * (origin / across - origin) + values[row + 1] * (origin / down - origin)
                values[row], values[row + 1], values[row + 3] = a, b, values[row + 3] + shift
        else:
            return None
        out[tag] = field(DOUBLE, *values)
    return out


def _is_point(fields: Mapping[int, Field]) -> bool:
    keys = fields[KEYS].numbers() if KEYS in fields else ()
    entries = [keys[i : i + 4] for i in range(4, len(keys), 4)]
    return any(each[0] == _RASTER_TYPE and each[-1] == _PIXEL_IS_POINT for each in entries)
