"""Hashes depend on content and on nothing else."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clbench.base.hashing import digest, file_digest

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), JSON, max_size=5), st.randoms(use_true_random=False))
def test_order_of_keys_does_not_matter(value, random):
    items = list(value.items())
    random.shuffle(items)
    assert digest(dict(items)) == digest(value)


@given(st.lists(st.text(), min_size=2, unique=True))
def test_order_of_a_list_matters(values):
    assert digest(values) != digest(values[::-1])


@pytest.mark.parametrize(
    ("value", "start"),
    [
        ({"a": [1, 2.5, None, "é"]}, "d10f8695"),
        ("lone \ud800 surrogate", "23e466b2"),
        ("", "12ae32cb"),
    ],
    ids=["mixed", "surrogate", "empty"],
)
def test_digest_is_the_same_on_every_machine(value, start):
    assert digest(value)[:8] == start
    assert len(digest(value)) == 64


def test_nan_is_refused():
    with pytest.raises(ValueError, match="not JSON compliant"):
        digest({"a": float("nan")})


def test_file_digest_is_that_of_its_bytes(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"a\r\nb" * 100_000)
    assert file_digest(path) == hashlib.sha256(path.read_bytes()).hexdigest()
