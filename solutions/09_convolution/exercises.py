"""Unit 09: the exercises, their cases, and the mistakes people make in them."""

import numpy as np
import torch
from torch import nn

from autograde.declare import case, close, exercise, unit

unit(title="How does a network see?", packages=["torch"])


# --- pad2d ---------------------------------------------------------------------------------------


@exercise(
    points=2,
    compare=close(),
    minutes=10,
    hints=[
        "How many rows and columns does the result have, and where in it does the picture lie?",
        "All axes but the last two stay as they are; each of the last two grows by 2 * padding.",
        "zeros of the new shape; put x into the rows from padding to padding + height and the "
        "columns from padding to padding + width; return it",
    ],
)
def pad2d(rng):
    yield case("the example", np.array([[5.0, 6.0]]), [1], weight=0)
    yield case("one picture", rng.normal(size=(2, 3)), [1])
    yield case("a border of three", rng.normal(size=(4, 2)), [3])
    yield case("a batch with channels", rng.normal(size=(2, 3, 4, 5)), [2])
    yield case("a border of two, and none at all", rng.normal(size=(3, 2)), [2, 0])


@pad2d.mistake("Your zeros stand above and on the left only. A border runs along all four sides.")
def pad2d(x, padding):
    *before, height, width = x.shape
    padded = np.zeros((*before, height + padding, width + padding))
    padded[..., padding:, padding:] = x
    return padded


pad2d.mistake(
    "The size is right, but your picture lies in the upper left corner. It belongs in the middle.",
    replace=(
        "padded[..., padding : padding + height, padding : padding + width]",
        "padded[..., :height, :width]",
    ),
)


@pad2d.mistake(
    "You pad every axis. The batch and the channels stay as they are; only the last two axes grow."
)
def pad2d(x, padding):
    return np.pad(x, padding)


@pad2d.mistake("Your border repeats the picture's edge. The border is made of zeros.")
def pad2d(x, padding):
    around = [(0, 0)] * (x.ndim - 2) + [(padding, padding)] * 2
    return np.pad(x, around, mode="edge")


@pad2d.mistake("You pad the first two axes. Height and width are the last two.")
def pad2d(x, padding):
    around = [(padding, padding)] * 2 + [(0, 0)] * (x.ndim - 2)
    return np.pad(x, around)


@pad2d.mistake("Only columns were added. Rows of zeros belong above and below, too.")
def pad2d(x, padding):
    return np.pad(x, [(0, 0)] * (x.ndim - 1) + [(padding, padding)])


pad2d.mistake(
    "padding:-padding fails where padding is 0: -0 is 0, and the slice is empty. Count from the "
    "front: padding : padding + height.",
    replace=(
        "padded[..., padding : padding + height, padding : padding + width]",
        "padded[..., padding:-padding, padding:-padding]",
    ),
)


@pad2d.mistake("Your border is made of ones. A border of zeros adds nothing to a sum.")
def pad2d(x, padding):
    around = [(0, 0)] * (x.ndim - 2) + [(padding, padding)] * 2
    return np.pad(x, around, constant_values=1)


@pad2d.mistake(
    "With padding 0 you hand back x itself. Whoever then writes into the result writes into x: "
    "return a new array."
)
def pad2d(x, padding):
    if padding == 0:
        return x
    *before, height, width = x.shape
    padded = np.zeros((*before, height + 2 * padding, width + 2 * padding))
    padded[..., padding : padding + height, padding : padding + width] = x
    return padded


@pad2d.alternative("NumPy's own pad, with a pair for each axis")
def pad2d(x, padding):
    return np.pad(x, [(0, 0)] * (x.ndim - 2) + [(padding, padding)] * 2)


@pad2d.alternative("zeros glued on, first left and right, then above and below")
def pad2d(x, padding):
    side = np.zeros((*x.shape[:-1], padding))
    wide = np.concatenate([side, x, side], axis=-1)
    ends = np.zeros((*wide.shape[:-2], padding, wide.shape[-1]))
    return np.concatenate([ends, wide, ends], axis=-2)


# --- output_size ---------------------------------------------------------------------------------


@exercise(
    points=2,
    compare=close(),
    minutes=10,
    hints=[
        "With stride 1, where is the kernel's left edge at the first place, and where at the last?",
        "A whole number: one more than how many times the kernel can move on.",
        "pixels with padding on both ends; minus the kernel; divided by the stride, without the "
        "rest; plus the place where it began",
    ],
)
def output_size(rng):
    yield case("the example, with stride 1", [7], 3, stride=1, padding=0, weight=0)

    def sizes(of):
        return [int(size) for size in rng.permutation(np.arange(20, 90))[:of]]

    yield case("the defaults", sizes(3), int(rng.choice([3, 5, 7])))
    yield case("stride 1, no padding", sizes(3), int(rng.choice([4, 6, 8])), stride=1, padding=0)
    yield case("padding of two", sizes(3), int(rng.choice([4, 6, 8])), stride=1, padding=2)
    fits = [int(3 * n + 5) for n in rng.permutation(np.arange(5, 30))[:3]]
    yield case("stride 3, nothing left over", fits, 5, stride=3, padding=0)
    over = [int(4 * n + 6 + extra) for n, extra in zip(fits, (1, 2, 3), strict=True)]
    yield case("stride 4, pixels left over", over, 6, stride=4, padding=0)
    odd = [int(2 * size + 1) for size in sizes(3)]
    yield case("stride 2 and padding of three", odd, 4, stride=2, padding=3)


output_size.mistake(
    "Your row of pixels grows by padding once. Zeros are put at both ends.",
    replace=("2 * padding", "padding"),
)
output_size.mistake(
    "The place where the kernel begins is not counted: from 0 to 4 there are five places, not 4.",
    replace=(" // stride + 1", " // stride"),
)
output_size.mistake(
    "The stride has no effect. With a stride of 2 the kernel skips every other place.",
    replace=("(size + 2 * padding - kernel) // stride + 1", "size + 2 * padding - kernel + 1"),
)
output_size.mistake(
    "Your result is not always whole. What is left over at the end has no place: // instead of /.",
    replace=("// stride", "/ stride"),
)
output_size.mistake(
    "You divide the whole count by the stride. The first place is always there: divide the moves, "
    "then add 1.",
    replace=(
        "(size + 2 * padding - kernel) // stride + 1",
        "(size + 2 * padding - kernel + 1) // stride",
    ),
)
output_size.mistake(
    "The last place hangs over the end: you round up. Only places where the whole kernel fits "
    "count.",
    replace=(
        "(size + 2 * padding - kernel) // stride + 1",
        "-(-(size + 2 * padding - kernel) // stride) + 1",
    ),
)
output_size.mistake(
    "The padding is forgotten. It makes the row longer, at both ends.",
    replace=("size + 2 * padding - kernel", "size - kernel"),
)
output_size.mistake(
    "You divide the pixels by the stride before the kernel is taken off. First find out how far "
    "the kernel can move, then in how many steps.",
    replace=(
        "(size + 2 * padding - kernel) // stride + 1",
        "(size + 2 * padding) // stride - kernel + 1",
    ),
)


@output_size.alternative("counting the places one by one")
def output_size(size, kernel, stride=1, padding=0):
    return len(range(0, size + 2 * padding - kernel + 1, stride))


@output_size.alternative("math.floor, the padding first")
def output_size(size, kernel, stride=1, padding=0):
    import math

    longer = size + padding * 2
    return math.floor((longer - kernel) / stride + 1)


# --- conv2d_single -------------------------------------------------------------------------------


@exercise(
    points=3,
    compare=close(),
    uses=["output_size"],
    minutes=20,
    hints=[
        "The kernel's corner stands in row 2, column 5. Which rows and which columns of the "
        "picture does it cover?",
        "The result is (height - kernel_height + 1, width - kernel_width + 1); each number in it "
        "is one sum.",
        "zeros of the result's shape; for each row and each column of it: cut out the window that "
        "begins there, as large as the kernel; multiply number by number; add everything up",
    ],
)
def conv2d_single(rng):
    image, kernel = np.array([[1.0, 2.0, 4.0], [0.0, 0.0, 1.0]]), np.array([[10.0, 1.0]])
    yield case("the example", image, kernel, weight=0)
    yield case("a kernel of 3 by 3", rng.normal(size=(5, 7)), rng.normal(size=(3, 3)))
    yield case("one row of weights", rng.normal(size=(4, 6)), rng.normal(size=(1, 3)))
    yield case("one column of weights", rng.normal(size=(6, 4)), rng.normal(size=(3, 1)))
    yield case("a kernel higher than wide", rng.normal(size=(8, 5)), rng.normal(size=(4, 2)))
    yield case("a kernel as large as the picture", *[rng.normal(size=(3, 4)) for _ in range(2)])


conv2d_single.mistake(
    "Your kernel is turned by 180 degrees, as mathematicians do. Here its upper left weight meets "
    "the window's upper left pixel.",
    replace=("window * kernel", "window * kernel[::-1, ::-1]"),
)
conv2d_single.mistake(
    "Your kernel is mirrored from left to right. Its first column meets the window's first column.",
    replace=("window * kernel", "window * kernel[:, ::-1]"),
)


@conv2d_single.mistake(
    "Height and width have changed places in your kernel: its shape is (height, width), as that of "
    "the picture."
)
def conv2d_single(image, kernel):
    width, height = kernel.shape
    rows, columns = output_size(image.shape[0], height), output_size(image.shape[1], width)
    result = np.zeros((rows, columns))
    for row in range(rows):
        for column in range(columns):
            window = image[row : row + height, column : column + width]
            result[row, column] = np.sum(window * kernel)
    return result


@conv2d_single.mistake(
    "Your last row and last column of places are missing. With 7 pixels and a kernel of 3, the "
    "corner can stand on 0 to 4: five places."
)
def conv2d_single(image, kernel):
    height, width = kernel.shape
    rows, columns = image.shape[0] - height, image.shape[1] - width
    result = np.zeros((rows, columns))
    for row in range(rows):
        for column in range(columns):
            window = image[row : row + height, column : column + width]
            result[row, column] = np.sum(window * kernel)
    return result


conv2d_single.mistake(
    "You take the mean of the products. A convolution adds them up.",
    replace=("np.sum(window * kernel)", "np.mean(window * kernel)"),
)


@conv2d_single.mistake(
    "Your map is as large as the picture, with zeros where the kernel does not fit. Only places "
    "where it fits count: there is no padding here."
)
def conv2d_single(image, kernel):
    height, width = kernel.shape
    result = np.zeros(image.shape)
    for row in range(image.shape[0] - height + 1):
        for column in range(image.shape[1] - width + 1):
            window = image[row : row + height, column : column + width]
            result[row, column] = np.sum(window * kernel)
    return result


@conv2d_single.mistake(
    "Your kernel jumps by its own size, from window to window without overlap. It moves by one "
    "pixel at a time."
)
def conv2d_single(image, kernel):
    height, width = kernel.shape
    rows, columns = image.shape[0] // height, image.shape[1] // width
    result = np.zeros((rows, columns))
    for row in range(rows):
        for column in range(columns):
            window = image[row * height : (row + 1) * height, column * width : (column + 1) * width]
            result[row, column] = np.sum(window * kernel)
    return result


conv2d_single.mistake(
    "Your window is always cut from the upper left corner. Where it begins depends on row and "
    "column.",
    replace=("image[row : row + height, column : column + width]", "image[:height, :width]"),
)
conv2d_single.equivalent(
    "np.zeros((rows, columns))",
    "np.ones((rows, columns))",
    why="every number of the result is written over",
)


@conv2d_single.mistake(
    "Your last row and last column of places are missing. With 7 pixels and a kernel of 3, the "
    "corner can stand on 0 to 4: five places."
)
def conv2d_single(image, kernel):
    height, width = kernel.shape
    return np.array(
        [
            [
                np.sum(image[row : row + height, column : column + width] * kernel)
                for column in range(image.shape[1] - width)
            ]
            for row in range(image.shape[0] - height)
        ]
    )


@conv2d_single.mistake(
    "Height and width have changed places in your kernel: its shape is (height, width), as that of "
    "the picture."
)
def conv2d_single(image, kernel):
    width, height = kernel.shape
    return np.array(
        [
            [
                np.sum(image[row : row + height, column : column + width] * kernel)
                for column in range(image.shape[1] - width + 1)
            ]
            for row in range(image.shape[0] - height + 1)
        ]
    )


@conv2d_single.mistake(
    "Your window is as wide as it is high. A kernel may be one row or one column: each side has a "
    "length of its own."
)
def conv2d_single(image, kernel):
    size = kernel.shape[0]
    rows, columns = output_size(image.shape[0], size), output_size(image.shape[1], size)
    result = np.zeros((rows, columns))
    for row in range(rows):
        for column in range(columns):
            window = image[row : row + size, column : column + size]
            result[row, column] = np.sum(window * kernel)
    return result


conv2d_single.mistake(
    "@ is a matrix product. Here each weight meets the one pixel that it lies on: *, number by "
    "number.",
    replace=("np.sum(window * kernel)", "np.sum(window @ kernel)"),
)
conv2d_single.mistake(
    "Your map lies on its side: rows and columns of the result have changed places.",
    replace=("    return result", "    return result.T"),
)
conv2d_single.mistake(
    "You return after the first row of places. `return` stands behind both loops.",
    replace=("    return result", "        return result"),
)


@conv2d_single.alternative("loops over the kernel's weights, whole shifted pictures at once")
def conv2d_single(image, kernel):
    height, width = kernel.shape
    rows, columns = image.shape[0] - height + 1, image.shape[1] - width + 1
    total = 0
    for a in range(height):
        for b in range(width):
            total = total + kernel[a, b] * image[a : a + rows, b : b + columns]
    return total


@conv2d_single.alternative("all windows at once, without a loop")
def conv2d_single(image, kernel):
    windows = np.lib.stride_tricks.sliding_window_view(image, kernel.shape)
    return np.einsum("rcab,ab->rc", windows, kernel)


# --- conv2d --------------------------------------------------------------------------------------


@exercise(
    points=3,
    compare=close(),
    uses=["pad2d"],
    minutes=30,
    hints=[
        "A window is a row of channels * height * width numbers. How must a kernel be written so "
        "that a matrix product adds up weight times pixel?",
        "windows: (batch, out_height, out_width, numbers). kernels, turned over: (numbers, "
        "out_channels). Their product ends with out_channels.",
        "pad x; im2col with the kernel's height and width and the stride; weight as a table with "
        "one kernel in each row; windows times the table turned over, plus bias; move the last "
        "axis to place 1",
    ],
)
def conv2d(rng):
    example = np.array([[[[1.0, 2.0], [3.0, 4.0]]]]), np.array([[[[1.0, 1.0]]]]), np.array([10.0])
    yield case("the example", *example, stride=1, padding=0, weight=0)

    def drawn(batch, channels, size, kernels, window):
        x = rng.normal(size=(batch, channels, *size))
        return x, rng.normal(size=(kernels, channels, *window)), rng.normal(size=kernels)

    x, w, b = drawn(1, 1, (5, 6), 1, (3, 2))
    yield case("one picture, one kernel, no bias", x, w, 0 * b)
    x, w, b = drawn(2, 2, (4, 5), 3, (2, 2))
    yield case("only the biases count", x, 0 * w, b, stride=1, padding=0)
    x, w, b = drawn(1, 3, (4, 6), 1, (2, 3))
    yield case("three channels are added up", x, w, 0 * b, stride=1, padding=0)
    x, w, b = drawn(1, 1, (4, 5), 4, (2, 2))
    yield case("four kernels, four maps", x, w, 0 * b, stride=1, padding=0)
    x, w, b = drawn(3, 2, (5, 4), 4, (2, 3))
    yield case("a batch of three", x, w, b, stride=1, padding=0)
    x, w, b = drawn(2, 2, (7, 9), 3, (3, 2))
    yield case("stride 2", x, w, b, stride=2, padding=0)
    x, w, b = drawn(2, 2, (3, 4), 3, (3, 2))
    yield case("padding of two", x, w, b, stride=1, padding=2)
    x, w, b = drawn(2, 3, (8, 7), 2, (4, 3))
    yield case("stride 3 and padding of one", x, w, b, stride=3, padding=1)


conv2d.mistake(
    "The biases never reach the result. What comes out when every weight is 0?",
    replace=(" + bias", ""),
)
conv2d.mistake(
    "Your kernels are turned round. The product needs every weight to meet the pixel at its own "
    "place, as in conv2d_single.",
    replace=("weight.reshape(", "weight[:, :, ::-1, ::-1].reshape("),
)
conv2d.mistake(
    "x is not padded. Which array goes into im2col?",
    replace=("pad2d(x, padding)", "x"),
)
conv2d.mistake(
    "The stride has no effect. im2col takes it as its last argument.",
    replace=("width, stride)", "width)"),
)
conv2d.mistake(
    "Height and width of the window have changed places. weight is (out_channels, channels, "
    "kernel_height, kernel_width).",
    replace=("out_channels, _, height, width = ", "out_channels, _, width, height = "),
)
conv2d.mistake(
    "The maps are still the last axis. The result is (batch, out_channels, out_height, out_width).",
    replace=("np.moveaxis(windows @ kernels.T + bias, -1, 1)", "windows @ kernels.T + bias"),
)


@conv2d.mistake(
    "reshape gives the right shape and mixes up the numbers: it keeps their order. Move the axis "
    "with np.moveaxis."
)
def conv2d(x, weight, bias, stride=1, padding=0):
    out_channels, _, height, width = weight.shape
    windows = im2col(pad2d(x, padding), height, width, stride)
    result = windows @ weight.reshape(out_channels, -1).T + bias
    return result.reshape(len(x), out_channels, *result.shape[1:3])


@conv2d.mistake(
    "weight.reshape(-1, out_channels) mixes the kernels. One kernel in each row first, then turn "
    "the table over with .T."
)
def conv2d(x, weight, bias, stride=1, padding=0):
    out_channels, _, height, width = weight.shape
    windows = im2col(pad2d(x, padding), height, width, stride)
    return np.moveaxis(windows @ weight.reshape(-1, out_channels) + bias, -1, 1)


@conv2d.mistake(
    "Only the first channel of the pictures counts. One sum runs over all channels of the window."
)
def conv2d(x, weight, bias, stride=1, padding=0):
    out_channels, _, height, width = weight.shape
    windows = im2col(pad2d(x[:, :1], padding), height, width, stride)
    kernels = weight[:, :1].reshape(out_channels, -1)
    return np.moveaxis(windows @ kernels.T + bias, -1, 1)


@conv2d.mistake(
    "You take the mean over the channels. Everything the kernel covers is added up, in all "
    "channels."
)
def conv2d(x, weight, bias, stride=1, padding=0):
    out_channels, channels, height, width = weight.shape
    windows = im2col(pad2d(x, padding), height, width, stride)
    kernels = weight.reshape(out_channels, -1) / channels
    return np.moveaxis(windows @ kernels.T + bias, -1, 1)


@conv2d.mistake(
    "You pad with the stride and move by the padding: the two have changed places in your code."
)
def conv2d(x, weight, bias, stride=1, padding=0):
    stride, padding = padding, stride
    out_channels, _, height, width = weight.shape
    windows = im2col(pad2d(x, padding), height, width, max(stride, 1))
    return np.moveaxis(windows @ weight.reshape(out_channels, -1).T + bias, -1, 1)


conv2d.equivalent(
    "weight.reshape(out_channels, -1)",
    "weight.reshape(out_channels, -2)",
    why="NumPy takes any negative size for the one to be worked out",
)


conv2d.mistake(
    "After the axis has moved, the biases meet the columns. Each belongs to a map: add them while "
    "out_channels is the last axis.",
    replace=(
        "np.moveaxis(windows @ kernels.T + bias, -1, 1)",
        "np.moveaxis(windows @ kernels.T, -1, 1) + bias",
    ),
)
conv2d.mistake(
    "swapaxes lets two axes change places, so rows and columns are turned too. np.moveaxis takes "
    "one axis out and leaves the others in their order.",
    replace=("np.moveaxis(", "np.swapaxes("),
)
conv2d.mistake(
    "Your border is too wide: `padding` zeros on each side, which pad2d knows already.",
    replace=("pad2d(x, padding)", "pad2d(x, 2 * padding)"),
)
conv2d.mistake(
    "Each bias is added once for every channel. It belongs to the sum, so it is added once.",
    replace=("+ bias, -1", "+ bias * x.shape[1], -1"),
)


@conv2d.alternative("loops over the places, all pictures and kernels at once")
def conv2d(x, weight, bias, stride=1, padding=0):
    padded = pad2d(x, padding)
    _, _, height, width = weight.shape
    rows = (padded.shape[2] - height) // stride + 1
    columns = (padded.shape[3] - width) // stride + 1
    result = np.zeros((len(x), len(weight), rows, columns))
    for row in range(rows):
        for column in range(columns):
            up, left = row * stride, column * stride
            window = padded[:, :, up : up + height, left : left + width]
            result[:, :, row, column] = np.einsum("bchw,ochw->bo", window, weight) + bias
    return result


@conv2d.alternative("your conv2d_single for every picture, kernel and channel, then every stride")
def conv2d(x, weight, bias, stride=1, padding=0):
    maps = []
    for picture in pad2d(x, padding):
        for kernel, b in zip(weight, bias):  # noqa: B905
            whole = sum(conv2d_single(c, k) for c, k in zip(picture, kernel))  # noqa: B905
            maps.append(whole[::stride, ::stride] + b)
    return np.array(maps).reshape(len(x), len(weight), *maps[0].shape)


@conv2d.alternative("transposed by hand, the biases added as a column at the end")
def conv2d(x, weight, bias, stride=1, padding=0):
    table = im2col(pad2d(x, padding), *weight.shape[2:], stride)
    sums = table @ np.transpose(np.array([kernel.ravel() for kernel in weight]))
    return sums.transpose(0, 3, 1, 2) + bias[None, :, None, None]


# --- max_pool2d ----------------------------------------------------------------------------------


@exercise(
    points=3,
    compare=close(),
    minutes=20,
    hints=[
        "How many whole blocks fit along the rows, and how many along the columns?",
        "(batch, channels, height // size, width // size); for the split, the shape is (batch, "
        "channels, rows, size, columns, size).",
        "cut off what fills no block; reshape to six axes, both axes of the map split in two; the "
        "maximum over the two axes of length size",
    ],
)
def max_pool2d(rng):
    yield case(
        "the example", np.array([[[[1.0, 5.0, 2.0, 9.0], [3.0, 4.0, 8.0, 7.0]]]]), 2, weight=0
    )

    def above_zero(*shape):
        return rng.uniform(0.5, 4.0, size=shape)

    yield case("blocks of two", above_zero(1, 1, 6, 8), 2)
    yield case("blocks of three", above_zero(1, 1, 9, 15), 3)
    yield case("a batch with channels", above_zero(3, 2, 4, 8), 2)
    yield case("rows and columns left over", above_zero(2, 1, 8, 11), 3)
    yield case("all numbers below zero", -1 - rng.random(size=(1, 2, 6, 8)), 2)


max_pool2d.mistake(
    "You take the mean of each block. Max pooling keeps its largest number.",
    replace=("blocks.max(", "blocks.mean("),
)
max_pool2d.mistake(
    "You keep the smallest number of each block.",
    replace=("blocks.max(", "blocks.min("),
)


@max_pool2d.mistake(
    "Your blocks are not blocks: the split must keep rows with rows, (rows, size, columns, size). "
    "Splitting off both sizes at the end cuts the map into strips."
)
def max_pool2d(x, size):
    batch, channels, height, width = x.shape
    rows, columns = height // size, width // size
    blocks = x[:, :, : rows * size, : columns * size]
    return blocks.reshape(batch, channels, rows, columns, size, size).max(axis=(4, 5))


max_pool2d.mistake(
    "You pool along the rows of blocks only. The maximum runs over both axes of length size.",
    replace=("axis=(3, 5)", "axis=3"),
)
max_pool2d.mistake(
    "You take the maximum over the whole map: the axes of the blocks' places went too.",
    replace=("axis=(3, 5)", "axis=(2, 3, 4, 5)"),
)


@max_pool2d.mistake("You start from 0, so blocks of negative numbers become 0.")
def max_pool2d(x, size):
    batch, channels, height, width = x.shape
    result = np.zeros((batch, channels, height // size, width // size))
    for row in range(height // size * size):
        for column in range(width // size * size):
            place = (..., row // size, column // size)
            result[place] = np.maximum(result[place], x[..., row, column])
    return result


@max_pool2d.mistake(
    "Your blocks overlap: they move by one pixel. They stand side by side, so they move by size."
)
def max_pool2d(x, size):
    windows = np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(2, 3))
    return windows.max(axis=(4, 5))


@max_pool2d.mistake(
    "You take the maximum over the channels as well. Each map is pooled on its own."
)
def max_pool2d(x, size):
    batch, channels, height, width = x.shape
    rows, columns = height // size, width // size
    blocks = x[:, :, : rows * size, : columns * size]
    return blocks.reshape(batch, channels, rows, size, columns, size).max(axis=(1, 3, 5))


@max_pool2d.mistake(
    "The rows and columns that fill no block are not left out. Cut them off before you split."
)
def max_pool2d(x, size):
    batch, channels, height, width = x.shape
    more = (0, -height % size), (0, -width % size)
    filled = np.pad(x, ((0, 0), (0, 0), *more), constant_values=-np.inf)
    rows, columns = filled.shape[2] // size, filled.shape[3] // size
    return filled.reshape(batch, channels, rows, size, columns, size).max(axis=(3, 5))


@max_pool2d.mistake("You keep every other pixel and don't look at the others of its block.")
def max_pool2d(x, size):
    rows, columns = x.shape[2] // size * size, x.shape[3] // size * size
    return x[:, :, :rows:size, :columns:size]


@max_pool2d.mistake(
    "The rows and columns that fill no block are not left out. Cut them off before you split."
)
def max_pool2d(x, size):
    batch, channels, height, width = x.shape
    blocks = x.reshape(batch, channels, height // size, size, width // size, size)
    return blocks.max(axis=(3, 5))


max_pool2d.mistake(
    "You leave out the first rows and columns. Blocks begin in the upper left corner, and what is "
    "left over stands at the end.",
    replace=(
        "x[:, :, : rows * size, : columns * size]",
        "x[:, :, height - rows * size :, width - columns * size :]",
    ),
)
max_pool2d.mistake(
    "Your maximum runs over the axes that count the blocks. In (batch, channels, rows, size, "
    "columns, size), which two are inside one block?",
    replace=("axis=(3, 5)", "axis=(2, 4)"),
)


@max_pool2d.mistake(
    "Your split has size before the number of blocks, so a block is made of pixels far apart. The "
    "shape is (batch, channels, rows, size, columns, size)."
)
def max_pool2d(x, size):
    batch, channels, height, width = x.shape
    rows, columns = height // size, width // size
    blocks = x[:, :, : rows * size, : columns * size]
    return blocks.reshape(batch, channels, size, rows, size, columns).max(axis=(2, 4))


@max_pool2d.mistake("Your blocks are always 2 by 2. How large they are is an argument.")
def max_pool2d(x, size):
    batch, channels, height, width = x.shape
    blocks = x[:, :, : height // 2 * 2, : width // 2 * 2]
    return blocks.reshape(batch, channels, height // 2, 2, width // 2, 2).max(axis=(3, 5))


@max_pool2d.alternative("the largest of shifted, thinned-out copies")
def max_pool2d(x, size):
    rows, columns = x.shape[2] // size * size, x.shape[3] // size * size
    best = x[:, :, :rows:size, :columns:size]
    for a in range(size):
        for b in range(size):
            best = np.maximum(best, x[:, :, a:rows:size, b:columns:size])
    return best


@max_pool2d.alternative("loops over the blocks")
def max_pool2d(x, size):
    batch, channels, height, width = x.shape
    result = np.full((batch, channels, height // size, width // size), -np.inf)
    for i in range(height // size):
        for j in range(width // size):
            block = x[:, :, i * size : i * size + size, j * size : j * size + size]
            result[:, :, i, j] = block.max(axis=3).max(axis=2)
    return result


# --- LeNet ---------------------------------------------------------------------------------------


@exercise(
    points=3,
    compare=close(),
    uses=["output_size"],
    minutes=25,
    hints=[
        "A picture of 28 by 28 comes out of both convolutions and poolings as 5 by 5. What made "
        "each step smaller, or kept it?",
        "(batch, depth, h, w), then (batch, first, h // 2, w // 2), then (batch, second, rows, "
        "columns), then (batch, second * rows * columns), hidden_size, classes.",
        "__init__: two nn.Conv2d and two nn.Linear with the names of the docstring. forward: "
        "conv1, ReLU, pool; conv2, ReLU, pool; flatten all axes but the first; hidden, ReLU; "
        "output",
    ],
)
def LeNet(rng):
    yield case(
        "__init__: a small one", [1, 16, 16], [2, 3], 4, 2, {}, 0, looks_at="layers", weight=0
    )
    kinds = [int(k) for k in rng.permutation([2, 3, 4, 5])]
    sizes = [kinds[0], 24, 36], kinds[1:3], kinds[3] + 4, 3
    yield case("__init__: the layers", *sizes, {}, 0, looks_at="layers")
    for name, picture, channels, hidden, classes, batch, looks_at in (
        ("forward: one grey picture", [1, 16, 16], [2, 3], 6, 3, 1, "logits"),
        ("forward: a batch of wide colour pictures", [3, 17, 20], [3, 2], 6, 4, 3, "logits"),
        ("backward: every weight gets a gradient", [2, 16, 21], [3, 4], 5, 3, 4, "gradients"),
    ):
        sizes = picture, channels, hidden, classes
        yield case(name, *sizes, *clear_cut(rng, *sizes, batch), looks_at=looks_at)


def layers(rng, picture, channels, hidden, classes):
    """Weights under the names that the four layers have in PyTorch."""
    depth, height, width = picture
    rows, columns = (height // 2 - 4) // 2, (width // 2 - 4) // 2
    inputs = channels[1] * rows * columns
    return {
        "conv1.weight": rng.normal(size=(channels[0], depth, 5, 5)) / 5,
        "conv1.bias": rng.normal(size=channels[0]) / 2,
        "conv2.weight": rng.normal(size=(channels[1], channels[0], 5, 5)) / 5,
        "conv2.bias": rng.normal(size=channels[1]) / 2,
        "hidden.weight": rng.normal(size=(hidden, inputs)) / np.sqrt(inputs),
        "hidden.bias": rng.normal(size=hidden),
        "output.weight": rng.normal(size=(classes, hidden)) / np.sqrt(hidden),
        "output.bias": rng.normal(size=classes),
    }


def clear_cut(rng, picture, channels, hidden, classes, batch):
    """Weights and pictures for which every ReLU matters, and none is in doubt."""
    while True:
        drawn = layers(rng, picture, channels, hidden, classes)
        images = rng.normal(size=(batch, *picture))
        sums = scores(drawn, images)
        apart = [(sums[-1] - scores(drawn, images, without)[-1])[0] for without in range(3)]
        negative = bool((sums[-1][0] < -0.1).any() and (sums[-1][0] > 0.1).any())
        clear = min(float(part.abs().min()) for part in sums) > 1e-4
        if negative and clear and min(float(part.abs().max()) for part in apart) > 0.01:
            return drawn, images


def scores(drawn, images, without=None):
    """The sums before each ReLU, pooled, and the logits; `without` leaves one ReLU out."""
    w = {name: torch.tensor(value) for name, value in drawn.items()}
    bend = [torch.relu] * 3
    if without is not None:
        bend[without] = torch.clone
    maps = nn.functional.conv2d(torch.tensor(images), w["conv1.weight"], w["conv1.bias"], 1, 2)
    maps = nn.functional.max_pool2d(maps, 2)
    second = nn.functional.conv2d(bend[0](maps), w["conv2.weight"], w["conv2.bias"])
    second = nn.functional.max_pool2d(second, 2).flatten(1)
    third = bend[1](second) @ w["hidden.weight"].T + w["hidden.bias"]
    return [maps, second, third, bend[2](third) @ w["output.weight"].T + w["output.bias"]]


FIRST = "maps = nn.functional.max_pool2d(torch.relu(self.conv1(images)), 2)"
SECOND = "maps = nn.functional.max_pool2d(torch.relu(self.conv2(maps)), 2)"
RESULT = "self.output(torch.relu(self.hidden(maps.flatten(start_dim=1))))"

LeNet.mistake(
    "conv1 has no padding, so the maps shrink by 4 and hidden receives fewer numbers than its "
    "docstring says.",
    replace=(
        "kernel_size=5, padding=2)\n        self.conv2 = nn.Conv2d(channels[0], channels[1], "
        "kernel_size=5)\n        rows = output_size(height // 2, 5) // 2\n"
        "        columns = output_size(width // 2, 5) // 2",
        "kernel_size=5)\n        self.conv2 = nn.Conv2d(channels[0], channels[1], "
        "kernel_size=5)\n        rows = output_size((height - 4) // 2, 5) // 2\n"
        "        columns = output_size((width - 4) // 2, 5) // 2",
    ),
)
LeNet.mistake(
    "The second convolution is padded too, so its maps don't shrink. Only conv1 has padding.",
    replace=(
        "channels[1], kernel_size=5)\n        rows = output_size(height // 2, 5) // 2\n"
        "        columns = output_size(width // 2, 5) // 2",
        "channels[1], kernel_size=5, padding=2)\n        rows = height // 4\n"
        "        columns = width // 4",
    ),
)
LeNet.mistake(
    "Your convolutions have kernels of 3 by 3. The docstring asks for 5 by 5.",
    replace=(
        "kernel_size=5, padding=2)\n        self.conv2 = nn.Conv2d(channels[0], channels[1], "
        "kernel_size=5)\n        rows = output_size(height // 2, 5) // 2\n"
        "        columns = output_size(width // 2, 5) // 2",
        "kernel_size=3, padding=1)\n        self.conv2 = nn.Conv2d(channels[0], channels[1], "
        "kernel_size=3)\n        rows = output_size(height // 2, 3) // 2\n"
        "        columns = output_size(width // 2, 3) // 2",
    ),
)
LeNet.mistake(
    "hidden is made for a picture as wide as it is high. Rows and columns have each their own "
    "number of places.",
    replace=("channels[1] * rows * columns", "channels[1] * rows * rows"),
)
LeNet.mistake(
    "hidden is made for 800 numbers, which is right for pictures of 28 by 28 and 32 kernels only. "
    "Let output_size work it out.",
    replace=("channels[1] * rows * columns", "800"),
)
LeNet.mistake(
    "Your model takes pictures of one channel. How many there are stands in `picture`.",
    replace=("nn.Conv2d(depth, ", "nn.Conv2d(1, "),
)
LeNet.mistake(
    "No ReLU follows conv1. Two convolutions in a row, without a bend between, are one.",
    replace=(FIRST, FIRST.replace("torch.relu(self.conv1(images))", "self.conv1(images)")),
)
LeNet.mistake(
    "No ReLU follows conv2.",
    replace=(SECOND, SECOND.replace("torch.relu(self.conv2(maps))", "self.conv2(maps)")),
)
LeNet.mistake(
    "No ReLU follows hidden, and two linear layers in a row are only one.",
    replace=(RESULT, "self.output(self.hidden(maps.flatten(start_dim=1)))"),
)
LeNet.mistake(
    "No ReLU follows the convolutions, and two convolutions in a row are only one.",
    replace=(
        f"{FIRST}\n        {SECOND}",
        f"{FIRST}\n        {SECOND}".replace("torch.relu(", "("),
    ),
)
LeNet.mistake(
    "You flatten the batch as well, so all pictures become one row. Leave the first axis alone: "
    "start_dim=1.",
    replace=("maps.flatten(start_dim=1)", "maps.flatten()"),
)
LeNet.mistake(
    "The maps of conv2 are not pooled. Pooling by 2 follows each convolution's ReLU.",
    replace=(
        "        rows = output_size(height // 2, 5) // 2\n"
        "        columns = output_size(width // 2, 5) // 2\n"
        "        self.hidden = nn.Linear(channels[1] * rows * columns, hidden_size)\n"
        "        self.output = nn.Linear(hidden_size, classes)\n\n"
        f"    def forward(self, images):\n        {FIRST}\n        {SECOND}\n",
        "        rows, columns = output_size(height // 2, 5), output_size(width // 2, 5)\n"
        "        self.hidden = nn.Linear(channels[1] * rows * columns, hidden_size)\n"
        "        self.output = nn.Linear(hidden_size, classes)\n\n"
        f"    def forward(self, images):\n        {FIRST}\n"
        "        maps = torch.relu(self.conv2(maps))\n",
    ),
)
LeNet.mistake(
    "Your convolutions have no bias. PyTorch gives them one unless told otherwise.",
    replace=(
        "kernel_size=5, padding=2)\n        self.conv2 = nn.Conv2d(channels[0], channels[1], "
        "kernel_size=5)",
        "kernel_size=5, padding=2, bias=False)\n        self.conv2 = nn.Conv2d(channels[0], "
        "channels[1], kernel_size=5, bias=False)",
    ),
)
LeNet.mistake(
    "Your model ends in a softmax. The loss does its own: return the plain scores.",
    replace=(RESULT, RESULT + ".softmax(dim=1)"),
)
LeNet.mistake(
    "A ReLU follows the output too, and cuts off every negative score.",
    replace=(RESULT, f"torch.relu({RESULT})"),
)
LeNet.mistake(
    "You pool by the mean. The docstring's pooling keeps the largest number, as your max_pool2d.",
    replace=(
        f"{FIRST}\n        {SECOND}",
        f"{FIRST}\n        {SECOND}".replace("max_pool2d", "avg_pool2d"),
    ),
)


@LeNet.mistake(
    "PyTorch finds no parameters in your model. Store each layer as self.name in __init__; layers "
    "in a plain list are not seen."
)
class LeNet(nn.Module):
    def __init__(self, picture, channels, hidden_size, classes):
        super().__init__()
        depth, height, width = picture
        rows, columns = (height // 2 - 4) // 2, (width // 2 - 4) // 2
        self.layers = [
            nn.Conv2d(depth, channels[0], 5, padding=2),
            nn.Conv2d(channels[0], channels[1], 5),
            nn.Linear(channels[1] * rows * columns, hidden_size),
            nn.Linear(hidden_size, classes),
        ]

    def forward(self, images):
        conv1, conv2, hidden, output = self.layers
        maps = nn.functional.max_pool2d(torch.relu(conv1(images)), 2)
        maps = nn.functional.max_pool2d(torch.relu(conv2(maps)), 2)
        return output(torch.relu(hidden(maps.flatten(start_dim=1))))


@LeNet.alternative("a lazy layer, which learns its size from the first picture")
class LeNet(nn.Module):
    def __init__(self, picture, channels, hidden_size, classes):
        super().__init__()
        self.conv1 = nn.Conv2d(picture[0], channels[0], 5, padding=2)
        self.conv2 = nn.Conv2d(*channels, 5)
        self.hidden = nn.LazyLinear(hidden_size)
        self.output = nn.Linear(hidden_size, classes)

    def forward(self, images):
        x = nn.functional.max_pool2d(self.conv1(images).relu(), 2)
        x = nn.functional.max_pool2d(self.conv2(x).relu(), 2)
        return self.output(self.hidden(x.flatten(1)).relu())


@LeNet.alternative("pooling before the ReLU, which gives the same, and layers as modules")
class LeNet(nn.Module):
    def __init__(self, picture, channels, hidden_size, classes):
        super().__init__()
        first, second = channels
        self.conv1 = nn.Conv2d(picture[0], first, (5, 5), padding="same")
        self.conv2 = nn.Conv2d(first, second, 5)
        self.pool, self.bend, self.flat = nn.MaxPool2d(2), nn.ReLU(), nn.Flatten()
        with torch.no_grad():
            numbers = self.convolve(torch.zeros(1, *picture)).shape[1]
        self.hidden = nn.Linear(numbers, hidden_size)
        self.output = nn.Linear(hidden_size, classes)

    def convolve(self, x):
        x = self.bend(self.pool(self.conv1(x)))
        return self.flat(self.bend(self.pool(self.conv2(x))))

    def forward(self, x):
        return self.output(self.bend(self.hidden(self.convolve(x))))


@LeNet.alternative("sizes by hand, view for flatten")
class LeNet(nn.Module):
    def __init__(self, picture, channels, hidden_size, classes):
        super().__init__()
        depth, height, width = picture
        self.size = channels[1] * ((height // 2 - 4) // 2) * ((width // 2 - 4) // 2)
        self.conv1 = nn.Conv2d(depth, channels[0], 5, 1, 2)
        self.conv2 = nn.Conv2d(channels[0], channels[1], 5)
        self.hidden = nn.Linear(self.size, hidden_size)
        self.output = nn.Linear(hidden_size, classes)

    def forward(self, images):
        x = nn.functional.max_pool2d(self.conv1(images).clamp(min=0), kernel_size=2)
        x = nn.functional.max_pool2d(self.conv2(x).clamp(min=0), kernel_size=2)
        return self.output(self.hidden(x.reshape(-1, self.size)).relu())


# --- conv2d_backward -----------------------------------------------------------------------------


@exercise(
    points=4,
    compare=close(),
    uses=["pad2d"],
    minutes=40,
    hints=[
        "At one place the result is window @ kernels.T, both as tables. What does unit 03's "
        "matmul_backward hand to the window, and what to the kernels?",
        "window: (batch, channels, kernel_height, kernel_width), as a table (batch, numbers). "
        "g: (batch, out_channels). kernels: (out_channels, numbers).",
        "zeros for the padded x and for the kernels; at each place: g turned over times the window "
        "is added to the kernels' gradient, g times the kernels is added where the window lay; at "
        "the end cut the padding off; the bias gets the sum of grad over batch and places",
    ],
)
def conv2d_backward(rng):
    x, weight = np.array([[[[1.0, 2.0], [3.0, 4.0]]]]), np.array([[[[10.0, 1.0]]]])
    grad = np.array([[[[1.0], [2.0]]]])
    yield case("the example", grad, x, weight, looks_at="grad_x", stride=1, padding=0, weight=0)

    def drawn(batch, channels, size, kernels, window, stride=1, padding=0):
        x = rng.normal(size=(batch, channels, *size))
        weight = rng.normal(size=(kernels, channels, *window))
        places = [(n + 2 * padding - k) // stride + 1 for n, k in zip(size, window, strict=True)]
        grad = rng.normal(size=(batch, kernels, *places))
        how = {"stride": stride, "padding": padding} if (stride, padding) != (1, 0) else {}
        return (grad, x, weight), how

    for name, looks_at, args in (
        ("grad_weight: one picture, one kernel", "grad_weight", (1, 1, (4, 5), 1, (2, 3))),
        ("grad_weight: a batch, channels, kernels", "grad_weight", (3, 2, (5, 4), 4, (3, 2))),
        ("grad_x: one picture, one kernel", "grad_x", (1, 1, (5, 4), 1, (3, 2))),
        ("grad_x: a batch, channels, kernels", "grad_x", (3, 2, (4, 6), 4, (2, 3))),
        ("grad_bias", "grad_bias", (3, 2, (4, 5), 2, (2, 2))),
        ("grad_x: stride 2", "grad_x", (2, 2, (7, 9), 3, (3, 2), 2)),
        ("grad_weight: stride 3", "grad_weight", (2, 2, (8, 7), 3, (2, 3), 3)),
        ("grad_x: padding of two", "grad_x", (2, 2, (4, 3), 3, (2, 3), 1, 2)),
        ("grad_weight: padding of one", "grad_weight", (2, 2, (3, 4), 3, (3, 2), 1, 1)),
    ):
        arrays, how = drawn(*args)
        yield case(name, *arrays, looks_at=looks_at, **how)


conv2d_backward.mistake(
    "grad_weight keeps only the last place's part. A kernel is used at every place: add up with "
    "+=.",
    replace=("grad_kernels += g.T", "grad_kernels = g.T"),
)
conv2d_backward.mistake(
    "What the windows hand back overwrites what was there. A pixel stands in several windows: add "
    "up with +=.",
    replace=("grad_padded[spot] += ", "grad_padded[spot] = "),
)
conv2d_backward.mistake(
    "The bias gradient is summed over the batch only. Every number of a map got the same bias: sum "
    "over the places too.",
    replace=("grad.sum(axis=(0, 2, 3))", "grad.sum(axis=0)"),
)
conv2d_backward.mistake(
    "The bias gradient is a mean. Whatever 1/n there is came with grad, from the loss: here "
    "belongs the sum.",
    replace=("grad.sum(axis=(0, 2, 3))", "grad.mean(axis=(0, 2, 3))"),
)
conv2d_backward.mistake(
    "Your windows ignore the stride: place 2 begins at pixel 2 * stride.",
    replace=("up, left = row * stride, column * stride", "up, left = row, column"),
)
conv2d_backward.mistake(
    "The border is still on grad_x. Cut off what belongs to the padding.",
    replace=("return grad_padded[inside], ", "return grad_padded, "),
)
conv2d_backward.mistake(
    "You cut grad_x out of the upper left corner of the padded one. The picture lies in the "
    "middle.",
    replace=(
        "slice(padding, padding + x.shape[2]), slice(padding, padding + x.shape[3])",
        "slice(0, x.shape[2]), slice(0, x.shape[3])",
    ),
)
conv2d_backward.mistake(
    "The three gradients come in another order: grad_x, grad_weight, grad_bias.",
    replace=(
        "return grad_padded[inside], grad_kernels.reshape(weight.shape), grad.sum(axis=(0, 2, 3))",
        "return grad_kernels.reshape(weight.shape), grad.sum(axis=(0, 2, 3)), grad_padded[inside]",
    ),
)
conv2d_backward.mistake(
    "The kernels' gradient is divided by the batch. Whatever 1/n there is came with grad.",
    replace=(
        "g.T @ window.reshape(len(x), -1)",
        "g.T @ window.reshape(len(x), -1) / len(x)",
    ),
)
conv2d_backward.mistake(
    "The kernels are turned round on the way back. At one place it is a plain matrix product: "
    "nothing is turned but the table.",
    replace=(
        "(g @ kernels).reshape(window.shape)",
        "(g @ kernels).reshape(window.shape)[:, :, ::-1, ::-1]",
    ),
)
conv2d_backward.mistake(
    "You multiply grad with the kernels of x's own channels: `kernels` has one kernel in each row, "
    "so reshape it by out_channels, not by channels.",
    replace=(
        "weight.reshape(out_channels, -1)",
        "np.moveaxis(weight, 1, 0).reshape(out_channels, -1)",
    ),
)


conv2d_backward.mistake(
    "padding:-padding is empty where padding is 0, since -0 is 0. Count from the front: padding : "
    "padding + height.",
    replace=(
        "slice(padding, padding + x.shape[2]), slice(padding, padding + x.shape[3])",
        "slice(padding, -padding), slice(padding, -padding)",
    ),
)
conv2d_backward.mistake(
    "The gradients of kernels and bias are divided by the batch. Whatever 1/n there is came with "
    "grad.",
    replace=(
        "grad_kernels.reshape(weight.shape), grad.sum(axis=(0, 2, 3))",
        "grad_kernels.reshape(weight.shape) / len(x), grad.sum(axis=(0, 2, 3)) / len(x)",
    ),
)
conv2d_backward.mistake(
    "The bias gradient keeps its axes of length 1. It has the shape of bias, (out_channels,).",
    replace=("grad.sum(axis=(0, 2, 3))", "grad.sum(axis=(0, 2, 3), keepdims=True)"),
)


@conv2d_backward.alternative("loops over the kernel's weights, all places at once")
def conv2d_backward(grad, x, weight, stride=1, padding=0):
    padded = pad2d(x, padding)
    grad_padded, grad_weight = np.zeros_like(padded), np.zeros_like(weight, dtype=float)
    rows, columns = grad.shape[2:]
    for a in range(weight.shape[2]):
        for b in range(weight.shape[3]):
            met = (
                slice(None),
                slice(None),
                slice(a, a + stride * rows, stride),
                slice(b, b + stride * columns, stride),
            )
            grad_weight[:, :, a, b] = np.einsum("borc,birc->oi", grad, padded[met])
            grad_padded[met] += np.einsum("borc,oi->birc", grad, weight[:, :, a, b])
    height, width = x.shape[2:]
    grad_x = grad_padded[:, :, padding : padding + height, padding : padding + width]
    return [grad_x, grad_weight, np.einsum("borc->o", grad)]


@conv2d_backward.alternative("im2col for the kernels, windows put back one by one")
def conv2d_backward(grad, x, weight, stride=1, padding=0):
    out_channels, channels, height, width = weight.shape
    rows = np.moveaxis(grad, 1, -1)
    windows = im2col(pad2d(x, padding), height, width, stride)
    grad_weight = np.tensordot(rows, windows, axes=((0, 1, 2), (0, 1, 2))).reshape(weight.shape)
    handed = (rows @ weight.reshape(out_channels, -1)).reshape(
        *rows.shape[:3], channels, height, width
    )
    back = np.zeros(pad2d(x, padding).shape)
    for i, j in np.ndindex(rows.shape[1:3]):
        up, left = i * stride, j * stride
        back[:, :, up : up + height, left : left + width] += handed[:, i, j]
    end = -padding or None
    return back[:, :, padding:end, padding:end], grad_weight, rows.sum((0, 1, 2))
