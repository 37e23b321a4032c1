"""HTTP to a server on loopback."""

import ssl
from typing import Final

# To read whom the machine trusts takes longer than most answers, and httpx does it for every client. This
# one trusts nobody: a test that leaves plain HTTP fails.
NOBODY: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
