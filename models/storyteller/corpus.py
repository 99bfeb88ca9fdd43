"""The storyteller's corpus: its stories, which of them are held out, and the passages that a model is judged on.

The corpus is one text file; a line `<|story|>` begins a story, whose first line is its title. A story is held out when
the SHA-256 of its title in lower case, as a number, is 36 modulo 50: of the 50 classes the one whose share of the bytes
is closest to 2 %. So the two versions of a fable that share a title are on one side.

A held-out story is cut at the ends of lines into passages of at most 3000 bytes, each judged on its own: no passage
sees another, and each fits the context of the model whole. `python3 corpus.py CORPUS FOLDER` writes them to FOLDER/*.txt.
"""
import hashlib
import pathlib
import sys
from typing import NamedTuple

MARK = "<|story|>"
CLASSES, HELD_OUT_CLASS = 50, 36
PASSAGE_BYTES = 3000


class Story(NamedTuple):
    title: str
    text: str

    @property
    def held_out(self) -> bool:
        digest = hashlib.sha256(self.title.lower().encode()).hexdigest()
        return int(digest, 16) % CLASSES == HELD_OUT_CLASS


def read_stories(path) -> list[Story]:
    parts = pathlib.Path(path).read_text(encoding="utf-8").split(MARK + "\n")[1:]
    stories = []
    for part in parts:
        title, _, text = part.partition("\n")
        stories.append(Story(title.strip(), text.strip("\n")))
    return stories


def passages(story: Story) -> list[str]:
    """Whole lines, as many as fit; a line that is too long alone is cut at spaces."""
    pieces = []
    for line in story.text.splitlines(keepends=True):
        while len(line.encode()) > PASSAGE_BYTES:
            cut = line.rindex(" ", 0, PASSAGE_BYTES // 2) + 1
            pieces.append(line[:cut])
            line = line[cut:]
        pieces.append(line)
    out = [""]
    for piece in pieces:
        if len((out[-1] + piece).encode()) > PASSAGE_BYTES:
            out.append("")
        out[-1] += piece
    return [passage.strip("\n") for passage in out if passage.strip()]


def held_out_passages(stories: list[Story]) -> list[str]:
    return [passage for story in stories if story.held_out for passage in passages(story)]


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    for number, passage in enumerate(held_out_passages(read_stories(sys.argv[1]))):
        (folder / f"{number:03}.txt").write_text(passage, encoding="utf-8")
