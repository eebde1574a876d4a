"""Stylizing in one pass: what the pipeline promises of pictures of all kinds, styles, masks and colours, with
nets of random weights."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import made
import numpy as np
import pytest
import torch
from PIL import Image

from genstudio import Stylize, images
from genstudio.cli import main
from genstudio.errors import InputError, OutputError, UsageError, WeightsError
from genstudio.measures import vgg
from genstudio.measures.style import gram
from genstudio.options import OptionError
from genstudio.stylize import measure, styles
from genstudio.stylize.nets.encoder import Encoder, EncoderConfig
from genstudio.stylize.nets.fast import Fast, FastConfig
from genstudio.stylize.nets.transport import Statistics
from genstudio.stylize.options import StylizeOptions

CONFIG = FastConfig((4, 6, 8, 10), (4, 6, 8, 10), (1, 1, 0, 1))


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Weights stylize/fast and stylize/encoder, and a data folder of the user's own."""
    home = tmp_path_factory.mktemp("home")
    torch.manual_seed(0)
    net = Fast(CONFIG)
    net.decoder.tail.weight.data.normal_(0, 0.05)
    for name, part in {"fast": net, "encoder": Encoder(EncoderConfig((4,) * 7))}.items():
        made.save(home / "stylize" / f"{name}.safetensors", "stylize", name, part)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENSTUDIO_WEIGHTS", str(home))
        patch.setenv("XDG_DATA_HOME", str(home / "data"))
        patch.setattr("platformdirs.user_data_path", lambda name: home / "data" / name)
        yield home


@pytest.fixture
def stylize() -> Stylize:
    return Stylize.from_weights(device="cpu", precision="float32")


def picture(height: int = 45, width: int = 38, seed: int = 0, dtype: Any = np.uint8) -> np.ndarray:
    """Smooth patches and some grain, in colour."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / 17
    waves = [np.sin(a * x + b * y) for a, b in rng.uniform(-2, 2, (3, 2))]
    floats = np.stack(waves, 2) * 0.3 + rng.uniform(0.3, 0.6, 3) + rng.normal(0, 0.03, (height, width, 3))
    most = 1 if np.dtype(dtype).kind == "f" else np.iinfo(dtype).max
    return (floats.clip(0, 1) * most).astype(dtype)


STYLE = picture(60, 50, seed=7)[..., ::-1].copy()


def test_a_style_changes_a_picture_and_strength_says_how_far(stylize: Stylize) -> None:
    content = picture()
    results = [stylize(content, STYLE, strength=s).astype(float) for s in (0, 0.25, 0.5, 1)]
    assert np.array_equal(results[0], content)
    away = [np.abs(r - content).mean() for r in results]
    assert away == sorted(away)
    assert away[3] > 5


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_strength_0_gives_the_picture_back(dtype: Any, precision: str) -> None:
    content = picture(dtype=dtype)
    back = Stylize.from_weights(device="cpu", precision=precision)(content, STYLE, strength=0)
    assert back.dtype == content.dtype
    peak = 1 if np.dtype(dtype).kind == "f" else np.iinfo(dtype).max
    assert np.abs(back.astype(float) - content).max() <= 1e-6 * peak


def test_tiles_take_on_the_style_of_the_whole() -> None:
    content = picture(70, 700)
    whole, tiled = (
        Stylize.from_weights(device="cpu", precision="float32", tile=tile)(content, STYLE)
        for tile in ("off", 32)
    )
    assert np.abs(whole.astype(int) - tiled).max() <= 1


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (33, 21), (40, 700)])
def test_statistics_by_tiles_are_those_of_the_whole(
    stylize: Stylize, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure, "TILE_PX", 64)
    pixels = picture(*size)
    found = measure.measure(stylize.net, [(pixels, None)])
    whole = stylize.net.statistics(measure.as_tensor(pixels, "cpu"))
    for a, b in zip((*found.means, *found.covariances), (*whole.means, *whole.covariances), strict=True):
        assert torch.allclose(a, b, atol=2e-5, rtol=1e-4)


def test_statistics_of_a_part_are_those_of_the_part(stylize: Stylize) -> None:
    pixels = np.concatenate([picture(64, 64), np.zeros((64, 64, 3), np.uint8)], 1)
    part = np.zeros((64, 128), np.float32)
    part[:, :64] = 1
    found = measure.measure(stylize.net, [(pixels, part)])
    assert torch.allclose(found.means[0][0], torch.from_numpy(pixels[:, :64].mean((0, 1)) / 255).float())


def test_means_and_covariances_make_gram_matrices(stylize: Stylize) -> None:
    features = torch.rand(1, 5, 12, 9)
    assert torch.allclose(Statistics.of([features]).grams[0], gram(features), atol=1e-6)


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (8, 8), (31, 47)])
def test_sizes(stylize: Stylize, size: tuple[int, int]) -> None:
    content = picture(*size)
    assert stylize(content, STYLE).shape == content.shape
    assert stylize(STYLE, content).shape == STYLE.shape


def test_types(stylize: Stylize) -> None:
    content = picture()
    expected = stylize(content, STYLE)
    pil = stylize(Image.fromarray(content), Image.fromarray(STYLE))
    assert np.array_equal(np.asarray(pil), expected)
    tensor = stylize(torch.from_numpy(content).permute(2, 0, 1), torch.from_numpy(STYLE).permute(2, 0, 1))
    assert np.array_equal(tensor.permute(1, 2, 0).numpy(), expected)
    half = torch.from_numpy(STYLE).permute(2, 0, 1).to(torch.bfloat16) / 255  # which numpy does not know
    assert stylize(content, half).shape == expected.shape
    with pytest.raises(InputError, match="expected a PIL image"):
        stylize(content, 3)


def test_grey_takes_on_colour(stylize: Stylize) -> None:
    grey = picture()[..., 0]
    expected = stylize(np.stack([grey] * 3, 2), STYLE)
    assert np.ptp(expected.astype(int), axis=2).max() > 3
    assert np.array_equal(stylize(grey, STYLE), expected)
    assert np.array_equal(np.asarray(stylize(Image.fromarray(grey), STYLE)), expected)
    batch = stylize(torch.from_numpy(grey)[None, None], STYLE)
    assert np.array_equal(batch[0].permute(1, 2, 0).numpy(), expected)
    alpha = np.full_like(grey, 200)
    both = stylize(np.stack([grey, alpha], 2), STYLE)
    assert np.array_equal(both[..., :3], expected)
    assert (both[..., 3] == 200).all()


def test_what_nobody_sees_neither_counts_nor_changes(stylize: Stylize) -> None:
    content = np.concatenate([picture(), np.full((45, 38, 1), 255, np.uint8)], 2)
    content[:, 20:, 3] = 0
    other = content.copy()
    other[:, 20:, :3] = 255 - other[:, 20:, :3]
    a, b = stylize(content, STYLE), stylize(other, STYLE)
    assert np.array_equal(a[:, :20], b[:, :20])
    assert np.array_equal(a[..., 3], content[..., 3])
    assert np.array_equal(a[:, 20:], content[:, 20:])


def test_the_same_picture_as_content_and_style(stylize: Stylize) -> None:
    content = picture()
    with torch.no_grad():
        plain = stylize.net(measure.as_tensor(content, "cpu"))[0].permute(1, 2, 0).numpy()
    result = stylize(content, content)
    assert np.abs(result - plain.clip(0, 1) * 255).max() < 3


def test_styles_mix(stylize: Stylize) -> None:
    content, other = picture(), picture(seed=3)
    alone = stylize(content, STYLE)
    assert np.array_equal(stylize(content, [STYLE, other], style_weights=[1, 0]), alone)
    assert np.array_equal(stylize(content, [STYLE, STYLE]), alone)
    mixed = stylize(content, [STYLE, other], style_weights=(0.7, 0.3))
    assert not np.array_equal(mixed, alone)
    with pytest.raises(OptionError, match="one for each of 2 styles"):
        stylize(content, [STYLE, other], style_weights=[0.7])
    with pytest.raises(OptionError, match="a number of at least 0, found 'a'"):
        stylize(content, [STYLE, other], style_weights=("a", "b"))
    with pytest.raises(OptionError, match=r"a number above 0 among them, .* found 0,0"):
        stylize(content, [STYLE, other], style_weights=(0, 0))


def test_masks(stylize: Stylize) -> None:
    content, other = picture(), picture(seed=3)
    left = np.zeros((90, 76), np.uint8)  # of another size than the picture
    left[:, :38] = 255
    one = stylize(content, STYLE, mask=left)
    assert np.array_equal(one[:, 24:], content[:, 24:])
    assert np.abs(one[:, :14].astype(int) - content[:, :14]).mean() > 3
    two = stylize(content, [STYLE, other], mask=[left, 255 - left])
    assert np.array_equal(two[:, :14], one[:, :14])
    assert not np.array_equal(two[:, 24:], content[:, 24:])
    assert np.array_equal(stylize(content, STYLE, mask=np.zeros((5, 5), np.uint8)), content)
    with pytest.raises(OptionError, match="mask: expected one, or one for each of 1 styles, found 2"):
        stylize(content, STYLE, mask=[left, left])


@pytest.mark.parametrize("how", ["luminance", "histogram"])
@pytest.mark.parametrize("seed", range(4))
def test_colours_are_kept(stylize: Stylize, how: str, seed: int) -> None:
    content = picture(seed=seed)
    result = stylize(content, STYLE, keep_color=how)
    means = [each.mean((0, 1)) for each in (result, content)]
    assert np.abs(means[0] - means[1]).max() < 0.02 * 255
    assert not np.array_equal(result, content)
    if how == "luminance":
        grey = np.stack([content[..., 0]] * 3, 2)
        assert np.ptp(stylize(grey, STYLE, keep_color=how).astype(int), axis=2).max() <= 1


def test_sizes_asked_for(stylize: Stylize) -> None:
    content = picture(40, 80)
    assert stylize(content, STYLE, size_px=60).shape == (30, 60, 3)
    assert stylize(content, STYLE, size_px=160).shape == (80, 160, 3)
    assert StylizeOptions().size(3000, 2000) == (3000, 2000)
    assert StylizeOptions(method="optimize").size(3000, 2000) == (512, 341)
    assert StylizeOptions(method="optimize", size_px="source").size(3000, 2000) == (3000, 2000)


def test_strokes_have_a_scale(stylize: Stylize) -> None:
    content = picture()
    assert not np.array_equal(stylize(content, STYLE, style_scale=2), stylize(content, STYLE))


def test_frames_share_their_statistics(stylize: Stylize) -> None:
    frames = (picture(), picture(seed=1), picture())
    film = images.Picture(
        38, 45, 3, np.dtype(np.uint8), frames, "PNG", animation=images.Animation((40, 40, 40), 0)
    )
    done = stylize(film, STYLE)
    first, second, third = done.frames
    assert np.array_equal(first, third)
    assert not np.array_equal(first, stylize(frames[0], STYLE))
    assert second.shape == frames[1].shape


def test_knobs_of_the_other_method_are_refused() -> None:
    with pytest.raises(OptionError, match="expected tv-weight with method optimize, found method fast"):
        StylizeOptions(tv_weight=0.1)


def test_an_encoder_alone_stylizes_nothing() -> None:
    with pytest.raises(WeightsError, match="a net that stylizes, found encoder's"):
        Stylize.from_weights("encoder")


# ---------------------------------------------------------------------------- files


Shell = Callable[..., tuple[int, str, str]]


@pytest.fixture
def shell(capfd: pytest.CaptureFixture[str]) -> Shell:
    def run(*arguments: object) -> tuple[int, str, str]:
        code = main([str(each) for each in arguments])
        captured = capfd.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def files(tmp_path: Path) -> Path:
    Image.fromarray(picture()).save(tmp_path / "content.png")
    Image.fromarray(STYLE).save(tmp_path / "style.png")
    return tmp_path


def test_shell_and_python_agree(files: Path, shell: Shell, stylize: Stylize) -> None:
    mask = np.zeros((45, 38), np.uint8)
    mask[:, :20] = 255
    Image.fromarray(mask).save(files / "mask.png")
    code, _, err = shell(
        *("stylize", files / "content.png", files / "style.png", files / "content.png", files / "out.png"),
        *("--precision", "float32", "--strength", "0.8", "--style-weights", "3,1", "--size", "50"),
        *("--mask", files / "mask.png", "--keep-color", "histogram", "--style-scale", "0.5"),
    )
    assert code == 0, err
    expected = stylize(
        picture(), [STYLE, picture()], strength=0.8, style_weights=(3, 1), mask=mask, keep_color="histogram",
        size_px=50, style_scale=0.5,
    )  # fmt: skip
    assert np.array_equal(np.asarray(Image.open(files / "out.png")), expected)


def test_named_styles(files: Path, shell: Shell, stylize: Stylize, home: Path) -> None:
    assert shell("stylize", "--save-style", "mine", files / "style.png", "--precision", "float32")[0] == 0
    assert styles.installed()["mine"].stat().st_size < 60_000
    code, out, _ = shell("stylize", "--list-styles", "--json")
    rows = {row["name"]: row for row in map(json.loads, out.splitlines())}
    assert code == 0
    assert rows["mine"] == {"name": "mine", "title": "", "artist": "", "year": ""}
    named, pictured = stylize(picture(), "mine"), stylize(picture(), STYLE)
    assert np.abs(named.astype(int) - pictured).max() <= 4  # the file holds half precision
    assert shell("stylize", files / "content.png", "mine", files / "named.png")[0] == 0
    code, _, err = shell("stylize", files / "content.png", "mini", files / "x.png")
    assert (code, "did you mean mine?" in err) == (2, True)
    code, _, err = shell("stylize", files / "content.png", files / "no.png", files / "x.png")
    assert (code, "no such file" in err) == (3, True)
    code, _, err = shell("stylize", files / "content.png", "mine", files / "x.png", "--style-scale", "2")
    assert (code, "--style-scale: expected a picture" in err) == (2, True)
    assert shell("stylize", "--save-style", "mine", files / "style.png")[0] == OutputError.exit_code
    assert shell("stylize", "--save-style", "../mine", files / "style.png")[0] == UsageError.exit_code


def test_styles_of_other_nets_are_refused(stylize: Stylize, home: Path) -> None:
    torch.manual_seed(5)
    other = Stylize(Fast(CONFIG))
    other.save_style(styles.own_path("other"), STYLE, title="The Other", artist="N. N.", year="1900")
    assert styles.card(styles.find("other")).title == "The Other"
    with pytest.raises(WeightsError, match="another's; save the style again"):
        stylize(picture(), "other")
    (styles.own_folder() / "broken.safetensors").write_bytes(b"no style")
    with pytest.raises(WeightsError, match="expected a style's statistics"):
        stylize(picture(), "broken")
    (styles.own_folder() / "broken.safetensors").unlink()
    with pytest.raises(WeightsError, match="another's; save the style again"):
        styles.load_grams("other", "of other weights")


def test_files_of_styles_hold_matrices_nearly() -> None:
    rng = np.random.default_rng(0)
    wide = rng.normal(size=(96, 400)) * np.geomspace(10, 0.1, 96)[:, None]
    matrix = (wide @ wide.T / 400).astype(np.float32)
    for rank, most in ((96, 1e-6), (60, 1e-3), (16, 2e-2)):
        back = styles._unpacked(styles._packed("m", matrix, rank), "m")
        assert np.square(back - matrix).sum() < most * np.square(matrix).sum()
        assert np.allclose(np.diagonal(back), np.diagonal(matrix), rtol=1e-2)


def test_folders_animations_and_what_is_only_looked_at(files: Path, shell: Shell) -> None:
    folder = files / "in"
    folder.mkdir()
    Image.fromarray(picture()).save(folder / "a.png")
    Image.fromarray(picture()[..., 0]).save(folder / "grey.jpg")
    frames = [Image.fromarray(picture(seed=s)) for s in (0, 1)]
    frames[0].save(folder / "b.gif", save_all=True, append_images=frames[1:], duration=80)
    code, _, err = shell("stylize", folder, files / "style.png", files / "out")
    assert code == 0, err
    assert Image.open(files / "out" / "b.gif").n_frames == 2  # type: ignore[attr-defined]
    assert Image.open(files / "out" / "grey.jpg").mode == "RGB"
    arguments = ["stylize", files / "content.png", files / "style.png"]
    code, _, err = shell(*arguments, files / "style.png", "--overwrite")
    assert (code, "is a style or a mask" in err) == (4, True)
    code, _, err = shell("stylize", files / "content.png", files / "out.png")
    assert (code, "expected CONTENT, STYLE and OUT" in err) == (2, True)


# ---------------------------------------------------------------------------- measured


def random_features(name: str) -> dict[str, torch.Tensor]:
    """In the place of VGG-16's weights."""
    rng = torch.Generator().manual_seed(1)
    state, index, inputs = {}, 0, 3
    for number, width in vgg.VGG[name]:
        for _ in range(number):
            weight = torch.randn(width, inputs, 3, 3, generator=rng) / (3 * inputs**0.5)
            state[f"features.{index}.weight"] = weight
            state[f"features.{index}.bias"] = torch.zeros(width)
            index, inputs = index + 2, width
        index += 1
    return state


def test_measured_at_several_strengths(files: Path, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vgg, "VGG", {"vgg16": ((2, 8), (2, 8), (3, 8), (3, 8), (3, 8))})
    monkeypatch.setattr(vgg, "backbone", random_features)
    for folder, seeds in {"contents": (0, 1), "styles": (7, 8)}.items():
        (files / folder).mkdir()
        for seed in seeds:
            Image.fromarray(picture(seed=seed)).save(files / folder / f"{seed}.png")
    arguments = ["evaluate", "stylize", "--data", files / "contents", "--styles", files / "styles"]
    arguments += ["--size", "40"]
    code, out, err = shell(*arguments, "--json", "--save", files / "saved")
    assert code == 0, err
    report = json.loads(out)
    assert [row["strength"] for row in report["rows"]] == [0.25, 0.5, 0.75, 1.0]
    distances = [row["content_distance"] for row in report["rows"]]
    assert distances == sorted(distances)
    assert report["psnr_at_0"] is None  # exact
    assert (report["contents"], report["styles"]) == (2, 2)
    assert len(list((files / "saved").glob("*.png"))) == 5
    assert report["match"]["n"] == 4
    assert 0 <= report["match"]["found"] <= 1
    code, out, err = shell(*arguments, "--results", files / "saved", "--json")
    assert code == 0, err
    assert json.loads(out) == {"results": str(files / "saved"), **report["match"]}
    code, _, err = shell(*arguments, "--results", files)
    assert (code, "expected the result of" in err) == (InputError.exit_code, True)
    code, out, _ = shell(*arguments, "--method", "optimize", "--steps", "2")
    assert code == 0
    rows = [line.split()[0] for line in out.splitlines()[2:]]
    assert rows[:2] == ["1.00", "strength"]  # that strength alone
    assert "own style found in" in out
    assert report["pairs"] == 4
    known = sorted((files / "styles").iterdir())[0]
    shutil.copy(known, files / "contents")  # what has the style already says nothing of taking it on
    shutil.copy(known, files / "styles" / f"{known.stem}.PNG")
    quick = [*arguments, "--method", "optimize", "--steps", "1", "--json"]
    code, out, err = shell(*quick, "--save", files / "b")
    assert code == 0, err
    assert (json.loads(out)["styles"], json.loads(out)["pairs"]) == (3, 7)
    assert f"not counted: {known.name} in the style of {known.name}" in err
    assert len(list((files / "b").glob("*.png"))) == 10
    (files / "styles" / f"{known.stem}.PNG").unlink()
    (files / "contents" / known.name).unlink()
    (files / "contents" / "broken.png").write_bytes(b"no picture")
    code, out, err = shell(*quick)
    assert code == 1
    assert json.loads(out)["left_out"] == ["broken.png"]
    assert "1 of 5 pictures failed" in err
