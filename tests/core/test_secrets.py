from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sixthbot.core.secretkinds import KINDS
from sixthbot.core.secrets import entropy, find_secrets, is_secret_digest, looks_random, secret_digest
from tests.core.planted import planted


def test_every_kind_is_planted() -> None:
    assert {kind.name for kind in KINDS} <= set(planted())
    assert len(planted()) >= 30


@pytest.mark.parametrize("seed", range(12))
def test_every_planted_secret_is_found_under_its_name_and_line(seed: int) -> None:
    for name, line in planted(seed).items():
        [found] = find_secrets(f"import os\n\n{line}\n")
        assert found.kind == name
        assert found.line == 3 + (name == "private key")
        assert is_secret_digest(found.digest)


def test_nothing_of_a_secret_is_shown_but_its_beginning() -> None:
    for line in planted().values():
        for found in find_secrets(line):
            assert len(found.shown) <= 4 + len("***")


def test_all_in_one_text_are_found_each_once() -> None:
    text = "\n".join(planted().values())
    assert len(find_secrets(text + "\n" + text)) == len(planted())


@pytest.mark.parametrize(
    "line",
    [
        "password = os.environ['PASSWORD']",
        "token = get_token()",
        'api_key = "your-api-key-goes-here-1234"',
        'SECRET_KEY = "change-me-in-production-0"',
        "postgres://user:password@localhost/app",
        "postgresql://scott:tiger@localhost/db",
        "https://user:pass@example.com/",
        "https://user:pass%20pass@complex.url.com/path",
        "https://${USER}:${TOKEN}@github.com/x/y",
        "https://{user}:{password}@host",
        "ssh://git@github.com/x/y.git",
        "if line.startswith('-----BEGIN PRIVATE KEY-----'):",
        "-----BEGIN CERTIFICATE-----\nMIIEpAIBAAKCAQEAMIIEpAIBAAKCAQEA",
        "sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0bfd2c1e1a8f5b9d1f1a2b",
        "commit 0123456789abcdef0123456789abcdef01234567",
        "uuid = '123e4567-e89b-12d3-a456-426614174000'",
        "class = 'sk-loading-indicator-with-a-very-long-name-indeed'",
        'tokenizer = "bert-base-uncased-finetuned-sst2"',
        'key = "translations.settings.page_2.title"',
        'data-token-type="ACCESS_TOKEN_2"',
        "ghp_" + "x" * 36,
        "Authorization: Basic dXNlcm5hbWU6cGFzc3dvcmQ=",
        "secret_name: projects/app/secrets/db-password/versions/3",
        "password_hash_algorithm = 'pbkdf2_sha256_with_salt'",
    ],
)
def test_what_documents_and_code_say_about_secrets_is_none(line: str) -> None:
    assert find_secrets(line) == []


def test_a_binary_file_is_looked_at_by_shape_only() -> None:
    text = 'password = "k3JH8s7dfKJ2h3kJHs8d"'
    assert find_secrets(text) != []
    assert find_secrets(text, by_shape_only=True) == []
    assert find_secrets("\0\x01" + planted()["AWS access key"] + "\0", by_shape_only=True) != []


def test_a_digest_is_of_the_secret_and_not_of_its_place() -> None:
    line = planted()["GitHub token"]
    [one], [other] = find_secrets(line), find_secrets(f"\n\n  x = '{line}'")
    assert one.digest == other.digest == secret_digest(line)


def test_hostile_texts_take_no_longer_than_their_length() -> None:
    # each is what a pattern would go over again and again if it could
    for part in (
        "key",
        'token="',
        "http://a:",
        "eyJaaaaaaaaa.",
        "-----BEGIN PRIVATE KEY-----",
        "\n",
        "sk-",
        "a" * 50,
    ):
        text = part * (100_000 // len(part))
        began = time.process_time()
        find_secrets(text)
        assert time.process_time() - began < 2, part[:20]


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200), st.sampled_from(sorted(planted().items())), st.text(max_size=200))
def test_a_secret_is_found_whatever_stands_in_the_lines_around_it(
    before: str, one: tuple[str, str], after: str
) -> None:
    line = one[1]
    assert find_secrets(f"{before}\n{line}\n{after}") != []


@given(st.text(max_size=300))
def test_any_text_is_read(text: str) -> None:
    for found in find_secrets(text):
        assert 1 <= found.line <= text.count("\n") + 1


def test_entropy_is_in_bits() -> None:
    assert entropy("") == 0
    assert entropy("aaaa") == 0
    assert entropy("abcd") == 2
    assert looks_random("k3JH8s7dfKJ2h3kJHs8d")
    assert not looks_random("a_plain_name_of_things")
