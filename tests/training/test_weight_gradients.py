"""Kernels' gradients in float32 under bfloat16: the same gradients, and nothing else changed."""

import copy

import pytest
import torch
from torch import nn

from genstudio.training.weight_gradients import in_float32


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("mode", ["replicate", "zeros"])
@pytest.mark.parametrize("bias", [True, False])
def test_gradients_are_those_of_plain_convolutions(stride: int, mode: str, bias: bool) -> None:
    torch.manual_seed(0)
    plain = nn.Conv2d(40, 8, 3, stride, padding=1, padding_mode=mode, bias=bias)
    changed = copy.deepcopy(plain)
    in_float32(changed)
    x = torch.randn(2, 40, 9, 8)
    found = []
    for conv in (plain, changed):
        inputs = x.clone().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16):
            y = conv(inputs)
        y.float().square().sum().backward()
        assert inputs.grad is not None
        assert y.dtype == torch.bfloat16
        found.append([y.float(), inputs.grad, *(p.grad for p in conv.parameters())])
    for a, b in zip(*found, strict=True):
        assert ((a - b).norm() / a.norm()).item() < 0.01
    assert torch.equal(plain(x), changed(x))  # without autocast


def test_narrow_ones_stay_as_they_are() -> None:
    net = nn.Sequential(nn.Conv2d(32, 8, 3), nn.Conv2d(64, 64, 3, groups=2))
    in_float32(net)
    assert not any("_conv_forward" in vars(module) for module in net)
