"""Neurodisability, by a short list of our own.

The conditions that hospitals record most often among children with a lasting impairment of the
nervous system, and birth so early or small that impairment is common. It is a short list by whole
categories of ICD-10, not the published list of 764 codes, and finds other children than that list
does: to use the published one, name it (`phenotype: {code_list: neuro_zylbersztejn_v1}`).
"""

from typing import Any

from fingerpost.core.codes import CodeRule, codes
from fingerpost.core.leaves import Phenotype
from fingerpost.phenotypes._groups import first_met
from fingerpost.phenotypes._match import Frame, Until

CONDITIONS = (
    ("cerebral_palsy", "G80", "cerebral palsy"),
    ("chromosomal", "Q90 Q91 Q92 Q93", "Down syndrome and other anomalies of the chromosomes"),
    (
        "brain_or_spine_anomaly",
        "Q00 Q01 Q02 Q03 Q04 Q05 Q060-4 Q068-9 Q078-9",
        "anomaly of brain or spine",
    ),
    ("learning_disability", "F70-3 F78-9", "learning disability"),
    ("autism", "F840-1 F843-5 F848-9", "autism"),
    ("epilepsy", "G40 G41 F803", "epilepsy"),
    ("neuromuscular", "G12 G71", "spinal muscular atrophy and disorders of muscle"),
    (
        "degenerative",
        "E75 E76 F842 G10 G11 G31",
        "degenerative and storage disorders, Rett syndrome",
    ),
    ("hydrocephalus", "G91", "hydrocephalus acquired after birth"),
    ("deaf_or_blind", "H540-2 H903 H905-6", "low vision of both eyes or deafness"),
    ("adhd", "F90", "attention deficit hyperactivity disorder"),
    ("development", "F800-2 F808-9 F82 F83 F88 F89", "disorders of speech, movement, development"),
)
EARLY = ("born_very_early", "born before 26 weeks or under 1,000 g, and nothing of the above")
RULES = (
    *(CodeRule(group, codes(words)) for group, words, _ in CONDITIONS),
    CodeRule(EARLY[0], field="gestation_below", below=26),
    CodeRule(EARLY[0], field="birth_weight_below", below=1000),
)


def run(store: Any, *, until: Until = None) -> Frame:
    """Return one row a child: child_id, first_date, known_from and group (condition)."""
    return first_met(store, RULES, until=until)


PHENOTYPE = Phenotype(
    title="Neurodisability",
    summary="Children with a lasting impairment of the nervous system, by a short list of our own.",
    reference="Conditions after Zylbersztejn et al. (2025), Paediatric and Perinatal Epidemiology, "
    "doi:10.1111/ppe.70052; categories of ICD-10 (WHO, 2019)",
    groups=(*((group, words) for group, _, words in CONDITIONS), EARLY),
    run=run,
    rules=RULES,
    terms=("A child with several of these is in the first, in the order of the list.",),
    limits=(
        "Every code of it is in the published list, but it is not that list: infections and "
        "tumours of the brain, stroke, injury around birth, most metabolic disorders, syndromes "
        "and all procedures are absent. What is found by it is not to be set beside figures "
        "published with the other list.",
        "Many are first recorded late: by the published list, 2.2% of children were known before "
        "Reception and 3.6% by age 11. With `until` the later ones are not found.",
    ),
    tables=("hes_apc", "birth"),
)
