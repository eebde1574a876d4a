"""Classifying: small nets that say what is on a picture, how sure they are, and where they looked.

pipeline.py     the net, and the squares it looks at
explain.py      where it looked
options.py      the knobs, declared once
classifier.py   what all classifiers are; airbench.py keras_cnn.py: the nets
train.py        the recipes
learner.py      training; augment.py: on pictures moved, turned and cut
calibration.py  whether probabilities mean what they say
sheet.py        small pictures with a line under each
"""

ARCHS = {
    "airbench": "genstudio.classify.airbench:Airbench",
    "keras-cnn": "genstudio.classify.keras_cnn:KerasCNN",
}
