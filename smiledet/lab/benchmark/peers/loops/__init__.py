"""What runs in a process a peer for `smiledet bench peers`, most of it under another interpreter.

No file here may bear the name of a package that a peer imports: this folder comes first where they look.
"""
