"""The second look for secrets, by detect-secrets where it is installed; none of its ways to verify one is ever called.

Only detectors of certain shapes are asked: those that go by names or randomness stop honest pushes too often.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol

from sixthbot.core.secrets import made_finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sixthbot.core.secrets import Secret

_ASKED = frozenset({
    "AWSKeyDetector", "ArtifactoryDetector", "AzureStorageKeyDetector", "CloudantDetector", "DiscordBotTokenDetector",
    "GitHubTokenDetector", "GitLabTokenDetector", "IbmCloudIamDetector", "IbmCosHmacDetector", "JwtTokenDetector",
    "MailchimpDetector", "NpmDetector", "OpenAIDetector", "PypiTokenDetector", "SendGridDetector", "SlackDetector",
    "SoftlayerDetector", "SquareOAuthDetector", "StripeDetector", "TelegramBotTokenDetector", "TwilioKeyDetector",
})  # fmt: skip
_LONGEST = 2000
"""Characters of a line from which on it is not asked about: generated text, which only costs time."""


class _Detector(Protocol):
    secret_type: str

    def analyze_string(self, string: str) -> Iterator[str]: ...


def installed() -> bool:
    """Tell whether there is a second look, without loading anything."""
    return find_spec("detect_secrets") is not None


def second_pass(text: str) -> list[Secret]:
    """Return what detect-secrets takes for secrets in a text, by line; nothing where it is not installed."""
    found = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip() or len(line) > _LONGEST:
            continue
        for detector in _detectors():
            # without `scan_line`: its settings may ask the network whether a secret still works
            found += [
                made_finding(number, detector.secret_type, secret)
                for secret in detector.analyze_string(line)
                if secret
            ]
    return found


@cache
def _detectors() -> Sequence[_Detector]:
    if not installed():
        return ()
    from detect_secrets.core.plugins.util import (  # noqa: PLC0415 - an extra, and a second to load
        get_mapping_from_secret_type_to_class,
    )

    known: Mapping[str, type[_Detector]] = get_mapping_from_secret_type_to_class()
    return tuple(detector() for detector in known.values() if detector.__name__ in _ASKED)
