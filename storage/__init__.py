"""Everything that survives a restart."""

from storage.memory import open_memory
from storage.store import SqlStore, open_store

__all__ = ["SqlStore", "open_memory", "open_store"]
