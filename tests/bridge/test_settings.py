"""A settings file is understood completely or refused by path, value and remedy; what is written about settings is what is accepted."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge import manual
from bridge.description import entries
from bridge.errors import BadSetting
from bridge.settings import Development, Log, Matrix, Settings
from bridge.settingsfile import load, read

ROOT = Path(__file__).parents[2]
LEAST = 'domain = "moot.example"\ndata_dir = "data"\n'
MATRIX = LEAST + '[matrix]\nhomeserver = "http://127.0.0.1:8008"\nserver_name = "hs.example"\n'
FOLDER = Path("/etc/folkmoot")


def refusal(text: str) -> BadSetting:
    with pytest.raises(BadSetting) as caught:
        load(text, folder=FOLDER)
    return caught.value


def test_two_lines_are_enough() -> None:
    settings = load(LEAST, folder=FOLDER)

    assert Settings(domain="moot.example", data_dir="/etc/folkmoot/data") == settings
    assert settings.origin == "https://moot.example"
    assert settings.store == Path("/etc/folkmoot/data/folkmoot.sqlite")
    assert settings.registration == Path("/etc/folkmoot/data/registration.yaml")
    assert settings.secrets == Path("/etc/folkmoot/data/secrets")


def test_the_homeserver_reaches_us_where_we_listen_unless_told_otherwise() -> None:
    simple = load(MATRIX, folder=FOLDER).matrix
    told = load(MATRIX + 'appservice_url = "https://inside.example/moot/"\n', folder=FOLDER).matrix
    six = load(MATRIX + '[matrix.listen]\nhost = "::1"\n', folder=FOLDER).matrix

    assert simple is not None
    assert told is not None
    assert six is not None
    assert simple.reached_at == "http://127.0.0.1:8421"
    assert told.reached_at == "https://inside.example/moot"
    assert six.reached_at == "http://[::1]:8421"


@pytest.mark.parametrize(
    ("text", "key", "says", "remedy"),
    [
        ("", "$.domain", "missing", 'domain = "moot.example"'),
        (MATRIX.replace("homeserver", "homesever"), "$.matrix.homesever", "no such setting", "`homeserver`"),
        (LEAST + "[grease]\n", "$.grease", "no such setting", "`grace`"),
        (LEAST + "[log]\nzzz = 1\n", "$.log.zzz", "no such setting", "Known here: level, format."),
        (LEAST + "[metrics]\nport = 8420\n", "$.metrics.port", "found 8420 for both", "8422"),
        (MATRIX + "[metrics]\nport = 8421\n", "$.metrics.port", "than that of matrix.listen", "8422"),
        (LEAST + "[matrix]\n", "$.matrix.homeserver", "missing", 'homeserver = "http://127.0.0.1:8008"'),
        (LEAST + '[listen]\nport = "80"\n', "$.listen.port", "expected `int`, got `str`, found '80'", "TCP port"),
        (LEAST + "[listen]\nport = 70000\n", "$.listen.port", "found 70000", "0 to 65,535"),
        (LEAST + '[log]\nlevel = "loud"\n', "$.log.level", "found 'loud'", "`debug` or `info`"),
        (LEAST + "log = 3\n", "$.log", "found 3", "[log]"),
        (LEAST + "[grace]\ndefault = 2\n", "$.grace.default", "found 2", "choose one"),
        (LEAST + "[activitypub]\nlongest_retry = 1\n", "$.activitypub.longest_retry", "found 1", "Leave both out"),
        (LEAST + "x = \n", "settings", "not TOML", "quotation marks"),
        (LEAST + '[storage]\nurl = "postgresql://db/moot"\npath = "x"\n', "$.storage.url", "so is storage.path", "one database"),
        (LEAST.replace("moot.example", "Moot.example"), "$.domain", "found 'Moot.example'", "lower case"),
        (LEAST.replace("moot.example", "https://moot.example"), "$.domain", "found 'https://moot.example'", "without https://"),
        (LEAST.replace("moot.example", "moot.example:8443"), "$.domain", "without a port", "[development]"),
        (LEAST.replace("moot.example", "moot"), "$.domain", "found 'moot'", "moot.example"),
        (MATRIX.replace("http://127.0.0.1:8008", "127.0.0.1:8008"), "$.matrix.homeserver", "http or https URL", '"http://'),
        (MATRIX.replace("http://127", "http://me:secret@127"), "$.matrix.homeserver", "http or https URL", "user name"),
        (MATRIX.replace("hs.example", "@ana:hs"), "$.matrix.server_name", "found '@ana:hs'", "after the colon"),
        (MATRIX + 'prefix = "moot_"\n', "$.matrix.prefix", "found 'moot_'", "_moot_"),
        (MATRIX + 'prefix = "_.*_"\n', "$.matrix.prefix", "found '_.*_'", "_moot_"),
        (MATRIX + 'bot = "Moot"\n', "$.matrix.bot", "found 'Moot'", "moot"),
        (MATRIX + 'bot = "_moot_x"\n', "$.matrix.bot", "found '_moot_x'", "not starting with"),
        (MATRIX + "[matrix.listen]\nport = 8420\n", "$.matrix.listen.port", "8420 for both", "8421"),
    ],
)
def test_a_mistake_is_named_by_path_value_and_remedy(text: str, key: str, says: str, remedy: str) -> None:
    error = refusal(text)

    assert error.key == key
    assert says in error.public
    assert remedy in (error.remedy or "")


@pytest.mark.parametrize(
    "line", ['networks = ["127.0.0.0/8"]', 'ca_file = "ca.pem"', 'origins = ["http://127.0.0.1:80"]', "loopback = true"]
)
def test_development_keys_are_refused_without_the_switch(line: str) -> None:
    name = line.split(" ", 1)[0]

    error = refusal(f"{LEAST}[development]\n{line}\n")

    assert error.key == f"$.development.{name}"
    assert "not enabled" in error.public
    assert load(f"{LEAST}[development]\nenabled = true\n{line}\n", folder=FOLDER).development.enabled


@pytest.mark.parametrize(
    "url", ["mysql://db/moot", "postgresql://db", "postgresql://db:0/moot", "postgresql://db:many/moot", "postgresql://db/moot#x", "moot"]
)
def test_a_database_is_the_address_of_a_postgresql_database(url: str) -> None:
    assert refusal(f'{LEAST}[storage]\nurl = "{url}"\n').key == "$.storage.url"


@pytest.mark.parametrize(
    "url",
    ["postgresql://db/moot", "postgres:///moot?host=/run/postgresql", "postgresql://ana@one,two:5433/moot?target_session_attrs=read-write"],
)
def test_a_database_may_be_here_elsewhere_or_on_several_hosts(url: str) -> None:
    assert load(f'{LEAST}[storage]\nurl = "{url}"\n', folder=FOLDER).storage.url == url


@pytest.mark.parametrize(
    "url", ["postgresql://ana:hunter2@db/moot", "postgresql://ana@db/moot?password=hunter2", "mysql://ana:hunter2@db/x"]
)
def test_a_databases_password_does_not_belong_into_the_settings_and_is_never_repeated(url: str) -> None:
    error = refusal(f'{LEAST}[storage]\nurl = "{url}"\n')

    assert "without a password" in error.public
    assert "database_password" in (error.remedy or "")
    assert "hunter2" not in f"{error!r} {error} {error.private} {error.remedy}"


@pytest.mark.parametrize("text", ["http://a.example/path", "a.example", "ftp://a.example", "http://A.example", "http://u@a.example"])
def test_an_origin_is_a_scheme_a_host_and_a_port(text: str) -> None:
    assert refusal(f'{LEAST}[development]\nenabled = true\norigins = ["{text}"]\n').key == "$.development.origins[0]"


def test_a_range_with_host_bits_is_refused() -> None:
    assert refusal(f'{LEAST}[development]\nenabled = true\nnetworks = ["127.0.0.1/8"]\n').key == "$.development.networks[0]"


def test_development_may_have_plain_http_a_port_and_a_short_grace() -> None:
    text = LEAST.replace("moot.example", "127.0.0.1:8500") + "[grace]\ndefault = 2\n"

    settings = load(text + '[development]\nenabled = true\norigins = ["http://127.0.0.1:8500"]\nca_file = "ca.pem"\n', folder=FOLDER)

    assert settings.origin == "http://127.0.0.1:8500"
    assert settings.grace.default == 2
    assert settings.development.ca_file == "/etc/folkmoot/ca.pem"


def test_an_origin_listed_for_others_leaves_ours_on_https() -> None:
    text = LEAST + '[development]\nenabled = true\norigins = ["http://127.0.0.1:8500"]\n'

    assert load(text, folder=FOLDER).origin == "https://moot.example"


def test_a_file_that_is_not_there_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match=r"no such settings file") as caught:
        read(tmp_path / "none.toml")

    assert "folkmoot init" in (caught.value.remedy or "")


def test_relative_paths_start_at_the_settings_file(tmp_path: Path) -> None:
    file = tmp_path / "folkmoot.toml"
    file.write_text(LEAST)

    assert read(file).data == tmp_path / "data"


def test_every_setting_and_section_is_described() -> None:
    for entry in entries(Settings):
        assert len(entry.description) > 10, entry.path
        assert entry.description.endswith("."), entry.path


def test_the_example_in_the_repository_is_the_one_the_code_renders() -> None:
    assert manual.example() == (ROOT / "deploy/folkmoot.example.toml").read_text("utf-8"), "run: folkmoot settings --example"


def test_the_reference_in_the_repository_is_the_one_the_code_renders() -> None:
    assert manual.reference() in (ROOT / "deploy/README.md").read_text("utf-8"), "run: folkmoot settings --reference"


def test_the_example_is_accepted_as_it_stands() -> None:
    settings = load(manual.example(), folder=FOLDER)

    assert settings.domain == "moot.example"
    assert settings.matrix is not None


def test_the_example_shows_the_defaults_in_force() -> None:
    uncommented = re.sub(r"^# ([a-z_]+ = )", r"\1", manual.example(), flags=re.MULTILINE).partition("# [development]")[0]

    shown = load(uncommented, folder=FOLDER)

    assert load(manual.example(), folder=FOLDER) == shown


FULL = Settings(
    domain="127.0.0.1:8500",
    data_dir='/srv/dåta "quoted"\x7f',
    matrix=Matrix(homeserver="http://127.0.0.1:8008", server_name="hs.test"),
    log=Log(level="debug"),
    development=Development(enabled=True, networks=("127.0.0.0/8",), origins=("http://127.0.0.1:8500",)),
)


@pytest.mark.parametrize("everything", [True, False])
def test_settings_written_out_read_back_the_same(everything: bool) -> None:
    assert load(manual.to_toml(FULL, everything=everything), folder=Path("/")) == FULL


@given(st.text().filter(lambda text: not re.search(r"[\ud800-\udfff\x00]", text)))
def test_any_text_survives_being_written_out(contact: str) -> None:
    settings = msgspec.structs.replace(FULL, activitypub=msgspec.structs.replace(FULL.activitypub, contact=contact))

    assert load(manual.to_toml(settings), folder=Path("/")) == settings


def test_the_settings_in_force_are_shown_with_secrets_masked() -> None:
    matrix = Matrix(homeserver="http://ana:hunter2@127.0.0.1:8008", server_name="hs.test")

    shown = manual.effective(msgspec.structs.replace(FULL, matrix=matrix))

    assert "hunter2" not in shown
    assert 'homeserver = "http://****@127.0.0.1:8008"' in shown
    assert re.search(r"hs_token: \*+\n", shown)
    assert "body_bytes = 1000000" in shown
