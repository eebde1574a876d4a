"""DAE: our denoising autoencoder. A U-Net of plain 3x3 convolutions that is told how much noise to take away.

    x - local mean, noise level -> unshuffle 2 -> conv -> blocks ------------------- + -> blocks -> conv
                                                            |                        |                |
                                                          down -> ... blocks ... -> up          shuffle 2, + x

The line is FFDNet's (Zhang, Zuo and Zhang 2018: work at half size, a map of the noise level as input) and
DRUNet's (Zhang et al. 2022: U-Net, residual blocks, skips by addition). Working at half size halves the sides
of everything a processor must read and write, and a level below costs the same per block and sees twice as
far; so of one budget most is spent where the noise of flat areas can be told from what lies under it.

Two decisions hold by construction, not by luck of training:

- No biases anywhere (Mohan et al. 2020), the noise level an input like the picture: f(a x, a s) = a f(x, s),
  so what is learned at one noise level holds at others.
- The net sees the picture minus its local mean, f(x + c, s) = f(x, s) + c: a flat area that is said to be
  clean comes back as it is, white stays white.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Side of the window of the local mean. Far wider than the grain of noise: what the mean takes away of slow
# noise the net cannot give back.
LOCAL_MEAN_PX = 34


@dataclass(frozen=True)
class DAEConfig:
    """`width` channels at half size, twice as many at each of the further `levels`; `blocks` residual blocks
    at each level on the way down, and again on the way up. A net that is not `told` the noise level finds it
    in the picture."""

    width: int = 96
    blocks: int = 2
    levels: int = 2
    told: bool = True


class DAE(nn.Module):
    """(N, 3, H, W) float, 0..1 -> the same without its noise, float32, not clipped. Any H and W.

    Attributes:
        overlap_px: the radius of everything a pixel of the result depends on.
        multiple: a cut-out must begin on multiples of this to be treated as it is in the whole.
        told: whether the noise level makes a difference.
        takes: what an engine can tell it.
    """

    Config = DAEConfig
    scale = 1

    def __init__(self, config: DAEConfig) -> None:
        super().__init__()
        self.config = config
        self.told = config.told
        self.takes = ("noise_std",) if config.told else ()
        self.multiple = 2**config.levels
        widths = [config.width * 2**level for level in range(config.levels)]
        convs_px = sum(4 * config.blocks * 2 ** (level + 1) for level in range(config.levels))
        self.overlap_px = LOCAL_MEAN_PX // 2 + convs_px + 2 * 2 + self.multiple - 1
        self.head = conv3x3(4 * 3 + config.told, widths[0])
        self.before = nn.ModuleList(_blocks(w, config.blocks) for w in widths)
        self.down = nn.ModuleList(nn.Conv2d(w, 2 * w, 2, 2, bias=False) for w in widths[:-1])
        self.up = nn.ModuleList(nn.ConvTranspose2d(2 * w, w, 2, 2, bias=False) for w in widths[:-1])
        self.after = nn.ModuleList(_blocks(w, config.blocks) for w in widths)
        self.tail = conv3x3(widths[0], 4 * 3)
        nn.init.normal_(self.tail.weight, std=1e-3)

    def forward(self, x: Tensor, noise_std: Tensor | float = 0.0) -> Tensor:
        """`noise_std` of the noise on the 0..255 scale, one number or one for each picture, (N,)."""
        _, _, height, width = x.shape
        x = padded(x.float(), self.multiple)
        detail, _ = seen(x, noise_std if self.told else None)
        h = self.head(detail.to(self.head.weight.dtype))
        skips = []
        for before, down in zip(self.before, self.down, strict=False):
            h = before(h)
            skips.append(h)
            h = down(h)
        h = self.after[-1](self.before[-1](h))
        for skip, up, after in reversed(list(zip(skips, self.up, self.after, strict=False))):
            h = after(up(h) + skip)
        result: Tensor = x + F.pixel_shuffle(self.tail(h).float(), 2)
        return result[..., :height, :width]


class Block(nn.Module):
    """Two convolutions added to what they were given (He et al. 2016, without normalisation)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = conv3x3(width, width)
        self.second = conv3x3(width, width)
        # The skip already carries the signal: small at first, or depth would make it explode.
        self.second.weight.data.mul_(0.1)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x + self.second(F.relu(self.first(x)))
        return y


def _blocks(width: int, number: int) -> nn.Sequential:
    return nn.Sequential(*(Block(width) for _ in range(number)))


def conv3x3(inputs: int, outputs: int) -> nn.Conv2d:
    conv = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    nn.init.kaiming_normal_(conv.weight)
    return conv


def padded(x: Tensor, multiple: int) -> Tensor:
    """Grown at the right and bottom, by its last pixels, until the sides are multiples."""
    height, width = x.shape[-2:]
    return F.pad(x, (0, -width % multiple, 0, -height % multiple), mode="replicate")


def seen(x: Tensor, noise_std: Tensor | float | None) -> tuple[Tensor, Tensor]:
    """What the net sees of a picture with even sides, (N, 12 or 13, H/2, W/2): the 2x2 pixels of a cell as
    channels, less their local mean, and the noise level; and the mean, (N, 12, H/2, W/2)."""
    cells = F.pixel_unshuffle(x, 2)
    n, _, h, w = cells.shape
    # Of cells, not of pixels: a fourth of the work.
    mean = local_mean(cells.view(n, 3, 4, h, w).mean(2), LOCAL_MEAN_PX // 2).repeat_interleave(4, dim=1)
    if noise_std is None:
        return cells - mean, mean
    level = torch.as_tensor(noise_std, dtype=x.dtype, device=x.device).reshape(-1, 1, 1, 1) / 255
    return torch.cat((cells - mean, level.expand(n, 1, h, w)), 1), mean


def local_mean(x: Tensor, side: int) -> Tensor:
    """The mean over a square window of odd `side` around each pixel; edges go on as they end."""
    x = F.pad(x, (side // 2,) * 4, mode="replicate")
    return F.avg_pool2d(F.avg_pool2d(x, (side, 1), stride=1), (1, side), stride=1)
