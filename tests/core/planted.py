"""Made-up secrets of every kind, put together when they are needed, so that this file holds none of them."""

from __future__ import annotations

import random
import string

_LETTERS = string.ascii_letters + string.digits
_CAPITALS = string.ascii_uppercase + "234567"
_HEX = "0123456789abcdef"


def planted(seed: int = 1) -> dict[str, str]:
    """Return a line for each kind, by the name the kind is found under."""
    made = random.Random(seed)  # noqa: S311 - the same ones each time

    def some(length: int, alphabet: str = _LETTERS) -> str:
        text = "".join(made.choice(alphabet) for _ in range(length - 2))
        # at least one digit and one letter: what has none of one is taken for a word
        return text + "7" + ("F" if alphabet in {_LETTERS, _CAPITALS} else "a")

    def low(length: int) -> str:
        return some(length, _HEX)

    def cap(length: int) -> str:
        return some(length, _CAPITALS)

    begin = "-----BEGIN "
    return {
        "AWS access key": "AKIA" + cap(16),
        "AWS secret key": "aws_secret_access_key = " + some(40),
        "Google API key": "key: AIza" + some(35),
        "Google OAuth secret": "GOCSPX-" + some(28),
        "GCP service account": f'"private_key_id": "{low(40)}"',
        "Azure storage key": f"AccountName=x;AccountKey={some(86)}==;",
        "Azure client secret": some(3) + "8Q~" + some(34),
        "GitHub token": "ghp_" + some(36),
        "GitLab token": "glpat-" + some(20),
        "Slack token": f"xoxb-{made.randrange(10**11, 10**12)}-{some(24)}",
        "Slack webhook": f"https://hooks.slack.com/services/T{cap(8)}/B{cap(8)}/{some(24)}",
        "Stripe key": "sk_live_" + some(24),
        "OpenAI key": f"OPENAI = 'sk-proj-{some(48)}'",
        "Anthropic key": "sk-ant-api03-" + some(93) + "AA",
        "OpenRouter key": "sk-or-v1-" + low(64),
        "Hugging Face token": "hf_" + some(34),
        "Groq or xAI key": "gsk_" + some(52),
        "JSON web token": f"eyJ{some(20)}.eyJ{some(40)}.{some(43)}",
        "npm token": "npm_" + some(36),
        "npm registry login": f"//registry.corp.net/:_authToken={some(36)}",
        "PyPI token": "pypi-AgEIcHlwaS5vcmc" + some(100),
        "RubyGems key": "rubygems_" + low(48),
        "crates.io token": "cio" + some(32),
        "Twilio key": "SK" + low(32),
        "SendGrid key": f"SG.{some(22)}.{some(43)}",
        "Mailgun key": "key-" + low(32),
        "Mailchimp key": low(32) + "-us12",
        "database URL with a password": f"DB=postgres://app:{some(12)}@db.corp.net/x",
        "URL with a password": f"git clone https://bob:{some(12)}@git.corp.net/x",
        "private key": f"{begin}RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA{some(48)}",
        "PuTTY private key": "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none",
        "age key": "AGE-SECRET-KEY-1" + cap(58),
        "DigitalOcean token": "dop_v1_" + low(64),
        "Shopify token": "shpat_" + low(32),
        "Square token": "sq0csp-" + some(43),
        "Telegram bot token": f"{made.randrange(10**8, 10**9)}:AA{some(33)}",
        "Discord token": f"M{some(25)}.{some(6)}.{some(38)}",
        "Discord webhook": f"https://discord.com/api/webhooks/{made.randrange(10**17, 10**18)}/{some(68)}",
        "Heroku key": "HRKU-" + some(60),
        "Grafana token": f"glsa_{some(32)}_{low(8)}",
        "Docker token": "dckr_pat_" + some(27),
        "Vault token": "hvs." + some(90),
        "Terraform token": f"{some(14)}.atlasv1.{some(67)}",
        "Databricks token": "dapi" + low(32),
        "New Relic key": "NRAK-" + cap(27),
        "Sentry token": "sntrys_" + some(90),
        "Linear key": "lin_api_" + some(40),
        "Atlassian token": "ATATT3" + some(180),
        "Doppler token": "dp.pt." + some(43),
        "Notion token": "ntn_" + some(46),
        "Figma token": "figd_" + some(40),
        "Airtable token": f"pat{some(14)}.{low(64)}",
        "Postman key": f"PMAK-{low(24)}-{low(34)}",
        "Artifactory key": "AKC" + some(64),
        "Cloudinary URL": f"cloudinary://{made.randrange(10**14, 10**15)}:{some(27)}@demo",
        "Supabase key": "sbp_" + low(40),
        "Tailscale key": f"tskey-auth-{some(17)}-{some(32)}",
        "authorization header": f'"Authorization": "Bearer {some(40)}"',
        "a random value given to a secret-like name": f'db_password = "{some(20)}"',
    }
