"""What a user wants to know of two models: every option that `clbench forget` and `clbench.forget` share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import BeforeValidator, Field

from clbench.forgetting.verdicts import TOLERANCE
from clbench.spec.wording import Option, Wording, several

Text: TypeAlias = str | Sequence[str]
Files: TypeAlias = str | Path | Sequence[str | Path]
Several = BeforeValidator(several)


class Query(Wording):
    """One `clbench forget`, but for the two models; a field that takes several values takes one too."""

    # --- what is asked
    probes: Annotated[
        Text,
        Several,
        Option("A name, a group, a YAML or JSONL file, lm-eval:NAME [default: quick].", str, many=True, flag="--probe"),
    ] = ()
    data: Annotated[
        Files,
        Several,
        Option(
            "Your own questions, a JSONL file; or the folder of the probes' local files.",
            Path,
            many=True,
            variable="CLBENCH_DATA",
        ),
    ] = ()
    limit: Annotated[int | None, Field(ge=1), Option("Records of each probe, evenly spread.", int)] = None
    scorer: Annotated[
        str | None, Option("How your own answers are scored (clbench ls scorers) [default: stripped].", str)
    ] = None
    prompt: Annotated[
        Literal["plain", "chat"], Option("Questions as they stand, the default, or by the chat template.", str)
    ] = "plain"

    # --- how it is judged
    tolerance: Annotated[
        float,
        Field(gt=0, le=1),
        Option("Drop of a score, or rise of a loss in nats a token, that does not matter [default: .02].", float),
    ] = TOLERANCE
    require: Annotated[Text, Several, Option('What must hold, such as "gsm8k >= base - .03".', str, many=True)] = ()

    # --- what else is measured
    text: Annotated[str | Path | None, Option("Measure the divergence from the base on this text, too.", Path)] = None
    trained_on: Annotated[
        Files, Several, Option("What the model was tuned on: are the probes in it?", Path, many=True)
    ] = ()
    show: Annotated[int, Field(ge=0), Option("Records that changed most [default: 10].", int)] = 10
    wise_ft: Annotated[bool, Option("Measure .75, .5 and .25 of the way from BASE to TUNED.", bool)] = False

    # --- how the models are run
    precision: Annotated[
        Literal["fp32", "bf16"], Option("Of the arithmetic, for both models [default: fp32].", str)
    ] = "fp32"
    device: Annotated[Literal["auto", "cpu", "cuda"], Option("Where both are asked [default: auto].", str)] = "auto"
    batch: Annotated[int, Field(ge=1), Option("Prompts a batch [default: 32].", int)] = 32
    trust_remote_code: Annotated[bool, Option("Run code of a Hub model.", bool)] = False
    fresh: Annotated[bool, Option("Ask anew what is kept.", bool)] = False
