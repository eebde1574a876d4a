"""The page: everything the shell can do, for people who would rather look. `genstudio ui` opens it.

    serve.py     from the launcher's options to a page that is served
    guard.py     who is let in, beyond what Gradio sees to
    app.py       a tab per row of the table of tasks, Compare, Train and Models
    studio.py    what all tabs share: limits, jobs, sessions, where results can be sent
    widgets.py   an option -> its widget; the widgets' values -> the options
    weights.py   which models there are to choose from, and what is said of them
    jobs.py      one job on the device at a time, its progress and its end
    sessions.py  a session's files, and what may be read
    layout.py    the layout of tasks that answer a picture with a picture
    restore.py   their work: the shell's plan, batch and files
    examples.py  pictures to try a tab with
    tabs/        a tab a file: the tasks', compare, train and models
    runs.py      training in a process of its own, its folders and what they say
    recipes.py   what it is in the shell's words
    pictures/    examples and thumbnails of styles, written by make.py

In a checkout this folder lies beside the package `genstudio`, in a wheel inside it. Imports among these
modules are relative, so that tools which look at files find them in both.
"""
