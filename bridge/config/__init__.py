"""The configuration: one YAML file, the environment and secrets folders → ``Settings``, or all that is wrong with it.

    yaml.py        YAML 1.2 with the place of every value
    references.py  the file, ``!secret`` and ``!include``
    sources.py     the file, the environment and secrets folders as sources of pydantic-settings
    settings.py    the root model
    faults.py      pydantic's errors in plain words
    places.py      … and where they were written
    loader.py      everything together
    schema.py      the JSON Schema, for editors

``load`` is the way in; ``load_with_places`` also tells where things were written.
"""

from bridge.config.loader import Loaded, load, load_with_places
from bridge.config.settings import Settings, state_folder

__all__ = ["Loaded", "Settings", "load", "load_with_places", "state_folder"]
