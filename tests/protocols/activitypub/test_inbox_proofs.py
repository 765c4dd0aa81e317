"""Whose proof an activity bears, said it; and a proof is held against its key before a signature counts (FEP-8b32)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from protocols.activitypub.keys import Signer
from tests.protocols.activitypub.correspondents import (
    KIMS,
    SAMS,
    ed25519,
    face,
    material,
    proven,
    rsa,
    sent,
)
from tests.protocols.activitypub.porch import Door, Porch, post, said
from tests.protocols.activitypub.world import create, deed, note


def with_proof_key(porch: Porch, actor: str = SAMS) -> None:
    signer = ed25519(actor)
    porch.library.show(face(actor, assertionMethod=[{"id": signer.id, "type": "Multikey", "controller": actor, **material(signer)}]))


async def test_whose_proof_it_bears_said_it_whoever_brings_it(porch: Porch, door: Door) -> None:
    """Kim's server passes on what Sam said: the signature is Kim's, the proof Sam's (activitypub.md 2.3, step 9)."""
    with_proof_key(porch)
    assert (await post(door, sent(proven(create(note()), SAMS), rsa(KIMS)))).status == 202
    (entry,) = await porch.rows()
    assert (entry.intake.signer, entry.intake.lane) == (SAMS, "a.example")


async def test_without_a_proof_nobody_speaks_for_another(porch: Porch, door: Door) -> None:
    with_proof_key(porch)
    with_proof_key(porch, KIMS)
    late = proven(create(note("late")), SAMS, at=porch.clock.now() - timedelta(days=8))
    by_kim = proven(create(note("own")), KIMS)
    for activity in (create(note()), late, by_kim):
        assert (await post(door, sent(activity, rsa(KIMS)))).status == 202
    assert {entry.intake.signer for entry in await porch.rows()} == {KIMS}, "rule O6 refuses them by name"


async def test_a_proof_that_does_not_hold_counts_more_than_a_signature_that_does(porch: Porch, door: Door) -> None:
    with_proof_key(porch)
    forged = proven(create(note()), SAMS) | {"to": ["https://moot.example/c/commons"]}
    for signer in (rsa(SAMS), rsa(KIMS)):
        answer = await post(door, sent(forged, signer))
        assert answer.status == 401
        assert "proof" in await said(answer)
    assert await porch.rows() == []


@pytest.mark.parametrize(
    "options",
    [{"cryptosuite": "mldsa44-jcs-2024"}, {"expires": "2020-01-01T00:00:00Z"}, {"verificationMethod": f"{SAMS}#nobody-lists-this"}],
    ids=["another suite", "expired", "no such key"],
)
async def test_a_proof_that_cannot_be_checked_is_no_reason_to_refuse_what_is_signed(
    porch: Porch, door: Door, options: dict[str, str]
) -> None:
    """Mastodon 4.7 may send mldsa44-jcs-2024."""
    with_proof_key(porch)
    assert (await post(door, sent(proven(create(note()), SAMS, **options)))).status == 202
    assert [entry.intake.signer for entry in await porch.rows()] == [SAMS]


async def test_a_proof_is_held_against_the_key_that_is_shown_now(porch: Porch, door: Door) -> None:
    """Its owner has another key since: asked once more, as for signatures."""
    with_proof_key(porch)
    assert (await post(door, sent(proven(create(note()), SAMS)))).status == 202
    newer = Signer(ed25519(SAMS).id, ed25519("somebody new").private)
    porch.library.show(face(SAMS, assertionMethod=[{"id": newer.id, "type": "Multikey", "controller": SAMS, **material(newer)}]))
    porch.forward(timedelta(minutes=6))
    at = porch.clock.now()
    assert (await post(door, sent(proven(create(note("2")), SAMS, signer=newer, at=at), at=at))).status == 202
    assert len(await porch.rows()) == 2


async def test_what_is_brought_again_by_others_is_not_done_again(porch: Porch, door: Door) -> None:
    """A Follow that was ended must not come back because somebody kept it: by its proof it is the same Follow, whoever signs the request."""
    with_proof_key(porch)
    follow = proven(deed("Follow", "https://moot.example/c/commons"), SAMS)
    for minutes in (0, 10, 20):
        porch.forward(timedelta(minutes=minutes))
        assert (await post(door, sent(follow, rsa(KIMS), at=porch.clock.now()))).status == 202
    assert len(await porch.rows()) == 1
