"""VGG's features (Simonyan and Zisserman 2015), and a loss on them (Johnson et al. 2016).

VGG and the AlexNet below LPIPS are torchvision's, trained on ImageNet; they are looked for in
$GENSTUDIO_WEIGHTS, in torch's own cache, and else downloaded and verified.
"""

import os
import urllib.error
from collections.abc import Collection, Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genstudio.errors import UsageError, WeightsError

# Where torchvision's weights lie; the name's last part is the beginning of the file's sha256.
URLS = {
    "alexnet": "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
    "vgg16": "https://download.pytorch.org/models/vgg16-397923af.pth",
    "vgg19": "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
}
# Convolutions in each block, and their width; each is followed by a ReLU, each block by a pooling.
VGG = {
    "vgg16": ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)),
    "vgg19": ((2, 64), (2, 128), (4, 256), (4, 512), (4, 512)),
}
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


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


class VGGFeatures(nn.Module):
    """VGG (Simonyan and Zisserman 2015), frozen, as far as the deepest layer asked for.

    Args:
        layers: some of conv1_1, conv1_2, conv2_1, ..., conv5_3, as they are before their ReLUs, and of
            relu1_1, ..., relu5_3, as they are after.
        net: "vgg16" or "vgg19".

    Raises:
        UsageError: a layer the net does not have.
        WeightsError: see `backbone`.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, layers: Collection[str], net: str = "vgg16") -> None:
        super().__init__()
        blocks = VGG[net]
        numbers = {f"conv{b}_{c}": (b, c) for b, (n, _) in enumerate(blocks, 1) for c in range(1, n + 1)}
        needed = {layer.replace("relu", "conv") for layer in layers}
        unknown = needed - set(numbers)
        if unknown or not layers:
            found = ", ".join(sorted(unknown)) or "none"
            raise UsageError(
                f"expected layers of {net}, {', '.join(numbers)} or relu instead of conv, found {found}"
            )
        self.layers = frozenset(layers)
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(3, 1, 1))
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(3, 1, 1))
        self.convs = nn.ModuleDict()
        state = backbone(net)
        index, inputs = 0, 3  # as torchvision counts: convolutions, ReLUs and poolings
        for name, (block, number) in numbers.items():
            count, width = blocks[block - 1]
            conv = nn.Conv2d(inputs, width, 3, padding=1)
            conv.load_state_dict({part: state[f"features.{index}.{part}"] for part in ("weight", "bias")})
            self.convs[name] = conv
            if needed <= set(self.convs):
                break
            index += 2 if number < count else 3
            inputs = width
        self.requires_grad_(False)
        self.to(memory_format=torch.channels_last)

    def forward(self, picture: Tensor) -> dict[str, Tensor]:
        """Each layer's output by its name, for pictures (N, 3, H, W) in 0..1, at least 16 px a side."""
        h = ((picture - self.mean) / self.std).contiguous(memory_format=torch.channels_last)
        found = {}
        for name, conv in self.convs.items():
            if name.endswith("_1") and name != "conv1_1":
                h = F.max_pool2d(h, 2)
            out = conv(h)
            if name in self.layers:
                found[name] = out
            h = F.relu(out)
            relu = name.replace("conv", "relu")
            if relu in self.layers:
                found[relu] = h
        return found


class PerceptualLoss(nn.Module):
    """How far pictures are from others in VGG-16's features before activation, as ESRGAN has it.

    Args:
        weights: a layer's name -> the weight of the mean absolute difference there.

    Raises:
        UsageError, WeightsError: see `VGGFeatures`.
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        super().__init__()
        self.weights = dict(weights)
        self.features = VGGFeatures(self.weights)

    def forward(self, restored: Tensor, original: Tensor) -> Tensor:
        """The loss, float32, of (N, 3, H, W) in 0..1; gradients reach `restored` alone."""
        with torch.no_grad():
            wanted = self.features(original)
        found = self.features(restored)
        losses = [w * F.l1_loss(found[k].float(), wanted[k].float()) for k, w in self.weights.items()]
        return torch.stack(losses).sum()
