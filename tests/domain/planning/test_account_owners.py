"""Which person owns each account of a list: by the rules of a run's search, for many people at once."""

from __future__ import annotations

from orchestrator.domain.organisation.person import PersonFacts
from orchestrator.domain.packet.packet import MatchKey
from orchestrator.domain.planning.account_owners import owners_of

NUMBER = MatchKey(key="employee_number", attribute="number")
EMAIL = MatchKey(key="email", attribute="mail")
NAME = MatchKey(key="name", attribute="name", strength="weak")

ADA = PersonFacts(hr_id="1", employee_number="E-1", email="ada@f.example", display_name="Ada Łukasz",
                  former_emails=("ada.old@f.example",))  # fmt: skip
BEN = PersonFacts(hr_id="2", employee_number="E-2", email="ben@f.example", display_name="Ben Gone")
CLEO = PersonFacts(hr_id="3", employee_number="E-3", email="cleo@f.example", display_name="Cleo New")
PEOPLE = [(ADA, False), (BEN, True), (CLEO, False)]


def owned(*keys: MatchKey, services: tuple[str, ...] = (), **values: str | tuple[str, ...]) -> tuple[str, int | None]:
    several = {name: (value,) if isinstance(value, str) else value for name, value in values.items()}
    [found] = owners_of([("svc-build", several)], PEOPLE, keys or (NUMBER, EMAIL, NAME), services)
    return found.ownership, found.owner


def test_a_strong_key_says_who_owns_an_account() -> None:
    assert owned(number="E-1") == ("owned", 0)
    assert owned(mail="ADA@f.example") == ("owned", 0), "mail addresses have no case"
    assert owned(number="E-2") == ("left", 1)


def test_of_several_values_any_counts() -> None:
    assert owned(mail=("help@f.example", "cleo@f.example")) == ("owned", 2)
    assert owned(mail=("help@f.example", "ben@f.example")) == ("left", 1)


def test_an_account_of_no_person_is_an_orphan_unless_it_is_expected() -> None:
    assert owned(number="E-99", mail="x@f.example", name="Nemo") == ("orphan", None)
    assert owned() == ("orphan", None)
    assert owned(services=("SVC-*",)) == ("service", None)
    assert owned(mail="bot@f.example", services=("bot@*",)) == ("service", None)
    assert owned(number="E-2", services=("svc-*",)) == ("left", 1), "a pattern hides no account of a person"


def test_what_could_be_of_several_people_or_only_possibly_of_one_is_ambiguous() -> None:
    assert owned(number="E-1", mail="cleo@f.example") == ("ambiguous", None), "the keys contradict each other"
    assert owned(number="e-1") == ("ambiguous", None), "a number that differs in case"
    assert owned(name="Ada Lukasz") == ("ambiguous", None), "a name alone, without diacritics"
    assert owned(NUMBER, mail="ada@f.example") == ("orphan", None), "a key that the packet does not have"


def test_the_possible_match_of_a_namesake_does_not_make_an_account_ambiguous() -> None:
    assert owned(number="E-3", name="Ada Łukasz") == ("owned", 2)


def test_a_number_in_another_spelling_is_no_orphan() -> None:
    """Spreadsheets take leading zeros away, and systems write hyphens and spaces in their own way."""
    zeros = [(PersonFacts(hr_id="4", employee_number="0042", email="dan@f.example"), False)]
    for spelled in ("42", "00042", " 0042 "):
        [found] = owners_of([("dan", {"number": (spelled,)})], zeros, (NUMBER,))
        assert found.ownership == ("owned" if spelled == " 0042 " else "ambiguous"), spelled
    for spelled in ("E1", "E 1", "e\u20131", "E-01"):
        assert owned(number=spelled) == ("ambiguous", None), spelled
    for other in ("E-10", "E-11", "1", "4200", "-"):
        assert owned(number=other) == ("orphan", None), other


def test_an_account_of_a_person_who_left_may_be_of_a_namesake_who_works_here() -> None:
    """A person who was hired again can have a second record in HR, under another number."""
    again = [
        *PEOPLE,
        (PersonFacts(hr_id="9", employee_number="E-9", email="b2@f.example", display_name="Ben Gone"), False),
    ]
    for people, ownership in ((PEOPLE, "left"), (again, "ambiguous")):
        [found] = owners_of([("ben", {"number": ("E-2",), "name": ("Ben Gone",)})], people, (NUMBER, EMAIL, NAME))
        assert found.ownership == ownership
