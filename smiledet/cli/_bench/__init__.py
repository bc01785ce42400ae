"""The targets of `smiledet bench`: one file each, imported when the command is.

A target has a docstring whose first line is its help, and four functions: `add_arguments` declares what it takes beyond
`--json`, `check` refuses what makes no sense before anything is measured, `measure` returns what goes into the JSON
object, and `tables` makes of that what is printed otherwise.
"""
