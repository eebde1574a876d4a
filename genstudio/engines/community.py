"""Models published by others, read through spandrel; files that could run code are refused.

spandrel knows the architectures (ESRGAN, SwinIR, DAT, SCUNet, ...) and tells which one a file holds. The file
itself is opened here, by torch's tensors-only reader, so that the rules of refusal are ours. One that is
imported becomes weights with a name: its tensors as they are, in a file that describes itself.
"""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

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
from genstudio.engines.protocol import Tiles
from genstudio.engines.receptive_field import measure
from genstudio.engines.torch_engine import TorchEngine
from genstudio.errors import UsageError, WeightsError
from genstudio.weights import file

PICKLED = (".pth", ".pt", ".ckpt")
SUFFIXES = (*PICKLED, ".safetensors")

_TILES: dict[ModelTiling, Tiles] = {
    ModelTiling.SUPPORTED: "freely",
    ModelTiling.DISCOURAGED: "avoid",
    ModelTiling.INTERNAL: "never",
}


def load(path: Path, *, device: torch.device, precision: str = "auto", compiled: bool = False) -> TorchEngine:
    """A community model as an engine.

    Args:
        path: .pth, .pt, .ckpt or .safetensors.
        precision: one of `device.PRECISIONS`.
        compiled: as for `TorchEngine`.

    Raises:
        WeightsError: the file is missing, damaged, would run code, or holds no model that takes a picture
            and gives one.
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
    net = _Foreign(model).to(device).eval()
    tiles = "never" if sizes.square else _TILES[model.tiling]
    overlap_px, align = (0, 1) if tiles == "never" else measure(net, device=device, **shape)
    return TorchEngine(
        net,
        **shape,
        overlap_px=overlap_px,
        align=align,
        square=sizes.square,
        tiles=tiles,
        compiled=compiled,
        name=str(path),
        device=device,
        dtype=dtype,
        deep_dtype=torch.float32 if precision == "auto" else dtype,
    )


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
    """
    content = _read(path)
    model = _described(path, content)
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
    try:
        model = ModelLoader("cpu").load_from_state_dict(canonicalize_state_dict(content))
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
    if channels not in ((1, 1), (3, 3)):
        raise WeightsError(
            f"{path}: expected a model from 1 to 1 or from 3 to 3 channels, found {channels[0]} to "
            f"{channels[1]}; choose another model"
        )
    return model


class _Foreign(nn.Module):
    """A spandrel model under the engine's contract: float32 in and out, whatever its weights are."""

    def __init__(self, model: ImageModelDescriptor[nn.Module]) -> None:
        super().__init__()
        self.net = model.model  # registered, so that `to` reaches it
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.model(x.to(next(self.net.parameters()).dtype))
        return y.float()


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
    return content


def _needs_code(message: str) -> bool:
    """What torch's reader says of a pickle with other classes than tensors, and of TorchScript."""
    return "unsupported global" in message.lower() or "TorchScript" in message


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
