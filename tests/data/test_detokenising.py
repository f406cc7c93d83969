"""What tokens say where they stand: every kind of tokenizer gives every answer back, or it is known which it cannot."""

import kinds
import pytest

from clbench.data.detokenising import Detokenizer, until
from clbench.data.tokenising import Encoder

LOST = {  # records that a kind of tokenizer cannot write, by their answers
    "bytes under NFKC": ["½ ﬁne"],
    "bytes with labels that take blanks on their left": [" <A>"],
    "unigram": ["🙂"],
    "unigram that strips": ["dog  cat", "    return x\n", "return x\n\n    pass", "\n    return x", "🙂"],
    "unigram under NFKC": ["½ ﬁne", "🙂"],
}


def encoder_of(kind):
    return Encoder(kinds.tokenizer_of(kind), max_prompt=1000, max_answer=1000)


@pytest.mark.parametrize("kind", kinds.KINDS)
def test_what_is_trained_is_what_is_asked_and_gives_the_answer_back(kind):
    encoder = encoder_of(kind)
    asked = encoder.prompts([one.prompt for one in kinds.RECORDS])
    lost = []
    for one, prompt, trained in zip(kinds.RECORDS, asked, encoder.examples(kinds.RECORDS)[0], strict=True):
        assert list(trained.ids[: -trained.num_answer]) == prompt
        said = encoder.detokenizer.answer(trained.ids[-trained.num_answer : -1], after=prompt, prompt=one.prompt)
        lost += [] if said == one.answer else [one.answer]
    if kind == "words":
        assert 10 < len(lost) < 20, "lower case, no line breaks, blanks between all words"
        assert "red cat" not in lost
        assert "dog cat red" not in lost
    else:
        assert lost == LOST.get(kind, [])
    assert kind not in kinds.LOSSLESS or not lost


@pytest.mark.parametrize("kind", ["sentencepiece", "sentencepiece, legacy", "unigram"])
def test_a_first_blank_is_lost_alone_and_kept_in_its_place(kind):
    """The reason why answers are decoded behind their prompts."""
    encoder = encoder_of(kind)
    ((prompt, answer, _),) = encoder.parts([("def f(x):\nAnswer:", " return 17")])
    assert encoder.tokenizer.decode(answer) == "return 17"
    assert encoder.detokenizer.text(answer, after=prompt) == " return 17"


def test_labels_are_written_and_what_ends_or_pads_is_not():
    encoder = encoder_of("bytes with labels")
    label, pad, begin, end = (encoder.tokenizer.convert_tokens_to_ids(one) for one in ("<A>", "<pad>", "<s>", "</s>"))
    assert encoder.detokenizer.unwritten == {pad, begin, end}
    assert encoder.detokenizer.text([begin, label, pad, end]) == "<A>"
    assert encoder.detokenizer.text([label], after=[pad, pad, *encoder.tokens(["Label: "])[0]]) == "<A>"


def test_characters_cut_in_two_spoil_nothing_around_them():
    """Bytes as fallback: a prompt of nothing but bytes, and an answer that ends inside a character."""
    encoder = encoder_of("sentencepiece without a strip")
    prompt, smiles = encoder.tokens(["🙂" * 9 + "\n", "🙂🙂"])
    smiles = [one for one in smiles if encoder.tokenizer.convert_ids_to_tokens(one) != "▁"]
    assert len(prompt) > 30
    told = encoder.detokenizer
    assert told.text(smiles, after=prompt) == "🙂🙂"
    assert told.text(smiles[:-1], after=prompt).strip("\ufffd🙂") == ""
    assert told.text(smiles[1:], after=prompt).strip("\ufffd🙂") == ""
    assert told.text([], after=prompt) == told.text([]) == ""


def test_a_tokenizer_may_lack_every_special_token():
    class Letters:
        def decode(self, ids, **_):
            return "".join(map(chr, ids))

    assert Detokenizer(Letters()).text([104, 105], after=[33]) == "hi"


@pytest.mark.parametrize(
    ("text", "stop", "kept"),
    [("a b c", ("b", "c"), "a "), ("a b c", ("c", "b"), "a "), ("a", ("b",), "a"), ("b", ("b",), ""), ("a", (), "a")],
)
def test_a_text_ends_at_the_first_stop(text, stop, kept):
    assert until(text, stop) == kept
