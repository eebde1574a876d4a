"""Upscaling: nets that enlarge a picture and put back the detail that reduction took away."""

ARCHS = {
    "compact": "genstudio.upscale.compact:Compact",
    "rrdbnet": "genstudio.upscale.rrdbnet:RRDBNet",
    "srcnn": "genstudio.upscale.srcnn:SRCNN",
}
