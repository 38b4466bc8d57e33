"""How long from `%load_ext quantlab` until the venue's health is OK? Prints JSON.

Each round is a fresh kernel with an empty home, no network and no account. The time is taken
inside the kernel, from before the load to the moment the health state is OK, so it holds the
import, the venue's process, the connections, the books and the first measurements.

Run: python tests/benchmarks/bench_load.py [--rounds 10]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile

from jupyter_client.manager import start_new_kernel

CELLS = (
    "import time; started = time.perf_counter()",
    "%load_ext quantlab",
    "await ql.health.until_ok(timeout_s=30); print(time.perf_counter() - started)",
)


def one_round() -> float:
    with tempfile.TemporaryDirectory() as home:
        environment = {name: text for name, text in os.environ.items() if not name.startswith("QUANTLAB_")}
        manager, client = start_new_kernel(env={**environment, "QUANTLAB_HOME": home})
        try:
            printed: list[str] = []
            for cell in CELLS:
                reply = client.execute_interactive(
                    cell,
                    timeout=60,
                    output_hook=lambda message: printed.append(message["content"].get("text", "")),
                )
                if reply["content"]["status"] != "ok":
                    raise SystemExit(f"{cell}: {reply['content']}")
            return float("".join(printed).split()[-1])
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    times = [one_round() for _ in range(parser.parse_args().rounds)]
    result = {"median_s": round(statistics.median(times), 3), "worst_s": round(max(times), 3)}
    print(json.dumps({"bench": "load_ext to health OK", "rounds": len(times), **result}))


if __name__ == "__main__":
    main()
