"""HTML as a person would read it."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdesk.connectors.html import html_to_text
from agentdesk.model.text import inert

TABLE = [
    # blocks
    ("", ""),
    ("plain", "plain"),
    ("<p>one</p><p>two</p>", "one\n\ntwo"),
    ("<p>one<br>two<br/>three</p>", "one\ntwo\nthree"),
    ("<br><br><br>x", "x"),
    ("a<br><br><br><br>b", "a\n\nb"),
    ("<div>one</div><div>two</div>", "one\ntwo"),
    ("<div><div><div>deep</div></div></div>", "deep"),
    ("<h1>Title</h1>text", "Title\n\ntext"),
    ("before<hr>after", "before\n----\nafter"),
    ("<p>a <b>bold</b>, <i>slanted</i> word</p>", "a bold, slanted word"),
    ("un<wbr>broken", "unbroken"),
    ("<p>never closed<p>again", "never closed\n\nagain"),
    ("</p></div>stray ends", "stray ends"),
    ("<section><article>x</article></section>", "x"),
    # space
    ("  a \n\t b  ", "a b"),
    ("<p>\n  a\n  b\n</p>\n<p>\n  c\n</p>", "a b\n\nc"),
    ("a&nbsp;&nbsp;b", "a b"),
    ("<b>a</b> <i>b</i>", "a b"),
    ("<pre>  keep\n    this</pre>", "  keep\n    this"),
    ("<pre>a\r\nb</pre>c", "a\nb\n\nc"),
    ("<p>&nbsp;</p><p>x</p><p>&nbsp;</p>", "x"),
    # lists and tables
    ("<ul><li>one</li><li>two</li></ul>", "- one\n- two"),
    ("<ol><li>one<li>two</ol>", "1. one\n2. two"),
    ("<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul>", "- a\n  - b\n- c"),
    ("<li>alone", "- alone"),
    ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td><td>d</td></tr></table>", "a  b\nc  d"),
    ("<dl><dt>word</dt><dd>meaning</dd></dl>", "word\nmeaning"),
    # quotations
    ("<blockquote>said</blockquote>answer", "> said\n\nanswer"),
    ("<blockquote><p>one</p><p>two</p></blockquote>", "> one\n\n> two"),
    ("<blockquote>a<blockquote>b</blockquote></blockquote>", "> a\n\n> > b"),
    # entities, once
    ("&lt;b&gt; &amp; &quot;x&quot; &#39;y&#39; &#x2713;", "<b> & \"x\" 'y' \u2713"),
    ("&amp;lt;script&amp;gt;", "&lt;script&gt;"),
    ("&amp;amp;", "&amp;"),
    ("a & b &nosuch; &#xZZ;", "a & b &nosuch; &#xZZ;"),
    ("&#27;[2J", "[2J"),
    ("&#" + "9" * 5_000 + ";x", "&#" + "9" * 5_000 + ";x"),
    # links
    ('<a href="https://a.example/">https://a.example/</a>', "https://a.example/"),
    ('<a href="https://a.example/">a.example</a>', "a.example"),
    ('<a href="http://www.a.example">a.example/</a>', "a.example/"),
    ('<a href="http://evil.example/">bank.example</a>', "bank.example <http://evil.example/>"),
    ('<a href="https://a.example/x">here</a>.', "here <https://a.example/x>."),
    ('<a href="mailto:jane@a.example">jane@a.example</a>', "jane@a.example"),
    ('<a href="mailto:evil@a.example">Jane</a>', "Jane <evil@a.example>"),
    ('<a href="#top">up</a>', "up"),
    ('<a name="x">anchor</a>', "anchor"),
    ('<a href="https://a.example"></a>', "<https://a.example>"),
    ('<a href="javascript:alert(1)">go</a>', "go <javascript:alert(1)>"),
    ('<a href="https://a.example">one<a href="https://b.example">two</a>',
     "one <https://a.example>two <https://b.example>"),
    ('<a href="https://a.example">never closed', "never closed <https://a.example>"),
    ('<a href="http://[bad">x</a>', "x <http://[bad>"),
    ('<a href="https://xn--bnk-0na.example">b\u00e4nk.example</a>', "b\u00e4nk.example <https://xn--bnk-0na.example>"),
    ('<a href="https://a.example"><img alt="logo" src="x"></a>', "[logo] <https://a.example>"),
    # what is not text
    ("<script>alert('<p>x</p>')</script>ok", "ok"),
    ("<style>p { color: red }</style>ok", "ok"),
    ("<head><title>no</title><meta charset=utf-8></head><body>ok</body>", "ok"),
    ("<!-- comment -->ok<!-- never closed", "ok never closed"),
    ("<![if !mso]>ok<![endif]><!--[if mso]>outlook<![endif]-->", "ok"),
    ("<svg><script>x</script><text>y</text></svg>ok", "ok"),
    ("<template>no</template>ok", "ok"),
    ('<img src="https://track.example/p.gif" width=1>ok', "ok"),
    ('<img src="x" alt="a parcel">', "[a parcel]"),
    ("<noscript>shown</noscript>", "shown"),
    ("<iframe src=x></iframe>ok", "ok"),
    ("<svg>never closed", "never closed"),
    ("<title>never closed", "never closed"),
    ('<p onclick="x()" style="display:none">still said</p>', "still said"),
    ("<?xml version='1.0'?><!DOCTYPE html>ok", "ok"),
    ("<unknown-tag>x</unknown-tag>", "x"),
    ("<", "<"),
    ("a < b and c > d", "a < b and c > d"),
    ("<p", "<p"),
    ("<![<![<![x]]>y", "y"),
    ('<a href="https://a.example>unclosed quote</a> <b>x</b>', "unclosed quote x"),
    ("<P CLASS=x>loud</P>", "loud"),
    ("<p/>self", "self"),
    ("<b title='a>b'>c</b>", "c"),
]


@pytest.mark.parametrize(("html", "text"), TABLE, ids=[str(n) for n in range(len(TABLE))])
def test_html_reads_as(html: str, text: str) -> None:
    assert html_to_text(html) == text


@given(st.text(alphabet='<>/&;"= abp\n!-[]#', max_size=80))
def test_no_html_breaks_the_reader_and_no_blank_lines_pile_up(html: str) -> None:
    text = html_to_text(html)
    assert "\n\n\n" not in text
    assert inert(inert(text)) == inert(text)


@given(st.lists(st.sampled_from([
    "<p>", "</p>", "<ul>", "<li>", "</ul>", "<blockquote>", "</blockquote>", "<pre>", "</pre>", "<a href='u:x'>",
    "</a>", "<svg>", "<title>", "<script>", "</script>", "<table>", "<td>", "word", " ", "<br>"]), max_size=60))
def test_words_outside_scripts_are_never_lost(pieces: list[str]) -> None:
    if "<script>" not in pieces:
        assert html_to_text("".join(pieces)).count("word") == pieces.count("word")


NONSENSE = [
    "<", "<a ", "<a b=\"", "<a b='>", "<a c=\">\"", "</a ", "<a href=", "<!x ", "<?x ", "&#", "&#9", "<x", "<script>",
    "<![CDATA[", "<style></", "</", "<!", "<![", "<!--", "--", "<div>", "<blockquote>x", "<ul><li>", "</ul>",
    "<a href=x>", "x<b>", "<svg>", "<svg></x>", "<svg></svg>", "<pre>\n", "<td>", "<title>", "<a href=x>y</a>",
]


@pytest.mark.parametrize("ending", ["", ">", "\">", "-->", "</script>"])
@pytest.mark.parametrize("unit", NONSENSE)
def test_the_time_grows_with_the_length_only(unit: str, ending: str) -> None:
    """A mail of nonsense must not stop the desk: reading 200 kB of any of these is a matter of a second."""
    started = time.process_time()
    html_to_text(unit * (200_000 // len(unit)) + ending)
    assert time.process_time() - started < 5
