"""A minimal GGUF reader and writer (ggml/docs/gguf.md, version 3), with llama.cpp's conventions for the Llama family.

Written for the goldens, on purpose apart from the C++ reader: the two meet only in the tests. It is no general tool: float
tensors only, and every key is trusted.
"""

import struct

import numpy as np
import torch

U32, I32, F32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9
SCALAR_FORMAT = {0: "B", 1: "b", 2: "H", 3: "h", U32: "I", I32: "i", F32: "f", BOOL: "?", 10: "Q", 11: "q", 12: "d"}
TENSOR_TYPE = {torch.float32: 0, torch.float16: 1, torch.bfloat16: 30}  # ggml_type
ALIGNMENT = 32

# Names of the modules of a layer: transformers -> GGUF (gguf-py/gguf/tensor_mapping.py).
LAYER_NAMES = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
OUTER_NAMES = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}


def gguf_name(hf_name):
    module, kind = hf_name.rsplit(".", 1)
    if module in OUTER_NAMES:
        return f"{OUTER_NAMES[module]}.{kind}"
    layer, rest = module.removeprefix("model.layers.").split(".", 1)
    return f"blk.{layer}.{LAYER_NAMES[rest]}.{kind}"


def hf_name(name):
    if not name.startswith("blk."):
        module, kind = name.rsplit(".", 1)
        return {v: k for k, v in OUTER_NAMES.items()}[module] + "." + kind
    _, layer, module, kind = name.split(".")
    return f"model.layers.{layer}." + {v: k for k, v in LAYER_NAMES.items()}[module] + "." + kind


def halves_to_interleaved(w, heads):
    """Rows of Q or K from rotated pairs (i, i + d/2) to pairs (2i, 2i + 1): permute() of convert_hf_to_gguf.py."""
    return w.reshape(heads, 2, -1, *w.shape[1:]).transpose(1, 2).reshape(w.shape)


def interleaved_to_halves(w, heads):
    return w.reshape(heads, -1, 2, *w.shape[1:]).transpose(1, 2).reshape(w.shape)


def _string(text):
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _value(type_id, value):
    if type_id == STRING:
        return _string(value)
    if type_id == ARRAY:
        element_type, elements = value
        return struct.pack("<IQ", element_type, len(elements)) + b"".join(_value(element_type, e) for e in elements)
    return struct.pack("<" + SCALAR_FORMAT[type_id], value)


def write(path, metadata, tensors):
    """metadata: [(key, type id, value)]; tensors: {GGUF name: tensor of the dtype it is to be stored in}"""
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata))
    for key, type_id, value in metadata:
        head += _string(key) + struct.pack("<I", type_id) + _value(type_id, value)
    data = b""
    for name, t in tensors.items():
        shape = t.shape[::-1]  # GGUF lists the fastest dimension first
        head += _string(name) + struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
        head += struct.pack("<IQ", TENSOR_TYPE[t.dtype], len(data))
        data += t.contiguous().view(torch.uint8).numpy().tobytes()
        data += bytes(-len(data) % ALIGNMENT)
    path.write_bytes(head + bytes(-len(head) % ALIGNMENT) + data)


def read(path):
    """-> ({key: value}, {GGUF name: float32 tensor}); tensors of type F32 only"""
    file, at = path.read_bytes(), 4

    def take(fmt):
        nonlocal at
        values = struct.unpack_from("<" + fmt, file, at)
        at += struct.calcsize("<" + fmt)
        return values

    def string():
        nonlocal at
        (length,) = take("Q")
        at += length
        return file[at - length : at].decode()

    def value(type_id):
        if type_id == STRING:
            return string()
        if type_id == ARRAY:
            element_type, count = take("IQ")
            return [value(element_type) for _ in range(count)]
        return take(SCALAR_FORMAT[type_id])[0]

    _, tensor_count, key_count = take("IQQ")
    metadata, places = {}, {}
    for _ in range(key_count):
        key = string()
        metadata[key] = value(take("I")[0])
    for _ in range(tensor_count):
        name = string()
        shape = take(f"{take('I')[0]}Q")[::-1]
        type_id, offset = take("IQ")
        assert type_id == TENSOR_TYPE[torch.float32], f"{name}: type {type_id}"
        places[name] = (shape, offset)
    data = at + -at % ALIGNMENT
    tensors = {
        name: torch.from_numpy(np.frombuffer(file, np.float32, int(np.prod(shape)), data + offset).reshape(shape).copy())
        for name, (shape, offset) in places.items()
    }
    return metadata, tensors
