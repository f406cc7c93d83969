"""ROUGE-L of summaries, with the meaning of PyPI `rouge` 1.0.1 as TRACE calls it.

TRACE (`metrics.py` of BeyonderXX/TRACE) scores MeetingBank with `Rouge(metrics=["rouge-l"])` and passes the
gold answer as hypothesis and the prediction as reference. What that library computes is not the ROUGE-L of
`rouge_score`: it is the summary-level union LCS of Lin (2004) over *sets of distinct words*, case-sensitive,
with sentences cut at every full stop. Numbers of the two cannot be compared.

The library raises on a text of full stops only, which scores 0 here, and can run out of stack on a sentence of
about a thousand words, which is simply computed here.
"""

from collections.abc import Sequence

# The library's guard against 0/0, which also keeps a perfect match a hair below 1.
_EPSILON = 1e-8


def rouge_l(*, prompt: str, prediction: str, answer: str) -> float:
    """Scores the overlap of the words that prediction and answer have in the same order: MeetingBank in TRACE."""
    hypothesis, reference = _sentences(answer), _sentences(prediction)
    if not hypothesis or not reference:
        return 0.0
    union: set[str] = set()
    for left in reference:
        for right in hypothesis:
            union |= _common_words(left, right)
    precision = len(union) / len(set().union(*hypothesis))
    recall = len(union) / len(set().union(*reference))
    return 2 * precision * recall / (precision + recall + _EPSILON)


def rouge_l_stripped(*, prompt: str, prediction: str, answer: str) -> float:
    """Scores `rouge_l` without white space at the ends, which would count as a word after a last full stop."""
    return rouge_l(prompt=prompt, prediction=prediction.strip(), answer=answer.strip())


def _sentences(text: str) -> list[list[str]]:
    """Cuts a text into sentences of words; a sentence of white space holds one empty word, as in the library."""
    return [sentence.split() or [""] for sentence in text.split(".") if sentence]


def _common_words(left: Sequence[str], right: Sequence[str]) -> set[str]:
    """Finds the words of one longest common subsequence.

    There may be several; their words differ, and with them the union, so the way back through the table T takes
    the library's turns: a match if there is one, else up if the value above is larger, else left. Only the steps
    of T are kept (see `_step_rows`): where the words differ, the value above is larger than the one on the left
    exactly if T steps up from the left one to here.
    """
    rows = _step_rows(left, right)
    words: set[str] = set()
    row, column = len(left), len(right)
    while row and column:
        if left[row - 1] == right[column - 1]:
            words.add(left[row - 1])
            row, column = row - 1, column - 1
        elif rows[row] >> (column - 1) & 1:
            row -= 1
        else:
            column -= 1
    return words


def common_length(left: Sequence[str], right: Sequence[str]) -> int:
    """The number of words of a longest common subsequence."""
    return _step_rows(left, right)[-1].bit_count()


def _step_rows(left: Sequence[str], right: Sequence[str]) -> list[int]:
    """Computes the table of LCS lengths, a row at a time (Hyyrö 2004, "Bit-parallel LCS-length computation").

    Args:
        left: The words down the side of the table.
        right: The words along its top.

    Returns:
        One integer for each row i from 0 to `len(left)`, in which bit j is set if T[i, j + 1] = T[i, j] + 1.
    """
    places: dict[str, int] = {}
    for place, word in enumerate(right):
        places[word] = places.get(word, 0) | 1 << place
    full = (1 << len(right)) - 1
    flat = full  # bit set: no step; the algorithm is stated on this complement
    rows = [0]
    for word in left:
        matches = flat & places.get(word, 0)
        flat = (flat + matches | flat - matches) & full
        rows.append(flat ^ full)
    return rows
