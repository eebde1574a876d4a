"""Denoising: what the nets promise, what the pipeline keeps, what options mean, and that learners learn."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import made
import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data
from torch import nn

from genstudio import Denoise, images
from genstudio.cli import main
from genstudio.data.drawings import drawing
from genstudio.data.store import PictureStore, open_store
from genstudio.denoise import learner as learning
from genstudio.denoise import neighbours, train
from genstudio.denoise.dae import DAE, DAEConfig
from genstudio.denoise.dae_plain import DAEPlain, DAEPlainConfig
from genstudio.engines import community
from genstudio.engines.torch_engine import TorchEngine
from genstudio.errors import UsageError
from genstudio.options import OptionError
from genstudio.training import loop

NETS = {
    "told": DAE(DAEConfig(width=8, blocks=1)),
    "blind": DAE(DAEConfig(width=8, blocks=1, told=False)),
    "plain": DAEPlain(DAEPlainConfig(width=8, code=6)),
}


def live(net: nn.Module) -> nn.Module:
    """With weights that do something; a fresh net is nearly the identity and would prove nothing."""
    torch.manual_seed(0)
    for p in net.parameters():
        p.data = torch.randn_like(p) * (0.7 / p[0].numel()) ** 0.5
    return net.eval()


@pytest.fixture(scope="module", autouse=True)
def models(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Weights denoise/told, denoise/blind and denoise/plain."""
    home = tmp_path_factory.mktemp("weights")
    for name, net in NETS.items():
        arch = "dae-plain" if name == "plain" else "dae"
        made.save(home / "denoise" / f"{name}.safetensors", "denoise", arch, live(net))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENSTUDIO_WEIGHTS", str(home))
        yield


def denoiser(model: str = "told", **options: Any) -> Denoise:
    return Denoise.from_weights(
        model, **{"device": "cpu", "precision": "float32", "engine": "torch"} | options
    )


def noisy(height: int = 61, width: int = 53, level: float = 20, dtype: Any = np.uint8) -> np.ndarray:
    """A crop of chelsea with noise, of any number format."""
    clean = data.chelsea()[40 : 40 + height, 100 : 100 + width] / 255
    values = (clean + np.random.default_rng(0).normal(0, level / 255, clean.shape)).clip(0, 1)
    most = 1 if np.dtype(dtype).kind == "f" else np.iinfo(dtype).max
    return (values * most).round(0 if most > 1 else 9).astype(dtype)


def with_alpha(x: np.ndarray) -> np.ndarray:
    """Clear on the left, opaque on the right, a slope between."""
    slope = np.clip(np.linspace(-1, 2, x.shape[1]), 0, 1) * (
        1 if x.dtype.kind == "f" else np.iinfo(x.dtype).max
    )
    alpha = np.broadcast_to(slope, x.shape[:2])[..., None].astype(x.dtype)
    return np.concatenate([x, alpha], 2)


# --- the nets ---------------------------------------------------------------------------------------------


@torch.no_grad()
@pytest.mark.parametrize("name", NETS)
def test_what_a_net_does_follows_the_noise_and_not_the_light(name: str) -> None:
    net, x = NETS[name], torch.rand(1, 3, 24, 20)
    y = net(x, 20.0)
    assert torch.allclose(net(0.25 * x, 5.0), 0.25 * y, atol=1e-5)
    assert torch.allclose(net(x + 0.3, 20.0), y + 0.3, atol=1e-5)


@torch.no_grad()
def test_each_picture_of_a_batch_has_its_own_level() -> None:
    net, x = NETS["told"], torch.rand(2, 3, 12, 12)
    both = net(x, torch.tensor([5.0, 50.0]))
    assert torch.allclose(both[:1], net(x[:1], 5.0), atol=1e-6)
    assert torch.allclose(both[1:], net(x[1:], 50.0), atol=1e-6)
    assert not torch.allclose(both[1:], net(x[1:], 5.0), atol=1e-3)
    assert torch.equal(NETS["blind"](x, 5.0), NETS["blind"](x, 50.0))


def test_the_fast_net_costs_a_tenth() -> None:
    from torch.utils.flop_counter import FlopCounterMode

    def flops(name: str) -> int:
        with FlopCounterMode(display=False) as counter:
            learning.build(train.RECIPES[f"denoise/{name}"].net)(torch.rand(1, 3, 32, 32), 25.0)
        return counter.get_total_flops()

    assert flops("dae-fast") <= flops("dae-color") / 10


# --- pictures through the pipeline ------------------------------------------------------------------------


@pytest.mark.parametrize("strength", [12, "auto"])
@pytest.mark.parametrize(("height", "width"), [(131, 97), (40, 170), (1, 1), (33, 2)])
def test_tiled_equals_whole(strength: Any, height: int, width: int) -> None:
    x = noisy(height, width, dtype=np.uint16)
    whole = denoiser(tile="off")(x, strength=strength)
    tiled = denoiser(tile=32)(x, strength=strength)
    assert whole.shape == x.shape
    assert np.abs(whole.astype(int) - tiled.astype(int)).max() <= 1


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize(
    "make", [lambda x: x, with_alpha, lambda x: x[..., 0], lambda x: with_alpha(x[..., :1])]
)
def test_nothing_asked_for_is_nothing_done(dtype: Any, make: Callable[[np.ndarray], np.ndarray]) -> None:
    x = make(noisy(dtype=dtype))
    denoise = denoiser()
    assert not np.array_equal(denoise(x, strength=20), x)
    assert np.array_equal(denoise(x, strength=20, amount=0), x)
    assert np.array_equal(denoise(x, amount=0), x)
    assert np.array_equal(denoise(x, strength=0), x)
    assert np.array_equal(denoiser("blind")(x, amount=0), x)


def test_amount_is_the_way_between() -> None:
    x = noisy(dtype=np.float32)
    whole, part = (denoiser()(x, strength=20, amount=a) for a in (1, 0.25))
    assert np.allclose(part, x + 0.25 * (whole - x), atol=1e-6)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_alpha_is_kept_and_hidden_colours_do_not_show(dtype: Any) -> None:
    x = with_alpha(noisy(dtype=dtype))
    hidden = x[..., 3] == 0
    y = denoiser()(x, strength=20)
    assert np.array_equal(y[..., 3], x[..., 3])
    assert np.array_equal(y[hidden], x[hidden])
    assert not np.array_equal(y[~hidden], x[~hidden])
    other = x.copy()
    other[hidden, :3] = 0
    assert np.array_equal(denoiser()(other, strength=20)[~hidden], y[~hidden])


def test_no_colour_is_invented_in_grey_pictures() -> None:
    grey = noisy()[..., 0]
    in_rgb = denoiser()(np.stack([grey] * 3, 2), strength=20)
    assert (in_rgb == in_rgb[..., :1]).all()
    assert np.array_equal(in_rgb[..., 0], denoiser()(grey, strength=20))
    assert np.array_equal(np.asarray(denoiser()(Image.fromarray(grey), strength=20)), in_rgb[..., 0])


def test_strength_is_relative_to_the_range() -> None:
    eight = noisy()
    results = [
        denoiser()(x, strength=20).astype(np.float64) / most
        for x, most in (
            (eight, 255),
            (eight.astype(np.uint16) * 257, 65535),
            (eight.astype(np.float32) / 255, 1),
        )
    ]
    assert np.abs(results[0] - results[2]).max() <= 0.51 / 255
    assert np.abs(results[1] - results[2]).max() <= 0.51 / 65535 + 1e-6


def test_white_stays_white() -> None:
    for model in NETS:
        white = np.full((20, 30, 3), 255, np.uint8)
        assert (denoiser(model)(white) == 255).all()


# --- strength: auto ---------------------------------------------------------------------------------------


def picture(*frames: np.ndarray) -> images.Picture:
    height, width, channels = frames[0].shape
    animation = images.Animation((40,) * len(frames), 0) if len(frames) > 1 else None
    return images.Picture(width, height, channels, frames[0].dtype, frames, animation=animation)


def test_auto_is_the_estimate_of_the_whole_and_says_so() -> None:
    x = noisy(200, 200, level=20)
    done = denoiser(tile=64)(picture(x))
    (note,) = done.notes
    estimate = float(note.removeprefix("noise std ").removesuffix(" (estimated)"))
    assert estimate == pytest.approx(20, rel=0.1)
    (frame,) = done.frames
    assert np.array_equal(denoiser(tile=64)(x, strength=estimate), frame)
    assert np.array_equal(denoiser(tile=64)(x), frame)
    assert denoiser()(picture(x), strength=20).notes == ()


def test_auto_looks_at_each_picture_and_at_an_animation_once() -> None:
    one, other = noisy(64, 64, level=10), noisy(64, 64, level=40)
    batch = torch.from_numpy(np.stack([one, other])).permute(0, 3, 1, 2)
    done = denoiser()(batch).permute(0, 2, 3, 1).numpy()
    assert np.array_equal(done, np.stack([denoiser()(one), denoiser()(other)]))
    film = list(denoiser()(picture(one, other)).frames)
    assert np.array_equal(film[0], done[0])
    assert not np.array_equal(film[1], done[1])


def test_auto_sees_grey_and_transparent_pictures_as_they_are() -> None:
    x = noisy(128, 128, level=20)
    grey, clear = np.repeat(x[..., :1], 3, 2), with_alpha(x)
    clear[:, :40, :3] = np.random.default_rng(1).integers(100, 104, (128, 40, 3))  # hidden, with little noise
    for each in (grey, clear):
        (note,) = denoiser()(picture(each)).notes
        assert float(note.split()[2]) == pytest.approx(20, rel=0.15)


def test_a_net_that_finds_the_noise_by_itself_takes_no_strength() -> None:
    x = noisy()
    (note,) = denoiser("blind")(picture(x)).notes
    assert note.endswith(" (estimated; blind finds it by itself)")
    with pytest.raises(OptionError, match=r"strength: expected auto for blind.*found 25; use amount"):
        denoiser("blind")(x, strength=25)


def test_a_batch_is_refused_before_it_begins(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a.png", "b.png"):
        Image.fromarray(noisy()).save(tmp_path / "in" / name)
    assert main(["denoise", f"{tmp_path}/in", f"{tmp_path}/out/", "--model", "blind", "--strength", "9"]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "--strength: expected auto for blind" in err


# --- options, shell, other people's models ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"strength": 101}, "strength: expected auto or a number from 0 to 100, found 101"),
        ({"strength": "much"}, "strength: expected auto or a number from 0 to 100, found 'much'"),
        ({"strength": True}, "strength: expected a number, found True"),
        ({"amount": 1.5}, "amount: expected a number from 0 to 1, found 1.5"),
    ],
)
def test_values_that_cannot_be_meant(values: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError) as caught:
        denoiser()(noisy(), **values)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("shell", "build", "call"),
    [
        ([], {}, {}),
        (["--strength", "12.5"], {}, {"strength": 12.5}),
        (["--strength", "auto", "--amount", "0.4"], {}, {"amount": 0.4}),
        (["--self-ensemble", "--strength", "30"], {"self_ensemble": True}, {"strength": 30}),
        (["--precision", "bfloat16", "--tile", "32"], {"precision": "bfloat16", "tile": 32}, {}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_shell_and_python_agree(
    shell: list[str], build: dict[str, Any], call: dict[str, Any], tmp_path: Path
) -> None:
    image = Image.fromarray(noisy())
    image.save(tmp_path / "in.png")
    assert (
        main(["denoise", str(tmp_path / "in.png"), str(tmp_path / "out.png"), "--model", "told", *shell]) == 0
    )
    ours = Denoise.from_weights("told", **build)(image, **call)
    assert np.array_equal(np.asarray(ours), np.asarray(Image.open(tmp_path / "out.png")))


def test_the_shell_says_what_was_estimated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a.png", "b.png"):
        Image.fromarray(noisy(100, 100)).save(tmp_path / "in" / name)
    command = ["denoise", f"{tmp_path}/in", f"{tmp_path}/out/", "--model", "told"]
    assert main([*command, "--name", "{stem}-{model}-{scale}.{ext}"]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("noise std") == 2
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a-told-1.png", "b-told-1.png"]
    assert main([*command, "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["models"] for row in rows] == [["told"], ["told"]]
    assert all(row["notes"][0].endswith("(estimated)") for row in rows)
    assert main([*command, "--strength", "400"]) == 2
    assert "--strength: expected auto or a number from 0 to 100" in capsys.readouterr().err


def test_sixteen_bits_and_metadata_survive_the_shell(tmp_path: Path) -> None:
    x = noisy(dtype=np.uint16)
    still = picture(x)
    still = dataclasses.replace(still, metadata=images.Metadata(dpi=(300, 300), text={"Title": "cat"}))
    images.write(still, tmp_path / "in.png")
    assert (
        main(["denoise", f"{tmp_path}/in.png", f"{tmp_path}/out.png", "--model", "told", "--strength", "20"])
        == 0
    )
    done = images.read(tmp_path / "out.png")
    assert (done.dtype, done.metadata.text) == (np.uint16, {"Title": "cat"})
    assert np.array_equal(next(iter(done.frames)), Denoise.from_weights("told")(x, strength=20))


def test_other_peoples_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "scunet.pth").write_bytes(b"")
    for scale in (1, 4):
        engine = TorchEngine(nn.Identity(), scale=scale, overlap_px=0)
        monkeypatch.setattr(community, "load", lambda *_, engine=engine, **__: engine)
        if scale == 1:
            denoise = Denoise.from_weights(tmp_path / "scunet.pth")
            assert np.array_equal(denoise(noisy()), noisy())
            assert not denoise.takes_level
        else:
            with pytest.raises(UsageError, match="which enlarges 4 times"):
                Denoise.from_weights(tmp_path / "scunet.pth")


# --- training ---------------------------------------------------------------------------------------------

TINY = dataclasses.replace(
    train.dae_color, net=DAEConfig(width=8, blocks=1), steps=4, batch_size=8, crop_px=16, precision="float32"
)
KINDS: dict[str, dict[str, Any]] = {
    "gaussian": {},
    "photo": {"noise": "photo", "net": DAEConfig(width=8, blocks=1, told=False)},
    "neighbours": {"clean": "none"},
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> PictureStore:
    folder = tmp_path_factory.mktemp("photos")
    for k in range(3):
        Image.fromarray(noisy(70, 80 + k, level=10)).save(folder / f"photo-{k}.png")
    return open_store(folder, tmp_path_factory.mktemp("cache"), TINY.min_side_px)


@pytest.mark.parametrize("kind", KINDS)
def test_batches_are_decided_by_seed_and_step(kind: str, store: PictureStore) -> None:
    recipe = dataclasses.replace(TINY, **KINDS[kind])
    learner, twin = (train.make_learner(recipe, store) for _ in range(2))
    learner.batch(0, 0)
    for a, b in zip(learner.batch(1, 0), twin.batch(1, 0), strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(learner.batch(2, 0)[0], learner.batch(1, 0)[0])


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_learns_validates_and_exports(kind: str, store: PictureStore, tmp_path: Path) -> None:
    recipe = dataclasses.replace(TINY, **KINDS[kind])
    learner = train.make_learner(recipe, store)
    before = {name: value.clone() for name, value in learner.net.state_dict().items()}
    result = loop.train(learner, recipe, tmp_path, device="cpu")
    assert result.finished
    assert any(not torch.equal(before[name], value) for name, value in learner.net.state_dict().items())
    assert all(np.isfinite(list(result.scores.values())))
    assert (tmp_path / "samples" / "0000004.png").stat().st_size > 0
    assert learner.export(learner.net) is learner.net


@pytest.mark.parametrize("kind", KINDS)
def test_samples_are_made_where_they_are_asked_for(
    kind: str, store: PictureStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner = train.make_learner(dataclasses.replace(TINY, **KINDS[kind]), store)
    concatenated: list[int] = []
    cat = torch.cat
    monkeypatch.setattr(learning.torch, "cat", lambda p, d=0: concatenated.append(d) or cat(p, d))
    with torch.no_grad():
        scores = learner.validate(learner.net, None)
        assert 3 not in concatenated
        assert learner.validate(learner.net, tmp_path / "samples.png") == scores
    assert 3 in concatenated
    assert Image.open(tmp_path / "samples.png").width > 0


def test_levels_told_are_those_of_the_noise(store: PictureStore) -> None:
    noisy, std, clean = train.make_learner(TINY, store).batch(0, 0)
    found = 255 * (noisy - clean).flatten(1).std(1)
    assert torch.allclose(found, std, rtol=0.1)


def test_squares_count_where_the_recipe_says_so(store: PictureStore) -> None:
    learner = train.make_learner(dataclasses.replace(TINY, mse_after=0.5), store)
    noisy, std, clean = learner.batch(0, 0)
    off = learner.net(noisy, std) - clean
    losses: list[torch.Tensor] = []
    for progress in (0.49, 0.5):
        learner.step((noisy, std, clean), progress, lambda loss, *_: losses.append(loss))
    expected = [off.abs().mean().item(), (off**2).mean().item()]
    assert [loss.item() for loss in losses] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("noise", ["gaussian", "white in photos", "photo"])
def test_grey_pictures_have_grey_noise(store: PictureStore, noise: str) -> None:
    kind = KINDS["gaussian" if noise == "gaussian" else "photo"]
    recipe = dataclasses.replace(
        TINY, **kind, white=float(noise == "white in photos"), untouched=0.0, grey=0.5
    )
    learner = train.make_learner(recipe, store)
    grey = []
    for k in range(8):
        for noisy, clean in zip(*learner.batch(k, 0)[::2], strict=True):
            grey.append((clean == clean[:1]).all().item())
            assert (noisy == noisy[:1]).all() == grey[-1]
            assert not torch.equal(noisy, clean)
    assert 0.25 < np.mean(grey) < 0.75


def test_a_share_of_what_is_learned_from_are_drawings(store: PictureStore) -> None:
    recipe = dataclasses.replace(TINY, **KINDS["photo"])
    photographs, mixed = (
        train.make_learner(dataclasses.replace(recipe, drawn=share), store).batch(0, 0)[2]
        for share in (0, 0.5)
    )
    same = [torch.equal(a, b) for a, b in zip(photographs, mixed, strict=True)]
    assert any(same)
    assert not all(same)
    for seed in range(60):
        made = drawing(40, np.random.default_rng(seed))
        assert (made.shape, made.dtype) == ((40, 40, 3), np.uint8)
        assert np.array_equal(made, drawing(40, np.random.default_rng(seed)))


def test_photo_noise_spares_some(store: PictureStore) -> None:
    learner = train.make_learner(dataclasses.replace(TINY, **KINDS["photo"], untouched=0.25), store)
    batches = [learner.batch(k, 0)[::2] for k in range(8)]
    spared = [torch.equal(a, b) for batch in batches for a, b in zip(*batch, strict=True)]
    assert 0.05 < np.mean(spared) < 0.5


def test_neighbours_share_an_edge_and_are_never_the_same() -> None:
    places = torch.arange(36.0).view(1, 1, 6, 6)
    for pair in range(len(neighbours.PAIRS)):
        one, other = neighbours.split(places, torch.full((1, 3, 3), pair))
        assert set((one - other).abs().flatten().tolist()) <= {1.0, 6.0}
        cells = [torch.div(p, 12, rounding_mode="floor") * 3 + p % 6 // 2 for p in (one, other)]
        assert torch.equal(cells[0], cells[1])
        assert torch.equal(cells[0], torch.arange(9.0).view(1, 1, 3, 3))


def test_noisy_pictures_are_told_their_estimate(store: PictureStore) -> None:
    recipe = dataclasses.replace(TINY, clean="none")
    noisy, std, pairs = train.make_learner(recipe, store).batch(0, 0)
    assert noisy.shape[-2:] == (32, 32)
    assert pairs.shape == (8, 16, 16)
    assert std.tolist() == pytest.approx([10] * 8, rel=0.15)


def test_the_shell_trains_from_noisy_pictures_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(noisy(150, 140)).save(tmp_path / "a.png")
    Image.fromarray(noisy(140, 150)).save(tmp_path / "b.png")
    Image.fromarray(noisy(100, 150)).save(tmp_path / "small.png")
    command = ["train", "denoise/dae-fast", "--data", str(tmp_path), "--dry-run"]
    command += ["--set", "batch_size=1", "--set", "crop_px=64"]
    assert main([*command, "--clean", "none"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["clean"] == "none"
    assert "ready to train on 2 pictures" in err  # a pair of neighbours takes twice the crop
    assert main([*command, "--clean", "some"]) == 2
    assert "--clean: expected given, none, found 'some'" in capsys.readouterr().err


def test_a_strength_is_left_to_the_net_that_takes_one() -> None:
    """As in the shell, where auto is dae-color for a strength; loaded once, and only then."""
    image, loads = noisy(), 0

    def told() -> Denoise:
        nonlocal loads
        loads += 1
        return denoiser("told")

    blind = Denoise(denoiser("blind").engine, model="blind", for_strength=told)
    assert np.array_equal(blind(image), denoiser("blind")(image))
    assert loads == 0
    for strength in (12, 20):
        assert np.array_equal(blind(image, strength=strength), denoiser("told")(image, strength=strength))
    assert loads == 1


def test_auto_takes_what_the_shell_takes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for auto, net in {"photo": "blind", "dae-color": "told"}.items():
        made.save(tmp_path / "denoise" / f"{auto}.safetensors", "denoise", "dae", live(NETS[net]))
    monkeypatch.setenv("GENSTUDIO_WEIGHTS", str(tmp_path))
    Image.fromarray(noisy()).save(tmp_path / "in.png")
    denoise = Denoise.from_weights()
    for more, call in (([], {}), (["--strength", "12"], {"strength": 12})):
        command = ["denoise", f"{tmp_path}/in.png", f"{tmp_path}/out.png", "--overwrite", *more]
        assert main(command) == 0
        assert np.array_equal(denoise(noisy(), **call), np.asarray(Image.open(tmp_path / "out.png")))
