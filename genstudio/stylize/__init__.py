"""Style transfer: the content of one picture in the manner of another."""

ARCHS = {
    "encoder": "genstudio.stylize.nets.encoder:Encoder",
    "eyes": "genstudio.stylize.nets.eyes:Eyes",
    "fast": "genstudio.stylize.nets.fast:Fast",
}
