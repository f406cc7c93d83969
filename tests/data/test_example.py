"""Training data can be read while their experience lasts, and not after."""

import pytest

from clbench.data.example import Example, TrainingData

EXAMPLES = [Example("own/a", f"question {number}", str(number)) for number in range(3)]


def test_open_data_read_like_the_list_they_hold():
    data = TrainingData(EXAMPLES, name="own/a")
    assert list(data) == EXAMPLES
    assert len(data) == 3
    assert data[1] == EXAMPLES[1]
    assert data[1:] == EXAMPLES[1:]


@pytest.mark.parametrize(
    "read", [len, list, iter, lambda data: data[0], lambda data: data[:1], lambda data: EXAMPLES[0] in data]
)
def test_passed_data_refuse_every_way_of_reading(read):
    data = TrainingData(EXAMPLES, name="own/a")
    data.close()
    with pytest.raises(PermissionError, match=r"own/a cannot be read now.*memory"):
        read(data)
