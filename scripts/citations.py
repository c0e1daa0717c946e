"""Citations of documents in comments: `dht.md 18.2`, `decisions.md D5`, `dht.md 12 "Server procedure"`.
Each must name a page under docs/ and a heading, a decision or a bold label that stands in it."""
import re
from functools import lru_cache
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent / "docs"

PART = r'"[^"]+"|D?\d+(?:\.\d+)?'
CITATION = re.compile(rf'(?<![\w/])([a-z]+)\.md((?:(?: |, | and | to |, and )(?:{PART}))*)')
# What cites without a name of a page cannot be followed.
NAMELESS = re.compile(r"\bprotocol of (?:the DHT|feeds)|\bdesign D\d|(?<!RFC 7574 )\b[Ss]ections? \d")


@lru_cache(maxsize=None)
def page(name):
    """The text of a page, or None."""
    for path in (DOCS / f"{name}.md", DOCS / "protocol" / f"{name}.md"):
        if path.is_file():
            return path.read_text()
    return None


def stands_in(part, text):
    if part.startswith('"'):
        label = re.escape(part.strip('"'))
        return re.search(rf"(?im)^#+ .*{label}|\*\*?{label}", text) is not None
    if part.startswith("D"):
        return f"- **{part} " in text
    return re.search(rf"(?m)^#+ {re.escape(part)}\.? ", text) is not None


def joined(lines):
    """The text with the lines of a comment as one, and the number of the line at each offset."""
    text, numbers = "", []
    for number, line in enumerate(lines, 1):
        piece = re.sub(r"^\s*(//|#)\s?", "", line) + " "
        text += piece
        numbers += [number] * len(piece)
    return text, numbers


def problems(lines):
    text, numbers = joined(lines)
    for match in NAMELESS.finditer(text):
        yield numbers[match.start()], f"cites without a page: {match[0]}"
    for match in CITATION.finditer(text):
        where = page(match[1])
        if where is None:
            yield numbers[match.start()], f"no page docs/{match[1]}.md or docs/protocol/{match[1]}.md"
            continue
        for part in re.findall(PART, match[2]):
            if not stands_in(part, where):
                yield numbers[match.start()], f"{match[1]}.md has no {part}"
