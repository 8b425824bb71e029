"""The content that these tests publish, and how long they wait."""

import hashlib

from gitex.publishing import Content
from storage.ipfs.cid import Cid
from storage.ipfs.kubo import KuboPatience
from tests.fakes.kubo_server import says

STAR = b"a star"
CID = Cid.of("raw", STAR)
CONTENT = Content(str(CID), "star.png", hashlib.sha256(STAR).hexdigest(), len(STAR))
OTHER = Cid.of("raw", b"another")
GOOD_ADD = says({"Name": str(CID), "Hash": str(CID), "Size": "6"})
IMPATIENT = KuboPatience(connect_s=0.5, call_s=0.5, block_s=0.1)
THREADS = 2
