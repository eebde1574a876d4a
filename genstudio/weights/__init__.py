"""Weights: files that describe and prove themselves, found by name.

header, net = weights.load_net("compact-x4", "upscale")

names.py      a name or a path -> the file, verified, and the net that is in it
file.py       one file: read, verified, written
download.py   files from an address, verified before they take their name
cards.py      a file's card, and a folder's README and index
"""

from genstudio.weights.file import COMMUNITY, SUFFIX, Header, Metric, is_ours, read_header, save
from genstudio.weights.names import (
    IndexEntry,
    Installed,
    cache,
    family,
    find,
    imported,
    installed,
    load,
    load_net,
    own,
    packaged,
    read_index,
    refuse_run,
    verified,
)

__all__ = [
    "COMMUNITY",
    "SUFFIX",
    "Header",
    "IndexEntry",
    "Installed",
    "Metric",
    "cache",
    "family",
    "find",
    "imported",
    "installed",
    "is_ours",
    "load",
    "load_net",
    "own",
    "packaged",
    "read_header",
    "read_index",
    "refuse_run",
    "save",
    "verified",
]
