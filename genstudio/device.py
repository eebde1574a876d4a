"""Which device does the arithmetic, how precisely, and how much memory it has left.

Torch is imported inside the functions: of a processor nothing that is asked here needs it, but where there is
a GPU's driver as well, only torch can say which of the two it is to be.
"""

import os
import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from genstudio.errors import DeviceError, UsageError

if TYPE_CHECKING:
    import torch

DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("auto", "float32", "bfloat16", "float16")


def is_cpu(device: "str | torch.device") -> bool:
    """Whether one of `DEVICES` means the processor on this machine. Raises as `pick` does."""
    if str(device) == "cpu" or (str(device) == "auto" and not _has_gpu_driver()):
        return True
    return pick(device).type == "cpu"


def _has_gpu_driver() -> bool:
    """Whether torch may find a GPU here. It may still find none: the driver alone is looked for."""
    if sys.platform == "darwin":
        return platform.machine() == "arm64"
    if sys.platform == "win32":
        return (Path(os.environ.get("SYSTEMROOT", r"C:\Windows")) / "System32" / "nvcuda.dll").exists()
    # NVIDIA's, the same under WSL, AMD's.
    drivers = ("/dev/nvidiactl", "/usr/lib/wsl/lib/libcuda.so.1", "/dev/kfd")
    return any(Path(driver).exists() for driver in drivers)


def pick(device: "str | torch.device" = "auto") -> "torch.device":
    """The torch device for one of `DEVICES`, one GPU of several ("cuda:1"), or the same as a torch.device.

    "auto" takes CUDA, then MPS, then the processor. Raises UsageError for a name that is none of these,
    DeviceError for a device this machine lacks.
    """
    import torch

    device = str(device)
    if device.partition(":")[0] not in DEVICES:
        raise UsageError(f"expected a device out of {', '.join(DEVICES)}, found {device!r}")
    present = ["cpu"]
    if torch.backends.mps.is_available():
        present.insert(0, "mps")
    if torch.cuda.is_available():
        present = ["cuda", *(f"cuda:{i}" for i in range(torch.cuda.device_count())), *present]
    if device == "auto":
        return torch.device(present[0])
    if device not in present:
        raise DeviceError(
            f"expected a device this machine has ({', '.join(present)}), found {device!r}; "
            "choose one of these or auto"
        )
    return torch.device(device)


def precision(
    requested: str, device: "torch.device", *, supports_half: bool = True, supports_bfloat16: bool = True
) -> "torch.dtype":
    """The number format a net computes in, for one of `PRECISIONS`.

    "auto" is the fastest that is no slower than float32 on this device: bfloat16 where there are
    instructions for it, float16 on GPUs without them, else float32. `supports_*` say what the net stands.

    Raises UsageError for an unknown name or a format the net does not stand.
    """
    import torch

    check_precision(requested)
    supported = {
        torch.float32: True,
        torch.bfloat16: supports_bfloat16,
        torch.float16: supports_half,
    }
    if requested != "auto":
        dtype: torch.dtype = getattr(torch, requested)
        if not supported[dtype]:
            raise UsageError(
                f"expected a precision this model stands, found {requested}; choose auto or float32"
            )
        return dtype
    return next(dtype for dtype in (*_fast_formats(device), torch.float32) if supported[dtype])


def training_precision(requested: str, device: "torch.device") -> "torch.dtype":
    """As `precision`, to train in: "auto" takes float16 on CUDA alone, where accelerate scales the loss."""
    return precision(requested, device, supports_half=requested != "auto" or device.type == "cuda")


def check_precision(requested: str) -> None:
    """Raise UsageError for a name that is none of `PRECISIONS`."""
    if requested not in PRECISIONS:
        raise UsageError(f"expected a precision out of {', '.join(PRECISIONS)}, found {requested!r}")


def _fast_formats(device: "torch.device") -> tuple["torch.dtype", ...]:
    """Half-precision formats with hardware behind them, the one with the wider range first."""
    import torch

    if device.type == "cuda":
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return torch.bfloat16, torch.float16
        # Before compute capability 7 float16 has no fast units (6.1: 1/64 of the float32 rate).
        return (torch.float16,) if torch.cuda.get_device_capability(device) >= (7, 0) else ()
    if device.type == "mps":
        return (torch.float16,)
    return (torch.bfloat16,) if _cpu_has_bfloat16() else ()


def _cpu_has_bfloat16() -> bool:
    """Whether the processor has bfloat16 instructions; emulated, bfloat16 is slower than float32."""
    import torch

    if platform.machine().lower() in {"arm64", "aarch64"}:
        return platform.system() == "Linux" and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def free_bytes(device: "torch.device | str") -> int:
    """Memory that can still be taken on a device such as "cpu" or "cuda:0", in bytes."""
    kind = str(device).partition(":")[0]
    if kind == "cuda":
        import torch

        # What torch's allocator holds but does not use is as good as free.
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0]) + cached
    if kind == "mps":
        import torch

        return int(torch.mps.recommended_max_memory() - torch.mps.current_allocated_memory())
    return int(psutil.virtual_memory().available)
