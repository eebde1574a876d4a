"""Distances as people see them, on features of nets that were trained on ImageNet.

LPIPS (Zhang et al. 2018) measures results: the package `lpips` brings its calibrated linear layers, above
an AlexNet. `PerceptualLoss` (Johnson et al. 2016) trains nets, on VGG-16; `StyleJudge` trains and measures
what takes a style on. AlexNet and VGG are torchvision's, looked for in $GENSTUDIO_WEIGHTS, in torch's own
cache, and else downloaded and verified.
"""

import os
import urllib.error
import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass
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
ALIKE = 0.05  # of |G(style)|^2: a picture and itself at another size; others have 0.16 and more
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


@dataclass(frozen=True)
class Look:
    """What `StyleJudge` sees in N pictures: a Gram matrix for each of its layers, (N, C, C) float32, and the
    features of what they show, (N, C, H, W)."""

    grams: tuple[Tensor, ...]
    content: Tensor


class StyleJudge(nn.Module):
    """How much of a style pictures have taken on, and how far from their content that led them.

        look = StyleJudge()
        style_loss, content_distance = judged(look(result), look(content), look(style))

    Raises:
        WeightsError: see `backbone`.
    """

    STYLE = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")
    CONTENT = "relu4_3"

    def __init__(self) -> None:
        super().__init__()
        self.features = VGGFeatures({*self.STYLE, self.CONTENT})

    def forward(self, picture: Tensor) -> Look:
        """Of pictures (N, 3, H, W) in 0..1, at least 16 px a side."""
        found = self.features(picture)
        return Look(tuple(gram(found[layer]) for layer in self.STYLE), found[self.CONTENT])


def gram(features: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, C, C) float32, the mean over positions (Gatys et al. 2016, equation 3)."""
    with torch.autocast(features.device.type, enabled=False):
        flat = features.flatten(2).float()
        return flat @ flat.mT / flat.shape[2]


def alike(content: Look, style: Look) -> bool:
    """Whether a picture (N = 1) has a style so nearly that a share of their distance says nothing."""
    pairs = zip(content.grams, style.grams, strict=True)
    return any(bool((_squares(c - s) < ALIKE * _squares(s)).any()) for c, s in pairs)


def judged(result: Look, content: Look, style: Look, least: float = 0.0) -> tuple[Tensor, Tensor]:
    """(style loss, content distance) of each of N pictures, (N,) each; 1 and 0 for the content itself.

    The style loss is the mean over layers of |G(result) - G(style)|^2 / |G(content) - G(style)|^2; the
    content distance is |F(result) - F(content)|^2 / |F(content)|^2.

    Args:
        least: the least a style loss is divided by, as a share of |G(style)|^2. More than 0 for training,
            where a content much like the style would outweigh all others.
    """
    losses = [
        _squares(r - s) / _squares(c - s).maximum(least * _squares(s))
        for r, c, s in zip(result.grams, content.grams, style.grams, strict=True)
    ]
    distance = _squares(result.content - content.content) / _squares(content.content)
    return torch.stack(losses).mean(0), distance


def _squares(x: Tensor) -> Tensor:
    return x.float().square().flatten(1).sum(1)
