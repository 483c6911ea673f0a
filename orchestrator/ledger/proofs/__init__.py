"""Merkle tree, signed checkpoints and verification."""
