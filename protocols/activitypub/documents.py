"""What this node says about itself and its people when somebody asks: actors, discovery, collections, tombstones.

Activitypub.md section 1 · https://www.rfc-editor.org/rfc/rfc7033 · https://nodeinfo.diaspora.software · FEP-1b12, 521a, 844e, 1970, 2677,
2c59, 5feb, d556. All pure: the server looks things up and hands them in.
"""

from __future__ import annotations

import enum
import html
from collections.abc import Sequence
from datetime import datetime
from urllib.parse import unquote, urlsplit

import msgspec

from bridge.model.actor import ActorKind, Ghost
from bridge.model.ids import MATRIX
from bridge.model.place import Community
from bridge.ports import Node
from protocols.activitypub.ids import (
    followers_url,
    host_of,
    instance_url,
    is_ours,
    key_id,
    object_url,
    page_url,
    proof_key_id,
    shared_inbox,
    thread_url,
)
from protocols.activitypub.translate.actor import RFC9421
from protocols.activitypub.translate.attachment import type_by_ending
from protocols.activitypub.wire import ACTIVITY_STREAMS, ACTOR_CONTEXT, Document, stamp
from protocols.richtext import Dialect, clean

__all__ = [
    "CONTACT",
    "PRIVACY",
    "PublicKeys",
    "Resource",
    "ResourceKind",
    "Usage",
    "collection",
    "context_collection",
    "featured",
    "followers",
    "group_actor",
    "host_meta",
    "instance_actor",
    "jrd",
    "moderators",
    "multikey",
    "node_jrd",
    "nodeinfo",
    "nodeinfo_links",
    "outbox",
    "person_actor",
    "read_resource",
    "replies",
    "team_actor",
    "tombstone",
]

PRIVACY, CONTACT = "/privacy", "/contact"
"""Where people read what is kept of them, and whom to ask."""

MOST_INLINE = 20
"""Announces a group's outbox carries inline; Lemmy reads nothing else."""

_IMPLEMENTS = [{"href": RFC9421, "name": "RFC-9421: HTTP Message Signatures"}]


class PublicKeys(msgspec.Struct, frozen=True):
    """`rsa`: SPKI PEM; `ed25519`: base58btc Multikey (`z6Mk…`), where there is one."""

    rsa: str
    ed25519: str | None = None


# ------------------------------------------------------------------------------------------------------------------ actors


def _actor(me: Node, actor: str, kind: str, name: str, keys: PublicKeys, *, inbox: str) -> Document:
    document: Document = {
        "@context": ACTOR_CONTEXT,
        "id": actor,
        "type": kind,
        "preferredUsername": name,
        "webfinger": f"{name}@{me.domain}",
        "inbox": inbox,
        "outbox": f"{actor}/outbox",
        "endpoints": {"sharedInbox": shared_inbox(me)},
        "publicKey": {"id": key_id(actor), "owner": actor, "publicKeyPem": keys.rsa},
        "generator": {"type": "Application", "name": "Folkmoot", "implements": _IMPLEMENTS},
    }
    if keys.ed25519:
        document["assertionMethod"] = [multikey(proof_key_id(actor), actor, keys.ed25519)]
    return document


def multikey(name: str, owner: str, multibase: str) -> Document:
    """A key as FEP-521a shows it."""
    return {"id": name, "type": "Multikey", "controller": owner, "publicKeyMultibase": multibase}


def instance_actor(me: Node, keys: PublicKeys) -> Document:
    """Signs every fetch; open to everyone, so that two servers that ask for signatures can meet (GoToSocial 0.20)."""
    document = _actor(me, instance_url(me), "Application", me.domain, keys, inbox=shared_inbox(me))
    document["name"] = me.domain
    document["summary"] = "<p>This server carries community conversations between Matrix and the fediverse.</p>"
    document["url"] = f"{me.origin}/"
    document["manuallyApprovesFollowers"] = True
    document["discoverable"] = False
    return document


def group_actor(
    me: Node, ghost: Ghost, community: Community, keys: PublicKeys, *, chat: str | None = None, updated: datetime | None = None
) -> Document:
    """A community. `chat`: its room's matrix.to address, only when the room is public.

    `manuallyApprovesFollowers` stays false: true makes it a private community on Lemmy 1.0.
    """
    actor = ghost.native.id
    document = _actor(me, actor, "Group", ghost.handle, keys, inbox=f"{actor}/inbox")
    about = clean(community.about, Dialect.FEDIVERSE) if "<" in community.about else _paragraph(community.about)
    how = (
        f"Follow @{ghost.handle}@{me.domain} to read along. To take part, mention it in a post or answer one that it shares."
        " People in the community's Matrix room see what you write here."
    )
    document |= {
        "name": community.name,
        "summary": about + _paragraph(how),
        "url": page_url(me, ghost.handle),
        "followers": followers_url(actor),
        "following": f"{actor}/following",
        "featured": f"{actor}/featured",
        "attributedTo": f"{actor}/moderators",
        "moderators": f"{actor}/moderators",
        "postingRestrictedToMods": False,
        "manuallyApprovesFollowers": False,
        "discoverable": True,
        "indexable": False,
        "attachment": [_field("Bridged", "Matrix room and fediverse group, one conversation")],
    }
    if chat:
        link = f'<a href="{html.escape(chat)}" rel="nofollow noopener noreferrer">{html.escape(chat)}</a>'
        document["attachment"] = [
            _field("Bridged", "Matrix room and fediverse group, one conversation"),
            _field("Matrix room", link),
            {"type": "Link", "rel": "discussion", "href": chat, "name": "Matrix room"},
        ]
    _dates(document, ghost.since, updated)
    _picture(document, ghost.avatar)
    return document


def team_actor(me: Node, team: Ghost, group: Ghost, keys: PublicKeys) -> Document:
    """Those who look after a community, as one: no page, no followers, and its mail is the group's."""
    actor = team.native.id
    document = _actor(me, actor, "Service", team.handle, keys, inbox=f"{group.native.id}/inbox")
    where = f"@{group.handle}@{me.domain}"
    document |= {
        "name": team.name,
        "summary": _paragraph(f"The people who look after {where} act together under this account. Write to {where} to reach them."),
        "url": page_url(me, group.handle),
        "manuallyApprovesFollowers": True,
        "discoverable": False,
        "indexable": False,
    }
    _dates(document, team.since, None)
    _picture(document, group.avatar)
    return document


def person_actor(
    me: Node, ghost: Ghost, keys: PublicKeys, *, address: str, group: Ghost | None = None, updated: datetime | None = None
) -> Document:
    """Somebody from Matrix who said yes, or one of the node's own people. `address`: their home address, which that yes includes showing."""
    actor = ghost.native.id
    kind = "Service" if ghost.kind is ActorKind.SERVICE else "Person"
    document = _actor(me, actor, kind, ghost.handle, keys, inbox=f"{actor}/inbox")
    where = f"@{group.handle}@{me.domain}" if group is not None else me.domain
    if ghost.of.protocol == MATRIX:
        # Never the hashtag itself: whoever reads a profile for marks would take it for this person's own wish.
        notice = (
            f"This account speaks for {address} on Matrix, who asked for that. It is kept by the bridge of {where}. Answers reach them"
            f" there. If you do not want your words carried to Matrix, put the hashtag “nobridge” in your profile or write to {where}."
        )
        fields = [_field("Matrix", html.escape(address)), _field("Bridged by", html.escape(where))]
    else:
        notice = f"This account lives on {me.domain} and takes part in {where}."
        fields = [_field("Home", html.escape(me.domain))]
    document |= {
        "name": ghost.name or ghost.handle,
        "summary": _paragraph(notice),
        "url": page_url(me, ghost.handle),
        "followers": followers_url(actor),
        "following": f"{actor}/following",
        "manuallyApprovesFollowers": False,
        "discoverable": False,
        "indexable": False,
        "attachment": fields,
    }
    _dates(document, ghost.since, updated)
    _picture(document, ghost.avatar)
    return document


def _paragraph(text: str) -> str:
    return f"<p>{html.escape(text, quote=False)}</p>" if text else ""


def _field(name: str, value: str) -> Document:
    return {"type": "PropertyValue", "name": name, "value": value}


def _dates(document: Document, since: datetime | None, updated: datetime | None) -> None:
    if since is not None:
        document["published"] = stamp(since)
    if updated is not None:
        document["updated"] = stamp(updated)


def _picture(document: Document, url: str | None) -> None:
    if url and url.startswith(("https://", "http://")):
        kind = type_by_ending(url)
        document["icon"] = {"type": "Image", "url": url, **({"mediaType": kind} if kind else {})}


# --------------------------------------------------------------------------------------------------------------- discovery


class ResourceKind(enum.StrEnum):
    HANDLE = "handle"
    ACTOR = "actor"
    """`value` is an actor id of ours."""
    NODE = "node"
    ELSEWHERE = "elsewhere"
    MALFORMED = "malformed"


class Resource(msgspec.Struct, frozen=True):
    """What a WebFinger question asks for."""

    kind: ResourceKind
    value: str = ""


def read_resource(me: Node, resource: str | None) -> Resource:
    """All forms of activitypub.md 1.2: `acct:`, actor id, profile page, the bare origin; malformed is a 400, elsewhere a 404."""
    text = (resource or "").strip()
    if not text or len(text) > 1_000:
        return Resource(ResourceKind.MALFORMED)
    if text.lower().startswith(("https://", "http://")):
        return _url_resource(me, text)
    text = unquote(text[5:] if text.lower().startswith("acct:") else text).removeprefix("@").removeprefix("!")
    user, at, domain = text.rpartition("@")
    if not (user and at and domain):
        return Resource(ResourceKind.MALFORMED)
    # Where handles have another name than URLs, a server that knows no FEP-2c59 asks for them under the name in the URL.
    ours = {me.domain.lower(), host_of(me.origin)}
    if domain.lower() not in ours:
        return Resource(ResourceKind.ELSEWHERE)
    if user.lower() in ours:
        return Resource(ResourceKind.NODE)
    return Resource(ResourceKind.HANDLE, user.lower())


def _url_resource(me: Node, text: str) -> Resource:
    if not host_of(text):
        return Resource(ResourceKind.MALFORMED)
    if not is_ours(me, text):
        return Resource(ResourceKind.ELSEWHERE)
    path = urlsplit(text).path
    if path in {"", "/", "/actor"}:
        return Resource(ResourceKind.NODE)
    if path.startswith("/@"):
        return Resource(ResourceKind.HANDLE, unquote(path[2:]).lower())
    return Resource(ResourceKind.ACTOR, f"{me.origin}{path}")


def jrd(me: Node, ghost: Ghost, rels: Sequence[str] = ()) -> Document:
    """One account. `rels` narrows the links, as RFC 7033 4.3 asks."""
    page = page_url(me, ghost.handle)
    links: list[Document] = [
        {"rel": "self", "type": "application/activity+json", "href": ghost.native.id},
        {"rel": "http://webfinger.net/rel/profile-page", "type": "text/html", "href": page},
    ]
    if ghost.avatar and ghost.avatar.startswith("https://"):
        links.append({"rel": "http://webfinger.net/rel/avatar", "href": ghost.avatar})
    kind = "Group" if ghost.kind is ActorKind.GROUP else "Service" if ghost.kind is ActorKind.SERVICE else "Person"
    return {
        "subject": f"acct:{ghost.handle}@{me.domain}",
        "aliases": [page, ghost.native.id],
        "properties": {f"{ACTIVITY_STREAMS}#type": kind},
        "links": [link for link in links if not rels or link["rel"] in rels],
    }


def node_jrd(me: Node, rels: Sequence[str] = ()) -> Document:
    """The server itself (FEP-d556)."""
    actor = instance_url(me)
    links: list[Document] = [
        {"rel": "self", "type": "application/activity+json", "href": actor},
        {"rel": f"{ACTIVITY_STREAMS}#Service", "type": "application/activity+json", "href": actor},
    ]
    return {
        "subject": f"acct:{me.domain}@{me.domain}",
        "aliases": [actor, f"{me.origin}/"],
        "links": [link for link in links if not rels or link["rel"] in rels],
    }


def host_meta(me: Node) -> str:
    """XRD, for the few that still start there."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<XRD xmlns="http://docs.oasis-open.org/ns/xri/xrd-1.0">'
        f'<Link rel="lrdd" template="{html.escape(me.origin)}/.well-known/webfinger?resource={{uri}}"/></XRD>\n'
    )


class Usage(msgspec.Struct, frozen=True):
    """Counted, never guessed (FEP-0151): people with an actor, of them active in 30 and 180 days, posts of theirs with their answers."""

    people: int
    active_month: int
    active_half_year: int
    posts: int


def nodeinfo_links(me: Node) -> Document:
    schema = "http://nodeinfo.diaspora.software/ns/schema"
    return {
        "links": [
            {"rel": f"{schema}/2.0", "href": f"{me.origin}/nodeinfo/2.0"},
            {"rel": f"{schema}/2.1", "href": f"{me.origin}/nodeinfo/2.1"},
            {"rel": f"{ACTIVITY_STREAMS}#Application", "href": instance_url(me)},
        ]
    }


def nodeinfo(
    me: Node,
    version: str,
    software_version: str,
    usage: Usage,
    *,
    name: str = "",
    contact: str = "",
    bridged: Sequence[str] = ("activitypub",),
) -> Document:
    """`version` is `2.0` or `2.1`; the older schema knows no repository. `contact`: who answers for this node. `bridged`: the networks
    it speaks, which the schema has no word for."""
    software: Document = {"name": "folkmoot", "version": software_version}
    if version == "2.1":
        software["homepage"] = "https://folkmoot.org/"
    # As Misskey names them.
    metadata: Document = {
        "bridge": {"protocols": list(bridged)},
        "privacyPolicyUrl": f"{me.origin}{PRIVACY}",
        "inquiryUrl": f"{me.origin}{CONTACT}",
    }
    if name:
        metadata["nodeName"] = name
    if contact:
        metadata["moderationContact"] = contact
    return {
        "version": version,
        "software": software,
        "protocols": ["activitypub"],
        "services": {"inbound": [], "outbound": []},
        "openRegistrations": False,
        "usage": {
            "users": {"total": usage.people, "activeMonth": usage.active_month, "activeHalfyear": usage.active_half_year},
            "localPosts": usage.posts,
        },
        "metadata": metadata,
    }


# ------------------------------------------------------------------------------------------------------------- collections


def collection(url: str, total: int, items: Sequence[object] | None = None, *, ordered: bool = True, owner: str | None = None) -> Document:
    """Unpaged. Without `items` only the number is told."""
    document: Document = {
        "@context": ACTIVITY_STREAMS,
        "id": url,
        "type": "OrderedCollection" if ordered else "Collection",
        "totalItems": total,
    }
    if owner:
        document["attributedTo"] = owner
    if items is not None:
        document["orderedItems" if ordered else "items"] = list(items)
    return document


def outbox(actor: str, total: int, announced: Sequence[bytes | Document]) -> Document:
    """A group's newest activities, inline; a person's is empty (their words are shared by the group)."""
    inline = [msgspec.Raw(entry) if isinstance(entry, bytes) else entry for entry in announced[:MOST_INLINE]]
    return collection(f"{actor}/outbox", total, inline)


def followers(actor: str, total: int) -> Document:
    """How many, never who. `Collection` with an empty list is what Lemmy 1.0 can parse and Mastodon reads as hidden."""
    return collection(followers_url(actor), total, (), ordered=False)


def moderators(group: str, actors: Sequence[str]) -> Document:
    """PieFed 1.6 ignores a community's own moderation for ever when this was missing at first contact."""
    return collection(f"{group}/moderators", len(actors), actors, owner=group)


def featured(group: str, notes: Sequence[Document]) -> Document:
    """What is pinned, as whole objects."""
    return collection(f"{group}/featured", len(notes), notes)


def replies(object_id: str, me: Node, answers: Sequence[str]) -> Document:
    """Ids only. Mastodon fetches from here what it was never sent."""
    url = f"{object_url(me, object_id)}/replies"
    page: Document = {"id": f"{url}?page=1", "type": "CollectionPage", "partOf": url, "items": list(answers)}
    return {"@context": ACTIVITY_STREAMS, "id": url, "type": "Collection", "totalItems": len(answers), "first": page}


def context_collection(me: Node, group: str, root: str, posts: Sequence[str]) -> Document:
    """A whole thread, oldest first, owned by the group (FEP-7888, FEP-f228)."""
    return collection(thread_url(me, root), len(posts), posts, owner=group)


def tombstone(url: str, former: str, deleted: datetime | None) -> Document:
    """Answered with 410."""
    document: Document = {"@context": ACTIVITY_STREAMS, "id": url, "type": "Tombstone", "formerType": former}
    if deleted is not None:
        document["deleted"] = stamp(deleted)
    return document
