"""Decoding what servers send, whatever it is."""

from __future__ import annotations

import json
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdesk.connectors.answers import Answer, decode, describe, retry_after
from agentdesk.errors import BadAnswer

NOW = 1_767_225_600_000


@pytest.mark.parametrize(("body", "words"), [
    (b"", ""),
    (b"\xff\xfe\x00", "not UTF-8"),
    (b'"\xc3\x28"', "not UTF-8"),
    (b"<html><body>sign in</body></html>", "a web page"),
    (b"  <!DOCTYPE html>", "a web page"),
    (b"{", ""),
    (b'{"a": 1}{"b": 2}', ""),
    (b"NaN", "NaN"),
    (b'{"n": Infinity}', "Infinity"),
    (b"9" * 5_000, "too many digits"),
    (b"[" * 200_000, "nested too deeply"),
    (b'{"a":' * 100_000, "nested too deeply"),
    (b"[" * 100_000 + b"]" * 100_000, "nested too deeply"),
    (b"'single'", ""),
])
def test_everything_that_is_not_json_is_one_bad_answer(body: bytes, words: str) -> None:
    with pytest.raises(BadAnswer) as caught:
        decode(body, "rt:x")
    assert words in caught.value.cause
    assert caught.value.title.startswith("rt:x")


@pytest.mark.parametrize(("body", "value"), [
    (b'"\\ud800"', "\ud800"),
    (b'{"a": ["\\udc00x"]}', {"a": ["\udc00x"]}),
    (b"123456789012345678901", 123456789012345678901),
    (b' {"a": 1} ', {"a": 1}),
    ("\"é🙂\"".encode(), "é🙂"),
])
def test_what_is_legal_json_is_read(body: bytes, value: object) -> None:
    assert decode(body, "rt:x") == value


@given(st.binary(max_size=200))
def test_any_bytes_decode_or_are_a_bad_answer(body: bytes) -> None:
    try:
        decode(body, "rt:x")
    except BadAnswer:
        return
    json.loads(body)


@pytest.mark.parametrize(("body", "kind", "value"), [
    ("\"é\"".encode("latin-1"), "application/json; charset=ISO-8859-1", "é"),
    ("\"€\"".encode("cp1252"), 'application/json;charset="windows-1252"; q=1', "€"),
    ("\"é\"".encode("utf-16"), "application/json; charset=utf-16", "é"),
    ("\"é\"".encode("latin-1"), "application/json", "\ufffd"),
    ("\"é\"".encode("latin-1"), "application/json; charset=utf-8", "\ufffd"),
    ("\"é\"".encode("latin-1"), "application/json; charset=punycode", "\ufffd"),
    ("\"é\"".encode("latin-1"), "application/json; charset=iso-8859-99", "\ufffd"),
    ("\"é\"".encode(), "application/json; charset=iso-8859-1", "é"),
    (b'["whole", "cut \xf0\x9f"]', "application/json", ["whole", "cut \ufffd"]),
])
def test_another_encoding_is_read_and_a_cut_name_hides_nobody(body: bytes, kind: str, value: object) -> None:
    assert Answer(status=200, headers={"content-type": kind}, body=body, url="").json("rt:x") == value


@pytest.mark.parametrize("body", [b"\xff\xfe\x00", "\"é\"".encode("utf-16"), b"\x89PNG\r\n", b"caf\xe9"])
def test_what_is_no_json_in_any_encoding_is_a_bad_answer(body: bytes) -> None:
    with pytest.raises(BadAnswer):
        Answer(status=200, headers={}, body=body, url="").json("rt:x")


@pytest.mark.parametrize(("body", "words"), [
    (b'{"message": "Permission Denied"}', "Permission Denied"),
    (b'{"error": {"title": "Forbidden", "message": "no scope"}}', "no scope"),
    (b'{"errors": [{"message": "a"}, {"message": "b"}]}', "a; b"),
    (b'["Ticket 1: Permission Denied"]', "Ticket 1: Permission Denied"),
    (b"plain words", "plain words"),
    (b"<html>500</html>", ""),
    (b"", ""),
    (b'{"x": 1}', ""),
    (b'{"message": "\x1b[2Jgone\\u202e"}', ""),
    (b'{"message": "\\u001b[2Jgone\\u202e"}', "\u241b[2Jgone"),
])
def test_a_refusals_own_words_are_found_and_inert(body: bytes, words: str) -> None:
    answer = Answer(status=400, headers={}, body=body, url="")
    if words or b"\x1b" not in body:
        assert answer.words() == words
    assert "\x1b" not in answer.words()


@pytest.mark.parametrize(("headers", "seconds"), [
    ({}, None),
    ({"retry-after": "120"}, 120),
    ({"retry-after": "-5"}, 0),
    ({"retry-after": "inf"}, None),
    ({"retry-after": "nan"}, None),
    ({"retry-after": "1e30"}, 86_400),
    ({"retry-after": "999999999"}, 86_400),
    ({"retry-after": "", "x-ratelimit-reset": "30"}, 30),
    ({"retry-after": "soon", "ratelimit-reset": "30"}, 30),
    ({"x-rate-limit-reset": "1767225660"}, 60),
    ({"x-rate-limit-reset": "1767225660000"}, 60),
    ({"x-ratelimit-reset": "2026-01-01T00:01:00Z"}, 60),
    ({"retry-after": "Thu, 01 Jan 2026 00:01:00 GMT"}, 60),
    ({"retry-after": "Thu, 99 Jan 2026 99:01:00 GMT"}, None),
])
def test_waits_in_every_dialect(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, NOW) == (None if seconds is None else pytest.approx(seconds))


@given(st.text(max_size=40))
def test_no_header_can_break_the_reading_of_a_wait(value: str) -> None:
    wait = retry_after({"retry-after": value, "x-ratelimit-reset": value}, NOW)
    assert wait is None or 0 <= wait <= 86_400


@pytest.mark.parametrize(("cause", "said"), [
    (socket.gaierror(-2, "Name or service not known"),
     "Its name is not known: a slip in the address, or no network here"),
    (ConnectionRefusedError(111, "Connection refused"), "Connection refused: nothing listens there"),
    (OSError(113, "No route to host"), "No route to host"),
])
def test_what_kept_us_from_a_server_is_told_without_its_number(cause: OSError, said: str) -> None:
    error = RuntimeError(str(cause))
    error.__cause__ = cause
    assert describe(error) == said
