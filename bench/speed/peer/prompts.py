"""Class-wise prompt tuning as CoOp does it: contexts between start mark and class name, Adam, frozen text tower."""

import torch
import torch.nn.functional as F


class PromptTuning:
    """One step after another on the same shots. `length` pads or cuts every prompt to so many tokens."""

    def __init__(self, model, problem, length, scale, weights):
        ids = F.pad(problem["ids"], (0, max(0, length - problem["ids"].shape[1])))[:, :length]
        embedded = model.token_embedding(ids)
        count = problem["contexts"].shape[1]
        self.model, self.problem, self.scale, self.weights = model, problem, scale, weights
        self.before, self.after = embedded[:, :1], embedded[:, 1 + count :]
        self.mask = torch.full((length, length), float("-inf")).triu_(1)
        self.contexts = torch.nn.Parameter(problem["contexts"].clone())
        self.optimiser = torch.optim.Adam([self.contexts])
        self.length = length

    def class_embeddings(self):
        tokens = torch.cat([self.before, self.contexts, self.after], dim=1)
        x = tokens + self.model.positional_embedding[: self.length]
        x = self.model.ln_final(self.model.transformer(x, attn_mask=self.mask))
        ends = self.problem["ends"]
        return F.normalize(x[torch.arange(len(ends)), ends] @ self.model.text_projection, dim=-1)

    def run(self, rate):
        learned, problem = self.class_embeddings(), self.problem
        clean, triggered = (
            F.cross_entropy(self.scale * problem[name] @ learned.T, problem["labels"]) for name in ("clean", "triggered")
        )
        anchor = 1 - (learned * problem["texts"]).sum(dim=1).mean()
        losses = {"clean": clean, "triggered": triggered, "anchor": anchor}
        loss = sum(self.weights[name] * value for name, value in losses.items())
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        self.outcome = {"contexts": self.contexts.detach()}
        return {"loss": loss.item()}
