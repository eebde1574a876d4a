"""Pictures of every type through engines, and back in the type they came in.

restorer.py  what all tasks that answer a picture with a picture have in common
arrays.py    pictures of every type as arrays
alpha.py     transparency beside a net that knows only colour
tiling.py    big pictures through a small window, with the same result as in one piece
lanczos.py   Pillow's Lanczos filter on pictures of any depth
"""
