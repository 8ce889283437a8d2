"""The shapes that servers of the family answer with, read tolerantly: https://docs.joinmastodon.org/entities/.

Ids are opaque strings; some servers send numbers. Fields that a server leaves out or sends as null are empty.
"""

from __future__ import annotations

from typing import Any

import msgspec

Id = str | int


class Field(msgspec.Struct, frozen=True):
    """A line of a profile: https://docs.joinmastodon.org/entities/Account/#Field."""

    name: str = ""
    value: str = ""
    verified_at: str = ""


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """The account that somebody uses now."""

    acct: str = ""


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody: https://docs.joinmastodon.org/entities/Account/."""

    id: Id
    username: str = ""
    acct: str = ""
    display_name: str = ""
    note: str = ""
    url: str = ""
    bot: bool = False
    locked: bool = False
    limited: bool = False
    """Moderators of our server hide it from those who do not follow it."""
    suspended: bool = False
    moved: Moved | None = None
    created_at: str = ""
    followers_count: int | None = None
    following_count: int | None = None
    statuses_count: int | None = None
    fields: list[Field] = []

    @property
    def ref(self) -> str:
        """The id as a string."""
        return str(self.id)


class Mention(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a status names."""

    id: Id = ""
    username: str = ""
    acct: str = ""
    url: str = ""


class Media(msgspec.Struct, frozen=True, kw_only=True):
    """A file: https://docs.joinmastodon.org/entities/MediaAttachment/."""

    id: Id = ""
    type: str = ""
    url: str = ""
    remote_url: str = ""
    description: str = ""


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """One answer of a poll."""

    title: str = ""


class Poll(msgspec.Struct, frozen=True, kw_only=True):
    """A poll."""

    options: list[Choice] = []


class Tag(msgspec.Struct, frozen=True, kw_only=True):
    """A hashtag without its sign."""

    name: str = ""


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """A post: https://docs.joinmastodon.org/entities/Status/."""

    id: Id
    account: Account
    created_at: str
    content: str = ""
    text: str = ""
    visibility: str = "public"
    spoiler_text: str = ""
    sensitive: bool = False
    in_reply_to_id: Id = ""
    in_reply_to_account_id: Id = ""
    edited_at: str = ""
    url: str = ""
    uri: str = ""
    language: str = ""
    mentions: list[Mention] = []
    media_attachments: list[Media] = []
    tags: list[Tag] = []
    poll: Poll | None = None
    reblog: Any = None

    @property
    def ref(self) -> str:
        """The id as a string."""
        return str(self.id)

    @property
    def parent(self) -> str:
        """The status that it answers; empty for none, or for one that the server does not have any more."""
        return str(self.in_reply_to_id)


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """A notification: https://docs.joinmastodon.org/entities/Notification/."""

    id: Id
    type: str
    created_at: str = ""
    status: Status | None = None


def raw_id(item: Any) -> str:
    """The id of an item that may be anything; empty when it has none."""
    value = item.get("id") if isinstance(item, dict) else None
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
