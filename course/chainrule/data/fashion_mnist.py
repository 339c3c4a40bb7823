"""Fashion-MNIST: photographs of clothes. Provenance and licence: fashion_mnist.md."""

from __future__ import annotations

from chainrule.data._download import RemoteFile
from chainrule.data._images import Images, ImageSet

FASHION_MNIST = ImageSet(
    name="fashion_mnist",
    title="Fashion-MNIST",
    classes=(
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
    files=(
        RemoteFile(
            "train-images-idx3-ubyte",
            47_040_016,
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        ),
        RemoteFile(
            "train-labels-idx1-ubyte",
            60_008,
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        ),
        RemoteFile(
            "t10k-images-idx3-ubyte",
            7_840_016,
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        ),
        RemoteFile(
            "t10k-labels-idx1-ubyte",
            10_008,
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
    ),
    official="http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    mirror="https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
)


def fashion_mnist(*, full: bool = False, mirror: str | None = None) -> Images:
    """Clothes, 28 by 28: 10,000 for training, 2,000 for testing, without a network.

    full: download all 60,000 and 10,000 on first use (30.9 MB) instead.
    mirror: a base URL for the download, used when the official address fails; default: the
    environment variable CHAINRULE_DATA_MIRROR, then a public mirror.
    Raises UserError when the full set can't be had.
    """
    return FASHION_MNIST.load(full, mirror)
