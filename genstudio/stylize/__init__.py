"""Style transfer: the content of one picture in the manner of another."""

ARCHS = {
    "encoder": "genstudio.stylize.encoder:Encoder",
    "fast": "genstudio.stylize.fast:Fast",
}
