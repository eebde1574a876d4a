"""Eyes: what the fast net sees with. VGG-16's layout as far as relu4_1, in a tenth of its arithmetic and of
its weights.

    conv -> level 1  conv, pool, conv -> level 2  conv, pool, conv -> level 3  2 conv, pool, conv -> level 4
    relu1_1          relu2_1                      relu3_1                      relu4_1

They are distilled from VGG-16 (Wang et al. 2020, "Collaborative Distillation"; see `distil_eyes`). What
leaves a level is turned and scaled so that lengths and angles are those of VGG's own features: distances
between features, and between Gram matrices, then mean what they mean in VGG, with a third of its channels.
"""

from dataclasses import dataclass

from torch import Tensor, nn

# Near enough those of ImageNet's three channels for a net that learns from them.
MEAN, STD = 0.45, 0.225


@dataclass(frozen=True)
class EyesConfig:
    """Channels at each of the four levels."""

    widths: tuple[int, ...] = (16, 32, 80, 192)


class Eyes(nn.Module):
    """(N, 3, H, W) float, 0..1 -> its four levels, (N, widths[l], ceil(H / 2**l), ceil(W / 2**l)). Any size.

    Edges go on as they end (VGG's own zeros would be seen as a dark frame).

    Attributes:
        overlap_px: the radius of everything a value of the deepest level depends on.
        multiple: a cut-out must begin on multiples of this to be seen as it is in the whole.
    """

    Config = EyesConfig

    def __init__(self, config: EyesConfig) -> None:
        super().__init__()
        self.config = config
        w1, w2, w3, w4 = config.widths
        self.blocks = nn.ModuleList(
            (
                nn.Sequential(conv3x3(3, w1), nn.ReLU()),
                nn.Sequential(conv3x3(w1, w1), nn.ReLU(), halve(), conv3x3(w1, w2), nn.ReLU()),
                nn.Sequential(conv3x3(w2, w2), nn.ReLU(), halve(), conv3x3(w2, w3), nn.ReLU()),
                nn.Sequential(
                    *(conv3x3(w3, w3), nn.ReLU(), conv3x3(w3, w3), nn.ReLU()),
                    *(halve(), conv3x3(w3, w4), nn.ReLU()),
                ),
            )
        )
        self.turns = nn.ModuleList(turn(w) for w in config.widths)
        self.multiple = 2 ** (len(config.widths) - 1)
        # Convolutions at sides of 1, 1/2, 1/4 and 1/8, and what the poolings look ahead.
        self.overlap_px = 2 * 1 + 2 * 2 + 3 * 4 + 1 * 8 + self.multiple - 1

    def forward(self, x: Tensor) -> list[Tensor]:
        return [turn(f) for turn, f in zip(self.turns, self.features(x), strict=True)]

    def features(self, x: Tensor) -> list[Tensor]:
        """The levels as they leave their ReLUs."""
        h = normalised(x).to(next(self.parameters()).dtype)
        found = []
        for block in self.blocks:
            h = block(h)
            found.append(h)
        return found


def normalised(x: Tensor) -> Tensor:
    return (x.float() - MEAN) / STD


def conv3x3(inputs: int, outputs: int) -> nn.Conv2d:
    conv = nn.Conv2d(inputs, outputs, 3, padding=1, padding_mode="replicate")
    assert conv.bias is not None
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    nn.init.zeros_(conv.bias)
    return conv


def turn(channels: int) -> nn.Conv2d:
    """A linear map of channels, at first none."""
    conv = nn.Conv2d(channels, channels, 1, bias=False)
    nn.init.dirac_(conv.weight)
    return conv


def halve() -> nn.MaxPool2d:
    # The last row of an odd picture counts as well.
    return nn.MaxPool2d(2, ceil_mode=True)
