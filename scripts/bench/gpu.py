"""Our times on a GPU beside PyTorch's:
gpu.py BUILD [--rounds N] [--only step,frozen,population] [--nets lenet300,lenet5,caffenet]

BUILD is the folder of a build with -DOLMP_BENCH=ON. PyTorch does the same work eagerly, compiled, recorded as a CUDA graph,
and compiled and recorded; for convolutions in both memory formats. The fastest of them counts. Ours and theirs take turns.
Prints tables of microseconds and of the ratio to the fastest, in full precision and with TF32 on both sides.
"""

import argparse
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import torch
from torch import nn

from peer import CANDIDATES, batched, network, network_for_search, one_by_one, shares_around, thresholds

DEVICE = "cuda"
STEPS = 64  # between two waits, on either side
NAMES = {"lenet300": "LeNet-300-100", "lenet5": "LeNet-5", "caffenet": "CaffeNet"}
BATCHES = {"lenet300": 64, "lenet5": 64, "caffenet": 256}
SHARES = {"lenet300": 0.0088, "lenet5": 0.0033}  # of the weights that the published compressed nets keep


def ours(build, program, *args):
    """Medians in microseconds by what is timed; where a program has sections, of the last."""
    command = [str(build / program), *map(str, args)]
    text = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    found = re.findall(r"^\s+(.+?)\s+median\s+([\d.]+)\s+min\s+([\d.]+)$", text, re.MULTILINE)
    return {what: float(median) for what, median, _ in found}


def set_tf32(allowed):
    torch.backends.cuda.matmul.allow_tf32 = allowed
    torch.backends.cudnn.allow_tf32 = allowed


def micros(work, repetitions=10, units=STEPS):
    """Median over repetitions of `units` calls of `work` and one wait."""
    samples = []
    for repetition in range(repetitions + 2):
        torch.cuda.synchronize()
        start = time.perf_counter()
        for _ in range(units):
            work()
        torch.cuda.synchronize()
        if repetition >= 2:
            samples.append((time.perf_counter() - start) * 1e6 / units)
    return statistics.median(samples)


def recorded(work):
    """`work` as a CUDA graph. It has to have run before, on a stream of its own, so that everything is there."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            work()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    return graph.replay


def optimizer_of(parameters):
    options = {"lr": 1e-4, "momentum": 0.9, "weight_decay": 5e-4}
    try:
        return torch.optim.SGD(parameters, fused=True, **options)
    except (TypeError, RuntimeError):
        return torch.optim.SGD(parameters, foreach=True, **options)


def training_step(name, batch, memory_format, compiled, share):
    net, shape = network(name)
    net = net.to(DEVICE)
    data = torch.rand(batch, *shape, device=DEVICE)
    label = torch.randint(0, 10, (batch,), device=DEVICE)
    if data.dim() == 4:
        net, data = net.to(memory_format=memory_format), data.contiguous(memory_format=memory_format)
    weights = list(net.parameters())
    masks = [] if share is None else [(torch.rand_like(w) < share).to(w) for w in weights]
    optimizer = optimizer_of(weights)
    loss = nn.CrossEntropyLoss()

    def pass_over():
        return loss(net(data), label)

    run = torch.compile(pass_over) if compiled else pass_over

    def step():
        optimizer.zero_grad(set_to_none=False)
        run().backward()
        optimizer.step()
        if masks:
            with torch.no_grad():
                torch._foreach_mul_(weights, masks)

    step()  # so that gradients and momentum are there to be recorded
    return step


def attempt(times, what, work):
    try:
        times[what] = work()
    except Exception as error:  # a way that this version or net does not take is left out, and told
        told = (str(error).splitlines() or [type(error).__name__])[0]
        print(f"  left out: {what}: {told[:160]}", file=sys.stderr)


def forget_compiled():
    """What was compiled for one case is not to be met by the next. PyTorch before 2 compiles nothing."""
    if hasattr(torch, "compile"):
        torch._dynamo.reset()


def peer_training(name, batch, share=None):
    units = 8 if name == "caffenet" else STEPS
    formats = [torch.contiguous_format] if name == "lenet300" else [torch.contiguous_format, torch.channels_last]
    times = {}
    for memory_format in formats:
        suffix = ", channels last" if memory_format is torch.channels_last else ""
        for compiled in (False, True):
            way = "compiled" if compiled else "eager"
            attempt(times, way + suffix, lambda: micros(training_step(name, batch, memory_format, compiled, share), units=units))
            graph = ("compiled, " if compiled else "") + "CUDA graph" + suffix
            attempt(
                times,
                graph,
                lambda: micros(recorded(training_step(name, batch, memory_format, compiled, share)), units=units),
            )
            forget_compiled()
    return times


def peer_population(name, batch, share):
    net, shape = network_for_search(name)
    data = torch.rand(batch, *shape, device=DEVICE)
    label = torch.randint(0, 10, (batch,), device=DEVICE)
    times = {}
    with torch.no_grad():
        limits = [limit.to(DEVICE) for limit in thresholds(net, shares_around(share))]
        net = net.to(DEVICE)

        def side_by_side():
            return batched(net, data, label, limits, read=False)

        def until_read(run):
            def work():
                for values in run():
                    values.tolist()

            return micros(work, units=8) / CANDIDATES

        def recorded_population():
            outputs = []

            def work():
                outputs[:] = side_by_side()

            replay = recorded(work)

            def run():
                replay()
                return outputs

            return run

        attempt(times, "one by one", lambda: micros(lambda: one_by_one(net, data, label, limits), units=4) / CANDIDATES)
        attempt(times, "batched", lambda: until_read(side_by_side))
        attempt(times, "batched, compiled", lambda: until_read(torch.compile(side_by_side)))
        attempt(times, "batched, CUDA graph", lambda: until_read(recorded_population()))
    forget_compiled()
    return times


def fastest(rounds):
    """Of each way the median over the rounds; the fastest of them."""
    ways = {way for times in rounds for way in times}
    medians = {way: statistics.median(t[way] for t in rounds if way in t) for way in ways}
    return min(medians.items(), key=lambda item: item[1]), medians


def compare(rounds, mine, theirs):
    """Takes turns; answers our median, and the peer's ways."""
    own, peer = [], []
    for _ in range(rounds):
        own.append(mine())
        peer.append(theirs())
    return statistics.median(own), *fastest(peer)


def cases(build, nets, kinds):
    """(kind, net, batch, what, ours on a device, the peer's)"""
    for net in nets:
        batch = BATCHES[net]
        repetitions = 5 if net == "caffenet" else 20
        if "step" in kinds:
            mine = lambda device, n=net, b=batch, r=repetitions: ours(build, "train_step", n, b, 1, r, device)["whole step"]
            yield "step", net, batch, lambda n=net, b=batch: peer_training(n, b), mine
        if net == "caffenet":
            continue
        if "frozen" in kinds:
            mine = lambda device, n=net, b=batch: ours(build, "sparse_step", n, b, 1, 20, device)["step"]
            yield "step on frozen masks", net, batch, lambda n=net, b=batch: peer_training(n, b, SHARES[n]), mine
        if "population" in kinds:
            for share in (0.1, 0.01):
                mine = lambda device, n=net, b=batch, s=share: ours(build, "population", n, s, b, 1, 20, device)["evaluation"]
                what = f"candidate, {share:.0%} kept"
                yield what, net, batch, lambda n=net, b=batch, s=share: peer_population(n, b, s), mine


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="step,frozen,population")
    parser.add_argument("--nets", default="lenet300,lenet5,caffenet")
    options = parser.parse_args()
    print(f"{torch.cuda.get_device_name()}, CUDA {torch.version.cuda}, PyTorch {torch.__version__}, {options.rounds} rounds\n")
    for tf32 in (False, True):
        set_tf32(tf32)
        print(f"### {'TF32 on both sides' if tf32 else 'Full precision'}\n")
        print("| what | net | batch | ours, us | PyTorch's fastest, us | its way | ratio |")
        print("| --- | --- | --- | --- | --- | --- | --- |")
        for kind, net, batch, theirs, mine in cases(options.build, options.nets.split(","), options.only.split(",")):
            device = "cuda-tf32" if tf32 else "cuda"
            own, (way, best), all_ways = compare(options.rounds, lambda: mine(device), theirs)
            print(f"| {kind} | {NAMES[net]} | {batch} | {own:.1f} | {best:.1f} | {way} | {best / own:.2f}x |", flush=True)
            others = ", ".join(f"{w} {t:.1f}" for w, t in sorted(all_ways.items(), key=lambda item: item[1]))
            print(f"  {kind}, {net}: {others}", file=sys.stderr)
        print()


if __name__ == "__main__":
    if not torch.cuda.is_available():
        sys.exit("PyTorch sees no CUDA device")
    main()
