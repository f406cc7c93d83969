"""The file that plans rehearse is what its script writes, and can be rehearsed."""

import base_text

from clbench.data.records import read_examples


def test_the_file_is_what_the_script_writes():
    assert base_text.FILE.read_text("utf-8") == base_text.text(), "write it again: python tests/base_text.py"
    found = read_examples(base_text.FILE, task="replay/extra")
    assert len(found) == base_text.SIZE
    assert all(one.prompt and one.answer for one in found)
