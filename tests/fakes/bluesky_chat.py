"""The fake network's direct messages: private conversations with a log, requests from strangers, and refusals."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from agentdesk.replies.length import graphemes
from tests.fakes.bluesky_wire import Refusal, iso

if TYPE_CHECKING:
    from tests.fakes.bluesky import FakeBluesky


@dataclass
class Convo:
    """A private conversation."""

    id: str
    members: list[str]
    accepted: set[str]
    messages: list[dict[str, Any]] = field(default_factory=list)
    rev: str = ""
    kind: dict[str, Any] = field(default_factory=dict)


class FakeChat:
    """The chat service behind the account's server."""

    def __init__(self, network: FakeBluesky) -> None:
        self.network = network
        self.convos: dict[str, Convo] = {}
        self.log: list[tuple[str, str, dict[str, Any]]] = []
        """Revision, whose log, and the entry."""
        self.down = False
        self._number = 0

    def write(self, who: str, to: str, text: str, **more: Any) -> str:
        """Somebody writes to somebody; returns the conversation's id."""
        convo = self.between(who, to)
        self.add(convo, who, text, **more)
        return convo.id

    def between(self, who: str, to: str) -> Convo:
        """The conversation of two accounts; it begins when there is none."""
        for convo in self.convos.values():
            if sorted(convo.members) == sorted([who, to]):
                return convo
        self._number += 1
        convo = Convo(f"convo{self._number}", [who, to], {who}, rev=self._rev())
        self.convos[convo.id] = convo
        for did in convo.members:
            self.log.append((convo.rev, did, {"$type": "chat.bsky.convo.defs#logBeginConvo", "rev": convo.rev,
                                              "convoId": convo.id}))
        return convo

    def add(self, convo: Convo, who: str, text: str, **more: Any) -> dict[str, Any]:
        """Add a message to a conversation and to everybody's log."""
        rev = self._rev()
        message = {"$type": "chat.bsky.convo.defs#messageView", "id": f"m{self._number}", "rev": rev, "text": text,
                   "sender": {"did": who}, "sentAt": iso(self.network.clock.now()), **more}
        convo.messages.append(message)
        convo.rev = rev
        for did in convo.members:
            account = self.network.accounts[did]
            people = [self.network.profile(self.network.accounts[member], account) for member in convo.members]
            self.log.append((rev, did, {"$type": "chat.bsky.convo.defs#logCreateMessage", "rev": rev,
                                        "convoId": convo.id, "message": message, "relatedProfiles": people}))
        return message

    def answer(self, call: str, who: str, params: dict[str, list[str]], data: dict[str, Any]) -> Any:
        """Answer one call."""
        if self.down:
            raise Refusal(502, "UpstreamFailure", "Upstream Failure")
        match call:
            case "getLog":
                return self._log(who, params.get("cursor", [""])[0])
            case "listConvos":
                return self._list(who, params)
            case "getConvo":
                return {"convo": self._view(self._convo(params["convoId"][0], who), who)}
            case "getConvoAvailability":
                pair = sorted([who, params["members"][0]])
                found = next((c for c in self.convos.values() if sorted(c.members) == pair), None)
                return {"canChat": True, **({"convo": self._view(found, who)} if found else {})}
            case "getConvoForMembers":
                return {"convo": self._view(self._for(who, params["members"][0]), who)}
            case "getMessages":
                return self._messages(self._convo(params["convoId"][0], who), params)
            case "sendMessage":
                return self._send(who, data)
            case "acceptConvo":
                self._convo(data["convoId"], who).accepted.add(who)
                return {"rev": self._rev()}
        raise Refusal(501, "MethodNotImplemented", "Method Not Implemented")

    def _log(self, who: str, cursor: str) -> Any:
        """Without a cursor: the position alone."""
        entries = [(rev, entry) for rev, did, entry in self.log if did == who]
        last = entries[-1][0] if entries else "2222222222222"
        if not cursor:
            return {"logs": [], "cursor": last}
        page = [(rev, entry) for rev, entry in entries if rev > cursor][:50]
        return {"logs": [entry for _, entry in page], "cursor": page[-1][0] if page else cursor}

    def _list(self, who: str, params: dict[str, list[str]]) -> Any:
        status = params.get("status", [""])[0]
        found = [convo for convo in self.convos.values() if who in convo.members
                 and (not status or (who in convo.accepted) == (status == "accepted"))]
        found.sort(key=lambda convo: convo.rev, reverse=True)
        return {"convos": [self._view(convo, who) for convo in found[: int(params.get("limit", ["50"])[0])]]}

    def _view(self, convo: Convo, who: str) -> dict[str, Any]:
        account = self.network.accounts[who]
        view: dict[str, Any] = {
            "id": convo.id, "rev": convo.rev, "muted": False, "unreadCount": 0,
            "members": [self.network.profile(self.network.accounts[did], account) for did in convo.members],
            "status": "accepted" if who in convo.accepted else "request"}
        if convo.messages:
            view["lastMessage"] = convo.messages[-1]
        return {**view, "kind": convo.kind} if convo.kind else view

    def _messages(self, convo: Convo, params: dict[str, list[str]]) -> Any:
        newest = list(reversed(convo.messages))
        limit = int(params.get("limit", ["50"])[0])
        return {"messages": newest[:limit], **({"cursor": "more"} if len(newest) > limit else {})}

    def _for(self, who: str, to: str) -> Convo:
        target = self.network.accounts.get(to)
        if target is None:
            raise Refusal(400, "RecipientNotFound", "recipient not found")
        if who in target.blocks:
            raise Refusal(400, "BlockedActor", "recipient has blocked you")
        if target.incoming == "none":
            raise Refusal(400, "MessagesDisabled", "recipient has disabled incoming messages")
        if target.incoming == "following":
            raise Refusal(400, "NotFollowedBySender", "recipient requires incoming messages to come from someone they "
                                                      "follow")
        return self.between(who, to)

    def _send(self, who: str, data: dict[str, Any]) -> Any:
        convo = self._convo(data["convoId"], who)
        if convo.kind.get("lockStatus", "unlocked") != "unlocked":
            raise Refusal(400, "ConvoLocked", "Convo is locked")
        if len(graphemes(data["message"]["text"])) > 1_000 or len(data["message"]["text"].encode()) > 10_000:
            raise Refusal(400, "InvalidRequest", "grapheme too big (maximum 1000)")
        return self.add(convo, who, data["message"]["text"], facets=data["message"].get("facets", []))

    def _convo(self, number: str, who: str) -> Convo:
        convo = self.convos.get(number)
        if convo is None or who not in convo.members:
            raise Refusal(400, "InvalidConvo", "convo not found")
        return convo

    def _rev(self) -> str:
        self._number += 1
        return f"3{self._number:012d}"
