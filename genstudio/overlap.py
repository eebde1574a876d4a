"""How far a net sees, measured."""

import logging

import torch
from torch import Tensor, nn

log = logging.getLogger("genstudio")

# A change smaller than this cannot be told in an 8-bit result but by chance of rounding.
NOTICEABLE = 0.25 / 255
MOST_PX = 128


@torch.inference_mode()
def measure_overlap(
    net: nn.Module,
    *,
    scale: int,
    channels: int = 3,
    multiple: int = 1,
    minimum: int = 1,
    square: bool = False,
    device: torch.device | str = "cpu",
) -> int:
    """The distance in input pixels beyond which a disturbance changes the result by less than `NOTICEABLE`.

    A strip of texture and noise is run through the net, then again with one half inverted: how far into the
    other half does the result change? Along and across, from both sides, on strips that double in length
    until the answer lies well inside; at `MOST_PX` it is given up, with a log line.

    For a deep net this is far less than its theoretical radius (RRDB of 23 blocks: over 300 px).

    Args:
        net: (N, channels, H, W) float32 0..1 -> (N, channels, H * scale, W * scale), on `device`.
        multiple, minimum, square: sides the net needs.
    """
    unit = multiple
    half = -(-max(32, minimum, 2 * unit) // unit) * unit
    while True:
        breadth = 2 * half if square else -(-max(32, minimum) // unit) * unit
        seen_px = max(_reach(net, half, breadth, scale, channels, device, turned) for turned in (False, True))
        if seen_px <= 0.75 * half:
            return seen_px
        if half >= MOST_PX:
            log.warning(
                "this model sees %d px or further; tiles overlap by %d px and may differ a little there",
                seen_px,
                min(seen_px, MOST_PX),
            )
            return min(seen_px, MOST_PX)
        half = min(2 * half, -(-MOST_PX // unit) * unit)


def _reach(
    net: nn.Module,
    half: int,
    breadth: int,
    scale: int,
    channels: int,
    device: torch.device | str,
    turned: bool,
) -> int:
    picture = _texture(breadth, 2 * half).to(device).expand(1, channels, -1, -1)
    left, right = picture.clone(), picture.clone()
    left[..., :half] = 1 - left[..., :half]
    right[..., half:] = 1 - right[..., half:]
    batch = torch.cat([picture, left, right])
    answer = net(batch.mT.contiguous()).mT if turned else net(batch)
    change = (answer[1:] - answer[:1]).float().clamp(-1, 1).abs().amax(dim=(1, 2)) > NOTICEABLE
    middle = half * scale
    beyond_left = change[0, middle:].nonzero()  # columns counted from the middle outwards
    beyond_right = change[1, :middle].flip(0).nonzero()
    furthest = max(int(each.max()) + 1 if each.numel() else 0 for each in (beyond_left, beyond_right))
    return -(-furthest // scale)


def _texture(height: int, width: int) -> Tensor:
    """(1, 1, H, W): waves that get finer, hard edges and noise, the same every time."""
    noise = torch.rand(height, width, generator=torch.Generator().manual_seed(0))
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    waves = 0.5 + 0.5 * torch.sin(x * (0.1 + x / width)) * torch.cos(y * (0.1 + y / height))
    blocks = ((x // 8 + y // 8) % 2).float()
    return (0.4 * waves + 0.3 * blocks + 0.3 * noise)[None, None]
