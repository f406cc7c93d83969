"""What a run is called and what it may be compared with follow from what its result depends on, and nothing else."""

import json

import chats
import pytest
import small
from probing import write_choice

from clbench.engine.proberequest import ProbeRequest
from clbench.engine.session import prepare
from clbench.models.loading import BUNDLED
from clbench.plugins.registry import registry
from clbench.spec.task import Task


@pytest.fixture
def config(tmp_path, llama, home):
    """Makes the resolved configuration of a run."""
    stream = small.write_stream(tmp_path / "stream")

    def config(method="sequential", *, model=llama, stream=stream, **changes):
        (one,) = prepare(small.make_request(stream, method, model=model, home=home, **changes), registry())
        return one

    return config


def run_id(config):
    return config.run_id(config.choice.create(config.options))


SAME_BOARD = {
    "seed": {"seeds": (1,)},
    "order": {"orders": ("stance,number,word",)},
    "method": {"method": "joint"},
    "option": {"options": {"sequential": {"learning_rate": 1e-4}}},
}
OTHER_BOARD = {
    "learning rate": {"protocol": {"learning_rate": 1e-4}},
    "decoding limit": {"protocol": {"max_answer_tokens": 7}},
    "scorer": {"protocol": {"scorer": "lenient"}},
    "training records": {"caps": {"train_examples": 5}},
    "test records": {"caps": {"test_examples": 2}},
    "validation records": {"split": "eval"},
}


@pytest.mark.parametrize("change", SAME_BOARD)
def test_what_is_compared_is_another_run_on_one_board(config, change):
    one, other = config(), config(**SAME_BOARD[change])
    assert other.board() == one.board()
    assert run_id(other) != run_id(one)


@pytest.mark.parametrize("change", OTHER_BOARD)
def test_what_changes_the_conditions_is_another_board(config, change):
    one, other = config(), config(**OTHER_BOARD[change])
    assert other.board().hash != one.board().hash
    assert other.board().name != one.board().name
    assert run_id(other) != run_id(one)
    assert other.board().changes or other.board().split == "eval"


@pytest.mark.parametrize("runtime", [{"micro_batch": 1}, {"eval_batch": 1}, {"drift": False}])
def test_speed_and_memory_change_neither(config, runtime):
    assert run_id(config(runtime=runtime)) == run_id(config())


def test_other_records_and_other_models_are_other_boards(config, tmp_path, bos_llama):
    one = config()
    assert config(model=bos_llama).board().hash != one.board().hash
    small.write_jsonl(tmp_path / "stream" / "number.test.jsonl", small.examples(3, seed=99))
    assert config().board().hash != one.board().hash


def test_another_way_of_asking_or_scoring_is_another_board(config, tmp_path):
    one = config()
    path = tmp_path / "stream" / "mine.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("lenient: exact", "lenient: stripped"), encoding="utf-8")
    assert config().board().hash != one.board().hash
    path.write_text(text.replace("own/word:", "own/word:\n    summary: for people only"), encoding="utf-8")
    assert config().board() == one.board()


def test_names_are_readable(config):
    one = config(options={"sequential": {"learning_rate": 1e-4}}, seeds=(7,), orders=("random-2",))
    assert run_id(one).startswith("mine_sequential_small-llama_random-2_s7_")
    assert one.board().name.startswith("mine_small-llama_")


def test_the_resolved_configuration_says_everything_in_json(config):
    one = config()
    content = json.loads(json.dumps(one.describe(one.choice.create({}))))
    assert content["seed"] == 0
    assert content["model"] == one.model.identity()
    assert content["method"]["options"] == {"sequential": {"learning_rate": None}}
    assert content["board"]["protocol"]["betas"] == [0.9, 0.95]
    assert content["runtime"]["device"] == "cpu"
    assert [Task.model_validate(task) for task in content["tasks"].values()] == list(one.plan.tasks)


def test_a_result_of_the_bundled_model_on_real_records_is_marked(config):
    assert config().notes() == []
    (note,) = config(model=BUNDLED).notes()
    assert "no scientific result" in note


def test_probes_and_boards(config, tmp_path):
    """Another probe or limit is another board; the invented world's are none; another schedule is another run."""
    quiz = str(write_choice(tmp_path / "quiz"))

    def found(*names, limit=None, schedule="before-after"):
        one = config(probes=ProbeRequest(names, limit, schedule))
        return one.board(), run_id(one)

    bare, bare_id = found()
    whole, whole_id = found(quiz)
    assert bare.probes == {}
    assert set(whole.probes) == {"own/quiz"}
    assert found(quiz, limit=2)[0].hash != whole.hash != bare.hash
    assert found(quiz, limit=6)[0] == whole, "all of them are all of them"
    every, every_id = found(quiz, schedule="every")
    assert (every, every_id == whole_id) == (whole, False)
    facts, facts_id = found("facts")
    assert (facts, facts_id == bare_id) == (bare, False)
    assert found("facts", limit=3)[1] != facts_id
    one = config(probes=ProbeRequest((quiz,), 3))
    described = one.describe(one.choice.create({}))
    told = described["probes"]["own/quiz"]
    assert told == {"source": "files", "schedule": "before-after", "examples": 3, "data": one.probes[0].hash}
    assert described["tasks"]["own/quiz"]["measure"] == "choice"


def test_more_records_of_the_bundled_worlds_probes_are_another_board(config):
    mini = {"model": BUNDLED, "stream": "trace", "variant": "mini"}
    caps = {"train_examples": 2, "test_examples": 2}
    found = [config(**mini, caps=caps | more) for more in ({}, {"probe_examples": 2}, {"probe_examples": 8})]
    assert len({one.board().hash for one in found}) == 3
    assert len({run_id(one) for one in found}) == 3


def test_all_that_can_change_a_number_changes_the_run(config):
    """Every key of the protocol and the stream, but for those that another key switches off."""
    values = {
        "protocol": {
            "learning_rate": 0.5,
            "epochs": 7,
            "global_batch": 3,
            "schedule": "cosine",
            "schedule_span": "experience",
            "warmup_ratio": 0.5,
            "weight_decay": 0.25,
            "betas": [0.1, 0.2],
            "eps": 0.125,
            "max_grad_norm": 9.0,
            "precision": "bf16",
            "max_prompt_tokens": 33,
            "max_answer_tokens": 34,
            "reset_optimizer": True,
            "evaluate": "ends",
            "scorer": "lenient",
            "task_identity": "given",
            "moments": "8bit",
            "loss": "text",
            "end_of_text": "padded",
        },
        "caps": {"train_examples": 2, "test_examples": 1, "shuffle": 5},
    }
    fixed = {"name", "decoding"}  # a label, and a choice of one
    chat = {"prompt", "system"}  # need a model with a template: see below
    bits = {"weights"}  # needs precision=bf16
    own = config()
    assert set(values["protocol"]) | fixed | chat | bits == set(type(own.plan.protocol).model_fields)
    changed = [config(**{part: {key: value}}) for part, keys in values.items() for key, value in keys.items()]
    others = [*changed, config(seeds=(1,)), config(orders=("stance,number,word",))]
    others.append(config(protocol={"precision": "bf16", "weights": "bf16"}))
    ids = [run_id(one) for one in (own, *others)]
    twice = [
        (one.plan.changes, one.seed, one.plan.order)
        for one, other in zip(others, ids[1:], strict=True)
        if ids.count(other) > 1
    ]
    assert not twice


def test_a_chat_its_system_prompt_and_its_template_change_the_run(config, tmp_path):
    ids = []
    for family in ("qwen", "smollm"):
        tokenizer = chats.tokenizer(family)
        model = small.save(tmp_path / family / "chat", small.make_llama(len(tokenizer)), tokenizer)
        ids.append(run_id(config(model=model)))
        systems = ({}, {"system": "Be brief."}, {"system": "Be long."})
        ids += [run_id(config(model=model, protocol={"prompt": "chat"} | system)) for system in systems]
    assert len(set(ids)) == 8
