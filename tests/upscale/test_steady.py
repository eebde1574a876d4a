"""Flat areas, greys and local means are kept by construction, whatever a net says."""

import numpy as np
import pytest
import torch
from spandrel.architectures.Compact import Compact

from genstudio.upscale.mixture import Mixture
from genstudio.upscale.srvgg import SRVGGConfig, SRVGGNet
from genstudio.upscale.steady import keep_means, steadied


def noisy(*shape: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).random(shape, np.float32))


def test_nothing_is_added_where_a_picture_is_flat() -> None:
    x = torch.full((1, 3, 24, 24), 0.3)
    x[..., 12:] += 0.2
    added = steadied(x, noisy(1, 3, 48, 48), 2)
    assert added[..., : 2 * 8].abs().max() == 0
    assert added[..., 2 * 16 :].abs().max() == 0
    assert added[..., 22:26].abs().max() > 0.1


def test_only_greys_are_added_to_greys() -> None:
    x = noisy(1, 1, 16, 16).repeat(1, 3, 1, 1)
    x[:, 0, :, 10:] *= 0.5
    added = steadied(x, noisy(1, 3, 32, 32), 2)
    grey, coloured = added[..., : 2 * 6], added[..., 2 * 10 :]
    assert (grey.amax(1) - grey.amin(1)).max() < 1e-6
    assert (coloured.amax(1) - coloured.amin(1)).max() > 0.1


@pytest.mark.parametrize("shift", [0.01, 0.1, -0.5])
def test_a_shift_of_all_pixels_is_taken_back(shift: float) -> None:
    x = 0.25 + 0.5 * noisy(1, 3, 40, 40)
    y = x.repeat_interleave(2, 2).repeat_interleave(2, 3) + shift
    kept = keep_means(x, y, 2)
    assert (kept.mean((2, 3)) - x.mean((2, 3))).abs().max() < 1 / 255


def test_a_picture_that_moved_no_mean_is_left_alone() -> None:
    x = 0.25 + 0.5 * noisy(1, 3, 40, 40)
    detail = 0.1 * noisy(1, 3, 80, 80)
    means = torch.nn.functional.avg_pool2d(detail, 2)
    y = x.repeat_interleave(2, 2).repeat_interleave(2, 3) + detail
    y -= means.repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert (keep_means(x, y, 2) - y).abs().max() < 1e-5


@torch.no_grad()
def test_other_programs_run_the_same_net() -> None:
    torch.manual_seed(0)
    ours = SRVGGNet(SRVGGConfig(width=8, depth=3, scale=4))
    theirs = Compact(num_feat=8, num_conv=3, upscale=4, act_type="prelu")
    slopes = {f"body.{k}.weight": torch.full((8,), 0.1) for k in range(1, 8, 2)}
    theirs.load_state_dict(ours.state_dict() | slopes)
    x = noisy(1, 3, 13, 9)
    assert torch.allclose(ours.raw(x), theirs(x), atol=1e-5)


@torch.no_grad()
def test_a_mixture_runs_from_one_net_to_the_other() -> None:
    torch.manual_seed(0)
    nets = [SRVGGNet(SRVGGConfig(width=8, depth=depth, scale=2)).eval() for depth in (2, 4)]
    for net in nets:
        torch.nn.init.normal_(net.body[-1].weight)  # type: ignore[arg-type]
    x = noisy(1, 3, 9, 9)
    first, second = (net(x) for net in nets)
    assert torch.equal(Mixture(*nets, 0.0)(x), first)
    assert torch.allclose(Mixture(*nets, 1.0)(x), second)
    assert torch.allclose(Mixture(*nets, 0.25)(x), 0.75 * first + 0.25 * second, atol=1e-6)
    assert Mixture(*nets, 0.5).overlap_px == nets[1].overlap_px
