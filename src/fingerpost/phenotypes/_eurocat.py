"""Major congenital anomalies by body system, after the EUROCAT guide, as codes.

Codes of ICD-10 without the dot; three characters stand for every subdivision. A record counts up
to the age of one year, in hospital or on a death certificate.
"""

from __future__ import annotations

from fingerpost.core.codes import CodeRule, codes

REFERENCE = (
    "EUROCAT Guide 1.5 (2022), chapter 3.3; codes as in Peppa et al. (2025), International Journal "
    "of Population Data Science 10(1):2519"
)
INFANT_LIMIT = (
    "An anomaly first recorded after the first birthday does not count, so that children who are "
    "in hospital often are not found more often."
)
TERM_LIMIT = (
    "Where gestation is not recorded, an open duct (Q25.0) and a narrowed lung artery (Q25.6) do "
    "not count: most babies with these codes were born early."
)
INFANCY = "1y"
TERM = 37.0

SYSTEMS = {
    "nervous_system": "Q00 Q01 Q02 Q03 Q04 Q05 Q06 Q07",
    "eye": "Q11 Q12 Q14 Q15 Q100 Q104 Q106-7 Q130-4 Q138-9",
    "ear_face_neck": "Q16 Q178 Q183 Q188",
    "heart": "Q20 Q21 Q22 Q23 Q240-5 Q248-9 Q251-5 Q257-9 Q260 Q262-6 Q268-9",
    "respiratory": "Q34 Q300 Q321 Q323-4 Q330 Q332-5 Q338-9",
    "orofacial": "Q350-6 Q358-9 Q36 Q37",
    "digestive": "Q39 Q41 Q42 Q45 Q380 Q383-8 Q402-3 Q408-9 Q431-9 Q440-3 Q445-7 Q790",
    "abdominal_wall": "Q792-3 Q795",
    "urinary": "Q60 Q64 Q611-5 Q618-9 Q620-6 Q628 Q630-2 Q638-9 Q794",
    "genital": "Q51 Q55 Q56 Q500 Q503-4 Q506 Q520-2 Q524 Q526 Q528-9 Q540-3 Q548-9",
    "limb": "Q69 Q70 Q71 Q72 Q73 Q74 Q650-2 Q660 Q681-2 Q688",
    "chromosomal": "Q90 Q91 Q92 Q930-5 Q937-9 Q96 Q97 Q98 Q99",
    "other": (
        "Q28 Q77 Q78 Q80 Q81 Q83 Q85 Q86 Q87 Q271-4 Q278-9 Q301-3 Q308-9 Q310-3 Q318-9 Q750-1 "
        "Q754-5 Q758-9 Q761-4 Q766-9 Q791 Q796 Q798-9 Q820-4 Q828-9 Q840-4 Q846 Q848-9 Q890-4 "
        "Q897-8 Q952-5 Q958-9"
    ),
}
# Open duct and narrowed lung artery are as a rule of no meaning in a child born early.
TERM_ONLY = "Q250 Q256"
SEVERE_HEART = "Q200-1 Q203-4 Q212-3 Q220 Q224-6 Q230 Q232-4 Q251-2 Q262"

WORDS = {
    "nervous_system": "nervous system",
    "eye": "eye",
    "ear_face_neck": "ear, face and neck",
    "heart": "heart",
    "respiratory": "respiratory system",
    "orofacial": "orofacial clefts",
    "digestive": "digestive system",
    "abdominal_wall": "abdominal wall",
    "urinary": "urinary system",
    "genital": "genital organs",
    "limb": "limbs",
    "chromosomal": "chromosomes",
    "other": "other anomalies and syndromes",
}
# Anomalies within the systems: name → (system, words, codes).
ANOMALIES = {
    "neural_tube": ("nervous_system", "neural tube defects", "Q00 Q01 Q05"),
    "anencephaly": ("nervous_system", "anencephaly", "Q00"),
    "encephalocele": ("nervous_system", "encephalocele", "Q01"),
    "microcephaly": ("nervous_system", "microcephaly", "Q02"),
    "hydrocephaly": ("nervous_system", "congenital hydrocephalus", "Q03"),
    "arhinencephaly": ("nervous_system", "arhinencephaly, holoprosencephaly", "Q041-2"),
    "spina_bifida": ("nervous_system", "spina bifida", "Q05"),
    "anophthalmos_microphthalmos": ("eye", "absent or small eye", "Q110-2"),
    "congenital_cataract": ("eye", "congenital cataract", "Q120"),
    "congenital_glaucoma": ("eye", "congenital glaucoma", "Q150"),
    "anotia": ("ear_face_neck", "absent ear", "Q160"),
    "severe_heart": ("heart", "severe heart anomalies", SEVERE_HEART),
    "choanal_atresia": ("respiratory", "choanal atresia", "Q300"),
    "cleft_palate": ("orofacial", "cleft palate", "Q350-6 Q358-9"),
    "cleft_lip": ("orofacial", "cleft lip", "Q36"),
    "cleft_lip_and_palate": ("orofacial", "cleft lip and palate", "Q37"),
    "oesophageal_atresia": ("digestive", "oesophageal atresia", "Q390-1"),
    "duodenal_atresia": ("digestive", "duodenal atresia or stenosis", "Q410"),
    "small_intestine_atresia": ("digestive", "atresia of small intestine", "Q411-2 Q418"),
    "anorectal_atresia": ("digestive", "anorectal atresia and stenosis", "Q420-3"),
    "hirschsprung": ("digestive", "Hirschsprung disease", "Q431"),
    "biliary_atresia": ("digestive", "atresia of bile ducts", "Q442"),
    "diaphragmatic_hernia": ("digestive", "diaphragmatic hernia", "Q790"),
    "gastroschisis": ("abdominal_wall", "gastroschisis", "Q793"),
    "omphalocele": ("abdominal_wall", "omphalocele", "Q792"),
    "bladder_exstrophy": ("urinary", "bladder exstrophy, epispadias", "Q640-1"),
    "hypospadias": ("genital", "hypospadias", "Q540-3 Q548-9"),
    "indeterminate_sex": ("genital", "indeterminate sex", "Q56"),
    "limb_reduction": ("limb", "limb reduction defects", "Q71 Q72 Q73"),
    "clubfoot": ("limb", "clubfoot", "Q660"),
    "hip_dislocation": ("limb", "hip dislocation or dysplasia", "Q650-2"),
    "polydactyly": ("limb", "polydactyly", "Q69"),
    "syndactyly": ("limb", "syndactyly", "Q70"),
    "down_syndrome": ("chromosomal", "Down syndrome", "Q90"),
    "trisomy_18": ("chromosomal", "trisomy 18", "Q910-3"),
    "trisomy_13": ("chromosomal", "trisomy 13", "Q914-7"),
    "turner_syndrome": ("chromosomal", "Turner syndrome", "Q96"),
    "klinefelter_syndrome": ("chromosomal", "Klinefelter syndrome", "Q980-4"),
}


def anomaly(group: str, words: str, *, gestation_from: float = 0.0) -> CodeRule:
    """Return a rule for codes that count up to the age of one, in hospital or at death."""
    return CodeRule(
        group, codes(words), deaths=True, age_below=INFANCY, gestation_from=gestation_from
    )


RULES = (
    *(anomaly(system, words) for system, words in SYSTEMS.items()),
    anomaly("heart", TERM_ONLY, gestation_from=TERM),
)
