"""The nets of style transfer, and the losses they are trained or optimised by.

encoder.py    our own extractor of content and style, for optimising
eyes.py       what the fast net sees with
transport.py  statistics of one picture brought to those of another
fast.py       any style in one pass
conditional.py    the same with strokes: a transformer net with conditional instance normalisation
losses.py     what an optimised picture is to be like
"""
