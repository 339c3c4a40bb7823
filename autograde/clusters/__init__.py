"""Settings to start workers for `chainrule grade` on other machines; see README.md."""
