"""The operator names who looks after a community: by account, on either network, for a term, and sees who does."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bridge.errors import OperatorError
from bridge.model.content import Appointment
from bridge.model.ids import ACTIVITYPUB, MATRIX, Native
from bridge.model.role import Role
from tests.bridge.relay.house import House


async def test_a_seat_is_an_accounts_on_either_network_for_the_usual_term(house: House) -> None:
    dee = await house.stranger("dee", "lemmy.example")
    grant = house.administration.role_grant
    hana = await grant(handle="commons", who="@hana:hs.example", role="moderator", days=None, topic="")
    far = await grant(handle="commons", who="@dee@lemmy.example", role="Moderator", days=90, topic="")
    bea = await grant(handle="commons", who="https://b.example/u/bea", role="admin", days=None, topic="")

    now = house.clock.now()
    assert (hana.actor, hana.until) == (Native(MATRIX, "@hana:hs.example"), now + timedelta(days=365))
    assert (far.actor, far.handle, far.until) == (dee.native, "@dee@lemmy.example", now + timedelta(days=90))
    assert (bea.actor, bea.until) == (Native(ACTIVITYPUB, "https://b.example/u/bea"), None)
    assert [line.role for line in await house.administration.roles(handle="commons")] == [Role.ADMIN, Role.MODERATOR, Role.MODERATOR]


async def test_a_seat_given_again_has_a_new_end_and_one_beginning(house: House) -> None:
    first = await house.administration.role_grant(handle="commons", who="@hana:hs.example", role="host", days=10, topic="")
    house.clock.forward(86_400)
    again = await house.administration.role_grant(handle="commons", who="@hana:hs.example", role="host", days=10, topic="")
    assert again.since == first.since
    assert first.until is not None
    assert again.until == first.until + timedelta(days=1)
    assert len(await house.administration.roles(handle="commons")) == 1


async def test_a_seat_ends_when_it_is_ended_and_by_itself(house: House) -> None:
    for who in ("@hana:hs.example", "@kim:hs.example"):
        await house.administration.role_grant(handle="commons", who=who, role="host", days=10, topic="")
    await house.administration.role_end(handle="commons", who="@kim:hs.example", role="host")
    assert [line.handle for line in await house.administration.roles(handle="commons")] == ["@hana:hs.example"]
    house.clock.forward(11 * 86_400)
    assert await house.administration.roles(handle="commons") == ()


@pytest.mark.parametrize(
    ("who", "role", "days", "topic", "said"),
    [
        ("Hana", "host", None, "", "is no account"),
        ("@hana", "host", None, "", "is no account"),
        ("@nobody@far.example", "host", None, "", "has not met"),
        ("@hana:hs.example", "king", None, "", "there is no role"),
        ("@hana:hs.example", "host", 0, "", "a term of 0 days"),
        ("@hana:hs.example", "host", 10_000, "", "a term of 10000 days"),
        ("@hana:hs.example", "host", None, "garden", "looks after everything"),
    ],
)
async def test_what_cannot_be_given_is_refused_by_name(house: House, who: str, role: str, days: int | None, topic: str, said: str) -> None:
    with pytest.raises(OperatorError, match=said):
        await house.administration.role_grant(handle="commons", who=who, role=role, days=days, topic=topic)
    assert await house.administration.roles(handle="commons") == ()


async def test_a_seat_that_nobody_holds_cannot_be_ended(house: House) -> None:
    with pytest.raises(OperatorError, match="is no host of commons"):
        await house.administration.role_end(handle="commons", who="@hana:hs.example", role="host")


async def test_the_groups_followers_are_told_whom_it_names_as_its_moderators_and_of_nobody_else(house: House) -> None:
    dee = await house.stranger("dee", "lemmy.example")
    await house.follow(dee)
    for who, role in (("@dee@lemmy.example", "moderator"), ("https://b.example/u/bea", "host"), ("@hana:hs.example", "admin")):
        await house.administration.role_grant(handle="commons", who=who, role=role, days=None, topic="")
    await house.administration.role_end(handle="commons", who="@dee@lemmy.example", role="moderator")
    await house.settle()
    told = [
        item.event.content for where, item in await house.out() if item.form == "wrap" and where.address == "https://lemmy.example/inbox"
    ]
    assert told == [Appointment(dee.native), Appointment(dee.native, ended=True)]


async def test_whoever_asks_what_is_kept_of_them_reads_of_their_seats(house: House) -> None:
    lena = await house.opted_in("lena")
    await house.administration.role_grant(handle="commons", who="loopback:lena", role="curator", days=10, topic="garden")
    await lena.tell_bot("export")
    await house.settle()
    told = "\n".join(await house.told("lena"))
    assert '"role": "curator"' in told
    assert '"topic": "garden"' in told
