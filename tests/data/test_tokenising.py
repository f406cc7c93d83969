"""Where the answer begins is found in the tokens, for tokenizers of every kind, on real and on arbitrary text."""

import functools

import kinds
import pytest
import small
from hypothesis import given
from hypothesis import strategies as st

from clbench.base.errors import ModelError
from clbench.data.example import Example
from clbench.data.records import read_examples
from clbench.data.tokenising import Encoder

KINDS = {
    "byte-level": small.byte_level,
    "with a beginning token": functools.partial(small.byte_level, adds_bos=True),
    "sentencepiece-like": small.metaspace,
}
TASKS = ("C-STANCE", "FOMC", "MeetingBank", "Py150", "ScienceQA", "NumGLUE-cm", "NumGLUE-ds", "20Minuten")


@functools.cache
def tokenizer_of(kind):
    return KINDS[kind]()


@pytest.fixture(params=KINDS)
def tokenizer(request):
    return tokenizer_of(request.param)


@pytest.fixture(scope="module")
def gpt2_tokenizer(real_data):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(real_data / "gpt2tokenizer")


def wide(tokenizer):
    return Encoder(tokenizer, max_prompt=1_000_000, max_answer=1_000_000)


def encode(encoder, prompt, answer):
    (one,), counts = encoder.examples([Example("own/a", prompt, answer)])
    return one.ids[: -one.num_answer], one.ids[-one.num_answer :], counts


@pytest.mark.parametrize(
    ("prompt", "answer"),
    [
        ("Question:\nHow many?\nAnswer:", "17.48"),  # digits apart from the colon, and from each other
        ("Question:\nHow many?\nAnswer:", "November\n"),
        ("文本：\n支持吗\n态度：", "A"),
        ("Choices:\nA. ja\nB. nein\n\nAnswer:", "B\nBecause it is so. "),
        ("<s> import os <EOL>", "def f ( x ) : "),
        ("Simplification:", ""),
    ],
)
def test_what_is_trained_on_is_the_answer_and_an_end(tokenizer, prompt, answer):
    encoder = wide(tokenizer)
    before, trained, counts = encode(encoder, prompt, answer)
    assert trained[-1] == tokenizer.eos_token_id
    assert tokenizer.decode(trained[:-1]) == answer
    assert list(before) == encoder.prompts([prompt])[0]
    assert counts.merged == counts.prompt_truncated == counts.answer_truncated == 0


def test_tokenising_the_answer_apart_would_be_off_by_one():
    """The reason why this is done in the tokens: a dummy prefix makes an answer longer on its own than in place."""
    tokenizer = tokenizer_of("sentencepiece-like")
    _, trained, _ = encode(wide(tokenizer), "Answer:", "17")
    apart = tokenizer("17", add_special_tokens=False)["input_ids"]
    assert len(apart) == len(trained[:-1]) + 1
    assert tokenizer.convert_ids_to_tokens(list(trained)) == ["1", "7", "</s>"]


def test_an_answer_that_would_merge_with_the_prompt_follows_it_in_tokens_of_its_own():
    tokenizer = tokenizer_of("byte-level")
    word = max((token for token in tokenizer.get_vocab() if token.isascii() and token.isalpha()), key=len)
    before, trained, counts = encode(wide(tokenizer), f"4 {word[:-1]}", word[-1])
    assert counts.merged == 1
    assert list(before) == tokenizer(f"4 {word[:-1]}")["input_ids"]
    assert tokenizer.convert_ids_to_tokens(trained[:-1]) == [word[-1]]


def test_a_prompt_that_ends_in_a_blank_keeps_it():
    """Where blanks go with the words behind them, `Answer: ` alone ends in a token that the whole does not have."""
    tokenizer = tokenizer_of("byte-level")
    before, trained, counts = encode(wide(tokenizer), "Answer: ", "apples and 4")
    whole = tokenizer("Answer: apples and 4")["input_ids"]
    assert whole[: len(before)] != list(before)
    assert (tokenizer.decode(before), tokenizer.decode(trained[:-1])) == ("Answer: ", "apples and 4")
    assert counts.merged == 1


def test_a_first_token_with_nothing_before_it_is_predicted_from_the_end_token():
    """An empty prompt, under a tokenizer without a beginning token."""
    tokenizer = tokenizer_of("byte-level")
    before, trained, counts = encode(wide(tokenizer), "", "apples")
    assert before == (tokenizer.eos_token_id,)
    assert tokenizer.decode(trained[:-1]) == "apples"
    assert counts.merged == 0


def test_a_text_that_nobody_is_asked_for_keeps_the_tokens_of_the_whole():
    """A probe's loss on held-out text, whose first character is given: `T` and `om` would be asked apart."""
    tokenizer = tokenizer_of("byte-level")
    encoder = wide(tokenizer)
    text = Example("probes/text", "T", "om has 17 apples")
    (one,) = encoder.wholes([text])
    assert list(one.ids) == [encoder.eos, *tokenizer("Tom has 17 apples")["input_ids"], encoder.eos]
    assert one.num_answer == len(one.ids) - 1
    assert encoder.examples([text])[0] != [one]


@pytest.mark.parametrize("beginnings", ["", "<s>", "<s><s>"])
def test_a_text_that_brings_its_own_beginning_has_one(beginnings):
    """As templates of chats do, and Py150's records."""
    encoder = wide(tokenizer_of("with a beginning token"))
    before, trained, _ = encode(encoder, f"{beginnings}Word: ", "hawk")
    number = max(1, beginnings.count("<s>"))  # a second one that stands in a text is the text's
    assert list(before[: number + 1]).count(1) == number
    assert list(before) == encoder.prompts([f"{beginnings}Word: "])[0]
    assert encoder.tokenizer.decode(trained[:-1]) == "hawk"
    cut = Encoder(encoder.tokenizer, max_prompt=8, max_answer=8)
    (short,) = cut.prompts([f"{beginnings}{'Word: ' * 50}"])
    assert (len(short), short[0], short.count(1)) == (8, 1, 1)


@pytest.mark.data
@pytest.mark.parametrize("task", TASKS)
def test_real_records_are_trained_on_their_answers(real_data, gpt2_tokenizer, task):
    records = read_examples(real_data / "trace" / task / "train.json", task=task)[:60]
    encoder = wide(gpt2_tokenizer)
    encoded, counts = encoder.examples(records)
    asked = encoder.prompts([one.prompt for one in records])
    whole = encoder.tokens([record.prompt + record.answer for record in records])
    for record, one, prompt, both in zip(records, encoded, asked, whole, strict=True):
        *trained, end = one.ids[-one.num_answer :]
        before = list(one.ids[: -one.num_answer])
        assert end == gpt2_tokenizer.eos_token_id
        assert before == prompt
        assert gpt2_tokenizer.decode(trained) == record.answer
        assert [*before, *trained] == both or both[: len(before)] != before
    assert counts.merged == sum(both[: len(one)] != one for one, both in zip(asked, whole, strict=True))
    assert counts.merged < len(records) / 4
    assert counts.merged > 0 or task != "Py150"  # `<EOL>` and a line that begins with a bracket share a token


@pytest.mark.data
@pytest.mark.parametrize("task", TASKS)
def test_real_prompts_that_are_cut_keep_their_answer_cue(real_data, gpt2_tokenizer, task):
    records = read_examples(real_data / "trace" / task / "test.json", task=task)[:30]
    encoder = Encoder(gpt2_tokenizer, max_prompt=24, max_answer=8)
    encoded, counts = encoder.examples(records)
    for record, one, asked in zip(records, encoded, encoder.prompts([one.prompt for one in records]), strict=True):
        before = one.ids[: -one.num_answer]
        assert len(before) <= 24
        assert len(asked) <= 24
        assert one.num_answer <= 9
        assert record.prompt.endswith(gpt2_tokenizer.decode(asked).lstrip("\ufffd"))
        assert list(before) == asked
    assert counts.prompt_truncated == sum(len(wide(gpt2_tokenizer).prompts([one.prompt])[0]) > 24 for one in records)
    assert counts.prompt_truncated > 0


def test_a_long_prompt_loses_its_beginning_and_a_long_answer_its_end(tokenizer):
    encoder = Encoder(tokenizer, max_prompt=10, max_answer=3)
    prompt, answer = "word " * 50 + "Stance:", "one two three four five six"
    before, trained, counts = encode(encoder, prompt, answer)
    assert (counts.prompt_truncated, counts.answer_truncated) == (1, 1)
    assert len(before) == 10
    assert list(before) == encoder.prompts([prompt])[0]
    assert before[: len(encoder.prefix)] == encoder.prefix
    assert tokenizer.decode(before).endswith("Stance:")
    assert len(trained) == 4
    assert answer.startswith(tokenizer.decode(trained[:-1]))
    assert trained[-1] == tokenizer.eos_token_id


@given(st.sampled_from(kinds.LOSSLESS), st.text(max_size=40), st.text(max_size=20))
def test_any_text_keeps_the_rules(kind, prompt, answer):
    """What is trained before an answer is what is asked; the answer is given back; nothing changes without need."""
    tokenizer = kinds.tokenizer_of(kind)
    encoder = wide(tokenizer)
    before, trained, counts = encode(encoder, prompt, answer)
    assert trained[-1] == encoder.eos
    assert list(before) == encoder.prompts([prompt])[0]
    alone, whole = encoder.tokens([prompt, prompt + answer])
    if whole[: len(alone)] == alone:
        assert (list(trained[:-1]), counts.merged) == (whole[len(alone) :], 0)
    else:
        assert counts.merged == 1
    kept = {*tokenizer.all_special_tokens, *kinds.marks(kind)}
    if not any(one in prompt + answer for one in kept) and kind != "bytes with labels":
        assert encoder.detokenizer.answer(trained[:-1], after=before, prompt=prompt) == answer


@given(st.text(min_size=1, max_size=60), st.text(max_size=30), st.integers(8, 20), st.integers(1, 9))
def test_any_text_keeps_the_limits(prompt, answer, max_prompt, max_answer):
    encoder = Encoder(tokenizer_of("with a beginning token"), max_prompt=max_prompt, max_answer=max_answer)
    before, trained, counts = encode(encoder, prompt, answer)
    full_before, full_trained, _ = encode(wide(encoder.tokenizer), prompt, answer)
    assert before == (*encoder.prefix, *full_before[1:][-(max_prompt - 1) :])
    assert trained == (*full_trained[:-1][:max_answer], encoder.eos)
    assert counts.prompt_truncated == (len(full_before) > max_prompt)
    assert counts.answer_truncated == (len(full_trained) > max_answer + 1)
    assert len(encoder.prompts([prompt])[0]) <= max_prompt


def test_only_what_stands_before_a_text_is_its_prefix():
    from tokenizers import processors

    tokenizer = small.byte_level()
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    assert wide(tokenizer).prefix == (1,)
    assert wide(tokenizer_of("byte-level")).prefix == ()


def test_padding_falls_back_to_the_end_token():
    tokenizer = small.byte_level()
    assert wide(tokenizer).pad == tokenizer.pad_token_id
    tokenizer.pad_token = None
    assert wide(tokenizer).pad == tokenizer.eos_token_id


def test_a_tokenizer_without_an_end_token_is_refused():
    tokenizer = small.byte_level()
    tokenizer.eos_token = None
    with pytest.raises(ModelError, match="no end-of-text token"):
        wide(tokenizer)


def test_a_tokenizer_that_swallows_the_end_of_a_prompt_is_no_crash():
    """A normaliser may drop what it has just seen; then the whole has fewer tokens than its prompt."""

    class Swallowing:
        eos_token_id, pad_token_id = 0, None

        def __call__(self, texts, **_):
            ids = [[ord(letter) for letter in text.replace("xy", "")] for text in texts]
            return {"input_ids": ids if isinstance(texts, list) else ids[0]}

        def decode(self, ids, **_):
            return "".join(map(chr, ids))

    before, trained, counts = encode(wide(Swallowing()), "ax", "y")
    assert (before, trained, counts.merged) == ((ord("a"), ord("x")), (ord("y"), 0), 1)


def test_nothing_to_encode_gives_nothing(tokenizer):
    assert wide(tokenizer).prompts([]) == []
    assert wide(tokenizer).examples([])[0] == []


def test_nothing_merges_in_what_the_bundled_model_is_trained_on():
    from clbench.data import mini
    from clbench.models.loading import BUNDLED, describe, load_tokenizer

    encoder = wide(load_tokenizer(describe(BUNDLED)))
    records = [
        Example(form, one["prompt"], one["answer"])
        for form in mini.FORMS
        for one in mini.records(form, split="train", size=20)
    ]
    assert len(records) > 100
    assert encoder.examples(records)[1].merged == 0


def test_a_loss_on_the_whole_text_is_on_all_that_something_stands_before(tokenizer):
    asked = [Example("own/a", "What is two and two?", " four"), Example("own/a", "Zwei", " drei")]
    plain, _ = Encoder(tokenizer, max_prompt=64, max_answer=8).examples(asked)
    whole, _ = Encoder(tokenizer, max_prompt=64, max_answer=8, whole=True).examples(asked)
    assert [one.ids for one in whole] == [one.ids for one in plain]
    assert [one.num_answer for one in whole] == [len(one.ids) - 1 for one in plain]
