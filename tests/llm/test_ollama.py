from __future__ import annotations

import socket
import threading
import time

import pytest

from sixthbot.llm.ollama import WINDOW, OllamaWriter, is_remote_model
from sixthbot.llm.port import Budget, ModelUnavailable, Prompt
from tests.llm.double import FAULT_NAMES, Script, ollama_double

PROMPT = Prompt(system="Be brief.", user="Say what happened.")
LONG = Budget(seconds=20)


def model_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "model"]


def test_the_answer_comes_back_with_the_name_of_its_model() -> None:
    with ollama_double(Script(answer="Two words  here.")) as double:
        done = OllamaWriter(url=double.url, model="tiny:latest").complete_text(PROMPT, budget=LONG)
    assert (done.text, done.model) == ("Two words  here.", "tiny:latest via Ollama")


def test_window_and_limit_are_always_sent() -> None:
    with ollama_double() as double:
        OllamaWriter(url=double.url, model="tiny:latest").complete_text(
            PROMPT, budget=Budget(seconds=20, tokens=77)
        )
    (_, body), *_ = double.requests
    assert (body["options"]["num_ctx"], body["options"]["num_predict"]) == (WINDOW, 77)
    assert [message["role"] for message in body["messages"]] == ["system", "user"]


def test_without_a_model_name_the_first_local_one_that_writes_is_taken() -> None:
    models = [
        ("nomic-embed-text:latest", "nomic-bert"),
        ("big:120b-cloud", "gptoss"),
        ("tiny:latest", "llama"),
    ]
    with ollama_double(Script(models=models)) as double:
        done = OllamaWriter(url=double.url, model="").complete_text(PROMPT, budget=LONG)
    assert done.model == "tiny:latest via Ollama"


def test_a_server_without_models_is_no_writer() -> None:
    with ollama_double(Script(models=[])) as double, pytest.raises(ModelUnavailable, match="no model"):
        OllamaWriter(url=double.url, model="").complete_text(PROMPT, budget=LONG)


def test_models_on_other_machines_are_not_asked() -> None:
    with ollama_double() as double, pytest.raises(ModelUnavailable, match="somebody else"):
        OllamaWriter(url=double.url, model="gpt-oss:120b-cloud").complete_text(PROMPT, budget=LONG)
    assert double.requests == []
    assert is_remote_model("x:cloud")
    assert not is_remote_model("cloudy:latest")


def test_an_unknown_model_is_said_so() -> None:
    with ollama_double() as double, pytest.raises(ModelUnavailable, match=r"404.*not found"):
        OllamaWriter(url=double.url, model="absent").complete_text(PROMPT, budget=LONG)


@pytest.mark.parametrize("fault", FAULT_NAMES)
def test_whatever_the_server_does_the_call_ends_in_time_and_leaves_no_thread(fault: str) -> None:
    budget = Budget(seconds=1.5)
    with ollama_double(Script(fault=fault)) as double:
        started = time.monotonic()
        with pytest.raises(ModelUnavailable) as caught:
            OllamaWriter(url=double.url, model="tiny:latest").complete_text(PROMPT, budget=budget)
        assert time.monotonic() - started < budget.seconds + 1
        assert "\n" not in caught.value.message
        for thread in model_threads():
            thread.join(3)
        assert model_threads() == []


def test_no_server_at_all_is_known_at_once() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(ModelUnavailable, match="no server answers"):
        OllamaWriter(url=f"http://127.0.0.1:{port}", model="tiny").complete_text(PROMPT, budget=LONG)


@pytest.mark.parametrize(
    "url", ["http://", "http://[", "file:///etc/passwd", "http://127.0.0.1:99999", "\x00"]
)
def test_a_nonsense_address_is_no_writer(url: str) -> None:
    with pytest.raises(ModelUnavailable):
        OllamaWriter(url=url, model="tiny").complete_text(PROMPT, budget=LONG)


def test_a_proxy_in_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with ollama_double() as double:
        assert OllamaWriter(url=double.url, model="tiny:latest").complete_text(PROMPT, budget=LONG).text


def test_an_answer_that_hit_its_limit_is_no_answer() -> None:
    with (
        ollama_double(Script(done_reason="length")) as double,
        pytest.raises(ModelUnavailable, match="limit"),
    ):
        OllamaWriter(url=double.url, model="tiny:latest").complete_text(PROMPT, budget=LONG)


def test_a_prompt_the_server_cut_is_noticed() -> None:
    script = Script(prompt_eval_count=WINDOW // 2 + 1)
    long = Prompt(system="s", user="word " * 4000)
    with ollama_double(script) as double, pytest.raises(ModelUnavailable, match="cut the prompt"):
        OllamaWriter(url=double.url, model="tiny:latest").complete_text(long, budget=LONG)


def test_an_overlong_prompt_is_cut_at_its_end_before_it_is_sent() -> None:
    long = Prompt(system="s", user="\n".join(f"line {number}" for number in range(10_000)))
    with ollama_double() as double:
        OllamaWriter(url=double.url, model="tiny:latest").complete_text(long, budget=LONG)
    sent = double.requests[0][1]["messages"][1]["content"]
    assert sent.startswith("line 0\n")
    assert sent.endswith("[the rest was left out]")
    assert len(sent) // 3 + 400 < WINDOW
