"""Reading the pages, and text that tries to break them."""

from html.parser import HTMLParser

ACTIVE = {"script", "iframe", "object", "embed", "form", "input", "base", "link", "button", "video"}
INLINE = {"a", "b", "bdi", "span", "wbr", "code", "em"}


class Page(HTMLParser):
    """Every tag with its attributes, and the text as a reader sees it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in INLINE:
            self.text += " "

    def handle_data(self, data):
        self.text += data

    def assert_inert(self):
        for tag, attrs in self.tags:
            assert tag not in ACTIVE
            for name, value in attrs.items():
                assert not name.startswith("on") and name not in ("style", "srcdoc", "formaction")
                if name in ("href", "src"):
                    assert not (value or "").strip().lower().startswith("javascript")
            if tag == "img":
                assert attrs.get("src", "data:image/").startswith("data:image/")
        assert [tag for tag, _ in self.tags].count("style") == 1
        assert [tag for tag, _ in self.tags].count("meta") == 4
        assert [tag for tag, _ in self.tags].count("main") == 1


def in_words(html: str) -> str:
    return " ".join(Page(html).text.split())


HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<IMG SRC='https://tracker.example/x.png'>",
    "![x](https://tracker.example/x.png)",
    "[a](javascript:alert(1)) [b](JaVaScRiPt&colon;alert(1))",
    "<a href='data:text/html,<script>alert(1)</script>'>c</a> <a href=' javascript:x'>d</a>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<svg onload=alert(1)><script>alert(1)</script></svg>",
    "<style>body{display:none}</style><p style='position:fixed'>x</p>",
    "<form action=https://x.example><input name=password><button>ok</button></form>",
    "<meta http-equiv=refresh content='0;url=https://x.example'><base href=//x.example>",
    "</main></body></html><script>alert(1)</script>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=x'>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'></noscript>",
    "{{ 7 * 7 }} {% raw %} ${x} $</code><script>alert(1)</script>$",
    "```\n</code></pre><script>alert(1)</script>\n```",
    "$$\n<script>alert(1)</script>\n$$",
    "\u202eevil\u2066 \x00 \x1b[2J \ud800 \ufffe",
]
