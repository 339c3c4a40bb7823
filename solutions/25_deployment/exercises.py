"""Unit 25: the exercises, their cases, and the mistakes people make in them.

Nothing here depends on time: apps are called in process, waiting happens on a virtual clock, and
the probes in `chainrule.deployment.probes` return facts.
"""

import numpy as np

from autograde.declare import Variant, case, close, exercise, law, unit
from chainrule.deployment import laws

unit(
    title="How do others use your model?",
    packages=[
        "torch",
        "onnx",
        "onnxscript",
        "onnxruntime",
        "fastapi",
        "httpx",
        "python-multipart",
        "prometheus-client",
        "pillow",
    ],
)


# --- percentiles ---------------------------------------------------------------------------------


@exercise(
    points=2,
    compare=close(),
    minutes=15,
    hints=[
        "Whose p99 do you want: that of a client, or that of a request?",
        "Three numbers; each is one of the latencies.",
        "put all parts into one array; sort; for each q the latency number ceil(q * n / 100), "
        "counted from 1",
    ],
)
def percentiles(rng):
    halves = [np.arange(1.0, 51), np.arange(51.0, 101)]
    yield case("the example", halves, weight=0)
    yield case("one client", [latencies(rng, 137)])
    yield case("one request", [latencies(rng, 1)])
    yield case("a busy and a quiet client", [latencies(rng, 211), 20 * latencies(rng, 9)])
    yield case("200 requests", [latencies(rng, 120), latencies(rng, 80)])
    cached = [float(rng.uniform(1, 4))] * 40
    yield case("many alike, in lists", [cached, latencies(rng, 77).tolist()])
    yield case("a client without a request", [latencies(rng, 33), np.zeros(0), latencies(rng, 18)])


def latencies(rng, count):
    """Milliseconds in no order, no two alike."""
    return rng.permutation(5 + np.cumsum(rng.uniform(0.1, 2.0, size=count)))


@percentiles.mistake(
    "You average the clients' percentiles. A client with 9 requests then counts as much as one "
    "with 200: pool the requests first."
)
def percentiles(parts):
    each = [
        [np.sort(part)[math.ceil(q * len(part) / 100) - 1] for q in (50, 95, 99)]
        for part in parts
        if len(part)
    ]
    return tuple(np.mean(each, axis=0))


@percentiles.mistake(
    "You take the worst of the clients' percentiles. One quiet client then speaks for all requests."
)
def percentiles(parts):
    each = [
        [np.sort(part)[math.ceil(q * len(part) / 100) - 1] for q in (50, 95, 99)]
        for part in parts
        if len(part)
    ]
    return tuple(np.max(each, axis=0))


@percentiles.mistake(
    "np.percentile blends two neighbours into a latency that no request had. Its "
    'method="inverted_cdf" is the rule asked for.'
)
def percentiles(parts):
    return tuple(np.percentile(np.concatenate(parts), [50, 95, 99]))


percentiles.mistake(
    "The latencies are not sorted: number 99 in the order of arrival says nothing.",
    replace=(
        "np.sort(np.concatenate(parts))",
        "np.concatenate(parts)",
    ),
)
percentiles.mistake(
    "Your ranks count from 1, Python's lists from 0: you take the next one.",
    replace=("together[rank - 1]", "together[min(rank, len(together) - 1)]"),
)
percentiles.mistake(
    "Equal latencies count once only. A hundred requests of 3 ms are a hundred requests.",
    replace=("np.sort(np.concatenate(parts))", "np.unique(np.concatenate(parts))"),
)
percentiles.mistake(
    "The list is sorted downwards, so your p99 is the best case and not the worst.",
    replace=("together[rank - 1]", "together[-rank]"),
)
percentiles.mistake(
    "These are shares of the largest latency. A percentile counts requests.",
    replace=(
        "together[rank - 1] for rank in ranks",
        "together[-1] * q / 100 for q in (50, 95, 99)",
    ),
)
percentiles.mistake(
    "Only the first part is looked at.",
    replace=("np.concatenate(parts)", "parts[0]"),
)


@percentiles.mistake(
    "You add to the first client's own list. Your caller still needs it as it was."
)
def percentiles(parts):
    together = parts[0] if isinstance(parts[0], list) else list(parts[0])
    for part in parts[1:]:
        together.extend(part)
    together.sort()
    ranks = [math.ceil(q * len(together) / 100) for q in (50, 95, 99)]
    return tuple(together[rank - 1] for rank in ranks)


@percentiles.alternative("np.percentile with the inverted distribution function")
def percentiles(parts):
    return np.percentile(np.hstack(parts), [50, 95, 99], method="inverted_cdf")


@percentiles.alternative("plain Python")
def percentiles(parts):
    values = sorted(float(value) for part in parts for value in part)
    return [values[-(-q * len(values) // 100) - 1] for q in (50, 95, 99)]


# --- preprocess ----------------------------------------------------------------------------------


@exercise(
    points=2,
    compare=close(),
    minutes=20,
    hints=[
        "What did one picture look like when the network learned: its shape, its type, its range?",
        "A float32 array of shape (28, 28) from 0 to 1, or a ValueError.",
        "in a try: open the bytes (io.BytesIO), look at width times height, make it grey, make it "
        "28 by 28; whatever fails there becomes a ValueError; then bytes to float32, over 255",
    ],
)
def preprocess(rng):
    white = np.full((28, 28), 255, np.uint8)
    yield case("the example", white, looks_at="picture", weight=0)
    yield case("28 by 28, grey", picture(rng, 28, 28), looks_at="picture")
    yield case("in colour", picture(rng, 28, 28, 3), looks_at="picture")
    yield case("wider than high, and larger", picture(rng, 56, 140), looks_at="picture")
    yield case("colours by number (a palette)", picture(rng, 84, 56), looks_at="palette")
    yield case("bytes that are no picture", picture(rng, 11, 13), looks_at="no picture")
    yield case("a file that breaks off", picture(rng, 90, 70), looks_at="breaks off")
    yield case("exactly four million pixels", picture(rng, 20, 25), looks_at="as large as may be")
    yield case("more than four million pixels", picture(rng, 23, 29), looks_at="huge")
    yield case("a claim of 60,000 by 60,000 pixels", picture(rng, 12, 17), looks_at="claim")


def picture(rng, *shape):
    """Bytes from 0 to 199, so that the brightest is not 255."""
    return rng.integers(0, 200, size=shape).astype(np.uint8)


GREY = 'image.convert("L").resize((28, 28), Image.Resampling.BOX)'

preprocess.mistake(
    "Your numbers go from 0 to 255; the network learned from 0 to 1.",
    replace=(" / 255", ""),
)
preprocess.mistake(
    "You divide by the picture's own brightest pixel. In training it was 255 for all.",
    replace=(
        "np.asarray(grey, dtype=np.float32) / 255",
        "np.asarray(grey, dtype=np.float32) / np.float32(max(np.asarray(grey).max(), 1))",
    ),
)
preprocess.mistake(
    "You shift and scale each picture to mean 0 and spread 1. Many networks want that; this one "
    "never saw it.",
    replace=(
        "np.asarray(grey, dtype=np.float32) / 255",
        "(np.asarray(grey, np.float32) - np.asarray(grey).mean()) "
        "/ np.float32(np.asarray(grey).std() + 1)",
    ),
)
preprocess.mistake(
    "You turn black and white round. In training the clothes were bright on black.",
    replace=(
        "np.asarray(grey, dtype=np.float32) / 255",
        "1 - np.asarray(grey, dtype=np.float32) / 255",
    ),
)
preprocess.mistake(
    "Your numbers are float64. The network's weights, and its ONNX file, take float32.",
    replace=("dtype=np.float32) / 255", "dtype=np.float64) / 255"),
)
preprocess.mistake(
    "A picture in colour keeps its three channels. Which call makes it grey?",
    replace=('image.convert("L").resize', "image.resize"),
)
preprocess.mistake(
    "The picture keeps its size. The network takes 28 by 28.",
    replace=(GREY, 'image.convert("L")'),
)
preprocess.mistake(
    "You cut out a corner. The whole picture should become 28 by 28.",
    replace=(GREY, 'image.convert("L").crop((0, 0, 28, 28))'),
)
preprocess.mistake(
    "resize without BOX uses another rule to blend pixels; say which.",
    replace=(", Image.Resampling.BOX)", ")"),
)
preprocess.mistake(
    "There is an axis of length 1 too many: a batch is made later.",
    replace=(
        "return np.asarray(grey, dtype=np.float32) / 255",
        "return (np.asarray(grey, dtype=np.float32) / 255)[None]",
    ),
)
preprocess.mistake(
    "Your array is the picture lying on its side: rows became columns.",
    replace=(
        "return np.asarray(grey, dtype=np.float32) / 255",
        "return (np.asarray(grey, dtype=np.float32) / 255).T",
    ),
)


preprocess.mistake(
    "Image.open takes the name of a file, or a file, and you hand it bytes. io.BytesIO(data) makes "
    "a file of them.",
    replace=("Image.open(io.BytesIO(data))", "Image.open(data)"),
)


preprocess.mistake(
    "You look at the size after unpacking, and convert and load unpack: the ten gigabytes are "
    "there already. Look right after Image.open.",
    replace=("Image.open(io.BytesIO(data))", 'Image.open(io.BytesIO(data)).convert("L")'),
)
preprocess.mistake(
    "Two sides below a bound are not the same as few pixels: multiply them.",
    replace=("image.width * image.height > MAX_PIXELS", "max(image.size) ** 2 > MAX_PIXELS"),
)
preprocess.mistake(
    "The picture is made smaller before it is grey. Where colours are numbers of a palette, "
    "neighbours cannot be blended: grey first.",
    replace=(GREY, 'image.resize((28, 28), Image.Resampling.BOX).convert("L")'),
)
preprocess.mistake(
    "Not only RGB has colours: pictures with a palette or an alpha channel are no grey ones. "
    "convert does no harm to a grey one.",
    replace=(
        GREY,
        '(image.convert("L") if image.mode == "RGB" else image)'
        ".resize((28, 28), Image.Resampling.BOX)",
    ),
)
preprocess.mistake(
    "PIL's errors are of several types, and its refusal of a monstrous claim is no OSError. Catch "
    "Exception here: whatever fails, the sender gets a sentence.",
    replace=("except Exception:", "except OSError:"),
)
preprocess.mistake(
    "LOAD_TRUNCATED_IMAGES makes something up for what is missing, and the network takes it for "
    "clothes. A file that breaks off is refused.",
    replace=(
        "    try:\n",
        "    from PIL import ImageFile\n\n    ImageFile.LOAD_TRUNCATED_IMAGES = True\n    try:\n",
    ),
)


@preprocess.mistake("Pictures of any size are unpacked. Look at width times height before.")
def preprocess(data):
    try:
        grey = Image.open(io.BytesIO(data)).convert("L").resize((28, 28), Image.Resampling.BOX)
    except Exception:
        raise ValueError("These bytes are not a picture that can be read.") from None
    return np.asarray(grey, dtype=np.float32) / 255


@preprocess.mistake(
    "PIL's own errors come out. Your caller waits for a ValueError: turn everything that fails "
    "while opening and unpacking into one."
)
def preprocess(data):
    image = Image.open(io.BytesIO(data))
    if image.width * image.height > MAX_PIXELS:
        raise ValueError(f"The picture has more than {MAX_PIXELS:,} pixels.")
    grey = image.convert("L").resize((28, 28), Image.Resampling.BOX)
    return np.asarray(grey, dtype=np.float32) / 255


@preprocess.mistake(
    "Only opening is guarded. A file that breaks off opens well and fails when it is unpacked, "
    "here in convert."
)
def preprocess(data):
    try:
        image = Image.open(io.BytesIO(data))
    except Exception:
        raise ValueError("These bytes are not a picture that can be read.") from None
    if image.width * image.height > MAX_PIXELS:
        raise ValueError(f"The picture has more than {MAX_PIXELS:,} pixels.")
    grey = image.convert("L").resize((28, 28), Image.Resampling.BOX)
    return np.asarray(grey, dtype=np.float32) / 255


@preprocess.mistake(
    "Bytes that are no picture give a black picture, and the network will call it a bag. Refuse."
)
def preprocess(data):
    try:
        image = Image.open(io.BytesIO(data))
        if image.width * image.height > MAX_PIXELS:
            raise ValueError("too large")
        grey = image.convert("L").resize((28, 28), Image.Resampling.BOX)
    except Exception:
        return np.zeros((28, 28), np.float32)
    return np.asarray(grey, dtype=np.float32) / 255


@preprocess.mistake("Your ValueError says nothing. Its sentence is what the sender will read.")
def preprocess(data):
    try:
        image = Image.open(io.BytesIO(data))
        if image.width * image.height > MAX_PIXELS:
            raise ValueError
        grey = image.convert("L").resize((28, 28), Image.Resampling.BOX)
    except Exception:
        raise ValueError from None
    return np.asarray(grey, dtype=np.float32) / 255


@preprocess.alternative("the size checked on its own, division before float32")
def preprocess(data):
    def read():
        try:
            image = Image.open(io.BytesIO(data))
            image.draft("L", None)
        except Exception as error:
            raise ValueError(f"This is no picture at all: {error}") from error
        if image.size[0] * image.size[1] > MAX_PIXELS:
            raise ValueError("This picture is too large to be read.")
        try:
            return image.convert(mode="L").resize(size=(28, 28), resample=Image.Resampling.BOX)
        except (OSError, SyntaxError) as error:
            raise ValueError(f"This picture breaks off: {error}") from error

    return (np.array(read()) / 255.0).astype("float32")


# --- PredictRequest ------------------------------------------------------------------------------


@exercise(
    points=2,
    compare=close(),
    minutes=15,
    hints=[
        "Three things have rules here: the table, a row, a pixel. Which rule belongs to which?",
        "One field, pixels: a list of lists of ints.",
        "a pixel: int, ge, le, strict; a row: list of pixels, min_length and max_length 28; "
        "pixels: list of rows, the same lengths. Annotated[type, Field(...)] for each",
    ],
)
def PredictRequest(rng):
    yield case("the example", np.zeros((28, 28), int), "none", 0, 0, weight=0)
    for edit in (
        "none",
        "a row missing",
        "a row too many",
        "a short row",
        "a long row",
        "one long list",
        "a pixel of 256",
        "a pixel of -1",
        "a pixel of 3.5",
        "a pixel that is NaN",
        "a pixel that is the text '12'",
        "a pixel that is true",
        "no pixels",
        "null instead of pixels",
    ):
        name = "a good request" if edit == "none" else edit
        yield case(name, *good_request(rng), edit, *[int(n) for n in rng.integers(1, 27, size=2)])


def good_request(rng):
    """Pixels among which are the darkest and the brightest."""
    pixels = rng.integers(1, 255, size=(28, 28))
    pixels[3, 5], pixels[20, 7] = 0, 255
    return (pixels,)


PIXEL = "Annotated[int, Field(ge=0, le=255, strict=True)]"
PredictRequest.mistake(
    "A pixel may be any number. 256 and -1 are no bytes: bounds belong to the pixel.",
    replace=("ge=0, le=255, ", ""),
)
PredictRequest.mistake(
    'The text "12" is turned into 12. strict=True refuses it.',
    replace=(", strict=True", ""),
)
PredictRequest.mistake(
    "Your pixels are floats, so 3.5 is taken, and the preprocessing differs from training.",
    replace=(PIXEL, "Annotated[float, Field(ge=0, le=255, strict=True)]"),
)
PredictRequest.mistake(
    "Your pixels are floats without bounds: NaN is a float, and it makes every logit NaN.",
    replace=(PIXEL, "Annotated[float, Field(strict=True)]"),
)
PredictRequest.mistake(
    "255, white, is refused: lt means less than, le means at most.",
    replace=("le=255", "lt=255"),
)
PredictRequest.mistake(
    "0, the background, is refused: gt means more than, ge means at least.",
    replace=("ge=0", "gt=0"),
)


def instead(says, pixels):
    """A mistake whose only field has another type."""
    source = f"class PredictRequest(BaseModel):\n    pixels: {pixels}\n"
    PredictRequest.mistakes.append(Variant(says, source=source))


def lists(pixel, row, table):
    """The type of a table of rows of pixels, each with the rules in its Field."""
    return f"Annotated[list[Annotated[list[{pixel}], Field({row})]], Field({table})]"


EXACTLY = "min_length=28, max_length=28"
instead("Only the types are checked: lengths and bounds are not.", "list[list[int]]")
instead(
    "Rows may have any length. The lengths belong to each row as well as to the table.",
    f"Annotated[list[list[{PIXEL}]], Field({EXACTLY})]",
)
instead(
    "There may be any number of rows. The lengths belong to the table as well as to each row.",
    f"list[Annotated[list[{PIXEL}], Field({EXACTLY})]]",
)
instead(
    "You check that nothing is too long. Too short is wrong as well: min_length.",
    lists(PIXEL, "max_length=28", "max_length=28"),
)
instead(
    "ge and le stand beside the table's lengths, but a table has no size to compare: they belong "
    "to the pixel.",
    f"Annotated[list[list[int]], Field({EXACTLY}, ge=0, le=255)]",
)
instead(
    "You take 784 numbers in one list. The request holds 28 rows of 28.",
    f"Annotated[list[{PIXEL}], Field(min_length=784, max_length=784)]",
)
instead(
    "pixels has a default, so a request without a picture is taken. Without one it is required.",
    lists(PIXEL, EXACTLY, EXACTLY) + " = []",
)

instead(
    "null is taken for a picture: that is what `| None` allows.",
    lists(PIXEL, EXACTLY, EXACTLY) + " | None",
)

VALIDATOR = """from pydantic import field_validator


class PredictRequest(BaseModel):
    pixels: list

    @field_validator("pixels")
    @classmethod
    def picture(cls, rows):
        if len(rows) != 28 or any(not isinstance(row, list) or len(row) != 28 for row in rows):
            raise ValueError("28 rows of 28 pixels are needed")
        if any(type(pixel) is not int or not 0 <= pixel <= 255 for row in rows for pixel in row):
            raise ValueError("a pixel is a whole number from 0 to 255")
        return rows
"""
PredictRequest.alternatives.append(Variant("a validator", source=VALIDATOR))
PredictRequest.mistakes.append(
    Variant(
        "In Python true and false are whole numbers too: isinstance(True, int). strict=True "
        "refuses them.",
        source=VALIDATOR.replace("type(pixel) is not int", "not isinstance(pixel, int)"),
    )
)


# --- export_onnx ---------------------------------------------------------------------------------


@exercise(
    points=3,
    compare=close(rtol=1e-4),
    minutes=25,
    hints=[
        "Which of the model's layers behave differently in training, and what does the exporter "
        "see of them?",
        "A file that takes (any number, 28, 28), and a float near 0.",
        "remember the mode; eval mode; export with names, dynamic_shapes, dynamo and without "
        "external data; the model's logits without gradients; the old mode; the file's logits; "
        "the largest absolute difference",
    ],
)
def export_onnx(rng):
    given = int(rng.integers(1, 10**6)), int(rng.choice([5, 6, 7]))
    yield case("one picture", *given, looks_at="one picture")
    yield case("five pictures", *given, looks_at="five pictures")
    yield case("everything in one file", *given, looks_at="one file")
    yield case("the names", *given, looks_at="names")
    yield case("the model's mode afterwards", *given, looks_at="mode")
    yield case("a difference that is there", *given, looks_at="difference")


# The older exporter takes milliseconds, the newer one most of a second; where a mistake leaves the
# same file behind with both, it is made with the older one.
OLDER = """def export_onnx(model, pictures, path):
    was_training = model.training
    model.eval()
    torch.onnx.export(
        model,
        (pictures,),
        path,
        input_names=["pictures"],
        output_names=["logits"],
        dynamic_axes={"pictures": {0: "batch"}, "logits": {0: "batch"}},
        dynamo=False,
    )
    with torch.no_grad():
        expected = model(pictures).numpy()
    model.train(was_training)
    (found,) = open_session(path).run(None, {"pictures": pictures.numpy()})
    return float(np.abs(found - expected).max())
"""


def edited(says, before, after):
    """A mistake in the answer that uses the older exporter."""
    assert OLDER.count(before) == 1, before
    export_onnx.mistakes.append(Variant(says, source=OLDER.replace(before, after)))


edited(
    "The file takes batches of the example's size only. dynamic_shapes says which axis is free.",
    '        dynamic_axes={"pictures": {0: "batch"}, "logits": {0: "batch"}},\n',
    "",
)
edited(
    "The model is left in eval mode. Whoever trains on then trains without dropout.",
    "    model.train(was_training)\n",
    "",
)
edited(
    "The model ends in train mode, however it was found. Note the mode before eval().",
    "    model.train(was_training)\n",
    "    model.train()\n",
)
edited(
    "You compare one picture only. The largest difference may be at another one.",
    "float(np.abs(found - expected).max())",
    "float(np.abs(found - expected)[0].max())",
)
edited(
    "The file ends in a softmax. It should give logits; the service makes shares of them.",
    "        model,\n",
    "        torch.nn.Sequential(model, torch.nn.Softmax(1)).eval(),\n",
)
LARGEST = "float(np.abs(found - expected).max())"
edited(
    "You compare the model with itself. The other side is what open_session(path) gives.",
    LARGEST,
    "float(np.abs(expected - expected).max())",
)
edited(
    "The largest difference may be a negative one: take the absolute values first.",
    LARGEST,
    "float((found - expected).max())",
)
edited(
    "You average the differences. One logit that is far off is then hidden by nine good ones.",
    LARGEST,
    "float(np.abs(found - expected).mean())",
)
edited("Nothing is returned. The largest difference is asked for.", f"return {LARGEST}", "pass")
edited(
    "You return whether the two are close. By how much do they differ?",
    LARGEST,
    "bool(np.allclose(found, expected, atol=1e-4))",
)
NAMES = {
    'input_names=["pictures"]': 'input_names=["x"]',
    'output_names=["logits"]': 'output_names=["y"]',
    '{"pictures": {0: "batch"}, "logits": {0: "batch"}}': '{"x": {0: "n"}, "y": {0: "n"}}',
    '{"pictures": pictures.numpy()}': '{"x": pictures.numpy()}',
}
renamed = OLDER
for name, other in NAMES.items():
    renamed = renamed.replace(name, other)
export_onnx.mistakes.append(
    Variant(
        'Input and output have names that the service does not know: say "pictures" and "logits".',
        source=renamed,
    )
)
export_onnx.mistake(
    "You ask the model for its own logits in train mode, where dropout drops units at random. Eval "
    "mode first, for the export and for the comparison.",
    replace=("    model.eval()\n    torch", "    torch"),
)
export_onnx.mistake(
    "The weights lie in a second file, model.onnx.data. Whoever gets model.onnx alone has nothing: "
    "external_data=False.",
    replace=("        external_data=False,\n", ""),
)


export_onnx.equivalent("verbose=False", "verbose=True", why="it only says what it is doing")
export_onnx.alternatives.append(Variant("the older exporter, which traces", source=OLDER))


# --- create_app ----------------------------------------------------------------------------------


@exercise(
    points=3,
    compare=close(rtol=2e-3),
    uses=["preprocess", "PredictRequest"],
    minutes=35,
    hints=[
        "What do the two paths have in common, and where do they part?",
        "Both return a dict with class, confidence and version; errors are HTTPExceptions.",
        "inner async function answer(picture): await classify, Busy becomes 503 with Retry-After; "
        "softmax; the likeliest class. /predict: pixels as float32 over 255. /predict/image: "
        "await file.read(), preprocess, ValueError becomes 422",
    ],
)
def create_app(rng):
    logits = np.log([1.0, 1, 3, 1, 1, 1, 1, 1, 1, 1])
    yield case("the example", np.zeros((28, 28), int), logits, "1", looks_at="json", weight=0)
    yield case("/predict: the answer", *visit(rng), looks_at="json")
    yield case("/predict: scores in the thousands", *visit(rng, 900), looks_at="json")
    yield case("/predict: what the model is given", *visit(rng), looks_at="json input")
    yield case("/predict/image: the answer", *visit(rng), looks_at="upload")
    yield case("/predict/image: what the model is given", *visit(rng), looks_at="upload input")
    yield case("/predict/image: bytes that are no picture", *visit(rng), looks_at="no picture")
    yield case("/predict: a row missing", *visit(rng), looks_at="wrong body")
    yield case("/predict: the model is busy", *visit(rng), looks_at="busy")
    yield case("/predict/image: the model is busy", *visit(rng), looks_at="busy upload")
    yield case("the model fails in another way", *visit(rng), looks_at="failing")
    yield case("three requests at once", *visit(rng), looks_at="at once")


def visit(rng, scale=1):
    """Pixels, logits with a clear winner that is not class 0, and a version: a number as text."""
    logits = rng.normal(size=10)
    logits[rng.integers(1, 10)] = logits.max() + rng.uniform(0.3, 2)
    return rng.integers(0, 200, size=(28, 28)), scale * logits, str(rng.integers(2, 60))


create_app.mistake(
    "Your confidence is a score. Softmax makes shares of scores.",
    replace=(
        "        shares = np.exp(logits - logits.max())\n        shares = shares / shares.sum()\n",
        "        shares = logits\n",
    ),
)
create_app.mistake(
    "Your shares do not sum to 1: divide by their sum.",
    replace=("        shares = shares / shares.sum()\n", ""),
)
create_app.mistake(
    "e to the power of 2000 is more than a number can hold. Subtract the largest score first.",
    replace=("np.exp(logits - logits.max())", "np.exp(logits)"),
)
create_app.mistake(
    "/predict gives the model bytes from 0 to 255, /predict/image numbers from 0 to 1. In training "
    "it was 0 to 1.",
    replace=("dtype=np.float32) / 255", "dtype=np.float32)"),
)
create_app.mistake(
    "The input of /predict is float64; the ONNX file takes float32.",
    replace=("dtype=np.float32) / 255", "dtype=np.float64) / 255"),
)
create_app.mistake(
    "Busy comes out as a 500, as if the service were broken. It is a 503 with Retry-After, and the "
    "value of a header is text: str(...).",
    replace=("except Busy as busy:", "except ZeroDivisionError as busy:"),
)
create_app.mistake(
    "Your 503 does not say when to try again: the header Retry-After is missing.",
    replace=(", headers=retry)", ")"),
)
create_app.mistake(
    "429 means that this client asks too often. A full queue is the service's own trouble: 503.",
    replace=("HTTPException(503", "HTTPException(429"),
)
NO_PICTURE = (
    "A file that is no picture is answered with a 500, as if the service had failed. The sender is "
    "wrong: catch the ValueError of preprocess and answer 422."
)
create_app.mistake(
    NO_PICTURE,
    replace=("except ValueError as error:", "except ZeroDivisionError as error:"),
)
create_app.mistake(
    NO_PICTURE,
    replace=("HTTPException(422", "HTTPException(500"),
)
create_app.mistake(
    "classify is async: without await you hold a promise, not logits.",
    replace=("await classify(picture)", "classify(picture)"),
)
create_app.mistake(
    "No picture reaches preprocess. The upload is a parameter file: UploadFile, and file.read() is "
    "async: without await you hold a promise, not bytes.",
    replace=("await file.read()", "file.read()"),
)
create_app.mistake(
    "The class is its number. Answer with its name, from CLASSES.",
    replace=("CLASSES[best]", "int(best)"),
)
create_app.mistake(
    "That is the class that the model likes least.",
    replace=("shares.argmax()", "shares.argmin()"),
)
create_app.mistake(
    "The answer does not say which version gave it; nobody could tell a bad one later.",
    replace=(', "version": version}\n\n    @app', "}\n\n    @app"),
)
create_app.mistake(
    "FastAPI cannot write a NumPy number as JSON: float(...) makes it a plain one.",
    replace=("float(shares[best])", "shares[best]"),
)


create_app.mistake(
    "Your 422 says next to nothing. preprocess has a sentence for the sender: pass it on.",
    replace=("HTTPException(422, str(error))", "HTTPException(422)"),
)
create_app.mistake(
    "add_operations is missing: it answers what doesn't fit with one sentence, and counts.",
    replace=("    add_operations(app, version)\n", ""),
)
create_app.mistake(
    "Every error of the model becomes a 503, as if waiting would help. Only Busy is one.",
    replace=(
        '        except Busy as busy:\n            retry = {"Retry-After": str(busy.retry_after)}',
        "        except Exception as busy:\n"
        '            retry = {"Retry-After": str(getattr(busy, "retry_after", 1))}',
    ),
)
create_app.mistake(
    "The try covers the model too, so its ValueError blames the sender, and strangers read it. "
    "Only preprocess belongs into it.",
    replace=(
        "            picture = preprocess(await file.read())\n"
        "        except ValueError as error:\n"
        "            raise HTTPException(422, str(error)) from None\n"
        "        return await answer(picture)\n",
        "            return await answer(preprocess(await file.read()))\n"
        "        except ValueError as error:\n"
        "            raise HTTPException(422, str(error)) from None\n",
    ),
)


@create_app.mistake(
    "Busy is a 503 on /predict only. What both paths share belongs into one inner function."
)
def create_app(classify, version):
    app = FastAPI(title="Clothes")
    add_operations(app, version)

    def answer(logits):
        shares = np.exp(logits - logits.max())
        shares = shares / shares.sum()
        best = shares.argmax()
        return {"class": CLASSES[best], "confidence": float(shares[best]), "version": version}

    @app.post("/predict")
    async def predict(request: PredictRequest):
        try:
            logits = await classify(np.array(request.pixels, dtype=np.float32) / 255)
        except Busy as busy:
            retry = {"Retry-After": str(busy.retry_after)}
            raise HTTPException(503, f"Try again later: {busy}.", headers=retry) from None
        return answer(logits)

    @app.post("/predict/image")
    async def predict_image(file: UploadFile):
        try:
            picture = preprocess(await file.read())
        except ValueError as error:
            raise HTTPException(422, str(error)) from None
        return answer(await classify(picture))

    return app


@create_app.mistake(
    "One request at a time: a lock, or a loop of its own, makes everyone wait for everyone. Let "
    "each await its own answer."
)
def create_app(classify, version):
    app = FastAPI(title="Clothes")
    add_operations(app, version)
    lock = asyncio.Lock()

    async def answer(picture):
        async with lock:
            try:
                logits = await classify(picture)
            except Busy as busy:
                retry = {"Retry-After": str(busy.retry_after)}
                raise HTTPException(503, f"Try again later: {busy}.", headers=retry) from None
        shares = np.exp(logits - logits.max())
        shares = shares / shares.sum()
        best = int(shares.argmax())
        return {"class": CLASSES[best], "confidence": float(shares[best]), "version": version}

    @app.post("/predict")
    async def predict(request: PredictRequest):
        return await answer(np.array(request.pixels, dtype=np.float32) / 255)

    @app.post("/predict/image")
    async def predict_image(file: UploadFile):
        try:
            picture = preprocess(await file.read())
        except ValueError as error:
            raise HTTPException(422, str(error)) from None
        return await answer(picture)

    return app


@create_app.mistake("The app is not returned.")
def create_app(classify, version):
    app = FastAPI(title="Clothes")
    add_operations(app, version)


@create_app.mistake("/predict/image is missing: there is no function for that path.")
def create_app(classify, version):
    app = FastAPI(title="Clothes")
    add_operations(app, version)

    @app.post("/predict")
    async def predict(request: PredictRequest):
        try:
            logits = await classify(np.array(request.pixels, dtype=np.float32) / 255)
        except Busy as busy:
            retry = {"Retry-After": str(busy.retry_after)}
            raise HTTPException(503, f"Try again later: {busy}.", headers=retry) from None
        shares = np.exp(logits - logits.max())
        shares = shares / shares.sum()
        best = int(shares.argmax())
        return {"class": CLASSES[best], "confidence": float(shares[best]), "version": version}

    return app


@create_app.alternative(
    "torch's softmax, JSONResponse for errors, a router, pictures as (1, 28, 28)"
)
def create_app(classify, version):
    from fastapi import APIRouter, Request
    from fastapi.responses import JSONResponse

    app = FastAPI()
    add_operations(app, version)
    router = APIRouter(prefix="/predict")

    @app.exception_handler(Busy)
    async def busy(request: Request, error: Busy):
        return JSONResponse(
            {"detail": "We are full at the moment."},
            503,
            headers={"retry-after": f"{error.retry_after}"},
        )

    async def tell(picture):
        shares = torch.softmax(torch.tensor(np.array(await classify(picture))), 0)
        share, best = shares.max(0)
        return {
            "version": version,
            "confidence": round(share.item(), 4),
            "class": CLASSES[best],
            "all": shares.tolist(),
        }

    @router.post("")
    async def from_json(body: PredictRequest):
        return await tell((np.asarray(body.pixels) / 255).astype(np.float32))

    @router.post("/image")
    async def from_file(file: UploadFile):
        content = await file.read()
        try:
            picture = preprocess(content)
        except ValueError:
            return JSONResponse({"detail": "Send a PNG or a JPEG, please."}, 415)
        return await tell(picture)

    app.include_router(router)
    return app


# --- MicroBatcher --------------------------------------------------------------------------------


@exercise(
    points=4,
    compare=close(),
    minutes=50,
    hints=[
        "Who knows when a picture's row is there: the caller, or the worker? What do they share?",
        "predict returns one row; collect a list of pairs; work and close return nothing.",
        "predict: refuse if closing or full; start the worker; future into the queue; await it. "
        "collect: get one; until full or the deadline: get with wait_for. work: for ever: collect, "
        "stack, infer, a row for each future that is not done, task_done for each. close: "
        "closing, join the queue, cancel the worker",
    ],
)
def MicroBatcher(rng):
    pictures = 1.0 + np.arange(24).reshape(4, 2, 3)
    yield case("the example", pictures, 4, 0.5, 64, 2.0, looks_at="rows", weight=0)
    yield case("predict: each caller gets its own row", *scene(rng, 7), looks_at="rows")
    yield case("predict: refused when the queue is full", *scene(rng, 40), looks_at="crowd")
    yield case("predict: a caller that gives up", *scene(rng, 20), looks_at="hang up")
    yield case("collect: one picture alone", *scene(rng, 1), looks_at="alone")
    yield case("collect: a full batch does not wait", *scene(rng, 9), looks_at="full")
    yield case("collect: company within max_wait", *scene(rng, 9), looks_at="company")
    yield case("collect: company after a pause", *scene(rng, 9), looks_at="after a pause")
    yield case("collect: no batch above max_batch", *scene(rng, 17), looks_at="sizes")
    yield case("work: one batch at a time, and on", *scene(rng, 17), looks_at="later")
    yield case("work: the model fails once", *scene(rng, 20), looks_at="an error")
    yield case(
        "work: the model fails, a caller is gone",
        *scene(rng, 20),
        looks_at="an error and a hang up",
    )
    yield case("close: what was accepted is answered", *scene(rng, 20), looks_at="close")
    yield case("close: after callers gave up", *scene(rng, 20), looks_at="close after hang ups")
    yield case("close: before anyone called", *scene(rng, 9), looks_at="unused")
    yield case("close: what is new is refused", *scene(rng, 20), looks_at="closed")


def scene(rng, count):
    """Pictures, max_batch, max_wait, max_queue, and the seconds of a call."""
    pictures = rng.normal(size=(count, 3, 2))
    max_batch = int(rng.integers(4, 7))
    max_queue = 4 * max_batch + 1  # so that a batch is left over that is not full
    max_wait, seconds = float(rng.integers(2, 6)) / 100, float(rng.integers(12, 20)) / 100
    return pictures, max_batch, max_wait, max_queue, seconds


NO_LIMIT = (
    "When max_queue requests wait, the next one is not refused: it queues too, or waits at the "
    "door. Raise Busy at once, so that the client can ask another copy of the service."
)
MicroBatcher.mistake(
    NO_LIMIT,
    replace=("        if self.waiting.qsize() >= self.max_queue:\n            raise Busy()\n", ""),
)
MicroBatcher.mistake(
    "One too many may wait: at max_queue the queue is full.",
    replace=("qsize() >= self.max_queue", "qsize() > self.max_queue"),
)
MicroBatcher.mistake(
    NO_LIMIT,
    replace=(
        "            raise Busy()\n",
        "            while self.waiting.qsize() >= self.max_queue:\n"
        "                await asyncio.sleep(0.01)\n",
    ),
)
MicroBatcher.mistake(
    "A picture alone waits for company for ever: there is no deadline.",
    replace=(
        "await asyncio.wait_for(self.waiting.get(), deadline - now())",
        "await self.waiting.get()",
    ),
)
MicroBatcher.mistake(
    "The clock begins anew with each picture, so a slow trickle keeps the first one waiting. The "
    "deadline is set once.",
    replace=("deadline - now()", "self.max_wait"),
)
MicroBatcher.mistake(
    "Your batch grows beyond max_batch.",
    replace=("while len(batch) < self.max_batch:", "while True:"),
)
MicroBatcher.mistake(
    "Each batch holds a single picture: nothing is gained.",
    replace=("while len(batch) < self.max_batch:", "while False:"),
)
MicroBatcher.mistake(
    "A caller that gave up has a cancelled future, and to set a result there raises and ends the "
    "worker. Ask done() first.",
    replace=(
        "if not answer.done():\n                        answer.set_result(rows[number])",
        "answer.set_result(rows[number])",
    ),
)
MicroBatcher.mistake(
    "A caller that gave up has a cancelled future, and set_exception raises there as set_result "
    "does: the worker ends. Ask done() there too.",
    replace=(
        "if not answer.done():\n                        answer.set_exception(error)",
        "answer.set_exception(error)",
    ),
)
HAND_OUT = """            except Exception as error:
                for _, answer in batch:
                    if not answer.done():
                        answer.set_exception(error)
            else:
                for number, (_, answer) in enumerate(batch):
                    if not answer.done():
                        answer.set_result(rows[number])
"""
MicroBatcher.mistake(
    "Handing out a row to a caller that gave up raises, and the callers after it get that error. "
    "Ask done() before set_result.",
    replace=(
        HAND_OUT,
        """                for number, (_, answer) in enumerate(batch):
                    answer.set_result(rows[number])
            except Exception as error:
                for _, answer in batch:
                    if not answer.done():
                        answer.set_exception(error)
""",
    ),
)
MicroBatcher.mistake(
    "Who gave up is left out after the model ran, so the rows slip: callers get the row of "
    "somebody else's picture. Leave out before, or skip at the end.",
    replace=(
        HAND_OUT,
        """            except Exception as error:
                for _, answer in batch:
                    if not answer.done():
                        answer.set_exception(error)
            else:
                answers = [answer for _, answer in batch if not answer.done()]
                for number, answer in enumerate(answers):
                    answer.set_result(rows[number])
""",
    ),
)
MicroBatcher.mistake(
    "Who gave up is left out, and task_done() with it: close waits for ever. It belongs to each "
    "picture that came out of the queue.",
    replace=(
        "            batch = await self.collect()\n",
        "            batch = [item for item in await self.collect() if not item[1].done()]\n"
        "            if not batch:\n                continue\n",
    ),
)
MicroBatcher.mistake(
    "Before the first request there is no worker, and nothing to cancel: ask.",
    replace=(
        "        if self.worker is not None:\n            self.worker.cancel()\n",
        "        self.worker.cancel()\n",
    ),
)
MicroBatcher.mistake(
    "close awaits the worker that it cancelled, and CancelledError comes out of it. To cancel is "
    "enough.",
    replace=(
        "            self.worker.cancel()\n",
        "            self.worker.cancel()\n            await self.worker\n",
    ),
)
MicroBatcher.mistake(
    "closing is set only when the queue is done: whoever comes in between is still taken.",
    replace=(
        "        self.closing = True\n        await self.waiting.join()\n",
        "        await self.waiting.join()\n        self.closing = True\n",
    ),
)
MicroBatcher.mistake(
    "The deadline is set before the first picture is there. After a pause it is long past, and "
    "nobody gets company.",
    replace=(
        "        batch = [await self.waiting.get()]\n"
        "        now = asyncio.get_running_loop().time\n"
        "        deadline = now() + self.max_wait\n",
        "        now = asyncio.get_running_loop().time\n"
        "        deadline = now() + self.max_wait\n"
        "        batch = [await self.waiting.get()]\n",
    ),
)
MicroBatcher.mistake(
    "shield keeps a get alive whose time is up, and it takes the next picture away from you. "
    "wait_for without shield ends it.",
    replace=(
        "asyncio.wait_for(self.waiting.get(), deadline",
        "asyncio.wait_for(asyncio.shield(self.waiting.get()), deadline",
    ),
)
MicroBatcher.mistake(
    "infer takes one array, and you hand it a list of pictures: np.stack makes one.",
    replace=("np.stack([picture for picture, _ in batch])", "[picture for picture, _ in batch]"),
)
MicroBatcher.mistake(
    "The model's error ends the worker, and everyone after waits for ever. Catch it, and hand it "
    "to the callers of that batch.",
    replace=("except Exception as error:", "except ZeroDivisionError as error:"),
)
MicroBatcher.mistake(
    "The model's error is swallowed: the callers of that batch wait for ever.",
    replace=("answer.set_exception(error)", "pass"),
)
MicroBatcher.mistake(
    "close cancels the worker at once: accepted requests are dropped. Wait for the queue first.",
    replace=("        await self.waiting.join()\n", ""),
)
MicroBatcher.mistake(
    "While it closes, new requests are still taken. Nobody will answer the last of them.",
    replace=("        self.closing = True\n", ""),
)
MicroBatcher.mistake(
    "The worker still runs after close.",
    replace=("        if self.worker is not None:\n            self.worker.cancel()\n", ""),
)
NEVER_DONE = (
    "close waits for ever: join returns when task_done() was called once for each picture that was "
    "put into the queue, and you call it too seldom."
)
MicroBatcher.mistake(
    NEVER_DONE,
    replace=("            for _ in batch:\n                self.waiting.task_done()\n", ""),
)
MicroBatcher.mistake(
    NEVER_DONE,
    replace=(
        "            for _ in batch:\n                self.waiting.task_done()\n",
        "            self.waiting.task_done()\n",
    ),
)
MicroBatcher.mistake(
    "Every caller gets the first row. Row and future belong together: zip.",
    replace=("answer.set_result(rows[number])", "answer.set_result(rows[0])"),
)
MicroBatcher.mistake(
    "Every caller starts a worker of its own, so several batches are in the model at once.",
    replace=(
        "        if self.worker is None:\n            self.worker",
        "        if True:\n            self.worker",
    ),
)
MicroBatcher.mistake(
    "collect and infer are async: without await you hold a promise, not a batch, not rows.",
    replace=("rows = await self.infer(", "rows = self.infer("),
)
MicroBatcher.mistake(
    "The caller gets the future itself. await it.",
    replace=("return await answer", "return answer"),
)
MicroBatcher.mistake(
    "No worker is ever started, so nobody takes pictures from the queue.",
    replace=(
        "if self.worker is None:\n            self.worker = asyncio.create_task(self.work())",
        "pass",
    ),
)


# The worker awaited in predict looks the same from outside: nobody is ever answered.
MicroBatcher.mistake(
    "Nobody is ever answered. Is something put into the queue (put without await puts nothing; "
    "put_nowait needs none)? And does the worker run beside predict (create_task), not before it?",
    replace=("put_nowait((picture, answer))", "put((picture, answer))"),
)
MicroBatcher.mistake(
    "The worker ends after its first batch. It works for ever, until close cancels it.",
    replace=("while True:\n            batch = await", "if True:\n            batch = await"),
)
MicroBatcher.mistake(
    "get_nowait raises QueueEmpty when nothing is there yet. Await get, with what is left of the "
    "time.",
    replace=(
        "await asyncio.wait_for(self.waiting.get(), deadline - now())",
        "self.waiting.get_nowait()",
    ),
)
MicroBatcher.mistake(
    "Every caller gets the rows of the whole batch. Row and future have the same number.",
    replace=("answer.set_result(rows[number])", "answer.set_result(rows)"),
)
MicroBatcher.mistake(
    "The queue is empty as soon as its last batch is taken out, before that batch is answered. "
    "join waits until it is.",
    replace=(
        "await self.waiting.join()",
        "while not self.waiting.empty():\n            await asyncio.sleep(0.001)",
    ),
)

COLLECT = """        now = asyncio.get_running_loop().time
        deadline = now() + self.max_wait
        while len(batch) < self.max_batch:
            try:
                batch.append(await asyncio.wait_for(self.waiting.get(), deadline - now()))
            except TimeoutError:
                break
"""
TAKE = """        while len(batch) < self.max_batch and not self.waiting.empty():
            batch.append(self.waiting.get_nowait())
"""
MicroBatcher.mistake(
    "collect takes what is there and lets nobody join: get_nowait does not wait, and time.sleep "
    "stops the event loop. Wait with await.",
    replace=(COLLECT, "        time.sleep(self.max_wait)\n" + TAKE),
)
MicroBatcher.mistake(
    "collect sleeps for max_wait even when the batch is full already. Stop waiting then.",
    replace=(COLLECT, "        await asyncio.sleep(self.max_wait)\n" + TAKE),
)


@MicroBatcher.alternative("a list, a condition and asyncio.timeout instead of a queue")
class MicroBatcher:
    def __init__(self, infer, max_batch, max_wait, max_queue):
        self.infer, self.max_batch = infer, max_batch
        self.max_wait, self.max_queue = max_wait, max_queue
        self.line, self.closed, self.unanswered = [], False, 0
        self.changed = asyncio.Condition()
        self.worker = None

    async def predict(self, picture):
        if self.closed or len(self.line) >= self.max_queue:
            raise Busy("no room")
        if self.worker is None:
            self.worker = asyncio.ensure_future(self.work())
        row = asyncio.get_event_loop().create_future()
        self.line.append((picture, row))
        self.unanswered += 1
        async with self.changed:
            self.changed.notify_all()
        return await row

    async def collect(self):
        async with self.changed:
            await self.changed.wait_for(lambda: self.line)
            try:
                async with asyncio.timeout(self.max_wait):
                    await self.changed.wait_for(lambda: len(self.line) >= self.max_batch)
            except TimeoutError:
                pass
        batch, self.line = self.line[: self.max_batch], self.line[self.max_batch :]
        return batch

    async def work(self):
        while True:
            batch = await self.collect()
            pictures, rows = zip(*batch)  # noqa: B905
            try:
                results = await self.infer(np.array(pictures))
            except Exception as error:
                results = [error] * len(batch)
            for row, result in zip(rows, results):  # noqa: B905
                if row.cancelled():
                    continue
                if isinstance(result, Exception):
                    row.set_exception(result)
                else:
                    row.set_result(result)
            self.unanswered -= len(batch)
            async with self.changed:
                self.changed.notify_all()

    async def close(self):
        self.closed = True
        async with self.changed:
            await self.changed.wait_for(lambda: self.unanswered == 0)
        if self.worker:
            self.worker.cancel()


@MicroBatcher.alternative("a worker with a sentinel, and gather at the end")
class MicroBatcher:
    def __init__(self, infer, max_batch, max_wait, max_queue):
        self.infer, self.size, self.patience, self.room = infer, max_batch, max_wait, max_queue
        self.max_batch, self.max_wait, self.max_queue = max_batch, max_wait, max_queue
        self.inbox = asyncio.Queue()
        self.open = True
        self.worker = None

    async def predict(self, picture):
        if not self.open:
            raise Busy("closed")
        if self.inbox.qsize() >= self.room:
            raise Busy("full", retry_after=2)
        self.worker = self.worker or asyncio.create_task(self.work())
        slot = asyncio.Future()
        await self.inbox.put((picture, slot))
        return await slot

    async def collect(self):
        batch = [await self.inbox.get()]
        if batch[0] is None:
            return batch
        loop = asyncio.get_running_loop()
        end = loop.time() + self.patience
        while len(batch) < self.size and batch[-1] is not None:
            try:
                batch.append(await asyncio.wait_for(self.inbox.get(), end - loop.time()))
            except asyncio.TimeoutError:
                return batch
        return batch

    async def work(self):
        while True:
            batch = await self.collect()
            last = batch[-1] is None
            batch = [item for item in batch if item is not None]
            if batch:
                try:
                    rows = await self.infer(np.stack([item[0] for item in batch]))
                except Exception as error:
                    [item[1].set_exception(error) for item in batch if not item[1].done()]
                else:
                    for n, (_, slot) in enumerate(batch):
                        slot.cancelled() or slot.set_result(rows[n])
            if last:
                return

    async def close(self):
        self.open = False
        if self.worker:
            self.inbox.put_nowait(None)
            await self.worker


# --- choose_version ------------------------------------------------------------------------------


@exercise(
    points=2,
    compare=law(laws.choose_version),
    minutes=15,
    hints=[
        "What about a user never changes, and can be turned into a number between 0 and 1?",
        'The text "stable" or the text "canary".',
        "enough requests and too large a share of errors: stable. place = four bytes of the user's "
        "hash as a number, over 2 to the 32; canary when the place is below share",
    ],
)
def choose_version(rng):
    calm = {"errors": 1, "requests": int(rng.integers(400, 500))}
    seeds = [int(seed) for seed in rng.integers(1, 10**6, size=10)]
    share = float(rng.uniform(0.2, 0.4))
    yield case(
        "the example", 1, 200, share=0.5, errors=40, requests=200, looks_at="rollback", weight=0
    )
    yield case("the canary's share", seeds[0], 1200, share=share, **calm, looks_at="share")
    yield case("a small share", seeds[1], 1200, share=share / 4, **calm, looks_at="share")
    yield case("some requests later", seeds[8], 400, share=share, **calm, looks_at="later")
    none = {"errors": 0, "requests": 0}
    yield case("before the first request", seeds[9], 400, share=share, **none, looks_at="share")
    yield case("a larger share", seeds[2], 1200, share=share, **calm, looks_at="a larger share")
    yield case("nobody", seeds[3], 200, share=0.0, **calm, looks_at="share", weight=0)
    yield case("everybody", seeds[4], 200, share=1.0, **calm, looks_at="share")
    requests = int(rng.integers(3, 9)) * 50
    bad = {"errors": requests * 2 // 100 + 1, "requests": requests}
    yield case("too many errors", seeds[5], 400, share=share, **bad, looks_at="rollback")
    edge = {"errors": requests * 2 // 100, "requests": requests}
    yield case("as many errors as may be", seeds[6], 400, share=share, **edge, looks_at="share")
    few = {"errors": int(rng.integers(40, 90)), "requests": 99}
    yield case("too few requests to tell", seeds[7], 400, share=share, **few, looks_at="share")
    enough = {"errors": int(rng.integers(40, 90)), "requests": 100}
    yield case(
        "just enough requests",
        seeds[7],
        900,
        share=share,
        **enough,
        looks_at="rollback",
    )


PLACE = 'int.from_bytes(hashlib.sha256(user.encode()).digest()[:4], "big") / 2**32'

choose_version.mistake(
    "A coin toss for each request: the user meets both models in turn. Derive it from the user.",
    replace=(PLACE, "np.random.random()"),
)
choose_version.mistake(
    "Python's hash of a text differs from process to process: each restart deals users anew.",
    replace=(PLACE, "hash(user) % 1000 / 1000"),
)
choose_version.mistake(
    "The share goes into the hash, so each new share deals the users anew. Hash the user alone.",
    replace=("user.encode()", 'f"{user} {share}".encode()'),
)
choose_version.mistake(
    "What the canary has answered goes into the hash, so a user changes sides with each request. "
    "Hash the user alone.",
    replace=("user.encode()", 'f"{user} {requests}".encode()'),
)
choose_version.mistake(
    "At the start the canary has answered nothing, and you divide by zero. Ask for MIN_REQUESTS "
    "first.",
    replace=(
        "requests >= MIN_REQUESTS and errors / requests > MAX_ERROR_SHARE",
        "errors / requests > MAX_ERROR_SHARE and requests >= MIN_REQUESTS",
    ),
)
choose_version.mistake(
    "Stable and canary have changed places.",
    replace=('"canary" if place < share else "stable"', '"stable" if place < share else "canary"'),
)
choose_version.mistake(
    "There is no rollback: users keep meeting a version that fails.",
    replace=("if requests >= MIN_REQUESTS and", "if False and"),
)
choose_version.mistake(
    "You roll back on the first errors. With fewer than MIN_REQUESTS requests, one error is a "
    "large share by chance.",
    replace=("requests >= MIN_REQUESTS and", "requests and"),
)
choose_version.mistake(
    "You compare the number of errors with a share. Divide by the requests.",
    replace=("errors / requests >", "errors >"),
)
choose_version.mistake(
    "At exactly MAX_ERROR_SHARE the canary stays: more than, not at least.",
    replace=("errors / requests > MAX", "errors / requests >= MAX"),
)
choose_version.mistake(
    "A rollback sends everyone to stable, and yours to the canary.",
    replace=('        return "stable"\n', '        return "canary"\n'),
)
choose_version.mistake(
    "share goes from 0 to 1; you read it as percent.",
    replace=("place < share else", "place < share / 100 else"),
)
choose_version.mistake(
    "Your number is far above 1, so nobody gets the canary: four bytes of the hash, over 2 to the "
    "32.",
    replace=(".digest()[:4]", ".digest()"),
)
choose_version.equivalent(
    "place < share", "place <= share", why="no user's place is exactly the share"
)


@choose_version.alternative("buckets of a checksum")
def choose_version(user, share, errors, requests):
    import zlib

    if requests < MIN_REQUESTS or errors <= MAX_ERROR_SHARE * requests:
        bucket = zlib.crc32(user.encode()) % 10_000
        if bucket < share * 10_000:
            return "canary"
    return "stable"


# --- dockerfile ----------------------------------------------------------------------------------


@exercise(
    points=2,
    compare=law(laws.dockerfile),
    symbols=["dockerfile", "compose"],
    minutes=30,
    hints=[
        "In which order do the parts change: the base, the packages, your code?",
        "dockerfile returns a text with one instruction a line; compose a dict with services.",
        "FROM; WORKDIR; COPY requirements.txt; RUN pip install; COPY the three files; RUN useradd; "
        "USER; HEALTHCHECK CMD; CMD as a list. An f-string puts base and port in",
    ],
)
def dockerfile(rng):
    given = {"base": "python:3.12.8-slim", "port": 8000, "images": ["clothes:1", "clothes:2"]}
    yield case("the example", **given, looks_at="base", weight=0)
    for name, looks_at in (
        ("the base", "base"),
        ("only what is needed", "files"),
        ("packages before code", "order"),
        ("not as root", "user"),
        ("its health", "health"),
        ("how it starts", "start"),
        ("compose: images", "compose images"),
        ("compose: ports", "compose ports"),
    ):
        yield case(name, **drawn(rng), looks_at=looks_at)


def drawn(rng):
    """A base, a port, and the names of two images."""
    minor, patch = int(rng.integers(11, 14)), int(rng.integers(0, 9))
    first, last = (int(n) for n in rng.integers(1, 9, size=2))
    images = [f"shop/clothes:1.{first}", f"shop/clothes:2.{last}"]
    base, port = f"python:3.{minor}.{patch}-slim", int(rng.integers(5001, 9900))
    return {"base": base, "port": port, "images": images}


dockerfile.mistake(
    "The base is whatever is newest on the day of building. Start from the one that was given.",
    replace=("FROM {base}", "FROM python:latest"),
)
dockerfile.mistake(
    "COPY . takes the whole folder, with whatever secrets lie in it, and installs everything again "
    "after each change. Copy by name, requirements.txt first.",
    replace=(
        "COPY requirements.txt .\nRUN pip install --no-cache-dir -r requirements.txt\n"
        "COPY app.py operations.py model.onnx ./\n",
        "COPY . .\nRUN pip install --no-cache-dir -r requirements.txt\n",
    ),
)
dockerfile.mistake(
    "COPY . takes the whole folder, with whatever secrets lie in it. Copy the three files by name.",
    replace=("COPY app.py operations.py model.onnx ./", "COPY . ."),
)
dockerfile.mistake(
    "operations.py is missing in the image, so app.py cannot be imported.",
    replace=("COPY app.py operations.py model.onnx ./", "COPY app.py model.onnx ./"),
)
dockerfile.mistake(
    "The code is copied before the packages are installed: each changed line installs all again.",
    replace=(
        "COPY requirements.txt .\nRUN pip install --no-cache-dir -r requirements.txt\n"
        "COPY app.py operations.py model.onnx ./\n",
        "COPY requirements.txt app.py operations.py model.onnx ./\n"
        "RUN pip install --no-cache-dir -r requirements.txt\n",
    ),
)
dockerfile.mistake(
    "The service runs as root: whoever breaks in owns the container. USER names another.",
    replace=("USER serve\n", ""),
)
dockerfile.mistake(
    "USER names someone who does not exist: a RUN useradd before it makes the user.",
    replace=("RUN useradd --system serve\n", ""),
)
dockerfile.mistake(
    "requirements.txt is installed before it is there: COPY first.",
    replace=(
        "COPY requirements.txt .\nRUN pip install --no-cache-dir -r requirements.txt\n",
        "RUN pip install --no-cache-dir -r requirements.txt\nCOPY requirements.txt .\n",
    ),
)
dockerfile.mistake(
    "Several files go into a folder, and a folder ends with a slash: engines refuse the line.",
    replace=("model.onnx ./", "model.onnx /service"),
)
dockerfile.mistake(
    "The image is built from inside the folder service/: its files have no folder in front.",
    replace=(
        "COPY app.py operations.py model.onnx",
        "COPY service/app.py operations.py model.onnx",
    ),
)
dockerfile.mistake(
    "app.py lies in one folder and uvicorn starts in another, where it finds no app.",
    replace=("model.onnx ./", "model.onnx /srv/"),
)
dockerfile.mistake(
    "Nothing asks the service whether it is well: HEALTHCHECK is missing.",
    replace=("""HEALTHCHECK CMD ["python", "-c", "{ask}"]\n""", ""),
)
dockerfile.mistake(
    "HEALTHCHECK uses curl, which a slim image does not have: it would always say unhealthy.",
    replace=(
        """HEALTHCHECK CMD ["python", "-c", "{ask}"]""",
        "HEALTHCHECK CMD curl -f http://127.0.0.1:{port}/healthz",
    ),
)
dockerfile.mistake(
    "CMD is a plain line, so a shell stands between the service and the signal to stop, and "
    "accepted requests are lost. Write a list.",
    replace=("CMD {json.dumps(start)}", "CMD {' '.join(start)}"),
)
dockerfile.mistake(
    "str() of a list has single quotes, and CMD wants JSON: json.dumps(...), or double quotes.",
    replace=("CMD {json.dumps(start)}", "CMD {start}"),
)
dockerfile.mistake(
    "127.0.0.1 inside a container is the container alone. --host 0.0.0.0 hears calls from outside.",
    replace=('"0.0.0.0"', '"127.0.0.1"'),
)
dockerfile.mistake(
    "The port is always 8000. It was given: an f-string puts it in.",
    replace=('"--port", str(port)', '"--port", "8000"'),
)
dockerfile.mistake(
    "The ports are open to everyone who can reach this machine. 127.0.0.1 goes in front.",
    replace=("127.0.0.1:{outside}:{port}", "{outside}:{port}"),
)
dockerfile.mistake(
    "Inside and outside have changed places: address:outside:inside.",
    replace=("{outside}:{port}", "{port}:{outside}"),
)
dockerfile.mistake(
    "Both versions run the same image.",
    replace=('("canary", canary, port + 1)', '("canary", stable, port + 1)'),
)
dockerfile.mistake(
    "Both versions want the same port of this machine; the second could not start.",
    replace=('("canary", canary, port + 1)', '("canary", canary, port)'),
)


STAGES = r'''
def dockerfile(base, port):
    return f"""
# syntax=docker/dockerfile:1
FROM {base}@sha256:0123456789abcdef AS packages
COPY ./requirements.txt /tmp/requirements.txt
RUN python -m venv /opt/venv \\
    && /opt/venv/bin/pip install \\
       -r /tmp/requirements.txt

from {base} as service
ENV PATH=/opt/venv/bin:$PATH
WORKDIR /srv
COPY --from=packages /opt/venv /opt/venv
COPY --chown=10001 ["app.py", "operations.py", "./"]
COPY model.onnx model.onnx
USER 10001:10001
EXPOSE {port}
HEALTHCHECK --interval=10s --timeout=3s \\
  CMD python -c "import urllib.request; urllib.request.urlopen('http://localhost:{port}/readyz')"
ENTRYPOINT ["python", "-m", "uvicorn", "app:app"]
CMD ["--host=0.0.0.0", "--port={port}"]
"""


def compose(stable, canary, port):
    both = {"restart": "unless-stopped"}
    return {
        "services": {
            "canary": {**both, "image": canary, "ports": [f"127.0.0.1:{port + 1}:{port}"]},
            "stable": {**both, "image": stable, "ports": [f"127.0.0.1:{port}:{port}"]},
        }
    }
'''.lstrip()
dockerfile.alternatives.append(
    Variant("two stages, an ENTRYPOINT, a digest, a user by number", source=STAGES)
)
