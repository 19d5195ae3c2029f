"""What ``when`` can ask: one file a key. A new key is a new file here (or an entry point in ``mailwire.conditions``).

A file exports ``PLUGIN``, a ``rules.ConditionPlugin``: the type that its setting is validated with, and what makes a
``rules.Condition`` of it. ``any``, ``all`` and ``not`` are the engine's.
"""
