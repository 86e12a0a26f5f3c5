"""The base of all settings: what fields say of themselves, faults in plain words, and `key=value` texts."""

from __future__ import annotations

import tomllib
from typing import Any, Literal

import pytest
from pydantic import ConfigDict, Field, ValidationError, model_validator

from core.errors import InputError
from core.explanation.methods.registry import METHODS
from core.preprocessing.parameters import CellParameters
from core.settings import Colour, Settings, assignments, choice_field, faults, fields_of, number_field


class Inner(Settings):
    model_config = ConfigDict(strict=False)

    share: float = Field(default=0.5, ge=0, le=1)


class Example(Settings):
    count: int = number_field(5, 1, 20_000, "Count", "How many.")
    weight: float = number_field(0.25, 0, 1, "Weight", "How much.")
    sort: Literal["plain", "fancy"] = choice_field("plain", "Sort", "Which.")
    shade: Colour = (1, 2, 3)
    on: bool = False
    name: str = Field(default="a", pattern="^[a-z]+$")
    most: int | None = Field(default=None, ge=1)
    rate: float = Field(default=0.1, gt=0, le=1)
    inner: Inner = Inner()
    several: tuple[Inner, ...] = ()

    @model_validator(mode="after")
    def _plain_is_light(self) -> Example:
        if self.sort == "plain" and self.weight > 0.9:
            raise ValueError("what is plain weighs at most 0.9")
        return self


def test_a_field_says_its_kind_range_choices_and_default() -> None:
    found = {field.name: (field.kind, field.low, field.high, field.choices) for field in fields_of(Example).values()}
    assert found == {
        "count": ("int", 1, 20_000, ()),
        "weight": ("float", 0, 1, ()),
        "sort": ("choice", None, None, ("plain", "fancy")),
        "shade": ("colour", None, None, ()),
        "on": ("switch", None, None, ()),
        "name": ("text", None, None, ()),
        "most": ("int", 1, None, ()),
        "rate": ("float", 0, 1, ()),
    }
    assert (fields_of(Example)["count"].title, fields_of(Example)["on"].title) == ("Count", "On")
    assert {name: field.default for name, field in fields_of(Example).items()} == {
        name: value for name, value in Example() if name not in ("inner", "several")
    }


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"count": 0}, "count must be a whole number from 1 to 20,000, not 0"),
        ({"count": 2.5}, "count must be a whole number from 1 to 20,000, not 2.5"),
        ({"count": True}, "count must be a whole number from 1 to 20,000, not True"),
        ({"weight": "x"}, "weight must be a number from 0 to 1, not 'x'"),
        ({"weight": float("nan")}, "weight must be a number from 0 to 1, not nan"),
        ({"weight": float("inf")}, "weight must be a number from 0 to 1, not inf"),
        ({"sort": "odd"}, "sort must be one of: plain, fancy, not 'odd'"),
        ({"shade": (0, 0, 256)}, "shade must be red, green and blue, each a whole number from 0 to 255, not 256"),
        ({"on": 1}, "on must be true or false, not 1"),
        ({"name": "A"}, "name should match pattern '^[a-z]+$'"),
        ({"most": 0}, "most must be a whole number from 1 up, not 0"),
        ({"rate": 0}, "rate must be a number above 0, at most 1, not 0"),
        ({"inner": {"share": 2}}, "inner.share must be a number from 0 to 1, not 2"),
        ({"inner": {"shore": 2}}, "'inner.shore' is not known here (known: share)"),
        ({"weight": 0.95}, "what is plain weighs at most 0.9"),
        (
            {"cls": 1},
            "'cls' is not known here (known: count, weight, sort, shade, on, name, most, rate, ",
        ),
        ({"count": 0, "sort": "odd"}, "count must be a whole number from 1 to 20,000, not 0; sort must be one of: "),
    ],
)
def test_what_is_wrong_is_said_in_words(values: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError) as error:
        Example.of(**values)
    assert str(error.value).startswith(told) and "\n" not in str(error.value) and "pydantic" not in str(error.value)


def test_a_message_stays_short_whatever_it_is_about() -> None:
    with pytest.raises(InputError) as error:
        Example.of(**{"x" * 5000: 1, "count": "y" * 5000, **{f"field{n}": n for n in range(50)}})
    assert len(str(error.value)) < 900


def test_a_list_of_one_bad_entry_is_not_called_too_short() -> None:
    class Several(Settings):
        model_config = ConfigDict(strict=False)

        entries: tuple[Inner, ...] = Field(min_length=1)

    with pytest.raises(ValidationError) as error:
        Several.model_validate({"entries": [{"share": 7}]})
    assert faults(error.value, Several) == "entries.0.share must be a number from 0 to 1, not 7"
    with pytest.raises(ValidationError) as error:
        Several.model_validate({"entries": []})
    assert "at least 1 item" in faults(error.value, Several)


def test_a_revised_copy_is_checked_and_the_changes_are_known() -> None:
    first = Example.of(count=7, shade=(9, 9, 9))
    assert first.changed == {"count": 7, "shade": (9, 9, 9)}
    assert first.revised(count=5).changed == {"shade": (9, 9, 9)} and first.count == 7
    with pytest.raises(InputError, match="count must be"):
        first.revised(count=-1)


@pytest.mark.parametrize("model", [CellParameters, *dict.fromkeys(kind.settings for kind in METHODS.values())])
def test_every_settings_field_has_a_title_a_sentence_and_limits(model: type[Settings]) -> None:
    fields = fields_of(model)
    assert set(fields) == set(model.model_fields)
    for field in fields.values():
        assert field.title and field.help.endswith((".", "?")), field.name
        assert field.kind not in ("int", "float") or (field.low is not None and field.high is not None), field.name
        if field.kind in ("int", "float"):
            assert field.low <= field.default <= field.high


@pytest.mark.parametrize("text", ["3", "0.5", "true", '"three"', "[1, 2]", "1e3", "nan", "{a = 1}"])
def test_a_value_is_read_as_toml_reads_it(text: str) -> None:
    assert repr(assignments([f" a.b = {text} "], "Form.")) == repr({"a.b": tomllib.loads(f"x = {text}")["x"]})


def test_a_bare_word_is_a_text_and_the_last_of_a_key_wins() -> None:
    assert assignments(["kind=random", "layer=features.30", "n=1", "n=2", "url=a=b"], "Form.") == {
        "kind": "random",
        "layer": "features.30",
        "n": 2,
        "url": "a=b",
    }


@pytest.mark.parametrize("text", ["seed", "=3", "", " =3"])
def test_another_form_is_refused_with_the_right_one(text: str) -> None:
    with pytest.raises(InputError, match=r"cannot be read\. Write it so\."):
        assignments([text], "Write it so.")
