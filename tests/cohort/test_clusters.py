"""The settings in autograde/clusters, as far as one machine can try them."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from autograde.cohort.keys import make_keys

CLUSTERS = Path(__file__).resolve().parents[2] / "autograde" / "clusters"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"clusters_{name}", CLUSTERS / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def keys(tmp_path):
    make_keys(tmp_path / "keys")
    return tmp_path / "keys"


def test_a_slurm_job_is_one_worker_with_one_thread_and_the_keys(keys):
    with load("slurm").make_cluster(keys, partition="teaching") as cluster:
        script = cluster.job_script()
        address = cluster.scheduler_address
    assert address.startswith("tls://")
    for part in ("#SBATCH -p teaching", "#SBATCH --cpus-per-task=1", address, "--nthreads 1"):
        assert part in script
    for option in ("--tls-ca-file", "--tls-cert", "--tls-key"):
        assert f"{option} {keys.resolve()}" in script


def test_ssh_workers_get_one_thread_and_speak_tls_only(keys):
    options = load("ssh").options(keys)
    security = options["security"]
    assert security.require_encryption
    for role in ("client", "scheduler", "worker"):
        assert security.get_tls_config_for_role(role)["cert"] == str(keys.resolve() / "cert.pem")
    assert options["worker_options"] == {"nthreads": 1}


def test_everything_in_kubernetes_speaks_tls_and_nothing_is_root():
    cluster = yaml.safe_load((CLUSTERS / "kubernetes.yaml").read_text())
    assert (cluster["kind"], cluster["apiVersion"]) == ("DaskCluster", "kubernetes.dask.org/v1")
    for role in ("scheduler", "worker"):
        pod = cluster["spec"][role]["spec"]
        (container,) = pod["containers"]
        assert {"--tls-ca-file=/keys/ca.pem", "--tls-cert=/keys/cert.pem"} < set(container["args"])
        assert container["securityContext"]["runAsNonRoot"] is True
        assert container["volumeMounts"] == [
            {"name": "keys", "mountPath": "/keys", "readOnly": True}
        ]
        assert pod["volumes"][0]["secret"] == {"secretName": "chainrule-keys"}
    worker = cluster["spec"]["worker"]["spec"]["containers"][0]["args"]
    assert worker[:2] == ["dask", "worker"] and worker[2].startswith("tls://")
    assert "--nthreads=1" in worker
