"""Classifying: small nets that name what is in a picture, with calibrated probabilities and explanations.

pipeline.py     preprocessing, the net, and its predictions
explain.py      maps of the regions that decided
options.py      the options
classifier.py   base class; airbench.py keras_cnn.py: the nets
train.py        the recipes
learner.py      training; augment.py: shifts, flips and cutouts
calibration.py  calibration of probabilities: temperature and error
sheet.py        contact sheets of small pictures with captions
"""

ARCHS = {
    "airbench": "genstudio.classify.airbench:Airbench",
    "keras-cnn": "genstudio.classify.keras_cnn:KerasCNN",
}
