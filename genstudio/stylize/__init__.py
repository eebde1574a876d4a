"""Style transfer: the content of one picture in the manner of another.

pipeline.py    pictures in the style of others, in one pass or step by step
painter.py     one picture painted, pass by pass; colours.py: its colours kept
optimize.py    step by step, until its features have the style's Gram matrices
extractors.py  whose features those are
sources.py     what a style is taken from; styles.py: styles that have names
measure.py     the statistics of pictures of any size, tile by tile
options.py     the knobs, declared once
nets/          the nets and their losses
learners/      how the nets are trained
train.py       the recipes
"""

ARCHS = {
    "conditional": "genstudio.stylize.nets.conditional:ConditionalNet",
    "encoder": "genstudio.stylize.nets.encoder:Encoder",
    "eyes": "genstudio.stylize.nets.eyes:Eyes",
    "fast": "genstudio.stylize.nets.fast:Fast",
}
