from __future__ import annotations

import pytest

from prefect_jupyter.runtime.redact import redact

CANARY = "c4n4ryV4lu3x9Q7"

SECRETS = [
    f"postgresql://user:{CANARY}@db.example.org:5432/flights",
    f"redis://:{CANARY}@cache:6379/0",
    f"https://{CANARY}@sentry.example.org/7",
    f"password={CANARY}",
    f"DB_PASSWORD: {CANARY}",
    f"{{'password': '{CANARY}', 'user': 'me'}}",
    f'{{"api_key": "{CANARY}"}}',
    f"connect(passwd='{CANARY}', host='x')",
    f"Authorization: Bearer {CANARY}",
    f"authorization={CANARY}",
    f"AWS_SECRET_ACCESS_KEY={CANARY}",
    f"aws_session_token = '{CANARY}'",
    f"token={CANARY}&page=2",
    f"https://x.example.org/blob?sig={CANARY}&se=2026",
    f"ghp_{CANARY}abcdefgh",
    f"xoxb-{CANARY}-1234",
    f"sk-{CANARY}abcdef",
    f"AKIA{CANARY}ABCD",
    f"https://hooks.slack.com/services/T0/B0/{CANARY}",
    f"https://discord.com/api/webhooks/12/{CANARY}",
    f"eyJhbGciOiJIUzI1NiJ9.{CANARY}.{CANARY}",
    f"-----BEGIN RSA PRIVATE KEY-----\n{CANARY}\n-----END RSA PRIVATE KEY-----",
    f"client_secret => {CANARY}",
    f"Cookie: {CANARY}",
    f"x-api-key: {CANARY}",
]


@pytest.mark.parametrize("text", SECRETS)
def test_what_looks_like_a_secret_is_hidden(text: str) -> None:
    for place in (text, f"ValueError: could not reach {text} (attempt 2)"):
        assert CANARY not in redact(place, {})


def test_values_of_variables_with_telling_names_are_hidden_wherever_they_stand() -> None:
    environment = {"MY_API_KEY": CANARY, "LONG_SECRET": f"{CANARY}-and-more", "HOME": "/home/me", "PWD": "/work/place"}
    shown = redact(f"got {CANARY} and {CANARY}-and-more in /home/me", environment)
    assert CANARY not in shown
    assert "/home/me" in shown
    assert "and-more" not in shown


@pytest.mark.parametrize(
    "text",
    [
        "KeyError: 'dep_dela'",
        "ValueError: 3 tokens expected, found 4",
        "https://example.org/a/b?page=2",
        "task `clean` failed after 3 attempts",
        "https://pypi.org/user@example.org",
        "NaN in column token_count",
        "basic training took 3 s",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text, {}) == text
