"""Every link of a page leads to a file that is there and, behind a #, to a heading or an anchor in it; every picture is
there, too. Addresses of other hosts are not asked.

Usage: test_links.py SOURCE_TREE
"""

import re
import sys
import unittest
from pathlib import Path
from urllib.parse import unquote

TREE = Path(sys.argv[1]).resolve()
del sys.argv[1:2]

# What is built, and what others brought, has pages of its own.
NOT_OURS = {"build", "node_modules", ".git"}
FENCE = re.compile(r"^(```|~~~).*?^\1[^\S\n]*$", re.DOTALL | re.MULTILINE)
CODE = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)", re.DOTALL)
LINK = re.compile(r"\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)|^\[[^\]]+\]:\s+(\S+)", re.MULTILINE)
HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*$", re.MULTILINE)
ANCHOR = re.compile(r"<a\s+(?:id|name)=\"([^\"]+)\"")
ELSEWHERE = re.compile(r"^[a-z][a-z0-9+.-]*:")


def pages():
    return sorted(
        path for path in TREE.rglob("*.md") if not NOT_OURS.intersection(path.relative_to(TREE).parts)
    )


def links(text):
    text = CODE.sub("", FENCE.sub("", text))
    return [one or other for one, other in LINK.findall(text)]


def slug(heading):
    """As the sites that show such pages name a heading: letters in small, spaces as dashes, the rest left out."""
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    return re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")


def anchors(text):
    found, text = set(), FENCE.sub("", text)
    for heading in HEADING.findall(text):
        name, number = slug(heading), 0
        while (name if number == 0 else "%s-%d" % (name, number)) in found:
            number += 1
        found.add(name if number == 0 else "%s-%d" % (name, number))
    return found | set(ANCHOR.findall(text))


def wrong_with(page, link):
    """Why a link leads nowhere; None if it does lead somewhere."""
    if ELSEWHERE.match(link):
        return None
    name, _, anchor = unquote(link).partition("#")
    target = (page.parent / name).resolve() if name else page
    if not target.is_relative_to(TREE):
        return "is not in this tree"
    if not target.exists():
        return "is not there"
    if anchor and anchor not in anchors(target.read_text(encoding="utf-8")):
        return "has no such heading"
    return None


class Links(unittest.TestCase):
    def test_every_link_leads_somewhere(self):
        found = pages()
        self.assertIn(TREE / "README.md", found)
        count = 0
        for page in found:
            for link in links(page.read_text(encoding="utf-8")):
                count += 1
                with self.subTest(page=str(page.relative_to(TREE)), link=link):
                    self.assertIsNone(wrong_with(page, link))
        self.assertGreaterEqual(count, 60)

    def test_a_link_that_leads_nowhere_is_seen(self):
        page = TREE / "README.md"
        text = "[a](docs/no.md) `[b](docs/no.md)` [c](docs/abi.md#no) ![d](no.png)\n```\n[e](no.md)\n```\n[f]: ../no\n"
        self.assertEqual(
            [wrong_with(page, link) for link in links(text)],
            ["is not there", "has no such heading", "is not there", "is not in this tree"],
        )


if __name__ == "__main__":
    unittest.main()
