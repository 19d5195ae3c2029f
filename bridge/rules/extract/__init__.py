"""Where ``extract`` can take a value from: one file a source. A new source is a new file here (or an entry point in
``mailwire.extract``).

A file exports ``PLUGIN``, a ``rules.ExtractPlugin``: the type that its setting is validated with, and what makes a
``rules.Finder`` of it.
"""
