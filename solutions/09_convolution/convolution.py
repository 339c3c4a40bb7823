# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 09 · How does a network see?
#
# {badges}
#
# Through a small window that slides over the picture and asks the same question everywhere. In this
# unit you build that window, from two loops up to one matrix product, and the way back through it.
# Then you stack windows into **LeNet**, the network that once read cheques. It tells ten kinds of
# clothes apart, right 88 times in 100, and a picture that is pushed by two pixels confuses it far
# less than the network of unit 05.
#
# **Time:** about 3 hours. **You need:** units 03 to 05 (backprop, layers, training with PyTorch). A
# GPU is used if there is one; none is needed.

# %% tags=["setup"]
# Setup: run me first. Safe to run twice; installs only what is missing.
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("chainrule") is None:
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "chainrule"], check=True)

# %%
import time

import numpy as np
import torch
from torch import nn

import chainrule
from chainrule import data, plot
from chainrule.convolution import check, widgets
from chainrule.device import device as fastest_device
from chainrule.train import LiveCurves

# %% [markdown]
# This is where you will arrive: what a window sees in a photograph, and how two networks fare when
# the test pictures are pushed to the side.

# %% tags=["demo"]
widgets.promise()

# %% [markdown]
# ## The inspector
#
# An inspector looks for cracks in a wall. He holds a magnifying glass over one small spot, asks "is
# there a crack here?", moves the glass by a hand, and asks again. One question, many places.
#
# The network of unit 05 works otherwise. Each of its neurons has its own weight for each of the 784
# pixels: a separate inspector for every spot of the wall, and each must learn from scratch what a
# crack is.
#
# A picture is a table of brightness. Here is a tiny one, dark on the left and bright on the right,
# and a question: a **kernel**, a small table of weights. Lay it over a spot, multiply number by
# number, add up. **Predict** both answers.

# %% tags=["demo", "nbval-check-output"]
wall = np.array(
    [
        [0.0, 0.0, 0.0, 9.0, 9.0],
        [0.0, 0.0, 0.0, 9.0, 9.0],
        [0.0, 0.0, 0.0, 9.0, 9.0],
        [0.0, 0.0, 0.0, 9.0, 9.0],
    ]
)
brighter_on_the_right = np.array([[-1.0, 1.0], [-1.0, 1.0]])
for left in (0, 2):
    spot = wall[1:3, left : left + 2]
    print(f"columns {left} and {left + 1}:", np.sum(spot * brighter_on_the_right))

# %% [markdown]
# In a dark area the answer is 0, at the edge it is 18. Sliding the kernel over all places gives a
# new picture, a **feature map**: bright where the answer is large. This is a **convolution**:
#
# $$y_{ij}=\sum_{a}\sum_{b}x_{i+a,\,j+b}\,w_{ab}$$
#
# $x$ is the picture, $w$ the kernel, $y$ the map; $i,j$ say where the kernel's upper left corner
# lies, and $a,b$ run over the kernel. (Mathematicians turn the kernel by 180° first and call ours
# *cross-correlation*. For weights that are learned it makes no difference, and every deep-learning
# library does it as we do.)

# %% [markdown]
# ## The border
#
# A kernel of 3 by 3 can stand in the middle of any pixel except those at the border: there it would
# hang over the edge. So the map comes out smaller than the picture, unless the picture gets a
# border of zeros first. That is **padding**.
#
# ### Exercise 1 · pad2d · 2 points · 10 min
# Pictures will come in stacks, so pad the **last two** axes, however many stand before them.
# `x[..., 2:5, 1:3]` picks rows 2 to 4 and columns 1 and 2 of the last two axes; the dots stand for
# all the others.


# %% exercise="pad2d"
def pad2d(x, padding):
    """A picture, or a stack of them, with a border of zeros on all four sides.

    x: array (..., height, width), for example (batch, channels, height, width). It stays as it was.
    padding: how many rows of zeros above and below, and columns left and right; 0 or more.
    Returns a new array (..., height + 2 * padding, width + 2 * padding).

    pad2d([[5., 6.]], 1) -> [[0., 0., 0., 0.], [0., 5., 6., 0.], [0., 0., 0., 0.]]
    """
    ### BEGIN SOLUTION
    *before, height, width = x.shape
    padded = np.zeros((*before, height + 2 * padding, width + 2 * padding))
    padded[..., padding : padding + height, padding : padding + width] = x
    return padded
    ### END SOLUTION


# %% check="pad2d"
check.pad2d(pad2d)

# %% [markdown]
# ## How many places?
#
# Along a row of 7 pixels, a kernel of 3 has 5 places to stand: its left edge on pixel 0, 1, 2, 3 or
# 4. Two more tricks change the number. Padding makes the row longer. And the glass may move by more
# than one pixel at a time: that is the **stride**. With stride 2 it stands on 0, 2 and 4 only.
#
# ### Exercise 2 · output_size · 2 points · 10 min
# How many places are there? **Predict first**, for 8 pixels, a kernel of 3 and a stride of 2: where
# does the last one start, and which pixel does nobody look at?


# %% exercise="output_size"
def output_size(size, kernel, stride=1, padding=0):
    """How many places a kernel has along one axis.

    size: how many pixels. kernel: how many of them it covers. stride: how far it moves each time.
    padding: how many zeros were put at each of the two ends.
    Returns a whole number. Places where the kernel would hang over the end don't count.

    output_size(7, 3) -> 5          output_size(7, 3, stride=2) -> 3
    """
    ### BEGIN SOLUTION
    return (size + 2 * padding - kernel) // stride + 1
    ### END SOLUTION


# %% check="output_size"
check.output_size(output_size)

# %% [markdown]
# The most common choices, for a picture of 28 pixels. A kernel of 5 with padding 2 keeps the size.
# **Predict** the rest, then run.

# %% tags=["demo", "nbval-check-output"]
for kernel, stride, padding in ((5, 1, 0), (5, 1, 2), (3, 2, 1), (2, 2, 0)):
    places = output_size(28, kernel, stride, padding)
    print(f"kernel {kernel}, stride {stride}, padding {padding}: {places} places")

# %% [markdown]
# ## Slide it
#
# ### Exercise 3 · conv2d_single · 3 points · 20 min
# One picture, one kernel, no padding, stride 1. Two loops, one over the rows and one over the
# columns where the kernel's corner can stand; your `output_size` says how many there are. At each
# place do what we did with the wall.


# %% exercise="conv2d_single"
def conv2d_single(image, kernel):
    """Slide a kernel over a picture; at each place, multiply and add up.

    image: array (height, width). kernel: array (kernel_height, kernel_width), not larger.
    Returns the feature map, an array with a number for every place:
    (height - kernel_height + 1, width - kernel_width + 1).

    conv2d_single([[1., 2., 4.], [0., 0., 1.]], [[10., 1.]]) -> [[12., 24.], [0., 1.]]
    """
    ### BEGIN SOLUTION
    height, width = kernel.shape
    rows, columns = output_size(image.shape[0], height), output_size(image.shape[1], width)
    result = np.zeros((rows, columns))
    for row in range(rows):
        for column in range(columns):
            window = image[row : row + height, column : column + width]
            result[row, column] = np.sum(window * kernel)
    return result
    ### END SOLUTION


# %% check="conv2d_single"
check.conv2d_single(conv2d_single)

# %% [markdown]
# Now paint a kernel of your own. Choose one to begin with, change its nine numbers, and move the
# window to see one sum. The first finds edges that are darker on the left. **Predict:** which parts
# of the tripod will it find, and which parts will the second find?

# %% tags=["demo"]
widgets.paint(conv2d_single)

# %% [markdown]
# Kernels like these were once thought out by hand. The idea of this unit is to let the network find
# them: nine numbers, learned like any other weights.
#
# ## Channels
#
# A colour photograph has three tables: red, green, blue. They are its **channels**, and a kernel
# reaches through all of them: it has a weight for each, and one sum runs over everything it covers.
# A layer has several kernels, and each makes a map of its own. The maps are the channels of the
# next layer, which can ask "an edge here *and* a corner there?".
#
# | | shape |
# |---|---|
# | pictures `x` | `(batch, channels, height, width)` |
# | `weight` | `(out_channels, channels, kernel_height, kernel_width)` |
# | `bias` | `(out_channels,)`, one number for each kernel |
# | result | `(batch, out_channels, out_height, out_width)` |

# %% [markdown]
# ## From loops to one product
#
# Batch, kernels, channels, rows, columns: that would be six or seven loops, and Python's loops are
# slow. There is a better way. Write every window as one **row** of a table. A kernel, written as a
# column, answers for all windows at once: that is a matrix product. The trick is called **im2col**,
# image to columns, and it is given here. `sliding_window_view` cuts out the windows, the rest puts
# the axes in order.


# %%
def im2col(x, height, width, stride=1):
    """Every window of (batch, channels, H, W) as a row of numbers.

    height, width: of the window. Returns an array (batch, out_height, out_width, numbers), where
    numbers = channels * height * width: the window's first channel row by row, then the second.
    """
    windows = np.lib.stride_tricks.sliding_window_view(x, (height, width), axis=(2, 3))
    windows = windows[:, :, ::stride, ::stride]  # (batch, channels, out_h, out_w, height, width)
    windows = windows.transpose(0, 2, 3, 1, 4, 5)
    return windows.reshape(*windows.shape[:3], -1)


# %% [markdown]
# **Predict:** a picture of 3 by 3 pixels, numbered from 1 to 9, and a window of 2 by 2. How many
# rows will there be, and what does the second one hold?

# %% tags=["demo", "nbval-check-output"]
numbered = np.arange(1, 10).reshape(1, 1, 3, 3)
print(numbered[0, 0])
table = im2col(numbered, 2, 2)
print("shape:", table.shape)
print(table.reshape(4, 4))

# %% [markdown]
# The middle pixel, 5, stands in all four rows. That costs memory, and it buys speed.
#
# ### Exercise 4 · conv2d · 3 points · 30 min
# The whole thing: pad with your `pad2d`, write the windows as rows with `im2col`, multiply with the
# kernels, add the biases. The kernels too must become a table: `weight.reshape(out_channels, -1)`
# has one kernel in each row, in the same order as a window. Then the axes: the product ends with
# `out_channels`, but the result wants it second. `np.moveaxis(array, -1, 1)` moves the last axis
# there. (`reshape` would only relabel the numbers, and mix up the pictures.)


# %% exercise="conv2d"
def conv2d(x, weight, bias, stride=1, padding=0):
    """The convolution of a batch of pictures with several kernels.

    x: (batch, channels, height, width). weight: (out_channels, channels, kernel_height,
    kernel_width). bias: (out_channels,), added to every number of that kernel's map.
    stride: the same along rows and columns. padding: zeros on all four sides.
    Returns (batch, out_channels, out_height, out_width).

    One picture [[1., 2.], [3., 4.]] in one channel, one kernel [[1., 1.]], bias [10.]
    -> [[13.], [17.]], of shape (1, 1, 2, 1)
    """
    ### BEGIN SOLUTION
    out_channels, _, height, width = weight.shape
    windows = im2col(pad2d(x, padding), height, width, stride)
    kernels = weight.reshape(out_channels, -1)
    return np.moveaxis(windows @ kernels.T + bias, -1, 1)
    ### END SOLUTION


# %% check="conv2d"
check.conv2d(conv2d)

# %% [markdown]
# Sixteen kernels over eight photographs of clothes: once with your two loops for every picture and
# kernel, once with the product, and once with PyTorch's own convolution. **Predict:** how many
# times faster is the product?

# %% tags=["demo"]
FULL = chainrule.on_gpu()
clothes = data.fashion_mnist(full=FULL)
eight = clothes.x_train[:8, None] / 255  # (8, 1, 28, 28): None adds the channel axis
rng = np.random.default_rng(0)
kernels, biases = rng.normal(size=(16, 1, 5, 5)), rng.normal(size=16)

started = time.perf_counter()
slow = np.array(
    [
        [conv2d_single(picture[0], w[0]) + b for w, b in zip(kernels, biases, strict=True)]
        for picture in eight
    ]
)
loops = time.perf_counter() - started
started = time.perf_counter()
fast = conv2d(eight, kernels, biases)
product = time.perf_counter() - started
theirs = nn.functional.conv2d(*(torch.tensor(part) for part in (eight, kernels, biases)))
print(f"loops {loops * 1000:.0f} ms, one product {product * 1000:.1f} ms on the CPU")
print("the same numbers as the loops:", np.allclose(slow, fast))
print("the same numbers as PyTorch:  ", np.allclose(theirs.numpy(), fast))

# %% [markdown]
# ## Pooling
#
# "There is an edge at row 12, column 17" is more than anyone wants to know. "There is an edge about
# here" will do, and it survives a small push. **Max pooling** cuts each map into blocks of, say,
# 2 by 2 and keeps only the largest number of each: a quarter of the numbers is left.
#
# ### Exercise 5 · max_pool2d · 3 points · 20 min
# Blocks of `size` by `size`, side by side. Rows and columns at the end that don't fill a block are
# left out. A way without loops: split both axes, so that the shape is `(batch, channels, rows,
# size, columns, size)`, and take the maximum over the two axes of length `size`.


# %% exercise="max_pool2d"
def max_pool2d(x, size):
    """The largest number of each block of each map.

    x: (batch, channels, height, width). size: the blocks' height and width.
    Returns (batch, channels, height // size, width // size).

    One map [[1., 5., 2., 9.], [3., 4., 8., 7.]], size 2 -> [[5., 9.]], of shape (1, 1, 1, 2)
    """
    ### BEGIN SOLUTION
    batch, channels, height, width = x.shape
    rows, columns = height // size, width // size
    blocks = x[:, :, : rows * size, : columns * size]
    blocks = blocks.reshape(batch, channels, rows, size, columns, size)
    return blocks.max(axis=(3, 5))
    ### END SOLUTION


# %% check="max_pool2d"
check.max_pool2d(max_pool2d)

# %% [markdown]
# A boot, its edges, and what pooling leaves of them; below, the same for the boot pushed by one
# pixel. **Predict:** by how much does the push change each map, in percent?

# %% tags=["demo"]
boot = clothes.x_train[np.argmax(clothes.y_train == 9)] / 255
pair = np.zeros((2, 1, 28, 28))
pair[0, 0], pair[1, 0, :, 1:] = boot, boot[:, :-1]
edges = np.maximum(conv2d(pair, np.array([[[[-1.0, 0.0, 1.0]] * 3]]), np.zeros(1), padding=1), 0)
maps = {"edges": edges, "pooled once": max_pool2d(edges, 2), "pooled again": max_pool2d(edges, 4)}
for name, (here, pushed) in maps.items():
    change = np.abs(here - pushed).sum() / np.abs(here).sum()
    print(f"{name:<13} {here.shape[1]:>2} by {here.shape[2]:<2}  changed by {change:.0%}")
widgets.pooled(maps)

# %% [markdown]
# ## LeNet
#
# In 1989 Yann LeCun and others trained such a network to read handwritten digits; later versions
# read millions of cheques a day. Its plan is still the plan of most networks for pictures:
# convolve, bend, pool; again; then two ordinary layers. Ours has ReLUs, as one would use today.
#
# | layer | for one picture of clothes |
# |---|---|
# | `conv1`: 16 kernels, 5 by 5, padding 2; ReLU | (16, 28, 28) |
# | max pooling, 2 by 2 | (16, 14, 14) |
# | `conv2`: 32 kernels, 5 by 5, no padding; ReLU | (32, 10, 10) |
# | max pooling, 2 by 2 | (32, 5, 5) |
# | flatten | (800,) |
# | `hidden`: 128 neurons; ReLU | (128,) |
# | `output` | (10,) |

# %% [markdown]
# ### Exercise 6 · LeNet · 3 points · 25 min
# In PyTorch: `nn.Conv2d(channels, out_channels, kernel_size=..., padding=...)` is a layer with the
# weights of your `conv2d`, `nn.functional.max_pool2d(x, 2)` is your pooling. The picture's size is
# not always 28, so let your `output_size` work out how many numbers `hidden` receives: a picture
# may be higher than wide.


# %% exercise="LeNet"
class LeNet(nn.Module):
    """Two convolutions with pooling, then two linear layers.

    picture: the shape of one picture, (channels, height, width). channels: how many kernels conv1
    and conv2 have, a pair. hidden_size: how many hidden units. classes: how many scores come out.

    Its layers are called self.conv1 (5 by 5, padding 2), self.conv2 (5 by 5, no padding),
    self.hidden and self.output. A ReLU follows each but the last, and pooling by 2 follows the
    ReLU of each convolution.
    model(images): images (batch, *picture) -> logits (batch, classes).

    LeNet((1, 28, 28), (16, 32), 128, 10)(torch.zeros(5, 1, 28, 28)).shape -> (5, 10)
    """

    def __init__(self, picture, channels, hidden_size, classes):
        super().__init__()
        ### BEGIN SOLUTION
        depth, height, width = picture
        self.conv1 = nn.Conv2d(depth, channels[0], kernel_size=5, padding=2)
        self.conv2 = nn.Conv2d(channels[0], channels[1], kernel_size=5)
        rows = output_size(height // 2, 5) // 2
        columns = output_size(width // 2, 5) // 2
        self.hidden = nn.Linear(channels[1] * rows * columns, hidden_size)
        self.output = nn.Linear(hidden_size, classes)
        ### END SOLUTION

    def forward(self, images):
        ### BEGIN SOLUTION
        maps = nn.functional.max_pool2d(torch.relu(self.conv1(images)), 2)
        maps = nn.functional.max_pool2d(torch.relu(self.conv2(maps)), 2)
        return self.output(torch.relu(self.hidden(maps.flatten(start_dim=1))))
        ### END SOLUTION


# %% check="LeNet"
check.LeNet(LeNet)

# %% [markdown]
# How large is it? Beside it the network of unit 05, with 1,024 hidden units. **Predict:** which has
# more weights, and where in LeNet do most of them sit?

# %% tags=["demo", "nbval-check-output"]
lenet = LeNet((1, 28, 28), (16, 32), 128, 10)
flat = nn.Sequential(nn.Flatten(), nn.Linear(784, 1024), nn.ReLU(), nn.Linear(1024, 10))
print(f"unit 05's network: {sum(p.numel() for p in flat.parameters()):,} weights")
print(f"LeNet:             {sum(p.numel() for p in lenet.parameters()):,} weights")
for name, layer in lenet.named_children():
    print(f"   {name:<7} {sum(p.numel() for p in layer.parameters()):>7,}")

# %% [markdown]
# A seventh, and the two convolutions together have 13,248: the same few weights are used at
# hundreds of places. That is called **weight sharing**.
#
# ## Training
#
# The loop is that of unit 05. One thing is new: the learning rate rises in the first third and then
# falls to almost nothing, which `OneCycleLR` does for us (unit 06 builds such a schedule). That
# saves the separate last epoch at a tenth of the rate.


# %% tags=["demo"]
def train(model, training, test, epochs, after_epoch=None):
    """Adam on shuffled batches of 32. training, test: pairs of pictures and class indices.

    It tests after the last epoch; after every one only if after_epoch(history) wants to be called.
    """
    x, y = training
    shuffler = torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(model.parameters())
    steps = epochs * -(-len(x) // 32)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=3e-3, total_steps=steps)
    history = {"train_loss": [], "test_loss": [], "test_accuracy": []}
    for epoch in range(epochs):
        model.train()
        total_loss = 0.0
        for rows in torch.randperm(len(x), generator=shuffler).to(x.device).split(32):
            loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total_loss += loss.item() * len(rows)
        history["train_loss"].append(total_loss / len(x))
        if after_epoch is None and epoch < epochs - 1:
            continue
        logits = scores(model, test[0])
        history["test_loss"].append(nn.functional.cross_entropy(logits, test[1]).item())
        history["test_accuracy"].append(share_right(logits, test[1]))
        if after_epoch is not None:
            after_epoch(history)
    return history


def scores(model, x):
    """The logits of many pictures, in eval mode, without gradients, 500 at a time."""
    model.eval()
    with torch.no_grad():
        return torch.cat([model(part) for part in x.split(500)])


def share_right(logits, labels):
    return (logits.argmax(dim=1) == labels).float().mean().item()


torch.set_num_threads(1)  # steps this short: several cores would mostly wait for each other
device = fastest_device()


def pictures(images):
    """Bytes (n, height, width) -> float32 (n, 1, height, width) from 0 to 1, on the device."""
    return torch.tensor(images[:, None], dtype=torch.float32, device=device) / 255


x_train, y_train = pictures(clothes.x_train), torch.tensor(clothes.y_train, device=device)
x_test, y_test = pictures(clothes.x_test), torch.tensor(clothes.y_test, device=device)
training, test = (x_train, y_train), (x_test, y_test)
print(f"{len(x_train):,} pictures to train on, {len(x_test):,} to test, on {device}")

# %% tags=["demo"]
EPOCHS = 3 if FULL else 8
torch.manual_seed(0)
lenet = LeNet((1, 28, 28), (16, 32), 128, 10).to(device)
started = time.perf_counter()
live = LiveCurves(epochs=EPOCHS, examples=len(x_train))
history = train(lenet, training, test, EPOCHS, after_epoch=live)
seconds = time.perf_counter() - started
print(f"{EPOCHS} epochs on {device} in {seconds:.1f} s")
print(
    f"Milestone: test accuracy {history['test_accuracy'][-1]:.3f} "
    f"(target {0.895 if FULL else 0.88}, {len(x_train):,} pictures)"
)

# %% [markdown]
# More pictures help more than anything else: on all 60,000, from `data.fashion_mnist(full=True)`,
# the same cell with three epochs was measured at 0.910 on the 10,000 test pictures, in two minutes
# on one CPU core. (Unit 05's network got 0.895 from them in ten epochs.)
#
# ## What has it learned?
#
# The 16 kernels of the first layer began as random numbers. Orange weights are positive, purple
# ones negative. Can you find an edge finder among them?

# %% tags=["demo"]
widgets.kernels(lenet)

# %% [markdown]
# And what they see: each small picture is one feature map after the ReLU. Choose a test picture and
# a layer. In the first layer you can still tell what it is; in the second, each map is a coarse
# answer to a question that nobody wrote down.

# %% tags=["demo"]
widgets.feature_maps(lenet, clothes)

# %% [markdown]
# ## Pushed to the side
#
# Unit 05 ended with a picture that was pushed by four pixels and no longer known. Here are both
# networks on all test pictures, pushed to the right by 0 to 8 pixels. **Predict:** where will they
# be at 4?


# %% tags=["demo"]
def pushed(x, by):
    """The pictures moved to the right by so many pixels; background comes in from the left."""
    moved = torch.zeros_like(x)
    moved[..., by:] = x[..., : x.shape[-1] - by]
    return moved


torch.manual_seed(0)
flat = nn.Sequential(nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10)).to(device)
train(flat, training, test, EPOCHS)
pushes = [0, 1, 2, 3, 4, 6, 8]
with_windows = [share_right(scores(lenet, pushed(x_test, by)), y_test) for by in pushes]
without = [share_right(scores(flat, pushed(x_test, by)), y_test) for by in pushes]
print("pushed by     ", *[f"{by:>5}" for by in pushes])
print("LeNet         ", *[f"{share:.3f}" for share in with_windows])
print("no convolution", *[f"{share:.3f}" for share in without])
plot.show(
    widgets.push_figure(pushes, with_windows, without),
    alt=f"Share right against the push. LeNet falls from {with_windows[0]:.2f} to "
    f"{with_windows[4]:.2f} at 4 pixels, the network without convolution from {without[0]:.2f} to "
    f"{without[4]:.2f}.",
)

# %% [markdown]
# Two pixels cost LeNet 8 in 100 and the other network 34. At four, both are lost, and the reason is
# in LeNet's plan. A convolution moves its map along with the picture, and pooling forgives a pixel
# or two; after `flatten`, though, every place has weights of its own again. Unit 10 replaces that
# part as well.
#
# ## Break it
#
# Shuffle the 784 pixels, in the same way for every picture. To us nothing is left. **Predict, then
# run:** what will it cost LeNet, and what the network without convolutions? (A smaller LeNet, with
# 8 and 16 kernels, and 3,000 pictures.)

# %% tags=["demo"]
shuffle = torch.randperm(784, generator=torch.Generator().manual_seed(0)).to(device)


def shuffled(x):
    return x.flatten(1)[:, shuffle].reshape(x.shape)


for name in ("LeNet", "no convolution"):
    shares = []
    for change in (nn.Identity(), shuffled):
        torch.manual_seed(0)
        model = LeNet((1, 28, 28), (8, 16), 128, 10)
        if name == "no convolution":
            model = nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
        few = change(x_train[:3000]), y_train[:3000]
        history = train(model.to(device), few, (change(x_test), y_test), epochs=8)
        shares.append(history["test_accuracy"][-1])
    print(f"{name:<14} as they are {shares[0]:.3f}, shuffled {shares[1]:.3f}")
widgets.shuffled_pair(clothes.x_test[1], shuffle.cpu().numpy())

# %% [markdown]
# The network without convolutions does not notice: to it, pixels never had neighbours. LeNet was
# ahead and falls behind, because its windows look at neighbours and there are none. That a pixel
# has to do with the pixels around it is knowledge that we built in, and it is worth exactly as much
# as it is true.

# %% [markdown]
# ## The way back
#
# PyTorch found all those gradients. How? At one place, a convolution is a matrix product: the
# window, as a row, times the kernels. Its way back is that of unit 03: the kernels' gradient is
# *window turned over, times grad*; the window's gradient is *grad times kernels*. What is new:
#
# - a kernel is used at **every place**, so its gradients from all places are added up;
# - a pixel stands in **several windows**, so what the windows hand back is added up too, each at
#   the spot where the window lay.

# %% [markdown]
# ### Exercise 7 · conv2d_backward · 4 points · 40 min
# Pad `x` with your `pad2d` and walk over the places, as in exercise 3. At each, cut out the window,
# all pictures at once, and add to both gradients. For `g = grad[:, :, row, column]`, of shape
# `(batch, out_channels)`, two matrix products do it, with window and kernels as tables. At the end
# cut the padding off: the border of zeros was not part of `x`. And the bias? It was added
# everywhere.


# %% exercise="conv2d_backward"
def conv2d_backward(grad, x, weight, stride=1, padding=0):
    """The gradients of a convolution's inputs, when grad is the gradient of its result.

    grad: (batch, out_channels, out_height, out_width). x: (batch, channels, height, width).
    weight: (out_channels, channels, kernel_height, kernel_width). stride, padding: as in conv2d.
    None of the arrays is changed.
    Returns (grad_x, grad_weight, grad_bias), with the shapes of x, weight and (out_channels,).

    x [[1., 2.], [3., 4.]], weight [[10., 1.]], grad [[1.], [2.]] (one picture, one channel)
    -> grad_x [[10., 1.], [20., 2.]], grad_weight [[7., 10.]], grad_bias [3.]
    """
    ### BEGIN SOLUTION
    out_channels, channels, height, width = weight.shape
    padded, kernels = pad2d(x, padding), weight.reshape(out_channels, -1)
    grad_padded, grad_kernels = np.zeros(padded.shape), np.zeros(kernels.shape)
    for row in range(grad.shape[2]):
        for column in range(grad.shape[3]):
            up, left = row * stride, column * stride
            spot = (..., slice(up, up + height), slice(left, left + width))
            g, window = grad[:, :, row, column], padded[spot]
            grad_kernels += g.T @ window.reshape(len(x), -1)
            grad_padded[spot] += (g @ kernels).reshape(window.shape)
    inside = (..., slice(padding, padding + x.shape[2]), slice(padding, padding + x.shape[3]))
    return grad_padded[inside], grad_kernels.reshape(weight.shape), grad.sum(axis=(0, 2, 3))
    ### END SOLUTION


# %% check="conv2d_backward"
check.conv2d_backward(conv2d_backward)

# %% [markdown]
# The same as PyTorch? Three pictures in two channels, four kernels of 3 by 2, stride 2, padding 1,
# so that nothing is square by chance.

# %% tags=["demo", "nbval-check-output"]
rng = np.random.default_rng(1)
x, w, b = rng.normal(size=(3, 2, 7, 6)), rng.normal(size=(4, 2, 3, 2)), rng.normal(size=4)
tensors = [torch.tensor(part, requires_grad=True) for part in (x, w, b)]
result = nn.functional.conv2d(*tensors, stride=2, padding=1)
grad = rng.normal(size=result.shape)
result.backward(torch.tensor(grad))
mine = conv2d_backward(grad, x, w, stride=2, padding=1)
for name, yours, tensor in zip(("x", "weight", "bias"), mine, tensors, strict=True):
    apart = np.abs(yours - tensor.grad.numpy()).max()
    print(f"gradient of {name:<6} {yours.shape}: further apart than 1e-12: {apart > 1e-12}")

# %% [markdown]
# ## A kernel that is learned
#
# Somebody filtered a piece of the photograph with a secret kernel. You have the piece and the
# result. Start with nine zeros and let gradient descent find the kernel, with your two functions
# alone. The loss is the mean squared difference. **Predict:** what must the nine numbers become?

# %% tags=["demo", "nbval-check-output"]
piece = data.photograph()[40:64, 56:80] / 255.0
piece = (piece - piece.mean())[None, None]  # centred, as unit 00 taught: it learns faster
secret = np.array([[[[1.0, 2.0, 1.0], [0.0, 0.0, 0.0], [-1.0, -2.0, -1.0]]]])
wanted = conv2d(piece, secret, np.zeros(1))
found = np.zeros((1, 1, 3, 3))
for step in range(301):
    error = conv2d(piece, found, np.zeros(1)) - wanted
    if step % 100 == 0:
        print(f"step {step:>3}: loss {np.mean(error**2):.5f}")
    _, slope, _ = conv2d_backward(2 * error / error.size, piece, found)
    found = found - 1.5 * slope
print(np.round(found[0, 0], 2) + 0.0)

# %% [markdown]
# Nobody told it what an edge is. It was given pictures and results, and the slopes did the rest.
#
# One more proof that the pieces are the real ones: the trained LeNet, read out of PyTorch and run
# through **your** NumPy functions.


# %% tags=["demo"]
def in_numpy(model, x):
    """The logits of LeNet from conv2d and max_pool2d. x: array (n, 1, 28, 28)."""
    w = {name: value.cpu().numpy() for name, value in model.state_dict().items()}
    maps = conv2d(x, w["conv1.weight"], w["conv1.bias"], padding=2)
    maps = max_pool2d(np.maximum(maps, 0), 2)
    maps = max_pool2d(np.maximum(conv2d(maps, w["conv2.weight"], w["conv2.bias"]), 0), 2)
    rows = maps.reshape(len(maps), -1)
    rows = np.maximum(rows @ w["hidden.weight"].T + w["hidden.bias"], 0)
    return rows @ w["output.weight"].T + w["output.bias"]


hundred = x_test[:100]
yours, theirs = in_numpy(lenet, hundred.cpu().numpy()), scores(lenet, hundred).cpu().numpy()
print(f"100 pictures, the same class in {np.sum(yours.argmax(1) == theirs.argmax(1))}")
print(
    f"logits up to {np.abs(theirs).max():.1f}, apart by at most {np.abs(yours - theirs).max():.5f}"
)

# %% [markdown]
# ## Debug me
#
# A colleague's pictures come from a shop that saves in colour: `(n, 28, 28, 3)`, height, width and
# then red, green, blue, as most files have it. (The clothes are grey, so all three are the same.)
# PyTorch wants the channels first. This cell runs and learns, to about 0.80; with one line mended
# it gets 0.83 from the same pictures. Find the line before you open the answer. What would you look
# at first?

# %% tags=["demo"]
in_colour = np.repeat(clothes.x_train[:5000, :, :, None], 3, axis=3)
test_in_colour = np.repeat(clothes.x_test[:, :, :, None], 3, axis=3)


def channels_first(images):
    """Bytes (n, 28, 28, 3) -> float32 (n, 3, 28, 28) from 0 to 1."""
    x = torch.tensor(images, dtype=torch.float32, device=device) / 255
    return x.reshape(-1, 3, 28, 28)


torch.manual_seed(0)
model = LeNet((3, 28, 28), (16, 32), 128, 10).to(device)
five_thousand = channels_first(in_colour), y_train[:5000]
broken = train(model, five_thousand, (channels_first(test_in_colour), y_test), epochs=3)
print("train loss:   ", *[f"{value:.3f}" for value in broken["train_loss"]])
print(f"test accuracy: {broken['test_accuracy'][-1]:.3f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# `x.reshape(-1, 3, 28, 28)` gives the right shape and the wrong picture: it keeps the numbers in
# their order and only draws new borders between them, so each "channel" is a third of the picture,
# pulled apart. Axes are moved by `x.permute(0, 3, 1, 2)`. The network still learns something from
# the ruins, which is why nobody notices. Plot one picture of a batch just before it enters the
# model: `plt.imshow(x[0, 0].cpu())`.
# </details>

# %% [markdown]
# ## What you learned
# - A convolution asks the same question at every place: few weights, used often.
# - Size of a map: $\lfloor(n+2p-k)/s\rfloor+1$, along each axis on its own.
# - Written as rows (im2col), all windows times all kernels is one matrix product.
# - Pooling keeps what was found and forgets exactly where.
# - On the way back, a kernel adds up over all places, a pixel over all windows that held it.

# %% [markdown]
# ## Common mistakes
# - **A kernel turned round.** Textbooks of signal processing do it, deep learning does not. Weights
#   that were trained one way give nonsense the other way.
# - **Height and width swapped.** Square pictures hide it: test with odd shapes.
# - **Channels kept apart.** A kernel adds up over all channels; one map comes out for each kernel.
# - **`reshape` for `permute`.** The right shape, the wrong picture.
# - **A size counted by hand.** The first linear layer must fit whatever comes out of the last
#   pooling; let a formula or a trial run tell.

# %% [markdown]
# ## Where it is used
# In cameras that find faces, cars that find lanes, microscopes that count cells, telescopes that
# find galaxies. Also where nothing is a picture: sound is convolved along time, text along its
# words. And the sharpening and blurring in every photo program is exercise 3.

# %% [markdown]
# ## Think about it
# A kernel of 3 by 3 sees 9 pixels. Behind it, in the second layer, another kernel of 3 by 3 sees
# nine of the first one's answers. How large a piece of the picture does it look at? And after two
# poolings? (Not graded. Unit 10 computes it.)
#
# ## Next
# LeNet has two convolutions. What happens with twenty, or fifty? At first it gets worse, and the
# cure is one plus sign. **Unit 10, resnet**, builds it.
