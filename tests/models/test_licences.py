"""A model's licence, where it is written beside its weights."""

from dataclasses import replace

import pytest
from small import byte_level, make_llama, save

from clbench.models.licences import licence
from clbench.models.naming import find_model


@pytest.mark.parametrize(
    ("card", "expected"),
    [
        ("---\nlanguage: en\nlicense: 'llama3.2'\n---\n# A model\n", "llama3.2"),
        ("# A model\nlicense: mit\n", None),
        ("---\nlanguage: en\n---\nlicense: mit\n", None),
        (None, None),
    ],
)
def test_the_head_of_a_folders_card_says_it(card, expected, tmp_path):
    folder = save(tmp_path / "m", make_llama(320), byte_level())
    if card is not None:
        (folder / "README.md").write_text(card, "utf-8")
    assert licence(find_model(str(folder))) == expected


def test_shipped_and_packaged_models_are_apache():
    ref = find_model("clbench/tiny")
    assert licence(ref) == licence(replace(ref, name="smollm2")) == "Apache-2.0"
