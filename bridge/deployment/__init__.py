"""Files for the programs around a node (web server, service manager, containers), rendered from its settings, so that both agree.

The copies in deploy/ are rendered from deploy/folkmoot.example.toml, and a test compares them.
"""

from __future__ import annotations

from typing import Final

import msgspec

__all__ = ["KINDS", "Kind"]


class Kind(msgspec.Struct, frozen=True):
    """One file: what it is for, and what its copy in deploy/ is called."""

    about: str
    template: str
    copy: str


KINDS: Final = {
    "nginx": Kind("a web server's site", "nginx.conf", "examples/nginx.conf"),
    "caddy": Kind("a web server's site, with certificates", "Caddyfile", "examples/Caddyfile"),
    "split-nginx": Kind("for the web site of another domain in handles", "split-domain.nginx.conf", "examples/split-domain.nginx.conf"),
    "split-caddy": Kind("the same", "split-domain.Caddyfile", "examples/split-domain.Caddyfile"),
    "systemd": Kind("a service that starts with the machine", "folkmoot.service", "examples/folkmoot.service"),
    "container": Kind("an image", "Containerfile", "Containerfile"),
    "compose": Kind("node and web server in containers", "compose.yaml", "examples/compose.yaml"),
}
