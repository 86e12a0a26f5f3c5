"""Tests of parameters."""

from __future__ import annotations

import json

import pytest

from core.errors import InputError
from core.preprocessing.parameters import _ALL, MAXIMUM_BYTES, PRESETS, CellParameters, _by_name, preset_parameters


def test_defaults_are_the_papers() -> None:
    parameters = CellParameters()
    assert (parameters.lower, parameters.upper) == ((80, 80, 180), (180, 170, 245))
    assert (parameters.padding, parameters.output_size, parameters.mode) == (10, 120, "manual")


def test_json_round_trip_keeps_every_field() -> None:
    parameters = CellParameters(
        lower=(1, 2, 3), upper=(4, 5, 6), padding=0, region_x=12.5, region_radius=33.3, choice="central", mode="pbc"
    )
    assert CellParameters.from_json(parameters.to_json()) == parameters
    assert json.loads(parameters.to_json())["lower"] == [1, 2, 3]


def test_missing_fields_take_their_defaults() -> None:
    assert CellParameters.from_json('{"padding": 3}') == CellParameters(padding=3)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"lower": [90, 80, 180], "upper": [89, 170, 245]}', "lower bound of red (90) is above"),
        ('{"minimum_area": 50.0, "maximum_area": 10.0}', "smallest area is above"),
        ('{"colour": 1}', "'colour' is not known here"),
        ('{"lower": [80, 80]}', "lower"),
        ('{"lower": [80, 80, 256]}', "lower must be red, green and blue, each a whole number from 0 to 255, not 256"),
        ('{"lower": [80, 80, true]}', "lower must be red, green and blue"),
        (
            '{"lower": [80.5, 80, 180]}',
            "red, green and blue, each a whole number from 0 to 255, not 80.5",
        ),
        ('{"erode_size": 0}', "erode_size"),
        ('{"output_size": 100000}', "output_size"),
        ('{"region_x": NaN}', "region_x"),
        ('{"mode": "../etc"}', "mode"),
        ('{"choice": "smallest"}', "choice"),
        ("lower: 1", "JSON"),
        ("[]", "must be a table of names and values"),
        (b"\xff\xfe\x00", "JSON"),
        ("[" * 10_000, "JSON"),
    ],
)
def test_a_bad_file_is_refused_with_its_reason(text: str | bytes, said: str) -> None:
    with pytest.raises(InputError, match="cannot be used") as error:
        CellParameters.from_json(text)
    assert said in str(error.value)
    assert "errors.pydantic.dev" not in str(error.value)


def test_a_large_file_is_refused() -> None:
    with pytest.raises(InputError, match="too large"):
        CellParameters.from_json(" " * (MAXIMUM_BYTES + 1))


def test_a_long_list_of_faults_stays_short() -> None:
    with pytest.raises(InputError) as error:
        CellParameters.from_json(json.dumps({f"unknown{number}" * 9: 1 for number in range(100)}))
    assert len(str(error.value)) < 1000


def test_revised_is_validated_and_manual() -> None:
    preset = CellParameters(mode="pbc")
    assert preset.revised(padding=5) == CellParameters(padding=5)
    with pytest.raises(InputError, match="green"):
        preset.revised(upper=(180, 79, 245))


def test_every_field_explains_itself() -> None:
    for name, field in CellParameters.model_fields.items():
        assert field.title and field.description and field.description.endswith("."), name


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_names_itself_and_can_be_saved(name: str) -> None:
    preset = PRESETS[name]
    assert (preset.name, preset.parameters.mode) == (name, name)
    assert preset.title and preset.description.endswith(".")
    assert CellParameters.from_json(preset.parameters.to_json()) == preset.parameters


def test_bccd_has_the_papers_bounds() -> None:
    parameters = preset_parameters("bccd")
    assert (parameters.lower, parameters.upper) == ((80, 80, 180), (180, 170, 245))


def test_a_preset_registered_twice_raises() -> None:
    with pytest.raises(ValueError, match="twice"):
        _by_name((*_ALL, _ALL[0]))


def test_an_unknown_preset_is_named_with_those_there_are() -> None:
    with pytest.raises(InputError, match=r"'wright'.*bccd, pbc, lisc, jtsc"):
        preset_parameters("wright")
