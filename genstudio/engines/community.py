"""Models published by others, read through spandrel; files that could run code are refused.

spandrel knows the architectures (ESRGAN, SwinIR, DAT, SCUNet, ...) and tells which one a file holds. The file
itself is opened here, by torch's tensors-only reader, so that the rules of refusal are ours. One that is
imported becomes weights with a name: its tensors as they are, in a file that describes itself.
"""

import copy
import logging
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from spandrel import (
    ImageModelDescriptor,
    ModelLoader,
    ModelTiling,
    UnsupportedModelError,
    canonicalize_state_dict,
)
from torch import Tensor, nn

from genstudio import __version__, weights
from genstudio import device as devices
from genstudio.engines.peak_memory import PeakBytes
from genstudio.engines.protocol import Tiles
from genstudio.engines.receptive_field import measure
from genstudio.engines.torch_engine import TorchEngine, is_out_of_memory
from genstudio.errors import UsageError, WeightsError
from genstudio.weights import file

log = logging.getLogger("genstudio")

PICKLED = (".pth", ".pt", ".ckpt")
SUFFIXES = (*PICKLED, ".safetensors")

# What a net may need in memory while it is built, for each byte of its tensors (itself, and what it begins
# with), and beyond (masks, tables of positions).
MOST_BYTES_A_BYTE = 4
SMALL_BYTES = 2**28
MOST_LAYERS_A_TENSOR = 8  # layers without tensors count as well

# Beyond the sides that weights are stored for (64 and less), and odd: masks are made anew for such a picture.
TRIAL_PX = 65

_TILES: dict[ModelTiling, Tiles] = {
    ModelTiling.SUPPORTED: "freely",
    ModelTiling.DISCOURAGED: "avoid",
    ModelTiling.INTERNAL: "never",
}


def load(
    path: Path, *, device: torch.device, precision: str = "auto", compiled: bool = False
) -> "CommunityEngine":
    """A community model as an engine.

    Args:
        path: .pth, .pt, .ckpt or .safetensors.
        precision: one of `device.PRECISIONS`; "auto" gives way to float32, with a log line, where the model
            does not run in the fastest format of this device.
        compiled: as for `TorchEngine`.

    Raises:
        WeightsError: the file is missing, damaged, would run code, or holds no model that takes a picture
            and gives one, or one whose own code fails.
        UsageError: the model does not stand this precision.
    """
    model = describe(path)
    sizes = model.size_requirements
    shape: dict[str, Any] = {
        "scale": model.scale,
        "channels": model.input_channels,
        "multiple": sizes.multiple_of,
        "minimum": max(1, sizes.minimum),
    }
    stands = {"supports_half": model.supports_half, "supports_bfloat16": model.supports_bfloat16}
    dtype = devices.precision(precision, device, **stands)
    net = _Foreign(model, str(path)).to(device).eval()
    dtype, memory_format = _formats(net, model, dtype, device, precision)
    tiles = "never" if sizes.square else _TILES[model.tiling]
    overlap_px, align = (0, 1) if tiles == "never" else measure(net, device=device, **shape)
    return CommunityEngine(
        net,
        **shape,
        overlap_px=overlap_px,
        align=align,
        square=sizes.square,
        tiles=tiles,
        memory_format=memory_format,
        compiled=compiled,
        name=str(path),
        device=device,
        dtype=dtype,
        deep_dtype=torch.float32 if precision == "auto" else dtype,
    )


class CommunityEngine(TorchEngine):
    """A net by others: its code may fail in any way, which is said of the model."""

    def _forward(self, tiles: np.ndarray, net: Callable[..., Tensor]) -> Tensor:
        try:
            return super()._forward(tiles, net)
        except AssertionError as error:
            raise WeightsError(
                f"{self._name}: expected {self.scale} times the sides and as many channels as it was given, "
                f"found {_line(error)}; choose another model"
            ) from error


class _Foreign(nn.Module):
    """A spandrel model under the engine's contract: float32 in and out whatever its weights are, batches of
    any size where spandrel promises one picture at a time, and one type of error."""

    def __init__(self, model: ImageModelDescriptor[nn.Module], name: str) -> None:
        super().__init__()
        self.net = model.model  # registered, so that `to` reaches it
        self.model = model
        self.name = name

    def forward(self, x: Tensor) -> Tensor:
        dtype = next(self.net.parameters()).dtype
        try:
            return torch.cat([self.model(each.to(dtype, copy=True)) for each in torch.split(x, 1)]).float()
        except Exception as error:  # others' code fails with almost any type
            if isinstance(error, MemoryError) or is_out_of_memory(error):
                raise
            raise WeightsError(
                f"{self.name}: expected a model that takes a picture of {x.shape[3]} x {x.shape[2]} px in "
                f"{str(dtype).removeprefix('torch.')}, found that the code of {self.model.architecture.name} "
                f"fails ({_line(error)}); "
                "choose another model"
            ) from error


def _formats(
    net: _Foreign,
    model: ImageModelDescriptor[nn.Module],
    dtype: torch.dtype,
    device: torch.device,
    precision: str,
) -> tuple[torch.dtype, torch.memory_format]:
    """(number format, memory format) that a model runs in, tried on one picture, for spandrel says of models
    that they stand bfloat16 which do not. The fastest first: `dtype`, channels last. Raises as `load` does.
    """
    side = max(TRIAL_PX, model.size_requirements.minimum)
    picture = torch.full((1, model.input_channels, side, side + 10), 0.5, device=device)
    fault: Exception | None = None
    for number_format in dict.fromkeys([dtype, torch.float32]):
        if number_format != dtype:
            found = str(dtype).removeprefix("torch.")
            if precision != "auto":
                raise UsageError(
                    f"{net.name}: expected a precision this model stands, found {found}; "
                    "choose auto or float32"
                ) from fault
            log.warning("%s does not run in %s; going on in float32", net.name, found)
        for memory_format in (torch.channels_last, torch.contiguous_format):
            try:
                tried = copy.deepcopy(net).to(number_format).to(memory_format=memory_format)
                y = tried(picture.contiguous(memory_format=memory_format))
            except (WeightsError, RuntimeError) as error:  # the latter of parameters that have no such format
                fault = error
                continue
            if number_format == torch.float32 or bool(torch.isfinite(y).all()):
                return number_format, memory_format
    assert fault is not None
    raise fault


def describe(path: Path) -> ImageModelDescriptor[nn.Module]:
    """What a file holds, on the CPU, with its weights. Raises WeightsError as `load` does."""
    return _described(path, _read(path))


def adopt(path: Path, folder: Path, name: str, license: str = "") -> Path:
    """Import a model: what `path` holds as weights called `name`, without anything that could run.

    Args:
        folder: of weights; what enlarges goes to its upscale/, what does not to its denoise/.
        license: of the weights, as their makers state it.

    Raises:
        WeightsError: as `load` does.
        UsageError: the task has weights of this name, or a family, or means something else by it.

    See `adoption`, which limits what an unknown file can take.
    """
    content = _read(path)
    model = _described(path, content)
    cpu = torch.device("cpu")
    _formats(_Foreign(model, str(path)).eval(), model, torch.float32, cpu, "float32")  # it runs at all
    task = "upscale" if model.scale > 1 else "denoise"
    target = folder / task / f"{name}{file.SUFFIX}"
    names = {each.name.removeprefix(f"{task}/") for each in weights.installed(task)}
    if name in {"auto", *names, *map(weights.family, names)} or target.exists():
        raise UsageError(f"expected a new name, found {name}, which {task} has already; choose another")
    architecture = model.architecture.name
    header = weights.Header(
        task=task,
        arch=weights.COMMUNITY,
        config={"architecture": architecture, "channels": model.input_channels},
        scale=model.scale,
        params=sum(p.numel() for p in model.model.parameters()),
        advice=f"{architecture} of the community"
        + (f", enlarges {model.scale} times." if model.scale > 1 else "."),
        recipe="not stated",
        data="not stated",
        license=license or "not stated",
        steps=0,
        minutes=0,
        hardware="not stated",
        seed=0,
        metrics=[],
        code_version=__version__,
    )
    tensors = {k: v for k, v in canonicalize_state_dict(content).items() if isinstance(v, Tensor)}
    weights.save(target, tensors, header, half=False)
    return target


def _described(path: Path, content: Mapping[str, Any]) -> ImageModelDescriptor[nn.Module]:
    state = canonicalize_state_dict(content)
    stated = sum(each.nbytes for each in state.values() if isinstance(each, Tensor))
    try:
        with PeakBytes(most=MOST_BYTES_A_BYTE * stated + SMALL_BYTES):
            model = ModelLoader("cpu").load_from_state_dict(state)
    except UnsupportedModelError as error:
        raise WeightsError(
            f"{path}: expected a model of an architecture spandrel knows, found another; "
            "see the list on spandrel's page, or export the weights alone"
        ) from error
    except Exception as error:  # another's guesses at what the tensors mean: they fail in any way
        raise WeightsError(
            f"{path}: expected the complete weights of one model, found parts that do not fit "
            f"({_line(error)}); get the file again"
        ) from error
    channels = (model.input_channels, model.output_channels)
    if not isinstance(model, ImageModelDescriptor) or model.purpose not in ("SR", "Restoration"):
        raise WeightsError(
            f"{path}: expected a model that enlarges or restores pictures, found {model.architecture.name} "
            f"for {model.purpose}; choose another model"
        )
    if channels not in ((1, 1), (3, 3), (4, 4)):
        raise WeightsError(
            f"{path}: expected a model from 1 to 1, 3 to 3 or 4 to 4 channels, found {channels[0]} to "
            f"{channels[1]}; choose another model"
        )
    return model


def _read(path: Path) -> Mapping[str, Any]:
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        found = suffix or "no suffix"
        raise WeightsError(f"{path}: expected a model file ({', '.join(SUFFIXES)}), found {found}")
    try:
        path.open("rb").close()
    except FileNotFoundError:
        raise WeightsError(f"{path}: expected a model file, found nothing there; check the path") from None
    except OSError as error:
        raise WeightsError(f"{path}: expected a readable file, found: {_line(error)}") from error
    try:
        if suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what it warns of, it refuses as well
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # on foreign bytes the readers fail with almost any type
        if _needs_code(str(error)):
            raise WeightsError(
                f"{path}: refused, for it would need to run code from the file; "
                "get it as .safetensors, or as a .pth of the weights alone"
            ) from error
        # Of a bare pickle torch's reader says no more than that it cannot read it.
        other = "of another kind" if suffix == ".safetensors" else "one that would need to run code (refused)"
        raise WeightsError(
            f"{path}: expected a {suffix} file of plain weights, found a damaged or truncated one, or "
            f"{other}; get the file again"
        ) from error
    if not isinstance(content, Mapping):
        raise WeightsError(
            f"{path}: expected named tensors, found {type(content).__name__}; export the model's state_dict"
        )
    if content.keys() >= {"average", "step"}:
        raise WeightsError(
            f"{path}: expected weights, found a checkpoint of a training run; write its weights with "
            f"`genstudio export {path.parent}`"
        )
    _check_sizes(path, content)
    return content


def _check_sizes(path: Path, content: Mapping[str, Any]) -> None:
    """Refuse names and shapes that would make a net far larger than the file: spandrel builds it from them
    before it looks at the tensors. Raises WeightsError."""
    tensors = {
        key: each for key, each in canonicalize_state_dict(content).items() if isinstance(each, Tensor)
    }
    stored, claimed = path.stat().st_size, sum(each.nbytes for each in tensors.values())
    if claimed > MOST_BYTES_A_BYTE * stored + SMALL_BYTES:
        raise WeightsError(
            f"{path}: expected tensors of the file's size, {stored} bytes, found shapes of {claimed} bytes; "
            "get the file again"
        )
    largest = max(
        (int(part) for key in tensors for part in str(key).split(".") if part.isdecimal()), default=0
    )
    most = MOST_LAYERS_A_TENSOR * len(tensors) + 100
    if largest > most:
        raise WeightsError(
            f"{path}: expected layers numbered up to {most}, as it holds {len(tensors)} tensors, "
            f"found layer {largest}; get the file again"
        )


def _needs_code(message: str) -> bool:
    """What torch's reader says of a pickle with other classes than tensors, and of TorchScript."""
    return "unsupported global" in message.lower() or "TorchScript" in message


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
