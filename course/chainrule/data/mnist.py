"""MNIST: photographs of handwritten digits. Provenance and licence: mnist.md."""

from __future__ import annotations

from chainrule.data._download import RemoteFile
from chainrule.data._images import Images, ImageSet

MNIST = ImageSet(
    name="mnist",
    title="MNIST",
    classes=tuple("0123456789"),
    files=(
        RemoteFile(
            "train-images-idx3-ubyte",
            47_040_016,
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        ),
        RemoteFile(
            "train-labels-idx1-ubyte",
            60_008,
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        ),
        RemoteFile(
            "t10k-images-idx3-ubyte",
            7_840_016,
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        ),
        RemoteFile(
            "t10k-labels-idx1-ubyte",
            10_008,
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
    ),
    official="https://yann.lecun.com/exdb/mnist/",
    mirror="https://ossci-datasets.s3.amazonaws.com/mnist/",
)


def mnist(*, full: bool = False, mirror: str | None = None) -> Images:
    """Handwritten digits, 28 by 28: 10,000 for training, 2,000 for testing, without a network.

    full: download all 60,000 and 10,000 on first use (11.6 MB) instead.
    mirror: a base URL for the download, used when the official address fails; default: the
    environment variable CHAINRULE_DATA_MIRROR, then a public mirror.
    Raises UserError when the full set can't be had.
    """
    return MNIST.load(full, mirror)
