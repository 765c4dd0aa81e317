"""Five answers make a node that its own settings accept; a bad answer is named and asked again; nothing is ever overwritten unasked."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from bridge.cli import root
from bridge.commands.founding import lay_out
from bridge.errors import BadSetting
from bridge.founding import QUESTIONS, Answers, found_secrets, settings_for, settings_text, tidy
from bridge.keyfiles import read_secrets
from bridge.settings import Development
from bridge.settingsfile import load, read

FLAGS = (
    *("--domain", "moot.example"),
    *("--homeserver", "http://127.0.0.1:8008"),
    *("--server-name", "hs.example"),
    *("--data-dir", "data"),
    *("--listen", "127.0.0.1:9000"),
)
ANSWERS = Answers("moot.example", "http://127.0.0.1:8008", "hs.example", "/srv/moot", "127.0.0.1:9000")


def init(folder: Path, *words: str, feed: str = "") -> Result:
    return CliRunner().invoke(root, ["--settings", str(folder / "folkmoot.toml"), "init", *words], input=feed, prog_name="folkmoot")


def files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def test_flags_alone_found_a_node(tmp_path: Path) -> None:
    result = init(tmp_path, *FLAGS)

    assert result.exit_code == 0, result.output
    settings = read(tmp_path / "folkmoot.toml")
    assert settings.domain == "moot.example"
    assert settings.data == tmp_path / "data"
    assert settings.matrix is not None
    assert settings.matrix.listen.port == 9001
    secrets = read_secrets(settings.secrets, matrix=True)
    registration = settings.registration.read_text()
    assert secrets.as_token in registration
    assert secrets.hs_token in registration
    assert settings.matrix.reached_at in registration


def test_everything_written_is_for_its_owner_alone(tmp_path: Path) -> None:
    init(tmp_path, *FLAGS)

    assert {stat.S_IMODE(path.stat().st_mode) for path in files(tmp_path)} == {0o600}
    assert stat.S_IMODE((tmp_path / "data" / "secrets").stat().st_mode) == 0o700


def test_it_says_what_to_do_next(tmp_path: Path) -> None:
    output = init(tmp_path, *FLAGS).output

    assert "app_service_config_files:" in output
    assert f"- {tmp_path}/data/registration.yaml" in output
    assert f"folkmoot --settings {tmp_path}/folkmoot.toml run" in output


def test_no_secret_is_printed(tmp_path: Path) -> None:
    output = init(tmp_path, *FLAGS).output

    secrets = read_secrets(tmp_path / "data" / "secrets", matrix=True)
    assert secrets.as_token not in output
    assert secrets.hs_token not in output


def test_five_questions_found_the_same_node(tmp_path: Path) -> None:
    result = init(tmp_path, feed="moot.example\nhttp://127.0.0.1:8008\nhs.example\ndata\n127.0.0.1:9000\n")

    assert result.exit_code == 0, result.output
    for question in QUESTIONS:
        assert question.ask in result.output
    init(tmp_path / "flags", *FLAGS)
    assert (tmp_path / "folkmoot.toml").read_text() == (tmp_path / "flags" / "folkmoot.toml").read_text()


def test_a_flag_answers_its_question(tmp_path: Path) -> None:
    output = init(tmp_path, *FLAGS[2:], feed="moot.example\n").output

    assert "Domain:" in output
    assert "Matrix homeserver" not in output


def test_the_domain_is_suggested_as_server_name(tmp_path: Path) -> None:
    init(tmp_path, feed="moot.example\nhttp://127.0.0.1:8008\n\ndata\n127.0.0.1:9000\n")

    matrix = read(tmp_path / "folkmoot.toml").matrix
    assert matrix is not None
    assert matrix.server_name == "moot.example"


def test_a_bad_answer_says_what_is_wrong_and_is_asked_again(tmp_path: Path) -> None:
    result = init(tmp_path, *FLAGS[2:], feed="moot example\nmoot.example\n")

    assert "That cannot stand: expected a domain name in lower case, found 'moot example'." in result.output
    assert result.output.count("Domain:") == 2
    assert result.exit_code == 0


def test_a_bad_flag_is_an_error_that_writes_nothing(tmp_path: Path) -> None:
    result = init(tmp_path, *FLAGS[:-1], "127.0.0.1:99999")

    assert "Expected HOST:PORT, found '127.0.0.1:99999' · listen · " in result.output
    assert result.exit_code == 2
    assert not list(files(tmp_path))


def test_answers_that_end_early_name_the_flag(tmp_path: Path) -> None:
    result = init(tmp_path, *FLAGS[:6])

    assert "--data-dir" in result.output
    assert result.exit_code == 2
    assert not list(files(tmp_path))


@pytest.mark.parametrize("taken", ["folkmoot.toml", "data/secrets/secret.key", "data/secrets/hs_token", "data/registration.yaml"])
def test_nothing_is_overwritten_unasked(tmp_path: Path, taken: str) -> None:
    (tmp_path / taken).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / taken).write_text("mine")

    result = init(tmp_path, *FLAGS)

    assert result.exit_code == 2
    assert "--force" in result.output
    assert (tmp_path / taken).read_text() == "mine"
    assert len(list(files(tmp_path))) == 1


def test_force_writes_everything_anew(tmp_path: Path) -> None:
    init(tmp_path, *FLAGS)
    before = read_secrets(tmp_path / "data" / "secrets", matrix=True)

    result = init(tmp_path, *FLAGS, "--force")

    after = read_secrets(tmp_path / "data" / "secrets", matrix=True)
    assert result.exit_code == 0
    assert {before.key, before.as_token, before.hs_token}.isdisjoint({after.key, after.as_token, after.hs_token})


@pytest.mark.parametrize(
    ("key", "said", "kept"),
    [
        ("domain", " https://Moot.example/ ", "moot.example"),
        ("homeserver", "http://127.0.0.1:8008/", "http://127.0.0.1:8008"),
        ("listen", "[::1]:8420", "[::1]:8420"),
        ("data_dir", "~x y", "~x y"),
    ],
)
def test_what_people_paste_is_tidied(key: str, said: str, kept: str) -> None:
    assert tidy(key, said) == kept


@pytest.mark.parametrize(
    ("key", "said"),
    [
        *((question.key, "") for question in QUESTIONS),
        ("domain", "moot.example:8443"),
        ("domain", "localhost"),
        ("homeserver", "127.0.0.1:8008"),
        ("server_name", "@ana:hs.example"),
        ("data_dir", "a\nb"),
        ("listen", "8420"),
        ("listen", "127.0.0.1:"),
        ("listen", "127.0.0.1:65535"),
        ("listen", '"\n:80'),
    ],
)
def test_an_answer_that_cannot_stand_says_why_and_what_to_write(key: str, said: str) -> None:
    with pytest.raises(BadSetting) as caught:
        tidy(key, said)

    assert caught.value.remedy


@pytest.mark.parametrize("key", [question.key for question in QUESTIONS])
@given(said=st.text())
def test_any_answer_stands_or_is_refused_by_name(key: str, said: str) -> None:
    try:
        kept = tidy(key, said)
    except BadSetting:
        return
    assert tidy(key, kept) == kept


def test_a_node_without_matrix_has_no_section_for_it() -> None:
    settings = settings_for(Answers("moot.example", "", "", "/srv/moot"))

    assert settings.matrix is None
    assert load(settings_text(settings), folder=Path("/")) == settings


def test_a_node_without_matrix_gets_a_key_and_nothing_for_a_homeserver(tmp_path: Path) -> None:
    settings = settings_for(Answers("moot.example", "", "", "data"))

    placed = lay_out(tmp_path / "folkmoot.toml", settings, found_secrets(bytes))

    assert {str(path.relative_to(tmp_path)) for path in files(tmp_path)} == {"folkmoot.toml", "data/secrets/secret.key"}
    assert placed.data == tmp_path / "data"


def test_a_demonstration_node_may_listen_on_a_port_of_its_own() -> None:
    development = Development(enabled=True, networks=("127.0.0.0/8",), origins=("http://127.0.0.1:9000",))

    settings = settings_for(Answers("127.0.0.1:9000", "", "", "/srv/moot", "127.0.0.1:9000"), development)

    assert load(settings_text(settings), folder=Path("/")).origin == "http://127.0.0.1:9000"


def test_the_homeservers_door_is_the_next_port_unless_named() -> None:
    plain = settings_for(ANSWERS).matrix
    named = settings_for(Answers("moot.example", "http://hs:8008", "hs.example", "/srv/moot", door="0.0.0.0:29000")).matrix

    assert plain is not None
    assert named is not None
    assert (plain.listen.host, plain.listen.port) == ("127.0.0.1", 9001)
    assert (named.listen.host, named.listen.port) == ("0.0.0.0", 29000)


def test_secrets_are_long_and_never_the_same() -> None:
    numbers = count()

    def entropy(size: int) -> bytes:
        return bytes([next(numbers)]) * size

    secrets = found_secrets(entropy)

    assert len(secrets.key) == 32
    assert len(secrets.as_token) == len(secrets.hs_token) == 43
    assert secrets.as_token != secrets.hs_token
