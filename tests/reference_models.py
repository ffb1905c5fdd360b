"""The slow, obvious twins of the objectives and backbones: float64, one scalar or token at a time.

They are transcriptions of the papers' equations and share no code with the package.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

# ---------------------------------------------------------------------------- objectives


def log_sigmoid(score: Tensor) -> Tensor:
    """log σ(s), as the papers write it."""
    return torch.log(1 / (1 + torch.exp(-score)))


def dot(x: Tensor, y: Tensor) -> Tensor:
    total = torch.zeros((), dtype=torch.float64)
    for a, b in zip(x, y, strict=True):
        total = total + a * b
    return total


def unit(x: Tensor) -> Tensor:
    """x / ‖x‖; a zero vector stays zero."""
    norm = dot(x, x).sqrt() if x.detach().abs().max() > 0 else torch.ones((), dtype=torch.float64)
    return torch.stack([a / norm for a in x])


def reference_bce(history: Tensor, positive: Tensor, negatives: Tensor) -> Tensor:
    """-Σ over triplets of [log σ(h·i) + Σ over negatives of log σ(-h·j)], over R."""
    total = torch.zeros((), dtype=torch.float64)
    for h, i, js in zip(history, positive, negatives, strict=True):
        total = total - log_sigmoid(dot(h, i))
        for j in js:
            total = total - log_sigmoid(-dot(h, j))
    return total / len(history)


def reference_bpr(history: Tensor, positive: Tensor, negatives: Tensor) -> Tensor:
    """-Σ over triplets and negatives of log σ(h·i - h·j), over R."""
    total = torch.zeros((), dtype=torch.float64)
    for h, i, js in zip(history, positive, negatives, strict=True):
        for j in js:
            total = total - log_sigmoid(dot(h, i) - dot(h, j))
    return total / len(history)


@dataclass(frozen=True)
class ReferenceInfoNCE:
    """-Σ over triplets of log[exp(h·i/τ) / Σ over its candidates c of exp(h·c/τ)], over R.

    The candidates are the positive, the triplet's negatives and the positives of the other
    triplets, but those that ``false`` says to be false negatives.
    """

    temperature: float
    in_batch: bool
    false: list[list[bool]] | None = None

    def __call__(self, history: Tensor, positive: Tensor, negatives: Tensor) -> Tensor:
        total = torch.zeros((), dtype=torch.float64)
        for r, (h, js) in enumerate(zip(history, negatives, strict=True)):
            own = torch.exp(dot(h, positive[r]) / self.temperature)
            everything = own
            for j in js:
                everything = everything + torch.exp(dot(h, j) / self.temperature)
            for c, other in enumerate(positive):
                left_out = self.false is not None and self.false[r][c]
                if self.in_batch and c != r and not left_out:
                    everything = everything + torch.exp(dot(h, other) / self.temperature)
            total = total - torch.log(own / everything)
        return total / len(history)


def potential(x: Tensor, y: Tensor, t: float) -> Tensor:
    return torch.exp(-t * dot(x - y, x - y))


def reference_pair_sum(xs: list[Tensor], ys: list[Tensor], t: float) -> Tensor:
    """Σ over all x and all y of exp(-t·‖x - y‖²)."""
    total = torch.zeros((), dtype=torch.float64)
    for x in xs:
        for y in ys:
            total = total + potential(x, y, t)
    return total


def reference_unordered_pair_sum(xs: list[Tensor], t: float) -> Tensor:
    """Σ over the pairs of different vectors, each pair once."""
    total = torch.zeros((), dtype=torch.float64)
    for a in range(len(xs)):
        for b in range(a + 1, len(xs)):
            total = total + potential(xs[a], xs[b], t)
    return total


def reference_hom(
    history: list[Tensor], positive: list[Tensor], negatives: list[Tensor], t: float, pairs: str
) -> Tensor:
    """L_hom in both readings of Eq. 4, not divided."""
    if pairs == "separate":
        kinds = (history, positive, negatives)
        return sum((reference_unordered_pair_sum(kind, t) for kind in kinds), torch.zeros(()))
    items = positive + negatives
    return reference_pair_sum(history, history, t) + reference_pair_sum(items, items, t)


@dataclass(frozen=True)
class ReferenceUniformity:
    """L = L_rec + β1·L_hom + β2·L_het, everything over R, the pairs between unit vectors."""

    beta1: float
    beta2: float
    t: float = 2.0
    pairs: str = "separate"
    rec: bool = True

    def __call__(self, history: Tensor, positive: Tensor, negatives: Tensor) -> Tensor:
        terms = self.terms(history, positive, negatives)
        weights = {"rec": 1.0 if self.rec else 0.0, "hom": self.beta1, "het": self.beta2}
        return sum((weights[name] * term for name, term in terms.items()), torch.zeros(()))

    def terms(self, history: Tensor, positive: Tensor, negatives: Tensor) -> dict[str, Tensor]:
        count = len(history)
        h = [unit(x) for x in history]
        i = [unit(x) for x in positive]
        j = [unit(x) for of_one in negatives for x in of_one]
        return {
            "rec": reference_bce(history, positive, negatives),
            "hom": reference_hom(h, i, j, self.t, self.pairs) / count,
            "het": reference_pair_sum(h, j, self.t) / count,
        }


# ---------------------------------------------------------------------------- SASRec


def parameters_in_float64(module: nn.Module) -> dict[str, Tensor]:
    """Copies of a module's parameters that gather gradients of their own."""
    return {
        name: value.detach().double().requires_grad_() for name, value in module.named_parameters()
    }


class ReferenceSASRec:
    """SASRec (Kang & McAuley 2018), LayerNorm after or before, GELU and a feed-forward of 4·d.

    Works on one history, one token and one head at a time.
    """

    def __init__(self, module: nn.Module, parameters: dict[str, Tensor] | None = None) -> None:
        self.parameters = parameters_in_float64(module) if parameters is None else parameters
        self.heads: int = module.heads
        self.positions: str = module.positions
        self.pre_norm: bool = module.pre_norm
        self.unit_input: bool = module.unit_input
        self.layers = 1 + max(
            int(name.split(".")[1]) for name in self.parameters if name.startswith("blocks.")
        )

    def __call__(self, embedded: Tensor) -> Tensor:
        """Embeddings of one history's items, oldest first, to a vector a position: (n, d) each."""
        length = len(embedded)
        tokens = []
        for place in range(length):
            index = place if self.positions == "start" else length - 1 - place
            item = unit(embedded[place]) if self.unit_input else embedded[place]
            token = item + self.parameters["position.weight"][index]
            token = token if self.pre_norm else self.layer_norm("norm", token)
            tokens.append(unit(token) if self.unit_input else token)
        for layer in range(self.layers):
            block = self.pre_norm_block if self.pre_norm else self.block
            tokens = block(f"blocks.{layer}", tokens)
        if self.pre_norm:
            tokens = [self.layer_norm("norm", token) for token in tokens]
        return torch.stack(tokens)

    def pre_norm_block(self, name: str, tokens: list[Tensor]) -> list[Tensor]:
        """x ← x + Attention(LN(x)), x ← x + FFN(LN(x)): Eq. 7."""
        out = []
        normed = [self.layer_norm(f"{name}.norm1", token) for token in tokens]
        projected = [self.linear(f"{name}.qkv", token) for token in normed]
        for place, token in enumerate(tokens):
            attended = token + self.linear(f"{name}.out", self.attend(projected[: place + 1]))
            hidden = gelu(self.linear(f"{name}.up", self.layer_norm(f"{name}.norm2", attended)))
            out.append(attended + self.linear(f"{name}.down", hidden))
        return out

    def block(self, name: str, tokens: list[Tensor]) -> list[Tensor]:
        out = []
        projected = [self.linear(f"{name}.qkv", token) for token in tokens]
        for place, token in enumerate(tokens):
            attended = self.linear(f"{name}.out", self.attend(projected[: place + 1]))
            token = self.layer_norm(f"{name}.norm1", token + attended)
            fed = self.linear(f"{name}.down", gelu(self.linear(f"{name}.up", token)))
            out.append(self.layer_norm(f"{name}.norm2", token + fed))
        return out

    def attend(self, projected: list[Tensor]) -> Tensor:
        """The last of the given tokens over all of them, head by head."""
        dim = len(projected[0]) // 3
        size = dim // self.heads
        parts = []
        for head in range(self.heads):
            query, key, value = (
                slice(part * dim + head * size, part * dim + (head + 1) * size) for part in range(3)
            )
            exponentials = [
                torch.exp((projected[-1][query] * token[key]).sum() / math.sqrt(size))
                for token in projected
            ]
            total = torch.stack(exponentials).sum()
            mixed = torch.zeros(size, dtype=torch.float64)
            for exponential, token in zip(exponentials, projected, strict=True):
                mixed = mixed + exponential / total * token[value]
            parts.append(mixed)
        return torch.cat(parts)

    def linear(self, name: str, x: Tensor) -> Tensor:
        return self.parameters[f"{name}.weight"] @ x + self.parameters[f"{name}.bias"]

    def layer_norm(self, name: str, x: Tensor) -> Tensor:
        centred = x - x.sum() / len(x)
        variance = (centred**2).sum() / len(x)
        scaled = centred / torch.sqrt(variance + 1e-5)
        return scaled * self.parameters[f"{name}.weight"] + self.parameters[f"{name}.bias"]


def gelu(x: Tensor) -> Tensor:
    return 0.5 * x * (1 + torch.erf(x / math.sqrt(2)))


# ---------------------------------------------------------------------------- GRU4Rec


class ReferenceGRU4Rec:
    """GRU4Rec (Hidasi et al. 2016), Eq. 1 - 4: one history, one layer and one token at a time."""

    def __init__(self, module: nn.Module, parameters: dict[str, Tensor] | None = None) -> None:
        self.parameters = parameters_in_float64(module) if parameters is None else parameters
        self.layers = sum(name.endswith("weight_hh_l0") for name in self.parameters)
        self.unit_input: bool = module.unit_input

    def __call__(self, embedded: Tensor) -> Tensor:
        """Embeddings of one history's items, oldest first, to a vector a position: (n, d) each."""
        tokens = [unit(token) if self.unit_input else token for token in embedded]
        for layer in range(self.layers):
            name = f"layers.{layer}"
            size = self.parameters[f"{name}.weight_hh_l0"].shape[1]
            state = torch.zeros(size, dtype=torch.float64)
            states = []
            for token in tokens:
                state = self.step(name, token, state)
                states.append(state)
            tokens = states
        weight, bias = self.parameters["out.weight"], self.parameters["out.bias"]
        return torch.stack([weight @ token + bias for token in tokens])

    def step(self, name: str, x: Tensor, state: Tensor) -> Tensor:
        """Reset and update gate, candidate, and the state that they make of the one before."""
        size = len(state)
        weight_x, weight_h, bias_x, bias_h = (
            self.parameters[f"{name}.{kind}_l0"]
            for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        of_x, of_h = weight_x @ x + bias_x, weight_h @ state + bias_h
        reset = 1 / (1 + torch.exp(-(of_x[:size] + of_h[:size])))
        update = 1 / (1 + torch.exp(-(of_x[size : 2 * size] + of_h[size : 2 * size])))
        candidate = torch.tanh(of_x[2 * size :] + reset * of_h[2 * size :])
        return (1 - update) * candidate + update * state


# ---------------------------------------------------------------------------- Caser


class ReferenceCaser:
    """Caser (Tang & Wang 2018), Eq. 2 - 10, on the whole L × d matrix of one prefix at a time."""

    def __init__(self, module: nn.Module, parameters: dict[str, Tensor] | None = None) -> None:
        self.parameters = parameters_in_float64(module) if parameters is None else parameters
        self.length: int = module.length
        self.relu: bool = module.relu
        self.unit_input: bool = module.unit_input

    def __call__(self, embedded: Tensor, user: int | None = None) -> Tensor:
        """Embeddings of one history's items, oldest first, to a vector a position: (n, d) each."""
        if self.unit_input:
            embedded = torch.stack([unit(item) for item in embedded])
        prefixes = [embedded[: end + 1] for end in range(len(embedded))]
        return torch.stack([self.vector(prefix, user) for prefix in prefixes])

    def vector(self, items: Tensor, user: int | None) -> Tensor:
        zeros = torch.zeros(self.length, items.shape[1], dtype=torch.float64)
        image = torch.cat([zeros, items])[-self.length :]  # E: (L, d)
        features = torch.cat([*self.horizontal(image), *self.vertical(image)])
        z = self.parameters["out.weight"] @ features + self.parameters["out.bias"]
        if user is not None:
            joined = torch.cat([relu(z), self.parameters["user.weight"][user]])
            z = self.parameters["join.weight"] @ joined + self.parameters["join.bias"]
        return relu(z) if self.relu else z

    def horizontal(self, image: Tensor) -> list[Tensor]:
        """o: of each filter of each height the largest of its values (Eq. 2 - 5)."""
        largest = []
        for height in range(1, self.length + 1):
            begin = sum(range(height))
            filters = self.parameters["horizontal"][begin : begin + height]  # (h, d, n_h)
            biases = self.parameters["horizontal_bias"][height - 1]
            for weight, bias in zip(filters.unbind(-1), biases, strict=True):
                values = []
                for top in range(self.length - height + 1):
                    window = image[top : top + height]
                    values.append((window * weight).sum() + bias)
                largest.append(relu(torch.stack(values)).max()[None])
        return largest

    def vertical(self, image: Tensor) -> list[Tensor]:
        """õ: the sums of the rows, weighted by each filter (Eq. 6 - 8)."""
        return [
            torch.stack([weight[row] * image[row] for row in range(self.length)]).sum(0)
            for weight in self.parameters["vertical"]
        ]


def relu(x: Tensor) -> Tensor:
    return torch.where(x > 0, x, torch.zeros_like(x))
