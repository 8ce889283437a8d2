"""What this process has seen of the network, within bounds: versions of posts and the conversations they stand in."""

from __future__ import annotations

from collections import OrderedDict
from typing import TypeVar

import msgspec

from agentdesk.connectors.bluesky.wire import Post, Record, Ref, author_of
from agentdesk.model.clock import Millis

MOST_POSTS = 10_000
MOST_CONVERSATIONS = 2_000
MOST_HANDLES = 2_000

T = TypeVar("T")


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """One post as far as answering it needs."""

    ref: Ref
    root: Ref
    conversation: str = ""
    """Empty while only we speak."""
    language: str = ""
    at: Millis = 0

    @property
    def author(self) -> str:
        """Whose post it is."""
        return author_of(self.ref.uri)


class Memory:
    """Nothing here is needed to be right, it only saves questions; all of it may be forgotten."""

    def __init__(self) -> None:
        self._posts: OrderedDict[str, Known] = OrderedDict()
        self._threads: OrderedDict[str, dict[str, None]] = OrderedDict()
        self.dids: OrderedDict[str, str] = OrderedDict()
        """Handles that were found, with their accounts."""

    def post(self, uri: str) -> Known | None:
        """What is known of a post."""
        return self._posts.get(uri)

    def note(self, ref: Ref, record: Record, conversation: str, at: Millis) -> None:
        """Remember a post and where it stands."""
        root = record.reply.root if record.reply else ref
        language = record.languages[0] if record.languages else ""
        self._posts[ref.uri] = Known(ref=ref, root=root, conversation=conversation, language=language[:20], at=at)
        self._posts.move_to_end(ref.uri)
        _trim(self._posts, MOST_POSTS)
        if conversation:
            self._threads.setdefault(conversation, {})[ref.uri] = None
            self._threads.move_to_end(conversation)
            _trim(self._threads, MOST_CONVERSATIONS)

    def view(self, post: Post, conversation: str, at: Millis) -> None:
        """Remember a post that was shown to us, and whose handle it bears."""
        self.note(post.ref, post.record, conversation, at)
        self.person(post.author.handle, post.author.did)

    def person(self, handle: str, did: str) -> None:
        """Remember whose handle it is; a handle may move, so that this is for a while only."""
        if handle and handle != "handle.invalid":
            self.dids[handle.lower()] = did
            _trim(self.dids, MOST_HANDLES)

    def of(self, conversation: str) -> list[Known]:
        """The posts known in a conversation, oldest first."""
        found = [self._posts[uri] for uri in self._threads.get(conversation, ()) if uri in self._posts]
        return sorted(found, key=lambda post: post.at)

    def forget(self, uri: str) -> None:
        """A post is gone."""
        known = self._posts.pop(uri, None)
        if known is not None:
            self._threads.get(known.conversation, {}).pop(uri, None)


def _trim(held: OrderedDict[str, T], most: int) -> None:
    while len(held) > most:
        held.popitem(last=False)
