"""PyTorch doing the work of native/bench: peer.py step|frozen|search NET BATCH THREADS REPETITIONS [share kept].
peer.py searches NET BATCH THREADS REPETITIONS FILE: generations of a real search, as a JSON list of the shares that each
candidate keeps. peer.py wide NET BATCH THREADS REPETITIONS WIDTH: the step of a net whose hidden layers are WIDTH times as wide.

NET is lenet5, lenet300 or caffenet. Prints one JSON object of {what: {"median": us, "min": us}}; of a search, per
candidate. Memory formats that PyTorch offers for convolutions are tried first, and the fastest is timed.
"""

import json
import os
import sys
import time

os.environ["OMP_WAIT_POLICY"] = "PASSIVE"  # spinning threads slow down where cores are shared
if __name__ == "__main__" and len(sys.argv) > 4:
    os.environ["OPENBLAS_NUM_THREADS"] = sys.argv[4]  # threads of its own, of which torch.set_num_threads knows nothing

import torch
from torch import nn
from torch.nn import functional as F

CANDIDATES = 10


def pool(size):
    return nn.MaxPool2d(size, 2, ceil_mode=True)


def network(name, width=1):
    """The net, its hidden layers `width` times as wide, and the shape of one input."""
    if name == "lenet300":
        first, second = 300 * width, 100 * width
        layers = [nn.Linear(784, first), nn.ReLU(True), nn.Linear(first, second), nn.ReLU(True), nn.Linear(second, 10)]
        return nn.Sequential(*layers), (784,)
    if name == "lenet5":
        first, second, units = 20 * width, 50 * width, 500 * width
        layers = [nn.Conv2d(1, first, 5), pool(2), nn.Conv2d(first, second, 5), pool(2), nn.Flatten()]
        layers += [nn.Linear(16 * second, units), nn.ReLU(True), nn.Linear(units, 10)]
        return nn.Sequential(*layers), (1, 28, 28)
    layers = [nn.Conv2d(3, 96, 11, 4), nn.ReLU(True), pool(3), nn.LocalResponseNorm(5)]
    layers += [nn.Conv2d(96, 256, 5, 1, 2, groups=2), nn.ReLU(True), pool(3), nn.LocalResponseNorm(5)]
    layers += [nn.Conv2d(256, 384, 3, 1, 1), nn.ReLU(True), nn.Conv2d(384, 384, 3, 1, 1, groups=2), nn.ReLU(True)]
    layers += [nn.Conv2d(384, 256, 3, 1, 1, groups=2), nn.ReLU(True), pool(3), nn.Flatten()]
    layers += [nn.Linear(9216, 4096), nn.ReLU(True), nn.Linear(4096, 4096), nn.ReLU(True), nn.Linear(4096, 1000)]
    return nn.Sequential(*layers), (3, 227, 227)


def network_for_search(name):
    """The same, each ReLU writing a blob of its own: in place it would write into the images of the other candidates."""
    net, shape = network(name)
    return nn.Sequential(*[nn.ReLU() if isinstance(layer, nn.ReLU) else layer for layer in net]), shape


def shares_around(share):
    """What the candidates of one generation keep."""
    return (share * torch.linspace(0.8, 1.2, CANDIDATES)).tolist()


def timed(samples, work):
    start = time.perf_counter()
    result = work()
    samples.append((time.perf_counter() - start) * 1e6)
    return result


def summary(samples, warmup, divisor=1):
    """Median and minimum, in microseconds, of what is left after the first `warmup`."""
    rest = sorted(samples[warmup:])
    return {"median": rest[len(rest) // 2] / divisor, "min": rest[0] / divisor}


def train(name, batch, repetitions, memory_format, share=None, width=1):
    """Forward, backward, update. With `share` on fixed masks, pruned weights kept at zero after each update."""
    net, shape = network(name, width)
    data, label = torch.rand(batch, *shape), torch.randint(0, 10, (batch,))
    if data.dim() == 4:
        net, data = net.to(memory_format=memory_format), data.contiguous(memory_format=memory_format)
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-4, momentum=0.9, weight_decay=5e-4)
    masks = [] if share is None else [(torch.rand_like(w) < share).to(w) for w in net.parameters()]
    loss = nn.CrossEntropyLoss()
    forward, backward, update, step = [], [], [], []

    def apply():
        optimizer.step()
        with torch.no_grad():
            for weights, mask in zip(net.parameters(), masks):
                weights.mul_(mask)

    def whole():
        optimizer.zero_grad()
        value = timed(forward, lambda: loss(net(data), label))
        timed(backward, value.backward)
        timed(update, apply)

    warmup = max(1, min(10, repetitions // 5))
    for _ in range(repetitions + warmup):
        timed(step, whole)
    parts = {"forward": forward, "backward": backward, "update": update, "step": step}
    return {what: summary(samples, warmup) for what, samples in parts.items()}


def thresholds(net, shares):
    """Of each layer's magnitudes, by the share that a candidate keeps: shape (candidates,)."""
    shares = torch.as_tensor(shares).clamp(max=1)
    return [torch.quantile(w.flatten()[:100000].abs(), 1 - shares) for w in net.parameters()]


def one_by_one(net, data, label, limits):
    layers = list(net)
    for candidate in range(len(limits[0])):
        parameters = iter([w * (w.abs() >= t[candidate]) for w, t in zip(net.parameters(), limits)])
        x = data
        for layer in layers:
            if isinstance(layer, nn.Conv2d):
                x = F.conv2d(x, next(parameters), next(parameters))
            elif isinstance(layer, nn.Linear):
                x = F.linear(x, next(parameters), next(parameters))
            else:
                x = layer(x)
        F.cross_entropy(x, label).item()
        (x.argmax(1) == label).float().mean().item()


def batched(net, data, label, limits, read=True):
    """All candidates at once: a convolution with a group for each, products by bmm. Answers losses and accuracies, read where
    that is asked for."""
    masked = []
    for w, t in zip(net.parameters(), limits):
        t = t.view(-1, *[1] * w.dim())
        masked.append(w * (w.abs() >= t))  # (candidates, *shape)
    parameters = iter(masked)
    batch, candidates = data.shape[0], len(limits[0])
    x, stacked = data, False  # (batch, candidates * channels, h, w) of images, (candidates, batch, n) of vectors
    for layer in net:
        if isinstance(layer, nn.Conv2d):
            w, b = next(parameters), next(parameters)
            x = F.conv2d(x, w.flatten(0, 1), b.flatten(), groups=candidates if stacked else 1)
            stacked = True
        elif isinstance(layer, nn.Flatten):
            x = x.view(batch, candidates, -1).transpose(0, 1)
        elif isinstance(layer, nn.Linear):
            w, b = next(parameters), next(parameters)
            if x.dim() == 2:  # the same images for all
                x = F.linear(x, w.flatten(0, 1)).view(batch, candidates, -1).transpose(0, 1) + b.unsqueeze(1)
            else:
                x = torch.baddbmm(b.unsqueeze(1), x, w.transpose(1, 2))
        else:
            x = layer(x)
    losses = F.cross_entropy(x.reshape(candidates * batch, -1), label.repeat(candidates), reduction="none")
    results = losses.view(candidates, batch).mean(1), (x.argmax(2) == label).float().mean(1)
    return [values.tolist() for values in results] if read else results


def evaluations(name, batch, repetitions, generations):
    """Microseconds per candidate over the generations, each a list of shares kept."""
    net, shape = network_for_search(name)
    data, label = torch.rand(batch, *shape), torch.randint(0, 10, (batch,))
    result = {}
    candidates = sum(len(shares) for shares in generations)
    with torch.no_grad():
        limits = [thresholds(net, shares) for shares in generations]
        for what, work in (("one by one", one_by_one), ("batched", batched)):
            samples = []
            for _ in range(repetitions + 1):
                timed(samples, lambda: [work(net, data, label, own) for own in limits])
            result[what] = summary(samples, 1, candidates)
    return result


def main(kind, name, batch, threads, repetitions, share=None):
    torch.manual_seed(1)
    torch.set_num_threads(int(threads))
    torch.set_flush_denormal(True)
    batch, repetitions = int(batch), int(repetitions)
    if kind == "search":
        return evaluations(name, batch, repetitions, [shares_around(float(share))])
    if kind == "searches":
        with open(share) as file:
            return evaluations(name, batch, repetitions, json.load(file))
    width = int(share) if kind == "wide" else 1
    share = float(share) if kind == "frozen" else None
    formats = [torch.contiguous_format] if name == "lenet300" else [torch.contiguous_format, torch.channels_last]
    trial = max(2, repetitions // 10)
    best = min(formats, key=lambda format: train(name, batch, trial, format, share, width)["step"]["min"])
    return train(name, batch, repetitions, best, share, width)


if __name__ == "__main__":
    if len(sys.argv) < 6:
        sys.exit(__doc__)
    print(json.dumps(main(*sys.argv[1:])))
