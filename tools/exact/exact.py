#!/usr/bin/env python3
"""How far an engine's logits are from what a model file says, computed in float64 without approximation.

    verbatim score -m model.gguf -f text.txt --json --logits logits.npy > score.json
    python3 tools/exact/exact.py model.gguf score.json logits.npy

prints the mean and the largest KL divergence (exact || engine) over the text's positions, how often both hold the same token
the most likely, and both perplexities. It shares nothing with the engine but the file: it reads GGUF, the number formats
(ggml-common.h, ggml-quants.c) and the architectures (llama, qwen2, qwen3, smollm3) on its own, in numpy alone, and is slow.
"""

import json
import sys

import numpy as np

READ = {0: "<u1", 1: "<i1", 2: "<u2", 3: "<i2", 4: "<u4", 5: "<i4", 6: "<f4", 7: "<u1", 10: "<u8", 11: "<i8", 12: "<f8"}
STRING, ARRAY = 8, 9


class Gguf:
    """Version 3 of ggml/docs/gguf.md: metadata, and tensors as float64."""

    def __init__(self, path):
        self.data = np.memmap(path, np.uint8, "r")
        self.at = 0
        if bytes(self.data[:4]) != b"GGUF":
            sys.exit(f"{path}: not a GGUF file")
        self.at = 8
        tensors, keys = self.number("<u8"), self.number("<u8")
        self.meta = {}
        for _ in range(keys):
            key = self.string()
            self.meta[key] = self.value(self.number("<u4"))
        self.places, self.tensors_at = {}, self.at
        for _ in range(tensors):
            name = self.string()
            shape = [self.number("<u8") for _ in range(self.number("<u4"))]
            self.places[name] = shape, self.number("<u4"), self.number("<u8")
        alignment = self.meta.get("general.alignment", 32)
        self.begin = (self.at + alignment - 1) // alignment * alignment

    def number(self, kind):
        size = np.dtype(kind).itemsize
        self.at += size
        return self.data[self.at - size : self.at].view(kind)[0].item()

    def string(self):
        length = self.number("<u8")
        self.at += length
        return bytes(self.data[self.at - length : self.at]).decode("utf-8", "surrogateescape")

    def value(self, kind):
        if kind == STRING:
            return self.string()
        if kind == ARRAY:
            inner, count = self.number("<u4"), self.number("<u8")
            return [self.value(inner) for _ in range(count)]
        return self.number(READ[kind])

    def tensor(self, name):
        shape, kind, offset = self.places[name]
        elements, size, unpack = TYPES[kind]
        blocks = int(np.prod(shape)) // elements
        begin = self.begin + offset
        raw = np.array(self.data[begin : begin + blocks * size]).reshape(blocks, size)
        return unpack(raw).reshape(shape[::-1])


def half(raw, at):
    return raw[:, at : at + 2].copy().view("<f2").astype(np.float64)


def nibbles(raw, at, count):
    """Low nibbles of `count` bytes, then their high ones."""
    b = raw[:, at : at + count]
    return np.concatenate([b & 15, b >> 4], axis=1).astype(np.float64)


def fifth_bits(raw, at):
    return np.unpackbits(raw[:, at : at + 4], axis=1, bitorder="little").astype(np.float64) * 16


def k_scales(raw):
    """Scales and mins of the 8 sub-blocks of Q4_K and Q5_K: (blocks, 8) each."""
    p = raw[:, 4:16]
    scale = np.concatenate([p[:, :4] & 63, (p[:, 8:] & 15) | (p[:, :4] >> 6) << 4], axis=1)
    least = np.concatenate([p[:, 4:8] & 63, (p[:, 8:] >> 4) | (p[:, 4:8] >> 6) << 4], axis=1)
    return half(raw, 0) * scale, half(raw, 2) * least


def in_groups(codes, scale, least=0.0):
    """codes: (blocks, elements), scale and least: (blocks, groups)"""
    grouped = codes.reshape(*scale.shape, -1)
    least = np.broadcast_to(least, scale.shape)
    return (grouped * scale[..., None] - least[..., None]).reshape(codes.shape)


def k_nibbles(raw, at):
    """Pairs of 32 elements share 32 bytes: (blocks, 256)"""
    b = raw[:, at : at + 128].reshape(-1, 4, 32)
    return np.stack([b & 15, b >> 4], axis=2).reshape(-1, 256).astype(np.float64)


def q5_k(raw):
    bits = (raw[:, 16:48][:, None, :] >> np.arange(8, dtype=np.uint8)[None, :, None]) & 1
    return in_groups(k_nibbles(raw, 48) + 16.0 * bits.reshape(-1, 256), *k_scales(raw))


def q6_k(raw):
    low, high = raw[:, :128].reshape(-1, 2, 2, 32), raw[:, 128:192].reshape(-1, 2, 1, 32)
    low = np.stack([low & 15, low >> 4], axis=2).reshape(-1, 2, 4, 32)  # quarters t: nibble t / 2, half t % 2
    bits = (high >> np.array([0, 2, 4, 6], np.uint8)[None, None, :, None]) & 3
    codes = (low | bits << 4).reshape(-1, 256).astype(np.float64) - 32
    return in_groups(codes, half(raw, 208) * raw[:, 192:208].view(np.int8))


def two_bits(raw, at):
    """Two bits of 256 elements in 64 bytes: halves of 128, then shifts, then 32 bytes."""
    b = raw[:, at : at + 64].reshape(-1, 2, 1, 32)
    return ((b >> np.array([0, 2, 4, 6], np.uint8)[None, None, :, None]) & 3).reshape(-1, 256).astype(np.float64)


def q2_k(raw):
    scales = raw[:, :16]
    return in_groups(two_bits(raw, 16), half(raw, 80) * (scales & 15), half(raw, 82) * (scales >> 4))


def q3_k(raw):
    p = raw[:, 96:108]
    low = np.concatenate([p[:, :8] & 15, p[:, :8] >> 4], axis=1)
    high = np.concatenate([(p[:, 8:] >> shift) & 3 for shift in (0, 2, 4, 6)], axis=1)
    scale = half(raw, 108) * ((low | high << 4).astype(np.float64) - 32)
    bits = (raw[:, :32][:, None, :] >> np.arange(8, dtype=np.uint8)[None, :, None]) & 1
    return in_groups(two_bits(raw, 32) + 4.0 * bits.reshape(-1, 256) - 4, scale)


LEVELS = np.array([-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113], np.float64)
E2M1 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6, 0, -0.5, -1, -1.5, -2, -3, -4, -6])


def iq4_xs(raw):
    sub = np.arange(8)
    high = raw[:, 2:4].copy().view("<u2").astype(int)
    low = (np.repeat(raw[:, 4:8], 2, axis=1) >> np.tile([0, 4], 4).astype(np.uint8)) & 15
    scale = half(raw, 0) * ((low | ((high >> 2 * sub) & 3) << 4) - 32)
    b = raw[:, 8:136].reshape(-1, 8, 16)
    codes = np.concatenate([b & 15, b >> 4], axis=2).astype(int).reshape(-1, 256)
    return in_groups(LEVELS[codes], scale)


TYPES = {  # ggml_type: elements and bytes of a block, and its values
    0: (1, 4, lambda r: r.view("<f4").astype(np.float64)),
    1: (1, 2, lambda r: r.view("<f2").astype(np.float64)),
    30: (1, 2, lambda r: (r.view("<u2").astype("<u4") << 16).view("<f4").astype(np.float64)),
    2: (32, 18, lambda r: half(r, 0) * (nibbles(r, 2, 16) - 8)),
    3: (32, 20, lambda r: half(r, 0) * nibbles(r, 4, 16) + half(r, 2)),
    6: (32, 22, lambda r: half(r, 0) * (nibbles(r, 6, 16) + fifth_bits(r, 2) - 16)),
    7: (32, 24, lambda r: half(r, 0) * (nibbles(r, 8, 16) + fifth_bits(r, 4)) + half(r, 2)),
    8: (32, 34, lambda r: half(r, 0) * r[:, 2:].view(np.int8)),
    10: (256, 84, q2_k),
    11: (256, 110, q3_k),
    12: (256, 144, lambda r: in_groups(k_nibbles(r, 16), *k_scales(r))),
    13: (256, 176, q5_k),
    14: (256, 210, q6_k),
    23: (256, 136, iq4_xs),
    20: (32, 18, lambda r: half(r, 0) * LEVELS[nibbles(r, 2, 16).astype(int)]),
    39: (32, 17, lambda r: 2.0 ** (r[:, :1].astype(np.float64) - 127) * E2M1[nibbles(r, 1, 16).astype(int)]),
}


def rms_norm(x, gain, epsilon):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + epsilon) * gain


class Exact:
    """How numbers are held between operations, and how linear layers multiply. Here: without loss."""

    def held(self, x):
        return x

    def linear(self, x, w):
        return x @ w.T


def logits_of(model, tokens, arithmetic=Exact()):
    """(positions, vocabulary)"""
    held = arithmetic.held
    arch = model.meta["general.architecture"]
    if arch not in ("llama", "qwen2", "qwen3", "smollm3"):
        sys.exit(f"the architecture {arch} is not known here")

    def key(name, default=None):
        return model.meta.get(f"{arch}.{name}", default)

    if key("rope.scaling.type", "none") != "none" or "rope_freqs.weight" in model.places:
        sys.exit("RoPE scaling is not known here")
    dim, heads = key("embedding_length"), key("attention.head_count")
    kv_heads, epsilon = key("attention.head_count_kv", heads), key("attention.layer_norm_rms_epsilon")
    head_dim = key("attention.key_length", dim // heads)
    count = len(tokens)
    angles = np.outer(np.arange(count), float(key("rope.freq_base", 10000.0)) ** -(np.arange(0, head_dim, 2) / head_dim))
    cosine, sine = np.cos(angles)[:, None, :], np.sin(angles)[:, None, :]
    mask = np.triu(np.full((count, count), -np.inf), 1)

    def linear(x, name):
        y = arithmetic.linear(x, model.tensor(name + ".weight"))
        return held(y + model.tensor(name + ".bias") if name + ".bias" in model.places else y)

    side_by_side = arch in ("llama", "smollm3")  # the two of a pair; else they are halves apart

    def rotate(x):
        first, second = (x[..., ::2], x[..., 1::2]) if side_by_side else np.split(x, 2, axis=-1)
        out = [first * cosine - second * sine, second * cosine + first * sine]
        return np.stack(out, -1).reshape(x.shape) if side_by_side else np.concatenate(out, -1)

    embedding = held(model.tensor("token_embd.weight"))
    x = embedding[tokens]
    for layer in range(key("block_count")):
        at = f"blk.{layer}."
        h = held(rms_norm(x, model.tensor(at + "attn_norm.weight"), epsilon))
        q = linear(h, at + "attn_q").reshape(count, heads, head_dim)
        k = linear(h, at + "attn_k").reshape(count, kv_heads, head_dim)
        v = linear(h, at + "attn_v").reshape(count, kv_heads, head_dim)
        if arch == "qwen3":
            q = held(rms_norm(q, model.tensor(at + "attn_q_norm.weight"), epsilon))
            k = held(rms_norm(k, model.tensor(at + "attn_k_norm.weight"), epsilon))
        if arch != "smollm3" or (layer + 1) % 4 != 0:
            q, k = held(rotate(q)), held(rotate(k))
        k, v = np.repeat(k, heads // kv_heads, 1), np.repeat(v, heads // kv_heads, 1)
        scores = np.einsum("qhd,khd->hqk", q, k) / np.sqrt(head_dim) + mask
        p = np.exp(scores - scores.max(-1, keepdims=True))
        attended = np.einsum("hqk,khd->qhd", held(p), v) / p.sum(-1).T[..., None]
        x = held(x + linear(held(attended).reshape(count, -1), at + "attn_output"))
        h = held(rms_norm(x, model.tensor(at + "ffn_norm.weight"), epsilon))
        gate = linear(h, at + "ffn_gate")
        x = held(x + linear(held(gate / (1 + np.exp(-gate)) * linear(h, at + "ffn_up")), at + "ffn_down"))
    x = held(rms_norm(x, model.tensor("output_norm.weight"), epsilon))
    output = held(model.tensor("output.weight")) if "output.weight" in model.places else embedding
    return x @ output.T


def log_softmax(z):
    z = z - z.max(-1, keepdims=True)
    return z - np.log(np.exp(z).sum(-1, keepdims=True))


def comparison(exact, engine, tokens):
    """Of log-probabilities, (positions, vocabulary) each: mean and largest KL, the same top-1, both perplexities."""
    kl = (np.exp(exact) * (exact - engine)).sum(-1)
    places = np.arange(len(tokens) - 1)

    def perplexity(logprobs):
        return np.exp(-logprobs[places, tokens[1:]].mean())

    same = (exact.argmax(-1) == engine.argmax(-1)).mean()
    return kl.mean(), kl.max(), same, perplexity(engine), perplexity(exact)


def read_scores(score, logits):
    """The tokens and log-probabilities of `verbatim score --json --logits`."""
    with open(score, encoding="utf-8") as file:
        tokens = np.array(json.load(file)["tokens"])
    return tokens, log_softmax(np.load(logits).astype(np.float64))


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    tokens, engine = read_scores(*sys.argv[2:])
    exact = log_softmax(logits_of(Gguf(sys.argv[1]), tokens))
    if exact.shape != engine.shape:
        sys.exit(f"the engine's logits are {engine.shape}, the model's {exact.shape}")
    print("positions {}  mean KL {:.2e}  largest KL {:.2e}  same top-1 {:.4f}  perplexity {:.4f}, exact {:.4f}".format(
        len(tokens), *comparison(exact, engine, tokens)))


if __name__ == "__main__":
    main()
