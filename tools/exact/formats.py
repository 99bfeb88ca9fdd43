#!/usr/bin/env python3
"""What other formats of numbers cost on a model file, for the table of widths: bf16, and FP8 (E4M3) in linear layers.

    python3 tools/exact/formats.py SCORE.json MODEL.gguf

takes the tokens of `verbatim score --json`, computes the model in the arithmetic of engines that use these formats, emulated on
float64 (sums are exact, which flatters them; logits are not rounded), and compares with what the file says (exact.py).
"""

import json
import sys

import numpy as np

import exact


def bf16(x):
    """Eight bits of significand, ties to even."""
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32).astype(np.uint64)
    bits += 0x7FFF + ((bits >> 16) & 1)
    return (bits & 0xFFFF0000).astype(np.uint32).view(np.float32).astype(np.float64)


def e4m3(x):
    """OCP 8-bit floating point, E4M3: three bits of fraction, the largest 448, steps of 2^-9 below 2^-6."""
    step = 2.0 ** (np.floor(np.log2(np.maximum(np.abs(x), 2.0**-6))) - 3)
    return np.clip(np.rint(x / step) * step, -448, 448)


def scaled(x, axes):
    """E4M3 with one scale for all elements along `axes`."""
    scale = np.maximum(np.abs(x).max(axes, keepdims=True), 1e-30) / 448
    return e4m3(x / scale) * scale


class Bf16:
    def held(self, x):
        return bf16(x)

    def linear(self, x, w):
        return x @ bf16(w).T


class Fp8(Bf16):
    """A scale a token, and a row of weights."""

    def linear(self, x, w):
        return scaled(x, -1) @ scaled(w, -1).T


class Fp8Blocks(Bf16):
    """A scale 128 elements of a token, and 128 x 128 weights."""

    def linear(self, x, w):
        (n, k), pad = w.shape, lambda length: -length % 128
        x = np.pad(x, ((0, 0), (0, pad(k)))).reshape(len(x), -1, 128)
        w = np.pad(w, ((0, pad(n)), (0, pad(k)))).reshape((n + 127) // 128, 128, -1, 128)
        return scaled(x, -1).reshape(len(x), -1) @ scaled(w, (1, 3)).reshape(-1, k + pad(k))[:n].T


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as file:
        tokens = np.array(json.load(file)["tokens"])
    model = exact.Gguf(sys.argv[2])
    truth = exact.log_softmax(exact.logits_of(model, tokens))
    for arithmetic in (Bf16(), Fp8(), Fp8Blocks()):
        logits = exact.log_softmax(exact.logits_of(model, tokens, arithmetic))
        mean, largest, same, ours, theirs = exact.comparison(truth, logits, tokens)
        print(f"{type(arithmetic).__name__:9}  mean KL {mean:.1e}  largest KL {largest:.1e}  same top-1 {same:.3f}  "
              f"perplexity {ours:.3f}, exact {theirs:.3f}", flush=True)


if __name__ == "__main__":
    main()
