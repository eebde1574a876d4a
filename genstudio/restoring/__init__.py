"""Runs pictures of every type through engines, and returns them in the type they came in.

restorer.py  base class of the tasks that turn a picture into a picture
arrays.py    converts pictures of every type to arrays
alpha.py     transparency for nets that know only colour
tiling.py    runs large pictures tile by tile, with the same result as in one piece
lanczos.py   Pillow's Lanczos filter on pictures of any depth
"""
