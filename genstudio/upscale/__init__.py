"""Upscaling: nets that enlarge a picture and put back the detail that reduction took away.

pipeline.py       which nets, one after the other, to exactly which size
options.py        the knobs, declared once
compact.py srcnn.py rrdbnet.py    the nets
train.py          the recipes
fidelity.py       training for fidelity
adversarial.py    training for pictures as people have them; discriminator.py: against this net
"""

ARCHS = {
    "compact": "genstudio.upscale.compact:Compact",
    "rrdbnet": "genstudio.upscale.rrdbnet:RRDBNet",
    "srvgg": "genstudio.upscale.srvgg:SRVGGNet",
    "srcnn": "genstudio.upscale.srcnn:SRCNN",
}
