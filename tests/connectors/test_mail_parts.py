"""Mails of every make, taken apart: charsets, encoded words, parts within parts, files, and what kind of mail it is."""

from __future__ import annotations

import base64
from email.message import EmailMessage
from email.policy import SMTP

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentdesk.connectors.mail.content import Shown, file_name, shown
from agentdesk.connectors.mail.headers import (
    Header,
    addresses,
    clean_id,
    decoded,
    is_made_up,
    message_id,
    readable,
    searchable,
)
from agentdesk.connectors.mail.kinds import MailKind, kind_of
from agentdesk.connectors.mail.parts import Unreadable, base64_chunk, described, unpacked, whole
from agentdesk.connectors.mail.threads import base_subject, parents
from agentdesk.model.text import inert


def read(raw: bytes | str) -> Shown:
    data = raw if isinstance(raw, bytes) else raw.encode()
    return shown(whole(data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")))


def kind(raw: str) -> MailKind:
    data = raw.encode().replace(b"\n", b"\r\n")
    return kind_of(Header(data), whole(data))[0]


# headers ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("raw", "text"), [
    ("=?utf-8?q?Parcel_=E2=9C=93?=", "Parcel ✓"),
    ("=?UTF-8?B?8J+TpiBQYXJjZWw=?=", "📦 Parcel"),
    ("=?iso-8859-1?Q?Gr=FC=DFe?= =?iso-8859-1?Q?_aus_K=F6ln?=", "Grüße aus Köln"),
    ("=?utf-8?q?one?= and =?utf-8?q?two?=", "one and two"),
    ("=?utf-8*en?q?with_a_language?=", "with a language"),
    ("=?utf-8?b?4pyT", "=?utf-8?b?4pyT"),
    ("=?utf-8?b?4pyT?=", "✓"),
    ("=?utf-8?b?4pyTYQ?=", "✓a"),
    ("=?no-such-charset?q?caf=C3=A9?=", "café"),
    ("=?us-ascii?q?caf=E9?=", "café"),
    ("=?gb2312?b?0KHD9w==?=", "小明"),
    ("=?utf-8?q?broken=ZZ?=", "broken=ZZ"),
])
def test_encoded_words(raw: str, text: str) -> None:
    assert decoded(raw) == text


def test_control_characters_in_encoded_words_are_no_more_than_text() -> None:
    header = Header(b"Subject: =?utf-8?q?Hi=0D=0ABcc:_x@evil.test=1B[2J?=\r\nTo: a@b.test\r\n")
    assert inert(header.text("subject")) == "Hi\nBcc: x@evil.test␛[2J"
    assert not header.has("bcc")


@pytest.mark.parametrize(("data", "charset", "text"), [
    (b"caf\xe9", "iso-8859-1", "café"),
    (b"caf\xe9", "us-ascii", "café"),
    (b"caf\xc3\xa9", "us-ascii", "café"),
    (b"\x93quoted\x94", "iso-8859-1", "“quoted”"),
    (b"caf\xc3\xa9", "x-unknown", "café"),
    (b"caf\xe9", "utf-8", "caf�"),
    (b"caf\xe9", "", "café"),
    ("日本".encode("shift_jis"), "Shift_JIS", "日本"),
    ("日本".encode("iso-2022-jp"), "iso-2022-jp", "日本"),
    ("中国".encode("gbk"), "gb2312", "中国"),
    ("Привет".encode("koi8-r"), "koi8-r", "Привет"),
    (b"zlib is no charset", "zlib", "zlib is no charset"),
    (b"rot13", "rot13", "rot13"),
    (b"plain", "punycode", "plain"),
    (b"plain", '"utf-8"', "plain"),
    (b"plain", "utf-8\x00", "plain"),
])
def test_bytes_become_text_whatever_their_charset_says(data: bytes, charset: str, text: str) -> None:
    assert readable(data, charset) == text


@pytest.mark.parametrize(("value", "people"), [
    ("Jane Doe <Jane@Example.test>", [("Jane Doe", "jane@example.test")]),
    ('"Doe, Jane" <j@x.test>, bo@x.test', [("Doe, Jane", "j@x.test"), ("", "bo@x.test")]),
    ("=?utf-8?q?a=40evil=2Etest=3E?= <real@x.test>", [("a@evil.test>", "real@x.test")]),
    ("undisclosed-recipients:;", []),
    ("Team: a@x.test, b@x.test;", [("", "a@x.test"), ("", "b@x.test")]),
    ("<broken@x.test", [("", "broken@x.test")]),
    ("no address at all", []),
    ("a@b@c.test", []),
])
def test_people_in_headers(value: str, people: list[tuple[str, str]]) -> None:
    found = [(one.name, one.mail) for one in addresses(value)]
    assert found == people or (not people and all("@" in mail for _, mail in found))


def test_ids_are_inert_and_of_bearable_length() -> None:
    assert clean_id(" <a bcd\r\n é@x> ") == "a~bcd~@x"
    assert searchable("a~bcd~@x") == "bcd"
    assert clean_id("<a\x1b[2Jb@x>") == "a~[2Jb@x"
    long = clean_id(f"<{'a' * 900}@x>")
    assert len(long) <= 200
    assert long != clean_id(f"<{'a' * 901}@x>")
    assert ("a" * 900).startswith(searchable(long))
    header = Header(b"References: " + b" ".join(b"<%d@x>" % n for n in range(5_000)) + b"\n")
    assert len(header.ids("references")) == 60
    assert header.ids("references")[0] == "0@x"


def test_a_mail_without_an_id_gets_the_same_one_each_time() -> None:
    raw = b"From: a@x.test\nDate: Thu, 1 Jan 2026 00:00:00 +0000\nSubject: hi\n"
    one, two = message_id(Header(raw)), message_id(Header(raw + b"X-Seen: yes\n"))
    assert one == two
    assert is_made_up(one)
    assert message_id(Header(raw.replace(b"hi", b"ho"))) != one
    assert not is_made_up(message_id(Header(b"Message-ID: <made-up@example.test>\n")))


def test_parents_come_first_to_last_without_the_mail_itself() -> None:
    header = Header(b"Message-ID: <c@x>\nReferences: <a@x>\n <b@x>\n <c@x>\nIn-Reply-To: <b@x> (Jane's)\n")
    assert parents(header) == ["a@x", "b@x"]
    assert parents(Header(b"In-Reply-To: Your message of Monday <a@x>\n")) == ["a@x"]
    assert parents(Header(b"In-Reply-To: nonsense\n")) == []


@pytest.mark.parametrize(("subject", "base"), [
    ("Re: parcel", "parcel"), ("RE: Re: AW: parcel", "parcel"), ("Re[2]: parcel", "parcel"), ("Fwd: parcel", "parcel"),
    ("[list] Re: parcel", "parcel"), ("[list] parcel", "[list] parcel"), ("Re：parcel", "parcel"),
    ("Regarding: parcel", "Regarding: parcel"), ("Re:", ""), ("", ""),
])
def test_subjects_without_the_signs_of_answering(subject: str, base: str) -> None:
    assert base_subject(subject) == base


# parts --------------------------------------------------------------------------------------------------------------


def test_plain_text_is_preferred_to_html_and_files_are_listed() -> None:
    message = EmailMessage(policy=SMTP)
    message["Subject"] = "x"
    message.set_content("plain words")
    message.add_alternative("<p>html words</p>", subtype="html")
    message.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="Rechnung März.pdf")
    found = shown(whole(message.as_bytes()))
    assert found.text == "plain words"
    assert [(file_name(part), part.mime, part.size, part.section) for part in found.files] == [
        ("Rechnung März.pdf", "application/pdf", 4, "2")]


def test_html_alone_is_read_and_an_empty_plain_form_does_not_hide_it() -> None:
    assert read("Content-Type: text/html\n\n<p>Hello <b>there</b></p>").text == "Hello there"
    found = read("Content-Type: multipart/alternative; boundary=X\n\n--X\nContent-Type: text/plain\n\n \n"
                 "--X\nContent-Type: text/html; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\n"
                 "<p>Gr=FC=DFe</p>\n--X--\n")
    assert found.text == "Grüße"


def test_files_beside_the_html_form_are_files_all_the_same() -> None:
    found = read("Content-Type: multipart/alternative; boundary=A\n\n--A\nContent-Type: text/plain\n\nwords\n"
                 "--A\nContent-Type: multipart/mixed; boundary=B\n\n--B\nContent-Type: text/html\n\n<p>words</p>\n"
                 "--B\nContent-Type: image/png; name=photo.png\nContent-Disposition: inline\n\nxx\n--B--\n--A--\n")
    assert found.text == "words"
    assert [(file_name(part), part.section) for part in found.files] == [("photo.png", "2.2")]


def test_text_split_around_pictures_is_put_together() -> None:
    found = read("Content-Type: multipart/mixed; boundary=A\n\n--A\nContent-Type: text/plain\n\nbefore\n"
                 "--A\nContent-Type: image/png\n\nxx\n--A\nContent-Type: text/plain\n\nafter\n--A--\n")
    assert found.text == "before\n\nafter"
    assert [file_name(part) for part in found.files] == ["image/png"]


@pytest.mark.parametrize(("mime", "words"), [
    ("application/pkcs7-mime; smime-type=enveloped-data", "(encrypted with S/MIME"),
    ("application/pkcs7-mime; smime-type=signed-data", "(signed with S/MIME"),
    ("multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=A", "(encrypted with PGP"),
])
def test_what_is_sealed_says_so(mime: str, words: str) -> None:
    found = read(f"Content-Type: {mime}\n\n--A\nContent-Type: application/octet-stream; name=encrypted.asc\n\n"
                 "xx\n--A--\n")
    assert found.text.startswith(words)
    assert found.files


def test_a_signed_mail_is_read_and_its_signature_is_a_file() -> None:
    found = read("Content-Type: multipart/signed; protocol=\"application/pkcs7-signature\"; boundary=A\n\n--A\n"
                 "Content-Type: text/plain\n\nsigned words\n--A\n"
                 "Content-Type: application/pkcs7-signature; name=smime.p7s\n"
                 "Content-Transfer-Encoding: base64\n\nAAAA\n--A--\n")
    assert (found.text, [file_name(part) for part in found.files]) == ("signed words", ["smime.p7s"])


def test_outlooks_own_packages_and_mails_within_mails_are_files() -> None:
    found = read("Content-Type: multipart/mixed; boundary=A\n\n--A\nContent-Type: text/plain\n\nsee below\n"
                 "--A\nContent-Type: application/ms-tnef\n\nxx\n"
                 "--A\nContent-Type: message/rfc822\n\nSubject: =?utf-8?q?f=C3=BCr_dich?=\nFrom: x@x.test\n\n"
                 "secret\n--A--\n")
    assert found.text == "see below"
    assert [file_name(part) for part in found.files] == ["winmail.dat", "für dich.eml"]


def test_an_invitation_is_told_in_a_few_lines() -> None:
    event = ("BEGIN:VCALENDAR\nMETHOD:REQUEST\nBEGIN:VEVENT\nSUMMARY:Parcel\\, again\nDTSTART;TZID=Europe/Berlin:"
             "20260102T090000\nLOCATION:Depot\nORGANIZER;CN=Jane:mailto:jane@x.test\nEND:VEVENT\nEND:VCALENDAR\n")
    found = read(f"Content-Type: text/calendar; method=REQUEST\n\n{event}")
    assert found.text.splitlines() == ["(invitation: Parcel, again)", "begins: 20260102T090000", "where: Depot",
                                       "by: jane@x.test"]
    both = read(f"Content-Type: multipart/alternative; boundary=A\n\n--A\nContent-Type: text/plain\n\ncome\n"
                f"--A\nContent-Type: text/calendar\n\n{event}\n--A--\n")
    assert (both.text, [part.mime for part in both.files]) == ("come", ["text/calendar"])


def test_flowed_lines_are_put_together() -> None:
    found = read("Content-Type: text/plain; format=flowed\n\nThis was \none line.\n\n> quoted \n> too\n-- \nJane\n")
    assert found.text == "This was one line.\n\n> quoted too\n--\nJane"
    found = read("Content-Type: text/plain; format=flowed; delsp=yes\n\n日 \n本\n")
    assert found.text == "日本"


@pytest.mark.parametrize(("head", "name"), [
    ('name="plain.pdf"', "plain.pdf"), ("name=bare.pdf", "bare.pdf"),
    ("name*=utf-8''r%C3%A9sum%C3%A9.pdf", "résumé.pdf"),
    ("name*0=\"long-\"; name*1=\"name.pdf\"", "long-name.pdf"),
    ("name*0*=utf-8''%E2%82%AC; name*1=\" rates.pdf\"", "€ rates.pdf"),
    ('name="=?utf-8?q?caf=C3=A9=2Epdf?="', "café.pdf"),
    ('name="semi;colon.pdf"', "semi;colon.pdf"), ('name="quo\\"te.pdf"', 'quo"te.pdf'),
    ('name="../../etc/passwd"', "../../etc/passwd"), ('name="café.pdf"', "café.pdf"),
])
def test_names_of_files(head: str, name: str) -> None:
    found = read("Content-Type: multipart/mixed; boundary=A\n\n"
                 f"--A\nContent-Type: application/pdf; {head}\n\nx\n--A--\n")
    assert [file_name(part) for part in found.files] == [name]


def test_damaged_packing_gives_what_can_be_saved() -> None:
    assert unpacked(b"aGVsbG8\n= =\nx", "base64").startswith(b"hello")
    assert unpacked(b"a=ZZb=", "quoted-printable").startswith(b"a")
    assert unpacked(b"begin 644 x\n#86)C\n`\nend\n", "x-uuencode") == b"abc"
    first, left = base64_chunk(b"", b"aGVs\r\nbG")
    second, rest = base64_chunk(left, b"8h")
    assert (first + second, rest) == (b"hello!", b"")


def test_parts_without_end_are_refused_not_followed() -> None:
    deep = b"".join(b"Content-Type: multipart/mixed; boundary=B%d\n\n--B%d\n" % (n, n) for n in range(400))
    with pytest.raises(Unreadable):
        whole(deep + b"\n\nwords")
    wide = b"Content-Type: multipart/mixed; boundary=A\n\n" + b"--A\n\nx\n" * 2_000 + b"--A--\n"
    with pytest.raises(Unreadable):
        whole(wide)


@settings(max_examples=40)
@given(st.lists(st.sampled_from([
    b"Content-Type: multipart/mixed; boundary=A", b"--A", b"--A--", b"", b"Content-Type: text/html; charset=x",
    b"Content-Type: message/rfc822", b"Content-Transfer-Encoding: base64", b"\xff\x00", b"<p>", b"Content-Type: ;;=",
    b"Content-Type: multipart/alternative; boundary=\"\"", b" folded", b"Subject: =?a?b?c?=", b"x" * 2_000,
    b"Content-Type: text/plain; format=flowed", b"Content-Type: message/delivery-status", b"begin 644 x",
]), max_size=14), st.binary(max_size=40))
def test_nothing_a_stranger_writes_raises(lines: list[bytes], more: bytes) -> None:
    raw = b"\r\n".join(lines) + more
    header = Header(raw)
    try:
        root = whole(raw)
    except Unreadable:
        return
    assert isinstance(shown(root).text, str)
    assert kind_of(header, root)[0] in MailKind
    assert all(file_name(part) is not None for part in shown(root).files)
    message_id(header), parents(header), header.addresses("from", "to"), header.date


def test_a_described_mail_has_the_same_files_and_text_parts() -> None:
    described_as = described([
        [[b"TEXT", b"PLAIN", [b"CHARSET", b"utf-8"], None, None, b"7BIT", b"12", b"1"],
         [b"TEXT", b"HTML", None, None, None, b"7BIT", b"12", b"1"], b"ALTERNATIVE"],
        [b"IMAGE", b"JPEG", [b"NAME", b"photo.jpg"], None, None, b"BASE64", b"13000000", None,
         [b"ATTACHMENT", [b"FILENAME", b"photo.jpg"]], None], b"MIXED"])
    assert [(one.mime, one.section) for one in described_as.walk()] == [
        ("multipart/mixed", ""), ("multipart/alternative", "1"), ("text/plain", "1.1"), ("text/html", "1.2"),
        ("image/jpeg", "2")]
    (photo,) = shown(described_as).files
    assert (photo.name, photo.disposition, photo.charset) == ("photo.jpg", "attachment", "")
    assert photo.size == pytest.approx(9_551_020, rel=0.01)
    single = described([b"text", b"plain", None, None, None, b"base64", b"10", b"1"])
    assert (single.section, single.encoding) == ("1", "base64")
    for nonsense in (None, [], b"x", [b"text"], [[[]]]):
        with pytest.raises(Unreadable):
            described(nonsense)  # type: ignore[arg-type]


# kinds --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("head", "expected"), [
    ("Subject: Where is it", MailKind.PERSON),
    ("Subject: x\nAuto-Submitted: no", MailKind.PERSON),
    ("Subject: x\nAuto-Submitted: auto-replied", MailKind.AUTOMATIC),
    ("Subject: x\nAuto-Submitted: auto-replied; owner=x", MailKind.AUTOMATIC),
    ("Subject: Re: x\nIn-Reply-To: <a@x>\nAuto-Submitted: auto-generated", MailKind.BULK),
    ("Subject: Contact form\nAuto-Submitted: auto-generated", MailKind.PERSON),
    ("Subject: Re: x\nIn-Reply-To: <a@x>\nPrecedence: bulk", MailKind.BULK),
    ("Subject: Re: x\nIn-Reply-To: <a@x>\nPrecedence: junk", MailKind.AUTOMATIC),
    ("Subject: x\nPrecedence: auto_reply", MailKind.AUTOMATIC),
    ("Subject: x\nX-Autoreply: yes", MailKind.AUTOMATIC),
    ("Subject: x\nX-Autorespond: x", MailKind.AUTOMATIC),
    ("Subject: Automatische Antwort: Parcel\nX-Auto-Response-Suppress: All", MailKind.AUTOMATIC),
    ("Subject: Out of Office: Parcel\nIn-Reply-To: <a@x>\nPrecedence: bulk", MailKind.AUTOMATIC),
    ("Subject: Re: Out of office hours\nIn-Reply-To: <a@x>\nX-Auto-Response-Suppress: All", MailKind.PERSON),
    ("Subject: Out of office hours, again\nIn-Reply-To: <a@x>", MailKind.PERSON),
    ("Subject: Out of office hours your shop took my money", MailKind.PERSON),
    ("Subject: News\nPrecedence: bulk\nList-Unsubscribe: <x>", MailKind.BULK),
    ("Subject: help\nPrecedence: list\nList-Id: <support.acme.test>", MailKind.PERSON),
    ("Subject: Re: x\nIn-Reply-To: <a@x>\nX-Auto-Response-Suppress: OOF", MailKind.PERSON),
])
def test_who_or_what_wrote_it(head: str, expected: MailKind) -> None:
    assert kind(f"From: jane@x.test\n{head}\n\nwords\n") is expected


BOUNCE = """From: MAILER-DAEMON@mx.test
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
Content-Type: multipart/report; report-type=delivery-status; boundary=B

--B
Content-Type: text/plain

I'm sorry.
--B
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.test

Final-Recipient: rfc822; jane@example.test
Action: {action}
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 no such user

--B
Content-Type: {returned}

From: support@desk.test
Message-ID: <ours-1.agentdesk@desk.test>
Subject: Re: parcel

--B--
"""


@pytest.mark.parametrize(("action", "expected"), [
    ("failed", MailKind.FAILED), ("delayed", MailKind.DELAYED), ("delivered", MailKind.REPORT)])
@pytest.mark.parametrize("returned", ["message/rfc822", "text/rfc822-headers", "message/rfc822-headers"])
def test_a_report_says_what_became_of_which_mail(action: str, expected: MailKind, returned: str) -> None:
    data = BOUNCE.format(action=action, returned=returned).encode().replace(b"\n", b"\r\n")
    found, report = kind_of(Header(data), whole(data))
    assert found is expected
    assert report is not None
    assert (report.about, report.recipient) == ("ours-1.agentdesk@desk.test", "jane@example.test")
    assert "no such user" in report.why


def test_a_bounce_of_an_old_server_is_known_by_its_sender_and_its_quotation() -> None:
    raw = ("Return-Path: <>\nFrom: Mailer-Daemon@x.test\nSubject: Mail delivery failed: returning message\n\n"
           "550 no such user\n\n------ This is a copy ------\n\nMessage-ID: <ours-2@desk.test>\nSubject: Re: x\n")
    found, report = kind_of(Header(raw.encode()), whole(raw.encode()))
    assert (found, report.about if report else "") == (MailKind.FAILED, "ours-2@desk.test")
    assert kind("From: postmaster@acme.test\nSubject: where is my parcel\n\nI run the mail here\n") is MailKind.PERSON


def test_a_read_receipt_is_no_customer() -> None:
    raw = ("From: jane@x.test\nContent-Type: multipart/report; report-type=disposition-notification; boundary=B\n\n"
           "--B\n\nread\n--B\nContent-Type: message/disposition-notification\n\n"
           "Original-Message-ID: <ours-3@desk.test>\n\n--B--\n")
    found, report = kind_of(Header(raw.encode()), whole(raw.encode()))
    assert (found, report.about if report else "") == (MailKind.REPORT, "ours-3@desk.test")


def test_a_name_in_base64_is_a_name() -> None:
    packed = base64.b64encode("Jürgen".encode()).decode()
    (one,) = addresses(f"=?utf-8?b?{packed}?= <j@x.test>")
    assert one.name == "Jürgen"
