"""Whose account is it? Namesakes, reused addresses, changed names, diacritics, case, recycled numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors.account_set import comparable
from orchestrator.domain.organisation.person import PersonFacts
from orchestrator.domain.packet.packet import MatchKey
from orchestrator.domain.planning.matching import FoundAccount, lookups, match_accounts, on_strong_key

NUMBER = MatchKey(key="employee_number", attribute="number")
MAIL = MatchKey(key="email", attribute="mail")
NAME = MatchKey(key="name", attribute="name", strength="weak")
FORMER = MatchKey(key="former_emails", attribute="mail", strength="weak")
KEYS = [NUMBER, MAIL, NAME]

ANNA = PersonFacts(
    hr_id="hr-1",
    employee_number="E-100",
    given_name="Zoë",
    family_name="Müller",
    display_name="Zoë Müller",
    email="zoe.mueller@firm.example",
    former_emails=("zoe.schmidt@firm.example",),
    former_names=("Zoë Schmidt",),
)


def account(account_id: str, **attributes: str) -> FoundAccount:
    return FoundAccount(system="code", account_id=account_id, native_id=account_id, attributes=attributes)


def test_one_account_on_a_strong_key_is_matched() -> None:
    found = match_accounts(ANNA, KEYS, [account("a", number="E-100", mail="zoe.mueller@firm.example")])
    assert found.outcome == "matched"
    assert found.account is not None and found.account.account_id == "a"
    assert found.keys == ("employee_number", "email")


def test_the_second_key_matches_where_the_first_finds_nothing() -> None:
    found = match_accounts(ANNA, KEYS, [account("a", mail="zoe.mueller@firm.example")])
    assert (found.outcome, found.keys) == ("matched", ("email",))


def test_nothing_is_nothing() -> None:
    assert match_accounts(ANNA, KEYS, []).outcome == "none"
    assert match_accounts(ANNA, KEYS, [account("a", number="E-999", mail="x@firm.example")]).outcome == "none"


def test_two_accounts_on_one_key_are_asked() -> None:
    found = match_accounts(ANNA, KEYS, [account("a", number="E-100"), account("b", number="E-100")])
    assert found.outcome == "ambiguous"
    assert [candidate.account_id for candidate in found.candidates] == ["a", "b"]
    assert found.account is None


def test_the_same_account_found_twice_is_one() -> None:
    twice = [account("a", number="E-100"), account("a", number="E-100")]
    assert match_accounts(ANNA, KEYS, twice).outcome == "matched"


def test_two_strong_keys_that_point_to_different_accounts_are_asked() -> None:
    accounts = [account("a", number="E-100"), account("b", mail="zoe.mueller@firm.example")]
    assert match_accounts(ANNA, KEYS, accounts).outcome == "ambiguous"


def test_a_recycled_employee_number_is_asked() -> None:
    """The number was someone else's before: their account still carries it, with their own address."""
    found = match_accounts(ANNA, KEYS, [account("old", number="E-100", mail="someone.else@firm.example")])
    assert (found.outcome, found.conflict) == ("ambiguous", "email")


def test_a_reused_mail_address_is_asked() -> None:
    """The address was given on; the account of the one who had it before carries another number."""
    found = match_accounts(ANNA, KEYS, [account("old", number="E-007", mail="zoe.mueller@firm.example")])
    assert (found.outcome, found.conflict) == ("ambiguous", "employee_number")


def test_an_address_that_hr_has_for_two_people_is_asked_about() -> None:
    """The address was given to a new person, whose account it now finds."""
    person = ANNA.model_copy(update={"shared": ("email",)})
    found = match_accounts(person, [MAIL], [account("new", mail="zoe.mueller@firm.example")])
    assert (found.outcome, found.account, found.keys) == ("weak", None, ("email",))
    accounts = [account("new", mail="zoe.mueller@firm.example"), account("a", number="E-100")]
    found = match_accounts(person, KEYS, accounts)
    assert found.account is not None and found.account.account_id == "a", "the number is the person's own"
    found = match_accounts(person, KEYS, [account("a", number="E-100", mail="someone.else@firm.example")])
    assert (found.outcome, found.conflict) == ("ambiguous", "email"), "another address still speaks against it"


def test_the_alias_of_another_account_is_asked_about() -> None:
    """The leaver's account is gone, and the manager's account has the address."""
    manager = account("m", mail="zoe.mueller@firm.example").model_copy(update={"secondary": ("mail",)})
    found = match_accounts(ANNA, KEYS, [manager])
    assert (found.outcome, found.account, found.keys) == ("weak", None, ("email",))
    assert not on_strong_key(ANNA, KEYS, manager)
    found = match_accounts(ANNA, KEYS, [manager, account("a", number="E-100")])
    assert found.account is not None and found.account.account_id == "a"
    own = account("a", number="E-100", mail="zoe.mueller@firm.example").model_copy(update={"secondary": ("mail",)})
    assert match_accounts(ANNA, KEYS, [own]).outcome == "matched", "the number is the account's only one"


def test_accounts_that_show_one_value_are_stored_as_before() -> None:
    assert "secondary" not in account("a", number="E-100").model_dump(mode="json")
    assert "shared" not in ANNA.model_dump(mode="json")


def test_a_number_that_hr_has_for_two_people_is_asked_about() -> None:
    """Such as N/A, for everyone without a number."""
    person = ANNA.model_copy(update={"employee_number": "N/A", "shared": ("employee_number",)})
    assert match_accounts(person, KEYS, [account("other", number="N/A")]).outcome == "weak"
    assert not on_strong_key(person, KEYS, account("other", number="N/A"))
    both = [account("other", number="N/A"), account("a", mail="zoe.mueller@firm.example")]
    found = match_accounts(person, KEYS, both)
    assert found.account is not None and found.account.account_id == "a"


def test_a_changed_name_still_matches_where_hr_knows_the_old_address() -> None:
    found = match_accounts(ANNA, KEYS, [account("a", number="E-100", mail="zoe.schmidt@firm.example")])
    assert found.outcome == "matched"


def test_a_former_address_alone_is_asked() -> None:
    found = match_accounts(ANNA, [NUMBER, MAIL, FORMER], [account("a", mail="zoe.schmidt@firm.example")])
    assert (found.outcome, found.keys) == ("weak", ("former_emails",))


def test_a_namesake_is_asked_and_never_matched() -> None:
    found = match_accounts(ANNA, KEYS, [account("namesake", number="E-555", name="Zoë Müller")])
    assert found.outcome == "weak"
    assert found.account is None


def test_a_namesake_beside_the_right_account_changes_nothing() -> None:
    accounts = [account("namesake", number="E-555", name="Zoë Müller"), account("a", number="E-100", name="Zoë Müller")]
    found = match_accounts(ANNA, KEYS, accounts)
    assert found.account is not None and found.account.account_id == "a"


@pytest.mark.parametrize("name", ["Zoe Muller", "ZOË  MÜLLER", "Zoe\u0308 Mu\u0308ller", "Zoë Schmidt"])
def test_a_weak_name_is_found_without_diacritics_and_case(name: str) -> None:
    assert match_accounts(ANNA, KEYS, [account("a", name=name)]).outcome == "weak"


def test_mail_is_compared_without_case_and_in_one_normal_form() -> None:
    person = ANNA.model_copy(update={"email": "Zoë@firm.example", "employee_number": ""})
    assert match_accounts(person, [MAIL], [account("a", mail="ZOE\u0308@FIRM.example")]).outcome == "matched"


@pytest.mark.parametrize(
    ("ours", "theirs", "outcome"),
    [("zoë@f.example", "zoe@f.example", "none"), ("weiß@f.example", "weiss@f.example", "weak")],
)
def test_a_strong_key_keeps_people_apart_whose_addresses_differ_in_a_letter(
    ours: str, theirs: str, outcome: str
) -> None:
    """Systems take ß and ss as one letter in two cases, so that is asked about."""
    person = ANNA.model_copy(update={"email": ours})
    assert match_accounts(person, [MAIL], [account("a", mail=theirs)]).outcome == outcome


def test_an_employee_number_in_another_case_is_asked_about_and_never_matched() -> None:
    found = match_accounts(ANNA, [NUMBER], [account("a", number="e-100")])
    assert (found.outcome, found.account, found.keys) == ("weak", None, ("employee_number",))
    assert [candidate.account_id for candidate in found.candidates] == ["a"]
    exact = [account("a", number="e-100"), account("b", number="E-100")]
    assert match_accounts(ANNA, [NUMBER], exact).outcome == "matched"


@pytest.mark.parametrize(("ours", "theirs"), [("E 100", "E  100"), ("E\u00a0100", "e 100")])
def test_a_number_that_differs_in_spaces_is_asked_about_and_is_not_no_account(ours: str, theirs: str) -> None:
    """Connectors find it, since systems compare so."""
    assert comparable(ours) == comparable(theirs)
    found = match_accounts(ANNA.model_copy(update={"employee_number": ours}), [NUMBER], [account("a", number=theirs)])
    assert (found.outcome, found.account) == ("weak", None)


def test_an_empty_value_matches_no_one() -> None:
    nobody = PersonFacts(hr_id="hr-2", employee_number="", email="")
    assert match_accounts(nobody, KEYS, [account("a", number="", mail="", name="")]).outcome == "none"
    assert lookups(nobody, KEYS) == []


def test_lookups_are_in_the_order_of_rank_and_each_once() -> None:
    asked = lookups(ANNA, [NUMBER, MAIL, FORMER, NAME])
    assert asked[:3] == [
        ("number", "E-100"),
        ("mail", "zoe.mueller@firm.example"),
        ("mail", "zoe.schmidt@firm.example"),
    ]
    assert ("name", "Zoe Muller") in asked
    assert len(asked) == len(set(asked))


@pytest.mark.parametrize("key", ["name", "former_emails", "display_name", "family_name"])
def test_what_several_people_can_have_is_never_a_strong_key(key: str) -> None:
    with pytest.raises(ValidationError, match="strength: weak"):
        MatchKey(key=key, attribute="x")


def test_errors_and_texts_show_no_personal_data() -> None:
    with pytest.raises(ValidationError) as refused:
        PersonFacts.model_validate({"hr_id": "hr-1", "employee_number": {"secret": "Müller"}})
    assert "Müller" not in str(refused.value)
    assert "Müller" not in f"{ANNA!r}{ANNA}{account('a', name='Müller')!r}"


TEXT = st.text(alphabet="aAzZ0ëß\u0301 ", max_size=3)
ACCOUNTS = st.lists(
    st.builds(
        lambda number, mail, name, id_: account(id_, number=number, mail=mail, name=name),
        TEXT, TEXT, TEXT, st.sampled_from("pqr"),
    ),
    max_size=4,
)  # fmt: skip


@given(number=TEXT, mail=TEXT, name=TEXT, accounts=ACCOUNTS)
def test_never_matches_an_account_which_no_strong_key_equals(
    number: str, mail: str, name: str, accounts: list[FoundAccount]
) -> None:
    person = PersonFacts(hr_id="h", employee_number=number, email=mail, display_name=name)
    found = match_accounts(person, KEYS, accounts)
    if found.outcome == "matched":
        assert found.account is not None
        theirs = found.account.attributes
        same_number = bool(person.employee_number) and person.employee_number == theirs["number"].strip()
        same_mail = bool(person.email) and match_accounts(person, [MAIL], [found.account]).outcome == "matched"
        assert same_number or same_mail
        unique = {other.account_id: other for other in accounts}.values()
        certain = [match_accounts(person, [NUMBER, MAIL], [other]).outcome not in ("none", "weak") for other in unique]
        assert sum(certain) == 1
    else:
        assert found.account is None


@given(accounts=ACCOUNTS)
def test_the_order_in_which_a_system_answers_decides_nothing(accounts: list[FoundAccount]) -> None:
    person = PersonFacts(hr_id="h", employee_number="a", email="z")
    unique = list({other.account_id: other for other in accounts}.values())
    shuffled = sorted(unique, key=lambda other: other.account_id)
    first, second = match_accounts(person, KEYS, unique), match_accounts(person, KEYS, shuffled)
    assert (first.outcome, first.account) == (second.outcome, second.account)
