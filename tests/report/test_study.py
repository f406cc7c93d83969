"""A plan's records as a document: which rows are compared, what is said of them, and that nothing else is."""

import random
import re
import xml.etree.ElementTree as ET
from statistics import fmean

import pytest
import yaml
from scipy import stats

from clbench.base.errors import FileError, RecordError
from clbench.metrics.summaries import SUMMARIES
from clbench.report.study import Study, default_questions, gather, making, read_questions
from clbench.report.study.explaining import explanations
from clbench.report.study.questions import Question
from clbench.report.study.rates import unreported, ways
from clbench.report.study.verdicts import compared, verdict
from clbench.spec.plan import PlanFile

PLAN = {
    "plan": "mine",
    "run": {"stream": "toy"},
    "search": {"grid": {"learning_rate": [1e-4, 5e-4]}, "seeds": [100]},
    "methods": ["sequential", "mofo", "hft", "gmt", "l1", "l2", "ewc", "lwf"],
}
FINAL = {"sequential": (0.40, 0.42, 0.44, 0.41), "mofo": (0.52, 0.53, 0.57, 0.54), "hft": (0.39, 0.45, 0.42, 0.43)}
TRIALS = {"sequential": {1e-4: 0.3, 5e-4: 0.2}, "mofo": {1e-4: 0.4, 5e-4: 0.5}}


def at(method, rate):
    return {method: {"learning_rate": rate}}


@pytest.fixture
def save(make_record, tmp_path):
    """Saves a record as a run does: its final scores, its rate, its board."""

    def save(method, seed, final, *, rate=None, order="order1", tuner=None, **changes):
        changes.setdefault("run", f"{method}_s{seed}_{order}_{round(1e6 * (rate or 0))}_{len(changes)}")
        options = {method: at(method, rate)[method] | ({"tuner": tuner} if tuner else {})}
        made = make_record(method, seed=seed, order=order, final=(final, 0.8), options=options, **changes)
        made.save(made.path(tmp_path))
        return made

    return save


@pytest.fixture
def boards(save, tmp_path):
    """Three methods at the protocol's rate, two of them also at what was chosen, and the trials of these."""
    for method, finals in FINAL.items():
        for seed, final in enumerate(finals):
            save(method, seed, final)
    for method, tried in TRIALS.items():
        for rate, final in tried.items():
            save(method, 100, final, rate=rate, board={"split": "eval"})
            for seed in range(4):
                save(method, seed, final + seed / 100 + FINAL[method][seed] / 50, rate=rate)
    return tmp_path


def evidence(folder, plan=PLAN, **options):
    (found,) = gather(folder, PlanFile.model_validate(plan), summaries=SUMMARIES, **options)
    return found


def study(folder, **questions):
    made = default_questions("mine", baseline="sequential").model_copy(update=questions)
    return Study(made, [evidence(folder)], "clbench plan report mine.yaml")


def test_each_way_of_setting_rates_has_the_rows_that_were_run_so(boards):
    best, same, swept = ways(evidence(boards))
    assert {name: row.label for name, row in best.rows.items()} == {
        "mofo": "mofo (learning_rate=0.0005)",  # the best trial's
        "sequential": "sequential (learning_rate=0.0001)",
    }
    assert {name: row.label for name, row in same.rows.items()} == {name: name for name in FINAL}
    assert {name: len(row.records) for name, row in swept.rows.items()} == {"mofo": 2, "sequential": 2}


def test_without_a_search_methods_are_compared_at_the_rates_that_the_plan_gives(save, tmp_path):
    for seed in (0, 1):
        save("sequential", seed, 0.4 + seed / 10)
        save("mofo", seed, 0.5 + seed / 9, rate=2e-4)
    plan = {key: value for key, value in PLAN.items() if key != "search"}
    (way,) = ways(evidence(tmp_path, plan))
    assert way.name == "the rates that the plan gives"
    assert sorted(way.rows) == ["mofo", "sequential"]
    save("mofo", 0, 0.3)  # and at the protocol's rate, where there is another row
    assert [one.name for one in ways(evidence(tmp_path, plan))][-1].startswith("the protocol's rate")


def test_a_stream_may_stand_in_a_file(save, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other-name.yaml").write_text("stream: toy\n", encoding="utf-8")
    save("sequential", 0, 0.4)
    for stream in ("other-name.yaml", "other-name.yaml:files"):
        assert len(evidence(tmp_path, PLAN | {"run": {"stream": stream}}).runs) == 1


def test_one_method_with_two_settings_is_two_methods_by_their_names(save, tmp_path):
    for tuner in ("LILY", "HIRA", "IA3"):
        for seed, split in ((0, "test"), (1, "test"), (100, "eval")):
            final = len(tuner) / 10 + seed / 1000
            save("peft", seed, final, rate=1e-4, run=f"{tuner.lower()}_{seed}", board={"split": split}, tuner=tuner)
    entry = {"plugin": "peft", "options": {"peft.tuner": "lily"}, "as": "lily"}
    hira, ia3 = ({"plugin": "peft", "options": {"peft.tuner": tuner}} for tuner in ("HIRA", "IA3"))
    plan = PLAN | {"methods": [entry, hira | {"as": "hira"}, ia3]}
    found = evidence(tmp_path, plan)
    assert sorted(found.searched) == ["hira", "lily", "peft"]
    best = ways(found)[0]
    assert {name: row.label for name, row in best.rows.items()} == {
        "lily": "lily (learning_rate=0.0001)",
        "hira": "hira (learning_rate=0.0001)",
        "peft": "peft (learning_rate=0.0001, tuner=IA3)",
    }
    assert all(len(row.records) == 2 for row in best.rows.values())


def test_runs_that_the_plan_does_not_ask_for_are_counted_and_left_out(save, tmp_path):
    for name, tuner in (("sequential", None), ("peft", "LILY"), ("peft", "HIRA"), ("hft", None)):
        save(name, 0, 0.5, rate=1e-4, run=f"{name}_{tuner}".lower(), tuner=tuner)
    save("sequential", 7, 0.5, rate=2e-4)  # a command line may ask for other seeds, and a study says which rates
    entry = {"plugin": "peft", "options": {"peft.tuner": "LILY"}, "as": "lily"}
    found = evidence(tmp_path, PLAN | {"methods": ["sequential", entry]})
    assert sorted(found.name(run) for run in found.runs) == ["lily", "sequential", "sequential"]
    assert found.others == 2
    assert "2 other runs, that the plan does not ask for, are left out" in "".join(making.made(found))
    searched = PLAN["search"] | {"grid": {"peft.tuner": ["LILY", "HIRA"]}}
    assert len(evidence(tmp_path, PLAN | {"methods": ["peft"], "search": searched}).runs) == 2
    common = {"stream": "toy", "options": {"peft.tuner": "LILY"}}  # of every entry's
    assert len(evidence(tmp_path, PLAN | {"run": common, "methods": ["peft"]}).runs) == 1
    nearer = {"plugin": "peft", "options": {"peft.tuner": "HIRA"}}
    assert [one.run for one in evidence(tmp_path, PLAN | {"run": common, "methods": [nearer]}).runs] == ["peft_hira"]
    with pytest.raises(RecordError, match="no record of plan mine"):
        evidence(tmp_path, PLAN | {"methods": ["mofo"]})


@pytest.mark.parametrize("wrong", [{"plugin": ["peft", "lora"]}, {"options": {}}, {"as": "not a name"}])
def test_a_name_is_of_one_method_with_options(wrong):
    entry = {"plugin": "peft", "options": {"peft.tuner": "LILY"}, "as": "lily"}
    with pytest.raises(ValueError, match="as"):
        PlanFile.model_validate(PLAN | {"methods": [entry | wrong]})


@pytest.mark.parametrize("other", [{"as": "sequential"}, {"options": {"peft.tuner": "HIRA"}}])
def test_a_name_is_of_no_other_method(other):
    entry = {"plugin": "peft", "options": {"peft.tuner": "LILY"}, "as": "lily"}
    assert PlanFile.model_validate(PLAN | {"methods": ["sequential", entry, entry | {"stream": "toy:2"}]})
    with pytest.raises(ValueError, match="is what another method is called"):
        PlanFile.model_validate(PLAN | {"methods": ["sequential", entry, entry | other]})


def test_an_ordering_is_the_paired_t_test_of_its_rows(boards):
    question = Question(ask="?", orderings=("sequential < mofo", "sequential < hft"))
    same = ways(evidence(boards))[1]
    found = compared(question, same, metrics=["op"])
    p = [stats.ttest_rel(FINAL[name], FINAL["sequential"]).pvalue for name in ("mofo", "hft")]
    mofo, hft = (found[ordering]["op"] for ordering in question.named())
    assert mofo.p == pytest.approx(p[0])
    assert mofo.p_holm == pytest.approx(2 * p[0])  # of two comparisons
    assert verdict(mofo) == "holds"
    assert verdict(mofo, higher_is_better=False) == "the other way round"
    assert verdict(hft) == "cannot be told"
    (turned,) = compared(Question(ask="?", orderings=("mofo < sequential",)), same, metrics=["op"]).values()
    assert verdict(turned["op"]) == "the other way round"


def test_equal_rates_pair_trials_of_one_rate(boards):
    swept = ways(evidence(boards))[2]
    (found,) = compared(Question(ask="?", orderings=("sequential < mofo",)), swept, metrics=["op"]).values()
    differences = [TRIALS["mofo"][rate] - TRIALS["sequential"][rate] for rate in (1e-4, 5e-4)]
    assert found["op"].difference.mean == pytest.approx(fmean(differences) / 2)  # one of two tasks
    assert found["op"].difference.n == 2


def test_a_method_whose_choice_was_not_run_is_named_and_not_compared(boards, save):
    save("hft", 100, 0.3, rate=1e-4, board={"split": "eval"})
    save("hft", 0, 0.9, rate=5e-4)
    found = evidence(boards)
    assert unreported(found) == ["hft"]
    assert "hft" not in ways(found)[0].rows
    assert "Not run with what was chosen: `hft`." in study(boards).text()
    edges = "a rate beyond it may do better: the lowest for `sequential`; the highest for `mofo`."
    assert edges in study(boards).text(), "one rate of hft is no edge"
    assert "### Methods, other settings" in study(boards).text()


def test_the_document_says_what_the_records_say_and_nothing_else(boards):
    text = re.sub(" +", " ", study(boards).text())
    assert "in OP: **holds** for `sequential < mofo`" in text
    assert re.search(r"\*\*cannot be told\*\* for `sequential < hft` \([\d,]+ pairs would\)", text)
    assert "OP of the untouched model is 0.150 in every run" in text
    gain = fmean((one + 0.8) / 2 for one in FINAL["mofo"]) - 0.15
    assert re.search(rf"\| mofo \| 0\.001 \| 4 \| 0\.670 ± 0\.011 \| \+{gain:.3f} ± 0\.011 ", text)
    assert re.search(r"\| mofo \| 0\.600 \| \*\*0\.650\*\* \|", text)  # trials, by rate
    assert "28 runs of 3 methods, seeds 0–3, order1, after 4 trials on validation records" in text


def test_processors_are_counted_and_their_mixture_is_told(save, tmp_path):
    def made(method, seed, kind, **more):
        save(method, seed, 0.5, provenance={"arithmetic": {"cpu_capability": kind}, **more})

    for seed in range(3):
        for method in FINAL:
            made(method, seed, "AVX2")
    assert "AVX2) " not in (text := study(tmp_path).text())
    assert "unlike" not in text
    made("sequential", 3, "AVX2")
    made("mofo", 3, "AVX512", taken_up_with=[{"cpu_capability": "AVX2"}])
    made("sequential", 4, "AVX512")
    text = study(tmp_path).text()
    assert "(cpu capability AVX2): 11 runs; cpu, a machine (cpu capability AVX512): 2 runs" in text
    assert "on 1 of 5 seeds and orders, methods were run on processors with unlike instructions (AVX2, AVX512)" in text


def test_orders_are_apart_in_tables_and_together_in_pairs(boards, save):
    for method in ("sequential", "mofo"):
        save(method, 0, 0.7, order="another")
    text = re.sub(" +", " ", study(boards).text())
    assert "Above on order1. On all orders:" in text
    assert "| mofo | 0.001 | 0.750 | 0.670 ± 0.011 |" in text
    assert re.search(r"\| `sequential < mofo` \| 5 \|", text)


def test_other_probes_have_a_table_of_what_was_kept(boards, save):
    def asked(method, seed, after, **more):
        probes = {"probes/facts": [1.0, None, 0.5], "probes/piqa": [0.6, None, after]}
        change = {"probes/piqa": {"value": after - 0.6, "error": 0.03}}
        errors = {"probe_errors": {"probes/facts": [None] * 3, "probes/piqa": [0.05, None, 0.05]}}
        save(method, seed, 0.5, probes=probes, probe_changes=change, **errors, **more)

    assert "What else the model knew" not in study(boards).text()
    asked("gmt", 0, 0.4)
    asked("l2", 0, 0.5)
    asked("l2", 1, 0.7)
    text = re.sub(" +", " ", study(boards).text())
    assert text.count("What else the model knew") == 1, "where they were asked"
    assert "| method | learning rate | n | piqa |" in text
    assert "| before | – | – | 0.600 ± 0.050 |" in text
    assert "| gmt | 0.001 | 1 | -0.200 ± 0.030 |" in text
    assert "| l2 | 0.001 | 2 | +0.000 ± 0.141 |" in text


def test_the_order_of_records_changes_no_byte(boards, save):
    save("mofo", 0, 0.7, order="another")
    found = evidence(boards)
    runs, trials = list(found.runs), list(found.trials)
    random.Random(1).shuffle(runs)
    random.Random(2).shuffle(trials)
    mixed = type(found)(found.stream, found.board, runs, SUMMARIES, trials, found.search)
    asked = default_questions("mine", baseline="sequential")
    assert Study(asked, [mixed], "x").text() == Study(asked, [found], "x").text()


def test_what_explains_forgetting_is_told_over_rows(save, tmp_path):
    for place, method in enumerate(("sequential", "mofo", "hft", "gmt", "l1", "l2", "ewc", "lwf")):
        for seed in (0, 1):
            drift = {"kl": 0.1 * place + 0.01 * seed, "relative_l2": 0.05 * (place % 3 + 1)}
            save(method, seed, 0.8 - 0.05 * place, drift=drift)
    (found,) = explanations(evidence(tmp_path))  # no facts were measured, and all weights moved
    assert (found.rows, found.runs, found.verdict) == (8, 16, "KL")
    assert found.rho["drift.kl"] == pytest.approx(1.0)
    ranks = stats.spearmanr([place % 3 for place in range(8)], range(8)).statistic
    assert found.rho["drift.relative_l2"] == pytest.approx(ranks)
    assert "| KL |" in re.sub(" +", " ", study(tmp_path).text())


def test_questions_are_asked_where_their_methods_were_run(boards):
    asked = (
        Question(ask="Replay?", orderings=("sequential < replay",)),
        Question(ask="MoFO?", orderings=("sequential < mofo", "mofo < mofo+merge")),
    )
    text = study(boards, questions=asked).text()
    assert "### Replay?" not in text
    assert "### MoFO?" in text
    assert "Not run here: `mofo+merge`." in text


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"orderings": ["sequential > mofo"]}, "must be of the form WORSE < BETTER"),
        ({"orderings": ["sequential < mofoo"]}, "no method 'mofoo'; did you mean 'mofo'?"),
        ({"metrics": ["opp"]}, "no metric 'opp'; did you mean 'op'"),
        ({"orderings": []}, "orderings"),
    ],
)
def test_wrong_questions_are_refused_with_their_file(tmp_path, change, complaint):
    path = tmp_path / "asked.yaml"
    asked = {"ask": "?", "orderings": ["sequential < *"], **change}
    path.write_text(yaml.safe_dump({"title": "t", "questions": [asked]}), encoding="utf-8")
    with pytest.raises(FileError, match=r"asked\.yaml") as error:
        read_questions(path, methods=list(FINAL), metrics=[one.name for one in SUMMARIES])
    assert complaint in str(error.value)


def test_of_several_boards_one_is_chosen(boards, save):
    other = save("mofo", 0, 0.9, run="other", board={"data": "d" * 64}).board.name
    with pytest.raises(RecordError, match=r"toy has 2 boards: .* choose one by --board"):
        evidence(boards)
    assert evidence(boards, boards=[other]).board.name == other
    with pytest.raises(RecordError, match="--board no: there is"):
        evidence(boards, boards=["no"])


def test_without_records_there_is_no_document_and_bad_ones_are_named(boards, tmp_path):
    two = PlanFile.model_validate(PLAN | {"methods": ["mofo", {"plugin": "mofo", "stream": "other:mini"}]})
    found = gather(boards, two, summaries=SUMMARIES)
    text = Study.of(two, default_questions("mine", baseline="sequential"), found, command="x").text()
    assert "No record yet of other:mini." in text
    with pytest.raises(RecordError, match="no record of plan mine"):
        evidence(boards, PLAN | {"run": {"stream": "other"}})
    path = next((boards / "results").rglob("*/mofo/*.json"))
    path.write_text(path.read_text(encoding="utf-8").replace('"seed"', '"sead"'), encoding="utf-8")
    assert re.search(rf"Records that were left out: 1 .*\n\n- .*{path.stem.replace('_', '.?_')}", study(boards).text())


# --- files -----------------------------------------------------------------------------------------------------------


def test_files_are_the_document_pictures_and_the_readmes_part(boards, tmp_path):
    readme, out = tmp_path / "README.md", tmp_path / "docs" / "study.md"
    begin, end = "<!-- clbench:begin -->", "<!-- clbench:end -->"
    readme.write_text(f"# Mine\n\n{begin}\nold\n{end}\n\nrest\n", encoding="utf-8")
    made = study(boards, heat=("sequential", "mofo")).files(out, readme=readme)
    assert set(made) == {readme, out, tmp_path / "docs" / "study-toy.svg"}
    before, part, after = re.split(f"{begin}|{end}", made[readme])
    assert (before, after) == ("# Mine\n\n", "\n\nrest\n")
    assert "(docs/study-toy.svg)" in part
    assert "[docs/study.md](docs/study.md)" in part
    assert re.search(r"\| +1 \| mofo +\| +4 \| 0\.670 ± 0\.011 ", part)
    assert "(study-toy.svg)" in made[out]
    readme.write_text(made[readme], encoding="utf-8")
    assert study(boards, heat=("sequential", "mofo")).files(out, readme=readme) == made
    readme.write_text("# Mine\n", encoding="utf-8")
    with pytest.raises(FileError, match="has no line <!-- clbench:begin -->"):
        study(boards).files(out, readme=readme)


def test_the_picture_has_the_means_and_reads_on_dark_pages(boards, tmp_path):
    made = study(boards, heat=("sequential", "mofo")).files(tmp_path / "study.md")
    svg = ET.fromstring(made[tmp_path / "study-toy.svg"])
    space = "{http://www.w3.org/2000/svg}"
    assert "prefers-color-scheme:dark" in svg.find(f"{space}style").text
    panels = svg.findall(f"{space}g")
    assert [panel.find(f"{space}text").text for panel in panels] == [
        f"{name} at the protocol's rate, 0.001: order1, mean of 4" for name in ("sequential", "mofo")
    ]
    for panel, name in zip(panels, ("sequential", "mofo"), strict=True):
        numbers = [one.text for one in panel.iter(f"{space}text") if re.fullmatch(r"\d\.\d\d", one.text)]
        assert numbers == ["0.10", "0.90", f"{fmean(FINAL[name]):.2f}", "0.20", "0.30", "0.80"]
        assert [one.get("class") for one in panel.iter(f"{space}rect")].count("learned") == 2


def test_the_readme_has_a_row_an_experiment_on_one_order(boards, save, tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text("<!-- clbench:begin -->\n<!-- clbench:end -->\n", encoding="utf-8")

    def part():
        return study(boards).files(tmp_path / "study.md", readme=readme)[readme]

    before = part()
    for seed, final in enumerate(FINAL["hft"]):
        save("hft", seed, final, rate=1e-3)  # the protocol's, said again
    again = part()
    assert again.count("| hft") == before.count("| hft") == 1
    assert "Of 7 rows of" in before
    assert "Of 7 rows of" in again
    save("hft", 0, 0.9, order="another")
    assert part() == again.replace("that differ, by OP", "that differ, on order1, by OP"), (
        "rows have one order in common"
    )


def test_the_command_prints_or_writes(boards, call, monkeypatch, tmp_path, home):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(PLAN), encoding="utf-8")
    printed = call("plan", "report", "mine.yaml", "--leaderboards-dir", boards)
    assert printed.code == 0, printed.err
    assert printed.out.startswith("# Plan mine\n\nWritten by `clbench plan report mine.yaml` from")
    done = call("plan", "report", "mine.yaml", "--leaderboards-dir", boards, "--out", "study.md")
    assert done.out.split() == ["study-toy.svg", "study.md"]
    assert (tmp_path / "study.md").read_text(encoding="utf-8").count("study-toy.svg") == 1
    refused = call("plan", "report", "mine.yaml", "--leaderboards-dir", boards, "--readme", "README.md")
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert "--readme: needs --out" in refused.err
