"""What mails say: subject and text, by language and kind."""

from collections.abc import Mapping
from typing import Final

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
}
MAILS: Final[Mapping[str, Mapping[str, tuple[str, str]]]] = {"en": _ENGLISH, "ko": _KOREAN}
