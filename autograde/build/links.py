"""Where the course is published: the one setting that every badge and link is made from."""

REPOSITORY = "chainrule-course/chainrule"
BRANCH = "main"


def badges(folder: str, name: str) -> str:
    """The Colab and Binder badges of a unit's notebook, as Markdown."""
    path = f"course/{folder}/{name}.ipynb"
    colab = f"https://colab.research.google.com/github/{REPOSITORY}/blob/{BRANCH}/{path}"
    binder = f"https://mybinder.org/v2/gh/{REPOSITORY}/{BRANCH}?urlpath=lab/tree/{path}"
    return (
        f"[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({colab}) "
        f"[![Open in Binder](https://mybinder.org/badge_logo.svg)]({binder})"
    )
