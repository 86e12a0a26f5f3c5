"""The Evaluate page: figures from kept answers alone, and every way in which they can be missing."""

from __future__ import annotations

import json
import re
import shutil
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from core.classes import CLASSES
from core.models.classifier import Classifier
from dashboard.evaluate import costs
from dashboard.evaluate.models import finished_runs
from tests.support.answers import made_up, table_of
from tests.support.evaluated_models import make_answered, make_images
from tests.support.reading import Start, alerts, assert_sound, go, html, query

PAIR = ("vgg19", "islam_cnn")


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("answered")
    for seed, name in enumerate(PAIR):
        make_answered(root, name, seed)
    return root


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No runs and no data but those that a test makes; folders of the server may be named."""
    monkeypatch.setenv("LEUKOLENS_TRAINING", "on")
    monkeypatch.setenv("LEUKOLENS_RUNS", str(tmp_path / "runs"))
    monkeypatch.delenv("LEUKOLENS_DATA", raising=False)
    return tmp_path


def words(page: str) -> str:
    """The page's HTML as text."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page)))


def test_figures_are_those_of_the_answers(start: Start, answered: Path) -> None:
    app = start("evaluate", root=answered, models=",".join(PAIR))
    assert_sound(app)
    told = words(html(app))
    for seed in range(2):
        answers = made_up(300, skill=2.5, seed=seed)
        assert f"{100 * accuracy_score(answers.labels, answers.predicted):.1f} %" in told
    assert "VGG-19 names" in told or "Custom CNN names" in told
    assert "not measured on the same images" in " ".join(caption.value for caption in app.caption)
    told = words(html(start("evaluate", root=answered, models=",".join(PAIR), tab="classes")))
    assert "basophil" in told and "Sensitivity" in told
    app = start("evaluate", root=answered, models=",".join(PAIR), tab="papers")
    told = words(html(app))
    assert "98.79 %" in told and "0.9991" in told
    assert "No run has been entered yet" in alerts(app) or "done again" in told


def test_choices_reach_the_address(start: Start, answered: Path) -> None:
    app = start("evaluate", root=answered, models="islam_cnn", roc="whole", tab="mistakes")
    app.segmented_control(key="choice-matrix").set_value("counts").run()
    assert_sound(app)
    assert query(app) == {"models": "islam_cnn", "tab": "mistakes", "roc": "whole", "matrix": "counts"}
    app = start("evaluate", root=answered, models="islam_cnn", tab="classes")
    app.segmented_control(key="choice-figure").set_value("auc").run()
    assert query(app) == {"models": "islam_cnn", "tab": "classes", "figure": "auc"}


def test_a_mistake_opens_on_compare_and_explain_by_one_click(start: Start, answered: Path, elsewhere: Path) -> None:
    make_images(elsewhere / "data")
    for page in ("compare", "explain"):
        app = start("evaluate", root=answered, models="vgg19", tab="mistakes")
        app.selectbox(key="matrix-true").set_value("monocyte").run()
        app.selectbox(key="matrix-named").set_value("basophil").run()
        app.text_input(key="evaluation-folder-matrix").set_value(str(elsewhere / "data")).run()
        app.button(key=f"{page}-matrix-0").click().run()
        assert_sound(app)
        assert "Picture 1" in html(app) and query(app)["image"].startswith("upload-")
        app.toggle(key="choice-truth").set_value(True).run()
        assert "monocyte" in html(app) and "monocyte/" in html(app)


def test_what_is_said_of_every_model_is_said_once(start: Start, tmp_path: Path) -> None:
    for name in PAIR:
        folder = make_answered(tmp_path, name)
        table_of(made_up(30, seed=3)).to_parquet(folder / "predictions.parquet", index=False)
    told = [caption.value for caption in start("evaluate", root=tmp_path, models=",".join(PAIR)).caption]
    assert sum("Under 10 images" in text for text in told) == 1
    assert not any("VGG-19: Under" in text for text in told)


def test_a_cell_shows_its_images_by_the_lists(start: Start, answered: Path, elsewhere: Path) -> None:
    make_images(elsewhere / "data")
    app = start("evaluate", root=answered, models="vgg19", tab="mistakes")
    assert "images are not at hand" in alerts(app)
    answers = made_up(300, skill=2.5, seed=0)
    app.selectbox(key="matrix-true").set_value("monocyte").run()
    app.selectbox(key="matrix-named").set_value("basophil").run()
    count = int(((answers.labels == 3) & (answers.predicted == 0)).sum())
    assert count and f"VGG-19 calls {count} image" in html(app)
    app.text_input(key="evaluation-folder-matrix").set_value(str(elsewhere / "data")).run()
    assert_sound(app)
    shown = re.findall(r'll-file">(.*?)<br>', html(app))
    wanted = {answers.images[n] for n in np.flatnonzero((answers.labels == 3) & (answers.predicted == 0))}
    assert set(shown) == wanted and len(app.get("image") or app.image) == count
    app.text_input(key="evaluation-folder-matrix").set_value("/nowhere/at/all").run()
    assert "no such folder" in alerts(app)
    app.text_input(key="evaluation-folder-matrix").set_value(str(answered)).run()
    assert "None of these images lies in" in alerts(app)


@pytest.mark.parametrize(("folder", "told"), [("~nosuchuser/x", "no such folder"), ("/", "whole disk")])
def test_a_folder_that_is_none_or_everything_gets_a_sentence(
    start: Start, answered: Path, folder: str, told: str
) -> None:
    app = start("evaluate", root=answered, models="vgg19", tab="mistakes")
    app.selectbox(key="matrix-true").set_value("monocyte").run()
    app.selectbox(key="matrix-named").set_value("basophil").run()
    app.text_input(key="evaluation-folder-matrix").set_value(folder).run()
    assert_sound(app)
    assert told in alerts(app)


def test_strangers_name_no_folder_of_the_server(
    start: Start, answered: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LEUKOLENS_TRAINING")
    app = start("evaluate", root=answered, models="vgg19", tab="mistakes")
    app.selectbox(key="matrix-true").set_value("monocyte").run()
    app.selectbox(key="matrix-named").set_value("basophil").run()
    assert not app.text_input and "whoever runs the server can name their folder" in alerts(app)
    make_images(elsewhere / "data")
    monkeypatch.setenv("LEUKOLENS_DATA", str(elsewhere / "data"))
    app.run()
    assert_sound(app)
    assert not app.text_input and re.findall(r'll-file">(.*?)<br>', html(app))


def test_cell_and_folder_stay_over_a_visit_to_another_page(start: Start, answered: Path, elsewhere: Path) -> None:
    app = start("evaluate", root=answered, models="vgg19", tab="mistakes")
    app.selectbox(key="matrix-true").set_value("monocyte").run()
    app.selectbox(key="matrix-named").set_value("basophil").run()
    app.text_input(key="evaluation-folder-matrix").set_value(str(elsewhere)).run()
    app = go(go(app, "compare"), "evaluate")
    assert_sound(app)
    assert (app.selectbox(key="matrix-true").value, app.selectbox(key="matrix-named").value) == ("monocyte", "basophil")
    assert app.text_input(key="evaluation-folder-matrix").value == str(elsewhere)


def test_a_card_whose_recall_is_no_share_spares_the_page(start: Start, tmp_path: Path) -> None:
    folder = make_answered(tmp_path, "vgg19")
    card = json.loads((folder / "card.json").read_text())
    card["unseen"][0] |= {"counts": {"basophil": 20, "monocyte": 20, "neutrophil": 20}}
    card["unseen"][0] |= {"recall": {"basophil": 7.0, "neutrophil": 0.25}}
    (folder / "card.json").write_text(json.dumps(card))
    app = start("evaluate", root=tmp_path, models="vgg19")
    assert_sound(app)
    assert "25.0 %" in html(app) and "VGG-19 names" in html(app)
    card["unseen"][0]["recall"]["monocyte"] = float("nan")
    (folder / "card.json").write_text(json.dumps(card))
    app = start("evaluate", root=tmp_path, models="vgg19")
    assert_sound(app)
    assert "card.json is not valid" in alerts(app)


def test_published_shares_stand_in_per_cent_as_ours_do(start: Start, answered: Path) -> None:
    app = start("evaluate", root=answered, models="none", tab="papers")
    inception = next(row for row in html(app).split("<tr") if "Inception V3" in row)
    assert words(inception).count("88 %") == 3


def test_no_model_and_no_folder_are_told(start: Start, answered: Path, tmp_path: Path) -> None:
    assert "No model is switched on" in alerts(start("evaluate", root=answered, models="none"))
    app = start("evaluate", root=tmp_path / "empty")
    assert_sound(app)
    assert "no folder “resnet50” among the checkpoints" in alerts(app)
    assert "Katar" in html(start("evaluate", root=tmp_path / "empty", tab="papers"))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "predictions.parquet").unlink(), "predictions.parquet is missing"),
        (lambda f: (f / "predictions.parquet").write_bytes(b"PAR1no"), "damaged or no parquet"),
        (lambda f: _rewrite(f, logit_monocyte=np.inf), "not finite"),
        (lambda f: _rewrite(f, label="blast"), "None of its answers"),
        (lambda f: _rewrite(f, predicted="<script>alert(1)</script>"), "does not know"),
        (lambda f: (f / "card.json").write_text("{}"), "card.json is not valid"),
    ],
)
def test_a_damaged_folder_says_why_and_spares_the_others(
    start: Start, answered: Path, tmp_path: Path, damage: object, message: str
) -> None:
    root = tmp_path / "models"
    shutil.copytree(answered, root)
    damage(root / "islam_cnn")  # type: ignore[operator]
    app = start("evaluate", root=root, models=",".join(PAIR))
    assert_sound(app)
    assert message in alerts(app)
    assert "VGG-19 names" in html(app) and "<script" not in html(app)


def _rewrite(folder: Path, **columns: object) -> None:
    table_of(made_up(50)).assign(**columns).to_parquet(folder / "predictions.parquet", index=False)


def test_a_damaged_history_spares_the_figures(start: Start, answered: Path, tmp_path: Path) -> None:
    root = tmp_path / "models"
    shutil.copytree(answered, root)
    (root / "vgg19" / "history.csv").write_text("epoch,val_loss\nmany,1\n")
    app = start("evaluate", root=root, models="vgg19", curves="loss", tab="training")
    assert_sound(app)
    assert "its curves cannot be read" in html(app)
    assert "VGG-19 names" in html(start("evaluate", root=root, models="vgg19"))


def test_finished_runs_stand_beside_the_checkpoints(start: Start, answered: Path, elsewhere: Path) -> None:
    runs = elsewhere / "runs"
    for name in ("first", "second"):
        (runs / name).mkdir(parents=True)
    shutil.copytree(answered / "vgg19", runs / "first" / "model")
    (runs / "linked").symlink_to(runs / "first")
    assert finished_runs() == ("first",)
    app = start("evaluate", root=answered, models="islam_cnn", runs="first,gone")
    assert_sound(app)
    assert "Run first" in html(app) and "“gone”" in alerts(app)
    app.multiselect(key="choice-runs").set_value([]).run()
    assert "Run first" not in html(app)


def test_another_class_set_and_few_images(start: Start, tmp_path: Path) -> None:
    folder = make_answered(tmp_path, "mine")
    card = json.loads((folder / "card.json").read_text())
    classes = ("blast", *CLASSES[1:])
    (folder / "card.json").write_text(json.dumps({**card, "classes": classes}))
    table_of(made_up(30, classes=classes, seed=3)).to_parquet(folder / "predictions.parquet", index=False)
    app = start("evaluate", root=tmp_path, models="mine")
    assert_sound(app)
    assert "blast" in html(start("evaluate", root=tmp_path, models="mine", tab="classes"))
    assert "Under 10 images" in " ".join(caption.value for caption in app.caption)


def test_a_model_that_cannot_be_asked_spares_the_others(
    start: Start, answered: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    true_load = costs.shared_classifier

    def load(folder: str, signature: tuple[tuple[str, int, int], ...]) -> Classifier:
        if folder.endswith("vgg19"):
            raise RuntimeError("no memory")
        return true_load(folder, signature)

    monkeypatch.setattr(costs, "shared_classifier", load)
    app = start("evaluate", root=answered, models=",".join(PAIR), tab="training")
    app.button(key="measure-latency").click().run()
    assert_sound(app)
    assert "VGG-19: it could not be asked" in alerts(app)
    assert html(app).count("not measured") == 1


def test_latency_is_measured_on_demand(start: Start, answered: Path) -> None:
    app = start("evaluate", root=answered, models="vgg19", tab="training")
    assert "not measured" in html(app)
    app.button(key="measure-latency").click().run()
    assert_sound(app)
    assert re.search(r"\d m?s<small>\(\d+ m?s\), \d+ thread", html(app))
