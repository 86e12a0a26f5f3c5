"""The randomisation check on methods whose answer is known."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch import nn

from core.errors import InputError
from core.explanation.context import ImageContext
from core.explanation.engine import checked_request
from core.explanation.methods.registry import METHODS
from core.explanation.quality.randomisation import (
    DRAWS,
    Level,
    Randomisation,
    RandomisationTask,
    apart,
    judge,
    mean_level,
    reinitialise,
    similarity_level,
    stage_groups,
)
from core.models.classifier import Classifier
from core.models.staged import recalibrate_batchnorm
from tests.support.made_up_methods import dice, edges, loud, made_up, nothing
from tests.support.quadrants import LABEL, conv_classifier, quadrant_scene


def check(method: str, classifier: Classifier | None = None, context: ImageContext | None = None) -> Randomisation:
    where = context or quadrant_scene()
    wanted = checked_request(method, classifier or conv_classifier(), where, precision="float32")
    task = RandomisationTask(wanted, LABEL)
    while not task.done:
        task.advance()
    assert task.evaluations <= task.budget
    return task.result()


def test_an_edge_detector_is_called_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METHODS, "edges", made_up("edges", edges, uncertainty=""))
    found = check("edges")
    assert found.passed is False and "hardly looks at what the model learnt" in found.verdict
    assert "An edge map has 1.00" in found.verdict
    assert [level.similarity for level in found.levels] == pytest.approx([1.0] * 4)
    assert [level.ssim for level in found.levels] == pytest.approx([1.0] * 4)


def test_dice_that_ignore_the_model_are_called_out_whatever_their_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METHODS, "dice", made_up("dice", dice))
    found = check("dice")
    assert found.passed is False and found.budget == 128
    assert found.ceiling is not None and 0.7 < found.ceiling < 0.95
    assert "another seed's map" in found.verdict and "rests on 128 evaluations" in found.verdict


def test_noise_that_two_maps_share_is_not_taken_for_likeness(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METHODS, "loud", made_up("loud", loud))
    found = check("loud")
    assert found.ceiling is not None and found.ceiling > 0.5
    assert found.passed is True and abs(found.levels[-1].similarity or 1) < 0.3


def test_gradcam_changes_and_the_trained_model_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    classifier, context = conv_classifier(), quadrant_scene()
    weights = {name: value.clone() for name, value in classifier.network.state_dict().items()}
    torch.manual_seed(123)
    dice_before = torch.get_rng_state().clone()
    found = check("gradcam", classifier, context)
    assert torch.equal(dice_before, torch.get_rng_state())
    assert found.passed is True and "depends on what the model learnt" in found.verdict
    assert [level.stage for level in found.levels] == ["head", "third", "second", "first"]
    for name, value in classifier.network.state_dict().items():
        assert torch.equal(value, weights[name])
    assert not classifier.network.training and not classifier._inference_copies
    assert not any("forgot" in repr(key) for key in context._kept)
    assert found == check("gradcam", classifier, context)
    assert json.loads(json.dumps(found.document()))["levels"][0]["stage"] == "head"


def test_each_level_is_what_a_run_on_forgotten_weights_gives() -> None:
    from core.explanation.engine import explain
    from core.explanation.quality.randomisation import symmetries

    classifier, context = conv_classifier(), quadrant_scene()
    original = explain(classifier, context, ["layercam"])["layercam"].map_of(LABEL)
    by_hand = []
    for draw in range(DRAWS):
        copy = apart(classifier, f"by hand {draw}")
        for number, stage in enumerate(["head", "third", "second", "first"]):
            reinitialise(copy.network, [stage], (0, draw, number))
        recalibrate_batchnorm(copy.network, ["first"], [symmetries(classifier.tensor([context.rgb]))])
        last = explain(copy, context, ["layercam"])["layercam"].map_of(LABEL)
        by_hand.append(similarity_level("first", original, last, False))
    found = check("layercam", classifier, context).levels[-1]
    assert found.similarity == pytest.approx(np.mean([level.similarity for level in by_hand]))  # type: ignore[arg-type]
    assert found.ssim == pytest.approx(np.mean([level.ssim for level in by_hand]))  # type: ignore[arg-type]


def test_an_empty_map_cannot_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METHODS, "nothing", made_up("nothing", nothing))
    found = check("nothing")
    assert found.passed is None and "cannot be told" in found.verdict and found.levels == ()


def test_the_result_stands_between_steps() -> None:
    task = RandomisationTask(checked_request("gradcam", conv_classifier(), quadrant_scene()), LABEL)
    assert task.result().passed is None and task.result().levels == ()
    seen = []
    while not task.done:
        task.advance()
        seen.append(len(task.result().levels))
    assert seen[-1] == 4 and seen == sorted(seen) and len(set(seen)) == 5


@pytest.mark.parametrize("name", METHODS)
def test_every_method_can_be_checked(name: str) -> None:
    found = check(name)
    assert len(found.levels) in (0, 4) and found.verdict and found.budget <= 128


def test_what_is_wrong_is_said_at_once() -> None:
    with pytest.raises(InputError, match="no class 'no'"):
        RandomisationTask(checked_request("gradcam", conv_classifier(), quadrant_scene()), "no")


def test_verdicts() -> None:
    levels = [Level("head", 0.9, 0.9), Level("stem", 0.6, 0.5)]
    assert judge("M", levels, 1.0, {})[1] is True
    assert judge("M", levels, 0.8, {})[1] is False  # 0.6 of a possible 0.8 is no change
    assert judge("M", levels, 0.2, {})[1] is None
    assert judge("M", [Level("head", None, None)], 1.0, {})[1] is None
    text, passed = judge("M", [levels[0], Level("stem", None, None)], 1.0, {"centre": 0.85, "edges": None})
    assert passed is False and "the deepest level with a map" in text and "A centred blob has 0.85" in text


def test_a_levels_mean_is_over_the_draws_that_left_a_map() -> None:
    levels = [Level("stem", 0.2, 0.4), Level("stem", None, None), Level("stem", 0.4, 0.8)]
    assert mean_level(levels) == Level("stem", pytest.approx(0.3), pytest.approx(0.6))  # type: ignore[arg-type]
    assert mean_level(levels[1:2]) == Level("stem", None, None)


def test_stages_fall_from_the_head_down() -> None:
    assert stage_groups(["a", "b", "c"]) == [["c"], ["b"], ["a"]]
    names = [f"s{number}" for number in range(13)] + ["head"]
    groups = stage_groups(names)
    assert len(groups) == 5 and groups[0] == ["head"]
    assert [name for group in groups for name in group] == names[::-1]


def test_forgetting_keeps_the_scale_and_leaves_the_rest() -> None:
    classifier = conv_classifier()
    copy = apart(classifier, "one")
    assert copy.identity != classifier.identity and copy.network is not classifier.network
    reinitialise(copy.network, ["third"], (7, 0))
    old, new = classifier.network.state_dict(), copy.network.state_dict()
    for name in old:
        assert torch.equal(old[name], new[name]) != name.startswith("stages.third")
    assert new["stages.third.0.weight"].std() == pytest.approx((2 / 72) ** 0.5, rel=0.1)
    assert not new["stages.third.0.bias"].any()
    again, other = apart(classifier, "two"), apart(classifier, "three")
    reinitialise(again.network, ["third"], (7, 0))
    reinitialise(other.network, ["third"], (8, 0))
    key = "stages.third.0.weight"
    assert torch.equal(again.network.state_dict()[key], new[key])
    assert not torch.equal(other.network.state_dict()[key], new[key])


def test_normalisations_settle_on_the_picture() -> None:
    copy = apart(conv_classifier(), "one")
    norm = copy.network.stages["first"][1]
    inputs = copy.tensor([quadrant_scene().rgb])
    reinitialise(copy.network, ["first"], (0, 0))
    recalibrate_batchnorm(copy.network, ["first"], [inputs])
    with torch.no_grad():
        convolved = copy.network.stages["first"][0](inputs)
        mean, variance = convolved.mean((0, 2, 3)), convolved.var((0, 2, 3))
    np.testing.assert_allclose(norm.running_mean, mean, atol=1e-5)
    np.testing.assert_allclose(norm.running_var, variance, rtol=1e-4)
    assert isinstance(norm, nn.BatchNorm2d) and norm.momentum == 0.1 and not norm.training
    assert (norm.weight == 1).all() and (norm.bias == 0).all()
