"""The settings file, read into one checked value; a mistake is named by path, value and remedy.

One TOML file; `FOLKMOOT_SETTINGS` or `--settings` only choose which. Unknown keys are refused.
"""

from __future__ import annotations

import ipaddress
import re
import tomllib
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import msgspec

from bridge.description import explain
from bridge.errors import BadSetting
from bridge.settings import ENVIRONMENT, GRACES, Development, Listen, Matrix, Settings

__all__ = ["load", "read", "verify_database"]

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_PREFIX = re.compile(r"_[a-z0-9._=/-]*_")
_LOCALPART = re.compile(r"[a-z0-9._=/-]{1,64}")


def read(path: Path) -> Settings:
    """The settings in a file, relative paths resolved against its folder. Raises BadSetting."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise BadSetting(
            "no such settings file",
            key=str(path),
            remedy=f"Run `folkmoot init` to write one, or name yours with --settings or {ENVIRONMENT}.",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadSetting(f"cannot be read: {error}", key=str(path), remedy="It must be readable by this account, in UTF-8.") from error
    return load(text, folder=path.resolve().parent, name=str(path))


def load(text: str, *, folder: Path, name: str = "settings") -> Settings:
    """Settings from TOML. `folder` is where relative paths start, `name` what errors call the file. Raises BadSetting."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadSetting(f"not TOML: {error}", key=name, remedy="Text values need quotation marks; sections look like [matrix].") from error
    try:
        settings = msgspec.convert(raw, Settings)
    except msgspec.ValidationError as error:
        raise explain(str(error), raw, Settings) from error
    _verify(settings)
    development = settings.development
    if development.ca_file:
        development = msgspec.structs.replace(development, ca_file=str(folder / development.ca_file))
    return msgspec.structs.replace(settings, data_dir=str(folder / settings.data_dir), development=development)


def _verify(settings: Settings) -> None:
    """What types cannot say."""
    development = settings.development
    if not development.enabled:
        for name in ("networks", "ca_file", "origins", "loopback"):
            if getattr(development, name):
                raise BadSetting(
                    "set, but development is not enabled",
                    key=f"$.development.{name}",
                    remedy="Take the line out. On a machine that serves nobody else, `enabled = true` in [development] allows it.",
                )
    _verify_development(development)
    _verify_domain(settings)
    if settings.media.host and not re.fullmatch(rf"{_HOST.pattern}(?::[0-9]{{1,5}})?", settings.media.host):
        raise BadSetting(
            f"expected a host name, found {settings.media.host!r}",
            key="$.media.host",
            remedy="In lower case, without https:// and slashes, as in media.moot.example.",
        )
    if settings.grace.default not in GRACES and not development.enabled:
        raise BadSetting(
            f"expected 0, 15 or 60 seconds, found {settings.grace.default}",
            key="$.grace.default",
            remedy="Members know these three; choose one.",
        )
    if settings.activitypub.longest_retry < settings.activitypub.first_retry:
        raise BadSetting(
            f"expected at least first_retry ({settings.activitypub.first_retry:g}), found {settings.activitypub.longest_retry:g}",
            key="$.activitypub.longest_retry",
            remedy="Leave both out for one minute doubling to six hours.",
        )
    if settings.storage.url:
        verify_database(settings.storage.url, key="$.storage.url")
        if settings.storage.path:
            raise BadSetting(
                "set, and so is storage.path", key="$.storage.url", remedy="A node has one database: take one of the two lines out."
            )
    if settings.matrix is not None:
        _verify_matrix(settings.matrix, settings.listen)
    _verify_metrics(settings)


def verify_database(url: str, *, key: str) -> None:
    """Raises BadSetting, without repeating the URL, when it is no address of a PostgreSQL database or holds a password."""
    try:
        parts = urlsplit(url)
        is_sound = "," in parts.netloc or parts.port != 0
    except ValueError:
        parts, is_sound = urlsplit(""), False
    if ":" in parts.netloc.rpartition("@")[0] or any(name == "password" for name, _ in parse_qsl(parts.query)):
        raise BadSetting(
            "expected an address without a password",
            key=key,
            remedy="Put the password into `database_password` beside the other secrets, readable by this account only, or into ~/.pgpass.",
        )
    if not is_sound or parts.scheme not in {"postgresql", "postgres"} or not parts.path.strip("/") or parts.fragment:
        raise BadSetting(
            "expected the address of a PostgreSQL database",
            key=key,
            remedy="Write it as postgresql://name@host/database; `host` may be left out.",
        )


def _verify_development(development: Development) -> None:
    for index, text in enumerate(development.networks):
        try:
            ipaddress.ip_network(text)
        except ValueError as error:
            raise BadSetting(
                f"expected an address range, found {text!r}", key=f"$.development.networks[{index}]", remedy='Write it as "127.0.0.0/8".'
            ) from error
    for index, text in enumerate(development.origins):
        if not re.fullmatch(rf"https?://(?:{_HOST.pattern})(?::[0-9]{{1,5}})?", text):
            raise BadSetting(
                f"expected an origin, found {text!r}",
                key=f"$.development.origins[{index}]",
                remedy='Scheme, host in lower case and port, nothing behind it: "http://127.0.0.1:8420".',
            )


def _verify_domain(settings: Settings) -> None:
    _verify_name(settings, "$.domain", settings.domain, serves=not settings.server)
    if settings.server:
        _verify_name(settings, "$.server", settings.server, serves=True)


def _verify_name(settings: Settings, key: str, name: str, *, serves: bool) -> None:
    """`serves`: it stands in the URLs of this node, so that in development it needs an origin."""
    host, _, port = name.partition(":")
    if port.isdigit() and (
        not settings.development.enabled or (serves and not {f"http://{name}", f"https://{name}"} & set(settings.development.origins))
    ):
        raise BadSetting(
            f"expected a name without a port, found {name!r}",
            key=key,
            remedy="Other servers refuse addresses with a port; a port needs [development] with this origin in `origins`.",
        )
    if (
        (":" in name and not port.isdigit())
        or len(host) > 253
        or not _HOST.fullmatch(host)
        or ("." not in host and not settings.development.enabled)
    ):
        raise BadSetting(
            f"expected a domain name in lower case, found {name!r}",
            key=key,
            remedy="In lower case, without https:// and slashes, as in moot.example; with other letters in its xn-- form.",
        )


def _verify_matrix(matrix: Matrix, public: Listen) -> None:
    for name, url in (("homeserver", matrix.homeserver), ("appservice_url", matrix.appservice_url)):
        if name == "appservice_url" and not url:
            continue
        if not _is_base_url(url):
            raise BadSetting(
                f"expected an http or https URL, found {url!r}",
                key=f"$.matrix.{name}",
                remedy='Without a user name, a question mark or a #, as in "http://127.0.0.1:8008".',
            )
    if not re.fullmatch(rf"(?:{_HOST.pattern}|\[[0-9a-f:.]+\])(?::[0-9]{{1,5}})?", matrix.server_name):
        raise BadSetting(
            f"expected a Matrix server name, found {matrix.server_name!r}",
            key="$.matrix.server_name",
            remedy="It is what stands after the colon in an account's id: example.org in @ana:example.org.",
        )
    # Synapse matches a namespace at its start only: without the underscores a prefix would claim people's own accounts.
    if not _PREFIX.fullmatch(matrix.prefix) or len(matrix.prefix) > 32:
        raise BadSetting(
            f"expected a short word between underscores, found {matrix.prefix!r}",
            key="$.matrix.prefix",
            remedy="Lower-case letters, digits and . _ = / - only, starting and ending with _, as in _moot_.",
        )
    if not _LOCALPART.fullmatch(matrix.bot) or matrix.bot.startswith(matrix.prefix):
        raise BadSetting(
            f"expected the local part of a Matrix id, found {matrix.bot!r}",
            key="$.matrix.bot",
            remedy=f"Lower-case letters, digits and . _ = / - only, not starting with {matrix.prefix}, as in moot.",
        )
    if matrix.listen.port and (matrix.listen.host, matrix.listen.port) == (public.host, public.port):
        raise BadSetting(
            f"expected another port than the public one, found {matrix.listen.port} for both",
            key="$.matrix.listen.port",
            remedy="The homeserver's door must not be the public one; 8421 is the default.",
        )


def _verify_metrics(settings: Settings) -> None:
    """What the operator alone may see never shares an address with what others reach."""
    doors = {"listen": settings.listen, **({"matrix.listen": settings.matrix.listen} if settings.matrix is not None else {})}
    own = settings.metrics
    for name, door in doors.items():
        if own.port and (own.host, own.port) == (door.host, door.port):
            raise BadSetting(
                f"expected another port than that of {name}, found {own.port} for both",
                key="$.metrics.port",
                remedy="8422 is a good choice.",
            )


def _is_base_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    whole = parts.scheme in {"http", "https"} and bool(parts.hostname) and port != 0
    return whole and not (parts.username or parts.password or parts.query or parts.fragment or re.search(r"[\s\x00-\x1f]", text))
