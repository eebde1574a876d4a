"""LPIPS (Zhang et al. 2018): a distance between two pictures as people see it.

The package `lpips` brings its calibrated linear layers, above an AlexNet or a VGG-16 that is torchvision's.
"""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genstudio.measures.vgg import backbone


class LPIPS(nn.Module):
    """LPIPS version 0.1: 0 for equal pictures, larger the more they differ.

    Args:
        net: "alex", by which most papers state it, or "vgg", which sees blotches and scars that AlexNet takes
            for detail. VGG-16 needs about 3 KB of memory for each pixel, AlexNet a tenth of that.

    Raises:
        WeightsError: see `backbone`.
    """

    BACKBONES: Mapping[str, str] = {"alex": "alexnet", "vgg": "vgg16"}

    def __init__(self, net: Literal["alex", "vgg"] = "alex") -> None:
        super().__init__()
        import lpips

        features = backbone(self.BACKBONES[net])
        with warnings.catch_warnings(), torch.device("meta"):  # which spares VGG-16's unused classifier
            warnings.simplefilter("ignore")  # the package speaks to torchvision in an old way
            self.metric = lpips.LPIPS(net=net, pnet_rand=True, pretrained=False, verbose=False)
        self.metric.scaling_layer = lpips.ScalingLayer()
        linear = Path(lpips.__file__).parent / "weights" / "v0.1" / f"{net}.pth"
        self.metric.load_state_dict(
            torch.load(linear, map_location="cpu", weights_only=True), strict=False, assign=True
        )
        # The package cuts torchvision's `features` into slices and keeps the numbers: slice1.0 is features.0.
        own = {key: features["features." + key.partition(".")[2]] for key in self.metric.net.state_dict()}
        self.metric.net.load_state_dict(own, assign=True)
        self.to(memory_format=torch.channels_last)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """The distance for each of N pairs of pictures (N, 3, H, W) in 0..1, at least 31 px a side."""
        return self.distance(self.features(a), self.features(b))

    @torch.inference_mode()
    def features(self, picture: Tensor) -> list[Tensor]:
        """Of each layer, (N, C, h, w), of length 1 at every place; for `distance`, to several others."""
        layers = self.metric.net(self.metric.scaling_layer(2 * picture.float() - 1))
        return [F.normalize(layer, eps=1e-10) for layer in layers]

    @torch.inference_mode()
    def distance(self, a: Sequence[Tensor], b: Sequence[Tensor]) -> Tensor:
        """The distance for each of N pairs of pictures, (N,), from their features."""
        found = [
            linear((x - y).square_()).mean((1, 2, 3))
            for linear, x, y in zip(self.metric.lins, a, b, strict=True)
        ]
        return torch.stack(found).sum(0)
