"""Everything that survives a restart."""

from storage.memory import open_memory
from storage.store import SqlStore, connect_store, open_store

__all__ = ["SqlStore", "connect_store", "open_memory", "open_store"]
