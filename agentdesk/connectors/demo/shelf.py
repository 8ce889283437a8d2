"""What the demo's servers hold besides messages: files with some content, and the help desk's canned replies."""

from __future__ import annotations

import base64
from collections.abc import Iterable

from agentdesk.errors import Gone
from agentdesk.model.message import Attachment, Message
from agentdesk.model.outgoing import Upload
from agentdesk.model.page import RemoteCanned
from agentdesk.model.text import inert_line

PLACE = "https://files.harbourpost.example/"
LARGEST = 8_000_000
_MIMES = {"jpg": "image/jpeg", "png": "image/png", "pdf": "application/pdf", "mp4": "video/mp4", "txt": "text/plain",
          "log": "text/plain", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}
_PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJ"
                        "RU5ErkJggg==")
_PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Count 0/Kids[]>>endobj\n"

CANNED = (
    RemoteCanned(ref="11", name="claim-form", title="Claim: form sent", actions=("tag claim", "status waiting"),
                 text="Hello {{ customer.first_name }},\n\nI have opened a claim for your parcel. Please fill in the "
                      "form that comes with a separate mail; as soon as it is back we settle it within five days."),
    RemoteCanned(ref="12", name="damage-photos", title="Damage: ask for photos", actions=("status waiting",),
                 text="Hello {{ customer.first_name }},\n\nI am sorry about the damage. Please send us two photos: one "
                      "of the whole parcel with its label, one of what is broken."),
    RemoteCanned(ref="13", name="held-at-counter", title="Held at the counter", text=(
        "Hello {{ customer.first_name }},\n\nYour parcel waits at the counter of {{ branch }} until {{ date }}. Any "
        "paper with your name on it is enough to collect it.")),
    RemoteCanned(ref="15", name="settled", title="Settled: paid and closed", actions=("tag paid", "status solved"),
                 text="Hello {{ customer.first_name }},\n\nYour claim is settled; the amount is with your bank within "
                      "two working days. Thank you for your patience."),
    RemoteCanned(ref="14", name="urgent-to-depot", title="Urgent: to the depot",
                 actions=("priority urgent", "tag depot", "set_owner depot-north"),
                 text="Hello {{ customer.first_name }},\n\nI have sent this to the depot with a red flag on it. They "
                      "ring you today."),
)
"""The canned replies and macros of the demo's help desk."""


def attachment(written: str) -> Attachment:
    """Read ``photo.jpg 412 kB | An empty doorstep``."""
    file, _, alt = written.partition("|")
    name, number, unit = file.split()
    size = int(float(number) * {"kB": 1_000, "MB": 1_000_000}[unit])
    return Attachment(name=inert_line(name), mime=_MIMES.get(name.rpartition(".")[2], ""), size=size,
                      url=f"{PLACE}{name}", alt=inert_line(alt))


def sent(uploads: Iterable[Upload]) -> tuple[Attachment, ...]:
    """The files of a reply of ours as its message shows them."""
    return tuple(Attachment(name=inert_line(each.name), mime=each.mime, size=each.size, alt=inert_line(each.alt),
                            url=f"{PLACE}{each.digest[:16]}/{each.name}") for each in uploads)


def content(messages: Iterable[Message], url: str) -> bytes:
    """What is in a file of a message: of its kind and size, but nothing to see; Gone when no message has it."""
    found = next((file for message in messages for file in message.attachments if file.url == url), None)
    if found is None:
        raise Gone("This file is not there any more", "Its message was deleted")
    begins = {"image/png": _PNG, "application/pdf": _PDF, "image/jpeg": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00"}
    head = begins.get(found.mime, f"{found.name}, as it came with the demo\n".encode())
    return head.ljust(min(found.size or 0, LARGEST), b"\n" if found.mime.startswith("text/") else b"\x00")
