"""Style transfer beside Gatys et al. 2016 on VGG-16: the same pictures, the same judge, one run.

    GENSTUDIO_WEIGHTS=FOLDER python tests/benchmarks/stylize.py --data PICTURES --styles PAINTINGS [--pairs 3]

FOLDER has VGG-16's features, which are also the judge. Pair k is picture k in style k. Style loss and content
distance are those of `genstudio evaluate stylize`; seconds leave out loading.
"""

import argparse
import itertools
from pathlib import Path

import numpy as np
import torch

from genstudio import Stylize
from genstudio.evaluate.comparison import files
from genstudio.evaluate.stylize import brought_to_longer, brought_to_shorter, measure
from genstudio.stylize.options import StylizeOptions
from genstudio.stylize.sources import as_colour

WAYS = {
    "fast": {},
    "optimize, our encoder": {"method": "optimize"},
    "optimize, our encoder, from the content": {"method": "optimize", "init": "content"},
    "optimize, VGG-16, from the content": {"method": "optimize", "extractor": "vgg16", "init": "content"},
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--styles", type=Path, required=True)
    parser.add_argument("--model", default="fast")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    asked = parser.parse_args()
    both = zip(files(asked.data), files(asked.styles), strict=False)
    pairs = list(itertools.islice(both, asked.pairs))
    stylizer = Stylize.from_weights(asked.model)
    print(f"{len(pairs)} pairs, longer side {asked.size} px, {torch.get_num_threads()} threads")
    print(f"{'':42}{'style loss':>12}{'content':>10}{'seconds':>10}")
    for way in asked.ways:
        options = StylizeOptions(**WAYS[way], size_px="source")
        rows = []
        for content, style in pairs:
            contents = {content.stem: brought_to_longer(as_colour(content), asked.size)}
            styles = {style.stem: brought_to_shorter(as_colour(style), asked.size)}
            report, _ = measure(stylizer, contents, styles, options)
            rows.append(report.rows[-1])
        style_loss = np.mean([row.style_loss for row in rows])
        distance = np.mean([row.content_distance for row in rows])
        seconds = np.median([row.seconds for row in rows])
        print(f"{way:42}{style_loss:12.4f}{distance:10.4f}{seconds:10.1f}", flush=True)


if __name__ == "__main__":
    main()
