"""DCGAN (Radford et al. 2016): a generator and a discriminator of 4x4 convolutions, each a factor of two.

Departures, each a choice of the config so that the paper's own net can be had as well:
- The generator may be told a class, by an embedding beside the latent; the discriminator's last layer then
  has a map more for each class, which is the projection of Miyato and Koyama (2018). Both begin as if there
  were no classes: otherwise these are all that a generator learns at first, and each class one picture.
- The discriminator has no batch normalisation where gradients are penalised: it ties the pictures of a batch
  together, and the penalty is of each by itself. Spectral norm (Miyato et al. 2018) is the other choice.
- Without it the discriminator's weights begin by fan-in (He et al. 2015), not at a deviation of 0.02, at
  which the signal would die out on its way.
- Latents are normal, as in every implementation since; the paper's are uniform.
"""

import math
from dataclasses import dataclass
from typing import Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from genstudio.errors import UsageError

SIZES = (32, 64, 128)
SLOPE = 0.2  # of the leaky rectifiers
CLASS_EMBEDDING = 16  # dimensions of a class's embedding


@dataclass(frozen=True)
class DCGANConfig:
    """Both nets. `width` is of the generator's last but one layer, `judge_width` of the discriminator's
    first; they double with every halving of the picture, down to 4x4.

    Raises:
        UsageError: a size there is no net for.
    """

    size: int = 64
    latent: int = 100
    width: int = 64
    judge_width: int = 64
    classes: tuple[str, ...] = ()
    norm: Literal["batch", "pixel"] = "batch"
    judge_norm: Literal["none", "batch", "spectral"] = "none"

    def __post_init__(self) -> None:
        if self.size not in SIZES:
            raise UsageError(f"net.size: expected {', '.join(map(str, SIZES))}, found {self.size}")
        object.__setattr__(self, "classes", tuple(self.classes))  # JSON has lists alone

    @property
    def doublings(self) -> int:
        """How often 4 is doubled to give the size."""
        return int(math.log2(self.size // 4))


class Generator(nn.Module):
    """Latents (N, latent), and classes (N,) int64 if it has any -> pictures (N, 3, size, size) in -1..1."""

    Config = DCGANConfig

    def __init__(self, config: DCGANConfig) -> None:
        super().__init__()
        self.config = config
        widths = [config.width << k for k in reversed(range(config.doublings))]
        embedding = CLASS_EMBEDDING if config.classes else 0
        self.embed = nn.Embedding(len(config.classes), embedding) if embedding else None
        inputs = [config.latent + embedding, *widths[:-1]]
        self.convs = nn.ModuleList(
            nn.ConvTranspose2d(a, b, 4, *((2, 1) if k else (1, 0)), bias=False)
            for k, (a, b) in enumerate(zip(inputs, widths, strict=True))
        )
        self.norms = nn.ModuleList(
            nn.BatchNorm2d(width) if config.norm == "batch" else PixelNorm() for width in widths
        )
        self.tail = nn.ConvTranspose2d(widths[-1], 3, 4, 2, 1)
        self.apply(begin)
        if self.embed is not None:
            nn.init.normal_(self.embed.weight, 0, 0.1)

    def forward(self, latents: Tensor, classes: Tensor | None = None) -> Tensor:
        return self.decode(self.code(latents, classes))

    def code(self, latents: Tensor, classes: Tensor | None = None) -> Tensor:
        """(N, D): the latents followed by the embeddings of their classes; both can be interpolated."""
        if self.embed is None:
            return latents
        assert classes is not None
        return torch.cat((latents, self.embed(classes)), 1)

    def decode(self, codes: Tensor) -> Tensor:
        """Pictures as `forward` has them."""
        h = codes[:, :, None, None]
        for conv, norm in zip(self.convs, self.norms, strict=True):
            h = F.relu(norm(conv(h)))
        return torch.tanh(self.tail(h).float())


class PixelNorm(nn.Module):
    """Every pixel's channels to a root mean square of 1 (Karras et al. 2018)."""

    def forward(self, h: Tensor) -> Tensor:
        return h * torch.rsqrt(h.float().square().mean(1, keepdim=True) + 1e-8).to(h.dtype)


class Discriminator(nn.Module):
    """Pictures (N, 3, size, size) in -1..1 -> logits (N,), the higher the more real they look.

    With batch normalisation each of `parts` equal parts of the batch is judged by itself: real pictures and
    generated ones together would tell one another apart.
    """

    def __init__(self, config: DCGANConfig) -> None:
        super().__init__()
        self.config = config
        widths = [config.judge_width << k for k in range(config.doublings)]
        plain = config.judge_norm == "none"
        self.convs = nn.ModuleList(
            Conv(a, b, 4, 2, 1, bias=plain or k == 0)
            for k, (a, b) in enumerate(zip([3, *widths[:-1]], widths, strict=True))
        )
        # As in the paper, not on what the pictures themselves go into.
        batch = config.judge_norm == "batch"
        self.norms = nn.ModuleList(
            nn.BatchNorm2d(width) if batch and k else nn.Identity() for k, width in enumerate(widths)
        )
        self.tail = Conv(widths[-1], 1 + len(config.classes), 4)
        self.apply(begin_by_fan_in if plain else begin)
        with torch.no_grad():
            self.tail.weight[1:] = 0
        if config.judge_norm == "spectral":
            for conv in (*self.convs, self.tail):
                spectral_norm(conv)

    def forward(self, pictures: Tensor, classes: Tensor | None = None, parts: int = 1) -> Tensor:
        if self.config.judge_norm == "batch":
            logits = torch.cat([self._maps(part) for part in pictures.chunk(parts)])
        else:
            logits = self._maps(pictures)
        score = logits[:, 0]
        if self.config.classes:
            assert classes is not None
            score = score + logits[:, 1:].gather(1, classes[:, None])[:, 0]
        return score

    def _maps(self, h: Tensor) -> Tensor:
        for conv, norm in zip(self.convs, self.norms, strict=True):
            h = F.leaky_relu(norm(conv(h)), SLOPE)
        return cast(Tensor, self.tail(h)).flatten(1).float()


class Conv(nn.Conv2d):
    """A convolution whose weight, where a parametrization makes it, is made in float32 even in autocast."""

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            weight = self.weight
        return F.conv2d(x, weight, self.bias, self.stride, self.padding)


def begin(conv: nn.Module) -> None:
    """First weights of the paper, for layers that are normalised after: their size does not matter there, but
    the smaller they are the more a step of Adam changes. Called by `nn.Module.apply`."""
    if isinstance(conv, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(conv.weight, 0, 0.02)
        if conv.bias is not None:
            nn.init.zeros_(conv.bias)
    elif isinstance(conv, nn.BatchNorm2d):
        nn.init.normal_(conv.weight, 1, 0.02)


def begin_by_fan_in(conv: nn.Module) -> None:
    """First weights that keep a signal's size where nothing normalises it (He et al. 2015)."""
    if isinstance(conv, nn.Conv2d):
        nn.init.kaiming_normal_(conv.weight, SLOPE)
        assert conv.bias is not None
        nn.init.zeros_(conv.bias)
