"""Does a generator copy? Its pictures beside the nearest it was trained on: `genstudio evaluate novelty`.

How near is near is said by the training pictures themselves: how far each lies from the next one of them.
What comes nearer to a training picture than all but one in a hundred of these do is counted as a copy.
"""

from dataclasses import dataclass
from json import dumps

import numpy as np
import numpy.typing as npt
from PIL import Image

from genstudio import images
from genstudio.data.store import store_cache
from genstudio.errors import InputError
from genstudio.evaluate.sheets import sheet
from genstudio.generate.options import NoveltyOptions
from genstudio.generate.pictures import open_pictures
from genstudio.generate.pipeline import Generate
from genstudio.measures.distances import Features, nearest_neighbours
from genstudio.measures.features import Pixels, extractor

NEAREST = 3  # training pictures beside each generated one
ROWS = 8
SHOWN_PX = 128
COPY_SHARE = 0.01
LEAST_PICTURES = round(1 / COPY_SHARE)  # of a set for that share to be anything


@dataclass(frozen=True)
class Novelty:
    """Distances of N generated pictures to their nearest training pictures, and between those themselves."""

    distances: Features  # (N, NEAREST), nearest first
    places: npt.NDArray[np.int64]  # of them in the set
    among_real: Features  # (M,): from each training picture to the next one

    @property
    def ratio(self) -> float:
        """The median distance to the nearest training picture, by that between these: below 1 is nearer."""
        return float(np.median(self.distances[:, 0]) / max(np.median(self.among_real), 1e-12))

    @property
    def copies(self) -> float:
        """The share of generated pictures nearer to a training picture than 99 % of training pictures are;
        nan for a set of less than 100, where no more than chance is that near."""
        if len(self.among_real) < LEAST_PICTURES:
            return float("nan")
        return float(np.mean(self.distances[:, 0] < np.quantile(self.among_real, COPY_SHARE)))


def novelty(generated: Features, real: Features) -> Novelty:
    """By features (N, D) and (M, D). Raises InputError for less training pictures than stand in a row."""
    if len(real) <= NEAREST:
        raise InputError(f"expected more than {NEAREST} training pictures, found {len(real)}; check --data")
    found, places = nearest_neighbours(generated, real, NEAREST)
    return Novelty(found, places, nearest_neighbours(real, real, 2)[0][:, 1])


def show(options: NoveltyOptions, *, json: bool = False) -> None:
    """Print how near a model's pictures come to those it was trained on; write the sheet if asked to."""
    if options.save is not None:
        images.output_format(options.save, None, "PNG")
        images.check_target(options.save, (), options.overwrite)
    generate = Generate.from_options(options)
    real = open_pictures(options.data, store_cache(), generate.size, download=options.download).pixels
    look = extractor(options.metric, generate.device)
    made = np.stack([each.pixels for each in generate.pictures(options.count, seed=options.seed)])
    found = novelty(look(made), look(real))
    if options.save is not None:
        images.write(images.from_pil(page(made, real, found)), options.save, overwrite=options.overwrite)
    facts = {
        "model": generate.model,
        "data": options.data.resolve().name,
        "features": look.name,
        "n": len(made),
        "training_pictures": len(real),
        "ratio": round(found.ratio, 4),
        "copies": None if np.isnan(found.copies) else round(found.copies, 4),
    }
    if json:
        print(dumps(facts))
        return
    print(f"{len(made)} pictures of {generate.model} against {len(real)} of {facts['data']}, by {look.name}:")
    print(f"  nearest training picture, of what training pictures have between them: {found.ratio:.2f}")
    if facts["copies"] is None:
        print(f"  copies: cannot be told of less than {LEAST_PICTURES} training pictures; see --save")
    else:
        print(f"  nearer than 99 % of training pictures are (copies): {found.copies:.1%}")


def page(made: Pixels, real: Pixels, found: Novelty) -> Image.Image:
    """The sheet: the generated pictures nearest to a training picture, each beside its nearest ones."""
    factor = max(1, SHOWN_PX // made.shape[1])
    order = np.argsort(found.distances[:, 0])[:ROWS]
    rows = [[made[k], *(np.asarray(real[place]) for place in found.places[k])] for k in order]
    large = [[picture.repeat(factor, 0).repeat(factor, 1) for picture in row] for row in rows]
    return sheet(large, ("generated", *(f"nearest {n}" for n in range(1, NEAREST + 1))))
