"""Brings an older state to the newest schema. Run as a child process: ``python -m bridge.outbox.migrations``, the
database's address on standard input.
"""
