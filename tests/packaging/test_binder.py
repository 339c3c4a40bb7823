"""Binder: repo2docker accepts binder/, and the JupyterLab it leaves opens on course/README.md."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

README = "/lab/tree/course/README.md"


@pytest.mark.slow
def test_repo2docker_plans_an_image_with_the_tested_python_and_our_post_build(clean_copy):
    command = [sys.executable, "-m", "repo2docker", "--no-build", "--debug", str(clean_copy)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Building conda environment for python=3.11" in done.stdout + done.stderr
    assert "RUN ./binder/postBuild" in done.stdout


def test_post_build_installs_with_the_pins_and_puts_the_settings_where_they_are_read(
    clean_copy, tmp_path
):
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\nif [ "$1" = -m ]; then echo "$*"; else echo "$PREFIX"; fi\n')
    python.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "PREFIX": str(tmp_path / "conda")}
    done = subprocess.run(
        ["binder/postBuild"], cwd=clean_copy, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "-m pip install --no-cache-dir -c constraints.txt ."
    assert (tmp_path / "conda/etc/jupyter/jupyter_server_config.json").is_file()
    assert (tmp_path / "conda/share/jupyter/lab/settings/overrides.json").is_file()


def test_jupyterlab_knows_the_settings_that_are_overridden(root):
    schemas = Path(sys.prefix) / "share/jupyter/lab/schemas"
    for plugin, settings in json.loads((root / "binder/overrides.json").read_text()).items():
        package, name = plugin.split(":")
        schema = json.loads((schemas / package / f"{name}.json").read_text())
        assert set(settings) <= set(schema["properties"]), plugin


@pytest.mark.slow
@pytest.mark.parametrize("interface", ["notebook", "lab"])
def test_the_server_opens_on_the_course(root, tmp_path, interface):
    """repo2docker's image runs `jupyter notebook`; a hub may run `jupyter lab` instead."""
    shutil.copy(root / "binder/jupyter_server_config.json", tmp_path)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "jupyter", interface, "--no-browser", "--allow-root"]
    command += [f"--ServerApp.port={port}", "--IdentityProvider.token="]
    binaries = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "JUPYTER_CONFIG_DIR": str(tmp_path), "PATH": binaries}
    with open(tmp_path / "log", "w") as log:
        server = subprocess.Popen(command, cwd=root, env=environment, stdout=log, stderr=log)
    try:
        assert first_page(port, server) == README, (tmp_path / "log").read_text()
    finally:
        server.terminate()
        server.wait(30)


def first_page(port: int, server: subprocess.Popen, seconds: float = 60) -> str | None:
    """Where the server sends a visitor of its root; None if it does not come up."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and server.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("GET", "/")
            return (connection.getresponse().getheader("Location") or "").rstrip("?")
        except OSError:
            time.sleep(0.2)
        finally:
            connection.close()
    return None
