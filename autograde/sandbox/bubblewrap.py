"""The command line that starts a program inside bubblewrap.

Nothing of this machine exists there but shared libraries, the interpreter, the allowed packages,
the learner package and the code in `inside/`, all read-only and at neutral paths.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from autograde.sandbox.model import SandboxUnavailable

# As root, code runs under this user id, which no account is expected to have: unlike 0 it is bound
# by the limit on processes, and may make a user namespace without any right outside it.
UNPRIVILEGED = 59999

PYTHON = "/opt/python"
SITE = "/opt/site-packages"
CODE = "/opt/grader"
TOOLS = "/opt/bin"

ENVIRONMENT = {
    "HOME": "/tmp",
    "USER": "learner",
    "LOGNAME": "learner",
    "LANG": "C.UTF-8",
    "TZ": "UTC",
    "IPYTHONDIR": "/tmp/.ipython",
    "MPLBACKEND": "agg",
    "MPLCONFIGDIR": "/tmp/matplotlib",
    "PYTHONHASHSEED": "0",  # the same order of sets every time
    "PYTHONDONTWRITEBYTECODE": "1",
    # One thread, so that the warm parent can fork.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    # ONNX Runtime would report to its maker, from a thread that is there from the import on.
    "ORT_DISABLE_TELEMETRY": "1",
}


def command(site: Mapping[str, Path], code: Path, arguments: list[str]) -> list[str]:
    """The command line for `python ARGUMENTS` inside.

    site: what site-packages holds inside, name -> path here. code: the folder `inside/`.
    Raises SandboxUnavailable when a program is missing.
    """
    line = [
        tool("bwrap", "bubblewrap"),
        *"--unshare-pid --unshare-net --unshare-ipc --unshare-uts --unshare-cgroup-try".split(),
        *"--die-with-parent --new-session --clearenv --hostname sandbox".split(),
        *system_libraries(),
    ]
    python, interpreter = interpreter_files()
    line += interpreter
    line += folders(SITE, CODE)
    for name, path in sorted(site.items()):
        line += ["--ro-bind", str(path), f"{SITE}/{name}"]
    line += ["--ro-bind", str(code), f"{CODE}/inside"]
    line += "--proc /proc --dev /dev --tmpfs /tmp --chmod 1777 /tmp".split()
    for name, value in environment(python).items():
        line += ["--setenv", name, value]
    privileges = drop_root() if os.geteuid() == 0 else ["--unshare-user", "--remount-ro", "/"]
    return [*line, *privileges, python, "-s", "-P", *arguments]


def tool(name: str, package: str) -> str:
    path = shutil.which(name, path=os.defpath + ":/usr/sbin:/sbin:" + os.environ.get("PATH", ""))
    if path is None:
        raise SandboxUnavailable(
            f"The sandbox needs `{name}`, which is not installed here. "
            f"Install it with `apt-get install {package}`."
        )
    return path


def folders(*paths: str) -> list[str]:
    """Make folders, each with its parents: bubblewrap would make those for its owner only."""
    wanted = {str(part) for path in paths for part in [Path(path), *Path(path).parents]}
    return [word for path in sorted(wanted - {"/"}) for word in ("--dir", path)]


def system_libraries() -> list[str]:
    """Shared libraries at their own paths, without any Python package among them."""
    line = folders("/usr", "/etc")
    for path in ("/usr/lib", "/usr/lib64", "/etc/ld.so.cache"):
        line += ["--ro-bind-try", path, path]
    for path in ("/lib", "/lib64"):
        if os.path.islink(path):
            line += ["--symlink", os.readlink(path), path]
        else:
            line += ["--ro-bind-try", path, path]
    for parent in ("/usr/lib", "/usr/lib64"):
        line += hide_packages(parent, parent)
    return line


def interpreter_files() -> tuple[str, list[str]]:
    """The interpreter's path inside, and the words that put it and its library there."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    real = os.path.realpath(sys.executable)
    if sys.base_prefix == "/usr":  # its library came with the system's
        return f"/usr/bin/{name}", [*folders("/usr/bin"), "--ro-bind", real, f"/usr/bin/{name}"]
    line = folders(f"{PYTHON}/bin")
    line += ["--ro-bind", real, f"{PYTHON}/bin/{name}"]
    line += ["--ro-bind", f"{sys.base_prefix}/lib", f"{PYTHON}/lib"]
    line += hide_packages(f"{sys.base_prefix}/lib", f"{PYTHON}/lib")
    return f"{PYTHON}/bin/{name}", line


def hide_packages(here: str, inside: str) -> list[str]:
    """Cover every site-packages below a library folder with an empty one."""
    line = []
    for kind in ("site-packages", "dist-packages"):
        for path in sorted(Path(here).glob(f"python3*/{kind}")):
            target = f"{inside}/{path.relative_to(here)}"
            line += ["--tmpfs", target, "--remount-ro", target]
    return line


def environment(python: str) -> dict[str, str]:
    """All that the child sees of an environment."""
    return {
        **ENVIRONMENT,
        "PATH": str(Path(python).parent),
        "PYTHONPATH": f"{CODE}:{SITE}",
        "LD_LIBRARY_PATH": f"{PYTHON}/lib",
    }


def drop_root() -> list[str]:
    """As root: no user namespace around, but an unprivileged user from the first line of Python.

    bubblewrap covers parts of /proc against root, and the kernel then refuses a fresh /proc in the
    namespaces of each submission; so a plain one is mounted over it before root is given up.
    """
    kept = [word for name in ("SETUID", "SETGID", "SYS_ADMIN") for word in ("--cap-add", name)]
    kept = [f"CAP_{word}" if word.isupper() else word for word in kept]
    binds = folders(TOOLS)
    for name in ("setpriv", "unshare"):
        binds += ["--ro-bind", tool(name, "util-linux"), f"{TOOLS}/{name}"]
    ids = [f"--reuid={UNPRIVILEGED}", f"--regid={UNPRIVILEGED}", "--clear-groups"]
    return [
        *binds,
        *["--remount-ro", "/", "--cap-drop", "ALL"],
        *kept,
        *[f"{TOOLS}/unshare", "--mount-proc"],
        *[f"{TOOLS}/setpriv", *ids, "--no-new-privs", "--inh-caps=-all"],
    ]
