"""Where the course is published: the one setting that every badge and link is made from."""

from urllib.parse import urlencode

REPOSITORY = "chainrule-course/chainrule"
BRANCH = "main"
HUB = ""  # a JupyterHub with nbgitpuller, "https://hub.example.edu"; empty: the reader names theirs
NBGITPULLER = "https://nbgitpuller.readthedocs.io/en/latest/link.html"


def badges(folder: str, name: str) -> str:
    """The Colab and Binder badges of a unit's notebook, as Markdown."""
    path = f"course/{folder}/{name}.ipynb"
    colab = f"https://colab.research.google.com/github/{REPOSITORY}/blob/{BRANCH}/{path}"
    binder = f"https://mybinder.org/v2/gh/{REPOSITORY}/{BRANCH}?urlpath=lab/tree/{path}"
    return (
        f"[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({colab}) "
        f"[![Open in Binder](https://mybinder.org/badge_logo.svg)]({binder}) "
        f"[Open on a JupyterHub]({jupyterhub(path)})"
    )


def jupyterhub(path: str) -> str:
    """The nbgitpuller link that fetches the course to a hub and opens `path`.

    Without a HUB it leads to nbgitpuller's own page, filled in but for the hub's address.
    """
    asked = {
        "repo": f"https://github.com/{REPOSITORY}",
        "branch": BRANCH,
        "urlpath": f"lab/tree/{REPOSITORY.rpartition('/')[2]}/{path}",
    }
    page = f"{HUB}/hub/user-redirect/git-pull" if HUB else NBGITPULLER
    return f"{page}?{urlencode(asked)}"
