"""The protocol of a study in words, whichever kind of study it is."""

from __future__ import annotations

from fingerpost.core.access_protocol import access_protocol
from fingerpost.core.protocol import protocol
from fingerpost.core.rollout_protocol import rollout_protocol
from fingerpost.core.study import Study
from fingerpost.core.table import Table


def protocol_of(study: Study) -> Table:
    """Return the protocol of a study of access, of a roll-out, or of an effect on children."""
    if study.access is not None:
        return access_protocol(study)
    return protocol(study) if study.rollout is None else rollout_protocol(study)
