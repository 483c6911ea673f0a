"""The tree against an independent implementation, and its proofs against falsified ones."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree

from orchestrator.ledger.proofs.merkle import (
    EMPTY_ROOT,
    CompactRange,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root,
    verify_consistency,
    verify_inclusion,
)

contents = st.lists(st.binary(max_size=8), max_size=70)


@given(contents)
def test_roots_equal_pymerkles(data: list[bytes]) -> None:
    oracle = InmemoryTree.init_from_entries(data)
    leaves = [leaf_hash(item) for item in data]
    for size in range(1, len(data) + 1):
        assert root(leaves[:size]) == oracle.get_root(size)


@given(contents, st.data())
def test_a_compact_range_goes_on_from_where_it_was_stored(data: list[bytes], draw: st.DataObject) -> None:
    leaves = [leaf_hash(item) for item in data]
    cut = draw.draw(st.integers(0, len(leaves)))
    before = CompactRange()
    for leaf in leaves[:cut]:
        before.append(leaf)
    after = CompactRange(before.size, before.nodes)
    for leaf in leaves[cut:]:
        after.append(leaf)
    assert before.root() == root(leaves[:cut]) and after.root() == root(leaves)
    assert len(after.nodes) == len(leaves).bit_count()


@given(st.lists(st.binary(max_size=8), min_size=1, max_size=40), st.data())
def test_inclusion_proofs_hold_and_falsified_ones_do_not(data: list[bytes], draw: st.DataObject) -> None:
    leaves = [leaf_hash(bytes([number]) + item) for number, item in enumerate(data)]
    index = draw.draw(st.integers(0, len(leaves) - 1))
    proof, top = inclusion_proof(index, leaves), root(leaves)
    assert verify_inclusion(index, len(leaves), leaves[index], proof, top)
    assert not verify_inclusion(index, len(leaves), leaf_hash(b"other"), proof, top)
    assert not verify_inclusion(len(leaves), len(leaves), leaves[index], proof, top)
    for other in set(range(len(leaves))) - {index}:
        assert not verify_inclusion(other, len(leaves), leaves[index], proof, top)
    if proof:
        assert not verify_inclusion(index, len(leaves), leaves[index], proof[:-1], top)
    assert not verify_inclusion(index, len(leaves), leaves[index], [*proof, top], top)


@given(st.lists(st.binary(max_size=8), min_size=1, max_size=40), st.data())
def test_consistency_proofs_hold_and_rewritten_history_has_none(data: list[bytes], draw: st.DataObject) -> None:
    leaves = [leaf_hash(item) for item in data]
    earlier = draw.draw(st.integers(0, len(leaves)))
    proof, old, new = consistency_proof(earlier, leaves), root(leaves[:earlier]), root(leaves)
    assert verify_consistency(earlier, len(leaves), proof, old, new)
    if earlier:
        changed = [leaf_hash(b"changed"), *leaves[1:]]
        if changed != leaves:
            false_proof = consistency_proof(earlier, changed)
            assert not verify_consistency(earlier, len(leaves), false_proof, old, root(changed))
            assert not verify_consistency(earlier, len(leaves), proof, old, root(changed))
    assert not verify_consistency(len(leaves) + 1, len(leaves), proof, old, new)


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    assert root([]) == EMPTY_ROOT == hashlib.sha256(b"").digest()
    with pytest.raises(IndexError):
        inclusion_proof(0, [])
    with pytest.raises(IndexError):
        consistency_proof(2, [leaf_hash(b"")])
    with pytest.raises(ValueError, match="nodes"):
        CompactRange(3, [bytes(32)])
