"""A side that is served: `openai:URL#NAME`, an OpenAI-compatible server such as vLLM's or llama.cpp's.

It is asked for greedy completions of the same prompts (with `--prompt chat`: for answers to the same turns). It shows
no likelihoods of given texts, so probes that need them are refused. What it is cannot be known by content: its answers
serve the command that asked for them, also where that is interrupted and taken up again, and are dropped when it ends.
The key is read from the environment, sent to the server and put nowhere else.
"""

from __future__ import annotations

import http.client
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from clbench.base.errors import ModelError, OptionError
from clbench.base.hashing import digest
from clbench.data.detokenising import until
from clbench.data.sources import TaskData
from clbench.runs.predictions import Prediction
from clbench.spec.protocol import Protocol

if TYPE_CHECKING:
    from clbench.data.example import Example
    from clbench.evaluation.evaluator import Answers, OnBatch

PREFIX = "openai:"
KEY = "OPENAI_API_KEY"
TOGETHER = 8  # requests at once
WAITS = (0.5, 2.0, 8.0)  # seconds before asking again
SECONDS = 600  # for one answer


class ServedModel:
    """A model behind an address.

    Args:
        text: `openai:URL#NAME`, the URL up to and with `/v1`.
        protocol: how prompts are put.
        waits: seconds before a request is sent again.

    Raises:
        OptionError: it is not of that form.
    """

    lasting = False

    def __init__(self, text: str, protocol: Protocol, *, waits: Sequence[float] = WAITS) -> None:
        url, _, name = text.removeprefix(PREFIX).rpartition("#")
        parts = urlsplit(url)
        if not name or parts.scheme not in ("http", "https") or not parts.hostname:
            raise OptionError(f"{text}: must be like openai:http://localhost:8000/v1#NAME")
        if parts.username or parts.password:
            raise OptionError(f"openai:…#{name}: the address must hold no password; the key belongs into {KEY}")
        self.url, self.name, self.protocol, self.waits = url.rstrip("/"), name, protocol, waits

    def identity(self) -> Mapping[str, Any]:
        """Its address and name; nobody knows its content."""
        return {"hash": digest([self.url, self.name]), "served": self.url, "prompt": self.protocol.prompt}

    def check(self, probes: Sequence[TaskData]) -> None:
        """Whether it can be asked all of that.

        Raises:
            OptionError: a probe needs likelihoods, or the weights themselves.
        """
        for one in probes:
            if one.task.measure != "generate":
                needs = "the model itself" if one.task.measure == "external" else "likelihoods of given texts"
                raise OptionError(
                    f"{one.task.name}: needs {needs}, which a server does not show; "
                    f"ask {self.name} probes that generate, such as triviaqa or gsm8k"
                )

    def answer(self, data: TaskData, *, on_batch: OnBatch, known: Answers) -> list[Prediction]:
        """Its answers, some at a time, so that what was asked is kept.

        Raises:
            ModelError: the server does not answer.
        """
        found = dict(known)
        rest = [index for index in range(len(data.test)) if index not in found]
        with ThreadPoolExecutor(TOGETHER) as pool:
            for start in range(0, len(rest), TOGETHER):
                some = rest[start : start + TOGETHER]
                said = [pool.submit(self._one, data.test[index], data) for index in some]
                failures = [one.exception() for one in said]
                new = {index: one.result() for index, one in zip(some, said, strict=True) if one.exception() is None}
                found |= new
                on_batch(new)
                if failed := next((one for one in failures if one is not None), None):
                    raise ModelError(
                        f"{self.name} at {self.url}: {failed}; {len(found)} of {len(data.test)} answers to "
                        f"{data.task.name} are kept, the same command goes on"
                    ) from failed
        return [
            Prediction(one.prompt, found[index].text, one.answer, found[index].truncated)
            for index, one in enumerate(data.test)
        ]

    def _one(self, one: Example, data: TaskData) -> Any:
        from clbench.evaluation.evaluator import Answer

        chat = self.protocol.prompt == "chat"
        turns = one.turns or (("user", one.prompt),)
        messages = [{"role": role, "content": text} for role, text in turns]
        asked = {"messages": messages} if chat else {"prompt": one.prompt}
        settings = {"model": self.name, "max_tokens": data.task.max_new_tokens, "temperature": 0}
        stop = {"stop": list(data.task.stop)} if data.task.stop else {}
        choice = self._post("chat/completions" if chat else "completions", {**settings, **asked, **stop})
        text = choice["message"]["content"] if chat else choice["text"]
        cut = until(str(text or ""), data.task.stop)
        return Answer(cut, choice.get("finish_reason") == "length", 0)

    def _post(self, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """The first choice of a response; a busy or absent server is asked again."""
        reason = ""
        for wait in (*self.waits, None):
            try:
                return self._send(path, body)
            except urllib.error.HTTPError as error:
                reason = f"the server says {error.code} {error.reason}"
                if error.code != 429 and error.code < 500:
                    break
            except (OSError, http.client.HTTPException) as error:
                reason = f"the server does not answer ({getattr(error, 'reason', None) or type(error).__name__})"
            except (ValueError, KeyError, IndexError, TypeError) as error:
                reason = f"the server's answer is none of a completion ({type(error).__name__})"
                break
            if wait is not None:
                time.sleep(wait)
        raise ModelError(reason)

    def _send(self, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        headers = {"Content-Type": "application/json"}
        if key := os.environ.get(KEY):
            headers["Authorization"] = f"Bearer {key}"
        request = urllib.request.Request(f"{self.url}/{path}", json.dumps(body).encode(), headers)  # noqa: S310 (checked)
        with urllib.request.urlopen(request, timeout=SECONDS) as response:  # noqa: S310
            choice = json.loads(response.read())["choices"][0]
        if not isinstance(choice, dict):
            raise TypeError
        return choice
