"""Engines: a batch of tiles in, a batch of tiles out, on any device.

engine = engines.load("compact-x4", "upscale")

protocol.py          what an engine is, and what stands before one
choosing.py          which engine does a net's arithmetic: chosen, and made ready
torch_engine.py      any torch module, on a processor or a GPU
openvino_engine.py   our nets on a processor, without torch
openvino_convert.py  our nets as OpenVINO takes them, kept in the cache
community.py         models published by others, read through spandrel
adoption.py          importing one of these, in a process of its own
receptive_field.py   how far a net sees, and on which grid, measured
peak_memory.py       how much memory a piece of torch code needs
"""

from genstudio.engines.choosing import (
    ENGINES,
    Change,
    core,
    has_openvino,
    is_community,
    load,
    openvino_formats,
)

__all__ = ["ENGINES", "Change", "core", "has_openvino", "is_community", "load", "openvino_formats"]
