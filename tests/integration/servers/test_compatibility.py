"""The table in the README says what these tests found. Runs last."""

from __future__ import annotations

import os

from tests.integration.servers import compatibility
from tests.servers import every


def test_the_table_in_the_readme_is_what_was_found(found: compatibility.Found) -> None:
    for name, kind in compatibility.PLAYED.items():
        found.offers(name, frozenset(kind.after.split()))
    assert "no" not in found.cells.values()
    if os.environ.get("MAILWIRE_COMPATIBILITY") == "write":
        assert {
            (row, kind.name) for row in compatibility.all_rows() for kind in every.KINDS if "TLS" not in row
        } <= set(found.cells), "only a run of all of these tests writes the table"
        compatibility.write(found)
    written = compatibility.written()
    assert {cell: written.get(cell) for cell in found.cells} == found.cells, "run make compatibility"
