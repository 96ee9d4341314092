"""A saved web page, or the XML of an article, as a tree: HTML and JATS with one tolerant parser.

The standard library's `html.parser` reads either; it loads nothing and expands no entity of a
page. What a page leaves unclosed, a cell or a row, ends where the next one begins.
"""

from __future__ import annotations

import codecs
import html
import re
from collections.abc import Iterable, Iterator, Mapping
from html.parser import HTMLParser
from typing import NamedTuple

#: Deeper than any page that somebody wrote.
_DEEPEST = 300
_EMPTY = frozenset("area base br col embed hr img input link meta param wbr".split())
_WITHIN_LINE = frozenset(
    "a abbr b bold em ext-link font i italic named-content overline sc small span strong "
    "styled-content sub sup u underline xref".split()
)
#: Elements that begin a line, or stand apart from the text around them.
_BLOCKS = frozenset(
    "article aside blockquote body br break button caption dd def def-item div dl dt fig "
    "figcaption figure fn footer form h1 h2 h3 h4 h5 h6 header html input label legend li list "
    "list-item main nav ol p section sec table table-wrap table-wrap-foot table-wrap-group td "
    "term textarea th title tr ul".split()
)
#: What an element ends if it begins before that is closed, up to what holds it.
_ENDS = {
    "td": ({"td", "th"}, {"tr", "table"}),
    "th": ({"td", "th"}, {"tr", "table"}),
    "tr": ({"tr"}, {"table"}),
    "thead": ({"thead", "tbody", "tfoot", "caption"}, {"table"}),
    "tbody": ({"thead", "tbody", "tfoot", "caption"}, {"table"}),
    "tfoot": ({"thead", "tbody", "tfoot", "caption"}, {"table"}),
}
_UNSEEN = frozenset(
    "script style head template noscript object-id alt-text long-desc tex-math annotation "
    "annotation-xml permissions select".split()
)
_NOT_SHOWN = re.compile(r"display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)", re.IGNORECASE)
#: A rule of a style sheet for a class, alone or of one kind of element: ".note", "td.note".
_RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
_OF_CLASS = re.compile(r"\s*(?:[a-z]\w*)?\.([\w-]+)\s*", re.IGNORECASE)
#: Rules for some screens, or for print.
_AT_RULE = re.compile(r"@[^{};]+\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}|/\*.*?\*/", re.DOTALL)
_CELLS, _OF_ROWS = frozenset({"td", "th"}), frozenset({"tr", "thead", "tbody", "tfoot", "table"})
_FOR_READERS_ALOUD = frozenset({"sr-only", "visually-hidden", "visuallyhidden"})
_SUPER = re.compile(r"vertical-align\s*:\s*super", re.IGNORECASE)
_MOST_OF_A_MARK, _MOST_OF_A_SIGN = 5, 2
_CDATA = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)
_CHARSET = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE)


class Node:
    """An element of a page.

    Attributes
    ----------
    tag : str
        In small letters, without a prefix.
    attributes : dict of str to str
    parent : Node or None
    children : list of Node or str
    """

    __slots__ = ("attributes", "children", "parent", "tag")

    def __init__(self, tag: str, attributes: Mapping[str, str], parent: Node | None) -> None:
        self.tag, self.attributes, self.parent = tag, dict(attributes), parent
        self.children: list[Node | str] = []

    def walk(self) -> Iterator[tuple[Node | str, bool]]:
        """What an element holds in its order: texts, and elements at their begin and their end.

        Yields
        ------
        (Node or str, bool)
            The flag is whether an element begins; what the page does not show is passed over.
        """
        stack: list[tuple[Node | str, bool]] = [(one, True) for one in reversed(self.children)]
        while stack:
            one, begins = stack.pop()
            if isinstance(one, Node) and begins:
                if not is_shown(one):
                    continue
                yield one, True
                stack.append((one, False))
                stack += [(child, True) for child in reversed(one.children)]
            else:
                yield one, begins

    def around(self) -> Iterator[Node]:
        """The elements around this one, from the nearest outwards."""
        above = self.parent
        while above is not None:
            yield above
            above = above.parent

    def of(self, *tags: str) -> Iterator[Node]:
        """The elements within this one that have such a tag and are shown."""
        for one, begins in self.walk():
            if begins and isinstance(one, Node) and one.tag in tags:
                yield one


def is_shown(node: Node) -> bool:
    """Whether a page shows an element."""
    own = node.attributes
    classes = own.get("class", "").casefold().split()
    hidden = "hidden" in own or _NOT_SHOWN.search(own.get("style", ""))
    return not (hidden or node.tag in _UNSEEN or _FOR_READERS_ALOUD & {*classes})


class _Builder(HTMLParser):
    #: JATS has marked-up text in a title, which later versions of Python read as bare text.
    RCDATA_CONTENT_ELEMENTS = ()

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Node("", {}, None)
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        tag = tag.rpartition(":")[2]
        if tag in _ENDS:
            self._end_before(*_ENDS[tag])
        if tag in _CELLS and self._within(_OF_ROWS) not in ("", "tr"):
            self.handle_starttag("tr", [])  # A row that the page did not begin.
        if tag == "table" and self._within(_OF_ROWS | _CELLS | {"caption"}) in _OF_ROWS:
            self._end_before({"table"}, set())
        elif tag in ("p", "li"):
            self._end_before({tag}, {one.tag for one in self.open} - {tag} - _WITHIN_LINE)
        made = Node(tag, {name: value or "" for name, value in attrs}, self.open[-1])
        self.open[-1].children.append(made)
        if tag not in _EMPTY and len(self.open) < _DEEPEST:
            self.open.append(made)

    def _within(self, tags: frozenset[str]) -> str:
        """The nearest open element that has such a tag; "" if none."""
        return next((one.tag for one in reversed(self.open) if one.tag in tags), "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag.rpartition(":")[2] not in _EMPTY:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        tag = tag.rpartition(":")[2]
        self._end_before({tag}, set() if tag == "table" else {"table"})

    def parse_marked_section(self, i: int, report: int = 1) -> int:
        """Pass over "<![if !IE]>"; the parser ends at one that it does not know."""
        return int(self.parse_bogus_comment(i, 0))

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)

    def _end_before(self, tags: set[str], holders: set[str]) -> None:
        """Close the nearest open element with such a tag, if no holder stands before it."""
        for at in range(len(self.open) - 1, 0, -1):
            if self.open[at].tag in tags:
                del self.open[at:]
                return
            if self.open[at].tag in holders:
                return


def tree(data: bytes) -> Node:
    """The elements of a page.

    Parameters
    ----------
    data : bytes
        HTML or XML, in the encoding that it declares, else in UTF-8.

    Raises
    ------
    UnicodeDecodeError
        If it is in another encoding.

    Examples
    --------
    >>> tree(b"<p>Age<sup>a</sup></p>").children[0].children[1].tag
    'sup'
    """
    builder = _Builder()
    builder.feed(_CDATA.sub(lambda found: html.escape(found[1]), _text(data)))
    builder.close()
    _hide(builder.root)
    return builder.root


def _hide(root: Node) -> None:
    """Mark what the page's own style sheets hide by its class."""
    nodes, styles = [root], []
    for node in nodes:
        nodes += [one for one in node.children if isinstance(one, Node)]
        if node.tag == "style":
            styles += [one for one in node.children if isinstance(one, str)]
    rules = _RULE.findall(_AT_RULE.sub(" ", " ".join(styles)))
    chosen = [name for names, said in rules if _NOT_SHOWN.search(said) for name in names.split(",")]
    hidden = {one[1] for name in chosen if (one := _OF_CLASS.fullmatch(name))}
    for node in nodes if hidden else ():
        if hidden & set(node.attributes.get("class", "").split()):
            node.attributes["hidden"] = ""


def _text(data: bytes) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16")
    said = _CHARSET.search(data[:2048])
    try:
        name = codecs.lookup(said[1].decode("ascii")).name if said else "utf-8"
        return data.decode("utf-8-sig" if name == "utf-8" else name)
    except LookupError:
        return data.decode("utf-8-sig")


class Run(NamedTuple):
    """Text in one height.

    Attributes
    ----------
    text : str
    raised : bool
    linked : bool
        Whether it leads to a footnote.
    """

    text: str
    raised: bool = False
    linked: bool = False


class Edge(NamedTuple):
    """Where an element begins, or ends, that stands apart from the text around it."""

    node: Node
    begins: bool


def pieces(node: Node) -> Iterator[Run | Edge]:
    """The text within an element, and where elements that begin a line begin and end."""
    raised = linked = 0
    for one, begins in node.walk():
        if isinstance(one, str):
            if one:
                yield Run(one, raised > 0 or (linked > 0 and _is_short(one)), linked > 0)
            continue
        if one.tag == "img" and begins and (sign := sign_of(one)):
            yield Run(sign, raised > 0, linked > 0)
        raised += (1 if begins else -1) * _is_raised(one)
        linked += (1 if begins else -1) * _leads_to_note(one)
        if one.tag in _BLOCKS:
            yield Edge(one, begins)


def runs_of(node: Node, between: str = " ") -> list[Run]:
    """The text within an element, a blank, or another sign, where a line begins."""
    return [one if isinstance(one, Run) else Run(between) for one in pieces(node)]


def line(runs: Iterable[Run]) -> str:
    """Runs as a line of text."""
    return " ".join("".join(run.text for run in runs).split())


def sign_of(picture: Node) -> str:
    """The sign that a picture stands for; "" of any other picture."""
    said = picture.attributes.get("alt", "").strip()
    return said if len(said) <= _MOST_OF_A_SIGN and not re.search(r"\w", said) else ""


def _is_short(text: str) -> bool:
    return len(text.strip()) < _MOST_OF_A_MARK


def _is_raised(node: Node) -> bool:
    of_note = node.tag == "label" and node.parent is not None and node.parent.tag == "fn"
    return node.tag == "sup" or of_note or bool(_SUPER.search(node.attributes.get("style", "")))


def _leads_to_note(node: Node) -> bool:
    own = node.attributes
    to_page = node.tag == "a" and "#" in own.get("href", "")
    return to_page or (node.tag == "xref" and own.get("ref-type", "") in ("table-fn", "fn"))
