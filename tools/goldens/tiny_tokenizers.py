"""Small but real byte-level BPE tokenizers, made with the `tokenizers` package: the pre-tokenisers of three model families.

Each has 320 tokens: 256 bytes, 56 merges learnt from TEXT, 8 added tokens.
"""

import json

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

VOCAB = 320
ADDED = ["<|begin_of_text|>", "<|end_of_text|>", "<|im_start|>", "<|im_end|>"] + [f"<|reserved_{i}|>" for i in range(4)]
BOS, EOS = ADDED[0], ADDED[1]

TEXT = """The sum of integers has one value, whatever the order of its terms. The sum of floating-point numbers has as many
values as there are orders, and the order follows the batch, the tile, the thread and the device. We'll sum integers, then:
there's nothing else in the inner loop. In 2026, 1234567 additions aren't many. Die Summe ganzer Zahlen hat einen Wert."""

# The patterns of Meta's and Qwen's published tokenizer.json files; GPT-2's is built into `tokenizers`.
_WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
_REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
LLAMA3 = _WORDS + r"\p{N}{1,3}" + _REST
QWEN2 = _WORDS + r"\p{N}" + _REST

GGUF_PRE = {"gpt2": "gpt-2", "llama3": "llama-bpe", "qwen2": "qwen2"}  # tokenizer.ggml.pre

SAMPLES = [
    "",
    "Hello, world!",
    " leading and trailing ",
    "The sum of the integers isn't 1234567, it's 42.",
    "WE'LL SEE: DON'T SHOUT'VE",
    "a  b   c\t\td\n\n\ne \n f\r\n\r\ng   ",
    "caf\u00e9 cafe\u0301 na\u00efve \u00c5ngstr\u00f6m A\u030angstr\u00f6m",
    "\u6574\u6570\u306e\u548c\u306f\u4e00\u3064 \u0441\u0443\u043c\u043c\u0430 \u0661\u0662\u0663\u0664",
    "\U0001f600\U0001f468\u200d\U0001f469\u200d\U0001f467 ok \u2014 \u201cquoted\u201d\u2026",
    "<|im_start|>user\nhi there<|im_end|>\n<|im_start|>",
    "for (int i = 0; i < 10; ++i) { x[i] += 0x1p-3f; }  // sum",
]


def make(family):
    tokenizer = Tokenizer(models.BPE(ignore_merges=family == "llama3"))
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=family == "gpt2")
    if family == "gpt2":
        tokenizer.pre_tokenizer = byte_level
    else:
        pattern = Regex(LLAMA3 if family == "llama3" else QWEN2)
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(pattern, "isolated"), byte_level])
    if family == "qwen2":
        tokenizer.normalizer = normalizers.NFC()
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=VOCAB - len(ADDED), initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator([TEXT], trainer)
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in ADDED])
    if family == "llama3":
        bos = tokenizer.token_to_id(BOS)
        tokenizer.post_processor = processors.TemplateProcessing(single=f"{BOS} $A", special_tokens=[(BOS, bos)])
        # One token that no merge makes: only `ignore_merges` finds it, as a whole piece.
        content = json.loads(tokenizer.to_str())
        content["model"]["merges"].pop()
        tokenizer = Tokenizer.from_str(json.dumps(content))
    assert tokenizer.get_vocab_size() == VOCAB
    return tokenizer


def tokens_by_id(tokenizer):
    return [tokenizer.id_to_token(i) for i in range(VOCAB)]


def merges(tokenizer):
    """[(left, right)], best first"""
    pairs = json.loads(tokenizer.to_str())["model"]["merges"]
    return [tuple(p.split(" ")) if isinstance(p, str) else tuple(p) for p in pairs]


def unmerged_token(tokenizer):
    """Text of a token that is no byte, no added token and no merge's result; None when there is none."""
    reachable = {a + b for a, b in merges(tokenizer)} | set(pre_tokenizers.ByteLevel.alphabet()) | set(ADDED)
    left = [t for t in tokens_by_id(tokenizer) if t not in reachable]
    return tokenizer.decoder.decode(left[:1]) if left else None


def samples(tokenizer):
    texts = SAMPLES + [t for t in [unmerged_token(tokenizer)] if t is not None]
    return [
        {
            "text": text,
            "ids": tokenizer.encode(text, add_special_tokens=False).ids,
            "ids_with_special": tokenizer.encode(text, add_special_tokens=True).ids,
        }
        for text in texts
    ]
