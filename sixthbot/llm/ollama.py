"""The Ollama dialect: one chat request, streamed, ended by a total time limit whatever the server does."""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sixthbot.core.names import clean_line
from sixthbot.llm.cutoff import CutOff
from sixthbot.llm.fit import estimate_tokens, fit
from sixthbot.llm.port import Budget, Completion, ModelUnavailable, Prompt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ollama import ChatResponse, Client


WINDOW = 8192
"""The window asked for with every request, in tokens; the server's own default may be half of it."""

_BODY_LIMIT = 4_000_000
_EMBEDDING_FAMILIES = frozenset({"bert", "nomic-bert", "xlm-roberta"})


@dataclass(frozen=True, slots=True, kw_only=True)
class OllamaWriter:
    """Writes with a model of an Ollama server at `url`; an empty `model` means the first one the server lists."""

    url: str
    model: str

    def complete_text(self, prompt: Prompt, *, budget: Budget) -> Completion:
        """Return the answer within `budget.seconds`; raise ModelUnavailable for every way this can go wrong.

        The prompt is cut at its end to fit the window. An answer that hit its own limit is no answer.
        """
        fitted = fit(prompt, window=WINDOW, answer=budget.tokens)
        deadline = time.monotonic() + budget.seconds
        return _within(deadline, lambda cut_off: self._ask(fitted, budget.tokens, deadline, cut_off))

    def _ask(self, prompt: Prompt, tokens: int, deadline: float, cut_off: CutOff) -> Completion:
        with _client(self.url, deadline, cut_off) as client:
            model = self.model or _first_model(client)
            if is_remote_model(model):
                raise ModelUnavailable(
                    f"the model {clean_line(model, limit=80)} runs on somebody else's machine"
                )
            stream = client.chat(
                model=model,
                messages=[
                    {"role": "system", "content": prompt.system},
                    {"role": "user", "content": prompt.user},
                ],
                stream=True,
                options={"num_ctx": WINDOW, "num_predict": tokens, "temperature": 0.2, "seed": 6},
            )
            text, usage = _collect(stream, prompt=prompt, deadline=deadline)
        return Completion(text=text, model=f"{clean_line(model, limit=80)} via Ollama", usage=usage)


def is_remote_model(name: str) -> bool:
    """Tell whether an Ollama server would send requests for this model on to the network."""
    tag = name.rpartition(":")[2]
    return tag == "cloud" or tag.endswith("-cloud")


def _client(url: str, deadline: float, cut_off: CutOff) -> Client:
    import httpx  # noqa: PLC0415 - costs a tenth of a second, and most runs write without a model
    import ollama  # noqa: PLC0415

    from sixthbot.llm.wire import BoundedTransport  # noqa: PLC0415

    left = max(deadline - time.monotonic(), 0.05)
    return ollama.Client(
        url,
        timeout=httpx.Timeout(left),
        follow_redirects=False,  # a redirect would lead past the check of the address
        trust_env=False,  # a proxy in the environment breaks loopback
        transport=BoundedTransport(limit=_BODY_LIMIT),
        event_hooks={"request": [cut_off.watch]},
    )


def _first_model(client: Client) -> str:
    for found in client.list().models:
        family = (found.details.family or "") if found.details else ""
        name = found.model or ""
        if name and family not in _EMBEDDING_FAMILIES and "embed" not in name and not is_remote_model(name):
            return name
    raise ModelUnavailable("the server has no model that writes text")


def _collect(
    stream: Iterable[ChatResponse], *, prompt: Prompt, deadline: float
) -> tuple[str, dict[str, float]]:
    parts: list[str] = []
    for chunk in stream:
        parts.append(chunk.message.content or "")
        if time.monotonic() > deadline:
            raise ModelUnavailable("the model did not finish in time")
        if chunk.done:
            _check_whole(chunk, prompt)
            counted = {"tokens_in": chunk.prompt_eval_count, "tokens_out": chunk.eval_count}
            return "".join(parts), {name: count for name, count in counted.items() if count is not None}
    raise ModelUnavailable("the answer broke off")


def _check_whole(last: ChatResponse, prompt: Prompt) -> None:
    if last.done_reason == "length":
        raise ModelUnavailable("the model hit its limit before it had finished")
    seen = last.prompt_eval_count
    # A server that cuts an overlong prompt keeps about half a window of it. The prompt was fitted, so this means
    # a model with a smaller window than asked for.
    half = WINDOW // 2 + 2
    if seen is not None and abs(seen - half) <= 2 and estimate_tokens(prompt.user) > half:  # noqa: PLR2004
        raise ModelUnavailable("the server cut the prompt")


def _within(deadline: float, ask: Callable[[CutOff], Completion]) -> Completion:
    """Run `ask` in a thread of its own until `deadline`, then cut its connection and go on without it."""
    answers: queue.SimpleQueue[Completion | Exception] = queue.SimpleQueue()
    cut_off = CutOff()

    def work() -> None:
        try:
            answers.put(ask(cut_off))
        except Exception as error:  # noqa: BLE001 - nobody else would see it: the thread ends here
            answers.put(error)

    thread = threading.Thread(target=work, name="model", daemon=True)
    thread.start()
    try:
        answer = answers.get(timeout=max(deadline - time.monotonic(), 0))
    except queue.Empty:
        cut_off.cut()
        raise ModelUnavailable("the model did not answer in time") from None
    if isinstance(answer, Exception):
        raise _as_unavailable(answer) from None
    return answer


def _as_unavailable(error: Exception) -> Exception:
    """Return why there is no answer; an error that no server can cause comes back as it is.

    The client lets through errors of itself, of httpx, of json and of pydantic, and trips over bodies it does not
    expect (a list where it calls `.get`), so all of those are named here.
    """
    import httpx  # noqa: PLC0415
    import ollama  # noqa: PLC0415

    protocol = (ValueError, AttributeError, TypeError, KeyError, RecursionError)
    match error:
        case ModelUnavailable():
            return error
        case ollama.ResponseError():
            reason = _reason(f"the server said {error.status_code}", error.error)
        case httpx.ConnectError() | ConnectionError():
            reason = "no server answers"
        case httpx.TimeoutException():
            reason = "the model did not answer in time"
        case httpx.HTTPError() | httpx.InvalidURL() | httpx.StreamError() | OSError():
            reason = _reason("the connection failed", error)
        case _ if isinstance(error, protocol):
            reason = _reason("the server does not speak Ollama's protocol", type(error).__name__)
        case _:
            return error
    return ModelUnavailable(reason)


def _reason(what: str, detail: Any) -> str:
    return f"{what}: {clean_line(str(detail), limit=120)}"
