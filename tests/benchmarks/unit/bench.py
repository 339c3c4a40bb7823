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
# # 90 · A notebook to measure graders with
#
# Six exercises on torch, tested by plain asserts, so that any grader can run it.

# %%
import torch

# %% [markdown]
# ### Exercise 1 · relu · 3 points · 5 min


# %% exercise="relu"
def relu(x):
    ### BEGIN SOLUTION
    return torch.clamp(torch.as_tensor(x), min=0)
    ### END SOLUTION


# %% check="relu"
assert relu(torch.tensor([-1.0, 2.0])).tolist() == [0.0, 2.0]
assert relu(torch.zeros(3, 5)).shape == (3, 5)

# %% [markdown]
# ### Exercise 2 · softmax · 4 points · 5 min


# %% exercise="softmax"
def softmax(logits):
    ### BEGIN SOLUTION
    logits = torch.as_tensor(logits)
    powers = torch.exp(logits - logits.max(dim=1, keepdim=True).values)
    return powers / powers.sum(dim=1, keepdim=True)
    ### END SOLUTION


# %% check="softmax"
assert torch.allclose(softmax(torch.randn(3, 5)).sum(dim=1), torch.ones(3))
assert torch.isfinite(softmax(torch.full((2, 4), 1000.0))).all()

# %% [markdown]
# ### Exercise 3 · linear · 3 points · 5 min


# %% exercise="linear"
def linear(x, weights, bias):
    ### BEGIN SOLUTION
    x, weights, bias = map(torch.as_tensor, (x, weights, bias))
    return x @ weights + bias
    ### END SOLUTION


# %% check="linear"
x, w, b = torch.randn(4, 3), torch.randn(3, 2), torch.randn(2)
assert torch.allclose(linear(x, w, b), torch.nn.functional.linear(x, w.T, b), atol=1e-6)

# %% [markdown]
# ### Exercise 4 · mse · 3 points · 5 min


# %% exercise="mse"
def mse(predicted, target):
    ### BEGIN SOLUTION
    return ((torch.as_tensor(predicted) - torch.as_tensor(target)) ** 2).mean()
    ### END SOLUTION


# %% check="mse"
assert mse(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0])) == 2

# %% [markdown]
# ### Exercise 5 · sgd_step · 4 points · 5 min


# %% exercise="sgd_step"
def sgd_step(weights, gradient, learning_rate):
    ### BEGIN SOLUTION
    return torch.as_tensor(weights) - learning_rate * torch.as_tensor(gradient)
    ### END SOLUTION


# %% check="sgd_step"
assert sgd_step(torch.ones(2), torch.ones(2), 0.5).tolist() == [0.5, 0.5]

# %% [markdown]
# ### Exercise 6 · accuracy · 3 points · 5 min


# %% exercise="accuracy"
def accuracy(logits, labels):
    ### BEGIN SOLUTION
    right = torch.as_tensor(logits).argmax(dim=1) == torch.as_tensor(labels)
    return right.double().mean()
    ### END SOLUTION


# %% check="accuracy"
assert accuracy(torch.eye(4), torch.tensor([0, 1, 2, 0])) == 0.75

# %% [markdown]
# ## A demonstration
#
# A grader that runs the whole notebook runs these too.

# %% tags=["demo"]
data = torch.randn(64, 3)
target = data @ torch.tensor([1.0, -2.0, 0.5])

# %% tags=["demo"]
weights = torch.zeros(3)
for _ in range(50):
    error = data @ weights - target
    weights = sgd_step(weights, data.T @ error / len(data), 0.1)
print(f"error {mse(data @ weights, target):.4f}")

# %% tags=["demo"]
print(accuracy(torch.randn(8, 3), torch.zeros(8, dtype=torch.long)).item() <= 1)

# %% [markdown]
# The end.
