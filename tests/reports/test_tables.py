"""Tables of hostile words: in every form, they are read back as what they are."""

import csv
import io
import re
from html import unescape
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown import markdown as python_markdown
from markdown_it import MarkdownIt
from rich import get_console

from colorization.reports.tables import Table, escaped, markdown, print_table, write_csv_row

HOSTILE = [
    "a|b",
    r"a\|b\\|",
    "line\nbreak | cell |\n\n# heading",
    "[x](javascript:alert(1))",
    "![x](https://example.org/pixel.png)",
    "[x][1]",
    "<script>alert(1)</script>",
    "<https://example.org>",
    "<javascript:alert(1)>",
    "&lt;b&gt; &#106;",
    "`code` ``",
    "*bold* __init__ _x_ ~~gone~~ my_1_paper",
    "C:\\photos\\",
    "(position, L) table",
    "0.5 [0.4, 0.6]",
    "[/bold] [red]x",
    "\"quoted\", 'too'",
    "$x^2$",
]


class Cells(HTMLParser):
    """The text of each cell of a table in HTML, and every tag."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.cells: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        if self.cells:
            self.cells[-1] += data.replace("\n", "")


def rendered(text: str) -> list[str]:
    """A Markdown table as GitHub's rules have it, and as mkdocs has it."""
    github = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    return [github.render(text), python_markdown(text, extensions=["tables"])]


@pytest.mark.parametrize("word", HOSTILE)
def test_markdown_shows_words_as_they_are(word: str) -> None:
    seen = word.replace("\n", "\\n")
    for page in rendered(markdown(["name", word], [[word, word], ["plain", "1"]], [word])):
        found = Cells(page)
        assert found.cells == ["name", seen, seen, seen, "plain", "1"]
        assert found.tags <= {"table", "thead", "tbody", "tr", "th", "td", "strong"}
        assert page.count("<strong>") == 1
    heading = MarkdownIt("commonmark").render(f"# Of {escaped(word)}")
    assert unescape(heading) == f"<h1>Of {seen}</h1>\n"
    assert heading.count("<") == 2


@given(st.text(st.characters(codec="utf-8"), min_size=1))
def test_markdown_of_any_word_keeps_the_table_s_shape(word: str) -> None:
    text = markdown(["a", "b"], [[word, word], ["c", "d"]])
    assert len(re.findall("\n", text)) == 4
    for page in rendered(text):
        found = Cells(page)
        assert len(found.cells) == 6
        assert found.tags == {"table", "thead", "tbody", "tr", "th", "td"}


@pytest.mark.parametrize(
    "word",
    ["=HYPERLINK(1)", "+1+cmd|'/C calc'!A0", "-2+3", "@SUM(1)", "\tx", "\rx", "a\n=b", 'q",=1'],
)
def test_csv_holds_no_formula_and_numbers_stay_numbers(word: str) -> None:
    file = io.StringIO(newline="")
    write_csv_row(file, [word, -0.5, "", 1e-9])
    ((name, *numbers),) = csv.reader(io.StringIO(file.getvalue(), newline=""))
    assert name[0] not in "=+-@\t\r"
    assert name.removeprefix("'") == word
    assert numbers == ["-0.5", "", "1e-09"]


def test_a_terminal_gets_no_markup_and_no_control_codes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    get_console().width = 200
    word = "[/bold] [red]x \x1b]0;title\x07 \u202egpj.exe caf\udce9"
    print_table(Table(word, [word, word], [[word, word]], [word]))
    shown = capsys.readouterr().out
    said = r"[/bold] [red]x \x1b]0;title\x07 \u202egpj.exe caf\udce9"
    assert shown.count(said) == 5
    assert not re.search("[\x00-\x09\x0b-\x1f\u202e\ud800-\udfff]", shown)
