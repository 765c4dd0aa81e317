"""A whole node as `folkmoot run` starts it, told to stop when its input closes, so that none outlives the measurement."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

from bridge import app, eventloop, settingsfile
from tests.bench.programs import say


def _stop_when_closed() -> None:
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    say(starting=True)
    threading.Thread(target=_stop_when_closed, daemon=True).start()
    eventloop.run(app.run(settingsfile.read(Path(sys.argv[1]))))
