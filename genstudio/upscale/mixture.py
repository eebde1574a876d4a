"""Two upscalers as one net: what they make of a picture, mixed."""

from typing import Any

from torch import Tensor, nn


class Mixture(nn.Module):
    """(N, 3, h, w) in 0..1 -> (N, 3, h*scale, w*scale): `first` at a `share` of 0, `second` at 1.

    Both enlarge alike and place every pixel alike, so all between them looks like a picture too.
    """

    def __init__(self, first: nn.Module, second: nn.Module, share: float) -> None:
        super().__init__()
        self.first, self.second, self.share = first, second, share
        described: tuple[Any, ...] = (first, second)
        self.scale = described[0].scale
        self.overlap_px = max(net.overlap_px for net in described)

    def forward(self, x: Tensor) -> Tensor:
        mixed: Tensor = self.first(x).lerp(self.second(x), self.share)
        return mixed
