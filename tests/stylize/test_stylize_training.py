"""Encoder and eyes, the transport of statistics and the fast net, and how they are trained, with a judge of
random weights in the place of VGG-16."""

from dataclasses import replace
from pathlib import Path

import made
import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from genstudio import weights
from genstudio.errors import UsageError, WeightsError
from genstudio.measures.style import StyleJudge, gram, judged
from genstudio.measures.vgg import VGGFeatures
from genstudio.stylize import train
from genstudio.stylize.learners.base import Stores
from genstudio.stylize.learners.encoder import STEP, EncoderLearner
from genstudio.stylize.learners.eyes import EyesLearner, Lifted, compared, lifted
from genstudio.stylize.learners.factor import factor
from genstudio.stylize.learners.fast import FastLearner, open_eyes
from genstudio.stylize.nets.encoder import SCALES, Encoder, EncoderConfig
from genstudio.stylize.nets.eyes import Eyes, EyesConfig
from genstudio.stylize.nets.fast import Fast, FastConfig
from genstudio.stylize.nets.transport import Statistics, Transport
from genstudio.training import loop, run
from genstudio.training.options import TrainOptions
from genstudio.upscale import train as upscale_train

pytestmark = pytest.mark.training

WIDTHS = (4, 6, 8, 10)
ENCODER = replace(
    train.encoder,
    net=EncoderConfig((4,) * 7),
    steps=6,
    batch_size=4,
    crop_px=48,
    worked_on=1,
    most_steps=2,
    validation_px=48,
    precision="float32",
    validate_every=6,
)
EYES = replace(
    train.eyes,
    net=EyesConfig(WIDTHS),
    steps=12,
    batch_size=4,
    crop_px=48,
    validation_px=48,
    precision="float32",
    validate_every=12,
)
FAST = replace(
    train.fast,
    net=FastConfig(WIDTHS, (4, 6, 8, 10), (1, 1, 0, 1)),
    steps=6,
    batch_size=2,
    crop_px=32,
    late_px=40,
    validation_px=32,
    precision="float32",
    eyes=None,
    validate_every=6,
)


@pytest.fixture(scope="module", autouse=True)
def vgg() -> object:
    """A VGG-16 of random weights for all that asks for one."""
    torch.manual_seed(0)
    net = torchvision.models.vgg.make_layers(torchvision.models.vgg.cfgs["D"], batch_norm=False)
    state = {f"features.{key}": value for key, value in net.state_dict().items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("genstudio.measures.vgg.backbone", lambda name: {"vgg16": state}[name])
        yield


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Photographs and paintings."""
    home = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for name, (width, height), cells in (("photos", (120, 104), 7), ("paintings", (60, 52), 20)):
        (home / name).mkdir()
        for k in range(5):
            coarse = Image.fromarray(rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8))
            coarse.resize((width, height), Image.Resampling.BICUBIC).save(home / name / f"{k}.png")
    return home / "photos", home / "paintings"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path / "cache")


@pytest.fixture
def stores(folders: tuple[Path, Path]) -> Stores:
    options = TrainOptions(data=folders[0], styles=folders[1])
    return train.open_data(options, replace(FAST, validation_px=48))[0]


def random_fast() -> Fast:
    torch.manual_seed(1)
    net = Fast(FAST.net).eval()
    for p in net.parameters():
        p.data = torch.randn_like(p) * (2 / p[0].numel()) ** 0.5
    return net


@torch.no_grad()
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (16, 13)])
def test_levels_of_any_size(size: tuple[int, int]) -> None:
    halved = [tuple(-(-side // 2**level) for side in size) for level in range(4)]
    pairs = ((Eyes(EyesConfig(WIDTHS)), WIDTHS), (Encoder(ENCODER.net), (64, 128, 256, 512)))
    for net, widths in pairs:
        levels = net(torch.rand(2, 3, *size))
        assert [tuple(f.shape[1:]) for f in levels] == [(w, *s) for w, s in zip(widths, halved, strict=True)]


def test_the_encoder_is_small() -> None:
    encoder, eyes = Encoder(EncoderConfig()), Eyes(EyesConfig())
    assert all(sum(p.numel() for p in net.parameters()) < 1_500_000 for net in (encoder, eyes))

    def work(net: torch.nn.Module) -> int:
        with FlopCounterMode(display=False) as count, torch.no_grad():
            net(torch.rand(1, 3, 64, 64))
        return int(count.get_total_flops())

    assert work(encoder) * 10 < work(VGGFeatures(["relu5_3"]))
    assert work(eyes) * 10 < work(VGGFeatures(["relu4_1"]))


@torch.no_grad()
def test_the_encoder_begins_as_the_best_of_its_rank() -> None:
    torch.manual_seed(0)
    vgg, pictures = VGGFeatures(SCALES), torch.rand(8, 3, 64, 64)
    wanted = [vgg(pictures)[layer] / scale for layer, scale in SCALES.items()]
    errors = []
    for ranks in ((4,) * 7, (64, 48, 48, 48, 48, 48, 48)):
        net = Encoder(EncoderConfig(ranks))
        factor(net, pictures)
        errors.append(compared(net(pictures), wanted)[0])
    assert errors[0][0] < 1e-6  # the first convolution is VGG's own
    assert (errors[1][1:] < errors[0][1:]).all()
    assert errors[1][1] < 0.1
    assert errors[0][-1] < 1


@torch.no_grad()
def test_transport_gives_the_styles_statistics_and_leaves_its_own_alone() -> None:
    torch.manual_seed(0)
    mixing = torch.randn(2, 5, 5)
    content, style = (torch.randn(2, 5, 40, 40), torch.randn(2, 5, 30, 50))
    style = torch.einsum("nij,njhw->nihw", mixing, style) + 3
    of = [Statistics.of([each]) for each in (content, style)]
    carried = Statistics.of(Transport.between(*of)([content]))
    assert torch.allclose(carried.means[0], of[1].means[0], atol=1e-4)
    assert (carried.covariances[0] - of[1].covariances[0]).norm() < 0.06 * of[1].covariances[0].norm()
    itself = Transport.between(of[0], of[0])
    assert torch.allclose(itself([content])[0], content, atol=1e-5)
    nothing = Transport.mixed([Transport.between(*of)], [0.0])
    assert torch.equal(nothing([content])[0], content)
    half = Transport.mixed([Transport.between(*of)], [0.5])([content])[0]
    assert torch.allclose(half, (content + Transport.between(*of)([content])[0]) / 2, atol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("value", [0.0, 0.4])
def test_flat_pictures_have_a_transport(value: float) -> None:
    net = random_fast()
    flat, style = torch.full((1, 3, 24, 20), value), torch.rand(1, 3, 24, 24)
    for pair in ((flat, style), (style, flat), (flat, flat)):
        transport = Transport.between(*(net.statistics(each) for each in pair))
        assert torch.isfinite(net(pair[0], transport)).all()


@torch.no_grad()
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (16, 13)])
def test_fast_answers_any_size(size: tuple[int, int]) -> None:
    net = random_fast()
    x, style = torch.rand(1, 3, *size), torch.rand(1, 3, 40, 30)
    y = net(x, Transport.between(net.statistics(x), net.statistics(style)))
    assert y.shape == x.shape
    assert y.dtype == torch.float32


@torch.no_grad()
def test_a_fresh_net_gives_the_picture_back() -> None:
    x = torch.rand(1, 3, 20, 28)
    assert torch.equal(Fast(FAST.net)(x), x)


@torch.no_grad()
def test_given_the_transport_only_what_is_near_matters() -> None:
    net = random_fast()
    assert net.overlap_px % 2
    size = 2 * net.overlap_px + 24
    x = torch.rand(1, 3, 16, size)
    transport = Transport.between(net.statistics(x), net.statistics(torch.rand(1, 3, 40, 40)))
    start = 8 * ((size - net.overlap_px) // 16)
    whole, part = net(x, transport), net(x[..., start:], transport)
    assert torch.allclose(part[..., net.overlap_px :], whole[..., start + net.overlap_px :], atol=1e-4)
    assert not torch.allclose(part[..., :8], whole[..., start : start + 8], atol=1e-4)


@torch.no_grad()
def test_lengths_are_those_of_the_lifted_features() -> None:
    torch.manual_seed(0)
    learner = EyesLearner(EYES, None)
    net = learner.net
    assert isinstance(net, Lifted)
    pictures = torch.rand(4, 3, 64, 64)
    wanted = [torch.rand(4, c, 64 >> level, 64 >> level) for level, c in enumerate((64, 128, 256, 512))]
    net.follow(net(pictures), wanted)
    shipped = learner.export(net)(pictures)
    for ours, theirs in zip(shipped, lifted(net(pictures), net.maps()), strict=True):
        share = ours.shape[1] / theirs.shape[1]  # of VGG's channels
        distances = [(g[0] - g[1]).norm() for g in (gram(ours), gram(theirs))]
        assert distances[0].item() == pytest.approx(share * distances[1].item(), rel=1e-3)


@torch.no_grad()
def test_the_judge_counts_from_the_content_to_the_style() -> None:
    look = StyleJudge()
    content, style = torch.rand(2, 1, 3, 32, 32)
    loss, distance = judged(look(content), look(content), look(style))
    assert loss.item() == pytest.approx(1)
    assert distance.item() == 0
    loss, distance = judged(look(style), look(content), look(style))
    assert loss.item() == 0
    assert distance.item() > 0


def trained(recipe: object, folders: tuple[Path, Path], out: Path, **more: object) -> run.Sitting:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(train.RECIPES, recipe.name, recipe)  # type: ignore[attr-defined]
        options = TrainOptions(data=folders[0], styles=folders[1], out=out, device="cpu", **more)
        sitting = run.train(train, recipe.name, options)  # type: ignore[attr-defined]
        run.export(out, out / "weights.safetensors", data_license="none", advice="a test")
    return sitting


def test_the_encoder_learns(stores: Stores, folders: tuple[Path, Path], tmp_path: Path) -> None:
    sitting = trained(ENCODER, folders, tmp_path)
    assert sitting.result is not None
    assert all(np.isfinite(v) or name.startswith("rank") for name, v in sitting.result.scores.items())
    header, net = weights.load_net(tmp_path / "weights.safetensors", "stylize")
    assert (header.arch, header.data) == ("encoder", "photos and paintings (10 pictures)")
    assert isinstance(net, Encoder)


def test_pictures_worked_on_come_nearer_to_a_style(stores: Stores) -> None:
    learner = EncoderLearner(ENCODER, stores)
    contents, styles = torch.rand(2, 1, 3, 64, 64)
    worked = learner.worked_on(contents, styles, 6)
    looks = [[gram(f) for f in learner.net(each)] for each in (contents, worked, styles)]
    before, after = (sum((a - b).norm().item() for a, b in zip(g, looks[2], strict=True)) for g in looks[:2])
    assert after < before
    assert 0 < (worked - contents).abs().max() <= 6 * STEP + 1e-6
    assert 0 <= worked.min() <= worked.max() <= 1


def test_the_eyes_learn_and_the_fast_net_after_them(folders: tuple[Path, Path], tmp_path: Path) -> None:
    sitting = trained(EYES, folders, tmp_path / "eyes")
    assert sitting.result is not None
    assert sitting.pictures == 10
    assert all(np.isfinite(v) or name.startswith("rank") for name, v in sitting.result.scores.items())
    made = tmp_path / "eyes" / "weights.safetensors"
    header, eyes = weights.load_net(made, "stylize")
    assert header.arch == "eyes"
    sitting = trained(replace(FAST, eyes=str(made)), folders, tmp_path / "fast")
    assert sitting.result is not None
    assert set(sitting.result.scores) == {"style", "content"}
    assert list((tmp_path / "fast" / "samples").iterdir())
    again = tmp_path / "fast" / "weights.safetensors"
    header, net = weights.load_net(again, "stylize")
    assert header.arch == "fast"
    assert isinstance(net, Fast)
    # The eyes stood still; files hold half precision.
    for (name, was), now in zip(eyes.state_dict().items(), net.eyes.state_dict().values(), strict=True):
        assert torch.equal(was, now), name
    other = random_fast()
    open_eyes(other, str(again))  # of a fast net: its eyes
    assert all(torch.equal(a, b) for a, b in zip(other.eyes.parameters(), net.eyes.parameters(), strict=True))


def test_the_fast_net_learns(stores: Stores) -> None:
    recipe = replace(FAST, steps=40, late_after=1.0)
    learner = FastLearner(recipe, stores)
    batch = learner.batch(0, 0)

    def update(loss: Tensor, optimizer: torch.optim.Optimizer, lr: float) -> None:
        loss.backward()
        optimizer.param_groups[0]["lr"] = optimizer.param_groups[1]["lr"] = 0.01
        optimizer.step()
        optimizer.zero_grad()

    losses = [learner.step(batch, 0.5, update) for _ in range(40)]
    assert losses[-1]["style"] < 0.9 * losses[0]["style"]


def test_resume_is_exact(stores: Stores, tmp_path: Path) -> None:
    straight, halves = tmp_path / "straight", tmp_path / "halves"
    loop.train(FastLearner(FAST, stores), FAST, straight, device="cpu")
    loop.train(FastLearner(FAST, stores), FAST, halves, device="cpu", minutes=1e-9)
    loop.train(FastLearner(FAST, stores), FAST, halves, device="cpu", resume=True)
    nets = [loop.load_average(each, FastLearner(FAST, None))[0] for each in (straight, halves)]
    for (name, a), b in zip(nets[0].state_dict().items(), nets[1].state_dict().values(), strict=True):
        assert torch.equal(a, b), name


def test_a_start_that_is_missing_or_of_another_size(stores: Stores, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing-like-it"):
        FastLearner(replace(FAST, warm_start="nothing-like-it"), None)
    path = tmp_path / "eyes.safetensors"
    made.save(path, "stylize", "eyes", Eyes(EyesConfig((4, 4, 4, 4))))
    with pytest.raises(WeightsError, match="a net like"):
        FastLearner(replace(FAST, eyes=str(path)), stores)


def test_styles_belong_to_recipes_that_learn_them(folders: tuple[Path, Path], tmp_path: Path) -> None:
    photos, paintings = folders
    with pytest.raises(UsageError, match="styles: expected a folder of paintings"):
        run.train(train, "stylize/fast", TrainOptions(data=photos, out=tmp_path))
    options = TrainOptions(data=photos, styles=paintings, out=tmp_path)
    with pytest.raises(UsageError, match="styles: expected a recipe that learns styles"):
        run.train(upscale_train, "upscale/compact-x4", options)
