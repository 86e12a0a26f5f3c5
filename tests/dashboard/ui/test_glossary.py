"""Words explained where they are met: those of the docs' glossary, once each, as text."""

from __future__ import annotations

from dashboard.ui.glossary import MET, entries, term, with_terms


def test_every_word_that_pages_explain_stands_in_the_glossary() -> None:
    known = entries()
    assert len(known) > 30
    for _, word in MET:
        sentence, _ = known[word]
        assert sentence.endswith(".") and len(sentence) > 20, word
        assert not any(sign in sentence for sign in "*`[]"), word


def test_a_word_is_explained_where_it_is_first_met_and_once() -> None:
    html = with_terms("Grad-CAM explains a class's logit; the logit is raw, the standard error is not.")
    assert html.count("<summary>logit</summary>") == 1
    assert "<summary>standard error</summary>" in html
    assert html.startswith("Grad-CAM explains a class&#x27;s <details")
    assert with_terms("nothing to explain") == "nothing to explain"


def test_two_words_of_one_entry_are_explained_once_and_words_within_words_not_at_all() -> None:
    assert with_terms("the cut-out cell, not the whole frame").count("<details class") == 1
    assert "<details" not in with_terms("logits and improbability")


def test_foreign_text_stays_text() -> None:
    assert "<b>" not in with_terms("<b>logit</b>") and "<i>" not in term("<i>", "<i>", "<i>")
