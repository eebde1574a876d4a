"""Shell, Python and page give the same pixels, and shell and page the same file."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gradio_client import handle_file
from PIL import Image

import genstudio
from genstudio.cli import main
from genstudio.ui.examples import PICTURES


@pytest.mark.parametrize(
    ("task", "name", "options"),
    [
        ("upscale", "small.jpg", {}),
        ("upscale", "cut-out.png", {"scale": 2.5, "model": "compact"}),
        ("upscale", "small.jpg", {"width": 300}),
        ("denoise", "noisy.jpg", {}),
        ("denoise", "cut-out.png", {"model": "dae-fast", "strength": 12.5, "amount": 0.7}),
    ],
)
def test_pictures(task: str, name: str, options: dict[str, Any], client: Any, tmp_path: Path) -> None:
    flags = [word for key, value in options.items() for word in (f"--{key}", str(value))]
    assert main([task, str(PICTURES / name), str(tmp_path / name), *flags]) == 0
    answer = client.predict([handle_file(PICTURES / name)], api_name=f"/{task}", **options)
    (result,) = answer[0]
    assert Path(result).name == name
    assert Path(result).read_bytes() == (tmp_path / name).read_bytes()

    load = {key: options[key] for key in ("model",) if key in options}
    rest = {key: value for key, value in options.items() if key not in load}
    python = getattr(genstudio, task.capitalize()).from_weights(**load)(Image.open(PICTURES / name), **rest)
    if name.endswith(".png"):  # what a JPEG file holds is not quite what it was written from
        assert np.array_equal(np.asarray(Image.open(result)), np.asarray(python))


def test_stylize(client: Any, tmp_path: Path) -> None:
    small = tmp_path / "in.png"
    Image.open(PICTURES / "rocket.jpg").resize((80, 60)).save(small)
    out = tmp_path / "out" / "in.png"
    assert (
        main(["stylize", str(small), "starry_night", str(PICTURES / "cat.jpg"), str(out.parent) + "/"]) == 0
    )
    (result,), *_ = client.predict(
        [handle_file(small)], ["starry_night"], [handle_file(PICTURES / "cat.jpg")], api_name="/stylize"
    )
    assert Path(result).read_bytes() == out.read_bytes()
    styles = ["starry_night", Image.open(PICTURES / "cat.jpg")]
    python = genstudio.Stylize.from_weights()(Image.open(small), styles)
    assert np.array_equal(np.asarray(Image.open(result)), np.asarray(python))


def test_classify(client: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.png"
    assert main(["classify", str(PICTURES / "cat.jpg"), "--explain", str(out), "--json"]) == 0
    shell = json.loads(capsys.readouterr().out)["classes"]
    label, explanation, file = client.predict(handle_file(PICTURES / "cat.jpg"), api_name="/classify")
    assert Path(explanation).read_bytes() == Path(file).read_bytes() == out.read_bytes()
    assert [(c["label"], c["confidence"]) for c in label["confidences"]] == [
        (c["label"], c["probability"]) for c in shell
    ]


def test_generate(weights: Path, client: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main(["generate", str(out), "--seed", "7", "--count", "3", "--model", "made"]) == 0
    gallery, results, report = client.predict(model="made", seed=7, count=3, api_name="/generate")
    pictures = [path for path in results if path.endswith(".png")]
    assert [Path(path).read_bytes() for path in pictures] == [p.read_bytes() for p in sorted(out.iterdir())]
    assert len(gallery) == 3
    assert "seed 7" in report
    python = genstudio.Generate.from_weights("made")(3, seed=7)
    assert all(
        np.array_equal(np.asarray(Image.open(a)), np.asarray(b))
        for a, b in zip(pictures, python, strict=True)
    )


@pytest.mark.parametrize("kind", [{"grid": "3x2"}, {"interpolate": "1,5", "frames": 4}, {"like": "cat.jpg"}])
def test_a_grid_a_film_or_a_likeness_needs_nothing_else(kind: dict[str, Any], client: Any) -> None:
    if "like" in kind:
        kind = {"like": handle_file(PICTURES / kind["like"])}
    _, (made,), _ = client.predict(model="made", **kind, api_name="/generate")
    assert Image.open(made).size == ((98, 65) if "grid" in kind else (32, 32))


def test_a_generated_picture_is_a_start(weights: Path, client: Any) -> None:
    pictures, *_ = client.predict(model="made", seed=7, count=3, api_name="/generate")
    assert [each["caption"] for each in pictures] == ["7:0", "7:1", "7:2"]
    same, *_ = client.predict("7:2", 0.0, model="made", api_name="/variations")
    arrays = [np.asarray(Image.open(each["image"])).astype(int) for each in [pictures[2], *same]]
    assert all(abs(each - arrays[0]).max() <= 1 for each in arrays)
    far, *_ = client.predict("7:2", 0.5, model="made", api_name="/variations")
    assert len({Image.open(each["image"]).tobytes() for each in far}) == len(far)
    again, *_ = client.predict(far[3]["caption"], 0.2, model="made", api_name="/variations")
    assert Image.open(again[0]["image"]).tobytes() == Image.open(far[3]["image"]).tobytes()
    _, (film,), _ = client.predict("7:0", "7:2", model="made", api_name="/walk")
    assert Image.open(film).n_frames > 1


def test_compare(client: Any) -> None:
    noisy, clean = (handle_file(PICTURES / name) for name in ("noisy.jpg", "clean.jpg"))
    _, table, numbers = client.predict(noisy, clean, api_name="/compare")
    assert 20 < numbers["PSNR"] < 30
    assert 0.3 < numbers["SSIM"] < 0.95
    assert f"| SSIM | {numbers['SSIM']:.4f} |" in table
    assert client.predict(clean, clean, api_name="/compare")[2]["PSNR"] is None
