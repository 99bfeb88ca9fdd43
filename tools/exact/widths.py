#!/usr/bin/env python3
"""What each width costs on model files: one row a width, against what the file says, computed in float64 (exact.py).

    python3 tools/exact/widths.py VERBATIM TEXT MODEL.gguf...

runs `VERBATIM score` over TEXT with every combination below, and prints a table in Markdown.
"""

import subprocess
import sys
import tempfile

import exact

WIDTHS = [  # weights, activations, kv
    ("auto", 16, 16), ("file", 16, 16), ("i16", 16, 16), ("i8", 16, 16), ("auto", 16, 8), ("i16", 16, 8), ("i16", 8, 16),
    ("i16", 8, 8), ("i8", 8, 8),
]


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    program, text, *models = sys.argv[1:]
    print("| file | weights | activations | KV | mean KL | largest KL | same top-1 | perplexity; exact |")
    print("|---|---|---:|---:|---:|---:|---:|---:|")
    for path in models:
        truth = None
        for weights, activations, kv in WIDTHS:
            with tempfile.TemporaryDirectory() as folder:
                logits, score = f"{folder}/logits.npy", f"{folder}/score.json"
                with open(score, "w", encoding="utf-8") as out:
                    subprocess.run(
                        [program, "score", "-m", path, "-f", text, "--json", "--logits", logits, "--weights", weights,
                         "--activations", str(activations), "--kv", str(kv), "--no-cache"], stdout=out, check=True)
                tokens, engine = exact.read_scores(score, logits)
            if truth is None:
                truth = exact.log_softmax(exact.logits_of(exact.Gguf(path), tokens))
            mean, largest, same, ours, theirs = exact.comparison(truth, engine, tokens)
            print(f"| {path.rsplit('/', 1)[-1]} | {weights} | {activations} | {kv} | {mean:.1e} | {largest:.1e} | {same:.3f} "
                  f"| {ours:.3f}; {theirs:.3f} |", flush=True)


if __name__ == "__main__":
    main()
