from __future__ import annotations

import io
import json

import numpy as np
import pytest
from PIL import Image

from core.errors import InputError
from core.explanation.explanation import Explanation, has_evidence
from core.explanation.export import explanation_files, values_npz
from core.explanation.render import PALETTES, heat, overlay, palette

VIEW = np.full((8, 8, 3), 100, dtype=np.uint8)


def ramp() -> np.ndarray:
    return np.linspace(0, 2, 64, dtype=np.float32).reshape(8, 8)


@pytest.mark.parametrize("name", PALETTES)
def test_palettes_grow_steadily_lighter(name: str) -> None:
    lightness = palette(name).astype(float) @ [0.299, 0.587, 0.114]
    assert (np.diff(np.convolve(lightness, np.ones(8) / 8, "valid")) > 0).all()


def test_a_shared_scale_leaves_weaker_maps_darker() -> None:
    own = heat(ramp() / 2, 1.0, "viridis")
    shared = heat(ramp() / 2, 2.0, "viridis")
    assert np.array_equal(own[-1, -1], palette("viridis")[255])
    assert np.array_equal(shared[-1, -1], palette("viridis")[128])


def test_opacity_mixes_linearly() -> None:
    full = overlay(VIEW, ramp(), opacity=1.0)
    half = overlay(VIEW, ramp(), opacity=0.5)
    assert np.abs(half - (full / 2 + 50)).max() <= 0.5
    assert np.array_equal(overlay(VIEW, ramp(), opacity=0.0), VIEW)


def test_a_map_without_evidence_is_never_stretched() -> None:
    zero = np.zeros((8, 8), dtype=np.float32)
    assert not has_evidence(zero) and has_evidence(ramp())
    assert np.array_equal(overlay(VIEW, zero, opacity=1.0), VIEW)
    assert np.array_equal(overlay(VIEW, zero, opacity=1.0, scale=3.0), VIEW)


def test_unknown_palette_is_told() -> None:
    with pytest.raises(InputError, match="Known: cividis"):
        palette("jet")


def test_exported_values_are_raw_and_pictures_carry_no_metadata() -> None:
    values = np.stack([ramp(), 0 * ramp()])
    item = Explanation("m", "gradcam", ("a", "b"), values, values[:, ::4, ::4], VIEW, False, "logit")
    with np.load(io.BytesIO(values_npz(item)), allow_pickle=False) as stored:
        assert np.array_equal(stored["values"], values) and stored["values"].dtype == np.float32
        assert list(stored["classes"]) == ["a", "b"]
    files = explanation_files(item, 0.5, "viridis")
    assert sorted(files) == ["m/gradcam-a.png", "m/gradcam-b.png", "m/gradcam.npz"]
    picture = Image.open(io.BytesIO(files["m/gradcam-b.png"]))
    assert picture.info == {} and np.array_equal(np.asarray(picture), VIEW)
    assert json.dumps(item.maxima)
