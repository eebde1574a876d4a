"""Classifiers learn, say how sure they are and where they looked; the shell and Python say the same."""

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torchmetrics.functional.classification as peer
from PIL import Image
from torch import nn

from genstudio import Classify, evaluate, images, weights
from genstudio.classify import train as classify_train
from genstudio.classify.airbench import Airbench, AirbenchConfig
from genstudio.classify.augment import Augmentation, reflected
from genstudio.classify.calibration import BINS, fit_temperature, reliability
from genstudio.classify.classifier import as_input, logits_of
from genstudio.classify.explain import attention
from genstudio.classify.keras_cnn import KerasCNN, KerasCNNConfig
from genstudio.classify.learner import ClassifyLearner, ClassifyRecipe
from genstudio.cli import main
from genstudio.data.labelled import LabelledSet, Part, open_labelled
from genstudio.errors import InputError, UsageError
from genstudio.evaluate.classify import Report, explanations
from genstudio.evaluate.deletion import SHARE, hidden, strongest
from genstudio.evaluate.intervals import of_mean, wilson
from genstudio.training import loop, run
from genstudio.training.options import TrainOptions

SIDE = 16
TINY = ClassifyRecipe(
    name="classify/tiny",
    net=AirbenchConfig(side_px=SIDE, widths=(16, 16)),
    augmentation=Augmentation(flip=True, shift_px=1),
    steps=60,
    batch_size=20,
    lr=1e-2,
    ema_decay=0.9,
    precision="float32",
    validate_every=60,
)


def blob(label: int, rng: np.random.Generator) -> np.ndarray:
    """Noise with a square in it somewhere, red (0) or green (1): a picture whose class lies at one place."""
    pixels = rng.integers(60, 140, (SIDE, SIDE, 3), dtype=np.uint8)
    y, x = rng.integers(0, SIDE - 6, 2)
    pixels[y : y + 6, x : x + 6] = (200, 40, 40) if label == 0 else (40, 200, 40)
    return pixels


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("blobs")
    rng = np.random.default_rng(0)
    for part, count in (("train", 100), ("val", 20)):
        for label, name in enumerate(("red", "green")):
            (home / part / name).mkdir(parents=True)
            for k in range(count):
                Image.fromarray(blob(label, rng)).save(home / part / name / f"{k:03}.png")
    return home


@pytest.fixture(scope="module")
def shipped(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of weights with classify/tiny in it: trained and exported by the shell."""
    home = tmp_path_factory.mktemp("classify")
    patch = pytest.MonkeyPatch()
    patch.setitem(classify_train.RECIPES, TINY.name, TINY)
    patch.setattr("genstudio.evaluate.classify.LEAST_FITTED", 10)
    train = ["train", TINY.name, "--data", str(folder), "--out", str(home / "run"), "--device", "cpu"]
    export = ["export", str(home / "run"), "--name", TINY.name, "--folder", str(home / "weights")]
    export += ["--data-license", "CC0", "--advice", "a test", "--evaluate", str(folder)]
    assert main(train) == 0
    assert main(export) == 0
    patch.undo()
    return home / "weights"


@pytest.fixture
def tiny(shipped: Path, monkeypatch: pytest.MonkeyPatch) -> Classify:
    monkeypatch.setenv("GENSTUDIO_WEIGHTS", str(shipped))
    return Classify.from_weights("tiny", device="cpu")


def test_the_article_net_to_the_parameter() -> None:
    net = KerasCNN(KerasCNNConfig(classes=tuple("abcdefghij")))
    assert sum(p.numel() for p in net.parameters()) == 122_570
    assert net(torch.rand(2, 3, 32, 32)).shape == (2, 10)
    bound = (6 / (9 * 3 + 9 * 32)) ** 0.5
    assert 0.9 * bound < net.convs[0].weight.abs().max() <= bound  # type: ignore[union-attr]


@pytest.mark.parametrize("stride", [1, 2])
def test_the_first_layer_whitens(stride: int) -> None:
    rng = np.random.default_rng(0)
    coarse = torch.from_numpy(rng.integers(256, size=(200, 8, 8, 3), dtype=np.uint8))
    pixels = coarse.repeat_interleave(4, 1).repeat_interleave(4, 2)
    pixels = (pixels.float() * 0.8 + torch.from_numpy(rng.uniform(0, 50, pixels.shape))).byte()
    net = Airbench(AirbenchConfig(classes=("a", "b"), stride=stride))
    net.whiten(pixels)
    x = (as_input(pixels) - net.get_buffer("mean")) / net.get_buffer("std")
    out = net.whitening(x)[:, :12].permute(1, 0, 2, 3).flatten(1).detach()
    assert torch.allclose(out.cov(), torch.eye(12), atol=0.1)
    assert torch.equal(net.whitening.weight[12:], -net.whitening.weight[:12])


def test_kernels_keep_their_length() -> None:
    net = Airbench(AirbenchConfig(classes=("a", "b"), widths=(8, 16, 16)))
    x = torch.rand(4, 3, 32, 32)
    before = net.train()(x)
    for layer in net.stages.modules():
        if isinstance(layer, nn.Conv2d):
            layer.weight.data.mul_(7)
    net.level()
    assert torch.allclose(net(x), before, atol=1e-4)
    lengths = [layer.weight.norm() for layer in net.stages.modules() if isinstance(layer, nn.Conv2d)]
    assert torch.allclose(torch.stack(lengths).square(), torch.tensor([8.0, 8, 16, 16, 16, 16]))


def test_features_lead_to_the_logits() -> None:
    for net in (
        Airbench(AirbenchConfig(classes=("a", "b", "c"), widths=(8, 16, 24), temperature=2.0)).eval(),
        KerasCNN(KerasCNNConfig(classes=("a", "b", "c"), temperature=2.0)),
    ):
        x = torch.rand(2, 3, 32, 32)
        assert net.features(x).ndim == 2
        assert torch.allclose(net.head(net.features(x)) / 2, net(x))


def test_augmentation_is_what_it_says() -> None:
    rng = np.random.default_rng(0)
    pixels = torch.from_numpy(rng.integers(256, size=(5, 9, 9, 3), dtype=np.uint8))
    chosen, flips, fill = torch.tensor([3, 0]), torch.tensor([True, False]), torch.zeros(3)
    plain = Augmentation(flip=True)(pixels, chosen, flips, fill, rng)
    assert torch.equal(plain, torch.stack((as_input(pixels)[3].flip(2), as_input(pixels)[0])))
    assert plain.is_contiguous(memory_format=torch.channels_last)
    assert reflected(torch.arange(-2, 7), 5).tolist() == [2, 1, 0, 1, 2, 3, 4, 3, 2]
    shifted = Augmentation(shift_px=2)(pixels, chosen, flips, fill, rng)
    values = {tuple(v) for v in as_input(pixels)[3].permute(1, 2, 0).reshape(-1, 3).tolist()}
    assert {tuple(v) for v in shifted[0].permute(1, 2, 0).reshape(-1, 3).tolist()} <= values
    every = Augmentation(True, 2, 3, least_area=0.5, turn_degrees=10, side_px=7, jitter=0.3)
    first, again = (every(pixels, chosen, flips, fill, np.random.default_rng(seed)) for seed in (1, 1))
    assert first.shape == (2, 3, 7, 7)
    assert torch.equal(first, again)
    assert 0 <= first.min() <= first.max() <= 1
    assert not torch.equal(first, every(pixels, chosen, flips, fill, np.random.default_rng(2)))


def test_an_epoch_holds_each_picture_once_and_the_next_its_mirror_image(folder: Path) -> None:
    data, recipe = classify_train.open_data(TrainOptions(data=folder), TINY)
    recipe = replace(recipe, augmentation=Augmentation(flip=True), batch_size=38)
    learner = ClassifyLearner(recipe, data)
    assert len(learner.part) == 190
    epochs = [torch.cat([learner.batch(k, 0)[0] for k in range(e * 5, e * 5 + 5)]) for e in range(2)]
    keys = [{p.numpy().tobytes() for p in epoch.contiguous()} for epoch in epochs]
    assert len(keys[0]) == len(keys[1]) == 190
    assert {p.numpy().tobytes() for p in epochs[0].flip(3).contiguous()} == keys[1]


def test_resume_is_exact(folder: Path, tmp_path: Path) -> None:
    data, recipe = classify_train.open_data(
        TrainOptions(data=folder), replace(TINY, steps=8, validate_every=4)
    )
    loop.train(ClassifyLearner(recipe, data), recipe, tmp_path / "a", device="cpu")
    half = replace(recipe, steps=4)

    class SameSchedule(ClassifyLearner):
        def step(self, batch, progress, update):  # type: ignore[no-untyped-def]
            return super().step(batch, progress / 2, update)

    loop.train(SameSchedule(half, data), half, tmp_path / "b", device="cpu")
    loop.train(ClassifyLearner(recipe, data), recipe, tmp_path / "b", device="cpu", resume=True)
    a, b = (loop.load_average(tmp_path / name, ClassifyLearner(recipe, None))[0] for name in "ab")
    assert all(torch.equal(v, b.state_dict()[name]) for name, v in a.state_dict().items())


def test_the_averaged_net_gets_statistics_of_its_own(folder: Path) -> None:
    data, recipe = classify_train.open_data(TrainOptions(data=folder), TINY)
    learner = ClassifyLearner(recipe, data)
    average = loop.averaged(learner.net)
    with torch.no_grad():
        scores = learner.validate(average.module, None)
    norm = next(m for m in average.module.modules() if isinstance(m, nn.BatchNorm2d))
    x = as_input(learner.part.pixels)
    seen = learner.net.stages[0][1](
        learner.net.stages[0][0](
            nn.functional.gelu(
                learner.net.whitening(  # type: ignore
                    (x - learner.net.get_buffer("mean")) / learner.net.get_buffer("std")
                )
            )
        )
    )
    assert torch.allclose(norm.running_mean, seen.mean((0, 2, 3)), atol=0.02)
    assert not average.module.training
    assert set(scores) == {"accuracy", "cross_entropy"}


def test_exported_weights_describe_themselves(tiny: Classify, shipped: Path) -> None:
    header = weights.read_header(shipped / "classify" / "tiny.safetensors")
    assert header.config["classes"] == ["green", "red"]
    assert header.config["temperature"] != 1
    named = {m.name: m for m in header.metrics}
    assert named["accuracy"].value > 0.9
    assert named["accuracy"].n == 40
    calibrated, before = (named[f"expected calibration error{x}"].value for x in ("", ", uncalibrated"))
    assert calibrated < before
    assert "10 held-back training pictures" in named["expected calibration error"].protocol
    assert "green" in (shipped / "README.md").read_text("utf-8")
    assert isinstance(tiny.net, Airbench)


def test_classify_in_python(tiny: Classify) -> None:
    rng = np.random.default_rng(5)
    pixels = blob(0, rng)
    guesses = tiny(Image.fromarray(pixels), top=len(tiny.classes))
    assert guesses[0].label == "red"
    assert sum(g.probability for g in guesses) == pytest.approx(1)
    tensor = torch.from_numpy(pixels).permute(2, 0, 1)
    for same in (pixels, tensor, tensor.float() / 255, images.from_pil(Image.fromarray(pixels))):
        assert tiny(same) == guesses
    assert len(tiny(pixels, top=1)) == 1
    assert dict(tiny(pixels[:, ::-1])) == pytest.approx(dict(guesses), abs=1e-6)  # both ways are seen
    assert tiny((tensor / 255).to(torch.bfloat16))[0].label == "red"  # which numpy does not know
    assert tiny(tensor[0]) == tiny(pixels[..., 0])
    with pytest.raises(InputError, match=r"expected a tensor \(C, H, W\), found shape \(2, 3, 16, 16\)"):
        tiny(torch.stack((tensor, tensor)))
    with pytest.raises(InputError, match="a PIL image"):
        tiny("red.png")
    with pytest.raises(InputError, match="expected an array"):
        tiny(np.zeros((4, 4, 7), np.uint8))


def test_explanations_find_the_blob(tiny: Classify) -> None:
    rng = np.random.default_rng(9)
    pixels = np.stack([blob(k % 2, rng) for k in range(20)])
    heat = tiny.attention(list(pixels), [("red", "green")[k % 2] for k in range(20)])
    colour = np.abs(pixels.astype(int) - 100).max(3) > 45
    assert heat.shape == (20, SIDE, SIDE)
    assert heat.min() >= 0
    assert np.allclose(heat.max((1, 2)), 1)
    inside, outside = heat[colour].mean(), heat[~colour].mean()
    assert inside > 1.5 * outside
    page = tiny.explain(pixels[0])
    assert page.width > 2 * 384
    with pytest.raises(UsageError, match="found 'blue'"):
        tiny.explain(pixels[0], "blue")


def test_attention_is_the_mirror_images_mirror_image(tiny: Classify) -> None:
    x = torch.rand(2, 3, SIDE, SIDE)
    labels = torch.tensor([0, 1])
    a, b = attention(tiny.net, x, labels), attention(tiny.net, x.flip(3), labels)
    assert torch.allclose(a, b.flip(2), atol=1e-5)


def test_logits_do_not_depend_on_the_batch(tiny: Classify, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = torch.from_numpy(np.random.default_rng(0).integers(256, size=(7, SIDE, SIDE, 3), dtype=np.uint8))
    whole = logits_of(tiny.net, pixels)
    monkeypatch.setattr("genstudio.classify.classifier.BATCH_VALUES", 2 * 3 * SIDE * SIDE)
    assert torch.allclose(logits_of(tiny.net, pixels), whole, atol=1e-5)


def test_the_temperature_is_found() -> None:
    torch.manual_seed(0)
    true = 3 * torch.randn(4000, 5)
    labels = torch.multinomial(true.softmax(1), 1)[:, 0]
    assert fit_temperature(2.5 * true, labels) == pytest.approx(2.5, rel=0.07)
    assert 0.05 <= fit_temperature(torch.eye(3) * 5, torch.arange(3)) < 1  # never wrong
    probabilities = (2.5 * true).softmax(1)
    ours = reliability(probabilities, labels)
    theirs = peer.multiclass_calibration_error(probabilities, labels, num_classes=5, n_bins=BINS)
    assert ours.error == pytest.approx(theirs.item(), abs=1e-5)
    assert reliability(true.softmax(1), labels).error < ours.error / 2


def test_report_and_interval() -> None:
    logits = torch.tensor([[3.0, 1, 0], [0, 2, 1], [0, 2, 1], [2, 1, 0]])
    report = Report(("a", "b", "c"), logits, torch.tensor([0, 1, 2, 1]))
    assert report.accuracy == 0.5
    assert report.among(2) == 1
    assert report.of_class(1) == (2, 0.5, 0.5)
    assert wilson(0.5, 100) == pytest.approx((0.4038, 0.5962), abs=1e-4)
    assert wilson(1.0, 10) == pytest.approx((0.7225, 1), abs=1e-4)
    assert of_mean(torch.tensor([1.0, 3, 1, 3])) == pytest.approx((1.02, 2.98), abs=1e-4)


def test_what_the_deletion_test_hides() -> None:
    heat = torch.rand(3, 8, 8)
    mask = strongest(heat)
    assert mask.flatten(1).sum(1).tolist() == [SHARE * 64] * 3
    assert heat[mask].min() >= heat[~mask].min()
    pixels = torch.full((3, 8, 8, 3), 9, dtype=torch.uint8)
    pixels[:, :4] = 19
    assert (hidden(pixels, mask)[mask] == 14).all()
    assert torch.equal(hidden(pixels, mask)[~mask], pixels[~mask])


def test_the_shell_says_what_python_says(
    tiny: Classify, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    val = folder / "val" / "red"
    (tmp_path / "bad.png").write_bytes(b"no picture")
    files = [str(val / "000.png"), str(tmp_path / "bad.png"), str(val / "001.png")]
    assert main(["classify", *files, "--model", "tiny", "--device", "cpu", "--json", "--top", "1"]) == 1
    out, err = capsys.readouterr()
    rows = [json.loads(line) for line in out.splitlines()]
    assert [row["source"] for row in rows] == files
    assert rows[1]["exit_code"] == 3
    assert "bad.png" in err
    guess = tiny(Image.open(files[0]))[0]
    assert rows[0]["classes"] == [{"label": guess.label, "probability": pytest.approx(guess.probability)}]

    assert main(["classify", files[0], "--model", "tiny", "--device", "cpu"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == files[0]
    assert lines[1].split() == [guess.label, f"{guess.probability:.1%}"]
    assert main(["classify", files[1], "--model", "tiny"]) == 3
    assert main(["classify", "--model", "tiny"]) == 2
    assert main(["classify", str(tmp_path / "nowhere"), "--model", "tiny"]) == 3


def test_explanations_by_the_shell(
    tiny: Classify, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = str(folder / "val" / "red" / "000.png")
    page = tmp_path / "page.png"
    common = ["--model", "tiny", "--device", "cpu"]
    assert main(["classify", one, *common, "--explain", str(page)]) == 0
    assert np.array_equal(np.asarray(Image.open(page)), np.asarray(tiny.explain(Image.open(one))))
    assert main(["classify", one, *common, "--explain", str(page)]) == 4
    assert main(["classify", one, *common, "--explain", str(page), "--overwrite"]) == 0
    asked: list[int] = []
    ask = Classify.probabilities
    monkeypatch.setattr(Classify, "probabilities", lambda *args: asked.append(1) or ask(*args))
    assert main(["classify", one, *common, "--explain", str(page), "--overwrite"]) == 0
    assert len(asked) == 1
    assert main(["classify", one, one, *common, "--explain", str(tmp_path / "new.png")]) == 4
    pages = tmp_path / "pages"
    (tmp_path / "in" / "below").mkdir(parents=True)
    for k in range(3):
        Image.open(one).save(tmp_path / "in" / "below" / f"{k}.png")
    assert main(["classify", str(tmp_path / "in"), "--recursive", *common, "--explain", str(pages)]) == 0
    assert sorted(path.name for path in (pages / "below").iterdir()) == ["0.png", "1.png", "2.png"]


def test_evaluate_by_the_shell(
    tiny: Classify, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["evaluate", "classify", "--data", str(folder), "--model", "tiny", "--device", "cpu"]
    assert main([*command, "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert row["n"] == row["deletion"]["n"] == 40
    assert row["accuracy"] > 0.9
    low, high = row["accuracy_95"]
    assert low < row["accuracy"] <= high
    assert row["deletion"]["marked"] > row["deletion"]["random"]
    assert main([*command, "--save", str(tmp_path / "pages")]) == 0
    assert "accuracy" in capsys.readouterr().out
    pages = {path.name: Image.open(path).size for path in (tmp_path / "pages").iterdir()}
    assert set(pages) == {"confusion.png", "reliability.png", "explanations.png"}
    assert min(min(size) for size in pages.values()) > 200
    assert main([*command, "--save", str(tmp_path / "pages")]) == 4


@pytest.mark.parametrize("count", [4, 16])
def test_no_explanation_is_shown_twice(tiny: Classify, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    rng = np.random.default_rng(2)
    part = Part(torch.from_numpy(np.stack([blob(k % 2, rng) for k in range(6)])), torch.arange(6) % 2)
    logits = torch.tensor([[0.0, 1], [1, 0], [0, 1], [0, 1], [1, 0], [1, 0]])
    shown: list[bytes] = []
    attention = Classify.attention

    def watched(self: Classify, squares: list[np.ndarray], labels: list[str]) -> np.ndarray:
        shown.extend(square.tobytes() for square in squares)
        return attention(self, squares, labels)

    monkeypatch.setattr(Classify, "attention", watched)
    explanations(tiny, part, Report(tiny.classes, logits, part.labels), count)
    assert len(shown) == len(set(shown)) == min(count, 6)


def test_evaluate_goes_by_the_names_of_classes(
    tiny: Classify, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(1)
    for name in ("red", "blue"):
        (tmp_path / "test" / name).mkdir(parents=True)
        Image.fromarray(blob(0, rng)).save(tmp_path / "test" / name / "a.png")
    command = ["evaluate", "classify", "--data", str(tmp_path), "--model", "tiny", "--device", "cpu"]
    assert main(command) == 3
    assert "found blue" in capsys.readouterr().err


def test_other_classes_than_the_run_began_with(folder: Path) -> None:
    recipe = replace(TINY, net=replace(TINY.net, classes=("cat", "dog")))
    with pytest.raises(InputError, match="the run's classes"):
        classify_train.open_data(TrainOptions(data=folder), recipe)


def test_download_is_for_sets_with_names(tmp_path: Path) -> None:
    from genstudio.upscale import train as upscale_train

    with pytest.raises(UsageError, match="download"):
        run.train(upscale_train, "upscale/compact-x2", TrainOptions(data=tmp_path, download=True))


def test_a_recipe_is_written_down_and_read_back() -> None:
    recipe = replace(TINY, net=replace(TINY.net, classes=("a", "b")))
    again = run.revive(TINY, json.loads(json.dumps(asdict(recipe))))
    assert again == recipe
    changed = run.override(recipe, ["augmentation.cutout_px=5", "net.widths=[8,8]"])
    assert changed.augmentation.cutout_px == 5
    assert changed.net.widths == (8, 8)


def test_keras_recipe_runs(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    part = Part(
        torch.from_numpy(rng.integers(256, size=(40, 32, 32, 3), dtype=np.uint8)), torch.arange(40) % 2
    )
    data = LabelledSet("noise", ("a", "b"), "all", lambda name: part)
    recipe = replace(classify_train.keras_cnn, net=KerasCNNConfig(classes=("a", "b")), steps=3)
    learner = ClassifyLearner(recipe, data)
    assert isinstance(learner.optimizer, torch.optim.Adam)
    loop.train(learner, recipe, tmp_path, device="cpu")
    average, _, _ = loop.load_average(tmp_path, ClassifyLearner(recipe, None))
    assert all(torch.equal(v, average.state_dict()[name]) for name, v in learner.net.state_dict().items())


def test_open_labelled_is_what_evaluation_reads(folder: Path) -> None:
    assert len(open_labelled(folder, SIDE).part("test")) == 40


def test_explanations_do_not_go_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["classify", "a.png", "--explain", "-"]) == 2
    assert capsys.readouterr().err == "genstudio: --explain: expected a file or a folder, found -; name one\n"


def test_few_pictures_fit_no_temperature(
    folder: Path, shipped: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = Path(shutil.copy(shipped / "classify" / "tiny.safetensors", tmp_path))
    before = weights.read_header(path).config["temperature"]
    evaluate.record(path, [folder])
    assert weights.read_header(path).config["temperature"] == before
    assert "expected 50 held-back training pictures to fit it on, found 10" in caplog.text
