"""Every table of linked records: the one place that says what a table and its columns are."""

from __future__ import annotations

from fingerpost.records.declarations.children import CHILDREN
from fingerpost.records.declarations.education import EDUCATION
from fingerpost.records.declarations.health import HEALTH
from fingerpost.records.declarations.provision import PROVISION
from fingerpost.records.declarations.system import SYSTEM
from fingerpost.records.fields import TableSpec

# The version of the standard, written into every manifest; a change of a declared column raises it.
SCHEMA_VERSION = "1"
TABLES: dict[str, TableSpec] = {
    spec.name: spec for spec in (*CHILDREN, *EDUCATION, *PROVISION, *HEALTH, *SYSTEM)
}
