"""Generating: nets that make pictures like those they were shown.

pipeline.py   from seeds to pictures; sampling.py: latents and pixels
like.py       the picture closest to a photo that a generator can make
files.py      what is asked for, to files; film.py: frames to a film
options.py    the knobs, declared once
dcgan.py      the nets
train.py      the recipes
learner.py    training both nets; losses.py, augment.py: by what, on what; health.py: whether all is well
pictures.py   any folder of pictures, prepared once
"""

ARCHS = {"dcgan": "genstudio.generate.dcgan:Generator"}
