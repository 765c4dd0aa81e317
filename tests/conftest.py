"""What holds in every test: failures that can be repeated, no network beyond this machine, and a loop that nobody blocks.

`HYPOTHESIS_PROFILE` chooses how much is tried: `quick` (the default), `ci` (the default where `CI` is set), `thorough` (by hand).
"""

from __future__ import annotations

import ipaddress
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from blockbuster import blockbuster_ctx
from hypothesis import HealthCheck, settings

TESTS = Path(__file__).resolve().parent

# No deadlines: the machine may be busy with something else, and time is bounded by pytest-timeout and by the number of examples.
settings.register_profile(
    "quick", max_examples=100, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
# The same examples each time: what lands is what was tested. New ones are found on developers' machines, by `quick` and `thorough`.
settings.register_profile("ci", settings.get_profile("quick"), derandomize=True, database=None)
settings.register_profile("thorough", settings.get_profile("quick"), max_examples=5_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "quick"))


KINDS_BY_FOLDER = ("live", "faults")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What lies in the folder of a kind is of that kind, whether it says so or not: `./tests/run` chooses by these marks."""
    for item in items:
        for kind in KINDS_BY_FOLDER:
            if (TESTS / kind) in item.path.parents:
                item.add_marker(kind)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Says how to run in this order again, also where `-q` leaves out the header that does."""
    seed = config.getoption("randomly_seed", default=None)
    if seed is not None:
        profile = settings.get_current_profile_name()
        terminalreporter.write_line(f"to repeat this: HYPOTHESIS_PROFILE={profile} pytest --randomly-seed={seed}")


def _stay_on_this_machine(name: str, arguments: tuple[object, ...]) -> None:
    if name not in ("socket.connect", "socket.sendto"):
        return
    address = arguments[1]
    if not isinstance(address, tuple):
        return
    host = str(address[0])
    if host in ("localhost", "", "0.0.0.0", "::"):
        return
    try:
        found = ipaddress.ip_address(host.partition("%")[0])
        inside = (getattr(found, "ipv4_mapped", None) or found).is_loopback
    except ValueError:
        inside = False
    if not inside:
        # Not an Exception: what the product catches must not hide it.
        pytest.fail(f"a test reached out of this machine, to {address}", pytrace=True)


sys.addaudithook(_stay_on_this_machine)


MAY_BLOCK = (
    # Opening and closing: once, before there is anybody to wait, or after.
    ("storage/store.py", ("open_store", "close")),
    ("storage/memory.py", ("open_memory",)),
    ("storage/migrations/__init__.py", ("upgrade",)),
    ("storage/transfer.py", ("copy_store",)),
    # The driver, loaded at the first need; libpq's password file and certificates, where the driver itself looks once a session.
    ("storage/postgres.py", ("__init__", "connect")),
    ("storage/threads.py", ("close",)),
    ("bridge/app.py", ("open_app", "__init__")),
    ("bridge/settings.py", ("read",)),
    ("bridge/keyfiles.py", ("read_secrets", "require_private", "write_private")),
    # The homeserver of the demonstration and of the live tests, which no node ever runs.
    ("bridge/homeserver.py", ("start", "kill", "tail")),
    # Short look-ups, which cost less than the hop to a thread (ADR 0017).
    ("storage/threads.py", ("__init__", "read")),
    # The store in memory, which has no threads on purpose.
    ("storage/inline.py", ("__init__", "_run", "close")),
)
"""Functions of the product that may make the event loop wait: file, names, and above them the reason."""


@pytest.fixture(scope="session", autouse=True)
def _nobody_blocks_the_loop() -> Iterator[None]:
    """The product calling a file, a lock, SQLite, a blocking socket or `time.sleep` inside the event loop raises `BlockingError`."""
    with blockbuster_ctx(["bridge", "protocols", "storage"]) as detector:
        for function in detector.functions.values():
            for file, names in MAY_BLOCK:
                function.can_block_in(file, names)
        yield


@pytest.fixture(autouse=True)
def _every_test_begins_with_the_same_log() -> None:
    """What one test set up (a level, a form) must not hide from the next what it looks for."""
    structlog.reset_defaults()
    # A command that a test ran in this process may have set up the log, and each module's logger keeps what it first found.
    for log in [
        vars(module).get("_log") for name, module in list(sys.modules.items()) if name.startswith(("bridge.", "protocols.", "storage."))
    ]:
        if log is not None:
            vars(log).pop("bind", None)
    root = logging.getLogger()
    for handler in [each for each in root.handlers if type(each).__module__ == "bridge.logs"]:
        root.removeHandler(handler)
