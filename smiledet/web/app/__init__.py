"""The installable page that reads faces in the browser itself: static files, written by `smiledet web-app build`."""
