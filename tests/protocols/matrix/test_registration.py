"""The file the homeserver reads."""

from __future__ import annotations

import re

import msgspec
import pytest

from bridge.errors import BadSetting
from bridge.keyfiles import Secrets
from bridge.settings import Matrix, Settings
from protocols.matrix.ids import ghost_id
from protocols.matrix.registration import check_namespace, registration
from tests.protocols.matrix.world import ME, SAM

SECRETS = Secrets(b"k" * 32, "a" * 43, "h" * 43)
SETTINGS = Settings(domain="moot.example", data_dir="/x", matrix=Matrix(homeserver="http://127.0.0.1:8008", server_name="hs.test"))


def claims(user: str) -> bool:
    """As Synapse 1.163 asks: a match at the start is enough."""
    document = msgspec.json.decode(registration(SETTINGS, SECRETS))
    return any(re.match(space["regex"], user) for space in document["namespaces"]["users"])


def test_the_namespace_holds_ghosts_and_the_bot_and_nobody_else() -> None:
    """Trap S14."""
    assert claims(ghost_id(ME, SAM.native, SAM.handle, SAM.host))
    assert claims("@moot:hs.test")
    for person in (
        "@alice:hs.test",
        "@moota:hs.test",
        "@moot:hsxtest",
        "@moot:hs.test.evil.example",
        "@_moot_x:hs.testing",
        "@_ap_x:hs.test",
    ):
        assert not claims(person), person


def test_the_sender_is_nobody_and_the_bot_is_somebody_else() -> None:
    """Finding F9: Synapse answers 500 to a /sync by the sender."""
    document = msgspec.json.decode(registration(SETTINGS, SECRETS))
    assert not claims(f"@{document['sender_localpart']}:hs.test")
    assert document["sender_localpart"] != "moot"
    assert document["rate_limited"] is False
    assert document["url"] == "http://127.0.0.1:8421"


def test_writing_it_again_gives_the_same_file() -> None:
    assert registration(SETTINGS, SECRETS) == registration(SETTINGS, SECRETS)


@pytest.mark.parametrize("wide", ["@.*", "@_.*", ".*", "@_moot_a"])
def test_a_namespace_that_takes_peoples_accounts_is_refused(wide: str) -> None:
    with pytest.raises(BadSetting):
        check_namespace(wide, "hs.test")
