"""Classifying: small nets that say what is on a picture, how sure they are, and where they looked."""

ARCHS = {
    "airbench": "genstudio.classify.airbench:Airbench",
    "keras-cnn": "genstudio.classify.keras_cnn:KerasCNN",
}
