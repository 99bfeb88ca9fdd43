#!/usr/bin/env python3
"""Makes tests/model/golden: tiny random models, and what PyTorch and transformers compute with them.

    python3 tools/goldens/make_goldens.py --out tests/model/golden [--stories stories260K-f32.gguf]

For every case NAME: NAME/ (a Hugging Face folder), NAME.gguf (the same weights, unless the case says none) and NAME.golden
(below). tokens.json: ids of a few texts by the first model of each tokenizer family. With --stories also stories260K.golden
and stories260K.txt: what that model continues `Once upon a time` with; the model itself is not part of the output.

NAME.golden, little endian:
    magic      8 bytes  "VBGOLD01"
    counts     3 u32    positions P, vocabulary V, kept rows K
    tokens     P i32    the sequence, one token a position
    top1       P i32    the token of the highest logit at each position
    margin     P f32    (highest - second highest logit) / (highest - lowest logit)
    kept       K i32    positions whose logits follow
    logits     K x V f32

The reference is transformers' eager attention with weights and activations in float64. It stays float32 where its source
says so itself: rope angles and tables, the mean of squares of a norm, the softmax.
"""

import argparse
import json
import math
import struct
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

import gguf_file
import tiny_tokenizers

POSITIONS = 300  # three blocks of 128 keys, the last one not full
KEPT = [0, 1, 2, 31, 64, 98, 99, 100, 101, 126, 127, 128, 129, 200, 255, 256, 257, 299]
CONTEXT = 512

ARCHITECTURES = {  # model_type -> (class, GGUF's name)
    "llama": ("LlamaForCausalLM", "llama"),
    "mistral": ("MistralForCausalLM", "llama"),
    "qwen2": ("Qwen2ForCausalLM", "qwen2"),
    "qwen3": ("Qwen3ForCausalLM", "qwen3"),
    "smollm3": ("SmolLM3ForCausalLM", "smollm3"),
}
INTERLEAVED = ("llama", "smollm3")  # whose GGUF files hold the rows of Q and K in pairs


@dataclass
class Case:
    """One model. `without` names the feature that it is about, as config keys to change: the logits must then differ, so
    that an implementation that ignores the feature cannot pass."""

    name: str
    model_type: str
    dim: int
    hidden_dim: int
    heads: int
    kv_heads: int
    head_dim: int
    layers: int = 2
    tied: bool = True
    theta: float = 10000.0
    epsilon: float = 1e-5
    rope: dict = field(default_factory=dict)  # rope_type, factor, ...
    window: int = 0
    dtype: torch.dtype = torch.bfloat16  # of the safetensors file
    gguf_dtype: torch.dtype | None = torch.bfloat16  # None: no GGUF file
    shards: int = 1
    old_config: bool = False  # rope_theta + rope_scaling (transformers 4) instead of rope_parameters (5)
    tokenizer: str = "gpt2"
    without: dict = field(default_factory=dict)


CASES = [
    Case("llama", "llama", 64, 96, 4, 2, 16, tied=False),
    Case("llama-tied-f32", "llama", 32, 48, 4, 4, 8, dtype=torch.float32, gguf_dtype=torch.float32, old_config=True),
    Case(
        "llama3-rope", "llama", 48, 80, 4, 2, 16, layers=1, theta=500000.0, gguf_dtype=torch.float16, old_config=True,
        rope={"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
              "original_max_position_embeddings": 64},
        tokenizer="llama3", without={"rope_scaling": None},
    ),
    Case(
        "linear-rope", "llama", 48, 80, 4, 2, 16, layers=1, old_config=True,
        rope={"type": "linear", "factor": 4.0}, without={"rope_scaling": None},
    ),
    Case(
        "yarn-rope", "llama", 48, 80, 4, 1, 16, layers=1,
        rope={"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 128},
        without={"rope_parameters": {"rope_type": "default", "rope_theta": 10000.0}},
    ),
    Case(
        "mistral-window", "mistral", 48, 80, 4, 2, 16, window=100, gguf_dtype=torch.float16, shards=3, old_config=True,
        without={"sliding_window": None},
    ),
    Case("qwen2", "qwen2", 48, 80, 4, 2, 16, theta=1000000.0, epsilon=1e-6, tokenizer="qwen2"),
    Case(
        "qwen3", "qwen3", 48, 80, 4, 2, 32, theta=1000000.0, epsilon=1e-6, gguf_dtype=torch.float16, old_config=True,
        tokenizer="qwen2",
    ),
    Case("head-dim-128", "llama", 48, 80, 2, 1, 128, layers=1, gguf_dtype=None),
    Case(
        "smollm3", "smollm3", 48, 80, 4, 2, 16, layers=4, epsilon=1e-6, old_config=True,
        tokenizer="llama3", without={"no_rope_layers": [1, 1, 1, 1]},
    ),
]


# ---- weights and configuration ---------------------------------------------------------------------------------------


def random_tensors(case, rng):
    """Weights so large that attention is far from uniform and logits are spread; gains and biases far from 1 and 0."""

    def matrix(rows, columns, gain):
        return rng.normal(0, gain / math.sqrt(columns), (rows, columns))

    def norm_gain(n):
        return rng.uniform(0.5, 1.5, n)

    q_dim, kv_dim = case.heads * case.head_dim, case.kv_heads * case.head_dim
    tensors = {"model.embed_tokens.weight": matrix(tiny_tokenizers.VOCAB, case.dim, 3)}
    for layer in range(case.layers):
        t = {
            "input_layernorm.weight": norm_gain(case.dim),
            "self_attn.q_proj.weight": matrix(q_dim, case.dim, 1.5),
            "self_attn.k_proj.weight": matrix(kv_dim, case.dim, 1.5),
            "self_attn.v_proj.weight": matrix(kv_dim, case.dim, 1.5),
            "self_attn.o_proj.weight": matrix(case.dim, q_dim, 1.5),
            "post_attention_layernorm.weight": norm_gain(case.dim),
            "mlp.gate_proj.weight": matrix(case.hidden_dim, case.dim, 1.5),
            "mlp.up_proj.weight": matrix(case.hidden_dim, case.dim, 1.5),
            "mlp.down_proj.weight": matrix(case.dim, case.hidden_dim, 1),
        }
        if case.model_type == "qwen2":
            t |= {f"self_attn.{x}_proj.bias": rng.normal(0, 1, n) for x, n in [("q", q_dim), ("k", kv_dim), ("v", kv_dim)]}
        if case.model_type == "qwen3":
            t |= {f"self_attn.{x}_norm.weight": norm_gain(case.head_dim) for x in "qk"}
        tensors |= {f"model.layers.{layer}.{name}": value for name, value in t.items()}
    tensors["model.norm.weight"] = norm_gain(case.dim)
    if not case.tied:
        tensors["lm_head.weight"] = matrix(tiny_tokenizers.VOCAB, case.dim, 3)

    def stored(values):
        t = torch.from_numpy(values.astype(np.float32))
        # Through binary16 too, so that every file format holds the same values exactly.
        return t if case.dtype == torch.float32 else t.bfloat16().half().bfloat16()

    return {name: stored(values) for name, values in tensors.items()}


def config_json(case, tokenizer):
    config = {
        "architectures": [ARCHITECTURES[case.model_type][0]],
        "model_type": case.model_type,
        "vocab_size": tiny_tokenizers.VOCAB,
        "hidden_size": case.dim,
        "intermediate_size": case.hidden_dim,
        "num_hidden_layers": case.layers,
        "num_attention_heads": case.heads,
        "num_key_value_heads": case.kv_heads,
        "max_position_embeddings": CONTEXT,
        "rms_norm_eps": case.epsilon,
        "hidden_act": "silu",
        "tie_word_embeddings": case.tied,
        "bos_token_id": tokenizer.token_to_id(tiny_tokenizers.BOS),
        "eos_token_id": tokenizer.token_to_id(tiny_tokenizers.EOS),
        "torch_dtype" if case.old_config else "dtype": str(case.dtype).removeprefix("torch."),
    }
    if case.heads * case.head_dim != case.dim:
        config["head_dim"] = case.head_dim
    if case.model_type == "mistral":
        config["sliding_window"] = case.window
    if case.model_type == "smollm3":
        del config["tie_word_embeddings"]  # true where it is absent; transformers 4 leaves out what is its default
        config |= {
            "no_rope_layers": [int((layer + 1) % 4 != 0) for layer in range(case.layers)], "no_rope_layer_interval": 4,
            "use_sliding_window": False, "sliding_window": None, "pad_token_id": config["eos_token_id"],
        }
    if case.model_type.startswith("qwen"):
        config |= {"use_sliding_window": False, "sliding_window": 128, "max_window_layers": case.layers}
    if case.old_config:
        config |= {"rope_theta": case.theta, "rope_scaling": case.rope or None}
    else:
        config["rope_parameters"] = {"rope_type": "default", "rope_theta": case.theta} | case.rope
    return config


def write_json(path, content):
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def write_folder(folder, config, tensors, tokenizer, shards=1):
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "config.json", config)
    if tokenizer is not None:
        tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
        write_json(folder / "tokenizer_config.json", {
            "bos_token": tiny_tokenizers.BOS, "eos_token": tiny_tokenizers.EOS, "model_max_length": CONTEXT,
            "tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False,
        })
    if shards == 1:
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        return
    names, weight_map = list(tensors), {}
    for shard in range(shards):
        file = f"model-{shard + 1:05}-of-{shards:05}.safetensors"
        part = names[shard::shards]
        save_file({name: tensors[name] for name in part}, folder / file, metadata={"format": "pt"})
        weight_map |= dict.fromkeys(part, file)
    total = sum(t.nbytes for t in tensors.values())
    write_json(folder / "model.safetensors.index.json", {"metadata": {"total_size": total}, "weight_map": weight_map})


# ---- GGUF --------------------------------------------------------------------------------------------------------------


def llama3_factors(case):
    """rope_freqs.weight, as convert_hf_to_gguf.py computes it for rope_type llama3."""
    low, high, factor = case.rope["low_freq_factor"], case.rope["high_freq_factor"], case.rope["factor"]
    original = case.rope["original_max_position_embeddings"]
    factors = []
    for i in range(0, case.head_dim, 2):
        wavelength = 2 * math.pi * case.theta ** (i / case.head_dim)
        smooth = (original / wavelength - low) / (high - low)
        smooth = min(max(smooth, 0.0), 1.0)
        factors.append(1 / ((1 - smooth) / factor + smooth))
    return torch.tensor(factors, dtype=torch.float32)


def write_gguf(path, case, tensors, tokenizer):
    arch = ARCHITECTURES[case.model_type][1]
    kind = case.rope.get("rope_type", case.rope.get("type"))
    g = gguf_file
    metadata = [
        ("general.architecture", g.STRING, arch),
        ("general.name", g.STRING, case.name),
        (f"{arch}.block_count", g.U32, case.layers),
        (f"{arch}.context_length", g.U32, CONTEXT),
        (f"{arch}.embedding_length", g.U32, case.dim),
        (f"{arch}.feed_forward_length", g.U32, case.hidden_dim),
        (f"{arch}.attention.head_count", g.U32, case.heads),
        (f"{arch}.attention.head_count_kv", g.U32, case.kv_heads),
        (f"{arch}.attention.layer_norm_rms_epsilon", g.F32, case.epsilon),
        (f"{arch}.attention.key_length", g.U32, case.head_dim),
        (f"{arch}.attention.value_length", g.U32, case.head_dim),
        (f"{arch}.rope.freq_base", g.F32, case.theta),
        (f"{arch}.rope.dimension_count", g.U32, case.head_dim),
        (f"{arch}.vocab_size", g.U32, tiny_tokenizers.VOCAB),
    ]
    if case.window:
        metadata.append((f"{arch}.attention.sliding_window", g.U32, case.window))
    if kind in ("linear", "yarn"):  # llama3 is told by the tensor rope_freqs.weight alone
        metadata.append((f"{arch}.rope.scaling.type", g.STRING, kind))
        metadata.append((f"{arch}.rope.scaling.factor", g.F32, case.rope["factor"]))
    if kind == "yarn":
        original = case.rope["original_max_position_embeddings"]
        metadata.append((f"{arch}.rope.scaling.original_context_length", g.U32, original))
    control, normal = 3, 1  # tokenizer.ggml.token_type
    tokens = tiny_tokenizers.tokens_by_id(tokenizer)
    metadata += [
        ("tokenizer.ggml.model", g.STRING, "gpt2"),
        ("tokenizer.ggml.pre", g.STRING, tiny_tokenizers.GGUF_PRE[case.tokenizer]),
        ("tokenizer.ggml.tokens", g.ARRAY, (g.STRING, tokens)),
        ("tokenizer.ggml.token_type", g.ARRAY,
         (g.I32, [control if t in tiny_tokenizers.ADDED else normal for t in tokens])),
        ("tokenizer.ggml.merges", g.ARRAY, (g.STRING, [" ".join(m) for m in tiny_tokenizers.merges(tokenizer)])),
        ("tokenizer.ggml.bos_token_id", g.U32, tokenizer.token_to_id(tiny_tokenizers.BOS)),
        ("tokenizer.ggml.eos_token_id", g.U32, tokenizer.token_to_id(tiny_tokenizers.EOS)),
        ("tokenizer.ggml.add_bos_token", g.BOOL, case.tokenizer == "llama3"),
    ]
    out = {}
    for name, t in tensors.items():
        heads = {"q_proj": case.heads, "k_proj": case.kv_heads}.get(name.split(".")[-2])
        if arch in INTERLEAVED and heads is not None:
            t = gguf_file.halves_to_interleaved(t, heads)
        out[gguf_file.gguf_name(name)] = t.float() if t.dim() == 1 else t.to(case.gguf_dtype)
    if kind == "llama3":
        out["rope_freqs.weight"] = llama3_factors(case)
    gguf_file.write(path, metadata, out)


# ---- the reference -----------------------------------------------------------------------------------------------------


def load_reference(folder, **changed_config):
    model, info = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float64, attn_implementation="eager", output_loading_info=True, **changed_config
    )
    assert not info["missing_keys"] and not info["unexpected_keys"], info
    return model.eval()


@torch.no_grad()
def logits_of(model, tokens):
    """-> (positions, vocab) float64"""
    logits = model(torch.tensor([tokens]), use_cache=False).logits[0]
    assert logits.dtype == torch.float64
    return logits


def write_golden(path, tokens, logits, kept):
    top = logits.topk(2, dim=-1)
    spread = logits.max(dim=-1).values - logits.min(dim=-1).values
    margin = (top.values[:, 0] - top.values[:, 1]) / spread
    with open(path, "wb") as f:
        f.write(b"VBGOLD01" + struct.pack("<3I", len(tokens), logits.shape[1], len(kept)))
        f.write(np.array(tokens, np.int32).tobytes())
        f.write(top.indices[:, 0].numpy().astype(np.int32).tobytes())
        f.write(margin.numpy().astype(np.float32).tobytes())
        f.write(np.array(kept, np.int32).tobytes())
        f.write(logits[kept].numpy().astype(np.float32).tobytes())
    print(f"{path.name}: spread {spread.mean():.2f}, smallest margin {margin.min():.2e}")


def make_case(case, out, rng):
    tokenizer = tiny_tokenizers.make(case.tokenizer)
    tensors = random_tensors(case, rng)
    folder = out / case.name
    write_folder(folder, config_json(case, tokenizer), tensors, tokenizer, case.shards)
    if case.gguf_dtype is not None:
        write_gguf(out / f"{case.name}.gguf", case, tensors, tokenizer)

    tokens = rng.integers(0, tiny_tokenizers.VOCAB, POSITIONS).tolist()
    logits = logits_of(load_reference(folder), tokens)
    write_golden(out / f"{case.name}.golden", tokens, logits, KEPT)
    if case.without:
        with tempfile.TemporaryDirectory() as other:
            config = config_json(case, tokenizer) | case.without
            write_folder(Path(other), config, tensors, None)
            changed = logits_of(load_reference(other), tokens)
        share = ((changed[-1] - logits[-1]).abs().max() / (logits[-1].max() - logits[-1].min())).item()
        print(f"  without {list(case.without)}: the last logits move by {share:.2f} of their spread")
        assert share > 0.05


# ---- stories260K -------------------------------------------------------------------------------------------------------


def spm_encode(text, pieces, scores):
    """SentencePiece's BPE: join the adjacent pair of the best score until none is left. No byte fallback needed here."""
    ids = {piece: i for i, piece in enumerate(pieces)}
    parts = list("\u2581" + text.replace(" ", "\u2581"))
    while True:
        pairs = [(scores[ids[a + b]], -i) for i, (a, b) in enumerate(zip(parts, parts[1:])) if a + b in ids]
        if not pairs:
            return [ids[p] for p in parts]
        i = -max(pairs)[1]
        parts[i : i + 2] = [parts[i] + parts[i + 1]]


def make_stories(gguf_path, out, generated=240):
    meta, gguf_tensors = gguf_file.read(gguf_path)
    heads, kv_heads = meta["llama.attention.head_count"], meta["llama.attention.head_count_kv"]
    tensors = {}
    for name, t in gguf_tensors.items():
        count = {"attn_q": heads, "attn_k": kv_heads}.get(name.split(".")[-2])
        tensors[gguf_file.hf_name(name)] = t if count is None else gguf_file.interleaved_to_halves(t, count)
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": meta["llama.vocab_size"],
        "hidden_size": meta["llama.embedding_length"],
        "intermediate_size": meta["llama.feed_forward_length"],
        "num_hidden_layers": meta["llama.block_count"],
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "max_position_embeddings": meta["llama.context_length"],
        "rms_norm_eps": meta["llama.attention.layer_norm_rms_epsilon"],
        "rope_theta": meta["llama.rope.freq_base"],
        "tie_word_embeddings": "output.weight" not in gguf_tensors,
    }
    pieces = meta["tokenizer.ggml.tokens"]
    tokens = [meta["tokenizer.ggml.bos_token_id"]]
    tokens += spm_encode("Once upon a time", pieces, meta["tokenizer.ggml.scores"])
    with tempfile.TemporaryDirectory() as folder:
        write_folder(Path(folder), config, tensors, None)
        model = load_reference(folder)
    for _ in range(generated):
        tokens.append(int(logits_of(model, tokens)[-1].argmax()))
    text = "".join(pieces[t] for t in tokens[1:]).replace("\u2581", " ").replace("<0x0A>", "\n").removeprefix(" ")
    write_golden(out / "stories260K.golden", tokens, logits_of(model, tokens), [0, 4, 16, 64, 127, 128, len(tokens) - 1])
    (out / "stories260K.txt").write_text(text)
    print(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--stories", type=Path, help="stories260K as GGUF, F32")
    args = parser.parse_args()
    torch.set_num_threads(4)
    args.out.mkdir(parents=True, exist_ok=True)
    for i, case in enumerate(CASES):
        make_case(case, args.out, np.random.default_rng(20260 + i))
    first_of_family = {case.tokenizer: case.name for case in reversed(CASES)}
    samples = {name: tiny_tokenizers.samples(tiny_tokenizers.make(family)) for family, name in first_of_family.items()}
    write_json(args.out / "tokens.json", dict(sorted(samples.items())))
    if args.stories:
        make_stories(args.stories, args.out)


if __name__ == "__main__":
    main()
