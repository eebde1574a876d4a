"""Our nets as OpenVINO takes them: made once of their weights, with torch's help, and kept in the cache.

What is kept is the net's graph in the number format it computes in, not what a processor makes of it, so one
file serves every machine that shares the folder. It is found by all that decides what is in it: the digest of
the weights (which are read and verified as ever), what was changed of them, the source of the nets and of
this file, the format, the version of OpenVINO. Anything else, or a damaged file, and it is made anew.
"""

import hashlib
import importlib
import io
import json
import logging
import math
import tempfile
import warnings
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import openvino

from genstudio import weights
from genstudio.errors import StudioError, WeightsError
from genstudio.weights.file import write_atomically

if TYPE_CHECKING:
    from torch import nn

log = logging.getLogger("genstudio")

KEPT = 32  # files, the oldest make way; those of the nets that ship are fewer
TRACED_PX = 67, 61  # odd, so that nothing a net does for odd sides is left out of its graph
MEASURED_PX = 64
SCRATCH = 1.5  # times the graph's own tensors: what kernels take for themselves


class NoConversionError(StudioError):
    """A net that OpenVINO cannot take."""


@dataclass(frozen=True)
class Net:
    """A converted net.

    Attributes:
        model: x (1, 3, H, W) float32 0..1, and a number (1,) for each of `takes`, -> (1, 3, H * scale,
            W * scale) float32; H and W are open.
        takes: what it is told beside the picture, by name.
        bytes_per_px: working memory for each input pixel.
    """

    model: openvino.Model
    scale: int
    overlap_px: int
    multiple: int
    takes: tuple[str, ...]
    bytes_per_px: float


def load(
    name: str, task: str, format: str, change: str, build: "Callable[[], nn.Module]", core: openvino.Core
) -> Net:
    """A net of ours in a number format, "float32" or "bfloat16"; from the cache, or made and kept there.

    Args:
        change: what tells the net from that of its weights alone, "" for nothing.
        build: the net as a torch module; called only where it is not in the cache.

    Raises NoConversionError where OpenVINO does not take the net; UsageError and WeightsError as
    `weights.load` does.
    """
    path = _folder() / f"{task}-{Path(name).stem}-{_key(name, task, format, change)}.zip"
    try:
        return _unpacked(path.read_bytes(), core)
    except FileNotFoundError:
        pass
    except Exception as error:  # of any type, which a damaged file leads its readers to
        log.info("%s: made anew, for it cannot be read (%s)", path, error)
    log.info("%s: preparing %s for this machine, once", name, format)
    blob = _packed(build(), format)
    try:
        write_atomically(path, blob)
    except WeightsError as error:
        log.warning("%s cannot be prepared once for all (%s)", name, error)
    with suppress(OSError):  # another process may be at the same
        for old in sorted(path.parent.glob("*.zip"), key=lambda each: each.stat().st_mtime)[:-KEPT]:
            old.unlink()
    return _unpacked(blob, core)


def _folder() -> Path:
    return weights.cache() / "openvino"


def _key(name: str, task: str, format: str, change: str) -> str:
    archs: dict[str, str] = importlib.import_module(f"genstudio.{task}").ARCHS
    package = Path(__file__).parents[1]
    modules = sorted({each.partition(":")[0] for each in archs.values()})
    nets = [package.joinpath(*module.split(".")[1:]).with_suffix(".py") for module in modules]
    sources = [Path(__file__), *nets]
    facts = [weights.verified(name, task)[1], format, change, openvino.get_version()]
    digest = hashlib.sha256("\0".join(facts).encode())
    for source in sources:
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def _packed(net: "nn.Module", format: str) -> bytes:
    """A net's graph, its constants and the facts of it, as one file. Verified by the checksums of zip."""
    model, facts = convert(net, format)
    file = io.BytesIO()
    try:
        with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(file, "w") as archive:
            parts = [Path(folder) / name for name in ("net.xml", "net.bin")]
            openvino.serialize(model, *parts)
            archive.writestr("facts.json", json.dumps(facts))
            for part in parts:
                archive.write(part, part.name)
    except (OSError, RuntimeError) as error:  # the latter is what OpenVINO makes of a full disk
        raise NoConversionError(f"cannot be written among temporary files ({_reason(error)})") from error
    return file.getvalue()


def _unpacked(blob: bytes, core: openvino.Core) -> Net:
    with zipfile.ZipFile(io.BytesIO(blob)) as archive:
        facts = json.loads(archive.read("facts.json"))
        model = core.read_model(archive.read("net.xml"), archive.read("net.bin"))
    return Net(model=model, **facts | {"takes": tuple(facts["takes"])})


def convert(net: "nn.Module", format: str) -> tuple[openvino.Model, dict[str, Any]]:
    """(graph, its facts as in `Net`) of one of our nets. It computes in `format` where the net does: what the
    net keeps in float32, the picture around its convolutions, is so in the graph as well."""
    import torch

    takes: tuple[str, ...] = getattr(net, "takes", ())
    net = net.to(getattr(torch, format)).requires_grad_(False)
    # Named one by one, for then they are inputs by name, and open in height and width.
    example = {"x": torch.zeros(1, 3, *TRACED_PX), **{name: torch.ones(1) for name in takes}}
    model = graph(net, example)
    described: Any = net  # what our nets say of themselves, which torch's types cannot
    facts = {
        "scale": described.scale,
        "overlap_px": described.overlap_px,
        "multiple": getattr(net, "multiple", 1),
        "takes": takes,
        "bytes_per_px": _bytes_per_px(model),
    }
    return model, facts  # the model's constants are the net's own memory


def graph(net: "nn.Module", example: Any) -> openvino.Model:
    """What torch traces of `net` when it is called with `example`: a tensor, or tensors by their names.

    Raises NoConversionError where OpenVINO has no counterpart of what the net does.
    """
    import torch
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # of what tracing fixes, which the tests compare
            frontend = FrontEndManager().load_by_framework("pytorch")
            decoder = TorchScriptPythonDecoder(net, example_input=example)  # has to outlive the conversion
            return frontend.convert(frontend.load(decoder))
    except Exception as error:  # of any type, on what its authors have not foreseen
        raise NoConversionError(f"{type(net).__name__} cannot be converted ({_reason(error)})") from error


def _reason(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[-1][:200]


def _bytes_per_px(model: openvino.Model) -> float:
    """The most bytes of float32 alive at once while the graph runs in its order, for each pixel it is given,
    and what kernels take for themselves."""
    model = model.clone()
    model.reshape(
        {each: [1, 3, MEASURED_PX, MEASURED_PX] if "x" in each.names else [1] for each in model.inputs}
    )
    fixed: set[str] = set()  # does not depend on the picture
    waiting: dict[str, int] = {}  # what is alive, with the number of those it is for
    size: dict[str, int] = {}
    most = 0
    for op in model.get_ordered_ops():
        name = op.get_friendly_name()
        sources = [each.get_source_output().get_node().get_friendly_name() for each in op.inputs()]
        if op.get_type_name() != "Parameter" and all(source in fixed for source in sources):
            fixed.add(name)
            continue
        waiting[name] = sum(len(each.get_target_inputs()) for each in op.outputs())
        size[name] = sum(4 * math.prod(each.shape) for each in op.outputs())
        most = max(most, sum(size[each] for each in waiting))
        for source in sources:
            if source in waiting:
                waiting[source] -= 1
                if waiting[source] <= 0:
                    del waiting[source]
    return SCRATCH * most / MEASURED_PX**2
