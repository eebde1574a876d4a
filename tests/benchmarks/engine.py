"""What the engines promise, each as a ratio within one run.

    python tests/benchmarks/engine.py [--repeats 5]

- The shell's `genstudio upscale` of a 256 x 256 PNG as a whole process, its nets made ready before, beside a
  plain script with spandrel and a net of equal size (SRVGGNetCompact, 48 channels, 16 convolutions).
- compact-x4 on a picture of 512 x 512 px, beside the machine's matrix product in the same number format.
- A result of 100 megapixels beside one of 4, picture in memory to picture in memory, and the memory it takes
  beyond the pictures themselves.
- A folder of 16 pictures of 256 x 256 px, whole process, beside the parts of its work one after the other.

Seconds are medians. Run it on an otherwise idle machine.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import textwrap
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from spandrel.architectures.Compact import Compact as SRVGGNetCompact
from upscale import PICTURE, peak_memory

from genstudio import Upscale, engines, images, weights
from genstudio.evaluate import speed

MODEL = "compact-x4"
PLAIN = """
    import sys
    import numpy as np
    import torch
    from PIL import Image
    from spandrel import ModelLoader

    weights, source, target = sys.argv[1:]
    net = ModelLoader("cpu").load_from_file(weights).eval()
    picture = np.asarray(Image.open(source).convert("RGB")).copy()
    x = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255
    with torch.inference_mode():
        y = net(x)[0].clamp(0, 1).mul(255).round().byte().permute(1, 2, 0).numpy()
    Image.fromarray(y).save(target)
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    of_the_limit()
    large_beside_small()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        whole_process(folder, repeats)
        a_folder(folder, repeats)


def whole_process(folder: Path, repeats: int) -> None:
    source = folder / "in.png"
    photo(256).save(source)
    torch.manual_seed(0)
    peer = SRVGGNetCompact(num_feat=48, num_conv=14, upscale=4)
    torch.save(peer.state_dict(), folder / "peer.pth")
    script = folder / "plain.py"
    script.write_text(textwrap.dedent(PLAIN))
    ours = seconds([*studio(), str(source), str(folder / "ours.png")], repeats)
    plain = [sys.executable, str(script), str(folder / "peer.pth"), str(source), str(folder / "plain.png")]
    theirs = seconds(plain, repeats)
    params = sum(p.numel() for p in peer.parameters())
    print(f"genstudio upscale, 256 px PNG, whole process    {ours:6.2f} s")
    peer_is = f"spandrel in a plain script, {params / 1e6:.2f} M parameters"
    print(f"{peer_is}  {theirs:6.2f} s   ours {ours / theirs:.0%}")


def a_folder(folder: Path, repeats: int) -> None:
    """Beside the sum of reading, enlarging and writing, which overlap."""
    number = 16
    (folder / "many").mkdir()
    for k in range(number):
        photo(256).save(folder / "many" / f"{k}.png")
    one = seconds([*studio(), str(folder / "in.png"), str(folder / "ours.png")], repeats)
    all_of_them = seconds([*studio(), str(folder / "many"), str(folder / "done")], repeats)
    each = (all_of_them - one) / (number - 1)
    upscale = Upscale.from_weights(MODEL)
    picture = images.read(folder / "in.png")
    big = upscale(picture, scale=4)
    parts = {
        "read": partial(images.read, folder / "in.png"),
        "enlarge": partial(upscale, picture, scale=4),
        "write": partial(images.write, big, folder / "part.png", overwrite=True),
    }
    times = {name: speed.median_seconds(part) for name, part in parts.items()}
    told = ", ".join(f"{name} {1e3 * value:.0f}" for name, value in times.items())
    print(f"each of a folder of {number}                             {1e3 * each:6.0f} ms  ({told} ms)")


def of_the_limit(rounds: int = 9) -> None:
    """Turn by turn, for a machine that is shared is not equally fast all the time."""
    depth = np.dtype(np.uint8)
    net = engines.load(MODEL, "upscale")
    precision = net.precision(depth)
    picture = np.asarray(photo(speed.SIDE_PX))[None]
    a = torch.rand(speed.PRODUCT_SIDE, speed.PRODUCT_SIDE).to(getattr(torch, precision))
    product = 2 * speed.PRODUCT_SIDE**3
    works = {
        f"{MODEL} at {speed.SIDE_PX} px on {net.kind}": (
            partial(net, picture, depth),
            speed.flops_per_px(weights.load_net(MODEL, "upscale")[1]) * speed.SIDE_PX**2,
        ),
        "matrix product, openvino": (speed._openvino_product(precision), product),
        "matrix product, torch": (partial(torch.matmul, a, a), product),
    }
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds + 1):
        for name, (work, _) in works.items():
            began = time.perf_counter()
            work()
            times[name].append(time.perf_counter() - began)
    # The first of each also makes things ready.
    rates = {name: flops / statistics.median(times[name][1:]) / 1e9 for name, (_, flops) in works.items()}
    for name, rate in rates.items():
        print(f"{name:40} {precision}  {rate:6.0f} GFLOP/s")
    ours, *limits = rates.values()
    print(f"of the machine's limit: {ours / max(limits):.0%}")


def large_beside_small() -> None:
    upscale = Upscale.from_weights(MODEL)
    per_megapixel = []
    for side in (500, 2500, 500):  # the small one before and after, for machines get warm
        picture = np.asarray(photo(side))
        with peak_memory() as memory:
            taken = speed.median_seconds(partial(upscale, picture, scale=4), 3 if side == 500 else 1)
        megapixels = 16 * side**2 / 1e6
        per_megapixel.append(taken / megapixels)
        print(
            f"{megapixels:4.0f} megapixels                                 {taken:6.2f} s   "
            f"{1e3 * taken / megapixels:.1f} ms each, {memory[0] / 1e6:.0f} MB more than before"
        )
    small = statistics.mean(per_megapixel[::2])
    print(f"a megapixel of 100 costs {per_megapixel[1] / small:.0%} of one of 4")


def studio() -> list[str]:
    return [sys.executable, "-m", "genstudio", "upscale", "--model", MODEL, "--overwrite"]


def photo(side: int) -> Image.Image:
    return Image.open(PICTURE).convert("RGB").resize((side, side))


def seconds(command: list[str], repeats: int) -> float:
    def run() -> None:
        subprocess.run(command, check=True, capture_output=True)

    run()  # so that everything is ready, and in the system's own cache of files
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


if __name__ == "__main__":
    main()
