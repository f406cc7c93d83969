"""`clbench.run`: one `clbench run` from Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from clbench.api.result import Result, Results
from clbench.base.errors import OptionError, RunError
from clbench.engine.request import Request
from clbench.spec.wording import documented

Options = ParamSpec("Options")
Given = TypeVar("Given")


def _taking(
    request: Callable[Options, Request],
) -> Callable[[Callable[[Request], Given]], Callable[Options, Given]]:
    """A function of a request as one of the request's fields, so that an option of the command is one of Python's."""

    def taking(function: Callable[[Request], Given]) -> Callable[Options, Given]:
        def call(*args: Options.args, **given: Options.kwargs) -> Given:
            assert not args  # type checkers know that there are none
            return function(Request.of(**given))

        return documented(call, like=function, wording=Request)

    return taking


@_taking(Request)
def run(request: Request) -> Results:  # noqa: D417 (its arguments are the request's fields)
    """Train methods on a stream of tasks, score after each task, add rows to a board: `clbench run` from Python.

    The run's folder, record and board are the command's. A finished run is found, not run again; an interrupted one
    continues. What is global in the process (random states, torch's settings, environment, logging, signal handlers) is
    afterwards as it was.

    Args:
        OPTIONS

    Returns:
        A `Result` for each run: method by method, order by order, seed by seed.

    Raises:
        ClbenchError: what is wrong, in one line; nothing was written then, or every run but those that failed is saved.
        KeyboardInterrupt: the run is saved; the same call continues it.
    """
    from clbench.api.unchanged import unchanged

    with unchanged():
        try:
            return Results(_carry_out(request))
        except SystemExit as error:  # of a library that takes this process for its own
            raise RunError(f"something ended the process ({error.code!r}), which is not a library's to do") from error


def _carry_out(request: Request) -> list[Result]:
    from clbench.api.given import in_words
    from clbench.base.progress import make_progress
    from clbench.engine.carrying import Outcome
    from clbench.plans.failing import Failure, raise_failures
    from clbench.plans.jobs import arms_of, jobs_of
    from clbench.plans.plan import of_request
    from clbench.plans.working import How, Worker
    from clbench.verification.afresh import check_afresh

    with in_words(request) as (asked, registry):
        arms = arms_of(of_request(asked), registry)
        jobs = jobs_of(arms)
        in_place = isinstance(request.model, tuple) and not request.copy_model
        if in_place and (len(jobs) > 1 or jobs[0].config.choice.regime == "single"):
            raise OptionError(
                "copy=False: trains one model once; give one method other than single, one seed, one order"
            )
        progress = make_progress(quiet=request.quiet, lines=False)
        ended = list(Worker(registry, progress, How(check=check_afresh)).work(arms))
        raise_failures([one for one in ended if isinstance(one, Failure)], of=len(jobs))
        found = {one.run_dir.run_id: one for one in ended if isinstance(one, Outcome)}
        if in_place and found[jobs[0].run_id].repeated:
            raise OptionError(f"copy=False: {jobs[0].run_id} is finished, so nothing was trained; fresh=True does")
        outcomes = [found[job.run_id] for job in jobs]
        return [
            Result(one.record, one.run_dir.path if one.run_dir.is_readable() else None, repeated=one.repeated)
            for one in outcomes
        ]
