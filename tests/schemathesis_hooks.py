"""What Schemathesis does not know by itself: how NDJSON and pictures are written. To the document a picture is a text; none that is made up is
one, and it is to be refused."""

import json

import schemathesis


@schemathesis.serializer("application/x-ndjson", "image/svg+xml", "image/png", "image/jpeg")
def text(ctx, value):
    text = value if isinstance(value, str) else json.dumps(value)
    return text.encode("utf-8", errors="surrogatepass")
