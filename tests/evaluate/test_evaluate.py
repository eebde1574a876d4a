"""The evaluation: what it computes, prints and saves, and what it refuses."""

import json
from io import BytesIO
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter
from skimage import data

from genstudio import evaluate, weights
from genstudio.cli import main
from genstudio.errors import InputError, OutputError, UsageError, WeightsError
from genstudio.evaluate.comparison import (
    Judge,
    Pixels,
    Trial,
    compare,
    load,
)
from genstudio.evaluate.progress import Progress
from genstudio.evaluate.report import as_json, as_metrics, as_table, finite
from genstudio.evaluate.sheets import Album
from genstudio.evaluate.upscale import degraded, enlarge_bicubic, reduce, trial
from genstudio.measures.lpips import LPIPS
from genstudio.measures.vgg import URLS

FEATURES = Path(__file__).parents[3] / "shared" / "data" / "weights"
NEEDS_FEATURES = pytest.mark.skipif(
    not all((FEATURES / f"{net}_features.safetensors").is_file() for net in ("alexnet", "vgg16")),
    reason="the features of AlexNet and VGG-16 are not at hand",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    home = tmp_path / "pictures"
    home.mkdir()
    Image.fromarray(data.astronaut()[:203, 100:303]).save(home / "a.png")
    Image.fromarray(data.coffee()[100:150, 100:160]).save(home / "b.png")
    return home


def test_a_table_for_people(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "upscale", "--data", str(folder), "--model", "compact-x4"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "pictures x4, n=2; Pillow bicubic reduction, border of 4 px left out"
    assert [line.split()[0] for line in lines[1:]] == [
        "compact-x4",
        "a.png",
        "b.png",
        "mean",
        "compact-x4",
        "bicubic",
    ]
    assert lines[4].split() == ["mean", "psnr_y", "psnr_rgb", "ssim_y", "seconds/MP"]
    ours, bicubic = (float(line.split()[1]) for line in lines[-2:])
    assert ours > bicubic
    assert len({len(line) for line in lines[4:]}) == 1


def test_json_and_pictures(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save = tmp_path / "saved"
    command = [
        "evaluate",
        "upscale",
        "--data",
        str(folder),
        "--json",
        "--save",
        str(save),
        "--metrics",
        "psnr",
    ]
    assert main(command) == 0
    row = json.loads(capsys.readouterr().out)
    assert (row["n"], row["scale"]) == (2, 4)
    assert set(row["mean"]) == {"psnr_y", "psnr_rgb"}
    assert row["mean"]["psnr_y"] == pytest.approx(np.mean([p["psnr_y"] for p in row["pictures"].values()]))
    assert Image.open(save / "a.png").size == (200, 200)
    assert Image.open(save / "sheet.png").width == 4 * 192 + 3 * 4
    assert set(row["seconds_per_mp"]) == {row["model"], "bicubic"}


def test_another_task_goes_through_the_same_pass(folder: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []

    def noisy(original: Pixels, seed: int) -> Pixels:
        seen.append(original.shape[:2])
        noise = np.random.default_rng(seed).normal(0, 25, original.shape)
        return np.rint(original + noise).clip(0, 255).astype(np.uint8)

    methods = {
        "median": lambda p: np.asarray(Image.fromarray(p).filter(ImageFilter.MedianFilter(3))),
        "noisy": lambda p: p,
        "something else": lambda p: p,
    }
    album = Album(tmp_path / "saved")
    noise = Trial("noise 25", "Gaussian noise", noisy, facts={"noise_std": 25})
    comparison = compare(noise, methods, folder, Judge(["psnr"]), album)
    album.finish()
    assert seen == [(203, 203), (50, 60)]  # whole pictures, and once each
    # What came back as it was is not shown beside the input.
    assert Image.open(tmp_path / "saved" / "sheet.png").width == 3 * 192 + 2 * 4
    row = json.loads(as_json(comparison))
    noisy_scores, others_scores = row["others"].values()
    assert (row["model"], row["noise_std"], noisy_scores) == ("median", 25, others_scores)
    assert row["mean"]["psnr_y"] > noisy_scores["psnr_y"]
    lines = as_table(comparison).splitlines()
    assert lines[0] == "pictures noise 25, n=2; Gaussian noise"
    assert [line[:32].strip() for line in lines[-4:]] == ["mean", *methods]
    metric = as_metrics(comparison)[0]
    assert (metric.name, metric.n, metric.protocol[-14:]) == ("psnr_y noise 25", 2, "Gaussian noise")


def test_a_sheet_shows_the_detail_of_every_picture_alike(tmp_path: Path) -> None:
    original = np.ascontiguousarray(data.astronaut()[:240, 100:340])
    small = reduce(original, 4)
    album = Album(tmp_path)
    album.add("a", small, {"ours": original, "blocks": small.repeat(4, 0).repeat(4, 1)}, original)
    album.add("small", small, {"ours": small, "blocks": small}, small)
    album.finish()
    page = np.asarray(Image.open(tmp_path / "sheet.png"))[20:]
    assert page.shape[0] == 192  # of one picture: the other is too small for a detail
    damaged, blocks, ours, truth = (page[:, k * 196 : k * 196 + 192] for k in range(4))
    assert np.array_equal(damaged, blocks)
    assert np.array_equal(ours, truth)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "a.png")), original)
    (tmp_path / "c.png").mkdir()
    with pytest.raises(OutputError, match=r"c\.png: cannot be written"):
        album.add("c", small, {"ours": small}, small)


def test_originals_are_never_written_over(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert main(["evaluate", "upscale", "--data", str(folder), "--save", str(folder)]) == 4
    assert "expected a new or an empty folder" in capsys.readouterr().err
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


def test_pictures_of_one_stem_are_all_saved(tmp_path: Path) -> None:
    album = Album(tmp_path / "new" / "deep")
    picture = data.chelsea()[:40, :40]
    for name in ("a.png", "a.jpg", "sheet.png"):
        album.add(name, picture, {"ours": picture}, picture)
    album.finish()
    assert {file.name for file in album.folder.iterdir()} == {"a.png", "a.jpg.png", "sheet.png.png"}


def test_a_perfect_picture_is_null_in_json() -> None:
    picture = data.chelsea()[:40, :40]
    score = Judge()("same", picture, picture, 4)
    assert score.values["ssim_y"] == pytest.approx(1)
    assert finite(score)["psnr_y"] is None


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--metrics", "psnr,foo"], 2, "--metrics: expected some of psnr, ssim, lpips, lpips-vgg, found foo"),
        (
            ["--against", "compact-x4,bicubic"],
            2,
            "--against: expected models of different names, found",
        ),
        (["--against", "compact-x5"], 2, "compact-x5"),
        (["--scale", "2.5"], 2, "--scale"),
        (["--data", "nowhere"], 3, "found none in nowhere"),
        (["--save", "/dev/null/deep"], 4, "cannot make"),
    ],
)
def test_refusals(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, words: str
) -> None:
    given = arguments if "--data" in arguments else ["--data", str(folder), *arguments]
    assert main(["evaluate", "upscale", *given]) == code
    assert words in capsys.readouterr().err


def test_too_small_a_picture_is_named(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    Image.new("RGB", (8, 30)).save(folder / "c.png")
    done = compare(trial(4), {"bicubic": lambda p: enlarge_bicubic(p, 4)}, folder, Judge())
    (message,) = caplog.messages
    assert message.endswith("c.png: expected at least 9 pixels a side, found 8 x 30")
    assert done.left_out == ["c.png"]
    with pytest.raises(InputError, match=r"pictures that can all be compared, found c\.png"):
        as_metrics(done)


def test_sixteen_bits_are_read_as_eight(tmp_path: Path) -> None:
    grey = np.random.default_rng(0).integers(0, 256, (20, 24), np.uint8)
    Image.fromarray(grey).save(tmp_path / "8.png")
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "16.png")
    eight, sixteen = (load(tmp_path / f"{bits}.png", trial(4)) for bits in (8, 16))
    assert np.array_equal(eight, sixteen)
    assert np.array_equal(eight[..., 0], grey)


def test_what_cannot_be_read_is_left_out_and_counted(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["evaluate", "upscale", "--data", str(folder), "--model", "compact-x4", "--metrics", "psnr"]
    assert main([*command, "--json"]) == 0
    whole = json.loads(capsys.readouterr().out)
    (folder / "c.png").write_bytes((folder / "a.png").read_bytes()[:100])
    assert main([*command, "--json"]) == 1
    out, err = capsys.readouterr()
    row = json.loads(out)
    assert (row["n"], row["left_out"], row["pictures"]) == (2, ["c.png"], whole["pictures"])
    warning, failed = err.splitlines()
    assert warning.startswith("genstudio: left out: ")
    assert "c.png" in warning
    assert failed == "genstudio: 1 of 3 pictures failed"
    assert main(command) == 1
    assert "n=2 (1 left out)" in capsys.readouterr().out
    for name in "ab":
        (folder / f"{name}.png").write_bytes(b"no picture")
    assert main(command) == 3
    assert "found none but those left out" in capsys.readouterr().err


def test_no_metric() -> None:
    with pytest.raises(UsageError, match="found none"):
        Judge([])


@NEEDS_FEATURES
@pytest.mark.parametrize("metric", ["lpips", "lpips-vgg"])
def test_lpips_grows_with_damage(metric: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENSTUDIO_WEIGHTS", str(FEATURES))
    judge = Judge([metric])
    picture = data.chelsea()[:120, :160]
    blurred = [enlarge_bicubic(reduce(picture, k), k) for k in (1, 2, 4)]
    (distances,) = zip(*(judge("", b, picture, 0).values.values() for b in blurred), strict=True)
    assert distances[0] == pytest.approx(0, abs=1e-6)
    assert distances[0] < distances[1] < distances[2]


@pytest.mark.parametrize(("net", "whole"), [("alex", "alexnet"), ("vgg", "vgg16")])
def test_lpips_is_torchmetrics(
    net: Literal["alex", "vgg"], whole: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the same random weights below the linear layers, which both have from the authors."""
    from torchmetrics.functional.image import lpips as theirs

    torch.manual_seed(0)
    peer = theirs._LPIPS(net=net, pnet_rand=True, pretrained=True)
    ours = {f"features.{key.partition('.')[2]}": value for key, value in peer.net.state_dict().items()}
    monkeypatch.setattr("genstudio.measures.lpips.backbone", lambda name: {whole: ours}[name])
    a, b = torch.rand(2, 2, 3, 40, 56)
    with torch.no_grad():
        wanted = peer(a, b, normalize=True).flatten()
    assert torch.allclose(LPIPS(net)(a, b), wanted, rtol=1e-5)
    assert wanted.min() > 0.01


@pytest.fixture
def no_alexnet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GENSTUDIO_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    nowhere = {name: url.replace("https://", "http://127.0.0.1:9/") for name, url in URLS.items()}
    monkeypatch.setattr("genstudio.measures.vgg.URLS", nowhere)


@pytest.fixture
def own_weights(tmp_path: Path) -> Path:
    """A copy of weights that ship."""
    header, state = weights.load("compact-x4", "upscale")
    weights.save(tmp_path / "own.safetensors", state, header)
    return tmp_path / "own.safetensors"


@pytest.mark.usefixtures("no_alexnet")
def test_a_header_states_the_means(folder: Path, own_weights: Path, caplog: pytest.LogCaptureFixture) -> None:
    evaluate.record(own_weights, [folder, folder])
    found = weights.read_header(own_weights).metrics
    assert [m.name for m in found] == 2 * ["psnr_y x4", "psnr_rgb x4", "ssim_y x4"]
    assert found[0].protocol == (
        "Y of BT.601 in 16..235, dB; Pillow bicubic reduction, border of 4 px left out"
    )
    assert "lpips is left out of the header" in caplog.text
    assert "lpips-vgg is left out of the header" in caplog.text


def test_a_task_without_a_measure_is_named(folder: Path, own_weights: Path) -> None:
    header, state = weights.load(own_weights, "upscale")
    weights.save(own_weights, state, header.model_copy(update={"task": "stylize"}))
    with pytest.raises(UsageError, match=r"expected weights for upscale.*, found stylize"):
        evaluate.measured(own_weights, folder, Judge())


@NEEDS_FEATURES
def test_a_header_states_lpips_where_it_can(
    folder: Path, own_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENSTUDIO_WEIGHTS", str(FEATURES))
    evaluate.record(own_weights, [folder])
    found = {m.name: m.value for m in weights.read_header(own_weights).metrics}
    assert 0 < found["lpips x4"] < 1
    assert 0 < found["lpips_vgg x4"] < 1


@pytest.mark.usefixtures("no_alexnet")
def test_lpips_says_what_it_lacks() -> None:
    with pytest.raises(WeightsError, match="set GENSTUDIO_WEIGHTS"):
        LPIPS()


def test_damaged_features_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "alexnet_features.safetensors").write_bytes(b"nonsense")
    monkeypatch.setenv("GENSTUDIO_WEIGHTS", str(tmp_path))
    with pytest.raises(WeightsError, match="alexnet_features"):
        LPIPS()


def test_photo_degradation_is_seeded_and_worse(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    original = np.ascontiguousarray(data.chelsea()[:80, :80])
    damaged = [degraded(original, 4, "photo", seed) for seed in (0, 0, 1)]
    assert damaged[0].shape == (20, 20, 3)
    assert np.array_equal(damaged[0], damaged[1])
    assert not np.array_equal(damaged[0], damaged[2])
    rows = []
    for degradation in ("bicubic", "photo"):
        assert (
            main(["evaluate", "upscale", "--data", str(folder), "--json", "--degradation", degradation]) == 0
        )
        rows.append(json.loads(capsys.readouterr().out)["others"]["bicubic"]["psnr_y"])
    assert rows[1] < rows[0] - 0.5


def test_what_takes_long_says_how_long(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 0.0
    monkeypatch.setattr("genstudio.evaluate.progress.time.monotonic", lambda: now)
    with Progress("Set14", 14) as progress:
        for now, done in ((1, 0), (40, 0), (60, 1), (80, 4), (90, 4), (400, 6)):  # noqa: B007
            progress.show(done, "a.png, compact-x4")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "Set14: 0 of 14 pictures done; now a.png, compact-x4",
        "Set14: 4 of 14 pictures done, about 3 min left; now a.png, compact-x4",
        "Set14: 6 of 14 pictures done, about 9 min left; now a.png, compact-x4",
    ]


def test_web_degradation_is_a_jpeg_of_the_reduced_picture() -> None:
    original = np.ascontiguousarray(data.chelsea()[:256, :256])
    file = BytesIO()
    Image.fromarray(reduce(original, 4)).save(file, "JPEG", quality=82, subsampling=2)
    found = [degraded(original, 4, "web", seed) for seed in (0, 1)]
    assert np.array_equal(found[0], np.asarray(Image.open(file)))
    assert np.array_equal(found[0], found[1])
    assert trial(4, "web").label == "web x4"


def test_several_models_in_one_run(
    folder: Path, own_weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each as if it were alone; a file of somebody else's among them."""
    from spandrel.architectures.Compact import Compact

    torch.manual_seed(0)
    theirs = tmp_path / "theirs.pth"
    torch.save(Compact(num_feat=8, num_conv=2, upscale=4).state_dict(), theirs)
    score = ["evaluate", "upscale", "--data", str(folder), "--metrics", "psnr", "--degradation", "web"]
    models = [own_weights.with_suffix(".safetensors"), "photo-x4", theirs]
    alone = {}
    for model in models:
        assert main([*score, "--model", str(model), "--json"]) == 0
        row = json.loads(capsys.readouterr().out)
        alone[row["model"]] = row["mean"]
    first, *others = map(str, models)
    assert main([*score, "--model", first, "--against", ",".join(others), "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    bicubic = row["others"].pop("bicubic")
    assert {row["model"]: row["mean"], **row["others"]} == alone
    assert bicubic["psnr_y"] != row["mean"]["psnr_y"]
    assert list(row["seconds_per_mp"]) == ["own", "photo-x4", "theirs", "bicubic"]
    assert main([*score, "--model", first, "--against", others[0], "--against", others[1]]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[-4:]] == ["own", "photo-x4", "theirs", "bicubic"]


def test_a_mean_is_of_the_pictures_that_have_a_number(
    own_weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "mixed"
    home.mkdir()
    Image.fromarray(data.chelsea()[:64, :64]).save(home / "cat.png")
    Image.new("RGB", (64, 64), "white").save(home / "white.png")  # comes back equal, of infinite PSNR
    Image.fromarray(data.chelsea()[:14, :14]).save(home / "tiny.png")  # too small for SSIM
    score = ["evaluate", "upscale", "--data", str(home), "--model", str(own_weights)]
    assert main([*score, "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    psnr = [each["psnr_y"] for each in row["pictures"].values()]
    assert sum(each is None for each in psnr) == 1
    assert row["mean"]["psnr_y"] == pytest.approx(np.mean([each for each in psnr if each]))
    assert (row["n"], row["counted"]["psnr_y"], row["counted"]["ssim_y"]) == (3, 2, 2)
    assert main(score) == 0
    assert "psnr_y: the mean is of the 2 of 3 pictures where it is finite" in capsys.readouterr().out
