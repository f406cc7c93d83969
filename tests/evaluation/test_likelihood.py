"""Likelihoods of choices are those of each choice run alone and whole, whatever is shared, padded, cut or merged."""

import random

import pytest
import small
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clbench.base.errors import DataError
from clbench.data.example import Example
from clbench.data.tokenising import Encoder
from clbench.evaluation import likelihood
from clbench.evaluation.evaluator import Evaluator
from clbench.models import memory
from clbench.scoring import choices
from clbench.spec.protocol import Protocol, Runtime
from clbench.training import head

CLOSE = {"rel": 1e-5, "abs": 1e-5}
SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
SHAPES = {
    "llama": ("Llama", {**SIZES, "intermediate_size": 48, "num_key_value_heads": 1}),
    "mistral-sliding": ("Mistral", {**SIZES, "intermediate_size": 48, "num_key_value_heads": 1, "sliding_window": 48}),
    "qwen2-sliding": (
        "Qwen2",
        {
            **SIZES,
            "intermediate_size": 48,
            "num_key_value_heads": 2,
            "use_sliding_window": True,
            "sliding_window": 48,
            "max_window_layers": 1,
        },
    ),
    "gemma2": (
        "Gemma2",
        {**SIZES, "intermediate_size": 48, "num_key_value_heads": 1, "head_dim": 16, "sliding_window": 48},
    ),
    "gpt-neox": ("GPTNeoX", {**SIZES, "intermediate_size": 48}),
    "gpt2": ("GPT2", {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 512}),
    "gpt-neo-local": (
        "GPTNeo",
        {
            "hidden_size": 32,
            "num_layers": 2,
            "num_heads": 2,
            "attention_types": [[["global", "local"], 1]],
            "window_size": 48,
        },
    ),
    "opt": ("OPT", {**SIZES, "ffn_dim": 48, "word_embed_proj_dim": 32}),
    "bloom": ("Bloom", {"hidden_size": 32, "n_layer": 2, "n_head": 2}),
    "mpt": ("Mpt", {"d_model": 32, "n_heads": 2, "n_layers": 2}),
    "mamba": ("Mamba", {"hidden_size": 32, "num_hidden_layers": 2, "state_size": 4}),
}
TOKENIZER = small.byte_level()
WORDS = ["hawk", "dove", "neutral", "budget", "council", "17", "4", "支持", "Tom", "apples"]


def make_model(name, **changes):
    import transformers

    family, sizes = SHAPES[name]
    torch.manual_seed(0)
    config = getattr(transformers, f"{family}Config")(
        vocab_size=len(TOKENIZER),
        initializer_range=0.3,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
        **sizes,
        **changes,
    )
    return transformers.AutoModelForCausalLM.from_config(config).eval()


MODELS = {}


def model_of(name):
    """Each is made once."""
    if name not in MODELS:
        MODELS[name] = make_model(name)
    return MODELS[name]


def evaluator(*, tokenizer=TOKENIZER, eval_batch=4, max_prompt=1024, max_answer=64, told=None):
    from accelerate import Accelerator

    protocol = Protocol(max_prompt_tokens=max_prompt, max_answer_tokens=max_answer)
    return Evaluator(
        Accelerator(cpu=True),
        Encoder(tokenizer, max_prompt=max_prompt, max_answer=max_answer),
        protocol,
        Runtime(device="cpu", eval_batch=eval_batch),
        warn=(lambda message: None) if told is None else told.append,
    )


def row_of(tokenizer, example, choice):
    """All tokens of one choice, and how many of the last are scored: by the definition, choice by choice."""

    def ids(text):
        return tokenizer(text, add_special_tokens=False)["input_ids"]

    before = ids(example.prompt + (choice if example.ending else ""))
    whole = ids(example.prompt + choice + example.ending)
    if whole[: len(before)] != before:  # the choice follows what is asked in tokens of its own
        alone = "\n" if tokenizer is not TOKENIZER else ""
        whole = before + ids(alone + (example.ending or choice))[len(ids(alone)) :]
    return whole, min(len(whole) - len(before), len(whole)) or 1


def reference(model, example, *, tokenizer=TOKENIZER, window=None, bos=()):
    """Each choice alone: a whole forward pass, log-softmax, a plain sum."""
    rows = [row_of(tokenizer, example, choice) for choice in example.choices]
    first = bos or (
        (tokenizer.eos_token_id,) if not example.prompt or any(len(ids) == scored for ids, scored in rows) else ()
    )
    over = 0 if window is None else max(len(first) + len(ids) for ids, _ in rows) - window
    cut = 0
    while cut < over:
        cut += window // 8
    found = []
    for ids, scored in rows:
        row = [*first, *ids[cut:]]
        with torch.no_grad():
            logs = model(torch.tensor([row])).logits[0].log_softmax(-1)
        found.append(sum(logs[place - 1, row[place]].item() for place in range(len(row) - scored, len(row))))
    return found


WARNING = "likelihoods without the model's cache, which is slower"


def measured(predictions):
    return [[one.loglikelihood for one in choices.loads(found.prediction)] for found in predictions]


def check(model, examples, *, told=(), **how):
    window, bos = how.pop("window", None), how.pop("bos", ())
    warned = []
    asked = evaluator(told=warned, **how)
    found = asked.choose(model, examples, probe=how.get("max_prompt", 1024) == 1024)
    for one, values in zip(examples, measured(found), strict=True):
        expected = reference(model, one, tokenizer=how.get("tokenizer", TOKENIZER), window=window, bos=bos)
        assert values == pytest.approx(expected, **CLOSE)
    assert [(one.prompt, one.answer) for one in found] == [(one.prompt, one.answer) for one in examples]
    assert warned == list(told)
    return found


def words(rng, low, high):
    return " ".join(rng.choices(WORDS, k=rng.randint(low, high)))


def questions(number, *, seed=0, shots=False, single=False, count=4):
    """Questions of unlike lengths; with a beginning that all share; with choices of a token or of several."""
    rng = random.Random(f"questions {seed}")
    head = "".join(f"Question: {words(rng, 3, 9)}\nAnswer: A\n\n" for _ in range(5)) if shots else ""
    made = []
    for _ in range(number):
        prompt = f"{head}Question: {words(rng, 1, 14)}\nAnswer:"
        found = [" A", " B", " C", " D"][:count] if single else [f" {words(rng, 1, 6)}{i}" for i in range(count)]
        made.append(Example("own/quiz", prompt, found[0], tuple(found), start=len(head)))
    return made


GAPS = [
    Example("own/gap", "Tom told the council that ", "Tom", ("Tom", "the dove"), " has 17 apples."),
    Example("own/gap", "", "Tom", ("Tom", "the budget council"), " eats 4."),
    Example("own/gap", "The hawk and the dove met; the ", "hawk", ("hawk", "dove"), " was neutral, as ever"),
]
EMPTY = [Example("own/empty", "", "hawk dove", ("hawk dove", "17 apples, and 4", "支"))]
MIXED = [*questions(3), *questions(4, shots=True, single=True), *GAPS, *EMPTY, *questions(3, shots=True, seed=4)]


# --- shapes of questions


@pytest.mark.parametrize(
    "examples",
    [
        questions(7, single=True),
        questions(7),
        questions(7, count=2, seed=2),
        GAPS,
        EMPTY,
        questions(9, shots=True),
        questions(9, shots=True, single=True),
        questions(1, shots=True),
        MIXED,
    ],
    ids=["one token", "several tokens", "two choices", "gaps", "no prompt", "shots", "shots, one token", "one", "all"],
)
@pytest.mark.parametrize("eval_batch", [1, 4, 64])
def test_likelihoods_are_those_of_each_choice_alone(examples, eval_batch):
    check(model_of("llama"), examples, eval_batch=eval_batch)


@pytest.mark.parametrize("kind", ["bos", "metaspace"])
def test_they_are_so_under_other_tokenizers(kind):
    tokenizer = small.byte_level(adds_bos=True) if kind == "bos" else small.metaspace()
    model = small.make_llama(len(tokenizer)).eval()
    check(model, MIXED, tokenizer=tokenizer, bos=(1,) if kind == "bos" else ())


def test_what_the_tokenizer_would_join_across_the_boundary_is_scored_apart():
    """`haw` and `k` are tokens of their own, `hawk` is one, which no prompt that ends in `haw` is asked with."""
    joined = [
        Example("own/join", "Word:\nhaw", "k", ("k", "n", " budget")),
        Example("own/join", "Word: neut", "ral", ("ral", "er", "")[:2]),
        Example("own/join", "haw", "k", ("k", "kk dove")),
        Example("own/join", "T", "om", ("om", "im")),
    ]
    alone = [TOKENIZER(one.prompt, add_special_tokens=False)["input_ids"] for one in joined]
    whole = [TOKENIZER(one.prompt + one.answer, add_special_tokens=False)["input_ids"] for one in joined]
    assert any(ids[: len(before)] != before for before, ids in zip(alone, whole, strict=True))
    assert any(ids[0] != before[0] for before, ids in zip(alone, whole, strict=True)), "one joins the whole prompt"
    check(model_of("llama"), joined)
    check(model_of("llama"), joined, eval_batch=1)


@pytest.mark.parametrize("window", [64, 100])
def test_long_questions_lose_their_beginning_by_eighths(window):
    model = make_model("llama", max_position_embeddings=window)
    examples = [*questions(6, shots=True), *questions(4), *questions(4, shots=True, single=True, seed=3)]
    asked = likelihood.encode(evaluator().encoder, examples, window=window)
    assert max(len(row) for one in asked for row in one.rows) <= window
    assert max(len(row) for one in asked for row in one.rows) > window - window // 8
    check(model, examples, window=window)


def test_a_tasks_own_questions_are_cut_by_the_protocols_lengths():
    examples = questions(5, shots=True)
    check(model_of("llama"), examples, window=64, max_prompt=48, max_answer=16)


def test_choices_as_long_as_the_window_are_whole_and_longer_ones_are_refused():
    coder = evaluator().encoder
    ids = TOKENIZER.encode
    long = " hawk" * 20
    one = Example("own/long", "Question: " + "dove " * 30, " A", (" A", long))
    size = len(ids(long))
    (asked,) = likelihood.encode(coder, [one], window=size + 1)
    assert (len(asked.rows[1]), asked.scored[1]) == (size + 1, size)
    with pytest.raises(DataError, match=r"task 'own/long': a choice makes"):
        likelihood.encode(coder, [one], window=size)
    model = make_model("llama", max_position_embeddings=size + 1)
    (found,) = measured(evaluator().choose(model, [one], probe=True))
    row = list(asked.rows[1])
    with torch.no_grad():
        logs = model(torch.tensor([row])).logits[0].log_softmax(-1)
    assert found[1] == pytest.approx(sum(logs[i - 1, row[i]].item() for i in range(1, len(row))), **CLOSE)


# --- architectures


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("eval_batch", [1, 3])
def test_every_kind_of_model_gives_its_own_numbers(name, eval_batch):
    """What cannot serve falls back with one warning; what serves gives the numbers of whole passes."""
    model, told = model_of(name), []
    asked = evaluator(told=told, eval_batch=eval_batch)
    found = measured(asked.choose(model, MIXED, probe=True))
    assert found == [pytest.approx(reference(model, one), **CLOSE) for one in MIXED]
    needed = name == "mamba" or (name == "mpt" and eval_batch > 1)  # no such cache; distances counted in places
    assert [one.partition(" (")[0] for one in told] == [WARNING] * needed
    again = measured(asked.choose(model, MIXED[::-1], probe=True))
    assert again == [pytest.approx(values, **CLOSE) for values in found[::-1]]
    assert len(told) <= 1, "said once"


@pytest.mark.parametrize("name", ["mistral-sliding", "gemma2", "gpt-neo-local", "mpt"])
def test_padding_behind_a_shared_beginning_does_not_narrow_a_sliding_window(name):
    """The first batch is even, and only a later one has padding."""
    rng = random.Random("windows")
    head = "".join(f"Question: {words(rng, 6, 6)}\nAnswer: A\n\n" for _ in range(3))
    long = [f"{head}Question: hawk hawk hawk hawk hawk hawk hawk{i}\nAnswer:" for i in range(2)]
    short = [f"{head}Question: {'dove ' * k}\nAnswer:" for k in (1, 1, 4, 6)]
    examples = [Example("own/quiz", text, " A", (" A", " 17", " hawk dove")) for text in (*long, *short)]
    model = model_of(name)
    found = measured(evaluator(eval_batch=2).choose(model, examples, probe=True))
    assert found == [pytest.approx(reference(model, one), **CLOSE) for one in examples]


def test_a_cache_that_lies_is_found_out(monkeypatch):
    """Where the two ways differ at the first questions, whole passes are taken from then on."""
    model, told = model_of("llama"), []
    true = likelihood.scores

    def wrong(*args, **how):
        return [[value + 0.5 for value in values] for values in true(*args, **how)]

    monkeypatch.setattr(likelihood, "scores", wrong)
    found = measured(evaluator(told=told).choose(model, MIXED, probe=True))
    assert found == [pytest.approx(reference(model, one), **CLOSE) for one in MIXED]
    assert told == [f"{WARNING} (it gives other numbers than whole forward passes)"]


# --- independence and planning


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 10_000), st.integers(1, 7), st.integers(1, 9), st.booleans(), st.integers(40, 400))
def test_random_questions(seed, size, number, shots, window):
    rng = random.Random(seed)
    examples = questions(number, seed=seed, shots=shots, single=rng.random() < 0.3, count=rng.randint(2, 4))
    examples += rng.sample([*GAPS, *EMPTY], rng.randint(0, 4))
    rng.shuffle(examples)
    model = model_of("llama")
    asked = evaluator(eval_batch=size, max_prompt=window, max_answer=40)
    found = measured(asked.choose(model, examples))
    assert found == [pytest.approx(reference(model, one, window=window + 40), **CLOSE) for one in examples]


def test_neither_batch_size_nor_order_matters():
    model = model_of("gpt2")
    whole = measured(evaluator(eval_batch=64).choose(model, MIXED, probe=True))
    for size in (1, 2, 5):
        assert measured(evaluator(eval_batch=size).choose(model, MIXED, probe=True)) == [
            pytest.approx(values, **CLOSE) for values in whole
        ]
    order = random.Random(1).sample(range(len(MIXED)), len(MIXED))
    found = measured(evaluator(eval_batch=3).choose(model, [MIXED[i] for i in order], probe=True))
    assert found == [pytest.approx(whole[i], **CLOSE) for i in order]


@given(st.integers(0, 1000), st.integers(1, 6), st.integers(1, 2000))
def test_each_question_is_in_one_batch_of_at_most_size(seed, size, tokens):
    asked = likelihood.encode(
        CODER, [*questions(4, seed=seed), *questions(5, seed=seed, shots=True), *EMPTY], window=2048
    )
    batches = likelihood.plan_batches(asked, size=size, tokens=tokens)
    assert sorted(index for batch in batches for index in batch) == list(range(len(asked)))
    assert max(map(len, batches)) <= size
    for batch in batches:
        width = {i: max(map(len, asked[i].rows)) for i in batch}
        cost = [width[i] * (len(asked[i].rows) if width[i] > asked[i].shared + 1 else 1) for i in batch]
        assert len(batch) == 1 or sum(cost) <= tokens


CODER = Encoder(TOKENIZER, max_prompt=1024, max_answer=64)


def test_answers_from_before_an_interruption_are_not_asked_again(monkeypatch):
    model, told = model_of("llama"), []
    whole = evaluator(eval_batch=3).choose(model, MIXED, on_batch=told.append)
    known = {**told[0], **told[-1]}
    shown, real = [], Evaluator._likelihoods

    def counted(self, model, asked):
        shown.append(len(asked))
        return real(self, model, asked)

    monkeypatch.setattr(Evaluator, "_likelihoods", counted)
    asked = evaluator(eval_batch=3)
    assert asked.choose(model, MIXED, known=known) == whole
    assert sum(shown) == len(MIXED) - len(known)
    assert asked.tokens == 0


# --- memory


@pytest.mark.parametrize("name", ["llama", "mamba"])
def test_little_memory_changes_batches_and_no_number(name, monkeypatch):
    """With a cache and without one; a chunk of the head is one position."""
    model = make_model(name)
    whole = measured(evaluator(eval_batch=64).choose(model, MIXED, probe=True))
    monkeypatch.setattr(memory, "budget", lambda device, learning=False: 2**16)
    monkeypatch.setattr(head, "CHUNK", 1)
    rows = []
    model.register_forward_pre_hook(lambda _, __, more: rows.append(more["input_ids"].shape[0]), with_kwargs=True)
    found = measured(evaluator(eval_batch=64).choose(model, MIXED, probe=True))
    assert max(rows) < 8
    for one, other in zip(found, whole, strict=True):
        assert one == pytest.approx(other, abs=1e-3)


def test_a_batch_for_which_memory_is_not_enough_is_asked_in_smaller_ones():
    model, told = make_model("llama"), []
    whole = measured(evaluator(eval_batch=64).choose(model, MIXED, probe=True))

    def refuse(module, args, more):
        if more["input_ids"].shape[0] > 4:
            torch.empty(2**52)

    model.register_forward_pre_hook(refuse, with_kwargs=True)
    found = measured(evaluator(eval_batch=64, told=told).choose(model, MIXED, probe=True))
    assert told
    assert all("memory was not enough" in text for text in told)
    for one, other in zip(found, whole, strict=True):
        assert one == pytest.approx(other, abs=1e-3)
