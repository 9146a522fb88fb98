"""The kinds of secrets that are known by their shape: one pattern each, with words that must be there for it to be tried.

Every pattern is linear: what may repeat is bounded, and no two neighbours can take the same characters twice.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """One shape of secrets.

    `hints` are what a text has, in lower case, at least one of wherever the pattern matches. The secret is the group
    `s` of the match, or all of it. `mixed` asks for letters and digits in it, so that plain words are none; a
    `password` in an address is judged by what passwords look like.
    """

    name: str
    hints: tuple[str, ...]
    pattern: re.Pattern[str]
    mixed: bool = False
    password: bool = False


_START = r"(?<![A-Za-z0-9_-])"
_END = r"(?![A-Za-z0-9_-])"


def _kind(
    name: str, pattern: str, *hints: str, mixed: bool = False, password: bool = False, whole: bool = True
) -> Kind:
    """Return a kind; with `whole`, what is matched is no part of a longer word."""
    text = f"{_START}(?:{pattern}){_END}" if whole else pattern
    return Kind(name, hints, re.compile(text), mixed, password)


_USER = r"[^\s:/@\"'<>{}$%\\]{0,100}"
_WORD = r"(?P<s>[^\s/@\"'<>{}$\\]{3,200})"

KINDS: tuple[Kind, ...] = (
    _kind("AWS access key", r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}", "akia", "asia", "abia", "acca"),
    _kind(
        "AWS secret key",
        r"(?i:aws_?(?:secret)?_?(?:access)?_?key(?:_?id)?|secret_?access_?key)[\"']?\s{0,5}(?:=>|[:=])\s{0,5}[\"']?"
        r"(?P<s>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])",
        "aws", "secretaccesskey", "secret_access_key", whole=False, mixed=True,
    ),
    _kind("Google API key", r"AIza[A-Za-z0-9_-]{35}", "aiza"),
    _kind("Google OAuth secret", r"GOCSPX-[A-Za-z0-9_-]{28}|ya29\.[A-Za-z0-9_-]{30,1000}", "gocspx-", "ya29."),
    _kind("GCP service account", r"\"private_key_id\"\s{0,5}:\s{0,5}\"(?P<s>[0-9a-f]{40})\"", "private_key_id", whole=False),
    _kind(
        "Azure storage key", r"(?i:AccountKey|SharedAccessKey)=(?P<s>[A-Za-z0-9+/]{42,100}={1,2})", "accountkey",
        "sharedaccesskey", whole=False,
    ),
    _kind("Azure client secret", r"(?P<s>[A-Za-z0-9_~.-]{3}[78]Q~[A-Za-z0-9_~.-]{31,34})", "7q~", "8q~"),
    _kind(
        "GitHub token", r"gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}|github_pat_\w{60,255}",
        "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_",
    ),
    _kind(
        "GitLab token", r"gl(?:pat|ptt|dt|rt|oas|soat|cbt|imt|ft|agent|ffct)-[A-Za-z0-9_-]{20,300}(?:\.[0-9a-z.]{2,30})?|GR1348941[A-Za-z0-9_-]{20}",
        "glpat-", "glptt-", "gldt-", "glrt-", "gloas-", "glsoat-", "glcbt-", "glimt-", "glft-", "glagent-", "glffct-", "gr1348941",
        mixed=True,
    ),
    _kind(
        "Slack token", r"xox[abeoprs]-(?:[0-9]{1,14}-)?[A-Za-z0-9-]{16,250}|xapp-[0-9]-[A-Za-z0-9-]{20,250}",
        "xoxa-", "xoxb-", "xoxe-", "xoxo-", "xoxp-", "xoxr-", "xoxs-", "xapp-", mixed=True,
    ),
    _kind(
        "Slack webhook", r"hooks\.slack\.com/(?:services|workflows|triggers)/(?P<s>[A-Za-z0-9]{6,20}/[A-Za-z0-9/]{20,80})",
        "hooks.slack.com", whole=False, mixed=True,
    ),
    _kind(
        "Stripe key", r"[sr]k_(?:live|test)_[A-Za-z0-9]{16,250}|whsec_[A-Za-z0-9+/]{32,100}", "k_live_", "k_test_", "whsec_",
        mixed=True,
    ),
    _kind(
        "OpenAI key",
        r"sk-(?:proj|svcacct|admin|None)-[A-Za-z0-9_-]{32,250}|sk-[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}|sk-[A-Za-z0-9]{40,64}",
        "sk-", mixed=True,
    ),
    _kind("Anthropic key", r"sk-ant-[A-Za-z0-9_-]{24,250}", "sk-ant-", mixed=True),
    _kind("OpenRouter key", r"sk-or-v1-[0-9a-f]{64}", "sk-or-"),
    _kind("Hugging Face token", r"(?:hf|api_org)_[A-Za-z0-9]{30,60}", "hf_", "api_org_"),
    _kind("Groq or xAI key", r"(?:gsk|xai)[_-][A-Za-z0-9]{48,90}", "gsk_", "xai-", mixed=True),
    _kind(
        "JSON web token", r"eyJ[A-Za-z0-9_-]{8,2000}\.eyJ[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]{16,1000}", "eyj",
    ),
    _kind("npm token", r"npm_[A-Za-z0-9]{36}", "npm_", mixed=True),
    _kind(
        "npm registry login", r":_(?:authToken|auth|password)\s{0,3}=\s{0,3}(?P<s>[A-Za-z0-9+/=_.-]{16,300})", ":_auth",
        ":_password", whole=False, mixed=True,
    ),
    _kind("PyPI token", r"pypi-Ag[A-Za-z0-9_-]{40,400}", "pypi-ag"),
    _kind("RubyGems key", r"rubygems_[0-9a-f]{48}", "rubygems_"),
    _kind("crates.io token", r"cio[A-Za-z0-9]{32}", "cio", mixed=True),
    _kind("Twilio key", r"(?:SK|AC)[0-9a-f]{32}", "sk", "ac"),
    _kind("SendGrid key", r"SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{30,64}", "sg."),
    _kind("Mailgun key", r"key-[0-9a-f]{32}|[0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{8}", "key-", "-"),
    _kind("Mailchimp key", r"[0-9a-f]{32}-us[0-9]{1,2}", "-us"),
    _kind(
        "database URL with a password",
        r"(?i:postgres(?:ql)?|mysql|mariadb|mongodb|rediss?|amqps?|mssql|sqlserver|oracle|clickhouse|cockroachdb|couchdb|ldaps?|smtps?)"
        r"(?:\+[a-z0-9]{1,20})?://" + _USER + ":" + _WORD + r"@(?=[A-Za-z0-9\[])",
        "://", whole=False, password=True,
    ),
    _kind(
        "URL with a password", r"(?i:https?|ftps?|sftp|ssh|git|svn|wss?)(?:\+[a-z]{1,10})?://" + _USER + ":" + _WORD + r"@(?=[A-Za-z0-9\[])",
        "://", whole=False, password=True,
    ),
    _kind(
        "private key",
        r"-----BEGIN (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
        r"(?:\s|\\n|\\r|[\"',+])*(?:(?:Proc-Type|DEK-Info|Version|Comment|Hash)[:][^\n]{0,200}\s+)*"
        r"(?P<s>[A-Za-z0-9+/=]{16,100})",
        "private key", whole=False,
    ),
    _kind("PuTTY private key", r"PuTTY-User-Key-File-[0-9]: (?P<s>[a-z0-9-]{3,40})\s", "putty-user-key-file", whole=False),
    _kind("age key", r"AGE-SECRET-KEY-1[0-9A-Z]{50,80}", "age-secret-key-1"),
    _kind("DigitalOcean token", r"do[opr]_v1_[0-9a-f]{64}", "dop_v1_", "doo_v1_", "dor_v1_"),
    _kind("Shopify token", r"shp(?:at|ca|pa|ss|tka)_[0-9a-fA-F]{32}", "shpat_", "shpca_", "shppa_", "shpss_", "shptka_"),
    _kind("Square token", r"sq0(?:atp|csp|idp)-[A-Za-z0-9_-]{22,43}|EAAA[A-Za-z0-9_-]{60}", "sq0", "eaaa", mixed=True),
    _kind("Telegram bot token", r"[0-9]{8,10}:AA[A-Za-z0-9_-]{33}", ":aa"),
    _kind(
        "Discord token", r"[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,40}", ".", mixed=True,
    ),
    _kind(
        "Discord webhook", r"discord(?:app)?\.com/api/webhooks/[0-9]{15,22}/(?P<s>[A-Za-z0-9_-]{50,100})", "/api/webhooks/",
        whole=False,
    ),
    _kind("Heroku key", r"HRKU-[A-Za-z0-9_-]{36,80}", "hrku-"),
    _kind("Grafana token", r"glsa_[A-Za-z0-9]{32}_[0-9a-f]{8}|glc_[A-Za-z0-9+/]{32,400}={0,2}", "glsa_", "glc_", mixed=True),
    _kind("Docker token", r"dckr_(?:pat|oat)_[A-Za-z0-9_-]{24,60}", "dckr_"),
    _kind("Vault token", r"hv[sbr]\.[A-Za-z0-9_-]{24,300}", "hvs.", "hvb.", "hvr.", mixed=True),
    _kind("Terraform token", r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_-]{60,80}", ".atlasv1."),
    _kind("Databricks token", r"dapi[0-9a-f]{32}(?:-[0-9])?", "dapi"),
    _kind("New Relic key", r"NRAK-[A-Z0-9]{27}|NRJS-[a-f0-9]{19}", "nrak-", "nrjs-"),
    _kind("Sentry token", r"sntry[su]_[A-Za-z0-9+/=_-]{40,400}", "sntrys_", "sntryu_"),
    _kind("Linear key", r"lin_(?:api|oauth)_[A-Za-z0-9]{32,64}", "lin_api_", "lin_oauth_"),
    _kind("Atlassian token", r"ATATT3[A-Za-z0-9_=-]{60,300}|ATCTT3[A-Za-z0-9_=-]{60,300}", "atatt3", "atctt3"),
    _kind("Doppler token", r"dp\.(?:pt|st|ct|sa|scim|audit)\.(?:[a-z0-9_-]{2,35}\.)?[A-Za-z0-9]{40,44}", "dp."),
    _kind("Notion token", r"ntn_[A-Za-z0-9]{40,60}|secret_[A-Za-z0-9]{43}", "ntn_", "secret_", mixed=True),
    _kind("Figma token", r"figd_[A-Za-z0-9_-]{40,60}", "figd_", mixed=True),
    _kind("Airtable token", r"pat[A-Za-z0-9]{14}\.[0-9a-f]{64}", "pat"),
    _kind("Postman key", r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}", "pmak-"),
    _kind("Artifactory key", r"AKC[a-zA-Z0-9]{64,90}|cmVmdGtuO[A-Za-z0-9]{55}", "akc", "cmvmdgtuo", mixed=True),
    _kind("Cloudinary URL", r"cloudinary://[0-9]{10,20}:(?P<s>[A-Za-z0-9_-]{20,40})@", "cloudinary://", whole=False),
    _kind("Supabase key", r"sbp_[0-9a-f]{40}|sb_secret_[A-Za-z0-9_-]{20,60}", "sbp_", "sb_secret_", mixed=True),
    _kind("Tailscale key", r"tskey-[a-z]{3,12}-[A-Za-z0-9-]{16,80}", "tskey-", mixed=True),
    _kind(
        "authorization header",
        r"(?i:authorization)[\"']?\s{0,3}[:=,]\s{0,3}[\"']?(?i:bearer|basic|token)\s{1,3}(?P<s>[A-Za-z0-9+/=._~-]{20,2000})",
        "authorization", whole=False, mixed=True,
    ),
)  # fmt: skip
"""All of them, the more particular before the more general: a secret is named by the first that knows it."""
