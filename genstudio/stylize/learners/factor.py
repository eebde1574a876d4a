"""Where the encoder begins: each of VGG-16's convolutions in turn, by least squares on a few pictures.

The channels that arrive are brought to those few which tell most of what the convolution answers; from these
a 3x3 convolution is fitted to VGG's own answers, given what is left of the layer before, and cut down to the
few directions in which its answers vary most (Zhang et al. 2015, "Accelerating Very Deep Convolutional
Networks for Classification and Detection", section 3).
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genstudio.measures.vgg import VGGFeatures
from genstudio.stylize.nets.encoder import VGG16, Encoder

# Not fitted to: VGG's zeros reach in from the edges.
EDGE = 2


@torch.no_grad()
def factor(net: Encoder, pictures: Tensor) -> None:
    """Fill `net`, given pictures (N, 3, H, W), 0..1, to fit it on.

    Raises:
        WeightsError: VGG-16's features are missing.
    """
    vgg = VGGFeatures(VGG16)
    batches = torch.split(pictures, 16)
    wanted = [vgg(batch) for batch in batches]
    before = [net.normalised(batch) for batch in batches]
    for name, conv in zip(VGG16, net.convs, strict=True):
        before = [net.arriving(name, h) for h in before]
        answers = [found.pop(name) for found in wanted]
        if isinstance(conv, nn.Sequential):
            fit(conv, before, answers, vgg.convs[name].get_parameter("weight"))
        else:
            conv.load_state_dict(vgg.convs[name].state_dict())
        before = [F.relu(conv(h)) for h in before]


def fit(conv: nn.Sequential, inputs: Sequence[Tensor], answers: Sequence[Tensor], kernel: Tensor) -> None:
    """Make `conv` answer each of `inputs` (N, C, H, W) as nearly as it can with `answers` (N, C', H, W).

    Args:
        kernel: VGG's own, (C', C, 3, 3), which says what of the inputs matters.
    """
    into, among, out = conv
    assert isinstance(into, nn.Conv2d)
    assert isinstance(among, nn.Conv2d)
    assert isinstance(out, nn.Conv2d)
    assert out.bias is not None
    rank = into.out_channels
    flat = [h.transpose(0, 1).flatten(1).double() for h in inputs]
    moments = torch.stack([f @ f.mT / f.shape[1] for f in flat]).mean(0)
    values, vectors = torch.linalg.eigh(moments)
    roots = values.clamp_min(1e-8 * values.max()).sqrt()
    half, whitening = vectors * roots @ vectors.mT, vectors / roots @ vectors.mT
    seen = torch.einsum("ocij,cd->docij", kernel.double(), half).flatten(1)
    telling = torch.linalg.eigh(seen @ seen.mT).eigenvectors[:, -rank:]
    into.weight.copy_((telling.mT @ whitening)[..., None, None])

    both = [equations(into(h), y) for h, y in zip(inputs, answers, strict=True)]
    own, shared = (torch.stack(each).mean(0) for each in zip(*both, strict=True))
    mean = own[:-1, -1]
    own.diagonal().add_(1e-4 * own.diagonal().mean())
    solved = torch.linalg.solve(own, shared, left=False)
    best, bias = solved[:, :-1], solved[:, -1]
    spread = best @ (own[:-1, :-1] - torch.outer(mean, mean)) @ best.mT
    directions = torch.linalg.eigh(spread).eigenvectors[:, -rank:]
    among.weight.copy_((directions.mT @ best).view_as(among.weight))
    out.weight.copy_(directions[..., None, None])
    centre = best @ mean
    out.bias.copy_(bias + centre - directions @ (directions.mT @ centre))


def equations(inputs: Tensor, answers: Tensor) -> tuple[Tensor, Tensor]:
    """Of a 3x3 convolution with bias, by least squares: second moments of patches, and with the answers."""
    height, width = inputs.shape[2:]
    patches = F.unfold(F.pad(inputs, (1, 1, 1, 1), mode="replicate"), 3)
    patches = patches.view(*patches.shape[:2], height, width)
    inner = (slice(None), slice(None), slice(EDGE, -EDGE), slice(EDGE, -EDGE))
    x, y = (each[inner].transpose(0, 1).flatten(1).double() for each in (patches, answers))
    x = torch.cat((x, torch.ones_like(x[:1])))
    return x @ x.mT / x.shape[1], y @ x.mT / x.shape[1]
