"""A transformer net with conditional instance normalisation: any style in one pass.

    picture -> 1/2 -> 1/4 -> residual blocks -> 1/2 -> 1/1 -> picture
                 each convolution: normalised, then scaled and shifted as the style says

The body is that of Johnson et al. 2016, "Perceptual Losses for Real-Time Style Transfer". In it the style
is nothing but the scale and shift of each normalised channel (Dumoulin et al. 2017, "A Learned
Representation for Artistic Style"), which a small net predicts from a painting (Ghiasi et al. 2017,
"Exploring the structure of a real-time, arbitrary neural artistic stylization network"). There the
predictor is an Inception net; here it reads the mean and the deviation of VGG-like features at four depths.

Normalisation is the one part that sees the picture as a whole. `moments` gathers what it needs; with these
each layer is an affine map of channels, a pixel depends on those near it alone, and a large picture may be
cut into tiles, or an animation into frames, without the style drifting.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genstudio.stylize.nets.encoder import Encoder, EncoderConfig

EPSILON = 1e-5


@dataclass(frozen=True)
class ConditionalConfig:
    """Channels at 1/2 (in), 1/4, 1/2 (out) and 1/1; residual blocks at 1/4; the predictor's hidden and last
    width; the ranks of its encoder."""

    half: int = 64
    quarter: int = 128
    up: int = 64
    full: int = 32
    blocks: int = 5
    hidden: int = 512
    code: int = 128
    ranks: tuple[int, ...] = EncoderConfig.ranks


@dataclass(frozen=True)
class Moments:
    """Of each normalised layer's input: mean and variance (N, C), float32."""

    means: tuple[Tensor, ...]
    variances: tuple[Tensor, ...]

    @classmethod
    def pooled(cls, parts: Sequence["Moments"]) -> "Moments":
        """Those of several pictures of one size taken together, the frames of an animation."""
        means, variances = [], []
        for layer in zip(*(p.means for p in parts), strict=True):
            means.append(torch.stack(layer).mean(0))
        for k, layer in enumerate(zip(*(p.variances for p in parts), strict=True)):
            spread = torch.stack([p.means[k] for p in parts]).var(0, correction=0)
            variances.append(torch.stack(layer).mean(0) + spread)
        return cls(tuple(means), tuple(variances))


class ConditionalNet(nn.Module):
    """(N, 3, H, W) float, 0..1, and a style's parameters (N, P) -> the picture in that style, float32, 0..1.

        style = net.predict(net.style_features(painting))
        result = net(photograph, style)

    Attributes:
        overlap_px: the radius of everything a pixel of the result depends on, moments given.
        multiple: a cut-out must begin on multiples of this to be treated as it is in the whole.
    """

    Config = ConditionalConfig
    scale = 1
    multiple = 4

    def __init__(self, config: ConditionalConfig) -> None:
        super().__init__()
        self.config = c = config
        self.encoder = Encoder(EncoderConfig(config.ranks))
        self.down = nn.ModuleList([conv3x3(12, c.half), conv3x3(c.half, c.quarter, stride=2)])
        self.body = nn.ModuleList(conv3x3(c.quarter, c.quarter) for _ in range(2 * c.blocks))
        self.up = nn.ModuleList([conv3x3(c.quarter, c.up), conv3x3(c.up, c.full)])
        self.tail = nn.Conv2d(c.full, 3, 3, padding=1, padding_mode="replicate")
        self.widths = (c.half, c.quarter, *[c.quarter] * (2 * c.blocks), c.up, c.full)
        self.predictor = StylePredictor(2 * sum(self.widths), c.hidden, c.code)
        # Convolutions at sides of 1/2, 1/4 and 1/1, and the positions that a cut-out's halving takes in.
        self.overlap_px = 2 + 2 + 4 * (2 * c.blocks) + 2 + 1 + 1 + self.multiple

    def forward(self, x: Tensor, style: Tensor | None = None, moments: Moments | None = None) -> Tensor:
        """
        Args:
            style: (N, P), as `predict` gives it; None: that of x itself.
            moments: the whole picture's, where x is cut out of it; None: x's own.
        """
        if style is None:
            style = self.predict(self.style_features(x))
        return self._run(x, style, moments, None)

    def moments(self, x: Tensor, style: Tensor) -> Moments:
        """What normalisation needs to know of a whole picture (N, 3, H, W)."""
        found: list[tuple[Tensor, Tensor]] = []
        self._run(x, style, None, found)
        means, variances = zip(*found, strict=True)
        return Moments(tuple(means), tuple(variances))

    def _run(
        self, x: Tensor, style: Tensor, moments: Moments | None, found: list[tuple[Tensor, Tensor]] | None
    ) -> Tensor:
        height, width = x.shape[-2:]
        x = F.pad(x, (0, -width % self.multiple, 0, -height % self.multiple), mode="replicate")
        scales, shifts = (torch.split(half, list(self.widths), 1) for half in style.float().chunk(2, 1))
        layer = 0

        def normalised(h: Tensor) -> Tensor:
            nonlocal layer
            if moments is None:
                variance, mean = torch.var_mean(h.float(), (2, 3), correction=0)
                if found is not None:
                    found.append((mean, variance))
            else:
                mean, variance = moments.means[layer], moments.variances[layer]
            gain = scales[layer] * torch.rsqrt(variance + EPSILON)
            offset = shifts[layer] - mean * gain
            layer += 1
            return torch.addcmul(offset.to(h.dtype)[..., None, None], h, gain.to(h.dtype)[..., None, None])

        h = F.pixel_unshuffle((x - 0.5) * 4, 2).to(memory_format=torch.channels_last)
        h = h.to(self.tail.weight.dtype)
        for conv in self.down:
            h = F.relu(normalised(conv(h)))
        for first, second in zip(self.body[::2], self.body[1::2], strict=True):
            h = h + normalised(second(F.relu(normalised(first(h)))))
        for conv in self.up:
            # Nearest, not transposed convolution: that would weave a checkerboard.
            h = F.relu(normalised(conv(F.interpolate(h, scale_factor=2, mode="nearest"))))
        return torch.sigmoid(self.tail(h).float())[..., :height, :width]

    def predict(self, features: Tensor) -> Tensor:
        """Style features (N, F) -> parameters (N, P): the scales of all layers, then the shifts."""
        parameters: Tensor = self.predictor(features)
        return parameters

    def style_features(self, painting: Tensor) -> Tensor:
        """(N, 3, H, W), 0..1 -> (N, F) float32: see `style_features`."""
        return style_features(painting, self.encoder(painting))


def style_features(painting: Tensor, levels: Sequence[Tensor]) -> Tensor:
    """What the predictor reads of a painting: its colours' mean, deviation and correlations, and the mean and
    the deviation of the encoder's channels at each level, the levels each brought to unit variance by the
    predictor."""
    pixels = painting.float().flatten(2)
    centred = pixels - pixels.mean(2, keepdim=True)
    covariance = centred @ centred.mT / pixels.shape[2]
    deviation = covariance.diagonal(dim1=1, dim2=2).clamp_min(1e-6).sqrt()
    pairs = torch.stack([covariance[:, a, b] for a, b in ((0, 1), (0, 2), (1, 2))], 1)
    found = [(pixels.mean(2) - 0.45) * 4, deviation * 6, pairs * 20]
    for level in levels:
        variance, mean = torch.var_mean(level.float(), (2, 3), correction=0)
        found += [mean, variance.clamp_min(1e-8).sqrt()]
    return torch.cat(found, 1)


class StylePredictor(nn.Module):
    """Style features (N, 1929) -> parameters (N, P)."""

    COLOURS = 9
    LEVELS = (64, 128, 256, 512)

    def __init__(self, parameters: int, hidden: int, code: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(c) for width in self.LEVELS for c in (width, width))
        self.code = nn.Sequential(
            nn.Linear(self.COLOURS + 2 * sum(self.LEVELS), hidden),
            nn.GELU(),
            nn.Linear(hidden, hidden),
            nn.GELU(),
            nn.Linear(hidden, code),
        )
        self.parameters_of = nn.Linear(code, parameters)
        nn.init.normal_(self.parameters_of.weight, std=0.02)
        nn.init.zeros_(self.parameters_of.bias)
        with torch.no_grad():
            self.parameters_of.bias[: parameters // 2] = 1.0  # scales; shifts begin at 0

    def forward(self, features: Tensor) -> Tensor:
        widths = [width for width in self.LEVELS for _ in range(2)]
        colours, *parts = torch.split(features, [self.COLOURS, *widths], 1)
        # Channels' means grow with contrast alike; the logarithm keeps the strong ones from deciding alone.
        read = [
            norm(torch.log(part.clamp_min(0) + 0.02)) for norm, part in zip(self.norms, parts, strict=True)
        ]
        with torch.autocast(features.device.type, enabled=False):
            y: Tensor = self.parameters_of(self.code(torch.cat([colours, *read], 1)))
        return y


def conv3x3(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    # No bias: the normalisation after it would take it out again.
    conv = nn.Conv2d(inputs, outputs, 3, stride, padding=1, padding_mode="replicate", bias=False)
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    return conv
