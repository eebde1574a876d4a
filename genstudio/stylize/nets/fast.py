"""Fast: any style in one pass. The eyes' levels take the style on (`transport`), a decoder makes of them
the picture.

    level 4 -> carried -> conv, blocks -> up -+-> conv, blocks -> up ... -+-> conv, block -> conv -+-> picture
    level 3 -> carried -----------------------+                           |                        |
    level 1 -> carried ---------------------------------------------------+                        |
    pixels  -> carried ----------------------------------------------------------------------------+

Everything that must be known of the picture as a whole is in the transport. With that given, a pixel depends
on those near it alone, so a large picture may be cut into tiles without the style drifting between them.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genstudio.stylize.nets.eyes import Eyes, EyesConfig, conv3x3
from genstudio.stylize.nets.transport import Statistics, Transport


@dataclass(frozen=True)
class FastConfig:
    """The eyes' channels, the decoder's, and its residual blocks at each level, from the finest."""

    eyes: tuple[int, ...] = EyesConfig.widths
    widths: tuple[int, ...] = (24, 56, 112, 160)
    blocks: tuple[int, ...] = (1, 1, 2, 2)


class Fast(nn.Module):
    """(N, 3, H, W) float, 0..1, and a `Transport` -> the picture in that style, float32, not clipped.

        transport = Transport.between(net.statistics(content), net.statistics(style))
        result = net(content, transport)

    Attributes:
        overlap_px: the radius of everything a pixel of the result depends on, the transport given.
        multiple: a cut-out must begin on multiples of this to be treated as it is in the whole.
    """

    Config = FastConfig
    scale = 1

    def __init__(self, config: FastConfig) -> None:
        super().__init__()
        self.config = config
        self.eyes = Eyes(EyesConfig(config.eyes))
        self.decoder = Decoder(config)
        self.multiple = self.eyes.multiple
        self.overlap_px = self.eyes.overlap_px + self.decoder.overlap_px

    def forward(self, x: Tensor, transport: Transport | None = None) -> Tensor:
        """Without a transport: the picture as the decoder gives it back."""
        levels = self.levels(x)
        if transport is not None:
            levels = transport(levels)
        y: Tensor = self.decoder(levels)
        return y

    def levels(self, x: Tensor) -> list[Tensor]:
        """The pixels, and the eyes' levels."""
        return [x.float(), *self.eyes(x)]

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    def statistics(self, x: Tensor) -> Statistics:
        """Of pictures (N, 3, H, W), 0..1: what a style is, and what a content is before it takes one on."""
        return Statistics.of(self.levels(x))


class Styled(nn.Module):
    """(N, 3, H, W) -> (N, 3, H, W): a net as a picture is painted with it, by degrees."""

    def __init__(self, net: Fast) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor, transport: Transport, strength: float) -> Tensor:
        """
        Args:
            transport: stays in float32 whatever number format the net is brought to.
            strength: 0..1. What the decoder adds to the carried pixels counts for 2 s - s^2: nothing at 0,
                where a picture so comes back exactly, and in the one pass.
        """
        levels = transport(self.net.levels(x))
        y: Tensor = self.net.decoder(levels)
        return levels[0] + strength * (2 - strength) * (y - levels[0])


class Decoder(nn.Module):
    """Five levels, the pixels first -> the picture."""

    def __init__(self, config: FastConfig) -> None:
        super().__init__()
        widths, blocks = config.widths, config.blocks
        below = (*widths[:-1], 0)  # channels that come up from the level below, narrowed to the level's own
        self.enter = nn.ModuleList(
            conv3x3(f + b, w) for f, b, w in zip(config.eyes, below, widths, strict=True)
        )
        self.body = nn.ModuleList(
            nn.Sequential(*(Block(w) for _ in range(n))) for w, n in zip(widths, blocks, strict=True)
        )
        self.narrow = nn.ModuleList(conv3x3(b, a) for a, b in itertools.pairwise(widths))
        self.tail = conv3x3(3 + widths[0], 3)
        nn.init.zeros_(self.tail.weight)  # so it begins as the pixels with the style's colours
        convs_px = sum((1 + 2 * n) * 2**level for level, n in enumerate(blocks))
        narrow_px = sum(2**level for level in range(1, len(blocks)))
        self.overlap_px = convs_px + narrow_px + 1 + 2 ** (len(blocks) - 1)

    def forward(self, levels: Sequence[Tensor]) -> Tensor:
        pixels, *features = levels
        h = self.body[-1](normalised(F.relu(self.enter[-1](features[-1]))))
        for level in reversed(range(len(features) - 1)):
            h = F.relu(self.narrow[level](normalised(h)))
            height, width = features[level].shape[-2:]
            # Nearest, not transposed convolution: that would weave a checkerboard.
            h = F.interpolate(h, scale_factor=2, mode="nearest")[..., :height, :width]
            h = torch.cat((features[level], h), 1)
            h = self.body[level](normalised(F.relu(self.enter[level](h))))
        y: Tensor = pixels + self.tail(torch.cat((pixels.to(h.dtype), normalised(h)), 1)).float()
        return y


class Block(nn.Module):
    """Two convolutions added to what they were given (He et al. 2016, with normalisation of what goes in)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = conv3x3(width, width)
        self.second = conv3x3(width, width)
        # The skip already carries the signal: small at first, or depth would make it explode.
        self.second.weight.data.mul_(0.1)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x + self.second(F.relu(self.first(normalised(x))))
        return y


def normalised(h: Tensor) -> Tensor:
    """Every pixel's channels to a root mean square of 1 (Karras et al. 2018): without it the blocks grew in
    training until nothing else could be learned, and a norm over positions would see the whole picture."""
    return h * torch.rsqrt(h.float().square().mean(1, keepdim=True) + 1e-6).to(h.dtype)
