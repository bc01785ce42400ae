"""The targets of `smiledet bench`: one file each, imported when the command is.

A target has a docstring whose first line is its help, and four functions: `add_arguments` declares what it takes beyond
`--json`, `--output` and `--plots`, `check` refuses what makes no sense before anything is measured, `measure` returns
what goes into the JSON object, and `sections` yields its tables as `smiledet.report.Section` (title, header, rows).

One that takes long has `grow(arguments, begun)` instead of `measure`: it yields the result so far each time that more
is measured, the whole of it last, and `--output` keeps each. `begun` is what an interrupted run of the same command has
kept, or empty.

It may have more. `plots(result, folder)` draws into a folder that is there and yields the files that it wrote;
without it `--plots` draws nothing of that target. `remarks(result)` yields the sentences below the tables. The terminal
shows sections and remarks as text, `scripts/benchmark_table.py` makes Markdown of them; with --brief it takes
`brief(result)` where there is one, which yields fewer or smaller sections. All of them take the JSON object of that
target, read back from a file as well.
"""
