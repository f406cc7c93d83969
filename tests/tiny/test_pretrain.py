"""Pre-training: the same command gives the same bits, and so does a run that was cut off."""

import json
import shutil
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer

from clbench.tiny import world
from clbench.tiny.pretrain.__main__ import main
from clbench.tiny.pretrain.card import Facts, card
from clbench.tiny.pretrain.loop import Trainer
from clbench.tiny.pretrain.packing import Position, mask, next_batch
from clbench.tiny.pretrain.plan import Plan
from clbench.tiny.pretrain.ship import thinned
from clbench.tiny.pretrain.states import State, states_in

TINY = Path(world.__file__).parents[1]
PLAN = Plan(steps=6, rows=3, length=96, hidden=32, layers=2, heads=2, inner=48, warmup=2, threads=1, precision="fp32")
OPTIONS = ["--steps=6", "--rows=3", "--length=96", "--hidden=32", "--layers=2", "--heads=2", "--inner=48", "--warmup=2"]


@pytest.fixture(scope="module")
def tokenizer():
    return AutoTokenizer.from_pretrained(str(TINY), local_files_only=True)


@pytest.fixture(autouse=True)
def _threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def trained(work, tokenizer, *, stops=()):
    """The weights after six steps, with a fresh trainer after each stop."""
    for stop in (*stops, None):
        trainer = Trainer(plan=PLAN, tokenizer=tokenizer, work=work)
        trainer.run(until=stop, save_every=100, quiz_every=100)
    return {name: one.detach().clone() for name, one in trainer.model.named_parameters()}, trainer.state, trainer.log


def equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_the_same_command_gives_the_same_bits(tmp_path, tokenizer):
    one, state, _ = trained(tmp_path / "a", tokenizer)
    other, again, _ = trained(tmp_path / "b", tokenizer)
    assert equal(one, other)
    assert replace(state, seconds=0) == replace(again, seconds=0)


def test_an_interrupted_run_gives_the_same_bits(tmp_path, tokenizer):
    whole, state, _ = trained(tmp_path / "a", tokenizer)
    resumed, again, log = trained(tmp_path / "b", tokenizer, stops=(3,))
    assert equal(whole, resumed)
    assert state.data_hash == again.data_hash
    assert [json.loads(line)["step"] for line in log.read_text().splitlines()] == [3, 6]


def test_another_seed_gives_another_run(tmp_path, tokenizer):
    one = Trainer(plan=PLAN, tokenizer=tokenizer, work=tmp_path / "a")
    other = Trainer(plan=replace(PLAN, seed=1), tokenizer=tokenizer, work=tmp_path / "b")
    one.step(), other.step()
    assert one.state.data_hash != other.state.data_hash


def test_steps_after_the_last_state_are_done_again(tmp_path, tokenizer):
    Trainer(plan=PLAN, tokenizer=tokenizer, work=tmp_path).run(until=2)
    lost = Trainer(plan=PLAN, tokenizer=tokenizer, work=tmp_path)
    lost.step()
    lost.write(step=3, loss=1.0)
    again = Trainer(plan=PLAN, tokenizer=tokenizer, work=tmp_path)
    assert again.state.step == 2
    assert [json.loads(line)["step"] for line in again.log.read_text().splitlines()] == [2]


def test_a_state_is_whole_or_absent(tmp_path, tokenizer):
    Trainer(plan=PLAN, tokenizer=tokenizer, work=tmp_path).run(until=2, save_every=1)
    assert [one.name for one in states_in(tmp_path)] == ["step-0000002"]
    (tmp_path / "step-0000009").mkdir()  # as a killed process may leave it, before state.json was written
    assert Trainer(plan=PLAN, tokenizer=tokenizer, work=tmp_path).state.step == 2


def test_the_command_ships_a_model_and_refuses_another_plan(tmp_path, capsys):
    out, work = tmp_path / "out", tmp_path / "work"
    out.mkdir()
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(TINY / name, out)
    where = ["--out", str(out), "--work", str(work)]
    assert main(["model", *where, *OPTIONS, "--until=2"]) == 0
    assert not (out / "model.safetensors").exists()
    assert main(["model", *where, *OPTIONS, "--seed=1"]) == 2
    assert "belongs to another plan" in capsys.readouterr().err
    assert main(["model", *where, "--heads=3"]) == 2
    assert "no multiple of heads" in capsys.readouterr().err


def test_batches_are_a_pure_function_of_the_position(tokenizer):
    first, position = next_batch(Position(), tokenizer=tokenizer, plan=PLAN)
    again, same = next_batch(Position(), tokenizer=tokenizer, plan=PLAN)
    assert position == same
    assert torch.equal(first.ids, again.ids)


def test_no_document_is_lost_or_told_twice(tokenizer):
    position, rows = Position(), []
    for _ in range(4):
        batch, position = next_batch(position, tokenizer=tokenizer, plan=PLAN)
        for ids, owners in zip(batch.ids, batch.owners, strict=True):
            rows += [tokenizer.decode(ids[owners == n]) for n in range(1, int(owners.max()) + 1)]
    left = set(position.waiting)
    told = [one.text for n, one in enumerate(islice(world.documents(0), position.next)) if n not in left]
    short = [text + "<|eos|>" for text in told if len(tokenizer(text)["input_ids"]) < PLAN.length]
    assert sorted(row for row in rows if row in set(short)) == sorted(short)
    assert len(rows) == len(told)


def test_documents_of_a_row_do_not_see_each_other(tokenizer):
    batch, _ = next_batch(Position(), tokenizer=tokenizer, plan=PLAN)
    seen = mask(batch.owners)[0, 0]
    owners = batch.owners[0]
    assert seen.diagonal().all()
    assert not seen.triu(1).any()
    assert (owners[:, None] == owners[None, :])[seen].all()
    assert (batch.places[0][1:][owners[1:] != owners[:-1]] == 0).all()


def test_prompts_weigh_less_than_answers_and_first_tokens_nothing(tokenizer):
    batch, _ = next_batch(Position(), tokenizer=tokenizer, plan=PLAN)
    assert (batch.weights[batch.places == 0] == 0).all()
    ends = batch.weights[batch.ids == tokenizer.eos_token_id]
    assert (ends >= min(PLAN.text_weight, 1.0)).all()


def test_the_schedule():
    plan = Plan(steps=100, warmup=10, final_share=0.1)
    rates = [plan.share(step) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[10] == pytest.approx(1.0)
    assert rates[-1] == pytest.approx(0.1)
    assert rates[10:] == sorted(rates[10:], reverse=True)


def test_the_card_names_the_command_and_what_is_known():
    knows = {"facts": 0.95, "skills": 0.5, "text_loss": 1.25, "skill/copy": 1.0}
    plan = replace(Plan(), precision="bf16", compile=True, steps=7)
    facts = Facts(plan, State(7, tokens=1234, data_hash="d" * 64), knows, 1_000, "a" * 64, "b" * 64, "cpu")
    text = card(facts)
    assert "--out clbench/tiny --steps 7 --precision bf16 --compile\n" in text
    assert "all 638 | 0.950 |" in text
    assert "| copy | 1.000 |" in text
    assert "{" not in text


def test_the_shipped_log_keeps_the_end_and_every_look():
    lines = [{"step": n, "loss": 1.0} for n in range(1, 500)] + [{"step": 250, "facts": 0.5}]
    kept = [json.loads(line) for line in thinned("".join(json.dumps(one) + "\n" for one in lines)).splitlines()]
    assert kept[-1]["step"] == 499
    assert {"step": 250, "facts": 0.5} in kept
    assert 50 < len(kept) < 70
