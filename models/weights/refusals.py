"""Says in one sentence why pip or npm brought nothing, by what they print.

Each table is read from the top: what a person has to mend first stands first.
"""

import re

from models.weights.errors import ModelError
from models.weights.references import Remote

PROXY = "the proxy asks for a password (407): put USER:PASSWORD@ before its name in https_proxy"
CERTIFICATE = (
    "the certificate of {host} is signed by nobody known here: let {certificates} name your company's"
)
NOBODY = "nobody answers at {host}: check the network, https_proxy, and {settings}"
FAILS = "{host} is out of order (it answers with 5xx): try again later, or let {settings} name another"
PIP = (
    (r"407 (Client Error: )?Proxy", PROXY),
    (
        r"401 (Client )?Error",
        "{host} asks for a password (401): put USER:PASSWORD@ before its name in index-url, or its line into ~/.netrc",
    ),
    (
        r"403 Client Error",
        "{host} may not give it to you (403): ask who runs it, or let PIP_INDEX_URL name another mirror",
    ),
    (r"(?i)confirming the ssl certificate|CERTIFICATE_VERIFY_FAILED", CERTIFICATE),
    (
        r"Wheel '.*' located at .* is invalid|DO NOT MATCH THE HASHES|not enough bytes|IncompleteRead|has an invalid wheel",
        "what came of {host} is no whole wheel: cut off, changed on the way, or a proxy's own page; pull it again, "
        "and if that ends the same, let PIP_INDEX_URL name another mirror",
    ),
    (r"too many 5\d\d|5\d\d Server Error", FAILS),
    (r"(?i)connection error|Max retries exceeded|Read timed out", NOBODY),
    (
        r"not a trusted or secure host",
        "pip ignores {host}, which has no certificate: let PIP_TRUSTED_HOST name it if it may be trusted",
    ),
    (
        r"from versions: (?!none)(?P<has>[^)]*)\)",
        "{host} lacks this version of it, and has {has}: ask who runs the mirror, or let PIP_INDEX_URL name another",
    ),
    (
        r"No sources permitted",
        "{host} has it as source only, and building that would run its code: ask for a wheel of it",
    ),
    (
        r"HTTP/1\.1\" 404",
        "{host} has no package of this name: ask who runs the mirror, or let PIP_INDEX_URL name another",
    ),
    (
        r"(?s)Fetched page(?!.*(Found link|Skipping link: (?!not a file)))",
        "{host} answers with a page that lists no file, as a proxy or a login does: open it in a browser, or let "
        "PIP_INDEX_URL name another mirror",
    ),
    (
        r"none of the wheel's tags",
        "{host} has it for other machines only, and in other versions: ask for this one",
    ),
    (
        r"\A(?!(?s:.*)Looking in indexes)",
        "pip may look in no index (no-index), and no folder of find-links has it: put its wheel there",
    ),
)
NPM = (
    (r"code E407", PROXY),
    (
        r"code (E401|ENEEDAUTH)",
        "{host} asks for a login (401): `npm login`, or put its _authToken into ~/.npmrc",
    ),
    (
        r"code E403",
        "{host} may not give it to you (403): ask who runs it, or let `registry` in ~/.npmrc name another mirror",
    ),
    (r"code (UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|CERT_)", CERTIFICATE),
    (
        r"code (FETCH_ERROR|EJSONPARSE)|invalid json response",
        "{host} answers with something other than a package, as a proxy or a login does: open it in a browser, or "
        "let `registry` in ~/.npmrc name another mirror",
    ),
    (
        r"code (EINTEGRITY|TAR_|Z_)",
        "what came of {host} is not what it promised: pull it again, and if that ends the same, let `registry` in "
        "~/.npmrc name another mirror",
    ),
    (
        r"code ENOTCACHED",
        "npm is offline by its settings, and its cache lacks it: `npm config delete offline`",
    ),
    (r"code (ECONN|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ERR_SOCKET|EHOSTUNREACH|ENETUNREACH)", NOBODY),
    (r"code E5", FAILS),
    (r"code ETARGET", "{host} lacks this version of it: `npm view NAME versions` lists those it has"),
    (
        r"code E404",
        "{host} has no package of this name: ask who runs the mirror, or let `registry` in ~/.npmrc name another",
    ),
)
_HOST = re.compile(r"https?://(?:[^/@\s]*@)?(?P<host>[^/\s'\")]+)")
_WORDS = {
    "pypi": {"certificates": "PIP_CERT", "settings": "PIP_INDEX_URL"},
    "npm": {"certificates": "`cafile` in ~/.npmrc", "settings": "`registry` in ~/.npmrc"},
}


def refusal(remote: Remote, log: str, table: tuple[tuple[str, str], ...]) -> ModelError:
    """Returns the error for what a client printed when it brought nothing."""
    for pattern, sentence in table:
        if found := re.search(pattern, log):
            words = {"host": _host(log, found.start()), **_WORDS[remote.registry], **found.groupdict()}
            return ModelError(f"{remote.reference} cannot be pulled: {sentence.format(**words)}")
    last = "; ".join(line.strip() for line in log.splitlines()[-3:] if line.strip())
    return ModelError(
        f"{remote.reference} cannot be pulled: {_without_passwords(last) or 'no word said why'}"
    )


def _host(log: str, at: int) -> str:
    """The address in the line of what went wrong, else the last one before, else the first one after."""
    begin, end = log.rfind("\n", 0, at) + 1, log.find("\n", at)
    line = _HOST.search(log, begin, end if end > 0 else len(log))
    before = list(_HOST.finditer(log, 0, at))
    found = line or (before[-1] if before else _HOST.search(log, at))
    return found["host"] if found else "the registry"


def _without_passwords(text: str) -> str:
    return re.sub(r"://[^/@\s]*@", "://", text)
