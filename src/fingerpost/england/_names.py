"""Names of made-up children: short lists by decade and group, and rarer names put together.

Common forenames are those that ONS counts most in each decade, in falling order, with a long tail
of rarer ones; a table of ONS counts by year (`read_list`) takes their place where a user has one.
Forenames and surnames of the ethnic groups of the census are lists of usual ones. Nobody's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.errors import Malformed
from fingerpost.england._draws import Floats, Ints, choose

Words = NDArray[np.object_]
# Forenames by sex (M, F) and decade of birth, most given first (ONS, England and Wales).
COMMON: Mapping[tuple[int, int], str] = {
    (
        0,
        2000,
    ): "Jack Joshua Thomas James Daniel Samuel Oliver William Benjamin Joseph Harry Matthew "
    "Lewis Ethan Luke Charlie George Callum Alexander Jake Ryan Dylan Jacob Liam Adam Connor "
    "Cameron Max Alfie Tyler Nathan Jamie Aaron Owen Kieran Leo Isaac Michael Toby Henry",
    (
        1,
        2000,
    ): "Jessica Emily Sophie Olivia Chloe Ellie Grace Lucy Charlotte Katie Ella Megan Hannah "
    "Amelia Ruby Lily Amy Mia Ava Holly Abigail Millie Leah Lauren Molly Isabella Caitlin Daisy "
    "Elizabeth Georgia Eleanor Phoebe Madison Bethany Freya Evie Rebecca Alice Isobel Zoe",
    (
        0,
        2010,
    ): "Oliver Jack Harry Alfie Charlie Thomas Jacob James Joshua William George Riley Ethan "
    "Noah Daniel Samuel Oscar Joseph Archie Max Logan Leo Henry Lucas Alexander Tyler Dylan Isaac "
    "Benjamin Finley Freddie Edward Adam Theo Jayden Harrison Sebastian Arthur Toby Mason",
    (
        1,
        2010,
    ): "Amelia Olivia Emily Jessica Ava Isla Poppy Isabella Sophie Mia Ruby Lily Grace Evie "
    "Sophia Ella Scarlett Chloe Isabelle Freya Charlotte Sienna Daisy Phoebe Millie Eva Alice Lucy "
    "Florence Sofia Layla Lola Holly Imogen Molly Matilda Lilly Rosie Elizabeth Erin",
    (
        0,
        2020,
    ): "Noah Oliver George Arthur Leo Theodore Freddie Archie Oscar Henry Jack Charlie Luca "
    "Alfie Harry Jacob Thomas Theo Finley Arlo Roman Tommy Joshua Isaac Edward Lucas Hugo Rory "
    "Max Reuben William James Alexander Ezra Jude Albie Louie Elijah Teddy Albert",
    (
        1,
        2020,
    ): "Olivia Amelia Isla Ava Ivy Freya Lily Florence Mia Willow Rosie Sophia Isabella Grace "
    "Daisy Sienna Poppy Elsie Emily Ella Evelyn Phoebe Evie Charlotte Harper Millie Matilda "
    "Maisie Sofia Emilia Isabelle Ruby Eliza Luna Aurora Penelope Maeve Violet Delilah Bonnie",
}
# Forenames usual in a group of ethnicity, by sex.
OWN: Mapping[tuple[str, int], str] = {
    (
        "ASIA",
        0,
    ): "Mohammed Muhammad Ali Ibrahim Yusuf Hamza Zain Aryan Haider Bilal Omar Hassan Adam "
    "Rayan Arjun Rohan Zakariya Abdullah Mustafa Ismail Arnav Ayaan Umar Usman Kabir",
    ("ASIA", 1): "Aisha Fatima Maryam Zara Zainab Khadija Hafsa Amina Aaliyah Sara Anaya Hana Safa "
    "Priya Ananya Noor Sumaya Inaaya Iqra Maya Riya Eshal Diya Simran Amelia",
    (
        "BLAC",
        0,
    ): "Emmanuel David Daniel Samuel Joshua Elijah Caleb Nathaniel Kofi Kwame Tobi Malachi "
    "Jeremiah Ayomide Kelechi Abdi Isaiah Jayden Ezekiel Gabriel",
    ("BLAC", 1): "Esther Grace Naomi Abigail Deborah Blessing Precious Ama Temi Chioma Amara Faith "
    "Hannah Ruth Zara Imani Tiana Ayomide Halima Princess",
    ("CHIN", 0): "Wei Jun Hao Ming Jason Kevin Ryan Lucas Ethan Zihan Yuchen Haoran",
    ("CHIN", 1): "Mei Xin Yi Jia Emily Chloe Amy Grace Yuhan Zixuan Ruoxi Yutong",
    ("AOEG", 0): "Ahmad Adam Alan Ahmet Mehmet Elias Karim Arman Minh Amir Darius Hussein",
    ("AOEG", 1): "Sara Lana Elif Zeynep Yasmin Leila Linh Mariam Nour Hiba Ayla Roza",
}
SURNAMES: Mapping[str, str] = {
    "WHIT": "Smith Jones Taylor Brown Williams Wilson Johnson Davies Robinson Wright Thompson "
    "Evans Walker White Roberts Green Hall Wood Jackson Clarke Harris Clark Turner Hill Cooper "
    "Ward Moore Morris King Watson Baker Harrison Morgan Lee Allen Martin Phillips Parker James "
    "Kelly Scott Davis Bennett Mitchell Cook Shaw Price Richardson Young Edwards Collins "
    "Bailey Murphy",
    "ASIA": "Khan Patel Ahmed Singh Hussain Ali Begum Kaur Akhtar Shah Mahmood Iqbal Malik Rahman "
    "Hassan Chowdhury Miah Mohammed Sharma Uddin Islam Mirza Aziz Bibi Rashid Nair Das Gill",
    "BLAC": "Williams Brown Campbell Johnson Mensah Okafor Adeyemi Mohamed Clarke Owusu Boateng "
    "Thomas Francis Hassan Osman Ahmed Grant Stewart Asante Balogun Bangura Kamara Nwosu Lewis",
    "CHIN": "Chen Li Wang Zhang Wong Liu Lin Chan Lee Huang Yang Wu Cheung Lam",
    "AOEG": "Nguyen Yilmaz Kaya Haidari Rahimi Mohammadi Demir Tran Ahmadi Hussein Ibrahim Saleh",
}
# What rarer names are put together of: forenames by sex, and surnames after places.
STARTS = ("Ka Ja Bra Ty Ro Mar Al Ed Lan Cor Har Zan", "Ka Ja Li Mar An El Ro Sha Te Vi Cal Ari")
ENDS = (
    "den son ton rik lan vin mon ley ric dan van lee ron car win nie das ius ian ren",
    "lia na ria lynn sha mie belle nna ssa wen die tta line rine lene cia nie lise yah rose",
)
PLACES = (
    "Ash Brad Hart Whit Lang Thorn Stan Ches Win Black Wood Black Hol Had West East Nor Sut "
    "Mil Hor Crof Wal Bar Bur Clay Dray Far Gran Hay Ken Lin Mar New Old Pres Rad Shel Tat",
    "ley ton ford worth wick ham field by well combe shaw dale hurst bury stead more man croft",
)
# Share with a name of the usual lists rather than a rarer one; of groups with lists of their own,
# the share who have one of these.
LISTED, OF_OWN = 0.60, 0.65
# Shorter forms, as written by one collection and not another.
SHORTER = (
    "Joshua>Josh Thomas>Tom Daniel>Dan Samuel>Sam Oliver>Ollie William>Will Benjamin>Ben "
    "Joseph>Joe Matthew>Matt Alexander>Alex Nathan>Nate Michael>Mike Jacob>Jake "
    "Edward>Ed Harrison>Harry Theodore>Theo Frederick>Fred Nathaniel>Nat Emmanuel>Manny "
    "Jessica>Jess Charlotte>Charlie Katie>Kate Megan>Meg Abigail>Abi Isabella>Bella "
    "Elizabeth>Lizzie Eleanor>Ellie Rebecca>Becky Bethany>Beth Isabelle>Izzy Phoebe>Phoeb "
    "Millie>Mills Amelia>Millie Matilda>Tilly Olivia>Liv Florence>Flo Mohammed>Mo "
    "Muhammad>Mo Abdullah>Abdul Zakariya>Zak Khadija>Khadi Christopher>Chris"
)
SHORT = dict(pair.split(">") for pair in SHORTER.split())


@dataclass(frozen=True, slots=True)
class NameList:
    """Forenames that a user counted: (sex, year) → names and cumulative shares. sex: 0 male."""

    held: Mapping[tuple[int, int], tuple[Words, Floats]] = field(default_factory=dict)

    def pick(self, uniform: Floats, sex: int, year: int) -> Words:
        """Return a name for each uniform number, of the year nearest to those counted."""
        years = [known for own, known in self.held if own == sex]
        names, edges = self.held[sex, min(years, key=lambda known: (abs(known - year), known))]
        found: Words = names[np.searchsorted(edges, uniform, side="right").clip(max=len(names) - 1)]
        return found


def read_list(path: Path) -> NameList:
    """Return a table of forenames counted by year and sex: CSV (or .csv.gz) with the columns year,
    sex (M, F), name and n, such as ONS publishes. Malformed where it cannot be read as such.
    """
    import polars as pl

    try:
        rows = pl.read_csv(path, columns=["year", "sex", "name", "n"], glob=False)
        rows = rows.with_columns(pl.col("year").cast(pl.Int64), pl.col("n").cast(pl.Float64))
        rows = rows.filter(pl.col("n") > 0).sort("year", "sex", "n", "name", descending=True)
    except (OSError, pl.exceptions.PolarsError):
        raise Malformed(
            f"--names {path}: a table of forenames is CSV with the columns year, sex (M or F), "
            "name and n (how many were given it)."
        ) from None
    held: dict[tuple[int, int], tuple[Words, Floats]] = {}
    for (year, sex), own in rows.group_by("year", "sex", maintain_order=True):
        if sex in ("M", "F"):
            edges = own["n"].cum_sum().to_numpy() / own["n"].sum()
            held[int(sex == "F"), int(year)] = (own["name"].to_numpy(), edges)
    if {sex for sex, _ in held} != {0, 1}:
        raise Malformed(f"--names {path}: it counts no forenames of sex M, or none of sex F.")
    return NameList(held)


def forenames(
    rng: np.random.Generator,
    group: Words,
    sex: Ints,
    year: Ints,
    *,
    given: NameList | None = None,
) -> Words:
    """Return a forename for each child: (n,) by ethnic group, sex (0 male) and year of birth."""
    n = len(sex)
    draw, kind, own = rng.random(n), rng.random(n), rng.random(n)
    made = np.empty(n, dtype=object)
    decade = (year // 10 * 10).clip(2000, 2020)
    for each in (0, 1):
        rare = np.flatnonzero(sex == each)
        made[rare] = put_together(draw[rare], STARTS[each], ENDS[each])
        for when in (2000, 2010, 2020):
            at = np.flatnonzero((sex == each) & (decade == when) & (kind < LISTED))
            made[at] = listed(draw[at], COMMON[each, when])
        if given is not None:
            for when in np.unique(year):
                at = np.flatnonzero((sex == each) & (year == when))
                made[at] = given.pick(draw[at], each, int(when))
        for name in ("ASIA", "BLAC", "CHIN", "AOEG"):
            at = np.flatnonzero((sex == each) & (group == name) & (own < OF_OWN))
            made[at] = listed(draw[at], OWN[name, each])
    return made


def surnames(rng: np.random.Generator, group: Words) -> Words:
    """Return a surname for each child: (n,) by ethnic group; the mixed have those of any."""
    n = len(group)
    draw, kind, other = rng.random(n), rng.random(n), choose(rng.random(n), (1.0,) * 3)
    mixed = np.array(("WHIT", "BLAC", "ASIA"), dtype=object)[other]
    source = np.where(group == "MIXD", mixed, np.where(group == "UNCL", "WHIT", group))
    made = put_together(draw, *PLACES)
    for name, words in SURNAMES.items():
        share = LISTED if name == "WHIT" else 1.0
        at = np.flatnonzero((source == name) & (kind < share))
        made[at] = listed(draw[at], words)
    return made


def listed(uniform: Floats, words: str) -> Words:
    """Return names of a list, the first the most given: as 1 to its rank and six, to the 0.9."""
    names = np.array(words.split(), dtype=object)
    shares = np.asarray((np.arange(len(names)) + 6.0) ** -0.9, dtype=np.float64)
    found: Words = names[choose(uniform, shares)]
    return found


def put_together(uniform: Floats, starts: str, ends: str) -> Words:
    """Return names of two parts each, every pair as likely.

    >>> put_together(np.array([0.0, 0.999]), "Ash Brad", "ley ton").tolist()
    ['Ashley', 'Bradton']
    """
    first, second = starts.split(), ends.split()
    pairs = np.array([one + two for one in first for two in second], dtype=object)
    found: Words = pairs[np.floor(uniform * len(pairs)).astype(np.int64)]
    return found
