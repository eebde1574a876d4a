"""Metrics against torchmetrics, and against closed forms."""

import math

import pytest
import torch
from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure

from genstudio.measures import fidelity


def test_luma_of_black_and_white() -> None:
    y = fidelity.luma(torch.tensor([[0.0, 0, 0], [1, 1, 1]]).view(2, 3, 1, 1))
    assert torch.allclose(y.flatten(), torch.tensor([16.0, 235.0]), atol=1e-3)


def test_psnr_agrees_with_torchmetrics() -> None:
    torch.manual_seed(0)
    a, b = torch.rand(3, 3, 20, 30) * 255, torch.rand(3, 3, 20, 30) * 255
    theirs = [
        peak_signal_noise_ratio(x[None], y[None], data_range=255.0).item() for x, y in zip(a, b, strict=True)
    ]
    assert torch.allclose(fidelity.psnr(a, b), torch.tensor(theirs, dtype=torch.float64), atol=1e-4)
    assert math.isinf(fidelity.psnr(a[:1], a[:1]).item())


def test_ssim_agrees_with_torchmetrics_inside_the_border() -> None:
    torch.manual_seed(0)
    a = torch.rand(2, 1, 40, 50, dtype=torch.float64) * 255
    b = (a + 20 * torch.randn_like(a)).clamp(0, 255)
    # torchmetrics counts windows that reach over the border as well; MATLAB's code leaves them out.
    _, everywhere = structural_similarity_index_measure(
        a, b, sigma=1.5, kernel_size=11, data_range=255.0, reduction="none", return_full_image=True
    )
    assert torch.allclose(fidelity.ssim(a, b), fidelity.shave(everywhere, 5).mean(dim=(1, 2, 3)), atol=1e-9)


def test_shave() -> None:
    assert fidelity.shave(torch.zeros(1, 1, 10, 12), 4).shape == (1, 1, 2, 4)


def test_bands_of_rows_give_what_the_whole_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    a = torch.rand(2, 3, 37, 23, dtype=torch.float64) * 255
    b = (a + 20 * torch.randn_like(a)).clamp(0, 255)
    whole = fidelity.psnr(a, b), fidelity.ssim(a, b)
    monkeypatch.setattr(fidelity, "BAND", 4 * 2 * 3 * 23)  # four rows
    for banded, at_once in zip((fidelity.psnr(a, b), fidelity.ssim(a, b)), whole, strict=True):
        assert torch.allclose(banded, at_once, rtol=1e-12)


def test_ssim_needs_a_window() -> None:
    with pytest.raises(ValueError, match="11 pixels"):
        fidelity.ssim(torch.zeros(1, 1, 10, 40), torch.zeros(1, 1, 10, 40))
