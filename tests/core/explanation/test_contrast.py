"""Contrastive maps against their definitions: autograd on the difference of two logits, fits to the difference of two
outputs; and how alike two classes' maps are."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from core.errors import InputError
from core.explanation.contrast import contrasted, no_contrast
from core.explanation.engine import Explanation, explain, explanation_of
from core.explanation.method import Estimator
from core.explanation.methods.kernel_shap import Coalitions, shapley_values
from core.explanation.methods.lime import LIME, lime_coefficients, orthogonal
from core.explanation.methods.registry import METHODS
from core.explanation.quality.similarity import alike_sentence, class_correlation, class_correlations
from core.models.classifier import Classifier
from tests.support.toy_networks import begin, finish, noise, random_network, toy

SIDE = 48
LINEAR = [name for name, kind in METHODS.items() if kind.linear]


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return toy(random_network(seed=1), SIDE)


def run(classifier: Classifier, name: str) -> Explanation:
    """A method's maps on a budget that costs next to nothing."""
    budget = METHODS[name].budget
    settings = {budget.name: max(int(budget.low or 1), 40)} if budget else {}
    estimator: Estimator = finish(begin(METHODS[name], classifier, noise(SIDE), **settings))
    return explanation_of(estimator)


def slow_cam(classifier: Classifier, name: str, one: int, other: int) -> np.ndarray:
    """The map of one logit less another as one output: its gradient, its weights, nothing cut off."""
    network, inputs = classifier.network, classifier.tensor([noise(SIDE).rgb])
    activations = network.features(inputs).detach().requires_grad_()
    logits = network.head(activations.clone())[0]
    (gradient,) = torch.autograd.grad(logits[one] - logits[other], activations)
    weights = gradient.mean(dim=(2, 3), keepdim=True) if name == "gradcam" else gradient
    return (weights * activations).sum(dim=1)[0].detach().numpy()


@pytest.mark.parametrize("name", ["gradcam", "hirescam"])
def test_a_contrastive_cam_is_that_of_the_difference_of_logits(classifier: Classifier, name: str) -> None:
    maps = contrasted(run(classifier, name), "c", ["a", "b"])
    assert maps.classes == ("a", "b") and maps.signed and maps.against == "c"
    for place in range(2):
        wanted = slow_cam(classifier, name, place, 2)
        assert wanted.min() < 0 < wanted.max()  # or clipping would go unnoticed
        np.testing.assert_allclose(maps.native[place], wanted, rtol=1e-4, atol=1e-5 * np.abs(wanted).max())


def test_contrastive_integrated_gradients_are_those_of_the_difference() -> None:
    difference = random_network(seed=4)

    class Lead(torch.nn.Module):
        """Its first logit is the lead of a over c; the second is 0."""

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            logits = difference.head(inputs)
            return torch.stack([logits[:, 0] - logits[:, 2], 0 * logits[:, 0]], dim=1)

    stages = type(difference)({"see": difference.stages["see"], "answer": Lead()}, "see")
    maps = contrasted(run(toy(difference, SIDE), "integrated-gradients"), "c", ["a"])
    wanted = run(toy(stages, SIDE, 2), "integrated-gradients")
    np.testing.assert_allclose(maps.native[0], wanted.native[0], atol=1e-5 * np.abs(wanted.native[0]).max())
    assert maps.gap is not None and wanted.gap is not None
    assert maps.gap[0] == pytest.approx(wanted.gap[0], abs=1e-3)


def test_coefficients_of_the_difference_are_the_difference_of_coefficients() -> None:
    generator = np.random.default_rng(2)
    keep, outputs = orthogonal(120, 12, 0).astype(float), generator.random((120, 2))
    lead = outputs[:, :1] - outputs[:, 1:]
    one, other = lime_coefficients(keep, outputs)
    np.testing.assert_allclose(one - other, lime_coefficients(keep, lead)[0], atol=1e-9)
    plan = Coalitions(12, 0)
    keep, weights = plan.first(120).astype(float), plan.weights(120)
    gains = outputs - outputs[0]
    one, other = shapley_values(keep, weights, gains, gains[1])
    wanted = shapley_values(keep, weights, gains[:, :1] - gains[:, 1:], gains[1, :1] - gains[1, 1:])[0]
    np.testing.assert_allclose(one - other, wanted, atol=1e-9)


@pytest.mark.parametrize("name", LINEAR)
def test_a_contrast_turned_round_is_its_negative_and_adds_up(classifier: Classifier, name: str) -> None:
    found = run(classifier, name)
    there, back = contrasted(found, "b", ["a"]), contrasted(found, "a", ["b"])
    assert np.array_equal(there.native, -back.native) and np.any(there.native != 0)
    via = contrasted(found, "c", ["a", "b"]).native
    np.testing.assert_allclose(via[0] - via[1], there.native[0], atol=1e-5 * np.abs(via).max())
    if there.total is not None and name != "integrated-gradients":
        total = (there.native if there.regions is None else there.regions.weights).sum(dtype=np.float64)
        assert there.gap is not None
        assert total == pytest.approx(float(there.total[0]) + float(there.gap[0] * abs(there.total[0])), abs=1e-4)


def test_the_error_of_a_contrast_is_never_below_what_seeds_show(classifier: Classifier) -> None:
    def lead(seed: int) -> tuple[np.ndarray, np.ndarray]:
        found = contrasted(explanation_of(finish(begin(LIME, classifier, noise(SIDE), seed, samples=240))), "b", ["a"])
        assert found.regions is not None
        return found.regions.weights[0], found.regions.errors[0]

    weights, errors = zip(*(lead(seed) for seed in range(12)), strict=True)
    assert np.std(weights, axis=0).mean() < np.mean(errors)


@pytest.mark.parametrize("name", sorted(set(METHODS) - set(LINEAR)))
def test_methods_that_are_not_linear_are_refused_with_the_reason(classifier: Classifier, name: str) -> None:
    assert no_contrast(METHODS[name])
    with pytest.raises(InputError, match=r"contrast"):
        contrasted(run(classifier, name), "b")


def test_a_class_is_not_contrasted_with_itself_or_with_a_stranger(classifier: Classifier) -> None:
    found = run(classifier, "gradcam")
    with pytest.raises(InputError, match="itself"):
        contrasted(found, "a", ["a"])
    with pytest.raises(InputError, match="'z'"):
        contrasted(found, "z")


def test_likeness_of_classes_is_scipys_and_is_said(classifier: Classifier) -> None:
    found = run(classifier, "gradcam")
    wanted = spearmanr(found.native[0].ravel(), found.native[1].ravel()).statistic
    assert class_correlation(found, "a", "b") == pytest.approx(wanted)
    assert class_correlations(found)["a"]["b"] == pytest.approx(wanted)
    assert f"{wanted:.2f}" in alike_sentence(found, "a", "b")


def test_two_classes_with_one_map_are_called_so_unless_the_method_has_but_one() -> None:
    network = random_network(2, seed=1)
    linear = network.stages["answer"][2]
    with torch.no_grad():
        linear.weight[1] = 1.5 * linear.weight[0]
    classifier = toy(network, SIDE, 2)
    found = explain(classifier, noise(SIDE), ["gradcam", "eigencam"])
    assert alike_sentence(found["gradcam"], "a", "b").startswith("Grad-CAM shows nearly the same map for a and b")
    assert "1.00" in alike_sentence(found["gradcam"], "a", "b")
    assert alike_sentence(found["eigencam"], "a", "b") == "" and class_correlations(found["eigencam"]) == {}
