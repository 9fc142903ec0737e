"""What the pages say, in every language that they speak (BCP 47)."""

import re
from collections.abc import Mapping
from typing import Final

from auth_service.pages import account_texts

Texts = Mapping[str, str]

ENGLISH: Final = {
    "service": "Sealgate",
    "skip": "Skip to the form",
    "log_in": "Log in",
    "log_in_to": "to continue to",
    "username": "User name",
    "password": "Password",
    "password_rule": "At least 8 characters. A few random words are a good choice.",
    "no_account": "No account yet?",
    "register": "Create an account",
    "have_account": "Have an account already?",
    "wrong_password": "That user name and password do not go together. Please try again.",
    "name_taken": "This user name is taken. Please choose another one.",
    "bad_username": "A user name has 1 to 64 of A-Z a-z 0-9 . _ @ + - and begins with a letter "
    "or a digit.",
    "bad_password": "This password is too short, too long, or too easily guessed. "
    "Please choose another one.",
    "too_many": "Many people are logging in just now. Please try again in a moment.",
    "too_often": "There were too many attempts. Please wait for a minute, then try again.",
    "choose_account": "Choose an account",
    "continue_as": "Continue as",
    "another_account": "Use another account",
    "consent": "Allow access?",
    "wants": "wants to use your account. It will be able to:",
    "logged_in_as": "Logged in as",
    "not_you": "Not you?",
    "client_host": "The app is published at",
    "good_at": "Access is good at",
    "goes_to": "Afterwards you will be taken to",
    "native_app": "This is an app on your own device. Allow it only if you have just started it "
    "yourself.",
    "local_app": "an app on this device",
    "device": "Connect a device",
    "device_text": "Enter the code that your device shows.",
    "user_code": "Code",
    "bad_user_code": "A code has eight letters, such as WDJB-MJHT. Please try again.",
    "unknown_user_code": "No device is waiting with this code. Codes work for ten minutes and "
    "once; please compare it with what your device shows.",
    "device_question": "Let this device in?",
    "device_shows": "Your device must be showing this code now:",
    "device_warning": "Did somebody send you this code or a link with it? Then choose Deny: "
    "whoever has the device would get into your account.",
    "device_allowed": "The device is let in",
    "device_allowed_text": "You can close this window and go back to your device.",
    "device_denied": "The device is not let in",
    "device_denied_text": "Nobody got access. You can close this window now.",
    "allow": "Allow",
    "deny": "Deny",
    "log_out": "Log out",
    "log_out_question": "Log out?",
    "log_out_what": "You are logged in as",
    "log_out_everywhere": "Apps that you use with this log-in may ask you to log in again.",
    "stay": "Stay logged in",
    "logged_out": "You are logged out",
    "logged_out_text": "You can close this window now.",
    "still_logged_in": "You are still logged in",
    "back_to": "Back to",
    "error": "This did not work",
    "error_text": "There is something wrong with the request. If you came here from an app, "
    "please go back to it and try again.",
    "error_stale": "This page has been used already, or it waited for too long. Please go back "
    "to the app and begin again.",
    "error_detail": "For the people who make the app:",
    "continue": "Continue",
    "continue_to": "Continue to",
    "leaving": "One moment",
    "leaving_text": "You are being taken back to the app.",
    "scope_openid": "know who you are, by an identifier",
    "scope_profile": "see your profile, such as your name and picture",
    "scope_email": "see your e-mail address",
    "scope_address": "see your postal address",
    "scope_phone": "see your phone number",
    "scope_offline_access": "stay connected while you are away",
    "scope_notes:read": "read your notes",
    "scope_notes:write": "write, change and delete your notes",
    "scope_other": "use",
    **account_texts.ENGLISH,
}
KOREAN: Final = {
    "service": "Sealgate",
    "skip": "입력란으로 건너뛰기",
    "log_in": "로그인",
    "log_in_to": "다음 앱으로 계속:",
    "username": "사용자 이름",
    "password": "비밀번호",
    "password_rule": "8자 이상. 서로 관계없는 단어 몇 개를 이어 쓰면 좋습니다.",
    "no_account": "아직 계정이 없으신가요?",
    "register": "계정 만들기",
    "have_account": "이미 계정이 있으신가요?",
    "wrong_password": "사용자 이름과 비밀번호가 맞지 않습니다. 다시 시도해 주세요.",
    "name_taken": "이미 사용 중인 이름입니다. 다른 이름을 골라 주세요.",
    "bad_username": "사용자 이름은 A-Z a-z 0-9 . _ @ + - 중 1~64자이며, 글자나 숫자로 시작해야 "
    "합니다.",
    "bad_password": "비밀번호가 너무 짧거나 길거나, 추측하기 쉽습니다. "
    "다른 비밀번호를 골라 주세요.",
    "too_many": "지금 로그인하는 사람이 많습니다. 잠시 후 다시 시도해 주세요.",
    "too_often": "시도가 너무 많았습니다. 1분쯤 기다린 뒤 다시 시도해 주세요.",
    "choose_account": "계정 선택",
    "continue_as": "다음 계정으로 계속:",
    "another_account": "다른 계정 사용",
    "consent": "접근을 허용할까요?",
    "wants": "앱이 회원님의 계정을 사용하려고 합니다. 허용하면 다음을 할 수 있습니다.",
    "logged_in_as": "로그인한 계정:",
    "not_you": "본인이 아닌가요?",
    "client_host": "앱을 게시한 곳:",
    "good_at": "접근 대상 서비스:",
    "goes_to": "이후 이동할 곳:",
    "native_app": "이 기기에 설치된 앱입니다. 방금 직접 실행한 경우에만 허용하세요.",
    "local_app": "이 기기의 앱",
    "device": "기기 연결",
    "device_text": "기기에 표시된 코드를 입력하세요.",
    "user_code": "코드",
    "bad_user_code": "코드는 WDJB-MJHT처럼 영문자 여덟 자입니다. 다시 입력해 주세요.",
    "unknown_user_code": "이 코드로 기다리는 기기가 없습니다. 코드는 10분 동안 한 번만 "
    "쓸 수 있습니다. 기기에 표시된 코드와 비교해 주세요.",
    "device_question": "이 기기의 접근을 허용할까요?",
    "device_shows": "지금 기기에 다음 코드가 표시되어 있어야 합니다.",
    "device_warning": "누군가 이 코드나 링크를 보냈나요? 그렇다면 거부를 선택하세요. 기기를 "
    "가진 사람이 회원님의 계정에 들어갈 수 있습니다.",
    "device_allowed": "기기가 연결되었습니다",
    "device_allowed_text": "이 창을 닫고 기기로 돌아가세요.",
    "device_denied": "기기를 연결하지 않았습니다",
    "device_denied_text": "아무도 접근하지 못했습니다. 이제 이 창을 닫아도 됩니다.",
    "allow": "허용",
    "deny": "거부",
    "log_out": "로그아웃",
    "log_out_question": "로그아웃할까요?",
    "log_out_what": "현재 로그인한 계정:",
    "log_out_everywhere": "이 로그인으로 사용하던 앱에서 다시 로그인해야 할 수 있습니다.",
    "stay": "로그인 유지",
    "logged_out": "로그아웃되었습니다",
    "logged_out_text": "이제 이 창을 닫아도 됩니다.",
    "still_logged_in": "로그인이 유지되고 있습니다",
    "back_to": "돌아가기:",
    "error": "요청을 처리하지 못했습니다",
    "error_text": "요청에 문제가 있습니다. 앱에서 이동해 왔다면 앱으로 돌아가 다시 시도해 주세요.",
    "error_stale": "이미 사용했거나 시간이 지난 페이지입니다. 앱으로 돌아가 처음부터 다시 시작해 "
    "주세요.",
    "error_detail": "앱 개발자를 위한 정보:",
    "continue": "계속",
    "continue_to": "다음으로 계속:",
    "leaving": "잠시만 기다려 주세요",
    "leaving_text": "앱으로 돌아가는 중입니다.",
    "scope_openid": "식별자로 회원님이 누구인지 확인",
    "scope_profile": "이름, 사진 등 프로필 보기",
    "scope_email": "이메일 주소 보기",
    "scope_address": "우편 주소 보기",
    "scope_phone": "전화번호 보기",
    "scope_offline_access": "자리를 비운 동안에도 연결 유지",
    "scope_notes:read": "메모 읽기",
    "scope_notes:write": "메모 쓰기, 바꾸기, 지우기",
    "scope_other": "사용:",
    **account_texts.KOREAN,
}
LANGUAGES: Final[Mapping[str, Texts]] = {"en": ENGLISH, "ko": KOREAN}
_TAG: Final = re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*")


def language(ui_locales: str | None, accept_language: str | None) -> str:
    """Choose: what the client asks for (OIDC Core §3.1.2.1), then what the browser prefers.

    Of a tag only the language counts, so `ko-KR` is Korean. English where nothing fits.
    """
    for tag in [*(ui_locales or "").split(" "), *_accepted(accept_language or "")]:
        primary = tag.partition("-")[0].lower()
        if primary in LANGUAGES:
            return primary
    return "en"


def _accepted(header: str) -> list[str]:
    """Return the tags of an Accept-Language header by weight (RFC 9110 §12.5.4)."""
    weighted = []
    for part in header[:200].split(","):
        tag, _, parameter = part.strip().partition(";")
        try:
            weight = float(parameter.strip().removeprefix("q=")) if parameter else 1.0
        except ValueError:
            continue
        if weight > 0 and _TAG.fullmatch(tag.strip()):
            weighted.append((weight, tag.strip()))
    return [tag for _, tag in sorted(weighted, key=lambda pair: -pair[0])]
