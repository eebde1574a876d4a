"""What sets of pictures are compared by: a net that answers each picture with a vector, and its name.

    look = extractor("auto")
    look.name                              # "vgg16", which belongs beside every number made with it
    features = look(pixels)                # (N, H, W, 3) uint8 -> (N, D) float64, for `distances`

The nets, by name:
- "classify/NAME": the embedding of a classifier of ours, the pictures resized to what it takes.
- "vgg16": VGG-16's relu5_3, pooled, of the pictures at their own size; 512 numbers.
- "inception-v3-fid": the Inception-v3 of 2015 by which FID is defined (Heusel et al. 2017), through the
  package torch-fidelity; 2048 numbers. torchvision's Inception-v3 is another net and gives other numbers.
- "untrained": a small net of random weights, always the same, and the colours' mean and deviation. It needs
  nothing, sees texture and colour rather than things, and is to compare runs of one set alone.
"""

import hashlib
import os
import urllib.error
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genstudio import __version__, weights
from genstudio.errors import InputError, UsageError, WeightsError
from genstudio.measures.vgg import URLS, VGGFeatures

Pixels = npt.NDArray[np.uint8]
BATCH = 64
LEAST_PX = 16  # what VGG-16 halves four times

INCEPTION = "inception-v3-fid"
INCEPTION_URL = (
    "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/"
    "weights-inception-2015-12-05-6726825d.pth"
)
INCEPTION_SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"


@dataclass(frozen=True)
class Extractor:
    """`net`: (N, 3, H, W) in 0..1 -> (N, D), each picture by itself.

    Attributes:
        side_px: the side of the squares that pictures of any size are best brought to first.
    """

    name: str
    net: nn.Module = field(repr=False)
    device: torch.device
    side_px: int

    @torch.no_grad()
    def __call__(self, pixels: Pixels) -> npt.NDArray[np.float64]:
        """Features (N, D) of pictures (N, H, W, 3). Raises InputError for pictures under 16 px a side."""
        if pixels.ndim != 4 or not len(pixels) or min(pixels.shape[1:3]) < LEAST_PX:
            raise InputError(f"expected pictures (N, H, W, 3) of {LEAST_PX} px or more, found {pixels.shape}")
        found = []
        for start in range(0, len(pixels), BATCH):
            some = torch.from_numpy(np.array(pixels[start : start + BATCH])).to(self.device)
            found.append(self.net(some.permute(0, 3, 1, 2).float() / 255).double().cpu())
        return torch.cat(found).numpy()

    @cached_property
    def digest(self) -> str:
        """Stands for all that decides the features of a picture: name, weights, the code's version."""
        digest = hashlib.sha256(f"{self.name} {self.side_px} {__version__}".encode())
        for key, value in self.net.state_dict().items():
            digest.update(key.encode())
            digest.update(value.cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()


def extractor(name: str = "auto", device: "torch.device | str" = "cpu") -> Extractor:
    """The extractor called `name`; "auto" is `resolve`'s choice.

    Raises:
        UsageError: a name that is none of the above, or no classifier's; a package that is not installed.
        WeightsError: weights that are missing or damaged.
    """
    name = resolve(name)
    net: nn.Module
    if name == "vgg16":
        net, side_px = VGG(), 128  # cheap: the 224 px it was trained at cost three times as much
    elif name == INCEPTION:
        net, side_px = Inception(), 299
    elif name == "untrained":
        net, side_px = Untrained(), 96
    elif name.startswith("classify/"):
        classifier: Any = weights.load_net(name, "classify")[1]
        net, side_px = Embedding(classifier), classifier.config.side_px
    else:
        classifiers = (each.name for each in weights.installed("classify"))
        known = ", ".join(["auto", *classifiers, "vgg16", INCEPTION, "untrained"])
        raise UsageError(f"expected features of {known}, found {name!r}")
    return Extractor(name, net.eval().to(device), torch.device(device), side_px)


def resolve(name: str) -> str:
    """What "auto" stands for on this machine: VGG-16 where its weights are at hand (nothing is fetched), else
    the first classifier of ours, else "untrained". Any other name is itself."""
    if name != "auto":
        return name
    if at_hand("vgg16"):
        return "vgg16"
    return next((each.name for each in weights.installed("classify")), "untrained")


def at_hand(name: str) -> bool:
    """Whether `vgg.backbone` finds the net on this machine, so that nothing need be fetched."""
    own = os.environ.get("GENSTUDIO_WEIGHTS")
    fetched = _in_torchs_cache(URLS[name]).is_file()
    return fetched or bool(own and (Path(own) / f"{name}_features.safetensors").is_file())


def _in_torchs_cache(url: str) -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]


class Embedding(nn.Module):
    """See "classify/NAME" above."""

    def __init__(self, classifier: nn.Module) -> None:
        super().__init__()
        self.classifier: Any = classifier

    def forward(self, x: Tensor) -> Tensor:
        side_px = self.classifier.config.side_px
        if x.shape[2:] != (side_px, side_px):
            x = F.interpolate(x, (side_px, side_px), mode="bicubic", antialias=True).clamp(0, 1)
        embedding: Tensor = self.classifier.features(x)
        return embedding


class VGG(nn.Module):
    """See "vgg16" above. Raises WeightsError: see `vgg.backbone`."""

    def __init__(self) -> None:
        super().__init__()
        self.vgg = VGGFeatures({"relu5_3"})

    def forward(self, x: Tensor) -> Tensor:
        maps: Tensor = self.vgg(x)["relu5_3"]
        return maps.mean((2, 3))


class Inception(nn.Module):
    """See "inception-v3-fid" above. It resizes other pictures than those of 299 px as TensorFlow 1 did.

    Raises:
        UsageError: torch-fidelity is not installed.
        WeightsError: see `_inception_file`.
    """

    def __init__(self) -> None:
        super().__init__()
        try:
            from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
        except ImportError as error:
            raise UsageError(
                f"{INCEPTION} needs the package torch-fidelity ({error}); pip install 'genstudio[fid]', "
                "or choose other features"
            ) from None
        # It unpickles what it is given: so that is one file, known to the last bit.
        self.inception = FeatureExtractorInceptionV3(INCEPTION, ["2048"], str(_inception_file()))

    def forward(self, x: Tensor) -> Tensor:
        embedding: Tensor = self.inception((x * 255).round().byte())[0]
        return embedding


def _inception_file() -> Path:
    """Inception's weights in torch's cache, where torch-fidelity keeps them too; fetched if need be.

    Raises WeightsError where they cannot be fetched, or are not, by their sha256, what they should be.
    """
    file = _in_torchs_cache(INCEPTION_URL)
    try:
        if not file.is_file():
            file.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(INCEPTION_URL, str(file), INCEPTION_SHA256, progress=False)
        with file.open("rb") as content:
            found = hashlib.file_digest(content, "sha256").hexdigest()
    except (urllib.error.URLError, OSError, RuntimeError) as error:
        raise WeightsError(
            f"expected the weights of {INCEPTION} at {file}, and {INCEPTION_URL} cannot be fetched "
            f"({str(error).splitlines()[0]}); put them there, or choose other features"
        ) from error
    if found != INCEPTION_SHA256:
        raise WeightsError(
            f"{file}: expected the sha256 {INCEPTION_SHA256[:12]}..., found {found[:12]}...; "
            "delete it, so that it is fetched again"
        )
    return file


class Untrained(nn.Module):
    """See "untrained" above; 262 numbers. Random nets tell textures apart well (Ulyanov et al. 2017)."""

    WIDTHS = (3, 64, 128, 256)

    def __init__(self) -> None:
        super().__init__()
        dice = torch.Generator().manual_seed(0)
        for k, (a, b) in enumerate(zip(self.WIDTHS, self.WIDTHS[1:], strict=False)):
            self.register_buffer(f"kernel{k}", torch.randn(b, a, 3, 3, generator=dice) * (2 / (9 * a)) ** 0.5)

    def forward(self, x: Tensor) -> Tensor:
        h = 2 * x - 1
        colours = torch.cat((h.mean((2, 3)), h.std((2, 3))), 1)
        for kernel in self.buffers():
            h = F.relu(F.conv2d(h, kernel, stride=2, padding=1))
        return torch.cat((h.mean((2, 3)), colours), 1)
