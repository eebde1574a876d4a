"""Generators: nets of every size, pictures that seed and number decide, films, files, refusals."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import made
import numpy as np
import pytest
import torch
from PIL import Image

from genstudio import images
from genstudio.cli import main
from genstudio.errors import UsageError
from genstudio.evaluate.novelty import novelty
from genstudio.generate import film, pipeline
from genstudio.generate.addresses import code_of, variations
from genstudio.generate.augment import DICE, augment
from genstudio.generate.dcgan import SIZES, DCGANConfig, Discriminator, Generator
from genstudio.generate.like import closest
from genstudio.generate.losses import discriminator_loss, generator_loss, gradient_penalty, rightness
from genstudio.generate.pipeline import Generate
from genstudio.generate.sampling import as_pictures, as_pixels, latent, slerp
from genstudio.options import OptionError

TINY = DCGANConfig(size=32, width=4, judge_width=4, latent=8, classes=("daisy", "rose"))


@pytest.fixture(autouse=True, scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of weights with the generators tiny and plain, which has no classes."""
    folder = tmp_path_factory.mktemp("weights")
    for name, config in (("tiny", TINY), ("plain", dataclasses.replace(TINY, classes=()))):
        torch.manual_seed(0)
        net = Generator(config)
        for conv in (*net.convs, net.tail):  # a fresh net's pictures are grey
            torch.nn.init.normal_(conv.weight, 0, (2 / (4 * conv.in_channels)) ** 0.5)
        made.save(folder / "generate" / f"{name}.safetensors", "generate", "dcgan", net)
    return folder


@pytest.fixture(autouse=True)
def installed(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GENSTUDIO_WEIGHTS", str(home))
    monkeypatch.setenv("TORCH_HOME", str(home))
    monkeypatch.chdir(tmp_path)


def pixels_of(path: str) -> np.ndarray:
    return np.asarray(Image.open(path))


def blocks(pixels: np.ndarray) -> np.ndarray:
    return pixels[..., :3].reshape(4, 8, 4, 8, 3).mean((1, 3))


# --- nets --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("classes", [(), ("a", "b", "c")])
@pytest.mark.parametrize(
    ("norm", "judge_norm"), [("batch", "none"), ("pixel", "spectral"), ("batch", "batch")]
)
def test_shapes(size: int, classes: tuple[str, ...], norm: str, judge_norm: str) -> None:
    config = DCGANConfig(
        size=size, latent=8, width=4, judge_width=4, classes=classes, norm=norm, judge_norm=judge_norm
    )
    labels = torch.tensor([0, 1, 2, 0]) if classes else None
    pictures = Generator(config)(torch.randn(4, 8), labels)
    assert pictures.shape == (4, 3, size, size)
    assert pictures.abs().max() <= 1
    assert Discriminator(config)(pictures, labels, parts=2).shape == (4,)


def test_sizes_of_the_paper() -> None:
    net, judge = Generator(DCGANConfig()), Discriminator(DCGANConfig(judge_norm="batch"))
    assert [conv.out_channels for conv in net.convs] == [512, 256, 128, 64]
    # pytorch/examples' nets, plus the biases that layers without batch normalisation have here
    assert sum(p.numel() for p in net.parameters()) == 3_576_704 + 3
    assert sum(p.numel() for p in judge.parameters()) == 2_765_568 + 64 + 1
    with pytest.raises(UsageError, match="32, 64, 128"):
        DCGANConfig(size=48)


def test_signals_begin_at_a_size_that_can_be_learned_from() -> None:
    torch.manual_seed(0)
    config = DCGANConfig(size=64, width=16, judge_width=16)
    assert Generator(config)(torch.randn(16, 100)).std() < 0.2  # grey: nothing to unlearn
    assert 0.1 < Discriminator(config)(torch.rand(16, 3, 64, 64) - 0.5).std() < 1.5


def test_the_class_counts_for_both_nets() -> None:
    torch.manual_seed(0)
    net, judge, z = Generator(TINY), Discriminator(TINY), torch.randn(1, 8)
    x = torch.rand(1, 3, 32, 32)
    assert judge(x, torch.tensor([0])) == judge(x, torch.tensor([1]))  # as if there were none, at first
    torch.nn.init.normal_(judge.tail.weight)
    a, b = (net(z, torch.tensor([k])) for k in (0, 1))
    assert not torch.allclose(a, b)
    assert judge(a, torch.tensor([0])) != judge(a, torch.tensor([1]))


def test_with_batch_norm_real_and_generated_are_judged_apart() -> None:
    torch.manual_seed(0)
    judge = Discriminator(dataclasses.replace(TINY, classes=(), judge_norm="batch"))
    real, fake = torch.rand(4, 3, 32, 32), -torch.rand(4, 3, 32, 32)
    together = judge(torch.cat((real, fake)), parts=2)
    assert torch.allclose(together, torch.cat((judge(real), judge(fake))), atol=1e-5)


# --- losses and augmentation -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["nonsaturating", "hinge", "relativistic"])
def test_losses_pull_apart(kind: str) -> None:
    real, fake = torch.zeros(4, requires_grad=True), torch.zeros(4, requires_grad=True)
    discriminator_loss(kind, real, fake).backward()
    assert (real.grad < 0).all()
    assert (fake.grad > 0).all()
    fake.grad = None
    generator_loss(kind, real.detach(), fake).backward()
    assert (fake.grad < 0).all()


def test_penalty_is_the_squared_gradient() -> None:
    x = torch.randn(3, 2, 4, 4, requires_grad=True)
    scale = torch.tensor([1.0, 2.0, 3.0])
    logits = (x.sum((1, 2, 3)) * scale).requires_grad_()
    assert torch.allclose(gradient_penalty(logits, x), 32 * scale**2)


def test_rightness_does_not_mind_where_zero_is() -> None:
    real, fake = torch.tensor([11.0, 12.0]), torch.tensor([9.0, 8.0])
    assert rightness(real, fake) == 1
    assert rightness(fake, real) == 0
    assert rightness(torch.tensor([1.0, -1.0]), torch.tensor([1.0, -1.0])) == 0.5


def test_augmentation_is_a_function_of_its_dice() -> None:
    torch.manual_seed(0)
    x, dice = torch.rand(16, 3, 32, 32, requires_grad=True), torch.rand(16, DICE)
    always = augment(x, dice, torch.tensor(1.0))
    assert torch.equal(always, augment(x, dice, torch.tensor(1.0)))
    assert torch.equal(always[3:5], augment(x[3:5], dice[3:5], torch.tensor(1.0)))
    assert torch.allclose(augment(x, dice, torch.tensor(0.0)), x, atol=1e-5)
    changed = (augment(x, dice, torch.tensor(0.5)) - x).abs().amax((1, 2, 3)) > 1e-3
    assert torch.equal(changed, (dice[:, :3] < 0.5).any(1))
    assert ((always == 0).float().mean((1, 2, 3)) > 0.05).all()  # the hole
    always.sum().backward()
    assert x.grad is not None


# --- seeds -------------------------------------------------------------------------------------------------


def test_a_picture_is_decided_by_seed_and_number(monkeypatch: pytest.MonkeyPatch) -> None:
    generate = Generate.from_weights("tiny", device="cpu")
    many = [np.asarray(picture) for picture in generate(20, seed=3)]
    few = [np.asarray(picture) for picture in generate(2, seed=3)]
    assert all(np.array_equal(a, b) for a, b in zip(few, many, strict=False))
    assert not np.array_equal(many[0], many[1])
    assert not np.array_equal(many[0], np.asarray(generate(1, seed=4)[0]))
    names = [made.class_name for made in generate.pictures(20, seed=3)]
    assert set(names) == {"daisy", "rose"}
    # Even a picture that stands elsewhere in its batch.
    codes = [generate.code(3, k, None, generate.class_at(3, k, None)) for k in (19, 0, 7)]
    for k, pixels in zip((19, 0, 7), generate.render(iter(codes)), strict=True):
        assert np.array_equal(pixels, many[k])


def test_truncation_moves_latents_inwards() -> None:
    free, cut = (torch.stack([latent(0, k, 64, t) for k in range(50)]) for t in (None, 0.7))
    assert abs(free.std() - 1) < 0.05
    assert cut.abs().max() <= 0.7
    assert torch.equal(cut.sign(), free.sign())


def test_slerp_keeps_lengths() -> None:
    a, b = latent(0, 0, 64), latent(1, 0, 64)
    assert torch.allclose(slerp(a, b, 0), a, atol=1e-5)
    assert torch.allclose(slerp(a, b, 1), b, atol=1e-5)
    assert slerp(a, b, 0.5).norm() == pytest.approx(((a.norm() + b.norm()) / 2).item(), rel=1e-4)
    assert torch.allclose(slerp(a, a, 0.3), a, atol=1e-5)


def test_pixels_round_trip() -> None:
    pixels = torch.arange(256, dtype=torch.uint8).repeat(3, 1).T.reshape(1, 16, 16, 3).contiguous()
    assert np.array_equal(as_pixels(as_pictures(pixels)), pixels.numpy())


def test_classes_are_asked_for_by_name() -> None:
    generate = Generate.from_weights("tiny", device="cpu")
    assert {m.class_name for m in generate.pictures(5, class_name="rose")} == {"rose"}
    with pytest.raises(OptionError, match="daisy, rose"):
        generate(1, class_name="tulip")
    with pytest.raises(OptionError, match="no classes"):
        Generate.from_weights("plain", device="cpu")(1, class_name="rose")


def test_a_film_passes_each_of_its_seeds() -> None:
    generate = Generate.from_weights("plain", device="cpu")
    stops = [generate.code(seed, 0, None, None) for seed in (1, 5, 9)]
    film = list(generate.between(stops, 8))
    for seed, frame in ((1, film[0]), (5, film[4]), (9, film[-1])):
        (expected,) = generate(1, seed=seed)
        assert np.array_equal(frame, np.asarray(expected))


def test_likeness_of_a_picture_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genstudio.generate.like.STEPS", 20)
    generate = Generate.from_weights("plain", device="cpu")
    (own,) = generate(1, seed=99)
    seen: list[int] = []
    found = closest(generate, np.asarray(own), progress=lambda done, total: seen.append(done))
    best = min(
        np.abs(np.asarray(p).astype(float) - np.asarray(own)).mean() for p in generate(pipeline.BATCH, seed=0)
    )
    assert np.abs(found.pixels.astype(float) - np.asarray(own)).mean() < best
    assert seen == list(range(1, 21))


# --- files -------------------------------------------------------------------------------------------------


def test_a_folder_of_pictures(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate", "out", "--model", "tiny", "--count", "3", "--seed", "5", "--json"]) == 0
    out, err = capsys.readouterr()
    rows = [json.loads(line) for line in out.splitlines()]
    assert [row["index"] for row in rows] == [0, 1, 2]
    assert "3 pictures of tiny, seed 5" in err
    text = Image.open("out/00002.png").text
    assert (text["model"], text["seed"], text["index"]) == ("tiny", "5", "2")
    assert text["class"] == rows[2]["class"]
    alone = Generate.from_weights("tiny", device="cpu")(3, seed=5)[2]
    assert np.array_equal(np.asarray(alone), pixels_of("out/00002.png"))
    assert main(["generate", "out", "--model", "tiny"]) == 4
    assert main(["generate", "out", "--model", "tiny", "--overwrite"]) == 0


def test_one_picture_may_be_a_file() -> None:
    assert main(["generate", "one.png", "--model", "tiny", "--seed", "3"]) == 0
    assert main(["generate", "one", "--model", "tiny", "--seed", "3"]) == 0
    assert np.array_equal(pixels_of("one.png"), pixels_of("one/00000.png"))
    assert main(["generate", "one.png", "--model", "tiny"]) == 4  # exists


@pytest.mark.parametrize("wrong", [{"count": 0}, {"count": 1.5}, {"seed": -1}, {"truncation": float("nan")}])
def test_numbers_that_cannot_be_meant(wrong: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match=f"{next(iter(wrong))}: expected"):
        Generate.from_weights("tiny")(**wrong)


def test_a_grid_holds_the_same_pictures() -> None:
    assert main(["generate", "grid.png", "--model", "tiny", "--grid", "3x2"]) == 0
    assert main(["generate", "out", "--model", "tiny", "--count", "6"]) == 0
    grid = pixels_of("grid.png")
    assert grid.shape == (65, 98, 3)
    assert np.array_equal(grid[33:, 33:65], pixels_of("out/00004.png"))


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".mp4"])
def test_films(suffix: str) -> None:
    if suffix == ".mp4":
        pytest.importorskip("av")
    assert (
        main(["generate", f"film{suffix}", "--model", "tiny", "--interpolate", "1,5,9", "--frames", "9"]) == 0
    )
    if suffix == ".mp4":
        import av

        with av.open("film.mp4") as container:
            frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    else:
        frames = list(images.read(Path(f"film{suffix}")).frames)
    assert len(frames) == 9
    for k, seed in ((0, 1), (4, 5), (8, 9)):
        (still,) = Generate.from_weights("tiny", device="cpu")(1, seed=seed)
        # Films have fewer colours than pixels: by blocks of 8.
        shown, made = (blocks(p) for p in (frames[k], np.asarray(still)))
        other = blocks(np.asarray(Generate.from_weights("tiny", device="cpu")(1, seed=77)[0]))
        assert np.abs(shown - made).mean() < 0.5 * np.abs(shown - other).mean()


def test_a_walk_comes_back() -> None:
    assert main(["generate", "walk.png", "--model", "plain", "--walk", "--count", "2", "--frames", "8"]) == 0
    frames = list(images.read(Path("walk.png")).frames)
    first, second = (np.asarray(p) for p in Generate.from_weights("plain", device="cpu")(2))
    assert len(frames) == 8
    assert np.array_equal(frames[0], first)
    assert np.array_equal(frames[4], second)
    assert not np.array_equal(frames[7], first)
    assert np.abs(frames[7].astype(int) - frames[1]).max() <= 1  # back as it came


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["out", "--model", "tny"], 2, "did you mean tiny?"),
        (["out", "--model", "tiny", "--class", "tulip"], 2, "--class: expected daisy, rose, found 'tulip'"),
        (["out", "--model", "tiny", "--grid", "3"], 2, "--grid: expected COLSxROWS"),
        (["out.png", "--grid", "1000x1"], 2, "--grid: expected COLSxROWS of 1 to 999 each, 8x4 for example"),
        (["a" * 300, "--model", "tiny"], 4, "too long"),
        (["a" * 300 + ".png", "--model", "tiny"], 4, "too long"),
        (["out.gif", "--interpolate", "1,2,3", "--frames", "2"], 2, "expected 3 frames or more"),
        (["out.gif", "--walk", "--count", "9", "--frames", "8"], 2, "expected 9 frames or more"),
        (["out.mp4", "--model", "tiny"], 2, "expected --walk or --interpolate for a film"),
        (["out.png", "--model", "tiny", "--like", "-"], 2, "--like: expected the path of a photo, found -"),
        (["out", "--count", "100001"], 2, "--count: "),
        (["out", "--model", "classify/flowers"], 2, "expected a model of generate, found one of classify"),
        (["out", "--model", "tiny", "--interpolate", "3"], 2, "--interpolate: expected at least two seeds"),
        (["out.png", "--walk", "--grid", "2x2"], 2, "found grid and walk"),
        (["out.png", "--grid", "2x2", "--count", "5"], 2, "found 5; lower it"),
        (["out.jpg", "--walk"], 2, "expected a film"),
        (["out.txt", "--grid", "2x2"], 2, "cannot write"),
        (["out.png", "--model", "tiny", "--like", "none.png"], 3, "none.png"),
        (["none/out.png", "--model", "tiny", "--grid", "2x2"], 4, "does not exist"),
        (["here.txt", "--model", "tiny"], 4, "expected a folder"),
        (["out", "--model", "tiny", "--truncation", "0"], 2, "--truncation: expected a number above 0"),
        (["out.png", "--model", "tiny", "--count", "2"], 2, "expected a folder for 2 pictures"),
        (["out.gif", "--interpolate", "1,2", "--seed", "3"], 2, "expected no seed with interpolate"),
        (["-", "--model", "tiny", "--grid", "2x2"], 2, "found -; it stands for"),
    ],
)
def test_refusals(arguments: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("here.txt").touch()
    assert main(["generate", *arguments]) == code
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
    assert [path.name for path in Path().iterdir()] == ["here.txt"]


def test_without_pyav_mp4_is_refused_with_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(film.importlib, "import_module", missing)
    with pytest.raises(UsageError, match=r"genstudio\[video\]"):
        film.check(Path("out.mp4"))


# --- novelty -----------------------------------------------------------------------------------------------


def test_copies_are_found() -> None:
    rng = np.random.default_rng(0)
    real = rng.normal(size=(200, 8))
    copied = novelty(real[:20] + 1e-3, real)
    assert copied.copies == 1
    assert copied.places[:, 0].tolist() == list(range(20))
    fresh = novelty(rng.normal(size=(100, 8)), real)
    assert fresh.copies < 0.1
    assert 0.7 < fresh.ratio < 1.4


def test_novelty_of_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path / "cache")
    assert main(["generate", "data", "--model", "plain", "--count", "9"]) == 0
    command = ["evaluate", "novelty", "--model", "plain", "--data", "data", "--metric", "untrained"]
    assert main([*command, "--count", "3", "--save", "sheet.png", "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert (row["features"], row["n"], row["training_pictures"], row["copies"]) == ("untrained", 3, 9, None)
    assert Image.open("sheet.png").size[0] == 4 * 132 - 4
    assert main([*command, "--save", "sheet.png"]) == 4


def test_addresses_lead_to_pictures_and_their_variations() -> None:
    generate = Generate.from_weights("tiny", device="cpu")
    first, near, far = (code_of(generate, each) for each in ("7:2", "7:2/0.1:1", "7:2/1:1"))
    assert torch.equal(first, generate.code(7, 2, None, generate.class_at(7, 2, None)))
    assert 0 < (near - first).norm() < (far - first).norm()
    assert variations("7:2", 0.1, 3) == ["7:2", "7:2/0.1:1", "7:2/0.1:2"]
    torch.testing.assert_close(code_of(generate, variations("7:2", 0, 2)[1]), first)
    for wrong in ("7", "7:2/2:1", "7:2/0.1", "a:b"):
        with pytest.raises(UsageError, match="expected a picture such as 7:2"):
            code_of(generate, wrong)
