"""Generating: GANs that make pictures like those they were trained on.

pipeline.py   from seeds to pictures; sampling.py: latents and pixels
addresses.py  pictures by their addresses, and variations of them
like.py       the picture closest to a photo that a generator can make
files.py      writes pictures, grids and films; film.py: encodes films
options.py    the options
dcgan.py      the nets
train.py      the recipes
learner.py    trains both nets; losses.py augment.py; health.py: detects a failing run
pictures.py   prepares a folder of pictures once
"""

ARCHS = {"dcgan": "genstudio.generate.dcgan:Generator"}
