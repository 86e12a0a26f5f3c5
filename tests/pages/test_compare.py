"""The landing page: four answers to a cell, in every state that it can be in."""

from __future__ import annotations

import dataclasses
import io
import re
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from PIL import Image
from streamlit.testing.v1 import AppTest

from core.models.checkpoints import load_classifier
from core.models.consensus import consensus
from core.models.registry import ARCHITECTURES
from core.preprocessing.framing import frame_image
from core.simulation import draw_cell, gallery
from dashboard import answers, uploads
from dashboard.images import gallery_subjects
from tests.support.reading import (
    Start,
    alerts,
    assert_sound,
    go,
    html,
    png,
    press,
    query,
    sentence,
    shown,
    titles,
    verdicts,
)
from tests.support.tiny_models import SHIPPED, make_model


def test_a_fresh_visit_shows_a_cell_and_every_models_answer(start: Start) -> None:
    app = start()
    assert_sound(app)
    assert titles(app) == ["Simulated cell 1", *(ARCHITECTURES[name].title for name in SHIPPED)]
    assert len(verdicts(app)) == len(SHIPPED)
    assert "not a medical device" in html(app)
    assert query(app) == {}


def test_the_answers_are_those_of_the_engine(start: Start, tiny_root: Path) -> None:
    app = start(image="cell-3")
    subject = gallery_subjects()["cell-3"]
    view = frame_image(subject.rgb, "cell").rgb
    predictions = [load_classifier(tiny_root / name).predict([view])[0] for name in SHIPPED]
    assert verdicts(app) == [prediction.predicted for prediction in predictions]
    expected = consensus(predictions, {p.model: t for p, t in zip(predictions, titles(app)[1:], strict=True)})
    assert sentence(app) == expected.sentence


def test_card_figures_stand_beside_the_answers(start: Start) -> None:
    page = html(start())
    assert "91 %, n = 1,234, made-up cells" in page
    assert "20.2 M (15-70 M)" in page
    assert "143.7 M (&gt; 70 M)" in page


def test_choosing_a_cell_and_switching_models_off_reaches_the_address(start: Start) -> None:
    app = start()
    app.pills(key="choice-image").set_value("cell-4").run()
    app.pills(key="choice-models").set_value(["vgg19", "islam_cnn"]).run()
    assert_sound(app)
    assert titles(app) == ["Simulated cell 4", "VGG-19", "Custom CNN"]
    assert query(app) == {"image": "cell-4", "models": "vgg19,islam_cnn"}
    app.pills(key="choice-models").set_value([]).run()
    assert "No model is switched on" in alerts(app)
    assert query(app)["models"] == "none"


def test_the_true_class_is_hidden_until_it_is_asked_for(start: Start) -> None:
    app = start()
    assert "True class" not in html(app)
    assert all("neutrophil" not in option for option in app.pills(key="choice-image").options)
    app.toggle(key="choice-truth").set_value(True).run()
    label = gallery_subjects()["cell-1"].label
    assert f"True class: <strong>{label}</strong>" in html(app)
    assert query(app)["truth"] == "on"


def test_gallery_order_gives_no_class_away() -> None:
    shown = [subject.label for subject in gallery_subjects().values()]
    assert sorted(shown, key=str) == sorted(entry.label for entry in gallery())
    assert shown != [entry.label for entry in gallery()]


@pytest.mark.parametrize(
    ("link", "said"),
    [
        ({"image": "cell-99"}, "“cell-99”, which is not in the gallery"),
        ({"image": "<script>"}, "names nothing here"),
        ({"models": "resnet50,nonsense"}, "“nonsense”, which is not among the models"),
        ({"models": "a b"}, "name nothing here"),
        ({"view": "upside-down"}, "upside-down"),
        ({"truth": "maybe"}, "maybe"),
        ({"cell": "lower~300-0-0"}, None),
    ],
)
def test_invalid_queries_are_told_and_the_rest_works(start: Start, link: dict[str, str], said: str | None) -> None:
    app = start(**link)
    assert_sound(app)
    assert len(verdicts(app)) >= 1
    if said:
        assert said in alerts(app)


def test_what_an_invalid_query_said_stays_in_the_address(start: Start) -> None:
    app = start(view="upside-down", image="cell-2")
    assert query(app) == {"view": "upside-down", "image": "cell-2"}
    app.selectbox(key="choice-view").set_value("frame").run()
    assert query(app) == {"view": "frame", "image": "cell-2"}
    assert "upside-down" not in alerts(app)


def test_another_framing_carries_a_warning_and_no_agreement(start: Start) -> None:
    app = start(view="frame")
    assert "none of the models was trained on this framing" in sentence(app)
    assert sum("takes no part" in item.value for item in app.caption) == len(SHIPPED)


def test_a_text_file_named_png_is_refused_in_words(start: Start) -> None:
    app = start()
    app.file_uploader(key="intake-files-0").set_value(("notes.png", b"just some text", "image/png")).run()
    assert_sound(app)
    assert "notes.png" in alerts(app)
    assert "text" in alerts(app)
    assert len(verdicts(app)) == len(SHIPPED)


def test_an_upload_is_shown_and_its_hash_stands_in_the_address(start: Start) -> None:
    app = start()
    app.file_uploader(key="intake-files-0").set_value(("mine.png", png(), "image/png")).run()
    assert_sound(app)
    assert titles(app)[0] == "Picture 1"
    assert "mine.png" not in shown(app)
    assert query(app)["image"] == uploads.key_of(png())
    app.toggle(key="choice-truth").set_value(True).run()
    assert titles(app)[0] == "mine.png"
    press(app, "Forget all uploads")
    assert titles(app)[0] == "Simulated cell 1"


def test_a_link_to_an_upload_asks_for_the_file_and_then_shows_it(start: Start) -> None:
    key = uploads.key_of(png())
    app = start(image=key)
    assert "upload that file" in alerts(app)
    assert query(app)["image"] == key
    app.file_uploader(key="intake-files-0").set_value(
        [("other.png", png((9, 9, 9)), "image/png"), ("mine.png", png(), "image/png")]
    ).run()
    assert titles(app)[0] == "Picture 2"
    assert "upload that file" not in alerts(app)


def folder_of(app: AppTest, *names: str) -> AppTest:
    """Upload one picture of another colour for each name."""
    files = [(name, png((90 + 10 * place, 80, 160)), "image/png") for place, name in enumerate(names)]
    return app.file_uploader(key="intake-files-0").set_value(files).run()


def tiles(app: AppTest) -> list[str]:
    """What stands under each picture of the contact sheet."""
    return [item.value for item in app.caption if item.value.startswith("**")]


def test_several_uploads_make_a_contact_sheet_that_hides_names_until_the_truth_is_told(start: Start) -> None:
    app = folder_of(start(), "set/monocyte/1.png", "set/neutrophil/1.png", "c.png")
    assert_sound(app)
    assert [text.split("**")[1] for text in tiles(app)] == ["Picture 1", "Picture 2", "Picture 3"]
    assert "monocyte/1" not in shown(app)
    assert not any("Wrong" in option for option in app.pills(key="sheet-filter").options)
    app.toggle(key="choice-truth").set_value(True).run()
    assert [text.split("**")[1] for text in tiles(app)] == ["set/monocyte/1.png", "set/neutrophil/1.png", "c.png"]
    assert "Truly monocyte" in tiles(app)[0] and "Truly" not in tiles(app)[2]


def test_the_sheet_is_filtered_and_opens_a_picture_here_or_on_explain(start: Start) -> None:
    app = folder_of(start(truth="on"), "a.png", "b.png", "c.png")
    app.pills(key="sheet-filter").set_value("No cell found").run()
    assert len(tiles(app)) == 3
    app.pills(key="sheet-filter").set_value("Models disagree").run()
    assert tiles(app) == []
    app.pills(key="sheet-filter").set_value("All").run()
    wanted = uploads.key_of(png((100, 80, 160)))
    app.button(key=f"open-{wanted}").click().run()
    assert titles(app)[0] == "b.png"
    assert query(app)["image"] == wanted
    app.button(key=f"explain-{uploads.key_of(png((110, 80, 160)))}").click().run()
    assert_sound(app)
    assert "Seen by the model" in html(app) and "c.png" in html(app)


def test_the_next_and_the_previous_upload_are_a_step_away(start: Start) -> None:
    app = folder_of(start(), "a.png", "b.png", "c.png")
    press(app, "Next")
    assert titles(app)[0] == "Picture 2"
    press(press(app, "Previous"), "Previous")
    assert titles(app)[0] == "Picture 3"


def test_refused_files_are_all_listed_and_not_kept(start: Start) -> None:
    app = start()
    files = [(f"{number}.png", b"no picture", "image/png") for number in range(7)]
    app.file_uploader(key="intake-files-0").set_value([*files, ("good.png", png(), "image/png")]).run()
    assert [f"{number}.png" in alerts(app) for number in range(7)] == [True] * 7
    assert [upload.name for upload in app.session_state[uploads.STORE].files.values()] == ["good.png"]
    press(app, "Understood")
    assert "0.png" not in alerts(app)


def test_revealing_a_cell_reveals_that_one_alone(start: Start) -> None:
    app = start(image="cell-3")
    press(app, "Reveal the true class")
    assert f"True class: <strong>{gallery_subjects()['cell-3'].label}</strong>" in html(app)
    told = [option.rpartition(")")[2].strip() for option in app.pills(key="choice-image").options]
    assert [bool(label) for label in told] == [place == 2 for place in range(10)]
    app.pills(key="choice-image").set_value("cell-4").run()
    assert "True class" not in html(app)


def test_guess_first_hides_every_answer_until_it_is_asked_for(start: Start) -> None:
    app = start(guess="on")
    assert verdicts(app) == [] and sentence(app).startswith("Which cell is it?")
    app.pills(key="guess-cell-1").set_value("monocyte").run()
    press(app, "Ask the models")
    assert len(verdicts(app)) == len(SHIPPED)
    assert "You said monocyte." in html(app)
    app = go(app, "explain")
    assert "Seen by the model" in html(app)
    app.pills(key="choice-image").set_value("cell-2").run()
    assert "Seen by the model" not in html(app) and sentence(app).startswith("Which cell is it?")


def field_png(*cells: tuple[int, int]) -> bytes:
    """A field of 700 by 500 px with simulated cells, the middle of each at `(x, y)`."""
    field = np.full((500, 700, 3), (236, 226, 232), dtype=np.uint8)
    for x, y in cells:
        cell = draw_cell("lymphocyte", 5).image[62:162, 62:162]
        field[y - 50 : y + 50, x - 50 : x + 50] = cell
    buffer = io.BytesIO()
    Image.fromarray(field).save(buffer, "PNG")
    return buffer.getvalue()


def test_each_cell_of_a_field_can_be_looked_at_and_the_choice_holds(start: Start) -> None:
    app = start()
    data = field_png((120, 120), (350, 250), (600, 400))
    app.file_uploader(key="intake-files-0").set_value(("field.png", data, "image/png")).run()
    assert_sound(app)
    assert titles(app)[0] == "Picture 1, cell 2 of 3"
    app.button(key="cell-3").click().run()
    assert titles(app)[0] == "Picture 1, cell 3 of 3"
    assert query(app)["pick"] == "3"
    app = go(app, "preprocess")
    assert_sound(app)
    assert query(app)["pick"] == "3"


def test_where_no_cell_was_found_no_class_stands_in_bold(start: Start) -> None:
    app = start()
    app.file_uploader(key="intake-files-0").set_value(("blank.png", png(), "image/png")).run()
    assert verdicts(app) == []
    assert html(app).count("No cell found") == len(SHIPPED)


def test_without_checkpoints_each_place_says_so(start: Start, tmp_path: Path) -> None:
    app = start(root=tmp_path)
    assert_sound(app)
    assert alerts(app).count("No trained weights") == len(SHIPPED)
    assert "No model could answer" in sentence(app)


def test_a_corrupt_checkpoint_leaves_the_others_alone(start: Start, tmp_path: Path) -> None:
    for name in ("vgg19", "islam_cnn"):
        make_model(tmp_path, name)
    (tmp_path / "vgg19" / "model.safetensors").write_bytes(b"not weights")
    make_model(tmp_path, "mine")
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "card.json").write_text('{"name": "foreign"}')
    app = start(root=tmp_path)
    assert_sound(app)
    assert titles(app)[1:] == [
        "ResNet-50",
        "VGG-19",
        "MobileNet-V3-Small",
        "Custom CNN",
        "EfficientNet-Lite0",
        "foreign",
        "Title of mine",
    ]
    assert len(verdicts(app)) == 2
    assert "not the file its card speaks of" in alerts(app)
    assert "card.json is not valid" in alerts(app)


def test_a_fault_in_one_model_leaves_the_others_alone(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    real = answers.prediction_of

    def predict(classifier, *rest):  # type: ignore[no-untyped-def]
        if classifier.name == "vgg19":
            raise RuntimeError("secret detail")
        return real(classifier, *rest)

    monkeypatch.setattr(answers, "prediction_of", predict)
    app = start()
    assert_sound(app)
    assert len(verdicts(app)) == len(SHIPPED) - 1
    assert "This model failed" in alerts(app)
    assert "secret detail" not in alerts(app)


def test_an_unfamiliar_image_is_called_so_above_the_answers(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    real = answers.prediction_of
    monkeypatch.setattr(
        answers, "prediction_of", lambda *given: dataclasses.replace(real(*given), novelty=9.0, unfamiliar=True)
    )
    assert "Unfamiliar stain or cell" in start().warning[0].value


def test_a_fault_of_the_page_becomes_a_sentence(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("dashboard.images.chosen_image", broken)
    app = start()
    assert not app.exception
    assert "failed unexpectedly" in alerts(app)
    assert "secret detail" not in alerts(app)


def test_a_picture_without_a_cell_gets_no_sentence_on_agreement(start: Start) -> None:
    app = start()
    app.file_uploader(key="intake-files-0").set_value(("blank.png", png(), "image/png")).run()
    assert_sound(app)
    assert sentence(app).startswith("No cell was found in this image:")
    assert plain(app).count("Trained on the cut-out cell, sees the whole frame") == len(SHIPPED)


def plain(app: AppTest) -> str:
    """The page's HTML without what its words mean."""
    return re.sub(r'<details class="ll-term"><summary>(.*?)</summary>.*?</span></details>', r"\1", html(app))


def test_each_card_says_what_the_model_sees(start: Start) -> None:
    assert plain(start()).count("Trained on and sees the cut-out cell") == len(SHIPPED)
    assert plain(start(view="frame")).count("Trained on the cut-out cell, sees the whole frame") == len(SHIPPED)


def test_a_click_during_the_first_load_does_no_harm(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("dashboard.images.chosen_image", st.stop)
        app = start(image="cell-2")
        assert titles(app) == []
    app.pills(key="choice-image").set_value("cell-4").run()
    assert_sound(app)
    assert titles(app)[0] == "Simulated cell 4"
    assert query(app) == {"image": "cell-4"}


def test_an_upload_that_comes_twice_is_told_and_outlives_its_twin(start: Start) -> None:
    app = start()
    files = [("one.png", png(), "image/png"), ("two.png", png(), "image/png")]
    app.file_uploader(key="intake-files-0").set_value(files).run()
    assert "One file holds the same bytes as Picture 1" in alerts(app)


def test_forgetting_empties_the_uploader(start: Start) -> None:
    app = start()
    app.file_uploader(key="intake-files-0").set_value(("mine.png", png(), "image/png")).run()
    press(app, "Forget all uploads")
    assert_sound(app)
    assert app.session_state[uploads.STORE].files == {}
    assert [uploader.key for uploader in app.file_uploader] == ["intake-files-2"]
    app.file_uploader(key="intake-files-2").set_value(("mine.png", png(), "image/png")).run()
    assert titles(app)[0] == "Picture 2"


def test_titles_come_from_cards_and_twins_bear_their_folders_names(start: Start, tmp_path: Path) -> None:
    for name in ("one", "other"):
        make_model(tmp_path, name, card={"title": "Ours"})
    make_model(tmp_path, "vgg19", card={"title": "VGG-19, retrained"})
    app = start(root=tmp_path, models="vgg19,one,other")
    assert titles(app)[1:] == ["VGG-19, retrained", "Ours (one)", "Ours (other)"]


def test_text_of_a_card_is_text_and_fetches_nothing(start: Start, tmp_path: Path) -> None:
    picture = "![x](https://remote.example/x.png)"
    fields = {"title": f"A {picture}", "limits": (f"Beware {picture} **of** $x$",), "sources": (picture,)}
    for name in SHIPPED:
        make_model(tmp_path, name, card=fields)
    for page in ("compare", "explain", "evaluate"):
        app = start(page, root=tmp_path)
        told = [item.value for kind in ("markdown", "caption", "warning", "info") for item in getattr(app, kind)]
        told += [option for item in app.get("pills") for option in getattr(item, "options", [])]
        assert not any("![x]" in text for text in told), page
        assert any("remote.example" in text for text in told) or page == "evaluate"
