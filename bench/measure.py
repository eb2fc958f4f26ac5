"""How every Python competitor measures: like `go test -bench -benchtime S -count N`.

A script prints JSON: ms, N measurements, each the mean time of a run over S seconds; cpu_ms, the same in
processor time; peak_mb, the process's peak memory without its imports.
"""
import argparse
import json
import math
import resource
import sys
import time


def arguments(description, models, works, flags=()):
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", choices=[*works, "version"])
    parser.add_argument("model", nargs="?", choices=models)
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--count", type=int, default=5)
    for flag in flags:
        parser.add_argument(flag, action="store_true")
    return parser.parse_args()


def main(args, version, prepare):
    """Prints the version, or the times of the function that prepare makes."""
    if args.work == "version":
        print(json.dumps({"version": version}))
        return
    imported = peak_mb()
    try:
        times = measurements(prepare(args), args)
    except Exception as why:  # the last line that a script writes is its reason to fail
        message = str(why).strip().partition("\n")[0]
        sys.exit(f"{type(why).__name__}: {message}")
    print(json.dumps({"ms": [ms for ms, _ in times], "cpu_ms": [cpu for _, cpu in times],
                      "peak_mb": peak_mb() - imported}))


def measurements(work, args):
    mean_times(work, 2)  # the first runs choose kernels and fill caches
    runs = max(1, math.ceil(args.seconds * 1e3 / mean_times(work, 2)[0]))
    return [mean_times(work, runs) for _ in range(args.count)]


def mean_times(work, runs):
    """The means of a run's time and processor time, in ms."""
    start, cpu = time.perf_counter(), time.process_time()
    for _ in range(runs):
        work()
    return (time.perf_counter() - start) * 1e3 / runs, (time.process_time() - cpu) * 1e3 / runs


def peak_mb():
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
