"""Logits of a Llama-like GGUF model in double precision, to settle what the exact arithmetic says where two engines part.

The weights are dequantised by the `gguf` package (pip install gguf numpy) and everything after that is float64:
no rounded activations, no half-precision caches. It is slow and meant for prompts of a hundred tokens.
"""
import gguf
import numpy as np


class ExactModel:
    def __init__(self, path):
        reader = gguf.GGUFReader(path)
        field = lambda name, otherwise=None: (reader.fields[name].contents() if name in reader.fields else otherwise)
        if field("general.architecture") != "llama":
            raise SystemExit(f"{path}: only the llama architecture has an exact reference here, not {field('general.architecture')}")
        self.n_layers = field("llama.block_count")
        self.n_q = field("llama.attention.head_count")
        self.n_kv = field("llama.attention.head_count_kv", self.n_q)
        self.epsilon = field("llama.attention.layer_norm_rms_epsilon")
        width = field("llama.embedding_length")
        self.head_dim = field("llama.attention.key_length", width // self.n_q)
        self.rope_base = field("llama.rope.freq_base", 10000.0)
        if field("llama.rope.scaling.type", "none") not in ("none", ""):
            raise SystemExit(f"{path}: RoPE scaling is not part of this reference")
        self.weights = {t.name: gguf.quants.dequantize(t.data, t.tensor_type) for t in reader.tensors}

    def weight(self, name):
        return self.weights[name].astype(np.float64)

    def norm(self, x, name):
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + self.epsilon) * self.weight(name)

    def rotate(self, x):
        n, d = x.shape[0], self.head_dim
        angle = np.arange(n)[:, None] * self.rope_base ** (-np.arange(0, d, 2) / d)
        cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
        x = x.reshape(n, -1, d)
        out = np.empty_like(x)
        out[..., 0::2] = x[..., 0::2] * cos - x[..., 1::2] * sin
        out[..., 1::2] = x[..., 0::2] * sin + x[..., 1::2] * cos
        return out

    def attention(self, x, layer):
        n = x.shape[0]
        q = self.rotate(x @ self.weight(layer + "attn_q.weight").T)
        k = self.rotate(x @ self.weight(layer + "attn_k.weight").T)
        v = (x @ self.weight(layer + "attn_v.weight").T).reshape(n, self.n_kv, -1)
        mask = np.triu(np.full((n, n), -np.inf), 1)
        heads = []
        for i in range(self.n_q):
            scores = q[:, i] @ k[:, i * self.n_kv // self.n_q].T / np.sqrt(self.head_dim) + mask
            scores = np.exp(scores - scores.max(-1, keepdims=True))
            heads.append(scores / scores.sum(-1, keepdims=True) @ v[:, i * self.n_kv // self.n_q])
        return np.concatenate(heads, -1) @ self.weight(layer + "attn_output.weight").T

    def logits(self, ids):
        """float64 [len(ids), vocabulary]: the logits behind each of the tokens."""
        x = self.weights["token_embd.weight"][ids].astype(np.float64)
        for i in range(self.n_layers):
            layer = f"blk.{i}."
            x = x + self.attention(self.norm(x, layer + "attn_norm.weight"), layer)
            h = self.norm(x, layer + "ffn_norm.weight")
            gate = h @ self.weight(layer + "ffn_gate.weight").T
            x = x + (gate / (1 + np.exp(-gate)) * (h @ self.weight(layer + "ffn_up.weight").T)) @ self.weight(layer + "ffn_down.weight").T
        head = "output.weight" if "output.weight" in self.weights else "token_embd.weight"
        return self.norm(x, "output_norm.weight") @ self.weight(head).T
