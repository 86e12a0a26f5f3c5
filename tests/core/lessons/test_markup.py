"""Markdown of strangers: emphasis, lists and code act, and nothing else; held against a renderer of CommonMark."""

from __future__ import annotations

import re

import pytest

from core.errors import InputError
from core.lessons.markup import check_markup, shown_markup

renderer = pytest.importorskip("markdown_it")

HOSTILE = [
    "<b>bold</b>",
    "<!-- c -->",
    "<https://host.example>",
    "![x](https://host.example/x.png)",
    "[x](https://host.example)",
    "[x](https://host.example/a_(b))",
    "[x][y]\n\n[y]: https://host.example",
    "https://host.example/a?b=c and www.host.example and me@host.example",
    "&lt;script&gt;",
    "\\<script>",
    "` <b> unclosed",
    "``<i>``",
    "text `<b>` text <b>",
    "$x^2$ :red[hot] :material/home: ~~gone~~",
    "[`code`](https://host.example)",
]


def rendered(text: str) -> str:
    return str(renderer.MarkdownIt("commonmark", {"html": True}).enable("table").render(shown_markup(text)))


@pytest.mark.parametrize("text", HOSTILE)
def test_no_tag_picture_or_link_comes_of_it(text: str) -> None:
    tags = set(re.findall(r"<(\w+)", rendered(text)))
    assert tags <= {"p", "code", "em", "strong", "ul", "ol", "li", "pre"}, rendered(text)


def test_what_may_act_acts() -> None:
    text = "**bold** and *soft*\n\n- a\n- b `c < d`\n\n1. one\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"
    found = rendered(text)
    for tag in ("<strong>bold</strong>", "<em>soft</em>", "<li>", "<code>c &lt; d</code>", "<ol>", "<table>"):
        assert tag in found


def test_a_link_stands_there_as_text_and_plain_text_stays_as_it_is() -> None:
    assert "See this (<code>https://host.example/a</code>)" in rendered("See [this](https://host.example/a)")
    plain = "At 5 < 6 & 7 > 2, [so] it costs $3: fine!"
    assert rendered(plain).strip() == "<p>At 5 &lt; 6 &amp; 7 &gt; 2, [so] it costs $3: fine!</p>"


def test_addresses_that_renderers_link_by_themselves_become_code() -> None:
    for text in ("https://a.example/b", "http://a.example", "www.a.example", "me@a.example", "ftp://a.example"):
        assert rendered(f"x {text} y") == f"<p>x <code>{text}</code> y</p>\n"


@pytest.mark.parametrize("sign", ["a", "a@", "a.", "://", "www.", "[", "`", "("])
def test_a_long_word_takes_no_longer_than_its_length(sign: str) -> None:
    """An expression that looks ahead from each letter takes hours here."""
    text = sign * (200_000 // len(sign))
    assert len(shown_markup(text)) >= len(text) // 2


@pytest.mark.parametrize("text", ["<b>", "</p>", "<!--", "<?php", "![a](b)", "[a](b)", "[a](data:text/html,x)", "\x1b"])
def test_a_check_refuses_them_at_once(text: str) -> None:
    with pytest.raises(InputError):
        check_markup(f"text {text} text")


def test_a_check_takes_what_is_plain() -> None:
    check_markup("5 < 6, `<b>`, [a](https://b.example/c-d_e?f=g#h) and **bold**\n\n- list")


def test_code_that_a_table_splits_is_no_code() -> None:
    """A row is split at | even within code, so that what stands there would act."""
    text = '| a | b |\n|---|---|\n| `![x](https://evil.example/p.png "t") | y` | z |'
    with pytest.raises(InputError, match="pictures are not shown"):
        check_markup(text)
    assert "<img" not in rendered(text)
