"""The PyTorch side of the benchmark.

    peer.py FOLDER THREADS

Loads an open_clip folder, then answers each JSON request on standard input (one per line) with one JSON line:
    image    prepare an image tower's run: name, problem, gradient (whether backwards as well), compiled
    prompts  prepare steps of prompt tuning: name, problem, length (tokens), scale, weights
    run      run what is called `name` once: milliseconds, and the loss of a tuning step; `rate` where it tunes
    result   write what the last run came to: name, file
Numbers other than single ones travel as safetensors files.
"""

import json
import os
import sys
import time
import warnings

import open_clip
import torch
from safetensors.torch import load_file, save_file

from prompts import PromptTuning


class ImageRun:
    """Embeddings of a batch of pictures in [0, 1] and, if wanted, the gradient of sum(embeddings * direction)."""

    def __init__(self, model, problem, gradient, compiled):
        self.pixels, self.direction = problem["pixels"], problem["direction"]
        self.gradient = gradient
        mean = torch.tensor(model.visual.preprocess_cfg["mean"]).view(1, 3, 1, 1)
        std = torch.tensor(model.visual.preprocess_cfg["std"]).view(1, 3, 1, 1)

        def embed(pixels):
            return model.encode_image((pixels - mean) / std)

        self.embed = torch.compile(embed) if compiled else embed

    def run(self):
        if not self.gradient:
            with torch.inference_mode():
                self.outcome = {"embedding": self.embed(self.pixels)}
            return {}
        pixels = self.pixels.detach().requires_grad_(True)
        embedding = self.embed(pixels)
        (gradient,) = torch.autograd.grad((embedding * self.direction).sum(), pixels)
        self.outcome = {"embedding": embedding.detach(), "gradient": gradient}
        return {}


def prepare(model, request):
    problem = load_file(request["problem"])
    if request["do"] == "image":
        return ImageRun(model, problem, request["gradient"], request["compiled"])
    return PromptTuning(model, problem, request["length"], request["scale"], request["weights"])


def answer(model, runs, request):
    name = request["name"]
    if request["do"] in ("image", "prompts"):
        runs[name] = prepare(model, request)
        return {}
    if request["do"] == "run":
        options = {key: value for key, value in request.items() if key not in ("do", "name")}
        started = time.perf_counter()
        measures = runs[name].run(**options)
        return {"milliseconds": 1000 * (time.perf_counter() - started), **measures}
    if request["do"] == "result":
        save_file({key: value.contiguous() for key, value in runs[name].outcome.items()}, request["file"])
        return {}
    raise ValueError(f"unknown request {request['do']!r}")


def main():
    folder, threads = sys.argv[1], int(sys.argv[2])
    # Libraries print; only answers may reach the pipe.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    torch.set_num_threads(threads)
    model = open_clip.create_model(f"local-dir:{folder}").eval().requires_grad_(False)
    versions = {
        "python": sys.version.split()[0],
        "torch": torch.__version__,
        "open_clip": open_clip.__version__,
    }
    print(json.dumps({"versions": versions}), file=answers)
    runs = {}
    for line in sys.stdin:
        try:
            reply = answer(model, runs, json.loads(line))
        except Exception as error:
            reply = {"error": f"{type(error).__name__}: {error}".splitlines()[0]}
        print(json.dumps(reply), file=answers)


main()
