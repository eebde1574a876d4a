"""Whose features results are compared in: our encoder's, or VGG's. All answer by layer, in VGG's names."""

from collections.abc import Collection

import torch.nn.functional as F
from torch import Tensor, nn

from genstudio import weights
from genstudio.errors import WeightsError
from genstudio.measures.vgg import VGGFeatures
from genstudio.options import OptionError
from genstudio.stylize.nets.encoder import Encoder
from genstudio.stylize.options import LAYERS

VGG_LEAST_PX = 16  # four poolings need as much


class Ours(nn.Module):
    """(N, 3, H, W), 0..1 -> the encoder's levels by the names of VGG's layers that they stand for."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return dict(zip(LAYERS, self.encoder(x), strict=True))


class Theirs(nn.Module):
    """(N, 3, H, W), 0..1 -> some of VGG's layers; smaller pictures go on as they end.

    Raises UsageError for a layer the net has not, WeightsError where its weights cannot be had.
    """

    def __init__(self, net: str, layers: Collection[str]) -> None:
        super().__init__()
        self.features = VGGFeatures(layers, net)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        down, right = (max(0, VGG_LEAST_PX - side) for side in x.shape[-2:])
        found: dict[str, Tensor] = self.features(F.pad(x, (0, right, 0, down), mode="replicate"))
        return found


def our_encoder() -> Encoder:
    """Ours, which stands still. Raises WeightsError where its weights are not what they should be."""
    _, net = weights.load_net("encoder", "stylize")
    if not isinstance(net, Encoder):
        raise WeightsError(f"stylize/encoder: expected an encoder, found {type(net).__name__.lower()}")
    return net.requires_grad_(False)


def extractor(name: str, layers: Collection[str]) -> nn.Module:
    """ "encoder", "vgg16" or "vgg19", to be asked for these layers.

    Raises OptionError (a UsageError) for a layer it has not, WeightsError where weights cannot be had.
    """
    if name != "encoder":
        return Theirs(name, layers)
    unknown = set(layers) - set(LAYERS)
    if unknown or not layers:
        found = ", ".join(sorted(unknown)) or "none"
        raise OptionError("layers", f"expected some of {', '.join(LAYERS)} with our encoder, found {found}")
    return Ours(our_encoder())
