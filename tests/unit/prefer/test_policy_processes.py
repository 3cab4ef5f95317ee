"""Two processes tune the same policy as one."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import small_policy as small
import torch

RUN = (
    "import json, sys; from pathlib import Path; import small_policy as s; n, port, *paths = sys.argv[1:6]; "
)
RUN += "s.rank(int(n), 2, int(port), *map(Path, paths), json.loads(sys.argv[6]))"


@pytest.mark.slow  # three processes that import torch
def test_two_processes_agree_with_one(tmp_path, tiny_model):
    import json

    cache = small.fill_cache(tmp_path / "cache", tiny_model)
    more = {"steps": 2, "model": small.model(tiny_model, probe={"clips": 1, "steps": 1, "guidance": 1.0})}
    out = tmp_path / "both"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    here = str(Path(small.__file__).parent)
    paths = os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH", "")]))
    args = [str(port), str(out), str(tiny_model), str(cache), json.dumps(more)]
    ranks = [
        subprocess.Popen(
            [sys.executable, "-c", RUN, str(n), *args],
            env=os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for n in range(2)
    ]
    alone = small.trainer(tmp_path / "alone", tiny_model, cache, **more)
    alone.run()
    for one in ranks:
        said, _ = one.communicate(timeout=200)
        assert one.returncode == 0, said[-2000:]
    states = [torch.load(tmp_path / f"both-{n}.pt", weights_only=True) for n in range(2)]
    for name, tensor in alone.tensors().items():
        assert torch.equal(states[0][name], states[1][name]), name
        # Adam turns the last digits of small gradients into small steps; the gradients' means are told apart.
        close = 1e-5 * float(tensor.abs().max()) + 1e-9 if name.endswith("exp_avg") else 1e-3
        assert float((states[0][name] - tensor).abs().max()) <= close, name
