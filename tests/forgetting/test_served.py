"""A served model: asked as promised, refused what it cannot show, and an end in the middle costs nothing."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from small import examples, write_jsonl

import clbench
from clbench.base import home
from clbench.base.errors import ClbenchError, ModelError, OptionError
from clbench.forgetting import served
from clbench.forgetting.served import ServedModel
from clbench.spec.protocol import Protocol

NUMBER = 20


@pytest.fixture
def server(monkeypatch):
    """A server that echoes a fixed answer, notes what it is asked, and fails from a given request on."""
    told = {"asked": [], "keys": [], "dies": None, "answer": lambda body: " hawk\nand more"}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if told["dies"] is not None and len(told["asked"]) >= told["dies"]:
                self.send_error(503)
                return
            told["asked"].append((self.path, body))
            told["keys"].append(self.headers["Authorization"])
            text = told["answer"](body)
            choice = {"text": text, "message": {"content": text}, "finish_reason": "length"}
            content = json.dumps({"choices": [choice]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        told["url"] = f"http://127.0.0.1:{running.server_port}/v1"
        yield told
        running.shutdown()
        thread.join()


@pytest.fixture
def own(tmp_path, monkeypatch):
    monkeypatch.setenv("CLBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(served.time, "sleep", lambda seconds: None)
    path = tmp_path / "mine.jsonl"
    write_jsonl(path, [type(one)(one.task, f"{n} {one.prompt}", "hawk") for n, one in enumerate(examples(NUMBER))])
    return path


def compare(server, own, **changes):
    names = [f"openai:{server['url']}#{name}" for name in ("base", "tuned")]
    return clbench.forget(*names, data=own, device="cpu", **changes)


def test_both_are_asked_the_same_and_answers_end_where_they_should(server, own, monkeypatch, tmp_path):
    monkeypatch.setenv("OPENAI_API_KEY", "secret-key")
    server["answer"] = lambda body: " hawk\nmore" if body["model"] == "base" else " dove"
    found = compare(server, own)
    (one,) = found.verdicts
    assert (one.base, one.tuned, one.lost, one.verdict) == (1.0, 0.0, NUMBER, "lost")
    assert found.divergence == {}
    assert found.drift is None
    assert any("KL and drift are left out" in note for note in found.notes)
    path, body = server["asked"][0]
    assert path == "/v1/completions"
    assert body | {"temperature": 0, "stop": ["\n"], "model": "base"} == body
    assert set(server["keys"]) == {"Bearer secret-key"}
    written = [path.read_text("utf-8") for path in tmp_path.rglob("*") if path.is_file()]
    assert not any("secret-key" in text for text in [*written, json.dumps(found.to_json())])
    asked = {
        name: sorted(one["prompt"] for _, one in server["asked"] if one["model"] == name) for name in ("base", "tuned")
    }
    assert asked["base"] == asked["tuned"]


def test_a_chat_is_asked_by_its_turns(server, own):
    compare(server, own, prompt="chat", limit=2)
    path, body = server["asked"][0]
    assert path == "/v1/chat/completions"
    assert [one["role"] for one in body["messages"]] == ["user"]


def test_an_end_in_the_middle_keeps_what_was_asked_and_goes_on(server, own):
    server["dies"] = NUMBER + 11
    with pytest.raises(ModelError, match=r"503 .*; 11 of 20 answers to own/mine are kept, the same command goes on"):
        compare(server, own)
    server["dies"] = None
    assert compare(server, own).verdicts[0].records == NUMBER
    assert len(server["asked"]) == 2 * NUMBER  # nothing twice
    assert list(home.answers_dir().glob("*")) == []  # another command asks anew
    compare(server, own)
    assert len(server["asked"]) == 4 * NUMBER


@pytest.mark.parametrize("answer", ['{"nothing": 1}', "[]"])
def test_what_is_no_completion_is_said(server, own, monkeypatch, answer):
    model = ServedModel(f"openai:{server['url']}#base", Protocol(), waits=())
    monkeypatch.setattr(model, "_send", lambda path, body: json.loads(answer)["choices"][0])
    with pytest.raises(ModelError, match="none of a completion"):
        model._post("completions", {})


def test_probes_that_need_likelihoods_are_refused_before_anything_is_asked(server, own):
    own.write_text(json.dumps({"prompt": "a", "choices": ["b", "c"], "answer": 0}) + "\n", "utf-8")
    with pytest.raises(OptionError, match="needs likelihoods of given texts, which a server does not show"):
        compare(server, own)
    assert server["asked"] == []


@pytest.mark.parametrize(
    "name", ["openai:http://localhost:8000/v1", "openai:ftp://host#m", "openai:#m", "openai:http://a:b@host/v1#m"]
)
def test_what_is_no_address_is_refused(own, name):
    with pytest.raises(ClbenchError, match=r"must be like|must hold no password"):
        clbench.forget(name, name, data=own, device="cpu")


def test_a_lone_served_model_has_no_base(own):
    with pytest.raises(OptionError, match="its base is not known"):
        clbench.forget("openai:http://localhost:1/v1#m", data=own, device="cpu")
