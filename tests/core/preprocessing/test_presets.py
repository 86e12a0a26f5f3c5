from __future__ import annotations

import pytest

from core.errors import InputError
from core.preprocessing.parameters import _ALL, PRESETS, CellParameters, _by_name, preset_parameters


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
