"""Weight gradients of convolutions in float32, on processors whose bfloat16 ones are slow.

With AMX, PyTorch 2.14's bfloat16 convolutions run at 1 to 3 TFLOP/s forwards and towards their input, but the
gradient of the kernel falls back to plain loops where more than 32 channels come in: 325 ms of processor time
for 128 -> 128 channels at 2 x 64 x 64 positions, where float32 takes 16 (Sapphire Rapids, 2 cores).
"""

from types import MethodType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LEAST_CHANNELS = 33


class _Convolution(torch.autograd.Function):
    """Of (N, C, H, W), already padded, with a kernel and no bias."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: tuple[int, int]) -> Tensor:
        x = x.bfloat16()
        ctx.save_for_backward(x, weight)
        ctx.stride = stride
        return F.conv2d(x, weight.bfloat16(), None, stride)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        x, weight = ctx.saved_tensors
        g = gradients[0].contiguous(memory_format=torch.channels_last)

        def part(g: Tensor, x: Tensor, weight: Tensor, which: int) -> Tensor:
            mask = [which == 0, which == 1, False]
            found = torch.ops.aten.convolution_backward(
                g, x, weight, None, ctx.stride, (0, 0), (1, 1), False, (0, 0), 1, mask
            )
            wanted: Tensor = found[which]
            return wanted

        return part(g, x, weight.bfloat16(), 0), part(g.float(), x.float(), weight, 1), None


def in_float32(net: nn.Module) -> None:
    """Make the convolutions of `net` that would be slow take their kernels' gradients in float32, under
    bfloat16 autocast on a CPU; anywhere else they stay as they are."""
    for module in net.modules():
        if not isinstance(module, nn.Conv2d) or module.groups != 1 or module.dilation != (1, 1):
            continue
        if module.in_channels >= LEAST_CHANNELS:
            module._conv_forward = MethodType(_conv_forward, module)  # type: ignore[method-assign]


def _conv_forward(self: nn.Conv2d, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    if not (x.device.type == "cpu" and torch.is_autocast_enabled("cpu") and torch.is_grad_enabled()):
        plain: Tensor = nn.Conv2d._conv_forward(self, x, weight, bias)
        return plain
    if any(self._reversed_padding_repeated_twice):
        mode = "constant" if self.padding_mode == "zeros" else self.padding_mode
        x = F.pad(x, self._reversed_padding_repeated_twice, mode=mode)
    stride = (int(self.stride[0]), int(self.stride[1]))
    y: Tensor = _Convolution.apply(x, weight, stride)
    return y if bias is None else y + bias.to(y.dtype)[:, None, None]
