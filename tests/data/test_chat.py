"""Chat templates: one text for training and asking, one beginning of text, one token that ends the answer."""

import datetime

import chats
import pytest
import small
from hypothesis import given, settings
from hypothesis import strategies as st

from clbench.base.errors import ModelError
from clbench.data.chat import make_chat, template_hash
from clbench.data.example import Example
from clbench.data.fewshot import with_shots
from clbench.data.tokenising import make_encoder
from clbench.spec.forms import Filled
from clbench.spec.protocol import Protocol
from clbench.spec.task import Task

FAMILIES = sorted(chats.TEMPLATES)
EXAMPLE = Example("own/word", "Repeat the word.\nWord:\nhawk dove\nAgain:", "hawk")


def encoder(family, *, adds_bos=True, **protocol):
    return make_encoder(chats.tokenizer(family, adds_bos=adds_bos), Protocol(prompt="chat", **protocol))


def text(made, ids):
    return made.tokenizer.decode(ids, skip_special_tokens=False)


# --- what is trained and what is asked


@pytest.mark.parametrize("adds_bos", [False, True])
@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_trained_begins_with_what_is_asked(family, adds_bos):
    made = encoder(family, adds_bos=adds_bos)
    [asked] = made.prompts([made.asked(EXAMPLE)])
    [trained], counts = made.examples([EXAMPLE])
    assert list(trained.ids[: len(asked)]) == asked
    assert text(made, trained.ids[len(asked) :]) == f"hawk{chats.ENDS[family]}"
    assert trained.num_answer == len(trained.ids) - len(asked)
    assert (counts.prompt_truncated, counts.answer_truncated) == (0, 0)


@pytest.mark.parametrize("adds_bos", [False, True])
@pytest.mark.parametrize("family", ["llama", "gemma", "mistral"])
def test_a_text_begins_once(family, adds_bos):
    """These templates write the token that begins a text, and many tokenizers put another before it."""
    made = encoder(family, adds_bos=adds_bos)
    [asked] = made.prompts([made.asked(EXAMPLE)])
    [trained], _ = made.examples([EXAMPLE])
    assert asked.count(1) == trained.ids.count(1) == 1
    assert asked[0] == 1


@pytest.mark.parametrize("family", FAMILIES)
def test_the_tokens_are_those_of_transformers_own_rendering(family):
    tokenizer = chats.tokenizer(family)
    made = make_encoder(tokenizer, Protocol(prompt="chat"))
    messages = [{"role": "user", "content": EXAMPLE.prompt}]
    own = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=True)["input_ids"]
    assert made.prompts([made.asked(EXAMPLE)]) == [own]
    whole = tokenizer.apply_chat_template([*messages, {"role": "assistant", "content": "hawk"}], return_dict=True)
    [trained], _ = made.examples([EXAMPLE])
    assert list(trained.ids) == whole["input_ids"][: len(trained.ids)]


@settings(max_examples=30)
@given(
    family=st.sampled_from(FAMILIES), prompt=st.text(min_size=1, max_size=30), answer=st.text(min_size=1, max_size=9)
)
def test_answers_are_given_back(family, prompt, answer):
    made = ENCODERS[family]
    one = Example("t", prompt, answer)
    [part] = made.parts([(made.asked(one), answer)])
    assert made.detokenizer.answer(part.answer, after=part.prompt, prompt=made.asked(one)) == answer


ENCODERS = {family: encoder(family) for family in FAMILIES}


# --- system prompts, turns, shots


@pytest.mark.parametrize("family", ["llama", "qwen", "smollm", "mistral"])
def test_a_system_prompt_comes_first_and_only_once(family):
    made = encoder(family, system="Be brief.")
    asked = made.asked(EXAMPLE)
    assert asked.count("Be brief.") == 1
    assert "You answer." not in asked
    assert asked.index("Be brief.") < asked.index("Repeat")


def test_a_template_without_a_place_for_it_refuses_a_system_prompt():
    with pytest.raises(ModelError, match=r"refuses a conversation of system/user \(no system role\)"):
        encoder("gemma", system="Be brief.")


def test_a_template_that_leaves_system_prompts_out_is_found():
    tokenizer = chats.tokenizer("qwen")
    tokenizer.chat_template = chats.CHATML.replace(
        "{% for m in messages %}", "{% for m in messages if m.role != 'system' %}"
    )
    with pytest.raises(ModelError, match="leaves system prompts out"):
        make_chat(tokenizer, system="Be brief.")


def test_a_conversation_keeps_its_turns():
    turns = (("user", "one"), ("assistant", "two"), ("user", "three"))
    asked = encoder("qwen").asked(Example("t", "User:\none …", "four", turns=turns))
    assert asked == (
        "<|im_start|>user\none<|im_end|>\n<|im_start|>assistant\ntwo<|im_end|>\n"
        "<|im_start|>user\nthree<|im_end|>\n<|im_start|>assistant\n"
    )


def test_a_records_own_system_turn_stays():
    turns = (("system", "mine"), ("user", "one"))
    asked = encoder("qwen", system="Be brief.").asked(Example("t", "x", "y", turns=turns))
    assert asked.startswith("<|im_start|>system\nmine<|im_end|>")
    assert "Be brief." not in asked


def test_solved_examples_are_turns():
    task = Task.model_validate(
        {
            "task": "own/sum",
            "data": {"files": {"test": "x"}},
            "scorers": {"strict": "exact"},
            "max_new_tokens": 4,
            "shots": 1,
            "preamble": "Sums.\n",
            "forms": [{"prompt": "{q}", "answer": "{a}"}],
        }
    )
    [one] = with_shots(task, [Filled(prompt="2+2=", answer="4")], pool=[Filled(prompt="1+1=", answer="2")])
    assert one.prompt.startswith("Sums.\n1+1=2")
    assert encoder("qwen").asked(one) == (
        "<|im_start|>user\nSums.\n1+1=<|im_end|>\n<|im_start|>assistant\n2<|im_end|>\n"
        "<|im_start|>user\n2+2=<|im_end|>\n<|im_start|>assistant\n"
    )
    assert Example.from_json(one.to_json()) == one


# --- lengths and dates


@pytest.mark.parametrize("family", FAMILIES)
def test_a_long_prompt_loses_the_beginning_of_its_text_not_of_the_template(family):
    made = encoder(family, max_prompt_tokens=40)
    long = Example("t", "word " * 200 + "Again:", "hawk")
    [asked] = made.prompts([made.asked(long)])
    [trained], counts = made.examples([long])
    assert len(asked) == 40
    assert list(trained.ids[:40]) == asked
    assert counts.prompt_truncated == 1
    whole, cut = made.asked(long), text(made, asked)
    begins, ends = whole[: whole.index("word")], whole[whole.index("Again:") :]
    assert cut.removeprefix("<s>").startswith(begins.removeprefix("<s>"))
    assert cut.endswith(ends)


def test_templates_that_write_the_date_write_the_same_one_every_day():
    tokenizer = chats.tokenizer("qwen")
    tokenizer.chat_template = "Today: {{ strftime_now('%d %b %Y') }}, {{ strftime_now('%A') }}\n" + chats.CHATML
    asked = make_chat(tokenizer).render(EXAMPLE)
    assert asked.startswith("Today: 26 Jul 2024, Friday\n")
    assert str(datetime.datetime.now(tz=datetime.UTC).year) not in asked


# --- bad input


@pytest.mark.parametrize(
    ("template", "complaint"),
    [
        (None, "has no chat template; use protocol.prompt=plain"),
        ("", "has no chat template"),
        ("{% for", "refuses a conversation of user"),
        ("{{ raise_exception('never') }}", r"refuses a conversation of user \(never\)"),
        ("Hello", "does not give the user's text back"),
        ("{% for m in messages %}{{ m.content }} over{% endfor %}", "ends an answer with 'over', which is no token"),
    ],
)
def test_templates_that_cannot_be_used_are_refused(template, complaint):
    tokenizer = chats.tokenizer("qwen")
    tokenizer.chat_template = template
    with pytest.raises(ModelError, match=complaint):
        make_chat(tokenizer)


def test_a_system_prompt_needs_a_chat():
    with pytest.raises(ValueError, match="system needs prompt=chat"):
        Protocol(system="Be brief.")


def test_plain_protocols_are_called_as_before():
    assert {"prompt", "system"}.isdisjoint(Protocol().identity())
    assert Protocol(prompt="chat").identity()["prompt"] == "chat"


def test_another_template_has_another_hash():
    assert template_hash(chats.tokenizer("qwen")) != template_hash(chats.tokenizer("smollm"))


# --- a whole run


@pytest.fixture
def chat_llama(tmp_path):
    tokenizer = chats.tokenizer("qwen")
    return small.save(tmp_path / "chat-llama", small.make_llama(len(tokenizer)), tokenizer)


def test_a_model_learns_to_answer_and_to_end_its_turn(chat_llama, tmp_path):
    """Answers of one word, trained until they are known: greedy answers are those, and they end by the turn's token."""
    stream = small.write_stream(tmp_path / "stream", tasks=["own/word"], epochs=60, max_prompt_tokens=128)
    known = [
        Example("own/word", f"{word}?", answer) for word, answer in (("hawk", "4"), ("dove", "17"), ("budget", "no"))
    ]
    for split in ("train", "test"):
        small.write_jsonl(tmp_path / "stream" / f"word.{split}.jsonl", known)
    [plain] = small.run_stream(stream, model=chat_llama, home=tmp_path)
    [chat] = small.run_stream(stream, model=chat_llama, home=tmp_path, protocol={"prompt": "chat"})
    assert chat.record.matrix("lenient").rows[-1] == pytest.approx([1.0])
    assert chat.record.board.hash != plain.record.board.hash
    assert chat.record.board.protocol["template"] == template_hash(chats.tokenizer("qwen"))
    assert "template" not in plain.record.board.protocol


def test_a_model_without_a_template_is_refused_before_anything_is_written(llama, tmp_path, call):
    stream = small.write_stream(tmp_path / "stream")
    arguments = ["--stream", stream, "--plugin", "sequential", "--model", llama, "--runs-dir", tmp_path / "runs"]
    done = call("run", *arguments, "--set", "protocol.prompt=chat")
    assert done.code == 2
    assert "has no chat template" in done.err
    assert not (tmp_path / "runs").exists()
