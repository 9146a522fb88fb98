"""Makes a model's words fit to stand in a draft: plain text, short, and nothing in it that the facts do not say."""

from __future__ import annotations

import re

from sixthbot.core.names import has_unsafe_characters
from sixthbot.llm.port import ModelUnavailable

WORD_LIMIT = 120
_LOST_LIMIT = 0.3
"""A narrative that loses more than this share of its sentences is not worth keeping."""

_READ_LIMIT = 8_000
"""Characters of an answer that are looked at; 120 words take a tenth of it."""

_THINKING = re.compile(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.DOTALL | re.IGNORECASE)
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_TAG = re.compile(r"</?[A-Za-z][^<>]{0,500}>")
_LINK = re.compile(r"!?\[([^\[\]]{0,300})\](?:\((?:[^()]|\([^()]{0,100}\)){0,500}\)|\[[^\[\]]{0,100}\])")
_TRAILER = re.compile(r"^[A-Z][A-Za-z]*(?:-[A-Za-z]+)+:\s")
_MARKUP = re.compile(r"^\s{0,3}(?:#{1,6}\s.*|[-*+]\s+|\d{1,3}[.)]\s+|>\s?|`{3,}.*|~{3,}.*|[-=_*]{3,}\s*$|\|)")
_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_TICKED = re.compile(r"`([^`]{1,200})`")
_NUMBER = re.compile(r"\d{1,40}(?:[.,]\d{1,40}){0,8}")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,20}:/?/?[^\s<>()`]{2,}")
_PATH = re.compile(r"[\w.-]{1,80}(?:/[\w.-]{1,80})+|\b[\w-]{1,80}\.[a-z]{1,5}\b")


def clean_prose(text: str, *, evidence: str) -> str:
    """Return at most 120 words of plain text out of a model's answer, in one paragraph.

    Markup, images, links, mentions, trailers and unsafe characters go. A sentence that names a number, a path, an
    address or something in back-ticks which does not occur in `evidence` goes as a whole. Raise ModelUnavailable
    when nothing useful is left, or too much had to go.
    """
    sentences = [part for part in _SENTENCE.split(_flat(text)) if part]
    known = evidence.lower()
    kept = [sentence for sentence in sentences if _supported(sentence, known)]
    if not kept or len(sentences) - len(kept) > _LOST_LIMIT * len(sentences):
        raise ModelUnavailable("the model's text says things that the facts do not")
    prose = _first_words(kept)
    if not re.search(r"[^\W\d_]{2}", prose):
        raise ModelUnavailable("the model's text has no words")
    return prose


def _flat(text: str) -> str:
    text = _TAG.sub(" ", _COMMENT.sub(" ", _THINKING.sub(" ", text[:_READ_LIMIT])))
    text = _LINK.sub(r"\1", text)
    lines = (_MARKUP.sub("", line) for line in text.splitlines() if not _TRAILER.match(line.strip()))
    joined = " ".join(" ".join(lines).split())
    safe = "".join(char for char in joined if not has_unsafe_characters(char))
    # what is left of broken markup, and mentions that would call people by name
    return re.sub(r"[<>\[\]|*#]|!(?=\[)|@(?=\w)|\\", "", safe).replace("__", "").strip()


def _supported(sentence: str, known: str) -> bool:
    named = [match[1] for match in _TICKED.finditer(sentence)]
    named += [match[0].rstrip(".,;:") for match in _URL.finditer(sentence)]
    named += [match[0].rstrip(".") for match in _PATH.finditer(sentence)]
    if any(name.lower() not in known for name in named):
        return False
    numbers = set(_NUMBER.findall(known))
    return all(number in numbers for number in _NUMBER.findall(sentence))


def _first_words(sentences: list[str]) -> str:
    kept: list[str] = []
    room = WORD_LIMIT
    for sentence in sentences:
        words = sentence.split()
        if len(words) > room:
            break
        kept.append(sentence)
        room -= len(words)
    prose = " ".join(kept) or " ".join(sentences[0].split()[:WORD_LIMIT])
    return prose if prose.count("`") % 2 == 0 else prose.replace("`", "")
