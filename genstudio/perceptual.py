"""Distances as people see them, on features of nets that were trained on ImageNet.

LPIPS (Zhang et al. 2018): the package `lpips` brings its calibrated linear layers; the AlexNet below them,
which is torchvision's, is looked for in $GENSTUDIO_WEIGHTS, in torch's own cache, and else downloaded and
verified.
"""

import os
import urllib.error
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from genstudio.errors import WeightsError

# Where torchvision's weights lie; the name's last part is the beginning of the file's sha256.
URLS = {"alexnet": "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth"}


def backbone(name: str) -> Mapping[str, Tensor]:
    """The convolutions of a torchvision net, by torchvision's own keys (`features.N.weight`), float32.

    Looks for `{name}_features.safetensors` in $GENSTUDIO_WEIGHTS first.

    Raises:
        WeightsError: the file is nowhere on this machine and cannot be fetched, or is not what it should be.
    """
    own = os.environ.get("GENSTUDIO_WEIGHTS")
    local = Path(own) / f"{name}_features.safetensors" if own else None
    if local is not None and local.is_file():
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return {key: value.float() for key, value in load_file(local).items()}
        except (SafetensorError, OSError) as error:
            raise WeightsError(f"{local}: expected safetensors, found {error}; get the file again") from error
    try:
        state = torch.hub.load_state_dict_from_url(
            URLS[name], map_location="cpu", check_hash=True, weights_only=True, progress=False
        )
    except (urllib.error.URLError, OSError, RuntimeError) as error:
        raise WeightsError(
            f"expected the features of {name}, found none at {local or '$GENSTUDIO_WEIGHTS'} nor in torch's "
            f"cache, and {URLS[name]} cannot be fetched ({str(error).splitlines()[0]}); put "
            f"{name}_features.safetensors into a folder and set GENSTUDIO_WEIGHTS to it"
        ) from error
    return {key: value for key, value in state.items() if key.startswith("features.")}


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
