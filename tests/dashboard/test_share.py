"""The link to a page: its choices and no more, and a code that phones can read."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
import streamlit as st
from PIL import Image

from dashboard import state, url
from dashboard.share import page_address, qr_code


@pytest.mark.parametrize("address", ["http://192.0.2.7:8501/explain?image=cell-3&methods=lime", "https://lab.example/"])
def test_another_program_reads_the_code(address: str) -> None:
    drawn = np.asarray(Image.open(io.BytesIO(qr_code(address))).convert("L"))
    read, *_ = cv2.QRCodeDetector().detectAndDecode(drawn)
    assert read == address


def test_the_link_is_the_page_and_its_choices(monkeypatch: pytest.MonkeyPatch) -> None:
    values, _ = url.read({"image": "cell-3", "methods": "gradcam++"})
    monkeypatch.setattr(st, "session_state", {state.VALUES: values})
    here = "http://192.0.2.7:8501/explain?session=secret#part"
    assert page_address(here) == "http://192.0.2.7:8501/explain?image=cell-3&methods=gradcam%2B%2B"


@pytest.mark.parametrize("here", ["", "javascript:alert(1)", "file:///etc/passwd"])
def test_an_address_that_is_none_gives_no_link(here: str) -> None:
    assert page_address(here) == ""
