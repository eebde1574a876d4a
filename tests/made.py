"""Weights that tests make themselves."""

import dataclasses
from pathlib import Path
from typing import Any

from genstudio import weights


def header(task: str, arch: str, net: Any, **changes: Any) -> weights.Header:
    """That of an untrained net, which has a `config`."""
    facts: dict[str, Any] = {
        "task": task,
        "arch": arch,
        "config": dataclasses.asdict(net.config),
        "scale": 1,
        "params": sum(p.numel() for p in net.parameters()),
        "advice": "for tests",
        "recipe": "none",
        "data": "none",
        "license": "MIT",
        "steps": 0,
        "minutes": 0,
        "hardware": "none",
        "seed": 0,
        "metrics": [],
        "code_version": "0",
    }
    return weights.Header(**facts | changes)


def save(path: Path, task: str, arch: str, net: Any, **changes: Any) -> None:
    """Write an untrained net's weights at `path`, in folders made if missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    weights.save(path, net.state_dict(), header(task, arch, net, **changes))
