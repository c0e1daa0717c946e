"""Links of the documents: those of Markdown files name a file of the project and a heading of it, those of the built
site a file and an anchor of the site. What is on other hosts is not asked for."""
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# At the beginning of a line of a paragraph: what was meant as a list, a table or a heading, and is none to the generator.
MEANT = re.compile(r"([-*] |\d+\. |#+ |\||```)")
CODE = re.compile(r"^(```|~~~).*?^\1|`[^`\n]*`|^(?:    |\t).*$", re.M | re.S)


def heading_id(title):
    """As GitHub and the generator make it from the text of a heading."""
    plain = re.sub(r"[`*]|\[([^]]*)\]\([^)]*\)", r"\1", title)
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", plain).strip().lower())


def heading_ids(text):
    code = re.sub(r"(?ms)^```.*?^```", "", text)
    return {heading_id(title) for title in re.findall(r"(?m)^#+ (.+)$", code)}


def markdown_problems(root, names):
    """Links in the Markdown files `names`, each as a line of text, that lead nowhere."""
    for name in names:
        text = (root / name).read_text()
        for match in re.finditer(r"\]\(([^)\s]+)\)", CODE.sub("", text)):
            url = urlsplit(match[1])
            if url.scheme or url.netloc:
                continue
            target = (root / name).parent / unquote(url.path) if url.path else root / name
            if not target.exists():
                yield f"{name}: no file {match[1]}"
            elif url.fragment and url.fragment not in heading_ids(target.read_text()):
                yield f"{name}: no heading {match[1]}"


class Page(HTMLParser):
    """What a page of the site links to, its anchors, and lines of its paragraphs and items."""

    def __init__(self, text):
        super().__init__()
        self.links, self.ids, self.stray, self.inside = [], set(), [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.ids |= {given[key] for key in ("id", "name") if given.get(key)}
        self.links += [(tag, given[key]) for key in ("href", "src", "action") if given.get(key)]
        if tag in ("p", "li", "pre"):
            self.inside.append(tag)

    def handle_endtag(self, tag):
        if self.inside and self.inside[-1] == tag:
            self.inside.pop()

    def handle_data(self, text):
        if self.inside and self.inside[-1] != "pre":
            self.stray += [line for line in text.split("\n")[1:] if MEANT.match(line.strip())]


def site_problems(site):
    """What is wrong in the HTML files below `site`, each as a line of text."""
    pages = {path: Page(path.read_text()) for path in sorted(site.rglob("*.html"))}
    for path, page in pages.items():
        name = path.relative_to(site)
        for line in page.stray:
            yield f"{name}: a list or table without an empty line before it: {line.strip()[:60]}"
        for tag, link in page.links:
            url = urlsplit(link)
            if url.scheme or url.netloc:
                # A link is for who follows it; anything else would be fetched by who only reads.
                if tag != "a" and url.scheme != "data":
                    yield f"{name}: fetches {link}"
                continue
            target = site / url.path.lstrip("/") if url.path.startswith("/") else path.parent / unquote(url.path)
            target = path if not url.path else Path(re.sub(r"/$", "/index.html", str(target.resolve()) + "/" * url.path.endswith("/")))
            if not target.is_file():
                yield f"{name}: no file {link}"
            elif url.fragment and target.resolve() in pages and url.fragment not in pages[target.resolve()].ids:
                yield f"{name}: no anchor {link}"
    for path in sorted(site.rglob("*.css")):
        for link in re.findall(r"url\(['\"]?([^)'\"]+)", path.read_text()):
            url = urlsplit(link)
            if url.netloc:
                yield f"{path.relative_to(site)}: fetches {link}"
            elif not url.scheme and not (path.parent / unquote(url.path)).is_file():
                yield f"{path.relative_to(site)}: no file {link}"
