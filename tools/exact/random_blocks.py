#!/usr/bin/env python3
"""A model file with random blocks of a type in place of its matrices, for types that nobody here quantises to.

    build/tools/make_model wide.gguf --dim 1024 --hidden 2048 ...
    python3 tools/exact/random_blocks.py wide.gguf Q4_K wide-q4k.gguf

Codes, scales and mins are random bits; the float16 factors of each block make the values of a row about as large as those of a
random layer, 1 / sqrt(columns), varying by a third from block to block; MXFP4's exponents by a half. Rows must be whole
blocks.
"""

import struct
import sys

import numpy as np

from exact import TYPES, Gguf

# name: ggml_type, where d lies, where m or dmin lies and how much of d it is (the mean of what d multiplies, to centre values)
FORMS = {
    "Q4_0": (2, 0, None, 0), "Q4_1": (3, 0, 2, -7.5), "Q5_0": (6, 0, None, 0), "Q5_1": (7, 0, 2, -15.5),
    "Q8_0": (8, 0, None, 0), "Q2_K": (10, 80, 82, 1.5), "Q3_K": (11, 108, None, 0), "Q4_K": (12, 0, 2, 7.5),
    "Q5_K": (13, 0, 2, 15.5), "Q6_K": (14, 208, None, 0), "IQ4_NL": (20, 0, None, 0), "IQ4_XS": (23, 0, None, 0),
    "MXFP4": (39, None, None, 0),
}


def random_blocks(random, form, count, deviation):
    kind, d_at, m_at, share = form
    _, size, unpack = TYPES[kind]
    raw = random.integers(0, 256, (count, size), np.uint8)
    if d_at is None:  # the exponents of a power of two
        raw[:, 0] = np.rint(127 + np.log2(deviation / 3) + random.standard_normal(count) / 2)
        return raw.tobytes()

    def put(at, values):
        raw[:, at : at + 2] = values.astype("<f2").view(np.uint8).reshape(count, 2)

    d = np.full(count, 1.0)
    for _ in range(2):  # with d = 1, then with what makes the deviation
        put(d_at, d)
        if m_at is not None:
            put(m_at, share * d)
        d = deviation / unpack(raw[:1000]).std() * np.exp(0.3 * random.standard_normal(count))
    return raw.tobytes()


def main():
    if len(sys.argv) != 4 or sys.argv[2] not in FORMS:
        sys.exit(__doc__ + "\nTypes: " + " ".join(FORMS))
    model, form = Gguf(sys.argv[1]), FORMS[sys.argv[2]]
    random = np.random.default_rng(1)
    infos, data = b"", b""
    for name, (shape, kind, _) in model.places.items():
        if len(shape) == 2:
            elements = TYPES[form[0]][0]
            if shape[0] % elements:
                sys.exit(f"{name}: rows of {shape[0]} are not whole blocks of {elements}")
            kind = form[0]
            part = random_blocks(random, form, shape[0] * shape[1] // elements, shape[0] ** -0.5)
        else:
            part = model.tensor(name).astype("<f4").tobytes()
            kind = 0
        text = name.encode()
        infos += struct.pack("<Q", len(text)) + text + struct.pack("<I", len(shape))
        infos += struct.pack(f"<{len(shape)}QIQ", *shape, kind, len(data))
        data += part + bytes(-len(part) % 32)
    head = bytes(model.data[: model.tensors_at]) + infos
    with open(sys.argv[3], "wb") as file:
        file.write(head + bytes(-len(head) % 32) + data)


main()
