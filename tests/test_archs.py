"""Every net that restores: shapes, constants kept, and a receptive field no larger than it claims."""

from importlib import import_module

import pytest
import torch
from torch import nn

SMALL = {
    "compact": {"width": 8, "depth": 3},
    "srvgg": {"width": 8, "depth": 3},
    "dae": {"width": 8, "blocks": 1},
    "dae-plain": {"width": 8, "code": 6},
    "rrdbnet": {"width": 8, "growth": 4, "blocks": 1},
    "srcnn": {"channels": (8, 4)},
}
ARCHS = [
    (task, arch, path)
    for task in ("denoise", "upscale")
    for arch, path in import_module(f"genstudio.{task}").ARCHS.items()
]


def small_net(path: str, **config: object) -> nn.Module:
    module, _, name = path.partition(":")
    cls = getattr(import_module(module), name)
    torch.manual_seed(0)
    net = cls(cls.Config(**config)).eval()
    for p in net.parameters():
        # Trained nets have live tails; a fresh one is nearly zero there and would prove nothing.
        p.data = torch.randn_like(p) * (2 / p[0].numel()) ** 0.5
    return net


@pytest.fixture(params=ARCHS, ids=lambda row: f"{row[0]}/{row[1]}")
def arch(request: pytest.FixtureRequest) -> tuple[str, str, str]:
    return request.param


@torch.no_grad()
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (16, 13)])
def test_shape(arch: tuple[str, str, str], size: tuple[int, int]) -> None:
    net = small_net(arch[2], **SMALL[arch[1]])
    y = net(torch.rand(2, 3, *size))
    assert y.shape == (2, 3, size[0] * net.scale, size[1] * net.scale)
    assert y.dtype == torch.float32


@torch.no_grad()
@pytest.mark.parametrize("color", [(1.0, 1.0, 1.0), (0.0, 0.0, 0.0), (0.2, 0.7, 0.4)])
def test_flat_colours_stay_exact_even_untrained(
    arch: tuple[str, str, str], color: tuple[float, float, float]
) -> None:
    net = small_net(arch[2], **SMALL[arch[1]])
    x = torch.tensor(color).view(1, 3, 1, 1).expand(1, 3, 12, 10)
    assert (net(x) - x[:, :, :1, :1]).abs().max() < 1e-4


@torch.no_grad()
def test_nothing_beyond_the_claimed_overlap_matters(arch: tuple[str, str, str]) -> None:
    net = small_net(arch[2], **SMALL[arch[1]])
    size, centre = 2 * net.overlap_px + 9, net.overlap_px + 4
    x = torch.rand(1, 3, size, size)
    changed = x.clone()
    changed[:, :, :, centre + net.overlap_px + 1 :] = torch.rand(
        1, 3, size, size - centre - net.overlap_px - 1
    )
    a, b = (net(p)[..., : (centre + 1) * net.scale] for p in (x, changed))
    assert torch.allclose(a, b, atol=1e-5)
