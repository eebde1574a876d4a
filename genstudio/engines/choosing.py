"""Which engine does a net's arithmetic: chosen, and made ready.

On a processor OpenVINO does it where it can, for it starts in a fraction of the time that torch takes to be
imported alone; torch does all else: GPUs, models of others, formats the processor has no instructions for.
"""

import functools
import importlib.util
import logging
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from genstudio import device as devices
from genstudio import weights
from genstudio.options import OptionError

if TYPE_CHECKING:
    import openvino
    import torch
    from torch import nn

    from genstudio.engines.protocol import Engine

log = logging.getLogger("genstudio")

ENGINES = ("auto", "torch", "openvino")
_MAKING = threading.Lock()


class Change(Protocol):
    """What is done to a net before it is used."""

    def key(self, header: weights.Header) -> str:
        """What tells its outcome from any other; without torch. Raises UsageError where it cannot be done."""
        ...

    def apply(self, header: weights.Header, net: "nn.Module") -> "nn.Module":
        """The net to be used; raises UsageError as `key` does."""
        ...


def load(
    name: str,
    task: str,
    *,
    device: "str | torch.device" = "auto",
    precision: str = "auto",
    engine: str = "auto",
    compile: bool = False,
    change: Change | None = None,
) -> "Engine":
    """A net as an engine.

    Args:
        name: of ours, or a file, ours or the community's.
        device: one of `device.DEVICES`, or a torch.device.
        precision: one of `device.PRECISIONS`; with "auto" 16-bit and float pictures are done in float32.
        engine: one of `ENGINES`.
        compile: whether torch is to compile the net; what it makes is kept in the user's cache.

    Raises:
        UsageError: an unknown model, device, precision or engine, or an engine that cannot do it.
        WeightsError: a file that is missing, damaged or refused.
        DeviceError: a device this machine lacks.
    """
    devices.check_precision(precision)
    if engine not in ENGINES:
        raise OptionError("engine", f"expected one of {', '.join(ENGINES)}, found {engine!r}")
    obstacle = _obstacle(name, task, device, precision, compile) if engine != "torch" else ""
    if engine == "openvino" and obstacle:
        raise OptionError("engine", f"openvino: expected {obstacle}; choose torch or auto")
    if engine != "torch" and not obstacle:
        from genstudio.engines.openvino_convert import NoConversionError

        try:
            return _openvino(name, task, precision, change)
        except NoConversionError as error:
            if engine == "openvino":
                raise OptionError("engine", f"openvino: {name}: {error}; choose torch or auto") from error
            log.warning("%s: %s; torch runs it", name, error)
    return _torch(name, task, device, precision, compile, change)


def is_community(name: str, task: str) -> bool:
    """Whether this is a model that others have made: a file, or the name of one that was imported.

    Raises WeightsError for a file that is no model's, and for a training run.
    """
    path = Path(name)
    weights.refuse_run(path)
    if path.suffix.lower() in (".pth", ".pt", ".ckpt"):
        return True
    if path.is_file():
        return not weights.is_ours(path)
    return weights.imported(name, task) is not None


def _obstacle(name: str, task: str, device: "str | torch.device", precision: str, compile: bool) -> str:
    """What keeps OpenVINO from running this: what would have to be, and what is; "" for nothing."""
    if compile:
        return "no compiling by torch, found compile"
    if is_community(name, task):
        return f"weights of genstudio, found {name}"
    if not devices.is_cpu(device):
        return f"the device cpu, found {device}"
    if not has_openvino():
        return "openvino, found it not installed (pip install openvino)"
    formats = openvino_formats()
    if precision not in ("auto", *formats):
        return f"a precision this processor is fast at ({', '.join(formats)}), found {precision}"
    return ""


def has_openvino() -> bool:
    return importlib.util.find_spec("openvino") is not None


def core() -> "openvino.Core":
    """The only one, never let go: with a core goes the stack that signals are taken on since it was made, and
    the next Ctrl-C would be a crash."""
    with _MAKING:
        return _core()


@functools.cache
def _core() -> "openvino.Core":
    import openvino

    return openvino.Core()


def openvino_formats() -> tuple[str, ...]:
    """Number formats that OpenVINO has instructions for here, the fastest first."""
    capabilities: list[str] = core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return ("bfloat16", "float32") if "BF16" in capabilities else ("float32",)


def _openvino(name: str, task: str, precision: str, change: Change | None) -> "Engine":
    from genstudio.engines import openvino_convert
    from genstudio.engines.openvino_engine import OpenVINOEngine

    key = change.key(weights.verified(name, task)[0]) if change else ""

    def net_in(format: str) -> openvino_convert.Net:
        return openvino_convert.load(name, task, format, key, lambda: _net(name, task, change)[1], core())

    format = openvino_formats()[0] if precision == "auto" else precision
    deep_format = "float32" if precision == "auto" else format
    return OpenVINOEngine(net_in, core(), format=format, deep_format=deep_format, name=name)


def _net(name: str, task: str, change: Change | None) -> "tuple[weights.Header, nn.Module]":
    header, net = weights.load_net(name, task)
    if change is not None:
        net = change.apply(header, net)
    return header, net


def _torch(
    name: str,
    task: str,
    device: "str | torch.device",
    precision: str,
    compile: bool,
    change: Change | None,
) -> "Engine":
    if compile:
        # Before torch is imported, which settles on a folder that is emptied with the machine's start.
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(weights.cache() / "inductor"))
    import torch

    on = devices.pick(device)
    if is_community(name, task):
        from genstudio.engines import community

        path = weights.imported(name, task) or Path(name)
        return community.load(path, device=on, precision=precision, compiled=compile)
    from genstudio.engines.torch_engine import TorchEngine

    header, net = _net(name, task, change)
    dtype = devices.precision(precision, on)
    described: Any = net  # what our nets say of themselves, which torch's types cannot
    return TorchEngine(
        net,
        scale=header.scale,
        overlap_px=described.overlap_px,
        align=getattr(net, "multiple", 1),
        takes=getattr(net, "takes", ()),
        compiled=compile,
        name=name,
        device=on,
        dtype=dtype,
        deep_dtype=torch.float32 if precision == "auto" else dtype,
    )
