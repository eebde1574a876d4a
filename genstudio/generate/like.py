"""The picture closest to a photo that a generator can make, found by going down the slope of their distance.

Bojanowski et al. 2018 and many since: the best of many latents, then gradient descent on a few of them.
Latents are kept as long as drawn ones are, for the net knows no others.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from genstudio import weights
from genstudio.generate.pipeline import Generate
from genstudio.generate.sampling import Pixels, as_pictures

FEATURES = "stylize/encoder"
DRAWN = 256
KEPT = 4
STEPS = 200
LR = 0.05
OUTSIDE = 0.1  # weight of latents' being longer or shorter than drawn ones

Distance = Callable[[Tensor], Tensor]  # of pictures (N, 3, H, W) in -1..1 from one, (N,)


@dataclass(frozen=True)
class Likeness:
    """The picture found (H, W, 3), and how far it is from the photo by `FEATURES`."""

    pixels: Pixels
    distance: float


def closest(
    generate: Generate,
    photo: Pixels,
    *,
    seed: int = 0,
    class_name: str | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Likeness:
    """The model's closest picture to `photo` (size, size, 3), of `class_name` or of any class.

    Raises OptionError for a class the model does not have.
    """
    net, latents = generate.net, generate.net.config.latent
    distance = _distance(as_pictures(torch.from_numpy(photo.copy())[None].to(generate.device)))
    labels = [generate.class_at(seed, k, class_name) for k in range(DRAWN)]
    drawn = torch.stack([generate.code(seed, k, None, labels[k]) for k in range(DRAWN)]).to(generate.device)

    def apart(codes: Tensor) -> Tensor:
        return distance(net.decode(codes))

    with torch.no_grad():
        found = torch.cat([apart(codes) for codes in torch.split(drawn, 32)])
    codes = drawn[found.topk(KEPT, largest=False).indices]
    z, told = codes[:, :latents].clone().requires_grad_(), codes[:, latents:]
    optimizer = torch.optim.Adam([z], LR)
    for step in range(STEPS):
        optimizer.zero_grad()
        longer = (z.square().mean(1) - 1).square()
        (apart(torch.cat((z, told), 1)) + OUTSIDE * longer).sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        progress(step + 1, STEPS)
    with torch.no_grad():
        ends = torch.cat((z, told), 1)
        best = int(apart(ends).argmin())
        (pixels,) = generate.render(iter([ends[best].cpu()]))
        made = as_pictures(torch.from_numpy(pixels)[None].to(generate.device))
        return Likeness(pixels, float(distance(made)[0]))


def _distance(target: Tensor) -> Distance:
    """By the directions of features of stylize's encoder, all its levels alike; as LPIPS (Zhang et al. 2018)
    without its calibrated weights. By the features themselves the likeness is a blur."""
    _, encoder = weights.load_net(FEATURES, "stylize")
    encoder.to(target.device).requires_grad_(False)

    def directions(pictures: Tensor) -> list[Tensor]:
        return [F.normalize(level, dim=1) for level in encoder((pictures + 1) / 2)]

    wanted = directions(target)

    def distance(made: Tensor) -> Tensor:
        levels = zip(directions(made), wanted, strict=True)
        return torch.stack([(x - y).square().sum(1).mean((1, 2)) for x, y in levels]).mean(0)

    return distance
