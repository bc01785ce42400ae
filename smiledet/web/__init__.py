"""The pages that smiledet serves: the photo gallery, and what guards them."""
