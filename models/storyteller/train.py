"""Trains the storyteller and writes it as a Hugging Face folder with the log of its loss.

    python3 train.py ../shared/corpus/storyteller.txt OUT     # ten minutes of an H100; PyTorch, tokenizers, safetensors

1. A byte-level BPE vocabulary of 4096 tokens is made from the stories that are not held out (corpus.py), with GPT-2's
   pre-tokenizer. `<|story|>` begins every story and, as the beginning of the next, ends it.
2. Every shape of SHAPES is trained for a few epochs, and the one that is best on the held-out stories is trained once
   more from scratch, for long. The corpus has five million tokens, so each is seen many times: dropout and a strong
   weight decay keep the model from learning the stories by heart, and the checkpoint that is kept is the one that
   was best on the held-out stories.
"""
import argparse
import json
import math
import pathlib
import time
from dataclasses import asdict, dataclass

import tokenizers
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

import corpus

VOCABULARY, CONTEXT, HEAD_DIM = 4096, 1024, 64
BATCH = 32                # windows of CONTEXT tokens a step
ROPE_THETA, EPSILON = 10000.0, 1e-5


@dataclass(frozen=True)
class Shape:
    name: str
    layers: int
    dim: int
    hidden: int
    heads: int
    kv_heads: int


@dataclass(frozen=True)
class Recipe:
    epochs: float
    learning_rate: float = 2e-3
    warm_up: float = 0.03   # share of the steps
    final: float = 0.02     # share of the learning rate at the end of the cosine
    weight_decay: float = 1.0
    dropout: float = 0.2
    give_up: float = 0.04   # stop when the held-out loss is so much (bits per byte) above its best


SHAPES = [
    Shape("deep", 13, 256, 768, 4, 2),
    Shape("middle", 9, 320, 832, 6, 2),
    Shape("wide", 6, 384, 1088, 6, 2),
]
TRY, FINAL = Recipe(epochs=10), Recipe(epochs=70)


# ---- Text to tokens. -------------------------------------------------------------------------------------------------

def make_tokenizer(stories) -> tokenizers.Tokenizer:
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)  # with GPT-2's pattern
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=[corpus.MARK], show_progress=False,
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator((story.title + "\n" + story.text for story in stories), trainer)
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
        single=f"{corpus.MARK} $A", special_tokens=[(corpus.MARK, tokenizer.token_to_id(corpus.MARK))])
    return tokenizer


class TrainingText:
    """The stories as one row of tokens: all of them with their titles, then all without, as the program's users write.

    A window begins like every prompt with the story token; then comes text from the beginning of a line on, one time
    in ten from the beginning of a story.
    """

    def __init__(self, stories, tokenizer, device):
        story_token = tokenizer.token_to_id(corpus.MARK)
        texts = [f"{story.title}\n\n{story.text}" for story in stories] + [story.text for story in stories]
        tokens, story_starts = [], []
        for encoding in tokenizer.encode_batch(texts):
            story_starts.append(len(tokens) + 1)
            tokens += encoding.ids  # begins with the story token
        self.story_token = story_token
        self.epoch_tokens = len(tokens) // 2
        self.tokens = torch.tensor(tokens + [story_token] * CONTEXT, device=device)
        newline = tokenizer.encode("\n", add_special_tokens=False).ids
        assert len(newline) == 1
        self.starts = (self.tokens[:len(tokens)] == newline[0]).nonzero()[:, 0] + 1
        self.story_starts = torch.tensor(story_starts, device=device)

    def batch(self, random: torch.Generator):
        def draw(places, count):
            return places[torch.randint(len(places), (count,), generator=random, device=places.device)]
        from_stories = BATCH // 10
        first = torch.cat([draw(self.story_starts, from_stories), draw(self.starts, BATCH - from_stories)])
        targets = self.tokens[first[:, None] + torch.arange(CONTEXT, device=first.device)]
        inputs = torch.cat([torch.full_like(targets[:, :1], self.story_token), targets[:, :-1]], dim=1)
        return inputs, targets


class HeldOut:
    """The held-out passages, each alone after the story token."""

    def __init__(self, stories, tokenizer, device):
        passages = corpus.held_out_passages(stories)
        ids = [encoding.ids for encoding in tokenizer.encode_batch(passages)]
        assert max(map(len, ids)) <= CONTEXT
        self.bytes = sum(len(passage.encode()) for passage in passages)
        self.count = sum(len(i) - 1 for i in ids)
        rows = torch.full((math.ceil(len(ids) / BATCH) * BATCH, CONTEXT + 1), -100)
        for row, tokens in zip(rows, ids):
            row[:len(tokens)] = torch.tensor(tokens)
        self.inputs, self.targets = rows[:, :-1].clamp(min=0).to(device), rows[:, 1:].to(device)

    @torch.no_grad()
    def bits_per_byte(self, model) -> float:
        model.eval()
        nats = 0.0
        for inputs, targets in zip(self.inputs.split(BATCH), self.targets.split(BATCH)):
            with torch.autocast("cuda", torch.bfloat16):
                logits = model(inputs)
            nats += F.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), reduction="sum").item()
        model.train()
        return nats / math.log(2) / self.bytes


# ---- The model: Llama, with dropout while it learns. -----------------------------------------------------------------

def rotate(x, cos, sin):  # x: (batch, heads, tokens, HEAD_DIM)
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], dim=-1)


class Attention(nn.Module):
    def __init__(self, s: Shape):
        super().__init__()
        self.s = s
        self.q_proj = nn.Linear(s.dim, s.heads * HEAD_DIM, bias=False)
        self.k_proj = nn.Linear(s.dim, s.kv_heads * HEAD_DIM, bias=False)
        self.v_proj = nn.Linear(s.dim, s.kv_heads * HEAD_DIM, bias=False)
        self.o_proj = nn.Linear(s.heads * HEAD_DIM, s.dim, bias=False)

    def forward(self, x, cos, sin):
        batch, tokens, _ = x.shape
        q, k, v = (proj(x).view(batch, tokens, -1, HEAD_DIM).transpose(1, 2)
                   for proj in (self.q_proj, self.k_proj, self.v_proj))
        q, k = rotate(q, cos, sin).to(v.dtype), rotate(k, cos, sin).to(v.dtype)
        group = self.s.heads // self.s.kv_heads
        k, v = k.repeat_interleave(group, dim=1), v.repeat_interleave(group, dim=1)
        out = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.o_proj(out.transpose(1, 2).reshape(batch, tokens, -1))


class FeedForward(nn.Module):
    def __init__(self, s: Shape):
        super().__init__()
        self.gate_proj = nn.Linear(s.dim, s.hidden, bias=False)
        self.up_proj = nn.Linear(s.dim, s.hidden, bias=False)
        self.down_proj = nn.Linear(s.hidden, s.dim, bias=False)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    def __init__(self, s: Shape, dropout: float):
        super().__init__()
        self.input_layernorm = nn.RMSNorm(s.dim, eps=EPSILON)
        self.self_attn = Attention(s)
        self.post_attention_layernorm = nn.RMSNorm(s.dim, eps=EPSILON)
        self.mlp = FeedForward(s)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x, cos, sin):
        x = x + self.dropout(self.self_attn(self.input_layernorm(x), cos, sin))
        return x + self.dropout(self.mlp(self.post_attention_layernorm(x)))


class Llama(nn.Module):
    def __init__(self, s: Shape, dropout: float):
        super().__init__()
        self.shape = s
        self.embed_tokens = nn.Embedding(VOCABULARY, s.dim)
        self.layers = nn.ModuleList(Layer(s, dropout) for _ in range(s.layers))
        self.norm = nn.RMSNorm(s.dim, eps=EPSILON)
        self.dropout = nn.Dropout(dropout)
        angles = torch.outer(torch.arange(CONTEXT).float(),
                             ROPE_THETA ** (-torch.arange(0, HEAD_DIM, 2).float() / HEAD_DIM))
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)
        for name, parameter in self.named_parameters():
            if parameter.ndim == 2:
                into_residual = name.endswith(("o_proj.weight", "down_proj.weight"))
                nn.init.normal_(parameter, std=0.02 / (math.sqrt(2 * s.layers) if into_residual else 1))

    def forward(self, tokens):  # (batch, tokens) -> logits (batch, tokens, VOCABULARY)
        x = self.dropout(self.embed_tokens(tokens))
        for layer in self.layers:
            x = layer(x, self.cos, self.sin)
        return F.linear(self.norm(x), self.embed_tokens.weight)


# ---- Training. -------------------------------------------------------------------------------------------------------

def learning_rate_at(progress: float, recipe: Recipe) -> float:
    if progress < recipe.warm_up:
        return recipe.learning_rate * progress / recipe.warm_up
    cosine = 0.5 * (1 + math.cos(math.pi * (progress - recipe.warm_up) / (1 - recipe.warm_up)))
    return recipe.learning_rate * (recipe.final + (1 - recipe.final) * cosine)


def loss_of(logits, targets):
    return F.cross_entropy(logits.float().flatten(0, 1), targets.flatten())


def train(name: str, shape: Shape, recipe: Recipe, text: TrainingText, held_out: HeldOut, seconds=math.inf):
    """Returns the model at its best on the held-out stories, and the record of the run.

    The run is as long as the recipe says or as `seconds`, whichever is shorter; the schedule fits itself to that.
    """
    torch.manual_seed(0)
    random = torch.Generator("cuda").manual_seed(0)
    model = Llama(shape, recipe.dropout).cuda()
    compile_layers(model)
    compiled_loss = torch.compile(loss_of, dynamic=False)
    optimizer = torch.optim.AdamW(
        [{"params": [p for p in model.parameters() if p.ndim == 2], "weight_decay": recipe.weight_decay},
         {"params": [p for p in model.parameters() if p.ndim == 1], "weight_decay": 0.0}],
        lr=recipe.learning_rate, betas=(0.9, 0.95), fused=True)
    steps_an_epoch = round(text.epoch_tokens / (BATCH * CONTEXT))
    steps = round(recipe.epochs * steps_an_epoch)
    best, best_weights, curve, losses, step, progress, began = math.inf, {}, [], [], 0, 0.0, time.time()
    while progress < 1:
        step += 1
        progress = max(step / steps, (time.time() - began) / seconds)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate_at(progress, recipe)
        inputs, targets = text.batch(random)
        with torch.autocast("cuda", torch.bfloat16):
            logits = model(inputs)
        loss = compiled_loss(logits, targets)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        losses.append(loss.detach())
        if step % steps_an_epoch == 0 or progress >= 1:
            bits = held_out.bits_per_byte(model)
            curve.append({"epoch": round(step / steps_an_epoch, 2), "seconds": round(time.time() - began, 1),
                          "training_nats_per_token": round(torch.stack(losses).mean().item(), 4),
                          "held_out_bits_per_byte": round(bits, 5)})
            print(name, json.dumps(curve[-1]), flush=True)
            losses.clear()
            if bits < best:
                best, best_weights = bits, {k: v.detach().clone() for k, v in model.state_dict().items()}
            if bits > best + recipe.give_up:
                break
    model.load_state_dict(best_weights)
    return model, {"name": name, "shape": asdict(shape), "parameters": sum(p.numel() for p in model.parameters()),
                   "recipe": asdict(recipe), "best_held_out_bits_per_byte": round(best, 5), "curve": curve}


def compile_layers(model):
    """One layer's code serves all of them, so that compiling takes seconds."""
    torch._dynamo.config.recompile_limit = 64
    for layer in model.layers:
        layer.compile(dynamic=False)


# ---- Files. ----------------------------------------------------------------------------------------------------------

def save(folder: pathlib.Path, model: Llama, tokenizer, log):
    folder.mkdir(parents=True, exist_ok=True)
    s, story = model.shape, tokenizer.token_to_id(corpus.MARK)
    tokenizer.save(str(folder / "tokenizer.json"))
    save_file({"model." + name: weight.half().cpu().contiguous() for name, weight in model.state_dict().items()},
              folder / "model.safetensors", metadata={"format": "pt"})
    for name, content in {
        "config.json": {
            "architectures": ["LlamaForCausalLM"], "model_type": "llama", "torch_dtype": "float16",
            "vocab_size": VOCABULARY, "hidden_size": s.dim, "intermediate_size": s.hidden,
            "num_hidden_layers": s.layers, "num_attention_heads": s.heads, "num_key_value_heads": s.kv_heads,
            "head_dim": HEAD_DIM, "max_position_embeddings": CONTEXT, "rope_theta": ROPE_THETA,
            "rms_norm_eps": EPSILON, "hidden_act": "silu", "tie_word_embeddings": True, "attention_bias": False,
            "mlp_bias": False, "bos_token_id": story, "eos_token_id": story},
        "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": corpus.MARK,
                                  "eos_token": corpus.MARK, "model_max_length": CONTEXT},
        "generation_config.json": {"bos_token_id": story, "eos_token_id": story},
        "log.json": log,
    }.items():
        (folder / name).write_text(json.dumps(content, indent=1) + "\n")


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("corpus")
    arguments.add_argument("out", type=pathlib.Path)
    arguments.add_argument("--minutes", type=float, default=math.inf, help="cut the last run so that all fits")
    options = arguments.parse_args()
    began = time.time()
    torch.set_float32_matmul_precision("high")
    stories = corpus.read_stories(options.corpus)
    learned = [story for story in stories if not story.held_out]
    tokenizer = make_tokenizer(learned)
    text, held_out = TrainingText(learned, tokenizer, "cuda"), HeldOut(stories, tokenizer, "cuda")
    log = {"training_tokens": text.epoch_tokens, "held_out_bytes": held_out.bytes, "held_out_tokens": held_out.count,
           "runs": []}
    for shape in SHAPES:
        log["runs"].append(train(shape.name, shape, TRY, text, held_out)[1])
    best = min(log["runs"], key=lambda record: record["best_held_out_bits_per_byte"])
    seconds = 60 * options.minutes - (time.time() - began)
    model, record = train("storyteller", Shape(**best["shape"]), FINAL, text, held_out, seconds)
    log["runs"].append(record)
    save(options.out, model, tokenizer, log)


if __name__ == "__main__":
    main()
