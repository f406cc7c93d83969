"""What a plan will take: estimates, what methods add, and time from what was measured."""

import pytest
import small

from clbench.engine.request import Request
from clbench.plans.estimating import expect
from clbench.plans.jobs import arms_of
from clbench.plans.plan import of_request
from clbench.plans.working import Worker
from clbench.plugins.registry import registry


def test_time_and_added_tokens_are_those_of_a_run_of_the_method(tmp_path, llama, home):
    from clbench.base.progress import Progress

    stream = small.write_stream(tmp_path / "stream", tasks=small.STREAM_TASKS[:2], epochs=1)
    asked = {"stream": str(stream), "model": str(llama), "settings": {"runtime": {"device": "cpu"}}}
    plan = of_request(Request.of(**asked, plugin=["sequential", "joint"], seeds=2))
    arms = arms_of(plan, registry())
    found, total = expect(arms)
    assert [(one.seconds, one.added_tokens, one.finished) for one in found] == [(None, None, False)] * 4
    assert (total.runs, total.finished, total.untimed, total.seconds) == (4, 0, 4, 0)
    first = arms_of(of_request(Request.of(**asked, plugin="sequential")), registry())
    (ended,) = Worker(registry(), Progress()).work(first)
    found, total = expect(arms)
    costs = ended.record.costs
    assert [one.finished for one in found] == [True, False, False, False]
    assert found[1].seconds == pytest.approx(costs.train_seconds + costs.eval_seconds)
    assert found[1].added_tokens == 0, "plain fine-tuning trains on the stream alone"
    assert found[2].seconds > 0, "from tokens a second with this model"
    assert (total.finished, total.untimed) == (1, 0)
    assert total.steps == sum(one.estimate.steps for one in found[1:])
    assert total.seconds == pytest.approx(sum(one.seconds for one in found[1:]))


def test_methods_on_one_board_hold_what_each_trains(tmp_path, llama, home):
    pytest.importorskip("clbench_peft")
    stream = small.write_stream(tmp_path / "stream", tasks=small.STREAM_TASKS[:1])
    asked = {"stream": str(stream), "model": str(llama), "settings": {"runtime": {"device": "cpu"}}}
    plan = of_request(Request.of(**asked, plugin=["sequential", "lora"], options={"lora": {"rank": 2}}))
    whole, adapter = (one.estimate for one in expect(arms_of(plan, registry()))[0])
    assert whole.gradient_bytes == 4 * whole.parameters
    assert 0 < adapter.gradient_bytes < whole.gradient_bytes / 10
    assert adapter.moment_bytes == 2 * adapter.gradient_bytes
