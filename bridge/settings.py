"""Everything an operator decides, as one frozen value, each part with its meaning.

`bridge/settingsfile.py` reads and checks it. Secrets are never in it: they are files (`bridge/keyfiles.py`). The example file and the
reference table are rendered from these structs (`bridge/manual.py`).
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

__all__ = [
    "ENVIRONMENT",
    "GRACES",
    "ActivityPub",
    "Development",
    "Grace",
    "Limits",
    "Listen",
    "Log",
    "Matrix",
    "Media",
    "MetricsListen",
    "Retention",
    "Settings",
    "Storage",
]

ENVIRONMENT: Final = "FOLKMOOT_SETTINGS"
"""The one environment variable: it names the file."""

GRACES: Final = (0, 15, 60)
"""Seconds a member can choose between (N01); others only in development."""


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What all parts share: frozen, and a key we do not know is a mistake."""


class Listen(_Section, frozen=True):
    """An address to listen on."""

    host: Annotated[str, Meta(description="Address to listen on. `127.0.0.1` when a reverse proxy on this machine passes requests on.")] = (
        "127.0.0.1"
    )
    port: Annotated[int, Meta(ge=0, le=65535, description="TCP port. 0 lets the system choose one, which only tests want.")] = 8420

    @property
    def local(self) -> str:
        """HOST:PORT as a program on this machine reaches it: what listens everywhere is reached by loopback."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"


class AppserviceListen(Listen, frozen=True):
    """Where the homeserver's transactions come in."""

    port: Annotated[int, Meta(ge=0, le=65535, description="TCP port for the homeserver. Must differ from the public port.")] = 8421


class MetricsListen(Listen, frozen=True):
    """Numbers for a monitoring system such as Prometheus, at `/metrics`. They belong to the operator alone: no proxy passes them on."""

    port: Annotated[int, Meta(ge=0, le=65535, description="TCP port for `/metrics`; 0 serves them nowhere.")] = 0


class Matrix(_Section, frozen=True):
    """The homeserver whose application service this node is."""

    homeserver: Annotated[
        str, Meta(description="Base URL of the homeserver's client API, as this machine reaches it.", examples=["http://127.0.0.1:8008"])
    ]
    server_name: Annotated[str, Meta(description="The part after the colon in your accounts' Matrix ids.", examples=["example.org"])]
    prefix: Annotated[
        str,
        Meta(
            description="Start of the local part of every account that stands for someone from elsewhere. Never change it once people talk."
        ),
    ] = "_moot_"
    bot: Annotated[
        str, Meta(description="What the bot is called: `moot` gives `@moot:example.org`, an account that only this node may use.")
    ] = "moot"
    listen: Annotated[AppserviceListen, Meta(description="Where the homeserver reaches this node.")] = AppserviceListen()
    appservice_url: Annotated[
        str,
        Meta(
            description="The URL the homeserver uses to reach `matrix.listen`, when it is not simply `http://host:port` (containers, proxies)."
        ),
    ] = ""
    registration: Annotated[
        str, Meta(description="Where the registration file lies that the homeserver reads. Empty: `registration.yaml` in `data_dir`.")
    ] = ""

    @property
    def reached_at(self) -> str:
        """The URL in the registration file, without a trailing slash."""
        host = f"[{self.listen.host}]" if ":" in self.listen.host else self.listen.host
        return (self.appservice_url or f"http://{host}:{self.listen.port}").rstrip("/")


class ActivityPub(_Section, frozen=True):
    """How this node behaves towards the fediverse."""

    contact: Annotated[
        str,
        Meta(
            description="How people and other servers' operators reach you: a mail address or a URL. Shown at `/contact` and in NodeInfo."
        ),
    ] = ""
    first_retry: Annotated[
        float, Meta(gt=0, le=3600, description="Seconds until a failed delivery is tried again; doubles with every failure.")
    ] = 60.0
    longest_retry: Annotated[float, Meta(gt=0, le=86400, description="Seconds between two tries at most.")] = 21_600.0
    signed_fetches: Annotated[
        bool,
        Meta(
            description="Show people, posts and lists only to servers that sign their requests, so that it is known who asks. Nothing can be "
            "cached in front of this node then, and a few small servers cannot read it."
        ),
    ] = False


class Storage(_Section, frozen=True):
    """The database: a SQLite file, or PostgreSQL for a node of several processes."""

    path: Annotated[
        str, Meta(description="The SQLite file, on a local disk (never a network file system). Empty: `folkmoot.sqlite` in `data_dir`.")
    ] = ""
    url: Annotated[
        str,
        Meta(
            description="A PostgreSQL database (14 or newer) instead of the file: `postgresql://name@host/database`. Its password is never "
            "here: it is in `data_dir/secrets/database_password`, or in `~/.pgpass`."
        ),
    ] = ""
    min_free_percent: Annotated[
        float,
        Meta(
            ge=0,
            le=90,
            description='With less free disk than this, new events are answered "come back later" instead of lost. A PostgreSQL server on '
            "another machine does not say how much it has; there, only a full disk counts.",
        ),
    ] = 10.0


class Grace(_Section, frozen=True):
    """How long words wait before they cross, so that a slip can be taken back unseen."""

    default: Annotated[int, Meta(ge=0, le=3600, description="Seconds for members who chose nothing: 0, 15 or 60.")] = 15


class Forget(_Section, frozen=True):
    """How members take back much at once."""

    confirm_over: Annotated[
        int,
        Meta(
            ge=0, le=10_000, description="More messages than this are taken back only with a typed code; `!forget me` always asks for one."
        ),
    ] = 200
    cancel_minutes: Annotated[int, Meta(ge=0, le=1_440, description="After the code, how long `!forget cancel` stops it.")] = 10
    asked_again_days: Annotated[
        int, Meta(ge=1, le=30, description="For how long servers that do not answer are asked again before the last receipt.")
    ] = 30


class Log(_Section, frozen=True):
    """What is written to stderr."""

    level: Annotated[Literal["debug", "info", "warning", "error"], Meta(description="The least important line that is still written.")] = (
        "info"
    )
    format: Annotated[
        Literal["auto", "json", "text"], Meta(description="`auto` writes text to a terminal and JSON, one object a line, elsewhere.")
    ] = "auto"


class Limits(_Section, frozen=True):
    """Bounds on what others can make this node do."""

    body_bytes: Annotated[
        int, Meta(ge=65_536, le=16_777_216, description="Largest request body accepted from a fediverse server; more is answered 413.")
    ] = 1_000_000
    transaction_bytes: Annotated[
        int,
        Meta(
            ge=1_048_576, le=268_435_456, description="Largest transaction accepted from the homeserver (it sends up to 100 events in one)."
        ),
    ] = 16_777_216
    fetch_bytes: Annotated[int, Meta(ge=65_536, le=16_777_216, description="Largest document read from another server.")] = 1_000_000
    fetch_seconds: Annotated[float, Meta(gt=0, le=120, description="Seconds a request to another server may take, all in all.")] = 10.0
    sends_at_once: Annotated[int, Meta(ge=1, le=4096, description="Deliveries under way at the same time, to all servers together.")] = 256


class Media(_Section, frozen=True):
    """Pictures, films and recordings of your members, which other servers fetch from this node; those from elsewhere go to the homeserver."""

    host: Annotated[
        str,
        Meta(
            description="The name they are served under, apart from everything else this node serves. Empty: `media.` and the name in this node's "
            "URLs. The reverse proxy passes it to `listen` like that one. Set it to that one itself only when there can be no second name."
        ),
    ] = ""
    max_mb: Annotated[int, Meta(ge=1, le=200, description="Largest file that crosses, either way, in megabytes.")] = 16
    max_megapixels: Annotated[int, Meta(ge=1, le=200, description="Largest picture that crosses, in millions of pixels.")] = 40
    quota_mb: Annotated[
        int,
        Meta(
            ge=100,
            description="Disk for files, in megabytes. When it is full, those least recently asked for make room; they are fetched from the "
            "homeserver again when somebody asks.",
        ),
    ] = 10_000


class Retention(_Section, frozen=True):
    """How long what is done with is kept. Words that crossed are kept until their author takes them back, whatever stands here."""

    log_days: Annotated[
        int,
        Meta(ge=1, le=3650, description="What arrived, what came of it and what was sent, after all of it was done. What waits is kept."),
    ] = 14
    keys_days: Annotated[
        int,
        Meta(
            ge=30,
            le=3650,
            description="Ids of what was in the log, so that a late repeat is still known for one; hashes where an id is a name.",
        ),
    ] = 90
    decisions_days: Annotated[
        int,
        Meta(ge=1, le=90, description="What was decided and why, without words and names; waits that ended; what did not arrive where."),
    ] = 90
    peers_days: Annotated[
        int,
        Meta(
            ge=30,
            le=3650,
            description="Accounts elsewhere that have nothing here, public keys and addresses of files, when nobody looked them up again since.",
        ),
    ] = 365


class Development(_Section, frozen=True):
    """For trying things out on one machine; never on a server that others rely on."""

    enabled: Annotated[bool, Meta(description="The switch. Without it every other key of this section is an error.")] = False
    networks: Annotated[
        tuple[str, ...], Meta(description="Private address ranges that may be reached all the same.", examples=[["127.0.0.0/8"]])
    ] = ()
    ca_file: Annotated[str, Meta(description="A PEM file with certificate authorities to trust in addition.", examples=["ca.pem"])] = ""
    origins: Annotated[
        tuple[str, ...],
        Meta(
            description="Origins that may use plain http and a port; this node's own among them if its `domain` has a port.",
            examples=[["http://127.0.0.1:8420", "http://127.0.0.1:8520"]],
        ),
    ] = ()
    shared_rooms: Annotated[
        bool, Meta(description="Link rooms that another node carries already. Each word may then reach the fediverse twice.")
    ] = False
    loopback: Annotated[bool, Meta(description="Open the built-in in-memory place, whose people need no server at all.")] = False


class Settings(_Section, frozen=True):
    """Everything an operator decides."""

    domain: Annotated[
        str,
        Meta(
            description="The name in every address of this node, as in `@commons@moot.example`. Never change it.", examples=["moot.example"]
        ),
    ]
    data_dir: Annotated[
        str,
        Meta(
            description="The folder for the database, the keys and the control socket. A relative path starts at the settings file.",
            examples=["/var/lib/folkmoot"],
        ),
    ]
    server: Annotated[
        str,
        Meta(
            description="The name in every URL of this node, where it is another than `domain`: with `moot.example.org` here and `example.org` "
            "there, people follow `@commons@example.org`. The web server of `domain` then sends WebFinger requests here. Empty: `domain`. "
            "Never change it."
        ),
    ] = ""
    listen: Annotated[Listen, Meta(description="Where the reverse proxy reaches this node.")] = Listen()
    matrix: Annotated[Matrix | None, Meta(description="Leave the section out for a node without Matrix.")] = None
    activitypub: ActivityPub = ActivityPub()
    storage: Storage = Storage()
    grace: Grace = Grace()
    forget: Forget = Forget()
    media: Media = Media()
    retention: Retention = Retention()
    log: Log = Log()
    metrics: Annotated[MetricsListen, Meta(description="Nothing in them names a person, a room or a server.")] = MetricsListen()
    limits: Limits = Limits()
    development: Annotated[
        Development, Meta(description="Loosens rules that protect everyone. The node refuses these keys unless the switch is on.")
    ] = Development()

    @property
    def host(self) -> str:
        """The name in this node's URLs, in development with a port."""
        return self.server or self.domain

    @property
    def origin(self) -> str:
        """`https://host`; in development plain http when `development.origins` says so."""
        plain = f"http://{self.host}"
        return plain if self.development.enabled and plain in self.development.origins else f"https://{self.host}"

    @property
    def media_origin(self) -> str:
        """Where members' files are served. In development, where the host has a port, that is the node's own origin."""
        if self.media.host:
            return f"{self.origin.partition('://')[0]}://{self.media.host}"
        return self.origin if ":" in self.host else f"https://media.{self.host}"

    @property
    def files(self) -> Path:
        """The folder with members' files; processes that share a database share it too."""
        return self.data / "media"

    @property
    def data(self) -> Path:
        return Path(self.data_dir)

    @property
    def secrets(self) -> Path:
        """The folder with `secret.key`, `as_token` and `hs_token`."""
        return self.data / "secrets"

    @property
    def store(self) -> Path:
        """The SQLite file."""
        return self.data / (self.storage.path or "folkmoot.sqlite")

    @property
    def registration(self) -> Path:
        """The file the homeserver reads."""
        return self.data / ((self.matrix.registration if self.matrix else "") or "registration.yaml")

    @property
    def control(self) -> Path:
        """The unix socket through which the command line talks to the running node."""
        return self.data / "control.sock"

    @property
    def networks(self) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
        """`development.networks`, parsed."""
        return tuple(ipaddress.ip_network(text) for text in self.development.networks)
