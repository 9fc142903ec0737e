"""What people forget when they write a verifier: every flaw here has been shipped by somebody."""

from enum import Flag, auto


class Flaw(Flag):
    """What people forget, one line of the verifier each."""

    ALG_NONE = auto()  # alg "none" means: nothing to check
    ALG_FROM_HEADER = auto()  # the token says how it wants to be verified
    ALG_BY_CONTAINMENT = auto()  # `"RS256" in alg`
    HMAC_WITH_PUBLIC_KEY = auto()  # HS256 with whatever bytes the "key" has
    SIGNATURE_IGNORED = auto()  # "the gateway checks it already"
    EMPTY_SIGNATURE = auto()  # `if signature and not verify(...)`
    HOME_MADE_RSA = auto()  # pow(s, e, n), and a look at how the result begins
    KEY_FROM_TOKEN = auto()  # jwk, x5c, jku, x5u
    KID_IGNORED = auto()  # there is only one key anyway
    KID_AS_PATH = auto()  # open(f"keys/{kid}")
    KID_AS_SQL = auto()  # f"... WHERE kid = '{kid}'"
    KEYS_NEVER_FORGOTTEN = auto()  # tries every key of every issuer it has ever met
    ANY_TYP = auto()
    CRIT_IGNORED = auto()  # and with it whatever else changes how the token is read
    NESTED_UNCHECKED = auto()  # cty JWT: the inner token is only decoded
    JWE_TRUSTED = auto()  # what is encrypted for us must be meant well
    REPEATS = auto()  # a header member twice
    LOOSE_TEXT = auto()  # any encoding that can be guessed
    LOOSE_BASE64 = auto()  # foreign characters skipped, padding and spare bits free
    TIDIES_INPUT = auto()  # white space and look-alikes put right first
    EXTRA_PARTS = auto()  # takes the first three parts, or fewer
    JSON_SERIALISATION = auto()
    UNBOUNDED = auto()
    CRASHES = auto()  # no thought of bad input: the service answers 500
    CLAIMS_OPTIONAL = auto()  # a claim is checked if it is there and looks right
    ANY_ISS = auto()
    LOOSE_ISS = auto()
    ANY_AUD = auto()
    AUD_BY_CONTAINMENT = auto()  # `audience in str(aud)`
    EXP_IGNORED = auto()
    IAT_IGNORED = auto()
    NBF_IGNORED = auto()
    BOUND_AS_BEARER = auto()  # cnf ignored


class Refused(Exception):
    """The naive verifier saw through it."""
