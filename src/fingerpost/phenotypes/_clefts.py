"""The clefts: their codes and kinds."""

from __future__ import annotations

import narwhals as nw

from fingerpost.core.codes import CodeRule, codes
from fingerpost.phenotypes._groups import meets, named

REFERENCE = (
    "EUROCAT Guide 1.5 (2022), orofacial clefts; Nguyen et al. (2023), NIHR Open Research 3:54"
)
GROUPS = (
    ("cleft_lip_and_palate", "cleft lip with cleft palate"),
    ("cleft_palate", "cleft palate alone"),
    ("cleft_lip", "cleft lip alone"),
)
RULES = (
    CodeRule("cleft_lip_and_palate", codes("Q37"), deaths=True),
    CodeRule("cleft_palate", codes("Q350-6 Q358-9"), deaths=True),
    CodeRule("cleft_lip", codes("Q36"), deaths=True),
)
TERMS = (
    "A child with both a code for the lip and one for the palate is counted under lip and palate.",
    "A cleft of the uvula (Q35.7) alone does not count.",
)
LIMITS = (
    "A cleft that was neither treated nor recorded in an NHS hospital in England is not found.",
)


def kind() -> nw.Expr:
    """Return the name of the kind of cleft: lip and palate where codes of either are found."""
    both = meets("cleft_lip") & meets("cleft_palate")
    return named(
        {
            "cleft_lip_and_palate": meets("cleft_lip_and_palate") | both,
            "cleft_palate": meets("cleft_palate"),
            "cleft_lip": meets("cleft_lip"),
        }
    )
