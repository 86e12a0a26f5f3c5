"""The Class page: a teacher, a presenter and students in sessions of their own, on one store."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.classes import CLASSES
from core.teaching.ballots import Ballots
from core.teaching.deck import DeckCell, simulated_deck
from core.teaching.steps import AGAIN, MAPS, MODELS, STEPS, TRUTH, VOTE, ClassSettings
from core.teaching.store import ClassSession, ClassStore
from dashboard.answers import Answer
from tests.support.reading import Start, alerts, assert_sound, button, go, html, labels, query, shown

LABEL = "monocyte"
View = Callable[..., AppTest]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ClassStore:
    monkeypatch.setenv("LEUKOLENS_HOME", str(tmp_path / "home"))
    return ClassStore()


@pytest.fixture
def view(start: Start, home: ClassStore) -> View:
    """Open the Class page in a browser of its own, with an address."""

    def opened(**address: str) -> AppTest:
        app = go(start(), "classroom")
        app.query_params.clear()
        for name, value in address.items():
            app.query_params["class" if name == "code" else name] = value
        return app.run()

    return opened


def session_of(store: ClassStore, models: tuple[str, ...] = ("resnet50",), **changes: object) -> ClassSession:
    deck = [*simulated_deck(1, (LABEL,), seed=1), *simulated_deck(1, ("basophil",), seed=2)]
    settings = ClassSettings(models, ("gradcam",) if models else ())
    return store.open_session("Monday", [DeckCell(**{**vars(cell), **changes}) for cell in deck], settings, "me")


def joined(view: View, code: str, nickname: str = "Ann") -> AppTest:
    app = view(code=code)
    app.text_input(key="class-nickname").set_value(nickname)
    app = button(app, "Join").click().run()
    assert_sound(app)
    return app


def to(store: ClassStore, session: ClassSession, step: str) -> None:
    now = store.session(session.code)
    while now.step != step or now.lobby:
        now = store.go_on(session.code, session.key, now.tick)


def test_ten_cells_in_one_click_on_the_page(view: View, home: ClassStore) -> None:
    app = view()
    assert_sound(app)
    app = button(app, "Start the session").click().run()
    assert_sound(app)
    address = query(app)
    session = home.session(address["class"])
    assert session.cells == 10 and session.is_teacher(address["key"]) and session.lobby
    assert session.settings.models and session.settings.methods == ("gradcam",)
    assert session.code in html(app) and "0 joined" in html(app)
    assert set(home.labels(session.code)) == set(CLASSES)


def test_a_session_from_start_to_report(view: View, home: ClassStore) -> None:
    session = session_of(home)
    teacher = view(code=session.code, key=session.key)
    ann, bob = joined(view, session.code), joined(view, session.code, "Bob")
    assert "You are in, Ann." in html(ann) and "2 joined" in html(teacher.run())
    teacher = button(teacher, "Begin").click().run()
    teacher = button(teacher, "Next").click().run()
    assert home.session(session.code).step == VOTE and "0 of 2 voted" in html(teacher)
    ann, bob = button(ann.run(), "basophil").click().run(), button(bob.run(), LABEL).click().run()
    assert button(ann, "basophil").proto.type == "primary" and "Your vote is in" in shown(ann)
    assert "2 of 2 voted" in html(teacher.run()) and not teacher.get("plotly_chart")
    teacher = button(teacher, "Next").click().run()
    assert teacher.get("plotly_chart") and "ResNet-50" in html(teacher) and "ResNet-50" in html(ann.run())
    teacher = button(teacher, "Next").click().run()
    ann = button(ann.run(), LABEL).click().run()
    teacher = button(teacher, "Next").click().run()
    assert "1 changed their vote." in html(teacher) and "right class" not in html(teacher)
    assert "Grad-CAM" in shown(ann.run()) and "Grad-CAM" in shown(teacher)
    teacher = button(teacher, "Truth").click().run()
    assert "1 to the right class, 0 away from it" in html(teacher) and f">{LABEL}<" in html(teacher)
    assert f"It is: {LABEL}." in html(ann.run()) and "You said basophil, then monocyte." in html(ann)
    for app in (teacher, ann, bob):
        assert_sound(app)
    teacher = button(teacher, "End the session").click().run()
    assert_sound(teacher)
    assert "Monday: report" in html(teacher) and "Fleiss" in html(teacher)
    assert "0 of your 1 first votes were right" in html(ann.run()) and "1 of 1 were" in html(ann)


@pytest.mark.parametrize("models", [("resnet50",), ()])
def test_nothing_tells_the_truth_before_its_step(view: View, home: ClassStore, models: tuple[str, ...]) -> None:
    """All that is sent to the projector and to phones, as it is sent."""
    session = session_of(home, models, label="secretcyte", source="up/secretcyte/x.png")
    with home.database.writing() as connection:  # the class is not to be seen among those to vote for, either
        connection.execute("update sessions set classes = ?", ('["basophil", "eosinophil"]',))
    apps = {"teacher": view(code=session.code, key=session.key), "student": joined(view, session.code)}
    steps = home.session(session.code).settings.steps
    for step in steps[:-1]:
        to(home, session, step)
        for name, app in apps.items():
            app.run()
            assert_sound(app)
            sent = all_sent(app)
            assert "secretcyte" not in sent and "Cell 1" in sent, (name, step)
            assert ("ResNet-50" in sent) == (bool(models) and STEPS.index(step) >= STEPS.index(MODELS)), (name, step)
    to(home, session, TRUTH)
    for app in apps.values():
        assert "secretcyte" in all_sent(app.run())


def all_sent(app: AppTest) -> str:
    """Every element and container of the page as it goes to the browser, and the address."""
    nodes = [node for root in app._tree.children.values() for node in root]
    return "".join(str(node.proto) for node in nodes if node.proto is not None) + str(query(app))


def test_the_presenter_sees_ahead_and_leads(view: View, home: ClassStore) -> None:
    session = session_of(home)
    app = view(code=session.code, key=session.presenter)
    assert "Next: cell 1" in html(app)
    app = button(app, "Begin").click().run()
    assert_sound(app)
    told = html(app)
    assert f"<strong>{LABEL}</strong>" in told and "<strong>basophil</strong>" in told and "ResNet-50" in told
    app = app.text_area[0].set_value("fold of the nucleus").run()
    assert home.cell(session.code, 0).note == "fold of the nucleus"
    home.go_on(session.code, session.key, home.session(session.code).tick, "end")
    app = app.run()
    assert "report" in html(app) and "Delete it" not in labels(app)


def test_a_reload_finds_its_place_and_a_second_tab_is_the_same_student(view: View, home: ClassStore) -> None:
    session = session_of(home)
    first = joined(view, session.code)
    address = query(first)
    to(home, session, VOTE)
    button(first.run(), LABEL).click().run()
    second = view(code=address["class"], key=address["key"])
    assert button(second, LABEL).proto.type == "primary"
    button(second, "basophil").click().run()
    assert button(first.run(), "basophil").proto.type == "primary"
    assert Ballots(home).tally(session.code, 0)[1] == {"basophil": 1}
    assert len(Ballots(home).participants(session.code)) == 1


def test_a_late_joiner_and_a_late_vote(view: View, home: ClassStore) -> None:
    session = session_of(home)
    early = joined(view, session.code)
    to(home, session, VOTE)
    early.run()
    to(home, session, MODELS)
    early = button(early, LABEL).click().run()  # the step closed in between
    assert_sound(early)
    assert "has closed" in alerts(early)  # told at once, and once
    assert "has closed" not in alerts(early.run())
    assert "You did not vote" in html(early) and Ballots(home).votes(session.code) == []
    to(home, session, AGAIN)
    late = joined(view, session.code, "Late")
    late = button(late, LABEL).click().run()
    assert "Your vote is in" in shown(late)
    to(home, session, MAPS)
    assert "You did not vote, then monocyte." in html(late.run())


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ({"code": "KQ7RDM"}, "There is no session KQ7RDM"),
        ({"code": "<b>"}, "A code has 6 letters"),
        ({"code": "x" * 5000, "key": "y" * 5000}, "A code has 6 letters"),
    ],
)
def test_addresses_that_open_nothing(view: View, address: dict[str, str], told: str) -> None:
    app = view(**address)
    assert_sound(app)
    assert told in alerts(app).replace("\\", "") and "Join" in labels(app)


def test_strangers_get_nothing(view: View, home: ClassStore) -> None:
    session = session_of(home)
    to(home, session, TRUTH)
    app = view(code=session.code, key="made-up")
    assert_sound(app)
    assert "nobody's in this session" in alerts(app) and labels(app) == ["Join"]
    home.go_on(session.code, session.key, home.session(session.code).tick, "end")
    assert "has ended" in alerts(app.run()) and "Join" not in labels(app)


def test_names_and_codes_that_are_none(view: View, home: ClassStore) -> None:
    session = session_of(home)
    app = view()
    app.text_input(key="class-code").set_value("12")
    app = button(app, "Join").click().run()
    assert "A code has 6 letters" in alerts(app)
    app.text_input(key="class-code").set_value(session.code.lower())
    app.text_input(key="class-nickname").set_value("<img src=x>")
    app = button(app, "Join").click().run()
    assert "&lt;img src=x&gt;" in html(app) and "<img src=x>" not in html(app)
    teacher = view(code=session.code, key=session.key)
    assert "&lt;img src=x&gt;" in html(teacher) and "<img src=x>" not in html(teacher)


def test_a_deck_without_truth_is_a_poll(view: View, home: ClassStore) -> None:
    session = session_of(home, label=None)
    ann = joined(view, session.code)
    to(home, session, VOTE)
    button(ann.run(), LABEL).click().run()
    to(home, session, TRUTH)
    teacher = view(code=session.code, key=session.key)
    assert_sound(teacher)
    assert "Discussion" in html(teacher) and "✓ right" not in html(teacher)
    home.go_on(session.code, session.key, home.session(session.code).tick, "end")
    assert "not known" in html(teacher.run())


def test_the_projector_shows_no_secret_and_its_browser_leads(
    view: View, home: ClassStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.uploads.browser_token", lambda _: "one browser")
    app = button(view(), "Start the session").click().run()
    session = home.session(query(app)["class"])
    assert query(app) == {"class": session.code}
    app = button(app, "Begin").click().run()
    assert_sound(app)
    assert not home.session(session.code).lobby
    for secret in (session.key, session.presenter):
        assert secret not in all_sent(view(code=session.code))
    again = view()  # the links stand in the teacher's own list
    assert session.presenter in shown(again)
    monkeypatch.setattr("dashboard.uploads.browser_token", lambda _: "another browser")
    assert "Join" in labels(view(code=session.code)) and session.presenter not in shown(view())


def test_a_model_that_failed_is_asked_again(view: View, home: ClassStore, monkeypatch: pytest.MonkeyPatch) -> None:
    session = session_of(home)
    to(home, session, MODELS)
    with monkeypatch.context() as failing:
        failing.setattr("dashboard.classroom.answers.ask", lambda found, *_: Answer(found, fault="out of memory"))
        app = view(code=session.code, key=session.key)
        assert "out of memory" in html(app) and home.answers(session.code) == {}
    monkeypatch.setattr("dashboard.classroom.answers._window", lambda: 10**9)  # later on
    app = app.run()
    assert_sound(app)
    assert "out of memory" not in html(app) and home.answers(session.code)[0][0].label


def test_what_is_prepared_ahead_tells_how_far_it_is(
    view: View, home: ClassStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = session_of(home)
    home.go_on(session.code, session.key, 0)
    monkeypatch.setattr("dashboard.classroom.answers.AT_ONCE", 1e-6)  # one piece a look: an answer, then a map
    app = view(code=session.code, key=session.key)
    assert "get ready: 1 of 2" in shown(app) and "get ready" not in shown(app.run())


def test_own_sessions_are_listed_and_deleted(view: View, home: ClassStore) -> None:
    app = view()
    app = button(app, "Start the session").click().run()
    code = query(app)["class"]
    app.query_params.clear()
    app = app.run()
    assert code in shown(app)
    app = button(app, "Delete").click().run()
    assert_sound(app)
    assert code not in shown(app)
    with home.database.reading() as connection:
        assert connection is not None and connection.execute("select count(*) from cells").fetchone()[0] == 0


def test_a_session_deleted_under_a_student(view: View, home: ClassStore) -> None:
    session = session_of(home)
    ann = joined(view, session.code)
    home.delete(session.code, session.key)
    ann = ann.run()
    assert_sound(ann)
    assert "There is no session" in alerts(ann)


def test_the_secret_of_a_link_joins_no_other_page(view: View, home: ClassStore) -> None:
    session = session_of(home)
    app = view(code=session.code, key=session.key)
    app = go(app, "compare")
    assert_sound(app)
    assert session.key not in str(query(app)) and session.key not in shown(app)


def test_a_disputed_cell_opens_on_explain(view: View, home: ClassStore) -> None:
    session = session_of(home)
    ballots = Ballots(home)
    people = [ballots.join(session.code, "") for _ in range(3)]
    to(home, session, VOTE)
    for one, label in zip(people, CLASSES, strict=False):
        ballots.vote(session.code, one.token, 0, VOTE, label)
    home.go_on(session.code, session.key, home.session(session.code).tick, "end")
    app = view(code=session.code, key=session.key)
    assert "The cells with most disagreement" in html(app)
    assert re.search(r"Cell 1, monocyte", shown(app))
    app = button(app, "Explain").click().run()
    assert_sound(app)
    assert "Grad-CAM" in shown(app)
