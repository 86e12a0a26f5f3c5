"""The sentence on whether models agree."""

from __future__ import annotations

import numpy as np
import pytest

from core.classes import CLASSES
from core.models.card import parameter_group
from core.models.classifier import Prediction
from core.models.consensus import consensus, unfamiliar_sentence


def says(model: str, label: str, share: float = 0.8, novelty: float | None = 1.0, strange: bool = False) -> Prediction:
    probabilities = np.full(5, (1 - share) / 4, dtype=np.float32)
    probabilities[CLASSES.index(label)] = share
    return Prediction(model, CLASSES, np.log(probabilities), probabilities, novelty, strange, 0.01)


def test_all_agree() -> None:
    answer = consensus([says("a", "monocyte", 0.9), says("b", "monocyte", 0.7), says("c", "monocyte", 0.95)])
    assert answer.agree and answer.majority == "monocyte" and answer.dissenters == ()
    assert answer.sentence == "All 3 models name it a monocyte, each with at least 70 %."


def test_one_dissents_by_its_readable_name() -> None:
    answer = consensus(
        [says("a", "monocyte"), says("b", "monocyte"), says("vgg19", "eosinophil", 0.61)], {"vgg19": "VGG-19"}
    )
    assert not answer.agree and answer.dissenters == ("vgg19",)
    assert answer.sentence == "2 of 3 models name it a monocyte; VGG-19 says eosinophil, 61 %."


def test_an_article_before_a_vowel() -> None:
    assert "an eosinophil" in consensus([says("a", "eosinophil"), says("b", "eosinophil")]).sentence


def test_a_tie_has_no_majority() -> None:
    answer = consensus([says("a", "monocyte"), says("b", "lymphocyte")])
    assert answer.majority is None and not answer.agree and "disagree" in answer.sentence


def test_one_or_no_model() -> None:
    assert "alone" in consensus([says("a", "basophil")]).sentence
    assert not consensus([]).agree


def test_confidence_is_never_rounded_up_to_certainty() -> None:
    assert "100 %" not in consensus([says("a", "basophil", 0.9999), says("b", "basophil", 0.9999)]).sentence


def test_half_of_the_models_that_can_tell_must_find_it_strange() -> None:
    calm, strange, mute = (
        says("a", "basophil"),
        says("b", "basophil", strange=True),
        says("c", "basophil", novelty=None),
    )
    assert unfamiliar_sentence([calm, calm, strange, mute]) is None
    told = unfamiliar_sentence([calm, strange, mute])
    assert told is not None and told.startswith("Unfamiliar stain or cell: 1 of 2")
    assert unfamiliar_sentence([mute]) is None


def test_margin_is_first_less_second() -> None:
    assert says("a", "basophil", 0.6).margin == pytest.approx(0.5, abs=1e-6)


@pytest.mark.parametrize(("millions", "group"), [(1.5, "< 15 M"), (20.2, "15-70 M"), (143.7, "> 70 M")])
def test_parameter_groups_of_katar_and_kilincer(millions: float, group: str) -> None:
    assert parameter_group(millions) == group


def knows(model: str, **shares: float) -> Prediction:
    values = np.array(list(shares.values()), dtype=np.float32)
    return Prediction(model, tuple(shares), np.log(values), values, None, False, 0.01)


def test_models_of_other_classes_are_compared_on_those_in_common() -> None:
    first = knows("a", blast=0.5, monocyte=0.3, neutrophil=0.2)
    second = knows("b", Neutrophils=0.1, monocyte=0.3, platelet=0.6)
    answer = consensus([first, second], {"b": "B-Net"})
    assert answer.agree and answer.majority == "monocyte"
    assert answer.sentence == (
        "Both models name it a monocyte, each with at least 60 %. Compared on the classes in common: monocyte, "
        "neutrophil. a itself says blast, 50 %; B-Net itself says platelet, 60 %."
    )


def test_the_same_classes_in_another_order_or_spelling_are_all_in_common() -> None:
    answer = consensus([knows("a", monocyte=0.7, neutrophil=0.3), knows("b", Neutrophil=0.2, mono=0.8)])
    assert answer.sentence == "Both models name it a monocyte, each with at least 70 %."


def test_models_without_two_classes_in_common_are_not_compared() -> None:
    answer = consensus([knows("a", monocyte=0.7, neutrophil=0.3), knows("b", blast=0.2, monocyte=0.8)])
    assert not answer.agree and answer.majority is None
    assert answer.sentence == "The models have no two classes in common: they are not compared."
