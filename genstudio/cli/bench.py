"""How fast this machine is."""

import json as jsonlib
import sys
from dataclasses import asdict
from typing import Annotated

from cyclopts import Parameter


def bench(
    *, json: Annotated[bool, Parameter(help="One line of JSON for each row instead of a table.")] = False
) -> None:
    """Measure this machine, and each net that enlarges or denoises on each engine: a few minutes."""
    from genstudio.evaluate import speed

    print("this takes a few minutes, and the machine for itself", file=sys.stderr)
    machine = speed.machine()
    if json:
        print(jsonlib.dumps(asdict(machine)), flush=True)
    else:
        products = ", ".join(f"{rate:.0f} GFLOP/s in {name}" for name, rate in machine.gflops.items())
        print(f"{machine.device}, {machine.threads} threads: matrix product {products}")
        print(f"memory {machine.gbytes:.1f} GB/s; pictures of {speed.SIDE_PX} x {speed.SIDE_PX} px")
        titles = ("engine", "precision", "ms", "MP/s out", "GFLOP/s", "of limit", "start s")
        print(f"{'model':26}" + "".join(f"{title:>11}" for title in titles), flush=True)
    for row in speed.rows():
        if json:
            print(jsonlib.dumps(asdict(row) | {"share": row.share(machine)}), flush=True)
        else:
            numbers = f"{row.ms:11.1f}{row.megapixels:11.2f}{row.gflops:11.0f}{row.share(machine):11.0%}"
            print(
                f"{row.model:26}{row.engine:>11}{row.precision:>11}{numbers}{row.start_seconds:11.2f}",
                flush=True,
            )
