"""Unit 03: the exercises, their cases, and the mistakes people make in them."""

import numpy as np

from autograde.declare import Variant, case, close, exercise, law, unit
from chainrule.backprop import laws

unit(title="Who is to blame for the error?")


def signed(rng, low=0.5, high=3.0):
    """A number of either sign, away from zero."""
    return float(rng.uniform(low, high) * rng.choice([-1, 1]))


def many(rng, size, low=0.5, high=3.0):
    """Numbers of either sign, away from zero."""
    return rng.uniform(low, high, size=size) * rng.choice([-1, 1], size=size)


def in_all(exercise, says, source):
    """A mistake made in every function of a cell that has several: the whole cell."""
    exercise.mistakes.append(Variant(says, source=source))


# --- add and mul -------------------------------------------------------------------------------


@exercise(
    points=3,
    compare=close(),
    symbols=["add", "mul"],
    minutes=15,
    hints=[
        "If a grows by 0.01 and b stays, by how much does a + b grow? By how much does a * b grow?",
        "local_backward takes one number, the result's gradient, and returns a tuple of two: what "
        "a receives and what b receives.",
        "a new Value: its data; the parents (a, b); a function that returns, for each parent, "
        "grad times that parent's slope. In a product, whose number is a's slope?",
    ],
)
def add(rng):
    yield case("the example", "mul", [2.0, 3.0], 10.0, weight=0)
    yield case("add: the sum and its parents", "add", [signed(rng), signed(rng)])
    yield case("add: the gradients passed back", "add", [signed(rng), signed(rng)], signed(rng, 2))
    yield case("mul: the product and its parents", "mul", [signed(rng), signed(rng)])
    yield case("mul: the gradients passed back", "mul", [signed(rng), signed(rng)], signed(rng, 2))
    yield case("mul: a Value times itself", "mul", [signed(rng)], signed(rng, 2), twice=True)
    arrays = [many(rng, 3), many(rng, 3)]
    yield case("mul: arrays of three numbers", "mul", arrays, many(rng, 3, 2))


SUM = 'return Value(a.data + b.data, (a, b), lambda grad: (grad, grad), "+")'
PRODUCT = 'return Value(a.data * b.data, (a, b), lambda grad: (grad * b.data, grad * a.data), "×")'

add.mistake(
    "Your mul multiplies a's gradient by a's own number. When a grows by a little, a * b grows by "
    "that times which of the two?",
    replace=("(grad * b.data, grad * a.data)", "(grad * a.data, grad * b.data)"),
)
add.mistake(
    "The gradient that mul's local_backward is given never reaches the parents. What the result "
    "answers for, its parents answer for: multiply grad by each slope.",
    replace=("(grad * b.data, grad * a.data)", "(b.data, a.data)"),
)
add.mistake(
    "Your add passes 1 back whatever it is given. 1 is the slope; it still multiplies grad.",
    replace=("(grad, grad)", "(1.0, 1.0)"),
)
add.mistake(
    "Your add shares the gradient out in halves. When a alone grows by 1, how much does the sum?",
    replace=("(grad, grad)", "(grad / 2, grad / 2)"),
)
add.mistake(
    "Your add treats its parents like a product's. The slope of a + b is 1 in both directions.",
    replace=("(grad, grad)", "(grad * b.data, grad * a.data)"),
)
add.mistake(
    "Your product has no parents. Without them nothing can flow back from it: hand over (a, b).",
    replace=(PRODUCT, PRODUCT.replace("(a, b)", "()")),
)
add.mistake(
    "Your product's parents are numbers. A number has no grad to fill: hand over the Values (a, b) "
    "themselves.",
    replace=(PRODUCT, PRODUCT.replace("(a, b)", "(a.data, b.data)")),
)
add.mistake(
    "Your mul returns a plain number, which remembers nothing. Return a Value that knows its "
    "parents and its local_backward.",
    replace=(PRODUCT, "return a.data * b.data"),
)
add.mistake(
    "Your mul multiplies by the other's grad, which is still 0. The slope of a * b along a is the "
    "number in b: its data.",
    replace=("(grad * b.data, grad * a.data)", "(grad * b.grad, grad * a.grad)"),
)
in_all(
    add,
    "You return plain numbers, which remember nothing. Return a Value that knows its parents and "
    "its local_backward.",
    """def add(a, b):
    return a.data + b.data


def mul(a, b):
    return a.data * b.data
""",
)
in_all(
    add,
    "The numbers are right, but your Values have no parents and nothing to hand back. Give Value "
    "the second and the third argument too.",
    """def add(a, b):
    return Value(a.data + b.data)


def mul(a, b):
    return Value(a.data * b.data)
""",
)
in_all(
    add,
    "The gradient that local_backward is given goes nowhere: you return the slopes alone, in both "
    "functions. Multiply each by grad.",
    """def add(a, b):
    return Value(a.data + b.data, (a, b), lambda grad: (1.0, 1.0))


def mul(a, b):
    return Value(a.data * b.data, (a, b), lambda grad: (b.data, a.data))
""",
)
in_all(
    add,
    "Your local_backward changes a.grad and b.grad itself and returns nothing. Here it only "
    "returns what they receive; `backward` will add it up, in one place.",
    """def add(a, b):
    out = Value(a.data + b.data, (a, b))

    def local_backward(grad):
        a.grad += grad
        b.grad += grad

    out.local_backward = local_backward
    return out


def mul(a, b):
    out = Value(a.data * b.data, (a, b))

    def local_backward(grad):
        a.grad += grad * b.data
        b.grad += grad * a.data

    out.local_backward = local_backward
    return out
""",
)
add.mistake(
    "float() knows one number. Later the data will be arrays: plain * works for both.",
    replace=(
        PRODUCT,
        """x, y = float(a.data), float(b.data)
    return Value(x * y, (a, b), lambda grad: (grad * y, grad * x), "×")""",
    ),
)
add.alternative(
    "a function with a name, set afterwards, that returns a list",
    replace=(
        PRODUCT,
        """out = Value(a.data * b.data, [a, b])

    def local_backward(grad):
        return [b.data * grad, a.data * grad]

    out.local_backward = local_backward
    return out""",
    ),
)
add.alternative(
    "a class for products, whose local_backward is a method",
    replace=(
        PRODUCT,
        """class Product(Value):
        def __init__(self, a, b):
            super().__init__(a.data * b.data, (a, b), self.pass_back)

        def pass_back(self, grad):
            left, right = self.parents
            return grad * right.data, grad * left.data

    return Product(a, b)""",
    ),
)
add.alternative(
    "add also takes plain numbers",
    replace=(
        SUM,
        """a = a if isinstance(a, Value) else Value(a)
    b = b if isinstance(b, Value) else Value(b)
    return Value(b.data + a.data, (a, b), lambda g: (g, g))""",
    ),
)


# --- tanh, exp and log -------------------------------------------------------------------------


@exercise(
    points=3,
    compare=close(),
    symbols=["tanh", "exp", "log"],
    minutes=15,
    hints=[
        "The slope of tanh can be written with its result alone. What is tanh(0), and what is the "
        "slope there?",
        "One parent, so local_backward returns a tuple of one number: (x,) with a comma.",
        "tanh: grad times (1 minus the result squared); exp: grad times the result; log: grad "
        "divided by the input",
    ],
)
def tanh(rng):
    yield case("the example", "tanh", [0.0], 2.0, weight=0)
    for name in ("tanh", "exp", "log"):
        yield case(f"{name}: the result and its parent", name, [inside(rng, name)])
        yield case(f"{name}: the gradient passed back", name, [inside(rng, name)], signed(rng, 2))
    yield case("tanh: an array of three numbers", "tanh", [many(rng, 3, 0.3, 1.5)], many(rng, 3, 2))


def inside(rng, name):
    """A number that the function can take, where its curve is neither flat nor steep."""
    return float(rng.uniform(1.5, 4.0)) if name == "log" else signed(rng, 0.3, 1.5)


tanh.mistake(
    "Your tanh's slope is 1 minus the input squared. The formula squares the result, tanh(x).",
    replace=("(1 - value**2)", "(1 - a.data**2)"),
)
tanh.mistake(
    "Your tanh forgets the gradient that it is given: it hands back its slope alone.",
    replace=("grad * (1 - value**2)", "1 - value**2"),
)
tanh.mistake(
    "Your tanh's slope is 1 minus the result. Square the result first: tanh(x) may be negative, "
    "its slope never is.",
    replace=("(1 - value**2)", "(1 - value)"),
)
tanh.mistake(
    "Your tanh's slope is (1 - t)². The square belongs to the result alone: 1 - t².",
    replace=("(1 - value**2)", "(1 - value) ** 2"),
)
tanh.mistake(
    "(grad * slope) in plain brackets is a number. A tuple of one needs a comma: (grad * slope,)",
    replace=("(grad * (1 - value**2),)", "(grad * (1 - value**2))"),
)
tanh.mistake(
    "Your exp uses the rule for powers, x * e ** (x - 1). There the exponent is fixed; here it is "
    "the exponent that moves, and the slope of e ** x is e ** x.",
    replace=("(grad * value,)", "(grad * a.data * np.exp(a.data - 1),)"),
)
tanh.mistake(
    "Your exp multiplies by its input. The slope of e ** x is e ** x again, the result.",
    replace=("(grad * value,)", "(grad * a.data,)"),
)
tanh.mistake(
    "Your exp passes grad back unchanged, as if its slope were 1. Its slope is its own result.",
    replace=("(grad * value,)", "(grad,)"),
)
tanh.mistake(
    "Your log multiplies by its input. Far out the logarithm is flat: its slope is 1 / x.",
    replace=("(grad / a.data,)", "(grad * a.data,)"),
)
tanh.mistake(
    "Your log divides by its result. The slope of ln x is 1 / x, with the number that went in.",
    replace=("(grad / a.data,)", "(grad / np.log(a.data),)"),
)
tanh.mistake(
    "Your log is to base 10. np.log is the natural one, whose slope is 1 / x.",
    replace=("np.log(a.data)", "np.log10(a.data)"),
)
tanh.mistake(
    "math.tanh takes one number. np.tanh takes arrays as well, and you will need it for them.",
    replace=("value = np.tanh(a.data)", "import math\n    value = math.tanh(a.data)"),
)
in_all(
    tanh,
    "(grad * slope) in plain brackets is a number, in all three functions. A tuple of one needs a "
    "comma: (grad * slope,)",
    """def tanh(a):
    return Value(np.tanh(a.data), (a,), lambda grad: grad * (1 - np.tanh(a.data) ** 2))


def exp(a):
    return Value(np.exp(a.data), (a,), lambda grad: grad * np.exp(a.data))


def log(a):
    return Value(np.log(a.data), (a,), lambda grad: grad / a.data)
""",
)
in_all(
    tanh,
    "All three hand back their slope alone. What the result answers for, its parent answers for: "
    "multiply the slope by grad.",
    """def tanh(a):
    return Value(np.tanh(a.data), (a,), lambda grad: (1 - np.tanh(a.data) ** 2,))


def exp(a):
    return Value(np.exp(a.data), (a,), lambda grad: (np.exp(a.data),))


def log(a):
    return Value(np.log(a.data), (a,), lambda grad: (1 / a.data,))
""",
)
tanh.alternative(
    "tanh from exponentials, with a named local function",
    replace=(
        """value = np.tanh(a.data)
    return Value(value, (a,), lambda grad: (grad * (1 - value**2),), "tanh")""",
        """power = np.exp(2 * a.data)
    out = Value((power - 1) / (power + 1), (a,))

    def local_backward(grad):
        return ((1 - out.data) * (1 + out.data) * grad,)

    out.local_backward = local_backward
    return out""",
    ),
)
tanh.alternative(
    "tanh's slope through cosh",
    replace=("(grad * (1 - value**2),)", "[grad / np.cosh(a.data) ** 2]"),
)
tanh.alternative(
    "log with the slope worked out beforehand",
    replace=(
        'return Value(np.log(a.data), (a,), lambda grad: (grad / a.data,), "log")',
        """slope = 1 / a.data
    return Value(np.log(a.data), [a], lambda grad: [grad * slope])""",
    ),
)


# --- topological_order -------------------------------------------------------------------------

# Each graph as the parents of its Values, numbered so that the result is the last. Their shapes
# are fixed, so that luck decides nothing; a seed draws how the Values are numbered and what they
# hold.
CHAIN = [[], [0], [1], [2]]
DIAMOND = [[], [0], [0], [1, 2]]
ITSELF = [[], [0, 0], [1]]
SHORT_AND_LONG_WAY = [[], [0], [1], [0, 2], [3], [4, 3, 0]]
LADDER = [[], [0], [0], [1, 2], [3], [3], [5, 4], [6], [6], [7, 8]]
EQUAL = [[], [], [1], [0, 2]]


@exercise(
    points=3,
    compare=law(laws.topological_order),
    minutes=20,
    hints=[
        "When may a Value be put into the list: before or after all its parents are in it?",
        "The list holds each Value once; the last one is the Value you were given.",
        "visit(node): if it was seen before, do nothing; mark it as seen; visit each of its "
        "parents; put the node at the end of the list",
    ],
)
def topological_order(rng):
    yield case("the example", [[], [], [0, 1]], [2.0, 3.0, 6.0], 2, weight=0)
    for name, graph in (
        ("a chain of four", CHAIN),
        ("a Value used by two others", DIAMOND),
        ("a Value times itself", ITSELF),
        ("a short way and a long way", SHORT_AND_LONG_WAY),
        ("three diamonds in a row", LADDER),
    ):
        yield case(name, *renumbered(rng, graph, distinct(rng, len(graph))))
    data = distinct(rng, len(EQUAL))
    data[1] = data[0]
    yield case("two Values that hold equal numbers", *renumbered(rng, EQUAL, data))
    graph = renumbered(rng, DIAMOND, distinct(rng, len(DIAMOND)))
    yield case("the same result, asked for a second time", *graph, again=True, weight=2)


def distinct(rng, size):
    """Numbers that no rounding makes equal."""
    return [float(number) / 8 for number in rng.permutation(64)[:size] + 1]


def renumbered(rng, graph, data):
    """The same graph with its Values numbered at random: (parents, data, the result's number)."""
    number = [int(n) for n in rng.permutation(len(graph))]
    parents, held = [[] for _ in graph], [0.0] * len(graph)
    for node, above in enumerate(graph):
        parents[number[node]] = [number[parent] for parent in above]
        held[number[node]] = data[node]
    return parents, held, number[-1]


@topological_order.mistake(
    "You put a Value into the list before its parents (that is called preorder). Move the append "
    "below the loop over the parents."
)
def topological_order(root):
    order, seen = [], set()

    def visit(node):
        if node in seen:
            return
        seen.add(node)
        order.append(node)
        for parent in node.parents:
            visit(parent)

    visit(root)
    return order


@topological_order.mistake(
    "You put a Value into the list before its parents, and one that is used twice is there twice. "
    "Append a Value after the loop over its parents, and remember which you have seen."
)
def topological_order(root):
    order = []

    def visit(node):
        order.append(node)
        for parent in node.parents:
            visit(parent)

    visit(root)
    return order


@topological_order.mistake(
    "Asked a second time, your function finds nothing: what it has seen outlives the call. Make a "
    "new set in each call; one in the def line, or outside the function, is made once for all."
)
def topological_order(root, seen=set()):  # noqa: B006
    order = []

    def visit(node):
        if node not in seen:
            seen.add(node)
            for parent in node.parents:
                visit(parent)
            order.append(node)

    visit(root)
    return order


@topological_order.mistake(
    "A preorder list turned round is not enough: where a short way meets a long one, a Value comes "
    "before one that it was computed from. Append a Value after its parents were visited."
)
def topological_order(root):
    order, seen = [], set()

    def visit(node):
        if node in seen:
            return
        seen.add(node)
        order.append(node)
        for parent in node.parents:
            visit(parent)

    visit(root)
    return order[::-1]


@topological_order.mistake(
    "A Value that is used twice is in your list twice. Remember which Values you have seen."
)
def topological_order(root):
    order = []

    def visit(node):
        for parent in node.parents:
            visit(parent)
        order.append(node)

    visit(root)
    return order


@topological_order.mistake(
    "You go level by level from the result and turn the list round. A Value that is reached by a "
    "short way and by a long way belongs to two levels: which of them counts?"
)
def topological_order(root):
    order, waiting = [], [root]
    while waiting:
        node = waiting.pop(0)
        if node not in order:
            order.append(node)
            waiting.extend(node.parents)
    return order[::-1]


@topological_order.mistake(
    "You recognise a Value by its number, so two Values that hold equal numbers count as one. Put "
    "the Value itself into the set."
)
def topological_order(root):
    order, seen = [], set()

    def visit(node):
        if node.data in seen:
            return
        seen.add(node.data)
        for parent in node.parents:
            visit(parent)
        order.append(node)

    visit(root)
    return order


@topological_order.mistake(
    "The result itself is missing. It comes last: everything else was computed before it."
)
def topological_order(root):
    order, seen = [], set()

    def visit(node):
        for parent in node.parents:
            if parent not in seen:
                seen.add(parent)
                visit(parent)
                order.append(parent)

    visit(root)
    return order


@topological_order.mistake(
    "You follow only the first parent of each Value. All of them were needed to compute it."
)
def topological_order(root):
    order = [root]
    while order[0].parents:
        order.insert(0, order[0].parents[0])
    return order


@topological_order.mistake(
    "Your list is the wrong way round: the result stands first. Parents come before the Values "
    "that were computed from them; `backward` will do the turning round."
)
def topological_order(root):
    order, seen = [], set()

    def visit(node):
        if node not in seen:
            seen.add(node)
            for parent in node.parents:
                visit(parent)
            order.append(node)

    visit(root)
    return order[::-1]


@topological_order.mistake(
    "You return the Values' numbers. `backward` needs the Values themselves, to write on them."
)
def topological_order(root):
    order, seen = [], set()

    def visit(node):
        if node not in seen:
            seen.add(node)
            for parent in node.parents:
                visit(parent)
            order.append(node)

    visit(root)
    return [node.data for node in order]


@topological_order.alternative("a stack of its own instead of recursion")
def topological_order(root):
    order, seen, stack = [], set(), [(root, False)]
    while stack:
        node, parents_done = stack.pop()
        if parents_done:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack.extend((parent, False) for parent in node.parents)
    return order


@topological_order.alternative("recursion that looks for a Value in the list by identity")
def topological_order(root, order=None):
    order = [] if order is None else order
    for parent in reversed(root.parents):
        if all(parent is not known for known in order):
            topological_order(parent, order)
    order.append(root)
    return order


@topological_order.alternative("sorted by the longest way to a Value without parents")
def topological_order(root):
    depth = {}

    def measure(node):
        if node not in depth:
            depth[node] = 1 + max([measure(parent) for parent in node.parents], default=0)
        return depth[node]

    measure(root)
    return tuple(sorted(depth, key=depth.get))


@topological_order.alternative("Kahn's way: first what nobody waits for, from the result down")
def topological_order(root):
    users, waiting = {}, [root]
    while waiting:
        node = waiting.pop()
        for parent in node.parents:
            if parent not in users:
                waiting.append(parent)
            users[parent] = users.get(parent, 0) + 1
    order, ready = [], [root]
    while ready:
        node = ready.pop()
        order.append(node)
        for parent in node.parents:
            users[parent] -= 1
            if users[parent] == 0:
                ready.append(parent)
    order.reverse()
    return order


# --- backward ----------------------------------------------------------------------------------


@exercise(
    points=3,
    compare=close(),
    uses=["topological_order"],
    minutes=20,
    hints=[
        "What is the result's own gradient: if it grows by 1, by how much does it grow?",
        "backward returns nothing. Afterwards every Value of the graph has its gradient in grad.",
        "set the root's grad; go through the topological order from its end; ask each Value's "
        "local_backward with its own grad; add each gradient to its parent's grad",
    ],
)
def backward(rng):
    def graph(parents, roots=None):
        slopes = [[signed(rng, 1.2, 2.5) for _ in above] for above in parents]
        return parents, slopes, roots or [len(parents) - 1]

    yield case("the example", [[], [], [0, 1]], [[], [], [3.0, 2.0]], [2], weight=0)
    yield case("one operation with two parents", *graph([[], [], [0, 1]]))
    yield case("a chain of four", *graph(CHAIN))
    yield case("a Value times itself", *graph([[], [0, 0]]))
    yield case("a Value used by two others", *graph(DIAMOND))
    yield case("a short way and a long way", *graph(SHORT_AND_LONG_WAY))
    yield case("two results, one after the other", *graph([[], [], [0, 1], [1, 0]], [2, 3]))
    # The result is one number; what it was computed from are arrays.
    slopes = [[], [many(rng, 3, 1.2, 2.5)], [many(rng, 3, 1.2, 2.5), many(rng, 3, 1.2, 2.5)]]
    yield case("arrays on the way", [[], [0], [1, 0]], slopes, [2])


@backward.mistake(
    "A Value that is used twice keeps only what came last. Both uses add to its gradient: += where "
    "you have ="
)
def backward(root):
    root.grad = 1.0
    for node in reversed(topological_order(root)):
        for parent, grad in zip(node.parents, node.local_backward(node.grad)):  # noqa: B905
            parent.grad = grad


backward.mistake(
    "You start with the inputs, whose gradients are still 0. Start at the result and go against "
    "the order.",
    replace=("reversed(topological_order(root))", "topological_order(root)"),
)
backward.mistake(
    "Every gradient is 0: nothing sets the result's own. If the result grows by 1, by how much "
    "does it grow?",
    replace=("root.grad = 1.0", "pass"),
)
backward.mistake(
    "You hand 1 to every local_backward. A Value passes on what it has received: its own grad.",
    replace=("node.local_backward(node.grad)", "node.local_backward(1.0)"),
)


@backward.mistake(
    "You set every grad to 0 at the start, so the second result wipes out what the first one left. "
    "The docstring says that backward adds to what is there."
)
def backward(root):
    order = topological_order(root)
    for node in order:
        node.grad = 0.0
    root.grad = 1.0
    for node in reversed(order):
        for parent, grad in zip(node.parents, node.local_backward(node.grad)):  # noqa: B905
            parent.grad += grad


@backward.mistake(
    "Only the result's own parents receive a gradient. Each of them passes on in turn: go through "
    "the whole topological order."
)
def backward(root):
    root.grad = 1.0
    for parent, grad in zip(root.parents, root.local_backward(root.grad)):  # noqa: B905
        parent.grad += grad


@backward.mistake(
    "You walk down at once from every Value you reach, so a Value that is used twice passes its "
    "first gradient on twice. Wait until it has received everything: that is what the order is for."
)
def backward(root):
    root.grad = 1.0

    def walk(node):
        for parent, grad in zip(node.parents, node.local_backward(node.grad)):  # noqa: B905
            parent.grad += grad
            walk(parent)

    walk(root)


@backward.mistake(
    "Your gradients are right, but you walk every path on its own: thirty diamonds in a row have a "
    "billion paths. In topological order each local_backward is called once."
)
def backward(root):
    def walk(node, grad):
        node.grad += grad
        for parent, part in zip(node.parents, node.local_backward(grad)):  # noqa: B905
            walk(parent, part)

    walk(root, 1.0)


@backward.mistake(
    "Your gradients are right, but you call local_backward once for each parent. Call it once and "
    "go through the tuple that it returns."
)
def backward(root):
    root.grad = 1.0
    for node in reversed(topological_order(root)):
        for place, parent in enumerate(node.parents):
            parent.grad += node.local_backward(node.grad)[place]


@backward.mistake(
    "The gradients reach the wrong parents: local_backward returns them in the order of parents."
)
def backward(root):
    root.grad = 1.0
    for node in reversed(topological_order(root)):
        for parent, grad in zip(node.parents[::-1], node.local_backward(node.grad)):  # noqa: B905
            parent.grad += grad


backward.mistake(
    "You multiply a parent's grad by what arrives. It starts at 0 and stays there: add.",
    replace=("parent.grad += grad", "parent.grad *= grad"),
)


@backward.alternative("by number, from the end, without +=")
def backward(root):
    order = topological_order(root)
    root.grad = np.ones_like(root.data)
    for place in range(len(order) - 1, -1, -1):
        node = order[place]
        gradients = node.local_backward(node.grad)
        for i in range(len(node.parents)):
            node.parents[i].grad = node.parents[i].grad + gradients[i]


@backward.alternative("leaves skipped, the list turned round in place")
def backward(root):
    root.grad = 1
    order = list(topological_order(root))
    order.reverse()
    for node in order:
        if node.parents:
            for grad, parent in zip(node.local_backward(node.grad), node.parents):  # noqa: B905
                parent.grad += grad


@backward.alternative("without an order: a Value waits until all its users have answered")
def backward(root):
    users, waiting = {}, [root]
    while waiting:
        node = waiting.pop()
        for parent in node.parents:
            if parent not in users:
                users[parent] = 0
                waiting.append(parent)
            users[parent] += 1
    root.grad = 1.0
    ready = [root]
    while ready:
        node = ready.pop()
        for parent, grad in zip(node.parents, node.local_backward(node.grad)):  # noqa: B905
            parent.grad += grad
            users[parent] -= 1
            if users[parent] == 0:
                ready.append(parent)


backward.equivalent(
    "strict=True", "strict=False", why="it guards against a local_backward with a gradient too few"
)


# --- gradient_check ----------------------------------------------------------------------------


@exercise(
    points=2,
    compare=close(),
    uses=["backward"],
    minutes=20,
    hints=[
        "From x - step to x + step, how far apart are the two places where you look?",
        "Two lists, each with one number for every input.",
        "first list: Values from the inputs, function, backward, their grads; second list: for "
        "each input, the function's data with it moved up, minus that with it moved down, divided "
        "by the distance",
    ],
)
def gradient_check(rng):
    def given(count):
        inputs = [float(x) for x in rng.uniform(0.5, 2.0, size=count)]
        return inputs, [2, 3, 3][:count], [float(s) for s in rng.uniform(0.5, 2.0, size=count)]

    yield case("the example", [2.0, 3.0], [1, 1], [0.0, 0.0], weight=0)
    yield case("one input", *given(1))
    yield case("three inputs", *given(3))
    yield case("a step of 0.1", *given(2), step=0.1)
    yield case("a local_backward that is wrong", *given(2), wrong=3.0)


@gradient_check.mistake(
    "You look on one side only, so the slope is that of a place half a step away. Move the input "
    "up and down, and divide by 2 * step."
)
def gradient_check(function, inputs, step=1e-4):
    values = [Value(x) for x in inputs]
    backward(function(*values))
    measured = []
    for i in range(len(inputs)):
        moved = list(inputs)
        moved[i] += step
        rise = function(*map(Value, moved)).data - function(*map(Value, inputs)).data
        measured.append(rise / step)
    return [value.grad for value in values], measured


gradient_check.mistake(
    "From x - step to x + step is a way of 2 * step. You divide by step, so every measured slope "
    "is twice too large.",
    replace=("(2 * step)", "step"),
)
gradient_check.mistake(
    "rise / 2 * step divides by 2 and then multiplies by step. Put the whole distance in brackets.",
    replace=("(2 * step)", "2 * step"),
)


@gradient_check.mistake(
    "All inputs move together. Move one and leave the others, to see what that one alone does."
)
def gradient_check(function, inputs, step=1e-4):
    values = [Value(x) for x in inputs]
    backward(function(*values))
    up, down = [Value(x + step) for x in inputs], [Value(x - step) for x in inputs]
    slope = (function(*up).data - function(*down).data) / (2 * step)
    return [value.grad for value in values], [slope] * len(inputs)


@gradient_check.mistake(
    "An input that was moved stays moved while the next one is measured. Begin each time with a "
    "fresh copy of the inputs."
)
def gradient_check(function, inputs, step=1e-4):
    values = [Value(x) for x in inputs]
    backward(function(*values))
    measured = []
    up, down = list(inputs), list(inputs)
    for i in range(len(inputs)):
        up[i] += step
        down[i] -= step
        rise = function(*map(Value, up)).data - function(*map(Value, down)).data
        measured.append(rise / (2 * step))
    return [value.grad for value in values], measured


@gradient_check.mistake(
    "An input that was moved down is not put back, so the next one is measured from another place. "
    "Put it back, or begin each time with a fresh copy of the inputs."
)
def gradient_check(function, inputs, step=1e-4):
    values = [Value(x) for x in inputs]
    backward(function(*values))
    measured, moved = [], list(inputs)
    for i in range(len(inputs)):
        moved[i] += step
        above = function(*map(Value, moved)).data
        moved[i] -= 2 * step
        measured.append((above - function(*map(Value, moved)).data) / (2 * step))
    return [value.grad for value in values], measured


gradient_check.mistake(
    "Every measured slope is 0: up and down are one and the same list. `=` gives a list a second "
    "name; list(inputs) copies it.",
    replace=("up, down = list(inputs), list(inputs)", "up = down = inputs"),
)
gradient_check.mistake(
    "Your two lists have changed places: first comes what backward found, then what was measured.",
    replace=(
        "return [value.grad for value in values], measured",
        "return measured, [value.grad for value in values]",
    ),
)


@gradient_check.mistake(
    "Both your lists are measured. The first should come from the grads that backward leaves: only "
    "then can the two disagree."
)
def gradient_check(function, inputs, step=1e-4):
    measured = []
    for place in range(len(inputs)):
        up, down = list(inputs), list(inputs)
        up[place] += step
        down[place] -= step
        rise = function(*map(Value, up)).data - function(*map(Value, down)).data
        measured.append(rise / (2 * step))
    return measured, list(measured)


@gradient_check.mistake(
    "Both your lists are what backward found. The second has to be measured, without backward."
)
def gradient_check(function, inputs, step=1e-4):
    values = [Value(x) for x in inputs]
    backward(function(*values))
    exact = [value.grad for value in values]
    return exact, list(exact)


gradient_check.mistake(
    "backward is never called, so every grad is still 0.",
    replace=("backward(function(*values))", "function(*values)"),
)
gradient_check.mistake(
    "The measured slopes have the wrong sign: it is the value above minus the value below.",
    replace=("up[place] += step", "up[place] -= 2 * step\n        down[place] += 2 * step"),
)


@gradient_check.mistake(
    "You return the difference of the two lists. Return both, so that a reader sees which is off."
)
def gradient_check(function, inputs, step=1e-4):
    values = [Value(x) for x in inputs]
    backward(function(*values))
    differences = []
    for i in range(len(inputs)):
        up, down = list(inputs), list(inputs)
        up[i] += step
        down[i] -= step
        rise = function(*map(Value, up)).data - function(*map(Value, down)).data
        differences.append(values[i].grad - rise / (2 * step))
    return differences


@gradient_check.alternative("the same Values moved and put back, results in arrays")
def gradient_check(function, inputs, step=1e-4):
    values = [Value(x) for x in inputs]
    measured = np.zeros(len(inputs))
    for i, value in enumerate(values):
        value.data = inputs[i] + step
        above = function(*values).data
        value.data = inputs[i] - step
        below = function(*values).data
        value.data = inputs[i]
        measured[i] = (above - below) / step / 2
    backward(function(*values))
    return np.array([value.grad for value in values]), measured


@gradient_check.alternative("rows of a shifted table")
def gradient_check(function, inputs, step=1e-4):
    values = list(map(Value, inputs))
    backward(function(*values))
    shifts = step * np.eye(len(inputs))

    def at(numbers):
        return function(*[Value(x) for x in numbers]).data

    x = np.array(inputs)
    return [v.grad for v in values], [(at(x + s) - at(x - s)) / (2 * step) for s in shifts]


# --- unbroadcast -------------------------------------------------------------------------------


@exercise(
    points=2,
    compare=close(),
    minutes=20,
    hints=[
        "A bias of shape (3,) was added to each of 4 rows. How many times was each of its numbers "
        "used, and what do gradients of several uses do?",
        "The result has exactly the shape you were given.",
        "while grad has more axes than shape: sum over the first; then for each axis where shape "
        "has 1: sum over it and keep it",
    ],
)
def unbroadcast(rng):
    yield case("the example", np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), (3,), weight=0)
    for name, before, after in (
        ("one axis was added in front", (4, 3), (3,)),
        ("two axes were added in front", (2, 4, 3), (3,)),
        ("a column was stretched", (4, 3), (4, 1)),
        ("a row was stretched", (4, 3), (1, 3)),
        ("a middle axis was stretched", (2, 4, 3), (2, 1, 3)),
        ("one added, one stretched", (2, 4, 3), (4, 1)),
        ("from a single number", (4, 3), ()),
    ):
        yield case(name, rng.normal(size=before) + 0.5, after)


@unbroadcast.mistake(
    "Only the axes added in front are summed. An axis that has length 1 in shape was stretched as "
    "well: sum over it, with keepdims=True."
)
def unbroadcast(grad, shape):
    while grad.ndim > len(shape):
        grad = grad.sum(axis=0)
    return grad


@unbroadcast.mistake(
    "Only the stretched axes are summed. NumPy also adds axes in front when a shape is too short; "
    "they must go."
)
def unbroadcast(grad, shape):
    for axis, length in enumerate(shape):
        if length == 1:
            grad = grad.sum(axis=axis, keepdims=True)
    return grad


@unbroadcast.mistake(
    "You sum over the first axis, whatever the shape. Which axes were added in front, and which "
    "have length 1 in shape? There may be none, one or several."
)
def unbroadcast(grad, shape):
    return grad.sum(axis=0)


@unbroadcast.mistake(
    "An `if` takes away one axis in front at most, and there may be several: while."
)
def unbroadcast(grad, shape):
    if grad.ndim > len(shape):
        grad = grad.sum(axis=0)
    for axis, length in enumerate(shape):
        if length == 1:
            grad = grad.sum(axis=axis, keepdims=True)
    return grad


unbroadcast.mistake(
    "The stretched axes are gone from your result. keepdims=True leaves them there with length 1.",
    replace=("grad.sum(axis=stretched, keepdims=True)", "grad.sum(axis=stretched)"),
)


@unbroadcast.mistake(
    "You take the mean. Every copy contributed in full, so their gradients are added up."
)
def unbroadcast(grad, shape):
    grad = grad.mean(axis=tuple(range(grad.ndim - len(shape))))
    stretched = tuple(axis for axis, length in enumerate(shape) if length == 1)
    return grad.mean(axis=stretched, keepdims=True)


@unbroadcast.mistake(
    "You keep the first copy's gradient and drop the others. All copies add to the gradient."
)
def unbroadcast(grad, shape):
    while grad.ndim > len(shape):
        grad = grad[0]
    for axis, length in enumerate(shape):
        if length == 1:
            grad = np.take(grad, [0], axis=axis)
    return grad


@unbroadcast.mistake(
    "You add everything up and write the total everywhere. Each number keeps the gradients of its "
    "own copies only."
)
def unbroadcast(grad, shape):
    return np.full(shape, grad.sum())


@unbroadcast.mistake(
    "You sum over the last axes. NumPy lines shapes up at their ends and adds axes in front: which "
    "axis was added?"
)
def unbroadcast(grad, shape):
    while grad.ndim > len(shape):
        grad = grad.sum(axis=-1)
    stretched = tuple(axis for axis, length in enumerate(shape) if length == 1)
    return grad.sum(axis=stretched, keepdims=True)


@unbroadcast.alternative("all axes in one sum, then reshaped")
def unbroadcast(grad, shape):
    full = (1,) * (grad.ndim - len(shape)) + tuple(shape)
    copied = tuple(axis for axis in range(grad.ndim) if full[axis] == 1)
    return grad.sum(axis=copied).reshape(shape)


@unbroadcast.alternative("one axis after the other")
def unbroadcast(grad, shape):
    while np.ndim(grad) > len(shape):
        grad = np.sum(grad, axis=0)
    for axis in range(len(shape)):
        if shape[axis] == 1 and grad.shape[axis] != 1:
            grad = np.expand_dims(np.sum(grad, axis=axis), axis)
    return grad


@unbroadcast.alternative("number by number, into an array of the shape")
def unbroadcast(grad, shape):
    result = np.zeros(shape)
    for index in np.ndindex(grad.shape):
        own = index[grad.ndim - len(shape) :]
        result[tuple(i if n > 1 else 0 for i, n in zip(own, shape))] += grad[index]  # noqa: B905
    return result


# --- sum_backward ------------------------------------------------------------------------------


@exercise(
    points=2,
    compare=close(),
    minutes=15,
    hints=[
        "If one number of the table grows by 0.01, which sum grows, and by how much?",
        "The result has the shape of the table that was summed.",
        "if the summed axis has gone, put one of length 1 back in its place; then stretch to shape",
    ],
)
def sum_backward(rng):
    yield case("the example", np.array([10.0, 20.0]), (2, 3), axis=1, weight=0)
    yield case("the sum of everything", np.array(signed(rng, 2)), (3, 5))
    yield case("the sum of each column", many(rng, 5), (3, 5), axis=0)
    yield case("the sum of each row", many(rng, 3), (3, 5), axis=1)
    yield case("an axis counted from the end", many(rng, (2, 4)), (2, 3, 4), axis=-2)
    yield case("keepdims, each row", many(rng, (3, 1)), (3, 5), axis=1, keepdims=True)
    yield case("keepdims, everything", many(rng, (1, 1), 2), (3, 5), keepdims=True)


@sum_backward.mistake(
    "The summed axis has gone from grad, and NumPy puts missing axes in front. Put it back in its "
    "own place first: which axis of grad would have been the rows'?"
)
def sum_backward(grad, shape, axis=None, keepdims=False):
    return np.broadcast_to(grad, shape)


@sum_backward.mistake(
    "You divide by how many numbers were summed. That is the mean's gradient; in a sum every "
    "number counts in full."
)
def sum_backward(grad, shape, axis=None, keepdims=False):
    if axis is not None and not keepdims:
        grad = np.expand_dims(grad, axis)
    count = np.prod(shape) if axis is None else shape[axis]
    return np.broadcast_to(grad, shape) / count


@sum_backward.mistake(
    "Your result is all ones: the slopes. The gradient that you are given multiplies them."
)
def sum_backward(grad, shape, axis=None, keepdims=False):
    return np.ones(shape)


@sum_backward.mistake(
    "With keepdims=True the axis is still there, with length 1. You put in a second one."
)
def sum_backward(grad, shape, axis=None, keepdims=False):
    if axis is not None:
        grad = np.expand_dims(grad, axis)
    return np.broadcast_to(grad, shape)


sum_backward.mistake(
    "Your condition is turned round: the axis is missing, and has to be put back, when keepdims is "
    "False.",
    replace=("not keepdims", "keepdims"),
)
sum_backward.mistake(
    "With axis=None everything was summed, and np.expand_dims has no axis to put back. One number "
    "stretches to any shape as it is.",
    replace=("axis is not None and not keepdims", "not keepdims"),
)


@sum_backward.mistake(
    "np.resize repeats the numbers one after another until the shape is full, whichever axis was "
    "summed. For rows, every number of a row receives that row's gradient."
)
def sum_backward(grad, shape, axis=None, keepdims=False):
    return np.resize(grad, shape)


@sum_backward.mistake(
    "You add grad up first, so every number receives the total. It receives the gradient of the "
    "one sum that it was in."
)
def sum_backward(grad, shape, axis=None, keepdims=False):
    return np.full(shape, np.sum(grad))


@sum_backward.alternative("the sums' shape written down, then times ones")
def sum_backward(grad, shape, axis=None, keepdims=False):
    lengths = list(shape)
    for place in range(len(shape)) if axis is None else [axis]:
        lengths[place] = 1
    return np.reshape(grad, lengths) * np.ones(shape)


@sum_backward.alternative("repeated along the axis")
def sum_backward(grad, shape, axis=None, keepdims=False):
    if axis is None:
        return np.full(shape, np.ravel(grad)[0])
    kept = grad if keepdims else np.expand_dims(grad, axis)
    return np.repeat(kept, shape[axis], axis=axis)


# --- matmul_backward ---------------------------------------------------------------------------


@exercise(
    points=2,
    compare=close(),
    minutes=20,
    hints=[
        "a has shape (n, k), b (k, m), grad (n, m). Which product of two of them has a's shape?",
        "A pair: the first has the shape of a, the second that of b.",
        "for a: grad times b turned over; for b: a turned over times grad",
    ],
)
def matmul_backward(rng):
    def tables(n, k, m):
        return rng.normal(size=(n, m)), rng.normal(size=(n, k)), rng.normal(size=(k, m))

    row, two_ones = np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]])
    yield case("the example", np.array([[10.0]]), row, two_ones, "both", weight=0)
    yield case("what a receives, (4, 3) @ (3, 2)", *tables(4, 3, 2), "the gradient of a")
    yield case("what b receives, (4, 3) @ (3, 2)", *tables(4, 3, 2), "the gradient of b")
    yield case("a batch of one, (1, 3) @ (3, 2)", *tables(1, 3, 2), "both")
    yield case("square tables, where no shape complains", *tables(3, 3, 3), "both")


SOLVED = "grad @ b.T, a.T @ grad"
matmul_backward.mistake(
    "Nothing is transposed. With square tables that raises no error and is wrong all the same: "
    "work out which numbers of b a single number of a meets.",
    replace=(SOLVED, "grad @ b, a @ grad"),
)
matmul_backward.mistake(
    "The factors have changed places: a matrix product depends on their order. What stood on the "
    "right stays on the right.",
    replace=(SOLVED, "b.T @ grad, grad @ a.T"),
)
matmul_backward.mistake(
    "The pair is in the wrong order: a's gradient comes first.",
    replace=(SOLVED, "a.T @ grad, grad @ b.T"),
)
matmul_backward.mistake(
    "You leave out the gradient that you are given: it is treated as all ones.",
    replace=(SOLVED, "np.ones_like(grad) @ b.T, a.T @ np.ones_like(grad)"),
)
matmul_backward.mistake(
    "You return b.T and a.T alone. They are the slopes; the gradient that you are given is "
    "multiplied by them.",
    replace=(SOLVED, "b.T, a.T"),
)
matmul_backward.mistake(
    "b's gradient is divided by the number of rows. If the loss is a mean, its own gradient has "
    "already divided.",
    replace=(SOLVED, "grad @ b.T, a.T @ grad / len(a)"),
)
matmul_backward.mistake(
    "The gradients have the shapes of a and b turned over. Each must fit the table it belongs to.",
    replace=(SOLVED, "(grad @ b.T).T, (a.T @ grad).T"),
)
matmul_backward.mistake(
    "* multiplies number by number, as your mul does. A matrix product's gradients are matrix "
    "products.",
    replace=(SOLVED, "grad * b, grad * a"),
)
matmul_backward.mistake(
    "You return a's gradient only. b is a parent too.",
    replace=(SOLVED, "grad @ b.T"),
)


@matmul_backward.alternative("the sums written out with einsum")
def matmul_backward(grad, a, b):
    return [np.einsum("nm,km->nk", grad, b), np.einsum("nk,nm->km", a, grad)]


@matmul_backward.alternative("transposed afterwards")
def matmul_backward(grad, a, b):
    for_a = np.dot(b, grad.T).T
    for_b = np.dot(grad.T, a).T
    return for_a, for_b


@matmul_backward.alternative("row after row of the batch")
def matmul_backward(grad, a, b):
    for_a, for_b = np.zeros(a.shape), np.zeros(b.shape)
    for i in range(len(a)):
        for_a[i] = b @ grad[i]
        for_b += np.outer(a[i], grad[i])
    return for_a, for_b
