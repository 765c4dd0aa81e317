"""What operators type does what it says, fits 80 columns, feeds scripts, and fails in one line that says what to do."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import msgspec
import pytest
from click.testing import CliRunner, Result

from bridge.cli import root
from bridge.commands.life import life
from bridge.commands.table import safe, span, table
from bridge.model.record import Record
from bridge.operations import CommunityLine, HoldLine
from tests.bridge.desk import CROSSED, HELD, PHOTO, Desk, running

LEAST = 'domain = "moot.example"\ndata_dir = "."\n'


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    (tmp_path / "folkmoot.toml").write_text(LEAST)
    with running(Desk(), tmp_path / "control.sock") as found:
        yield found


def run(folder: Path, *words: str, feed: str = "") -> Result:
    return CliRunner().invoke(root, ["--settings", str(folder / "folkmoot.toml"), *words], input=feed, prog_name="folkmoot")


def commands(group: click.Group = root, path: Sequence[str] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


@pytest.mark.parametrize(("words", "command"), [pytest.param(words, command, id=" ".join(words)) for words, command in commands()])
def test_every_command_explains_itself_with_an_example_of_itself(words: tuple[str, ...], command: click.Command) -> None:
    context = click.Context(command, info_name=" ".join(("folkmoot", *words)), max_content_width=80)

    text = command.get_help(context)

    assert "Example" in text
    assert f"folkmoot {' '.join(words)}" in text.replace("--settings /etc/folkmoot/folkmoot.toml ", "")
    assert max(len(line) for line in text.splitlines()) <= 80


def test_the_way_from_nothing_to_a_linked_community(tmp_path: Path, desk: Desk) -> None:
    created = run(tmp_path, "community", "create", "commons", "The Commons")
    linked = run(tmp_path, "community", "link", "commons", "#commons:hs.example")
    listed = run(tmp_path, "community", "list")

    assert "@commons@moot.example" in created.output
    assert "folkmoot community link commons" in created.output
    assert "carried by #commons:hs.example" in linked.output
    assert "#commons:hs.example" in listed.output
    assert [created.exit_code, linked.exit_code, listed.exit_code] == [0, 0, 0]


def test_moderators_get_a_room_and_leave_it(tmp_path: Path, desk: Desk) -> None:
    run(tmp_path, "community", "create", "commons", "The Commons")

    given = run(tmp_path, "community", "moderation", "commons", "#mods:hs.example")
    taken = run(tmp_path, "community", "moderation", "commons")

    assert given.output == "The moderators of @commons@moot.example work in #mods:hs.example.\n"
    assert taken.output == "The moderators of @commons@moot.example work in no room now.\n"


def test_the_log_names_nobody_unless_it_is_asked_to(tmp_path: Path, desk: Desk) -> None:
    run(tmp_path, "community", "create", "commons", "The Commons")

    shown, named = run(tmp_path, "log", "show", "commons"), run(tmp_path, "log", "show", "commons", "--names")
    public = run(tmp_path, "log", "public", "commons")

    assert "hold by automatic, N05" in shown.output
    assert "sam" not in shown.output + public.output
    assert "concerns https://a.example/u/sam; the first post" in named.output
    assert "2026-11      6 × hold by automatic, N05" in public.output


def test_a_log_that_does_not_hold_is_an_error_that_says_where(tmp_path: Path, desk: Desk) -> None:
    run(tmp_path, "community", "create", "commons", "The Commons")
    whole = run(tmp_path, "log", "verify", "commons")
    desk.full = True
    broken = run(tmp_path, "log", "verify", "commons")

    assert whole.output == f"The log holds: 2 entries, head {'f' * 64}.\n"
    assert broken.output.startswith("folkmoot: The log does not hold from entry 2 on: it was changed after it was written")
    assert (whole.exit_code, broken.exit_code) == (0, 2)


def test_what_an_admin_says_of_a_case_arrives_whole(tmp_path: Path, desk: Desk) -> None:
    run(tmp_path, "community", "create", "commons", "The Commons")

    said = run(tmp_path, "cases", "say", "commons", "k7t2mq", "removed", "Jobs go to the jobs topic.")

    assert desk.told == ["k7t2mq removed Jobs go to the jobs topic."]
    assert said.output == "k7t2mq5x3wz4n6a2b7c5d3e4fi: nobody has looked yet: it was taken down.\n"


def test_unlinking_takes_the_place_out(tmp_path: Path, desk: Desk) -> None:
    run(tmp_path, "community", "create", "commons", "The Commons")
    run(tmp_path, "community", "link", "commons", "#commons:hs.example")

    left = run(tmp_path, "community", "unlink", "commons", "#commons:hs.example")

    assert "no place yet" in left.output


def test_retiring_asks_first_and_no_means_no(tmp_path: Path, desk: Desk) -> None:
    run(tmp_path, "community", "create", "commons", "The Commons")

    refused = run(tmp_path, "community", "retire", "commons", feed="n\n")

    assert refused.exit_code == 1
    assert not desk.lines["commons"].retired


def test_retiring_says_what_goes(tmp_path: Path, desk: Desk) -> None:
    run(tmp_path, "community", "create", "commons", "The Commons")

    done = run(tmp_path, "community", "retire", "commons", "--yes")

    assert "5 accounts" in done.output
    assert desk.lines["commons"].retired


def test_an_error_is_one_line_what_where_what_next(tmp_path: Path, desk: Desk) -> None:
    result = run(tmp_path, "events", "show", "nowhere")

    assert result.output == "folkmoot: There is no event nowhere · folkmoot events list shows the newest.\n"
    assert result.exit_code == 2


def test_a_bad_setting_is_one_line_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "folkmoot.toml").write_text(LEAST + '[log]\nlevel = "loud"\n')

    result = run(tmp_path, "settings")

    assert result.output.startswith("folkmoot: Invalid enum value 'loud', found 'loud' · log.level · ")
    assert result.output.count("\n") == 1
    assert result.exit_code == 2


def test_no_settings_file_says_how_to_write_one(tmp_path: Path) -> None:
    result = run(tmp_path, "community", "list")

    assert "folkmoot init" in result.output
    assert result.exit_code == 2


def test_what_the_operator_cannot_mend_ends_with_another_status(tmp_path: Path, desk: Desk) -> None:
    desk.full = True

    result = run(tmp_path, "deliveries", "list")

    assert result.output == "folkmoot: The disk is full\n"
    assert result.exit_code == 1


@pytest.mark.parametrize(
    "words",
    [
        ("events", "list"),
        ("deliveries", "list"),
        ("holds", "list"),
        ("intake", "list"),
        ("media", "list"),
        ("community", "list"),
        ("log", "show", "commons", "--names"),
        ("log", "public", "commons"),
        ("cases", "list", "commons"),
        ("roles", "list", "commons"),
        ("status",),
    ],
)
def test_lists_fit_eighty_columns(tmp_path: Path, desk: Desk, words: tuple[str, ...]) -> None:
    desk.lines["commons"] = CommunityLine("commons", "A community whose name is " + "long " * 30, "@commons@moot.example")

    result = run(tmp_path, *words)

    assert result.exit_code == 0
    assert max(len(line) for line in result.output.splitlines()) <= 80


def test_json_holds_everything_that_the_table_cuts(tmp_path: Path, desk: Desk) -> None:
    events = json.loads(run(tmp_path, "events", "list", "--json").output)
    shown = json.loads(run(tmp_path, "events", "show", "a2b7c5d3e4fik7t2mq5x3wz4n6", "--json").output)
    holds = json.loads(run(tmp_path, "holds", "list", "--json").output)

    assert msgspec.convert(events, tuple[Record, ...]) == (HELD, CROSSED)
    assert msgspec.convert(shown, Record) == CROSSED
    assert msgspec.convert(holds, tuple[HoldLine, ...]) == tuple(desk.held.values())


def test_filters_reach_the_node(tmp_path: Path, desk: Desk) -> None:
    run(tmp_path, "events", "list", "--community", "commons", "--limit", "3")

    assert desk.told == ["events 3 commons"]


def test_a_held_event_is_listed_with_whose_why_and_until_when(tmp_path: Path, desk: Desk) -> None:
    result = run(tmp_path, "holds", "list")

    assert "@sam@masto.example" in result.output
    assert "review; returned 2026-11-25 12:00:00 UTC" in result.output
    assert "folkmoot holds release EVENT" in result.output


def test_a_seat_is_given_listed_and_ended(tmp_path: Path, desk: Desk) -> None:
    desk.lines["commons"] = CommunityLine("commons", "The Commons", "@commons@moot.example")
    assert "Nobody holds a seat yet" in run(tmp_path, "roles", "list", "commons").output

    given = run(tmp_path, "roles", "grant", "commons", "@hana:hs.example", "moderator", "--days", "90")

    assert "@hana:hs.example is moderator of commons, until 2027-02-" in given.output
    assert "moderator  @hana:hs.example" in run(tmp_path, "roles", "list", "commons").output
    assert "no longer moderator" in run(tmp_path, "roles", "end", "commons", "@hana:hs.example", "moderator").output
    assert "is no moderator of commons" in run(tmp_path, "roles", "end", "commons", "@hana:hs.example", "moderator").output
    assert run(tmp_path, "roles", "grant", "commons", "@hana:hs.example", "king").exit_code == 2


def test_releasing_takes_the_hold_away(tmp_path: Path, desk: Desk) -> None:
    result = run(tmp_path, "holds", "release", "k7t2mq5x3wz4n6a2b7c5d3e4fi")

    assert "Released the review hold on k7t2mq5x3wz4n6a2b7c5d3e4fi from @sam@masto.example" in result.output
    assert "Nothing waits." in run(tmp_path, "holds", "list").output


def test_returning_needs_a_reason_and_passes_it_on(tmp_path: Path, desk: Desk) -> None:
    silent = run(tmp_path, "holds", "return", "k7t2mq5x3wz4n6a2b7c5d3e4fi")
    told = run(tmp_path, "holds", "return", "k7t2mq5x3wz4n6a2b7c5d3e4fi", "--reason", "We speak about gardening here.")

    assert silent.exit_code == 2
    assert told.exit_code == 0
    assert desk.told == ["We speak about gardening here."]


def test_a_file_is_listed_with_its_address_and_taken_down_by_its_id(tmp_path: Path, desk: Desk) -> None:
    before = run(tmp_path, "media", "list").output
    down = run(tmp_path, "media", "remove", PHOTO.id, "--reason", "The person in it asked.")
    after = run(tmp_path, "media", "list").output

    assert PHOTO.address in before
    assert "image/jpeg, 91,234 bytes, 800×600" in before
    assert down.output.startswith(f"Taken down: {PHOTO.id} (image/jpeg, 91,234 bytes).")
    assert "taken down 2026-11-24 12:00:00 UTC: The person in it asked." in after
    assert PHOTO.address not in after
    assert run(tmp_path, "media", "remove", "nothing").exit_code == 2


def test_dead_letters_are_listed_and_sent_again_by_number(tmp_path: Path, desk: Desk) -> None:
    listed = run(tmp_path, "deliveries", "list").output
    again = run(tmp_path, "deliveries", "retry", "17")

    assert "410 Gone" in listed
    assert "503" in listed
    assert "Sending the wrap of event a2b7c5d3e4fik7t2mq5x3wz4n6 to https://gone.example/inbox again." in again.output


def test_the_life_of_an_event_is_told_in_sentences() -> None:
    assert life(CROSSED) == (
        "Event a2b7c5d3e4fik7t2mq5x3wz4n6",
        "Received 2026-11-24 12:00:00 UTC: an edit, in matrix:!commons:hs.example.",
        "Judged: crossed.",
        "  Because: Bo lets everything cross.",
        "  Because: The room is public.",
        "Not carried to activitypub:https://moot.example/c/one: The group cannot keep words among few. (audience.not_carried)",
        "Delivered to 1 of 4 destinations.",
        "  Will not reach https://gone.example/inbox (wrap), after 3 tries: 410 Gone",
        "  Waiting for https://masto.example/inbox (direct), tried 2 times, last answer: 503, next try 2026-11-24 12:04:00 UTC.",
        "  Given up for https://gone.example/inbox (direct): silent for 7 days",
    )


def test_a_held_event_says_until_when_and_that_nothing_was_sent() -> None:
    told = life(HELD)

    assert "Held until 2026-11-25 12:00:00 UTC, unless someone decides earlier (folkmoot holds list)." in told
    assert told[-1] == "Nothing of it was sent anywhere."


def test_the_status_names_what_waits_and_since_when(tmp_path: Path, desk: Desk) -> None:
    output = run(tmp_path, "status").output

    assert "moot.example: folkmoot 0.1.0, running" in output
    assert "1 holds, 1 dead letters" in output
    assert "2 min" in output
    assert "12.0 GB" in output


def test_what_peers_wrote_cannot_command_the_terminal() -> None:
    hostile = "\x1b]0;owned\x07\u202eevil\r\nnext\u2028\udc80"

    assert safe(hostile) == "\ufffd]0;owned\ufffd\ufffdevil  next \ufffd"
    assert "\x1b" not in table(("A",), ((hostile,),))


def test_wide_and_joined_letters_keep_columns_in_line() -> None:
    lines = table(("NAME", "X"), (("日本", "1"), ("e\u0301a", "2"), ("abcd", "3"))).splitlines()

    assert lines == ["NAME  X", "日本  1", "e\u0301a    2", "abcd  3"]


def test_the_widest_column_gives_way_first() -> None:
    lines = table(("ID", "TEXT"), (("k" * 26, "t" * 100),)).splitlines()

    assert lines[1] == "k" * 26 + "  " + "t" * 51 + "…"


def test_what_people_copy_is_never_cut() -> None:
    lines = table(("ID", "TEXT"), (("k" * 78, "text"),)).splitlines()

    assert lines[1].startswith("k" * 78)


@pytest.mark.parametrize(("seconds", "said"), [(-1, "0 s"), (40, "40 s"), (90, "2 min"), (3_600, "1 h"), (200_000, "2 d")])
def test_a_span_is_said_in_its_largest_unit(seconds: float, said: str) -> None:
    assert span(seconds) == said


def test_the_environment_chooses_the_file(tmp_path: Path) -> None:
    (tmp_path / "elsewhere.toml").write_text(LEAST.replace("moot", "other"))

    result = CliRunner(env={"FOLKMOOT_SETTINGS": str(tmp_path / "elsewhere.toml")}).invoke(root, ["settings"])

    assert 'domain = "other.example"' in result.output


def test_a_reader_that_stops_early_is_no_error_to_talk_about() -> None:
    command = [sys.executable, "-m", "bridge", "settings", "--reference"]
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            command, stdout=writing, stderr=subprocess.PIPE, check=False, preexec_fn=lambda: signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        )
    finally:
        os.close(writing)

    assert done.stderr == b""


def test_a_stuck_arrival_is_shown_tried_again_or_given_up_with_a_reason(tmp_path: Path, desk: Desk) -> None:
    listed = run(tmp_path, "intake", "list")
    again = run(tmp_path, "intake", "retry", "1204")
    after = run(tmp_path, "intake", "list")
    given_up = run(tmp_path, "intake", "drop", "1204", "--reason", "That server is gone.")
    nothing = run(tmp_path, "intake", "list")
    unknown = run(tmp_path, "intake", "retry", "1204")

    assert "STUCK, tried 9 times: could not be read" in listed.output
    assert "1204" in again.output
    assert "STUCK" not in after.output
    assert (given_up.exit_code, desk.told) == (0, ["That server is gone."])
    assert nothing.output == "Everything that arrived was read.\n"
    assert (unknown.exit_code, "nothing waits under the number 1204" in unknown.output.lower()) == (2, True)
