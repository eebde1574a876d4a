"""LPIPS (Zhang et al. 2018): a distance between two pictures as people see it.

The package `lpips` brings its calibrated linear layers, above an AlexNet that is torchvision's.
"""

import warnings

import torch
from torch import Tensor, nn

from genstudio.measures.vgg import backbone


class LPIPS(nn.Module):
    """LPIPS-alex, version 0.1: 0 for equal pictures, larger the more they differ.

    Raises:
        WeightsError: see `backbone`.
    """

    def __init__(self) -> None:
        super().__init__()
        import lpips

        features = backbone("alexnet")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the package speaks to torchvision in an old way
            self.metric = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False)
        own = self.metric.net.state_dict()
        # The package cuts torchvision's `features` into slices and keeps the numbers: slice1.0 is features.0.
        own.update({key: features["features." + key.partition(".")[2]] for key in own})
        self.metric.net.load_state_dict(own)

    @torch.inference_mode()
    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """The distance for each of N pairs of pictures (N, 3, H, W) in 0..1, at least 31 px a side."""
        distance: Tensor = self.metric(a.float(), b.float(), normalize=True)
        return distance.flatten()
