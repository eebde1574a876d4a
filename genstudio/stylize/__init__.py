"""Style transfer: the content of one picture in the manner of another."""

ARCHS = {
    "encoder": "genstudio.stylize.encoder:Encoder",
    "eyes": "genstudio.stylize.eyes:Eyes",
    "fast": "genstudio.stylize.fast:Fast",
}
