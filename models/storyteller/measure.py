"""Bits per byte of the held-out passages: by `verbatim score`, and by compressors that see the same bytes.

    python3 measure.py ../shared/corpus/storyteller.txt build/verbatim

The compressors get all passages as one file, which is to their advantage: a passage may refer to those before it.
xz also gets the stories that the model learned from, in front; that file's own size is taken off again.
"""
import json
import math
import pathlib
import subprocess
import sys
import tempfile

import corpus


def compressed(command: list[str], data: bytes) -> int:
    return len(subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout)


def scored(verbatim: str, passages: list[str], weights: str) -> float:
    nats = 0.0
    for passage in passages:
        with tempfile.NamedTemporaryFile(suffix=".txt") as file:
            file.write(passage.encode())
            file.flush()
            out = subprocess.run([verbatim, "score", "-q", "--json", "--weights", weights, "-f", file.name],
                                 stdout=subprocess.PIPE, check=True).stdout
        nats -= sum(json.loads(out)["logprobs"])
    return nats / math.log(2)


def main():
    stories = corpus.read_stories(sys.argv[1])
    passages = corpus.held_out_passages(stories)
    size = sum(len(passage.encode()) for passage in passages)
    held_out = "\n".join(passages).encode()
    learned = "\n".join(story.title + "\n" + story.text for story in stories if not story.held_out).encode()
    print(f"{len(passages)} passages, {size} bytes", flush=True)

    def report(name: str, bits: float):
        print(f"{name:<34} {bits / size:.4f} bits per byte", flush=True)

    xz = ["xz", "--lzma2=preset=9e,dict=64MiB", "-c"]
    report("xz -9e", 8 * compressed(xz, held_out))
    report("bzip2 -9", 8 * compressed(["bzip2", "-9", "-c"], held_out))
    report("xz -9e after the learned stories", 8 * (compressed(xz, learned + held_out) - compressed(xz, learned)))
    for weights in ("auto", "i16"):
        report(f"verbatim score --weights {weights}", scored(sys.argv[2], passages, weights))


if __name__ == "__main__":
    main()
