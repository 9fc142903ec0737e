"""What mails say: subject and text, by language and kind.

Notices of a change have no link: whoever gets one goes to the service himself, and so nobody
learns to follow a link that only looks like ours.
"""

from collections.abc import Mapping
from typing import Final

DEFAULT_LANGUAGE: Final = "en"  # where no browser says which one

_NOTICE: Final = """Hello {{username}},

{what}

When: {{at}} (UTC)

If it was you, there is nothing to do. If it was not, somebody else may be using your account:
{advice}
"""
_RESET: Final = """set a new password at once, by "Forgot your password?" on the log-in page,
and tell whoever runs the service."""
_TELL: Final = """tell whoever runs the service at once, since links for a new password go to
the new address."""
_ENGLISH_NOTICES: Final = {
    "password changed": (
        "Your password was changed",
        "the password of your account was changed, and you were logged out everywhere else.",
        _RESET,
    ),
    "second factor on": (
        "Two-step log-in was switched on",
        "two-step log-in was switched on for your account: it asks for codes from now on.",
        _RESET,
    ),
    "second factor off": (
        "Two-step log-in was switched off",
        "two-step log-in was switched off for your account: the password alone opens it.",
        _RESET,
    ),
    "recovery codes renewed": (
        "You have new recovery codes",
        "new recovery codes were made for your account: the old ones are worth nothing.",
        _RESET,
    ),
    "recovery code used": (
        "A recovery code was used",
        "one of the recovery codes of your account was used instead of a code from your app.",
        _RESET,
    ),
    "e-mail changed": (
        "Your e-mail address was changed",
        "the e-mail address of your account was changed.",
        _TELL,
    ),
}
_ENGLISH: Final = {
    "reset": (
        "Set a new password",
        """Hello {username},

somebody, probably you, wants to set a new password for your account. To do so, open this
link within {minutes} minutes:

{link}

If it was not you, there is nothing to do: your password stays as it is.
""",
    ),
    "verify": (
        "Confirm your e-mail address",
        """Hello {username},

this address was given for your account. To confirm that it is yours, open this link within
{minutes} minutes:

{link}

If it was not you, there is nothing to do.
""",
    ),
    **{
        kind: (subject, _NOTICE.format(what=what, advice=advice))
        for kind, (subject, what, advice) in _ENGLISH_NOTICES.items()
    },
}
_KOREAN_NOTICE: Final = """{{username}} 님, 안녕하세요.

{what}

시각: {{at}} (UTC)

본인이 하신 일이라면 아무것도 하지 않아도 됩니다. 본인이 아니라면 다른 사람이 계정을
사용하고 있을 수 있습니다.
{advice}
"""
_KOREAN_RESET: Final = """로그인 페이지의 "비밀번호를 잊으셨나요?"에서 지금 바로 새
비밀번호를 설정하고, 서비스 운영자에게 알려 주세요."""
_KOREAN_TELL: Final = """새 비밀번호 설정 링크는 새 주소로 발송되므로, 지금 바로 서비스
운영자에게 알려 주세요."""
_KOREAN_NOTICES: Final = {
    "password changed": (
        "비밀번호가 변경되었습니다",
        "회원님 계정의 비밀번호가 변경되었고, 다른 모든 기기에서 로그아웃되었습니다.",
        _KOREAN_RESET,
    ),
    "second factor on": (
        "2단계 로그인이 켜졌습니다",
        "회원님 계정의 2단계 로그인이 켜졌습니다. 이제 로그인할 때 코드도 입력해야 합니다.",
        _KOREAN_RESET,
    ),
    "second factor off": (
        "2단계 로그인이 꺼졌습니다",
        "회원님 계정의 2단계 로그인이 꺼졌습니다. 이제 비밀번호만으로 로그인됩니다.",
        _KOREAN_RESET,
    ),
    "recovery codes renewed": (
        "새 복구 코드가 만들어졌습니다",
        "회원님 계정의 새 복구 코드가 만들어졌습니다. 이전 복구 코드는 더 이상 쓸 수 없습니다.",
        _KOREAN_RESET,
    ),
    "recovery code used": (
        "복구 코드가 사용되었습니다",
        "인증 앱의 코드 대신 회원님 계정의 복구 코드 하나가 사용되었습니다.",
        _KOREAN_RESET,
    ),
    "e-mail changed": (
        "이메일 주소가 변경되었습니다",
        "회원님 계정의 이메일 주소가 변경되었습니다.",
        _KOREAN_TELL,
    ),
}
_KOREAN: Final = {
    "reset": (
        "새 비밀번호 설정",
        """{username} 님, 안녕하세요.

회원님의 계정에 새 비밀번호를 설정하려는 요청이 있었습니다. 본인이 요청하셨다면
{minutes}분 안에 아래 링크를 열어 주세요.

{link}

본인이 요청하지 않았다면 아무것도 하지 않아도 됩니다. 비밀번호는 그대로입니다.
""",
    ),
    "verify": (
        "이메일 주소 확인",
        """{username} 님, 안녕하세요.

이 주소가 회원님의 계정에 등록되었습니다. 본인의 주소가 맞다면 {minutes}분 안에 아래 링크를
열어 확인해 주세요.

{link}

본인이 아니라면 아무것도 하지 않아도 됩니다.
""",
    ),
    **{
        kind: (subject, _KOREAN_NOTICE.format(what=what, advice=advice))
        for kind, (subject, what, advice) in _KOREAN_NOTICES.items()
    },
}
MAILS: Final[Mapping[str, Mapping[str, tuple[str, str]]]] = {"en": _ENGLISH, "ko": _KOREAN}
