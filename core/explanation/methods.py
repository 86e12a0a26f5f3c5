"""The explanation methods. A new one is one entry here and the function that computes it."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import InputError


@dataclass(frozen=True)
class Method:
    """A method: what to call it, the class of pytorch-grad-cam whose formula it uses, sign, source, one sentence."""

    name: str
    title: str
    upstream: str
    signed: bool
    explains: str
    paper: str
    help: str


_ALL = (
    Method(
        "gradcam",
        "Grad-CAM",
        "GradCAM",
        False,
        "logit",
        "Selvaraju et al. 2017, eq. 1 and 2",
        "Weighs each feature map by the mean gradient of the class's logit, adds them up and keeps the positive part.",
    ),
    Method(
        "gradcam++",
        "Grad-CAM++",
        "GradCAMPlusPlus",
        False,
        "logit",
        "Chattopadhay et al. 2018, eq. 19",
        "As Grad-CAM, with positive gradients weighted place by place: shows several separate regions more evenly.",
    ),
)
METHODS: dict[str, Method] = {entry.name: entry for entry in _ALL}
if len(METHODS) != len(_ALL):
    raise ValueError("two methods share a name")


def method(name: str) -> Method:
    """Return the method `name`; InputError lists the known ones."""
    try:
        return METHODS[name]
    except KeyError:
        raise InputError(f"No explanation method {name!r}. Known: {', '.join(METHODS)}.") from None
