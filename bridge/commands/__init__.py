"""What an operator types: one module per group of commands, each a face of `bridge/operations.py`."""
