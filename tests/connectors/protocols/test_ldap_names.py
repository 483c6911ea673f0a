"""Names of LDAP entries, as servers escape them."""

from __future__ import annotations

import pytest

from connectors.protocols.ldap_entries import parent_of, rdn_of, same_dn


@pytest.mark.parametrize(
    ("dn", "rdn", "parent"),
    [
        ("CN=Nora Berg,OU=People,DC=x", "CN=Nora Berg", "OU=People,DC=x"),
        ("CN=Berg\\, Nora,OU=a\\,b,DC=x", "CN=Berg\\, Nora", "OU=a\\,b,DC=x"),
        ("CN=Nora\\ ,OU=Annex\\ ,DC=x", "CN=Nora\\ ", "OU=Annex\\ ,DC=x"),
        ("CN=\\ Nora , OU=People,DC=x", "CN=\\ Nora", "OU=People,DC=x"),
        ("CN=back\\\\,OU=x", "CN=back\\\\", "OU=x"),
        ('CN="Berg, Nora",OU=x', 'CN="Berg, Nora"', "OU=x"),
        ("CN=a=b;c+uid=n,OU=x", "CN=a=b;c+uid=n", "OU=x"),
        ("CN=a\\0ADEL:1,OU=x", "CN=a\\0ADEL:1", "OU=x"),
    ],
)
def test_a_name_is_taken_apart_as_it_is_written(dn: str, rdn: str, parent: str) -> None:
    assert (rdn_of(dn), parent_of(dn)) == (rdn, parent)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("OU=Former, DC=x", "ou=former,dc=X", True),
        ("OU=Müller,DC=x", "OU=M\\C3\\BCller,DC=x", True),
        ("OU=a\\,b,DC=x", "OU=a\\2Cb,DC=x", True),
        ("OU = Former ,DC=x", "OU=Former,DC=x", True),
        ("OU=a\\,OU\\=b,DC=x", "OU=a,OU=b,DC=x", False),
        ("OU=Former", "OU=Former,DC=x", False),
        ("", "DC=x", False),
    ],
)
def test_names_are_the_same_however_they_are_escaped(one: str, other: str, same: bool) -> None:
    assert same_dn(one, other) is same_dn(other, one) is same
