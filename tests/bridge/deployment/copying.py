"""Writes the copies in deploy/ anew: python -m tests.bridge.deployment.copying"""

from __future__ import annotations

from tests.bridge.deployment.test_deployment import DEPLOY, copies

if __name__ == "__main__":
    for path, text in copies().items():
        (DEPLOY / path).parent.mkdir(exist_ok=True)
        (DEPLOY / path).write_text(text, "utf-8")
