"""An ordinary month goes by unhindered (property 14 of norms.md 3.14)."""

from __future__ import annotations

import pytest

from tests.bridge.relay.house import House
from tests.scenarios.month import CROSSES_WITHIN, Month


@pytest.mark.timeout(240)
async def test_an_ordinary_month_is_hardly_touched_and_what_may_cross_does_so_within_ninety_seconds() -> None:
    month = Month(await House.open(), seed=1)
    await month.live()

    members = [said for said in month.said if said.member]
    touched = await month.touched()
    consented = [said for said in members if said.consented]
    in_time = [said for said in consented if said.event in month.crossed and month.crossed[said.event] - said.at <= CROSSES_WITHIN]
    print(
        f"{len(members)} messages of members, {len(touched)} touched, {len(in_time)} of {len(consented)} that may cross did so in time;"
        f" {dict(await month.outcomes())}"
    )
    assert len(members) > 900
    assert len(touched) < 0.01 * len(members), [(said, decided.reasons) for said, decided in touched][:5]
    assert len(in_time) >= 0.98 * len(consented)
